//! Why parties did not come together.

use agreement::RosterFault;
use net::NetError;

/// Why a meeting came to nothing. No roster was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeetError {
    /// A text is no code.
    #[error("this is no invitation code")]
    Code,
    /// A name is no name of a player.
    #[error("`{0}` is no name of a player")]
    Name(String),
    /// Two parties would be the same player.
    #[error("the name `{0}` is taken")]
    NameTaken(String),
    /// Two parties came with one key.
    #[error("the key of `{0}` is another party's, too")]
    KeyTaken(String),
    /// The host does not let us in.
    #[error("the host refused: {0}")]
    Refused(String),
    /// Somebody said no.
    #[error("{0} did not confirm")]
    Declined(String),
    /// The other end does not keep to the protocol.
    #[error("{who} does not keep to the protocol: {what}")]
    Misbehaved {
        /// Who: a name, or where it connected from.
        who: String,
        /// What it did.
        what: String,
    },
    /// Somebody has gone.
    #[error("the connection to {0} was lost")]
    Lost(String),
    /// The table is no roster.
    #[error(transparent)]
    Roster(#[from] RosterFault),
    /// Connecting, or a handshake.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The operating system.
    #[error("{0}")]
    System(String),
}

impl MeetError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            MeetError::Code => "meet.code",
            MeetError::Name(_) => "meet.name",
            MeetError::NameTaken(_) => "meet.name-taken",
            MeetError::KeyTaken(_) => "meet.key-taken",
            MeetError::Refused(_) => "meet.refused",
            MeetError::Declined(_) => "meet.declined",
            MeetError::Misbehaved { .. } => "meet.misbehaved",
            MeetError::Lost(_) => "meet.lost",
            MeetError::Roster(_) => "meet.roster",
            MeetError::Net(e) => e.code(),
            MeetError::System(_) => "meet.system",
        }
    }

    /// Whether another party or the network is at fault.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        !matches!(self, MeetError::Code | MeetError::Name(_) | MeetError::System(_))
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            MeetError::Code => "a code is what `privity invite` printed, as host:port/word-word-word-word".into(),
            MeetError::Name(_) => {
                "use lower-case letters, digits and _, beginning with a letter, as in a program".into()
            }
            MeetError::NameTaken(_) => "join again under another name".into(),
            MeetError::KeyTaken(_) => "join with the key of your own worker".into(),
            MeetError::Refused(_) => "ask the party that invited you for a new code, or another name".into(),
            MeetError::Declined(_) => {
                "if phrases differed, someone stands between you: do not go on over this network; else invite again"
                    .into()
            }
            MeetError::Misbehaved { .. } => "compare versions; if they agree, do not go on with that party".into(),
            MeetError::Lost(_) => "ask that party whether it has a roster now; if not, invite again".into(),
            MeetError::Roster(fault) => fault.to_string(),
            MeetError::Net(e) => e.help(),
            MeetError::System(_) => "see the limits and permissions of this machine".into(),
        }
    }
}
