//! Identities, TLS, links, and the exchange of typed messages over them.
//!
//! A [`Link`] is an ordered, reliable pipe of [`Frame`]s between two players: in memory, over TLS, or
//! simulated from a seed. An [`Exchange`] is one player's end of one session: it holds one link per
//! peer, and what it offers upwards is a message board addressed by [`Step`]. Nothing here knows what
//! a message means; secrets pass through as opaque payloads and appear in no error and no log.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), net::NetError> {
//! use net::{Options, PlayerId, Scope, link::memory};
//!
//! let world = memory::world(&["alice", "bob"], &Options::in_process());
//! let (alice, bob) = (&world[0], &world[1]);
//! let step = Scope::root(b"session 7").child("greeting").step(0);
//!
//! alice.post(PlayerId(1), step, 1, "hello".into());
//! alice.flush();
//! let message = bob.take(PlayerId(0), step).await?;
//! assert_eq!(&message.payload[..], b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! Between workers, [`tls::listen`] serves the one port, a [`Switchboard`] takes its data connections,
//! and [`mesh::connect`] turns a roster into links that survive broken connections.

pub mod error;
pub mod exchange;
pub mod frame;
pub mod greet;
pub mod identity;
pub mod link;
pub mod mesh;
pub mod network;
pub mod player;
pub mod relay;
pub mod step;
pub mod tls;

pub use self::identity::{Identity, Invitation, InvitationError, KeyPair, PublicKey, invite};
pub use error::NetError;
pub use exchange::{Exchange, Message, Options};
pub use frame::Frame;
pub use greet::Card;
pub use link::Link;
pub use mesh::Switchboard;
pub use player::{Player, PlayerId};
pub use step::{Label, Scope, Step};
pub use tls::{Acceptor, Alpn, Credentials, Dialer, Proofs, Secured};
