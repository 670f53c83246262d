//! The owners' log: approved reference values in an append-only Merkle log, and proofs that some are in it, which verify
//! offline (RFC 9162, section 2.1).
//!
//! The log shows every owner, later too, what machines were approved: nobody can have an approval used that the others
//! never see. Who keeps the log signs its head, and can be held to it by proofs of consistency.

use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::approval::{Approval, Approved, ReferenceValues};
use crate::bytes::{Hex, canonical_json};
use crate::error::{Error, Result};
use crate::merkle::{Log, Node, SignedHead, verify_consistency, verify_inclusion};
use crate::time::Time;

/// An entry: reference values with the approvals of all owners.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Entry {
    /// What was approved.
    pub values: ReferenceValues,
    /// By whom.
    pub approvals: Vec<Approval>,
}

impl Entry {
    /// The bytes that are in the log: canonical JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical_json(self)
    }
}

/// The log of these entries, in their order.
pub fn log_of(entries: &[Entry]) -> Log {
    let mut log = Log::new();
    for entry in entries {
        log.append(&entry.to_bytes());
    }
    log
}

/// Proof that an entry is in a log whose keeper signed its head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Inclusion {
    /// The entry.
    pub entry: Entry,
    /// Its place in the log.
    pub index: u64,
    /// The path from it to the root.
    pub path: Vec<Hex>,
    /// The head of the log.
    pub head: SignedHead,
    /// The keeper's Ed25519 key, whose fingerprint a verifier knows.
    pub keeper: Hex,
    /// That an earlier log is the beginning of this one, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Consistency>,
}

/// Proof that a log only appended to an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Consistency {
    /// Size of the earlier log.
    pub size: u64,
    /// The proof.
    pub path: Vec<Hex>,
}

impl Inclusion {
    /// Makes a proof for the entry at an index, and for the log of the first `since` entries where that is given.
    ///
    /// # Errors
    /// [`Error::Verifier`] if there are no such entries.
    pub fn prove(entries: &[Entry], index: u64, since: Option<u64>, at: Time, keeper: &SigningKey) -> Result<Self> {
        let absent = || Error::verifier("log", "has no such entry");
        let log = log_of(entries);
        let entry = usize::try_from(index).ok().and_then(|i| entries.get(i)).ok_or_else(absent)?;
        let since = since.map(|size| {
            let path = log.consistency_proof(size).ok_or_else(absent)?;
            Ok::<_, Error>(Consistency { size, path: path.into_iter().map(Hex::from).collect() })
        });
        Ok(Self {
            entry: entry.clone(),
            index,
            path: log.inclusion_proof(index).ok_or_else(absent)?.into_iter().map(Hex::from).collect(),
            head: SignedHead::sign(&log, at, keeper),
            keeper: keeper.verifying_key().to_bytes().into(),
            since: since.transpose()?,
        })
    }

    /// The values, if the keeper's log has them and each owner has approved them.
    ///
    /// # Errors
    /// [`Error::Signature`] for a head or approval that does not verify, [`Error::Verifier`] for an entry that is not in
    /// the log, or an owner who has not approved.
    pub fn verify(&self, keeper: &VerifyingKey, owners: &[VerifyingKey]) -> Result<Approved> {
        let root = self.head.verify(keeper)?;
        verify_inclusion(&self.entry.to_bytes(), self.index, self.head.size, &nodes(&self.path)?, &root)?;
        Approved::by_all(self.entry.values.clone(), owners, &self.entry.approvals)
    }

    /// Verifies that the log begins with all of an earlier one, whose head the same keeper signed.
    ///
    /// # Errors
    /// As [`verify`](Self::verify), and if no such proof is there.
    pub fn verify_since(&self, earlier: &SignedHead, keeper: &VerifyingKey) -> Result<()> {
        let missing =
            || Error::verifier("log", format!("no proof of what became of its first {} entries", earlier.size));
        let since = self.since.as_ref().filter(|since| since.size == earlier.size).ok_or_else(missing)?;
        let (first, second) = (earlier.verify(keeper)?, self.head.verify(keeper)?);
        verify_consistency((earlier.size, &first), (self.head.size, &second), &nodes(&since.path)?)
    }
}

fn nodes(path: &[Hex]) -> Result<Vec<Node>> {
    let malformed = |_| Error::malformed("Merkle proof", "a node of the wrong length");
    path.iter().map(|node| node.0.as_slice().try_into().map_err(malformed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Technology;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn entry(version: &str) -> Entry {
        let values = ReferenceValues {
            name: "trainer".into(),
            version: version.into(),
            source: Hex(vec![1; 32]),
            technology: Technology::Tdx,
            measurements: [("mrtd".to_owned(), vec![Hex(vec![7; 48])])].into(),
        };
        let approvals = [1, 2].map(|owner| Approval::sign(&values, &key(owner))).to_vec();
        Entry { values, approvals }
    }

    #[test]
    fn what_all_approved_is_proved_to_be_in_the_log_and_nothing_else_is() {
        let entries: Vec<Entry> = ["1", "2", "3", "4", "5"].map(entry).to_vec();
        let owners = [key(1).verifying_key(), key(2).verifying_key()];
        let keeper = key(9).verifying_key();
        let at = Time::from_unix(1_800_000_000);
        let earlier = SignedHead::sign(&log_of(&entries[..2]), at, &key(9));
        let proof = Inclusion::prove(&entries, 3, Some(2), at, &key(9)).unwrap();
        assert_eq!(proof.verify(&keeper, &owners).unwrap().values().version, "4");
        proof.verify_since(&earlier, &keeper).unwrap();
        let json = serde_json::to_string(&proof).unwrap();
        assert_eq!(serde_json::from_str::<Inclusion>(&json).unwrap(), proof);

        let refused = |change: &dyn Fn(&mut Inclusion)| {
            let mut changed = proof.clone();
            change(&mut changed);
            assert!(changed.verify(&keeper, &owners).is_err());
        };
        refused(&|p| p.entry = entry("6"));
        refused(&|p| p.index = 2);
        refused(&|p| p.head.size = 6);
        refused(&|p| p.path[0].0[0] ^= 1);
        refused(&|p| drop(p.path.pop()));
        refused(&|p| drop(p.entry.approvals.pop()));
        assert!(proof.verify(&key(8).verifying_key(), &owners).is_err(), "another keeper");
        assert!(proof.verify(&keeper, &[owners[0], key(3).verifying_key()]).is_err(), "another owner");
        // A log that left out what an earlier one had.
        let other = Inclusion::prove(&entries[1..], 2, Some(2), at, &key(9)).unwrap();
        assert!(other.verify(&keeper, &owners).is_ok() && other.verify_since(&earlier, &keeper).is_err());
        assert!(Inclusion::prove(&entries, 5, None, at, &key(9)).is_err());
    }
}
