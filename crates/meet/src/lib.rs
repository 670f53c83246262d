//! Coming together: how parties that know nothing of each other's machines come to one roster.
//!
//! One party *invites*: its code, sent by any means, says where to find it and carries a one-time word. The others
//! *join* with it. Then everybody has the same roster and the same short phrase, reads the phrase to the others over a
//! channel in which they know each other (a call), and confirms. Only when all have confirmed is there a roster.
//!
//! **What the phrase proves.** Nobody is authenticated before it: who steals a code, or stands between host and guest,
//! gets as far as the phrase. Each party commits to a fresh nonce before it sees anyone's, and reveals it only after it
//! has the whole table of names, identities, endpoints and commitments (as in the short-authentication-string protocols of
//! Vaudenay 2005). The phrase is a hash of the table and all nonces. Whoever shows two parties different tables,
//! the host included, has fixed both before one honest nonce is known, so the phrases agree with probability 2^-64.
//!
//! `ceremony` is the protocol, without sockets; [`invite`] and [`join`] speak it over TLS between any two keys.

mod ceremony;
mod code;
mod error;
mod guest;
mod host;
mod line;
mod messages;
mod words;

pub use ceremony::{Entry, Met};
pub use code::Code;
pub use error::MeetError;
pub use guest::join;
pub use host::{Invitation, invite};
pub use messages::read_messages;
