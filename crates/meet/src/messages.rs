//! What is said between host and guest. Decoding is strict: nothing is left over, nothing is longer than it may be.

use net::Identity;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::ceremony::Entry;

/// The longest message.
pub(crate) const LONGEST: usize = 64 << 10;

/// A guest says.
#[derive(Serialize, Deserialize)]
pub(crate) enum FromGuest {
    /// I was invited by this word, and would be this player.
    Join { word: [u8; 8], name: String, endpoint: String, commitment: [u8; 32] },
    /// My nonce.
    Reveal { nonce: [u8; 32] },
    /// Whether the phrases agree.
    Confirm { agreed: bool },
}

/// The host says.
#[derive(Serialize, Deserialize)]
pub(crate) enum FromHost {
    /// Not you, or not so.
    Refused { reason: String },
    /// Somebody has this name already.
    NameTaken,
    /// Somebody came with this key already.
    KeyTaken,
    /// Everybody is here.
    Table { rows: Vec<Row> },
    /// Everybody's nonce, in the order of the table.
    Nonces { nonces: Vec<[u8; 32]> },
    /// Everybody has confirmed.
    Agreed,
    /// This one has not.
    Declined { by: String },
}

/// One player of the table.
#[derive(Serialize, Deserialize)]
pub(crate) struct Row {
    name: String,
    identity: [u8; 32],
    endpoint: String,
    commitment: [u8; 32],
}

impl From<&Entry> for Row {
    fn from(e: &Entry) -> Row {
        let (name, endpoint) = (e.name.clone(), e.endpoint.to_string());
        Row { name, identity: *e.identity.as_bytes(), endpoint, commitment: e.commitment }
    }
}

impl TryFrom<Row> for Entry {
    type Error = &'static str;

    fn try_from(row: Row) -> Result<Entry, &'static str> {
        let endpoint = row.endpoint.parse().map_err(|_| "an endpoint that is none")?;
        Ok(Entry { name: row.name, identity: Identity::from_bytes(row.identity), endpoint, commitment: row.commitment })
    }
}

/// The bytes of a message. None is longer than [`LONGEST`] as long as the ceremony bounds names and players.
pub(crate) fn encode(message: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(message).unwrap_or_default()
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Some(message),
        _ => None,
    }
}

/// Reads bytes as each message that arrives from outside: for fuzzing.
pub fn read_messages(bytes: &[u8]) {
    drop(decode::<FromGuest>(bytes));
    if let Some(FromHost::Table { rows }) = decode(bytes) {
        let rows: Result<Vec<Entry>, _> = rows.into_iter().map(Entry::try_from).collect();
        drop(rows.map(crate::ceremony::Table::new));
    }
}
