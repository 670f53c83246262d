//! What can go wrong between players, split by whose fault it is, with the player's name.

use std::path::Path;
use std::time::Duration;

use crate::frame::VERSIONS;
use crate::identity::{Identity, KeyFileFault};
use crate::link::LinkError;
use crate::player::{Player, PlayerId};
use crate::step::Step;
use crate::tls::Rejection;

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
    /// A key file cannot be used.
    #[error("key file {path}: {fault}")]
    KeyFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        fault: KeyFileFault,
    },
    /// What browsers are to be shown is no certificate with its key.
    #[error("the certificate for browsers: {what}")]
    Certificate {
        /// What is wrong with it.
        what: String,
    },
    /// Nobody answers at a player's endpoint.
    #[error("{player} cannot be reached at {endpoint}: {reason}")]
    Unreachable {
        /// Who should be there.
        player: Player,
        /// Where (`host:port`).
        endpoint: String,
        /// What the system said.
        reason: String,
    },
    /// Another key is at a player's endpoint than the roster names.
    #[error("wrong key{}: expected {expected}, got {got}", at(player))]
    WrongKey {
        /// Whose endpoint it is.
        player: Option<Player>,
        /// The identity in the roster.
        expected: Identity,
        /// The identity that answered.
        got: Identity,
    },
    /// An identity that is in no roster of ours wanted to connect.
    #[error("{got} is not among the identities that may connect")]
    UnknownKey {
        /// Whose key it is.
        got: Identity,
    },
    /// A certificate is outside its time.
    #[error("{fault}{}", at(player))]
    CertificateTime {
        /// Whose endpoint it is, if we dialled.
        player: Option<Player>,
        /// Expired, or not valid yet.
        fault: Rejection,
    },
    /// A player refused our own key.
    #[error("{player} refused our key")]
    KeyRefused {
        /// Who refused.
        player: Player,
    },
    /// A TLS handshake failed for another reason.
    #[error("the TLS handshake failed{}: {reason}", at(player))]
    Handshake {
        /// Whom we dialled, if we did.
        player: Option<Player>,
        /// What happened.
        reason: String,
    },
    /// A machine did not prove itself, or its proof was refused.
    #[error("machines were not proved{}: {reason}", with(player))]
    Unproved {
        /// Whom we dialled, if we did.
        player: Option<Player>,
        /// What was refused, in words; nothing of evidence's content but measurements.
        reason: String,
    },
    /// A peer speaks no version of the protocol that we speak.
    #[error("no common version{}: it speaks privity/{} to {}, we speak {} to {}", with(player), theirs.0, theirs.1, VERSIONS.0, VERSIONS.1)]
    PeerIncompatible {
        /// The peer, where known.
        player: Option<Player>,
        /// Its lowest and highest version.
        theirs: (u16, u16),
    },
    /// A peer connected for something else than we expected of it.
    #[error("{player} has another {what} than we have")]
    Mismatch {
        /// The peer.
        player: Player,
        /// What differs: session, agreement, plan, player.
        what: &'static str,
    },
    /// A peer refused to open a session with us.
    #[error("{player} refused the session ({reason})")]
    Refused {
        /// The peer.
        player: Player,
        /// The stable code of its reason.
        reason: String,
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

fn at(player: &Option<Player>) -> String {
    player.as_ref().map(|player| format!(" at {player}")).unwrap_or_default()
}

fn with(player: &Option<Player>) -> String {
    player.as_ref().map(|player| format!(" with {player}")).unwrap_or_default()
}

impl NetError {
    pub(crate) fn key_file(path: &Path, fault: KeyFileFault) -> NetError {
        NetError::KeyFile { path: path.display().to_string(), fault }
    }

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
            NetError::KeyFile { .. } => "net.key-file",
            NetError::Certificate { .. } => "net.certificate",
            NetError::Unreachable { .. } => "net.unreachable",
            NetError::WrongKey { .. } => "net.wrong-key",
            NetError::UnknownKey { .. } => "net.unknown-key",
            NetError::CertificateTime { .. } => "net.certificate-time",
            NetError::KeyRefused { .. } => "net.key-refused",
            NetError::Handshake { .. } => "net.handshake",
            NetError::Unproved { .. } => "net.unproved",
            NetError::PeerIncompatible { .. } => "net.peer-incompatible",
            NetError::Mismatch { .. } => "net.mismatch",
            NetError::Refused { .. } => "net.refused",
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
            | NetError::PeerMisbehaved { player, .. }
            | NetError::Unreachable { player, .. }
            | NetError::KeyRefused { player, .. }
            | NetError::Mismatch { player, .. }
            | NetError::Refused { player, .. } => Some(player),
            NetError::WrongKey { player, .. }
            | NetError::CertificateTime { player, .. }
            | NetError::Handshake { player, .. }
            | NetError::Unproved { player, .. }
            | NetError::PeerIncompatible { player, .. } => player.as_ref(),
            NetError::PeerAborted { player, culprit, .. } => culprit.as_ref().or(Some(player)),
            NetError::UnknownPlayer { .. }
            | NetError::Misuse { .. }
            | NetError::KeyFile { .. }
            | NetError::Certificate { .. }
            | NetError::UnknownKey { .. }
            | NetError::Ended { .. } => None,
        }
    }

    /// Whether trying to connect again may help.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, NetError::Unreachable { .. } | NetError::Handshake { .. })
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        let who = self.player().map_or("the other end".to_owned(), |player| player.name.to_string());
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
            NetError::KeyFile { path, fault } => fault.help(path),
            NetError::Certificate { .. } => {
                "give a chain of certificates, the service's own first, and its key, both in PEM".into()
            }
            NetError::Unreachable { endpoint, .. } => {
                format!("see whether the worker of {who} runs, and whether {endpoint} is right and open from here")
            }
            NetError::WrongKey { .. } => {
                format!(
                    "do not go on: either the roster is out of date, or someone else answers for {who}; compare fingerprints over another channel"
                )
            }
            NetError::UnknownKey { .. } => "if it should take part, add its identity to the roster".into(),
            NetError::CertificateTime { .. } => {
                "compare the clocks of both machines, and restart the worker whose certificate it is".into()
            }
            NetError::KeyRefused { .. } => format!("ask the operator of {who} whether its roster has our identity"),
            NetError::Handshake { .. } => format!("see whether {who} is a privity worker of a current version"),
            NetError::Unproved { .. } => {
                format!("do not go on before {who} runs what was approved; `privity attest verify` shows every check")
            }
            NetError::PeerIncompatible { .. } => "bring both workers to the same version".into(),
            NetError::Mismatch { what, .. } => {
                format!("compare the {what} at both ends: both must run the same agreement with the same version")
            }
            NetError::Refused { .. } => format!("the log of {who} says more about the cause"),
            NetError::Ended { .. } => "the first error of this session says why".into(),
        }
    }
}
