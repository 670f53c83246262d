//! One line of the log, and its signed head.

use net::{KeyPair, PublicKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Event;

/// What the hash of an entry is separated by.
const ENTRY: &str = "privity 2026-11 audit entry v1";
/// What a worker's signature under an entry is for.
const SIGNATURE: &str = "privity audit entry";
/// What stands between an entry's content and its signature.
const SIGNED: &str = ",\"signature\":\"";
/// Characters of a signature, the quote and the brace after it.
const TAIL: usize = 128 + 2;

/// An entry of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its number, from 0.
    pub seq: u64,
    /// When it was written, in milliseconds since 1970 (UTC), by the worker's clock.
    pub time: u64,
    /// What happened.
    pub event: Event,
    /// The hash of the entry before it; zero for the first.
    pub prev: [u8; 32],
    /// Its hash.
    pub hash: [u8; 32],
    /// The worker's signature over number and hash.
    pub signature: [u8; 64],
}

impl Entry {
    /// The entry as JSON, with its hash.
    pub fn to_json(&self) -> Value {
        let mut all = fields(self.seq, self.time, &self.event, &self.prev);
        all.insert("signature".into(), hex::encode(self.signature).into());
        all.insert("hash".into(), hex::encode(self.hash).into());
        Value::Object(all)
    }

    /// The head that this entry is.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash, signature: self.signature }
    }
}

fn fields(seq: u64, time: u64, event: &Event, prev: &[u8; 32]) -> Map<String, Value> {
    let mut all = Map::new();
    all.insert("seq".into(), seq.into());
    all.insert("time".into(), time.into());
    all.extend(event.to_fields());
    all.insert("prev".into(), hex::encode(prev).into());
    all
}

/// The line of an entry, with its line feed, and its head.
pub(crate) fn write(seq: u64, time: u64, event: &Event, prev: &[u8; 32], key: &KeyPair) -> (String, Head) {
    let mut line = Value::Object(fields(seq, time, event, prev)).to_string();
    let hash = blake3::derive_key(ENTRY, line.as_bytes());
    let signature = key.sign(SIGNATURE, &signed(seq, &hash));
    line.pop();
    line.push_str(SIGNED);
    line.push_str(&hex::encode(signature));
    line.push_str("\"}\n");
    (line, Head { seq, hash, signature })
}

/// Reads a line without its line feed, or says why it is none. Verifies nothing.
pub(crate) fn read(line: &[u8]) -> Result<Entry, String> {
    let line = std::str::from_utf8(line).map_err(|_| "it is no text")?;
    let start = line.len().checked_sub(TAIL + SIGNED.len()).ok_or("it is too short")?;
    let (body, tail) = line.split_at_checked(start).ok_or("it has no signature")?;
    let tail = tail.strip_prefix(SIGNED).and_then(|t| t.strip_suffix("\"}")).ok_or("it has no signature")?;
    let signature = bytes::<64>(tail).ok_or("its signature is none")?;
    let body = format!("{body}}}");
    let Ok(Value::Object(mut fields)) = serde_json::from_str(&body) else { return Err("it is no JSON object".into()) };
    let hash = blake3::derive_key(ENTRY, body.as_bytes());
    let mut number = |name: &str| {
        fields.shift_remove(name).and_then(|v| v.as_u64()).ok_or_else(|| format!("it has no number `{name}`"))
    };
    let (seq, time) = (number("seq")?, number("time")?);
    let prev = fields.shift_remove("prev").and_then(|v| bytes::<32>(v.as_str()?)).ok_or("it has no hash `prev`")?;
    let event = Event::from_fields(fields).ok_or("it has no kind")?;
    Ok(Entry { seq, time, event, prev, hash, signature })
}

/// The bytes of a text in hexadecimal: small letters only, so that one value has one text.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    (!text.contains(|c: char| c.is_ascii_uppercase())).then_some(bytes)
}

fn signed(seq: u64, hash: &[u8; 32]) -> Vec<u8> {
    [&seq.to_be_bytes()[..], hash].concat()
}

/// The signed number and hash of an entry: with it, anyone can tell later whether the log still has that entry and all
/// before it. It goes into receipts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The entry's number.
    pub seq: u64,
    /// Its hash.
    #[serde(with = "as_hex")]
    pub hash: [u8; 32],
    /// The worker's signature over both.
    #[serde(with = "as_hex")]
    pub signature: [u8; 64],
}

impl Head {
    /// Whether this worker signed it.
    pub fn is_of(&self, key: &PublicKey) -> bool {
        key.verify(SIGNATURE, &signed(self.seq, &self.hash), &self.signature).is_ok()
    }
}

mod as_hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer, const N: usize>(bytes: &[u8; N], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(d: D) -> Result<[u8; N], D::Error> {
        super::bytes(&String::deserialize(d)?).ok_or_else(|| D::Error::custom(format!("{N} bytes in hexadecimal")))
    }
}
