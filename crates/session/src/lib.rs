//! One run of one plan: projection, execution, keys, progress.
