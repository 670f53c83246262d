//! Commitments to inputs and outputs, for receipts.

use std::collections::BTreeMap;

use agreement::{Commitment, Opening};
use schemes::{Plain, Wire};

/// A hiding commitment to each value, under fresh openings, which are not kept.
///
/// # Errors
/// Whatever `fresh` says when it has no randomness.
pub fn commitments<E>(
    values: &BTreeMap<String, Plain>,
    mut fresh: impl FnMut() -> Result<[u8; 32], E>,
) -> Result<BTreeMap<String, Commitment>, E> {
    let commit = |(name, value): (&String, &Plain)| {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        let opening = Opening::new(fresh()?);
        Ok((name.clone(), Commitment::new(&opening, name, value.dtype(), value.shape(), &bytes)))
    };
    values.iter().map(commit).collect()
}
