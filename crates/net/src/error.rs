//! What can go wrong between players, split by whose fault it is, with the player's name.

use std::time::Duration;

use crate::link::LinkError;
use crate::player::{Player, PlayerId};
use crate::step::Step;

/// An error of the exchange of messages. Cheap to clone: one failure is told to every waiter.
///
/// No variant carries any part of a message's content.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// Nothing at all, not even a heartbeat, was heard from a player for the session's deadline.
    #[error("nothing was heard from {player} for {waited:.1?}")]
    PlayerMissing {
        /// Who is missing.
        player: Player,
        /// How long it was silent.
        waited: Duration,
    },
    /// A player is alive, but a message that is needed from it did not come.
    #[error("{player} is alive, but its message {step} did not come within {waited:.1?}")]
    PlayerStalled {
        /// Who did not send.
        player: Player,
        /// What was waited for.
        step: Step,
        /// For how long.
        waited: Duration,
    },
    /// The link to a player failed, or ended without a farewell.
    #[error("the link to {player} was lost: {reason}")]
    PeerLost {
        /// The player at the other end.
        player: Player,
        /// What the link reported.
        reason: LinkError,
    },
    /// A player finished, while a message of it was still needed: the two plans differ.
    #[error("{player} finished before sending a message that is still needed")]
    PeerLeft {
        /// Who finished.
        player: Player,
    },
    /// A player ended the session for everyone, giving a reason.
    #[error("{player} ended the session ({reason}){}", blaming(culprit))]
    PeerAborted {
        /// Who ended it.
        player: Player,
        /// The stable code of the error that made it do so.
        reason: String,
        /// The player that it names as the cause, if another than itself.
        culprit: Option<Player>,
    },
    /// A player sent far more than was asked of it.
    #[error("{player} sent more than {limit} bytes ahead of what the computation has asked for")]
    PeerFlooding {
        /// Who sent it.
        player: Player,
        /// The limit on bytes that wait for their reader.
        limit: usize,
    },
    /// A player sent two messages to one address.
    #[error("{player} sent message {step} twice")]
    DuplicateMessage {
        /// Who sent it.
        player: Player,
        /// The address.
        step: Step,
    },
    /// A player broke the protocol in another way.
    #[error("{player} broke the protocol: {what}")]
    PeerMisbehaved {
        /// Who did.
        player: Player,
        /// Which rule was broken.
        what: String,
    },
    /// A message was addressed to, or expected from, a player to whom there is no link.
    #[error("{id:?} is not a peer in this session")]
    UnknownPlayer {
        /// The index that was used.
        id: PlayerId,
    },
    /// The exchange was used against its rules by our own code.
    #[error("misuse of the exchange: {what}")]
    Misuse {
        /// Which rule.
        what: String,
    },
    /// This end closed or aborted the session.
    #[error("the session was ended at this end ({reason})")]
    Ended {
        /// The stable code of the reason.
        reason: String,
    },
}

fn blaming(culprit: &Option<Player>) -> String {
    culprit.as_ref().map(|player| format!(" because of {player}")).unwrap_or_default()
}

impl NetError {
    /// A stable code for programs, also carried by abort frames.
    pub fn code(&self) -> &'static str {
        match self {
            NetError::PlayerMissing { .. } => "net.player-missing",
            NetError::PlayerStalled { .. } => "net.player-stalled",
            NetError::PeerLost { .. } => "net.peer-lost",
            NetError::PeerLeft { .. } => "net.peer-left",
            NetError::PeerAborted { .. } => "net.peer-aborted",
            NetError::PeerFlooding { .. } => "net.peer-flooding",
            NetError::DuplicateMessage { .. } => "net.duplicate-message",
            NetError::PeerMisbehaved { .. } => "net.peer-misbehaved",
            NetError::UnknownPlayer { .. } => "net.unknown-player",
            NetError::Misuse { .. } => "net.misuse",
            NetError::Ended { .. } => "net.ended",
        }
    }

    /// The player whom the error concerns. Of an abort, the one named as its cause.
    pub fn player(&self) -> Option<&Player> {
        match self {
            NetError::PlayerMissing { player, .. }
            | NetError::PlayerStalled { player, .. }
            | NetError::PeerLost { player, .. }
            | NetError::PeerLeft { player }
            | NetError::PeerFlooding { player, .. }
            | NetError::DuplicateMessage { player, .. }
            | NetError::PeerMisbehaved { player, .. } => Some(player),
            NetError::PeerAborted { player, culprit, .. } => culprit.as_ref().or(Some(player)),
            NetError::UnknownPlayer { .. } | NetError::Misuse { .. } | NetError::Ended { .. } => None,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        let who = self.player().map(|player| player.name.to_string()).unwrap_or_default();
        match self {
            NetError::PlayerMissing { .. } => {
                format!("see whether the worker of {who} runs and can be reached, then run again")
            }
            NetError::PlayerStalled { .. } => {
                format!("the worker of {who} may be overloaded; raise the session's patience or ask its operator")
            }
            NetError::PeerLost { .. } => format!("see whether the worker of {who} was stopped, then run again"),
            NetError::PeerLeft { .. } | NetError::PeerMisbehaved { .. } | NetError::DuplicateMessage { .. } => {
                format!("compare the versions of both workers; if they agree, ask the operator of {who}")
            }
            NetError::PeerAborted { .. } => format!("the log of {who} says more about the cause"),
            NetError::PeerFlooding { .. } => {
                format!(
                    "if the computation is meant to be this large, raise the limit on buffered bytes; else ask the operator of {who}"
                )
            }
            NetError::UnknownPlayer { .. } | NetError::Misuse { .. } => {
                "this is a defect of privity: please report it with the program".into()
            }
            NetError::Ended { .. } => "the first error of this session says why".into(),
        }
    }
}
