//! A value as a player holds it during a run.

use schemes::Value;

/// A value, and the causal depth of the deepest message that it depends on.
pub(crate) struct Held {
    pub(crate) value: Value,
    pub(crate) depth: u32,
}
