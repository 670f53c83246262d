//! Commitments to inputs and outputs, for receipts.

use std::collections::BTreeMap;

use agreement::{Commitment, Opening};
use schemes::{Plain, Wire};

/// Commitments by name, each with the opening that shows later what was committed to. Openings belong to those who
/// may know the value; only the commitments go into a receipt.
pub type Commitments = BTreeMap<String, (Commitment, Opening)>;

/// A hiding commitment to each value, under a fresh opening.
///
/// # Errors
/// Whatever `fresh` says when it has no randomness.
pub fn commitments<E>(
    values: &BTreeMap<String, Plain>,
    mut fresh: impl FnMut() -> Result<[u8; 32], E>,
) -> Result<Commitments, E> {
    let commit = |(name, value): (&String, &Plain)| {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        let opening = Opening::new(fresh()?);
        let commitment = Commitment::new(&opening, name, value.dtype(), value.shape(), &bytes);
        Ok((name.clone(), (commitment, opening)))
    };
    values.iter().map(commit).collect()
}

/// The commitments alone: what others may see.
pub fn published(all: &Commitments) -> BTreeMap<String, Commitment> {
    all.iter().map(|(name, (commitment, _))| (name.clone(), *commitment)).collect()
}
