//! A value as a player holds it during a run.

use std::borrow::Cow;
use std::sync::Arc;

use schemes::Value;

/// A value, and the causal depth of the deepest message that it depends on.
pub(crate) struct Held {
    pub(crate) value: Value,
    pub(crate) depth: u32,
}

/// The operands of one step. What no other step takes is given away, so that a kernel can let go of it early.
pub(crate) struct Operands {
    own: Vec<Option<Value>>,
    others: Vec<Option<Arc<Held>>>,
}

impl Operands {
    pub(crate) fn new(taken: impl IntoIterator<Item = Arc<Held>>) -> Self {
        let (own, others) = taken
            .into_iter()
            .map(|held| match Arc::try_unwrap(held) {
                Ok(held) => (Some(held.value), None),
                Err(held) => (None, Some(held)),
            })
            .unzip();
        Self { own, others }
    }

    /// The values, in order; those that are given away are gone afterwards.
    pub(crate) fn values(&mut self) -> Vec<Cow<'_, Value>> {
        let own = self.own.iter_mut().map(|value| value.take().map(Cow::Owned));
        let others = self.others.iter().map(|held| held.as_deref().map(|held| Cow::Borrowed(&held.value)));
        own.zip(others).filter_map(|(own, other)| own.or(other)).collect()
    }
}
