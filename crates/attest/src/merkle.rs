//! An append-only Merkle log (RFC 9162, section 2.1) of approved reference values and issued appraisals, with proofs
//! that verify offline: that an entry is in the log, and that a later log only appended to an earlier one.
//!
//! Hashes are SHA-256. Making a proof reads all leaves (O(n) hashes); verifying one takes O(log n).

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::bytes::Hex;
use crate::error::{Error, Result};
use crate::keys::Hash;
use crate::time::Time;

/// A node's hash.
pub type Node = [u8; 32];

fn sha256(parts: &[&[u8]]) -> Node {
    let mut node = [0; 32];
    node.copy_from_slice(&Hash::Sha256.digest(parts));
    node
}

/// The hash of an entry: domain byte 0 (section 2.1.1).
pub fn leaf_hash(entry: &[u8]) -> Node {
    sha256(&[&[0], entry])
}

fn inner(left: &Node, right: &Node) -> Node {
    sha256(&[&[1], left, right])
}

/// The largest power of two below `n`, for `n` of at least two.
fn split(n: usize) -> usize {
    1 << (n - 1).ilog2()
}

/// `MTH` of section 2.1.1.
fn root_of(leaves: &[Node]) -> Node {
    match leaves {
        [] => sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            inner(&root_of(left), &root_of(right))
        }
    }
}

/// A log in memory: the hashes of its entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    leaves: Vec<Node>,
}

impl Log {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an entry and returns its index.
    pub fn append(&mut self, entry: &[u8]) -> u64 {
        self.leaves.push(leaf_hash(entry));
        self.leaves.len() as u64 - 1
    }

    /// Entries so far.
    pub fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// The root over all entries.
    pub fn root(&self) -> Node {
        root_of(&self.leaves)
    }

    /// The path of an entry in the log as it is (section 2.1.3.1); `None` if there is no such entry.
    pub fn inclusion_proof(&self, index: u64) -> Option<Vec<Node>> {
        let index = usize::try_from(index).ok().filter(|index| *index < self.leaves.len())?;
        let mut proof = Vec::new();
        path(index, &self.leaves, &mut proof);
        Some(proof)
    }

    /// That the log of `earlier` entries is a prefix of the log as it is (section 2.1.4.1); `None` unless
    /// `0 < earlier ≤ size`.
    pub fn consistency_proof(&self, earlier: u64) -> Option<Vec<Node>> {
        let earlier = usize::try_from(earlier).ok().filter(|earlier| (1..=self.leaves.len()).contains(earlier))?;
        let mut proof = Vec::new();
        subproof(earlier, &self.leaves, true, &mut proof);
        Some(proof)
    }
}

/// `PATH` of section 2.1.3.1.
fn path(index: usize, leaves: &[Node], proof: &mut Vec<Node>) {
    if leaves.len() < 2 {
        return;
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if index < left.len() {
        path(index, left, proof);
        proof.push(root_of(right));
    } else {
        path(index - left.len(), right, proof);
        proof.push(root_of(left));
    }
}

/// `SUBPROOF` of section 2.1.4.1.
fn subproof(earlier: usize, leaves: &[Node], complete: bool, proof: &mut Vec<Node>) {
    if earlier == leaves.len() {
        if !complete {
            proof.push(root_of(leaves));
        }
        return;
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if earlier <= left.len() {
        subproof(earlier, left, complete, proof);
        proof.push(root_of(right));
    } else {
        subproof(earlier - left.len(), right, false, proof);
        proof.push(root_of(left));
    }
}

fn invalid(why: &str) -> Error {
    Error::verifier("Merkle proof", why)
}

/// Verifies that an entry is at an index of the log with this size and root (section 2.1.3.2).
///
/// # Errors
/// [`Error::Verifier`].
pub fn verify_inclusion(entry: &[u8], index: u64, size: u64, proof: &[Node], root: &Node) -> Result<()> {
    if index >= size {
        return Err(invalid("the index is outside of the log"));
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = leaf_hash(entry);
    for sibling in proof {
        if last == 0 {
            return Err(invalid("the proof is too long"));
        }
        if node & 1 == 1 || node == last {
            hash = inner(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = inner(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(invalid("the entry is not in this log")) }
}

/// Verifies that the log of the second size and root begins with all of the first (section 2.1.4.2).
///
/// # Errors
/// [`Error::Verifier`].
pub fn verify_consistency(first: (u64, &Node), second: (u64, &Node), proof: &[Node]) -> Result<()> {
    let ((first, first_root), (second, second_root)) = (first, second);
    if first == 0 || first > second {
        return Err(invalid("the earlier log is empty, or larger than the later one"));
    }
    if first == second {
        let same = proof.is_empty() && first_root == second_root;
        return if same { Ok(()) } else { Err(invalid("two logs of one size differ")) };
    }
    let mut rest = proof.iter();
    let (mut node, mut last) = (first - 1, second - 1);
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    // A first log that is a complete subtree stands for itself.
    let start = if first.is_power_of_two() { Some(first_root) } else { rest.next() };
    let start = *start.ok_or_else(|| invalid("the proof is too short"))?;
    let (mut one, mut two) = (start, start);
    for sibling in rest {
        if last == 0 {
            return Err(invalid("the proof is too long"));
        }
        if node & 1 == 1 || node == last {
            (one, two) = (inner(sibling, &one), inner(sibling, &two));
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            two = inner(&two, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last == 0 && one == *first_root && two == *second_root {
        return Ok(());
    }
    Err(invalid("the later log does not begin with the earlier one"))
}

/// Size and root of a log at a time, signed by whoever keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SignedHead {
    /// Entries.
    pub size: u64,
    /// The root over them.
    pub root: Hex,
    /// When it was signed.
    pub at: Time,
    /// Ed25519 over the three fields above.
    pub signature: Hex,
}

const HEAD_DOMAIN: &[u8] = b"privity log head v1";

fn head_message(size: u64, root: &[u8], at: Time) -> Vec<u8> {
    [HEAD_DOMAIN, &size.to_be_bytes(), &at.unix().to_be_bytes(), root].concat()
}

impl SignedHead {
    /// Signs the head of a log.
    pub fn sign(log: &Log, at: Time, key: &SigningKey) -> Self {
        let root = log.root();
        let signature = key.sign(&head_message(log.size(), &root, at));
        Self { size: log.size(), root: root.into(), at, signature: signature.to_bytes().into() }
    }

    /// Verifies the signature and returns the root.
    ///
    /// # Errors
    /// [`Error::Signature`], [`Error::Malformed`].
    pub fn verify(&self, key: &VerifyingKey) -> Result<Node> {
        let malformed = |_| Error::malformed("log head", "a field of the wrong length");
        let root: Node = self.root.0.as_slice().try_into().map_err(malformed)?;
        let signature: [u8; 64] = self.signature.0.as_slice().try_into().map_err(malformed)?;
        key.verify_strict(&head_message(self.size, &root, self.at), &Signature::from_bytes(&signature))
            .map_err(|_| Error::signature("the log head"))?;
        Ok(root)
    }
}
