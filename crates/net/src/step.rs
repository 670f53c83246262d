//! Addresses of messages: the place in the computation that a message belongs to.
//!
//! Both ends derive a [`Scope`] alone, from the path that leads to an operator instance (session,
//! frames of enclosing loops and calls, instruction, named sub-steps of a kernel). Hashing the path
//! makes addresses of fixed size and makes two different paths collide with probability 2⁻⁶⁴ at 2³²
//! scopes; nothing secret hangs on it, since a peer cannot gain from colliding with itself.

use std::fmt;
use std::sync::LazyLock;

const ROOT_CONTEXT: &str = "privity 2026-11 net scope root v1";
const CHILD_CONTEXT: &str = "privity 2026-11 net scope child v1";

/// Derived once: a keyed hash of a short input is then a single compression.
static CHILD_KEY: LazyLock<[u8; 32]> = LazyLock::new(|| blake3::derive_key(CHILD_CONTEXT, b""));

/// Where in a computation something happens: a 128-bit BLAKE3 hash of the path that leads there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(pub [u8; 16]);

impl Scope {
    /// The scope at the top of everything that happens under `context` (for example agreement,
    /// session and attempt).
    pub fn root(context: &[u8]) -> Scope {
        Scope(half(blake3::derive_key(ROOT_CONTEXT, context)))
    }

    /// The scope of one step below this one. A text label and a number never name the same child.
    pub fn child<'a>(self, label: impl Into<Label<'a>>) -> Scope {
        let mut hasher = blake3::Hasher::new_keyed(&CHILD_KEY);
        hasher.update(&self.0);
        match label.into() {
            Label::Name(name) => hasher.update(b"n").update(name.as_bytes()),
            Label::Index(index) => hasher.update(b"i").update(&index.to_le_bytes()),
        };
        Scope(half(*hasher.finalize().as_bytes()))
    }

    /// The address of the `index`-th message from one player to another in this scope.
    pub fn step(self, index: u32) -> Step {
        Step { scope: self, index }
    }
}

fn half(digest: [u8; 32]) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&digest[..16]);
    out
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0[..4] {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// What tells the children of one scope apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label<'a> {
    /// A named sub-step.
    Name(&'a str),
    /// A loop iteration, an instruction, a lane.
    Index(u64),
}

impl<'a> From<&'a str> for Label<'a> {
    fn from(name: &'a str) -> Self {
        Label::Name(name)
    }
}

impl<'a> From<&'a String> for Label<'a> {
    fn from(name: &'a String) -> Self {
        Label::Name(name)
    }
}

impl From<u64> for Label<'_> {
    fn from(index: u64) -> Self {
        Label::Index(index)
    }
}

/// The address of one message between two players: a scope, and the count of messages from the one
/// to the other inside it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    /// Where in the computation.
    pub scope: Scope,
    /// The how-manieth message from this sender to this receiver inside the scope, from 0.
    pub index: u32,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}.{}", self.scope, self.index)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
