//! Players of one session: a small index on the wire, a name in errors.

use std::fmt;
use std::sync::Arc;

/// A player, as its index into the session's list of players. The list is part of what all players
/// agreed to, so the index means the same everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlayerId(pub u16);

impl PlayerId {
    /// The index as a `usize`.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Debug for PlayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "player {}", self.0)
    }
}

/// A player with its name, as errors mention it.
#[derive(Clone, PartialEq, Eq)]
pub struct Player {
    /// Its index in the session.
    pub id: PlayerId,
    /// Its name in the computation.
    pub name: Arc<str>,
}

impl fmt::Display for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (#{})", self.name, self.id.0)
    }
}
