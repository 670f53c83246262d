//! The auditor's crate: types, shapes, placements, labels, trust, and what a computation discloses.
