//! Records: what each table holds, where a record is put, and how it is sealed there.

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::StoreError;
use crate::seal::{self, Keys, NONCE, TAG};

/// The tables. Their numbers are part of the form on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Table {
    Values = 1,
    Staged = 2,
    Saves = 3,
    Checkpoints = 4,
    Sessions = 5,
    Counters = 6,
    Watermark = 7,
    Proposals = 8,
    Answers = 9,
    Receipts = 10,
    Openings = 11,
    Notes = 12,
}

impl Table {
    pub(crate) const ALL: [Table; 12] = [
        Table::Values,
        Table::Staged,
        Table::Saves,
        Table::Checkpoints,
        Table::Sessions,
        Table::Counters,
        Table::Watermark,
        Table::Proposals,
        Table::Answers,
        Table::Receipts,
        Table::Openings,
        Table::Notes,
    ];

    pub(crate) fn of(number: u8) -> Option<Table> {
        Table::ALL.into_iter().find(|t| *t as u8 == number)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Table::Values => "values",
            Table::Staged => "staged values",
            Table::Saves => "saves",
            Table::Checkpoints => "checkpoints",
            Table::Sessions => "sessions",
            Table::Counters => "counts",
            Table::Watermark => "watermark",
            Table::Proposals => "proposals",
            Table::Answers => "ratifications",
            Table::Receipts => "receipts",
            Table::Openings => "openings",
            Table::Notes => "notes",
        }
    }
}

/// What a table holds. Records of one scope (a session, an agreement) lie together.
pub(crate) trait Record: Serialize + DeserializeOwned {
    const TABLE: Table;
}

/// Where a record is: table, keyed hash of its scope, keyed hash of scope and key.
pub(crate) type Place = [u8; 33];

/// The beginning that all places of a scope share.
pub(crate) type ScopePrefix = [u8; 17];

pub(crate) fn scope(keys: &Keys, table: Table, scope: &[u8]) -> ScopePrefix {
    let mut prefix = [table as u8; 17];
    prefix[1..].copy_from_slice(&hash(keys, &[&[table as u8], scope])[..16]);
    prefix
}

pub(crate) fn place(keys: &Keys, table: Table, in_scope: &[u8], key: &[u8]) -> Place {
    let mut place = [0; 33];
    place[..17].copy_from_slice(&scope(keys, table, in_scope));
    place[17..].copy_from_slice(&hash(keys, &[&[table as u8], in_scope, key])[..16]);
    place
}

/// A keyed hash over parts, each with its length before it.
fn hash(keys: &Keys, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(&keys.places);
    hasher.update(&(parts.len() as u64).to_le_bytes());
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    *hasher.finalize().as_bytes()
}

/// A sealed record's share of the sum over all records. Each sealing has a fresh nonce, so no two are alike.
///
/// The sum is the XOR of these, a multiset hash (Clarke et al., *Incremental multiset hash functions*, 2003, §3.2). Its
/// value is kept sealed: who does not know the key sees neither the sum nor what a record adds to it.
pub(crate) fn share(keys: &Keys, place: &[u8], sealed: &[u8]) -> [u8; 32] {
    let nonce = sealed.get(..NONCE).unwrap_or(sealed);
    let tag = &sealed[sealed.len().saturating_sub(TAG)..];
    let mut hasher = blake3::Hasher::new_keyed(&keys.tally);
    for part in [place, nonce, tag] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    *hasher.finalize().as_bytes()
}

/// What a record is authenticated with, besides its content.
fn bound(store: &[u8; 16], place: &[u8]) -> Vec<u8> {
    [b"privity 2026-11 store: record v1".as_slice(), store, place].concat()
}

/// A record as it is sealed: with its scope and key, since its place shows neither.
pub(crate) fn seal_record<R: Record>(
    keys: &Keys,
    store: &[u8; 16],
    scope: &[u8],
    key: &[u8],
    record: &R,
) -> Result<(Place, Vec<u8>), StoreError> {
    let place = place(keys, R::TABLE, scope, key);
    let plain =
        postcard::to_allocvec(&(scope, key, record)).map_err(|e| StoreError::Database { what: e.to_string() })?;
    Ok((place, seal_for(keys, store, &place, &Zeroizing::new(plain))?))
}

/// An opened record, placed and sealed under other keys.
pub(crate) fn move_record(
    keys: &Keys,
    store: &[u8; 16],
    old: &[u8],
    plain: &[u8],
) -> Result<(Place, Vec<u8>), StoreError> {
    let table = old.first().and_then(|number| Table::of(*number));
    let names = postcard::take_from_bytes::<(Vec<u8>, Vec<u8>)>(plain);
    let (Some(table), Ok(((scope, key), _))) = (table, names) else {
        return Err(StoreError::corrupt(entry(old), "its content has another form"));
    };
    let place = place(keys, table, &scope, &key);
    Ok((place, seal_for(keys, store, &place, plain)?))
}

/// Seals a record's plain bytes for a place.
fn seal_for(keys: &Keys, store: &[u8; 16], place: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
    seal::seal(&keys.records, &bound(store, place), plain)
        .map_err(|source| StoreError::System { what: "sealing a record".into(), source })
}

/// Opens a record without looking into it.
pub(crate) fn unseal_record(
    keys: &Keys,
    store: &[u8; 16],
    place: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    seal::unseal(&keys.records, &bound(store, place), sealed)
        .ok_or_else(|| StoreError::corrupt(entry(place), "it was altered, or put in the place of another"))
}

/// A record with its scope and key.
pub(crate) struct Found<R> {
    pub(crate) scope: Vec<u8>,
    pub(crate) key: Vec<u8>,
    pub(crate) record: R,
}

/// Reads an opened record, and nothing but a record.
pub(crate) fn decode<R: Record>(place: &[u8], plain: &[u8]) -> Result<Found<R>, StoreError> {
    match postcard::take_from_bytes::<(Vec<u8>, Vec<u8>, R)>(plain) {
        Ok(((scope, key, record), [])) => Ok(Found { scope, key, record }),
        _ => Err(StoreError::corrupt(entry(place), "its content has another form")),
    }
}

/// How a record is called in an error, where its name cannot be read.
pub(crate) fn entry(place: &[u8]) -> String {
    let table = place.first().and_then(|n| Table::of(*n)).map_or("unknown table", Table::name);
    let end = &place[place.len().saturating_sub(4)..];
    format!("{table}, record {}", hex::encode(end))
}
