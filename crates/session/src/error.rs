//! What can end a session, split by fault.

use check::InputRange;
use ir::{Instr, Span, show_range};
use net::NetError;

use crate::module::ModuleError;
use crate::vault::VaultError;

/// Why a session did not come to its end.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The computation uses a scheme that this version cannot run.
    #[error("this cannot be run: {reason}")]
    NotRunnable {
        /// Which, and why.
        reason: String,
    },
    /// A named dimension has no length.
    #[error("the dimension `{dim}` has no length")]
    DimUnbound {
        /// The dimension.
        dim: String,
    },
    /// A length does not fit the program.
    #[error("{what}")]
    DimMisfit {
        /// What does not fit.
        what: String,
    },
    /// An input is missing.
    #[error("{player} has no data for the input `{input}`")]
    InputMissing {
        /// Whose worker.
        player: String,
        /// The input.
        input: String,
    },
    /// An input is not of the declared type or length.
    #[error("the input `{input}` of {player} {what}")]
    InputMisfit {
        /// Whose worker.
        player: String,
        /// The input.
        input: String,
        /// What is wrong with it.
        what: String,
    },
    /// A group has fewer members than a sum over it may be of, or more than it is sized for.
    #[error("{group} has {found} members here, and the program is for at least {least} and at most {most}")]
    GroupSize {
        /// The group.
        group: String,
        /// How many there are.
        found: usize,
        /// The least number.
        least: u32,
        /// The greatest.
        most: u32,
    },
    /// What a member is about to contribute breaks a bound.
    #[error("`{value}` of this member of {group} is not within {bound}")]
    BoundBroken {
        /// The group.
        group: String,
        /// What it contributes.
        value: String,
        /// The bound, as `0..1` or `a norm of 2.5`.
        bound: String,
    },
    /// So many members of a group broke a bound that the rest is fewer than a sum may be of. How many is not said: only who
    /// checked learns that.
    #[error("fewer than {least} members of {group} keep its bounds")]
    GroupBounds {
        /// The group.
        group: String,
        /// The least number.
        least: u32,
    },
    /// The members of a group have not contributed yet.
    #[error("{player} holds no part of the sum over {group} of this agreement")]
    SumMissing {
        /// Whose worker.
        player: String,
        /// The group.
        group: String,
    },
    /// An input is not the one that the session was begun with.
    #[error("{what} of {player} is not as it was when this session was begun")]
    InputsChanged {
        /// Whose worker.
        player: String,
        /// What changed.
        what: String,
    },
    /// An earlier attempt did everything but end well.
    #[error("an earlier attempt at this session has saved what it was to save: it is over")]
    Saved,
    /// Players would go on from different checkpoints.
    #[error("the players do not go on from the same checkpoint")]
    CheckpointsDiffer,
    /// Nothing is stored under a name that is loaded.
    #[error("{player} has nothing stored as \"{name}\"")]
    StoredMissing {
        /// Whose worker.
        player: String,
        /// The name in its store.
        name: String,
    },
    /// What is stored is not what the program declares.
    #[error("\"{name}\" in the store of {player} is not as the program declares it: {what}")]
    StoredMisfit {
        /// Whose worker.
        player: String,
        /// The name in its store.
        name: String,
        /// The difference.
        what: String,
    },
    /// Two players hold parts that were not saved together.
    #[error("what {first} and {second} have stored as \"{name}\" was not saved by the same session")]
    StoredDiffers {
        /// A player.
        first: String,
        /// Another.
        second: String,
        /// The name in their stores.
        name: String,
    },
    /// A player's own store said no.
    #[error("at {player}: {error}")]
    Vault {
        /// Whose.
        player: String,
        /// What it said.
        error: VaultError,
    },
    /// An input has a number outside of its range.
    #[error("the input `{input}` of {player}, {}, is outside of {}", there(place, *row), limits(range))]
    InputRange {
        /// Whose worker.
        player: String,
        /// The input.
        input: String,
        /// The number of the first such element, in row-major order, from 0.
        element: usize,
        /// Its row, from 0.
        row: usize,
        /// Where that is in the owner's file, in words, if it is known.
        place: Option<String>,
        /// The range.
        range: InputRange,
    },
    /// An owner shared a number outside of its range: its own worker should have refused it.
    #[error("what {player} shared as {value} is not within its range, {range}")]
    SharedRange {
        /// Who shared it.
        player: String,
        /// What it is called in the program.
        value: String,
        /// The range, in words.
        range: String,
    },
    /// Two owners' rows do not match.
    #[error("the rows of {first} and {second} along `{dim}` do not match: their columns `{key}` differ")]
    RowsDiffer {
        /// An owner.
        first: String,
        /// Another.
        second: String,
        /// The dimension.
        dim: String,
        /// The key column.
        key: String,
    },
    /// A kernel failed on this player's values.
    #[error(transparent)]
    Kernel(Box<KernelError>),
    /// A module is not there, or gave nothing.
    #[error(transparent)]
    Module(Box<ModuleError>),
    /// A peer or the network failed.
    #[error(transparent)]
    Net(#[from] NetError),
    /// Somebody who may do so ended the session.
    #[error("the session was cancelled: {reason}")]
    Cancelled {
        /// By whom or why, in words.
        reason: String,
    },
    /// Whoever submitted the session, or a worker of it, does not go on with it just now.
    #[error("the session was given up: {reason}")]
    GivenUp {
        /// By whom or why, in words.
        reason: String,
    },
    /// The session took longer than it may.
    #[error("the session did not end within {seconds} seconds{}", waited(waiting.as_deref()))]
    Deadline {
        /// How long it may take.
        seconds: u64,
        /// A player whose message was being waited for, if one was; filled in by the session.
        waiting: Option<String>,
    },
    /// A defect of this program.
    #[error("internal error: {what}")]
    Internal {
        /// What was found.
        what: String,
    },
}

/// An operator that failed on a player's own values.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{op}`{} at {player}: {what}", place(span))]
pub struct KernelError {
    /// The operator.
    pub op: &'static str,
    /// Where it is in the program.
    pub span: Span,
    /// At whose worker.
    pub player: String,
    /// A stable code.
    pub code: &'static str,
    /// What happened, without values.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

impl KernelError {
    /// The error of an instruction at a player.
    pub(crate) fn at(instr: &Instr, player: &str, error: &schemes::Error) -> SessionError {
        SessionError::Kernel(Box::new(KernelError {
            op: instr.op.name(),
            span: instr.span.clone(),
            player: player.to_owned(),
            code: error.code(),
            what: error.to_string(),
            help: error.help(),
        }))
    }
}

impl From<ModuleError> for SessionError {
    fn from(error: ModuleError) -> SessionError {
        SessionError::Module(Box::new(error))
    }
}

fn waited(waiting: Option<&str>) -> String {
    waiting.map(|player| format!("; it was waiting for {player}")).unwrap_or_default()
}

/// Where a number is: as errors of data say it, else by its row, counted from 1.
fn there(place: &Option<String>, row: usize) -> String {
    place.clone().unwrap_or_else(|| format!("row {}", row + 1))
}

/// A range, and where it is from.
fn limits(range: &InputRange) -> String {
    let from = if range.declared { "its range" } else { "what the program has room for" };
    format!("{from}, {}", show_range(range.low, range.high))
}

fn place(span: &Span) -> String {
    if span.is_known() { format!(" ({span})") } else { String::new() }
}

impl SessionError {
    /// The same error; of an input outside of its range, with its place in the owner's file, which `find` looks up by player,
    /// input and the element's number in row-major order.
    #[must_use]
    pub fn located(mut self, find: impl FnOnce(&str, &str, usize) -> Option<String>) -> SessionError {
        if let SessionError::InputRange { player, input, element, place, .. } = &mut self {
            *place = find(player, input, *element);
        }
        self
    }

    /// The same error, without the place of a number that the worker's own operator must not look at.
    pub(crate) fn inside(self) -> SessionError {
        match self {
            SessionError::InputRange { player, input, range, .. } => {
                SessionError::InputMisfit { player, input, what: format!("has a number outside of {}", limits(&range)) }
            }
            other => other,
        }
    }

    /// A stable code for programs.
    pub fn code(&self) -> &str {
        match self {
            SessionError::NotRunnable { .. } => "session.not-runnable",
            SessionError::DimUnbound { .. } => "session.dim-unbound",
            SessionError::DimMisfit { .. } => "session.dim-misfit",
            SessionError::InputMissing { .. } => "session.input-missing",
            SessionError::InputMisfit { .. } => "session.input-misfit",
            SessionError::InputsChanged { .. } => "session.inputs-changed",
            SessionError::Saved => "session.saved",
            SessionError::CheckpointsDiffer => "session.checkpoints-differ",
            SessionError::StoredMissing { .. } => "store.missing",
            SessionError::StoredMisfit { .. } => "store.misfit",
            SessionError::StoredDiffers { .. } => "store.differs",
            SessionError::Vault { error, .. } => error.code(),
            SessionError::InputRange { .. } => "session.input-range",
            SessionError::SharedRange { .. } => "session.shared-range",
            SessionError::RowsDiffer { .. } => "session.rows-differ",
            SessionError::GroupSize { .. } => "session.group-size",
            SessionError::BoundBroken { .. } => "session.bound-broken",
            SessionError::GroupBounds { .. } => "session.group-bounds",
            SessionError::SumMissing { .. } => "session.sum-missing",
            SessionError::Kernel(e) => e.code,
            SessionError::Module(e) => e.code,
            SessionError::Net(e) => e.code(),
            SessionError::Cancelled { .. } => "session.cancelled",
            SessionError::GivenUp { .. } => "session.given-up",
            SessionError::Deadline { .. } => "session.deadline",
            SessionError::Internal { .. } => "session.internal",
        }
    }

    /// The player concerned, if one is.
    pub fn player(&self) -> Option<String> {
        match self {
            SessionError::InputMissing { player, .. }
            | SessionError::InputMisfit { player, .. }
            | SessionError::InputRange { player, .. }
            | SessionError::SharedRange { player, .. }
            | SessionError::InputsChanged { player, .. }
            | SessionError::StoredMissing { player, .. }
            | SessionError::StoredMisfit { player, .. }
            | SessionError::SumMissing { player, .. }
            | SessionError::Vault { player, .. } => Some(player.clone()),
            SessionError::StoredDiffers { second, .. } => Some(second.clone()),
            SessionError::Kernel(e) => Some(e.player.clone()),
            SessionError::Module(e) => Some(e.player.clone()),
            SessionError::RowsDiffer { second, .. } => Some(second.clone()),
            SessionError::Net(e) => e.player().map(|p| p.name.to_string()),
            SessionError::Deadline { waiting, .. } => waiting.clone(),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            SessionError::NotRunnable { .. } => "`privity check` shows what the program needs".into(),
            SessionError::DimUnbound { dim } => {
                format!("give it, as `--dims {dim}=442`, or give data for an input that has it")
            }
            SessionError::DimMisfit { .. } => "compare the dims of the agreement with the program".into(),
            SessionError::InputMissing { player, input } => {
                format!("name its file under [{player}.{input}] in the data file or the worker's configuration")
            }
            SessionError::InputMisfit { .. } => "compare the data with the input's declaration in the program".into(),
            SessionError::InputsChanged { .. } => {
                "bring back the data that it was begun with, or begin a new session".into()
            }
            SessionError::GroupSize { .. } => "a sum over fewer would tell more of each: bring more members".into(),
            SessionError::BoundBroken { .. } => {
                "it would be left out of all sums over the group: contribute numbers that keep the bound".into()
            }
            SessionError::GroupBounds { .. } => {
                "nothing was summed: have more members contribute to an agreement of its own, or agree on wider bounds".into()
            }
            SessionError::SumMissing { .. } => {
                "have the members contribute, and the round end, before it is run: `privity terms` makes the round's terms".into()
            }
            SessionError::Saved => "load what was saved in another session".into(),
            SessionError::CheckpointsDiffer => {
                "try once more; if it is so again, a worker tells others different things: begin a new session".into()
            }
            SessionError::StoredMissing { name, .. } => {
                format!("run the computation that saves \"{name}\" first, with the same workers")
            }
            SessionError::StoredMisfit { .. } => {
                "declare in `load` the type, placement and label that it was saved with".into()
            }
            SessionError::StoredDiffers { name, .. } => {
                format!("save \"{name}\" anew, or restore the stores of one moment")
            }
            SessionError::Vault { error, .. } => error.help().into(),
            SessionError::InputRange { range, .. } if range.declared => {
                "compare the data, and their unit, with the range that the program declares".into()
            }
            SessionError::InputRange { input, .. } => format!(
                "the program declares no range for `{input}`, and this is what it has room for: scale the data, or \
                 declare a range, as `range 0..100`, and `privity check` says what makes room for it"
            ),
            SessionError::SharedRange { player, .. } => {
                format!(
                    "nothing was revealed; {player} deviates, or has a store that lies: do not run again before it is explained"
                )
            }
            SessionError::RowsDiffer { key, .. } => {
                format!("sort both files by `{key}`, and keep only rows that both have; then run again")
            }
            SessionError::Kernel(e) => e.help.clone(),
            SessionError::Module(e) => e.help.to_owned(),
            SessionError::Net(e) => e.help(),
            SessionError::Cancelled { .. } => "run again when those who cancelled it agree".into(),
            SessionError::GivenUp { .. } => "run again; what has checkpoints goes on with `privity resume`".into(),
            SessionError::Deadline { .. } => {
                "see at which player it waited (`privity logs`), or allow it more time".into()
            }
            SessionError::Internal { .. } => "this is a defect of privity: please report it with the program".into(),
        }
    }

    /// The same error, of a deadline with a player that was waited for when it passed.
    #[must_use]
    pub(crate) fn while_waiting(mut self, player: impl FnOnce() -> Option<String>) -> SessionError {
        if let SessionError::Deadline { waiting, .. } = &mut self
            && waiting.is_none()
        {
            *waiting = player();
        }
        self
    }

    /// The stable code of what ended the session, at whichever player that was.
    pub fn cause(&self) -> &str {
        match self {
            SessionError::Net(NetError::PeerAborted { reason, .. }) => reason,
            other => other.code(),
        }
    }

    /// Whether a peer or the network is at fault, rather than data or program.
    pub fn is_remote(&self) -> bool {
        matches!(self, SessionError::Net(_))
    }

    /// Whether it only echoes what another player found first.
    pub fn is_echo(&self) -> bool {
        matches!(self, SessionError::Net(NetError::PeerAborted { .. } | NetError::Ended { .. }))
    }
}
