//! Protections: share types, their kernels, and the functions written once over them.
//!
//! | module | what it has |
//! |---|---|
//! | [`party`] | [`Party`]: one player's view of one operator instance; all that a kernel sees |
//! | [`keys`] | [`SessionKeys`]: where all shared and private randomness comes from |
//! | [`replicated`] | three players, honest majority, semi-honest |
//! | [`malicious`] | the same sharing, where one player may deviate: everything is verified before it is revealed |
//! | [`primitives`] | what a scheme brings, as traits |
//! | [`functions`] | division, roots, reductions: written once over the primitives |
//!
//! Kernels are `async fn`s of one player's view that read like their paper. They know nothing of operators of the
//! language, of plans or of sockets.

pub mod channel;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
pub mod cost;
pub mod dispatch;
pub mod error;
pub mod functions;
#[cfg(any(test, feature = "testing"))]
pub mod ideal;
pub mod keys;
pub mod malicious;
pub mod party;
pub mod plain;
pub mod primitives;
pub mod replicated;
pub mod stored;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod value;
pub mod wire;

pub use channel::Channel;
pub use dispatch::{Route, Within, apply, settled, transfer};
pub use error::{Error, Result};
pub use keys::{PairSecret, SessionKeys};
pub use party::{Context, Party, limit_threads};
pub use plain::Plain;
pub use value::{Env, Value};
pub use wire::Wire;
