//! What can go wrong at a worker, and what its client is told of it.

use std::path::PathBuf;

use agreement::{AgreementError, ReceiptError};
use data::DataError;
use net::NetError;
use session::SessionError;

use crate::config::ConfigError;
use crate::proto;

/// Why a worker did not run something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The agreement is none, does not check, or was not ratified.
    #[error(transparent)]
    Agreement(#[from] AgreementError),
    /// The agreement was not ratified by this worker's operator.
    #[error("this worker's operator has not ratified agreement {digest}")]
    NotRatified {
        /// The agreement's digest.
        digest: String,
    },
    /// The agreement does not name this worker, or not once.
    #[error("the agreement names this worker's identity for {count} players; it must be one")]
    NotMine {
        /// For how many players.
        count: usize,
    },
    /// The agreement's roster is not this worker's.
    #[error("the agreement says that {player} is {theirs}; this worker's own roster says {ours}")]
    RosterDiffers {
        /// The player.
        player: String,
        /// Its identity in the agreement.
        theirs: String,
        /// Its identity, or that it is unknown, in the worker's roster.
        ours: String,
    },
    /// A player has to prove its machine, and this worker has no policy of its own for it.
    #[error("{player} has to prove its machine, and this worker's operator does not say what that has to be")]
    NoMachinePolicy {
        /// The player.
        player: String,
    },
    /// This worker has to prove its machine, and does not.
    #[error("{player} has to prove its machine, and its worker is not configured to")]
    ProvesNothing {
        /// The player that this worker is.
        player: String,
    },
    /// The proof of this worker's own machine was refused.
    #[error("{player} refuses the proof of this worker's machine")]
    ProofRefused {
        /// Who refuses it.
        player: String,
    },
    /// An input that somebody brings to this worker is not there.
    #[error(transparent)]
    Input(#[from] crate::inputs::InputFault),
    /// A key was not released, or what it opens cannot be used.
    #[error(transparent)]
    Release(#[from] crate::release::ReleaseFault),
    /// The session's id is not 16 bytes.
    #[error("a session's id has 16 bytes")]
    SessionId,
    /// A session of this id was run before.
    #[error("session {id} was run before")]
    Replay {
        /// The id.
        id: String,
    },
    /// A session that failed cannot be attempted again.
    #[error("session {id} cannot be resumed: {why}")]
    NotResumable {
        /// The id.
        id: String,
        /// Why not.
        why: String,
    },
    /// A session would take more memory than this worker has for sessions.
    #[error("the session may take {needed} bytes of memory; this worker has {budget} for sessions")]
    TooLarge {
        /// What it may take.
        needed: u64,
        /// What there is.
        budget: u64,
    },
    /// Results would find no room beside the tables that are kept.
    #[error(
        "the results, of up to {needed} bytes, find no room beside the tables that are kept, which may take {most}"
    )]
    NoRoom {
        /// What they may take.
        needed: u64,
        /// What all tables together may take.
        most: u64,
    },
    /// Too many sessions wait.
    #[error("{waiting} sessions wait already; no more are taken")]
    Busy {
        /// How many wait.
        waiting: usize,
    },
    /// An identity asks too often.
    #[error("{identity} asks more than {per_minute} times a minute")]
    TooMany {
        /// Who.
        identity: String,
        /// How often it may.
        per_minute: u32,
    },
    /// The worker is being stopped.
    #[error("this worker is being stopped")]
    Draining,
    /// The caller knows no such session.
    #[error("there is no session {id}, or it is not yours to see")]
    UnknownSession {
        /// The id.
        id: String,
    },
    /// A conversation did not begin with what is to be run.
    #[error("nothing was submitted in time")]
    NoSubmission,
    /// The submitter did not say that the other workers are ready.
    #[error("the other workers were not ready within {seconds} seconds")]
    NoGo {
        /// For how long it was waited.
        seconds: u64,
    },
    /// The caller does not operate this worker.
    #[error("{identity} does not operate this worker")]
    NotOperator {
        /// The caller.
        identity: String,
    },
    /// There is no such agreement on the desk, or the caller may not see it.
    #[error("no agreement {digest} was proposed here that you may see")]
    Unproposed {
        /// Its digest.
        digest: String,
    },
    /// This worker's operator declined the agreement.
    #[error("this worker's operator declined agreement {digest}: {reason}")]
    Declined {
        /// The agreement's digest.
        digest: String,
        /// Why, in the operator's words.
        reason: String,
    },
    /// Another party declined the agreement.
    #[error("{player} declined agreement {digest}: {reason}")]
    DeclinedBy {
        /// Who.
        player: String,
        /// The agreement's digest.
        digest: String,
        /// Why, in its operator's words.
        reason: String,
    },
    /// One of the two things that a worker keeps is not where the other one is.
    #[error("{} is gone, and {} is there", what.display(), beside.display())]
    Gone {
        /// What is missing.
        what: PathBuf,
        /// What is there.
        beside: PathBuf,
    },
    /// Too many agreements of one proposer wait for answers.
    #[error("{open} agreements that you proposed wait for answers already")]
    InboxFull {
        /// How many.
        open: usize,
    },
    /// What was said of an agreement cannot be: no statement, or more than there are parties.
    #[error("{count} statements on an agreement: there is at most a ratification and a refusal of each party")]
    Statements {
        /// How many came.
        count: usize,
    },
    /// Something that should be a receipt is none.
    #[error("what came as a receipt of session {session} is none")]
    NoReceipt {
        /// The session.
        session: String,
    },
    /// The store refused, or cannot be used.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// What outlives sessions cannot be read or written.
    #[error(transparent)]
    Vault(#[from] session::VaultError),
    /// The audit log cannot be written.
    #[error(transparent)]
    Audit(#[from] audit::AuditError),
    /// This worker's data cannot be read or is not as declared.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The session failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The network failed before the session began.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The receipt could not be signed.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The operating system refused something.
    #[error("the operating system refused: {what}")]
    System {
        /// What it said.
        what: String,
    },
}

impl WorkerError {
    /// The stable code of what ended a session, at whichever player that was.
    pub(crate) fn cause(&self) -> &str {
        match self {
            WorkerError::Session(e) => e.cause(),
            other => other.code(),
        }
    }

    /// A stable code for programs.
    pub fn code(&self) -> &str {
        match self {
            WorkerError::Agreement(e) => e.code(),
            WorkerError::NotRatified { .. } => "worker.not-ratified",
            WorkerError::NotMine { .. } => "worker.not-mine",
            WorkerError::RosterDiffers { .. } => "worker.roster-differs",
            WorkerError::NoMachinePolicy { .. } => "worker.no-machine-policy",
            WorkerError::ProvesNothing { .. } => "worker.proves-nothing",
            WorkerError::ProofRefused { .. } => "worker.proof-refused",
            WorkerError::Input(e) => e.code(),
            WorkerError::Release(e) => e.code(),
            WorkerError::SessionId => "worker.session-id",
            WorkerError::Replay { .. } => "worker.replay",
            WorkerError::NotResumable { .. } => "worker.not-resumable",
            WorkerError::TooLarge { .. } => "worker.too-large",
            WorkerError::NoRoom { .. } => "worker.no-room",
            WorkerError::Busy { .. } => "worker.busy",
            WorkerError::TooMany { .. } => "worker.too-many",
            WorkerError::Draining => "worker.draining",
            WorkerError::UnknownSession { .. } => "worker.unknown-session",
            WorkerError::NoSubmission => "worker.no-submission",
            WorkerError::NoGo { .. } => "worker.no-go",
            WorkerError::NotOperator { .. } => "worker.not-operator",
            WorkerError::Unproposed { .. } => "worker.unproposed",
            WorkerError::Declined { .. } | WorkerError::DeclinedBy { .. } => "worker.declined",
            WorkerError::Gone { .. } => "worker.gone",
            WorkerError::InboxFull { .. } => "worker.inbox-full",
            WorkerError::Statements { .. } => "worker.statements",
            WorkerError::NoReceipt { .. } => "worker.no-receipt",
            // The ledger remembers what the table of jobs may have forgotten.
            WorkerError::Store(store::StoreError::Replayed { .. }) => "worker.replay",
            WorkerError::Store(e) => e.code(),
            WorkerError::Vault(e) => e.code(),
            WorkerError::Audit(e) => e.code(),
            WorkerError::Data(e) => e.code(),
            WorkerError::Session(e) => e.code(),
            WorkerError::Net(e) => e.code(),
            WorkerError::Receipt(e) => e.code(),
            WorkerError::System { .. } => "system",
        }
    }

    /// The failure as the client is told it. `me` is the player that this worker is, where known.
    pub(crate) fn to_failure(&self, me: Option<&str>) -> proto::Failure {
        let player = match self {
            WorkerError::Agreement(e) => e.player().map(str::to_owned),
            WorkerError::Data(e) => e.player().map(str::to_owned),
            WorkerError::Session(e) => e.player(),
            WorkerError::Net(e) => e.player().map(|p| p.name.to_string()),
            WorkerError::RosterDiffers { player, .. } => Some(player.clone()),
            _ => me.map(str::to_owned),
        };
        let help = match self {
            WorkerError::Agreement(e) => e.help().to_owned(),
            WorkerError::NotRatified { .. } => {
                "propose it with `privity propose`, and ask its operator to ratify it; for trying things out, a worker can be started with --ratify-all".into()
            }
            WorkerError::NotMine { .. } | WorkerError::RosterDiffers { .. } => {
                "compare the rosters of all parties: each identity must be the same everywhere".into()
            }
            WorkerError::NoMachinePolicy { player } => {
                format!("write `[machines.{player}]` with `policy = \"FILE\"` into this worker's configuration; `privity attest pin` makes such a file")
            }
            WorkerError::ProvesNothing { .. } => {
                "write `[prove]` into this worker's configuration, with `tpm = \"/dev/tpmrm0\"` if it is to use a TPM".into()
            }
            WorkerError::ProofRefused { player } => {
                format!("the log of {player} says which checks failed; run what was approved")
            }
            WorkerError::Input(e) => e.help(),
            WorkerError::Release(e) => e.help(),
            WorkerError::SessionId | WorkerError::Replay { .. } => "run again, with a fresh session".into(),
            WorkerError::NotResumable { .. } => "run it again, as another use of its agreement".into(),
            WorkerError::NoRoom { .. } => {
                "run it when older results have gone, or ask its operator to raise `flight.total_mib` or lower `flight.results_hours`".into()
            }
            WorkerError::TooLarge { .. } => {
                "compute on fewer rows at once, or ask its operator to raise `jobs.memory_mib`".into()
            }
            WorkerError::Busy { .. } | WorkerError::TooMany { .. } | WorkerError::NoGo { .. } => {
                "try again later".into()
            }
            WorkerError::Draining => "try again when it has been started again".into(),
            WorkerError::UnknownSession { .. } => {
                "see the sessions that you may see with `privity jobs`; a worker remembers the last thousand".into()
            }
            WorkerError::NoSubmission => "compare the versions of client and worker".into(),
            WorkerError::NotOperator { .. } => {
                "come with the worker's own key, or ask for this identity to be added to `operators`".into()
            }
            WorkerError::Unproposed { .. } => "see the agreements that you may see with `privity inbox`".into(),
            WorkerError::Declined { .. } | WorkerError::DeclinedBy { .. } => {
                "agree on another one; its operator may still ratify this one".into()
            }
            WorkerError::Gone { beside, .. } => format!(
                "see whether its disk is mounted, or restore a backup: without it, what was used up would be forgotten; to begin \
                 anew on purpose, move {} away",
                beside.display()
            ),
            WorkerError::InboxFull { .. } => "wait until some are answered".into(),
            WorkerError::Statements { .. } => "compare the versions of client and worker".into(),
            WorkerError::NoReceipt { .. } => "ask for the receipt that the player's own worker signed".into(),
            WorkerError::Store(e) => e.help().to_string(),
            WorkerError::Vault(e) => e.help().to_owned(),
            WorkerError::Audit(e) => e.help().to_string(),
            WorkerError::Data(_) => "ask the operator of that worker to read its log and mend its data".into(),
            WorkerError::Session(e) => e.help(),
            WorkerError::Net(e) => e.help(),
            WorkerError::Receipt(e) => e.help().to_owned(),
            WorkerError::System { .. } => "see the worker's log".into(),
        };
        let (remote, echo) = match self {
            WorkerError::Session(e) => (e.is_remote(), e.is_echo()),
            WorkerError::Net(e) => (true, matches!(e, NetError::PeerAborted { .. } | NetError::Refused { .. })),
            WorkerError::ProofRefused { .. } => (true, true),
            WorkerError::Busy { .. }
            | WorkerError::TooMany { .. }
            | WorkerError::Draining
            | WorkerError::NoGo { .. } => (true, false),
            _ => (false, false),
        };
        // Which element failed tells something of the owner's data: that stays in its own log.
        let message = match self {
            WorkerError::Session(SessionError::Kernel(e)) => {
                format!("`{}` at {} does not fit the values there; the worker's log says which", e.op, e.player)
            }
            WorkerError::Session(SessionError::InputRange { player, input, .. }) => {
                format!("the input `{input}` of {player} has numbers outside of its range; the worker's log says where")
            }
            // So do lines, columns and what is in them.
            WorkerError::Data(_) => {
                let whose = player.as_deref().map_or("here".to_owned(), |p| format!("of {p}"));
                format!("the data {whose} cannot be used for this; the worker's log says why and where")
            }
            other => other.to_string(),
        };
        proto::Failure { code: self.code().to_owned(), message, player: player.unwrap_or_default(), help, remote, echo }
    }
}

/// Why running on workers failed, as the one who asked sees it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// A file of ours cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The program, the roster or the dims do not go together.
    #[error(transparent)]
    Agreement(Box<AgreementError>),
    /// The roster cannot be read.
    #[error(transparent)]
    Roster(Box<agreement::RosterError>),
    /// There is no key to come as.
    #[error("workers only talk to identities that they know")]
    NoKey,
    /// A worker cannot be reached, or is not who the roster says.
    #[error(transparent)]
    Net(#[from] NetError),
    /// A worker said no, or failed.
    #[error("{message}")]
    Worker {
        /// A stable code.
        code: String,
        /// What happened.
        message: String,
        /// The player concerned.
        player: Option<String>,
        /// What to do about it.
        help: String,
        /// Whether a peer or the network is at fault.
        remote: bool,
    },
    /// A worker hung up as soon as it had seen our key.
    #[error("the worker of {player} hung up on {identity}: it does not know this identity, or it is being stopped")]
    HungUp {
        /// Whose worker.
        player: String,
        /// Who we came as.
        identity: String,
    },
    /// A worker is of a version that this one does not understand.
    #[error("the worker of {player} is privity {theirs}, which does not speak with privity {ours}")]
    Version {
        /// Whose worker.
        player: String,
        /// Its version.
        theirs: String,
        /// Ours.
        ours: String,
    },
    /// A worker broke off the conversation.
    #[error("the worker of {player} broke off: {what}")]
    BrokeOff {
        /// Whose worker.
        player: String,
        /// What the transport said.
        what: String,
    },
    /// A session failed after its players were told to begin.
    #[error("{error}")]
    Session {
        /// The session, which can be attempted again.
        session: agreement::SessionId,
        /// What it failed with.
        error: Box<ClientError>,
    },
    /// No worker that was reached knows an agreement.
    #[error("no worker that was reached has an agreement {digest} that you may see")]
    Unproposed {
        /// Its digest.
        digest: String,
    },
    /// A group of an agreement, and terms that do not go together.
    #[error("{what}")]
    Group {
        /// What is wrong.
        what: String,
    },
    /// A worker sent what is no value.
    #[error("the worker of {player} sent an output that is no value")]
    BadOutput {
        /// Whose worker.
        player: String,
    },
    /// A worker could not go on by itself.
    #[error(transparent)]
    Serve(Box<WorkerError>),
    /// The operating system refused something.
    #[error("the operating system refused: {what}")]
    System {
        /// What it said.
        what: String,
    },
}

impl From<AgreementError> for ClientError {
    fn from(e: AgreementError) -> ClientError {
        ClientError::Agreement(Box::new(e))
    }
}

impl From<agreement::RosterError> for ClientError {
    fn from(e: agreement::RosterError) -> ClientError {
        ClientError::Roster(Box::new(e))
    }
}

impl From<WorkerError> for ClientError {
    fn from(e: WorkerError) -> ClientError {
        ClientError::Serve(Box::new(e))
    }
}

impl ClientError {
    /// A stable code for programs.
    pub fn code(&self) -> String {
        match self {
            ClientError::Config(_) => "config".into(),
            ClientError::Agreement(e) => e.code().into(),
            ClientError::Roster(e) => e.code().into(),
            ClientError::NoKey => "client.no-key".into(),
            ClientError::Net(e) => e.code().into(),
            ClientError::Worker { code, .. } => code.clone(),
            ClientError::HungUp { .. } => "client.hung-up".into(),
            ClientError::Version { .. } => "client.version".into(),
            ClientError::BrokeOff { .. } => "client.broke-off".into(),
            ClientError::Session { error, .. } => error.code(),
            ClientError::Unproposed { .. } => "worker.unproposed".into(),
            ClientError::BadOutput { .. } => "client.bad-output".into(),
            ClientError::Group { .. } => "client.group".into(),
            ClientError::Serve(e) => e.code().into(),
            ClientError::System { .. } => "system".into(),
        }
    }

    /// The player concerned, if one is.
    pub fn player(&self) -> Option<String> {
        match self {
            ClientError::Agreement(e) => e.player().map(str::to_owned),
            ClientError::Net(e) => e.player().map(|p| p.name.to_string()),
            ClientError::Worker { player, .. } => player.clone(),
            ClientError::Session { error, .. } => error.player(),
            ClientError::HungUp { player, .. }
            | ClientError::Version { player, .. }
            | ClientError::BrokeOff { player, .. }
            | ClientError::BadOutput { player } => Some(player.clone()),
            _ => None,
        }
    }

    /// The session that failed, if its players had been told to begin.
    pub fn session(&self) -> Option<agreement::SessionId> {
        match self {
            ClientError::Session { session, .. } => Some(*session),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            ClientError::Config(_) => {
                "compare the file with the book's chapter on workers; `privity worker --check` shows all problems"
                    .into()
            }
            ClientError::Agreement(e) => e.help().to_owned(),
            ClientError::Roster(e) => e.help().to_owned(),
            ClientError::NoKey => {
                "make one with `privity keygen`, have it added to the workers' rosters or `submitters`, and give --key"
                    .into()
            }
            ClientError::Net(e) => e.help(),
            ClientError::Worker { help, .. } => help.clone(),
            // What a player or the network spoilt may go well the next time; the rest has to be mended first.
            ClientError::Session { session, error } if error.is_remote() => {
                let again =
                    format!("then `privity resume {session}` goes on from the last checkpoint, if there is one");
                error.help().map_or_else(|| again.clone(), |help| format!("{help}; {again}"))
            }
            ClientError::Session { error, .. } => return error.help(),
            ClientError::HungUp { player, .. } => {
                format!("ask the operator of {player} whether its roster or its `submitters` have this identity")
            }
            ClientError::Version { .. } => "upgrade the older of the two".into(),
            ClientError::BrokeOff { player, .. } => format!("see the log of the worker of {player}, then run again"),
            ClientError::Unproposed { .. } => "propose it with `privity propose`".into(),
            ClientError::BadOutput { .. } => "compare the versions of client and worker".into(),
            ClientError::Group { .. } => "make the terms from the agreement, with `privity terms`".into(),
            ClientError::Serve(_) | ClientError::System { .. } => return None,
        })
    }

    /// Whether a peer or the network is at fault.
    pub fn is_remote(&self) -> bool {
        match self {
            // A key file of ours that cannot be used is nobody else's fault.
            ClientError::Net(NetError::KeyFile { .. }) => false,
            ClientError::Net(_)
            | ClientError::HungUp { .. }
            | ClientError::Version { .. }
            | ClientError::BrokeOff { .. }
            | ClientError::BadOutput { .. } => true,
            ClientError::Worker { remote, .. } => *remote,
            ClientError::Session { error, .. } => error.is_remote(),
            ClientError::Serve(e) if matches!(**e, WorkerError::Net(_)) => true,
            _ => false,
        }
    }
}
