//! One run of one plan.
//!
//! Every worker [projects](Plan::project) its own plan from the computation that was ratified; [`run()`] meets the
//! other players over links, makes keys, compares rows, and executes the plan. [`run_local`] does the same for all
//! players in one process.
//!
//! Invariants: a plan comes only from a checked computation; inputs are read only by the player that they belong to,
//! outputs arrive only at their readers; no mask is used twice; whatever goes wrong ends the session for everyone.

mod bind;
mod checked;
mod checkpoint;
mod commit;
mod drive;
mod error;
mod events;
mod exec;
mod federated;
mod held;
mod keep;
mod local;
mod matching;
mod memory;
mod module;
mod pace;
mod plan;
mod reference;
mod rehearse;
mod run;
pub mod settle;
mod slots;
mod stage;
mod vault;

pub use commit::{Commitments, commitments, published};
pub use error::{KernelError, SessionError};
pub use events::{Event, Observer, unobserved};
pub use federated::{Round, Sums};
pub use local::{Outcomes, PlayerData, run_local};
pub use matching::KeyColumns;
pub use memory::memory_bound;
pub use module::{ModuleError, Modules};
pub use plan::{Act, Dims, Part, Plan, Step};
pub use reference::evaluate;
pub use rehearse::{Prediction, rehearse};
pub use run::{ATTEMPTS, Cost, Outcome, Start, Stop, run, unstopped};
pub use stage::Entropy;
pub use vault::{Attempt, MemoryVault, Note, Secret, StoredLabel, StoredMeta, StoredValue, Subject, Vault, VaultError};
