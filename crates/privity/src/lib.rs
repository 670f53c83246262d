//! Compute on joint data so that each party learns exactly what all agreed to.
