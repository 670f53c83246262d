//! Identities, TLS, links, and the exchange of typed messages over them.
//!
//! A [`Link`] is an ordered, reliable pipe of [`Frame`]s between two players: in memory, over TLS, or
//! simulated from a seed. An [`Exchange`] is one player's end of one session: it holds one link per
//! peer, and what it offers upwards is a message board addressed by [`Step`]. Nothing here knows what
//! a message means; secrets pass through as opaque payloads and appear in no error and no log.

pub mod error;
pub mod exchange;
pub mod frame;
pub mod greet;
pub mod identity;
pub mod link;
pub mod mesh;
pub mod player;
pub mod step;
pub mod tls;

pub use error::NetError;
pub use exchange::{Exchange, Message, Options};
pub use frame::Frame;
pub use greet::Card;
pub use identity::{Identity, KeyPair, PublicKey};
pub use link::Link;
pub use mesh::Switchboard;
pub use player::{Player, PlayerId};
pub use step::{Label, Scope, Step};
pub use tls::{Acceptor, Alpn, Credentials, Dialer, Secured};
