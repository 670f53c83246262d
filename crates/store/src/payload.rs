//! Payloads: the bytes of values and checkpoints, in chunks sealed under a key of their own.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::StoreError;
use crate::database::{self, CHUNKS, Read};
use crate::seal::{self, NONCE, TAG};
use crate::slots::Slots;
use crate::store::Batch;

/// Plain bytes of a full chunk. With tag and the database's own bytes it just fits a mebibyte.
const CHUNK: usize = (1 << 20) - 4096;

/// Where a payload is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Payload {
    id: [u8; 16],
    /// Where its key is.
    pub(crate) slot: u32,
    /// Its plain bytes.
    pub(crate) length: u64,
}

impl Payload {
    /// How many chunks it has; an empty one has one, so that it is authenticated too.
    fn chunks(&self) -> u64 {
        self.length.div_ceil(CHUNK as u64).max(1)
    }

    fn chunk_key(&self, index: u64) -> [u8; 24] {
        let mut key = [0; 24];
        key[..16].copy_from_slice(&self.id);
        key[16..].copy_from_slice(&index.to_be_bytes());
        key
    }

    /// What every chunk is authenticated with: whose bytes they are, and how many.
    fn bound(&self, to: &[u8; 32]) -> Vec<u8> {
        [b"privity 2026-11 store: payload v1".as_slice(), &self.id, &self.length.to_le_bytes(), to].concat()
    }

    /// What a wrapped key is authenticated with.
    pub(crate) fn wrap_bound(&self, store: &[u8; 16]) -> Vec<u8> {
        [b"privity 2026-11 store: payload key v1".as_slice(), store, &self.id, &self.slot.to_le_bytes()].concat()
    }
}

/// Chunks count their nonces: each key seals one payload.
fn nonce(index: u64) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    nonce[..8].copy_from_slice(&index.to_le_bytes());
    nonce
}

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, StoreError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|_| crate::key::KeyFault::Randomness)?;
    Ok(bytes)
}

/// The key of a payload.
pub(crate) fn key(
    slots: &Slots,
    wrapping: &[u8; 32],
    store: &[u8; 16],
    payload: &Payload,
    of: &str,
) -> Result<Zeroizing<[u8; 32]>, StoreError> {
    let wrapped = slots.get(payload.slot).ok_or_else(|| StoreError::corrupt(of, "its key is missing"))?;
    let plain = seal::unseal(wrapping, &payload.wrap_bound(store), &wrapped)
        .ok_or_else(|| StoreError::corrupt(of, "its key was altered or destroyed"))?;
    let bytes = plain.as_slice().try_into().map_err(|_| StoreError::corrupt(of, "its key has another length"))?;
    Ok(Zeroizing::new(bytes))
}

/// Reads a payload whole. `to` is the digest of what it belongs to.
pub(crate) fn read(
    from: &impl Read,
    key: &[u8; 32],
    payload: &Payload,
    to: &[u8; 32],
    of: &str,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut plain = Zeroizing::new(Vec::new());
    let length = usize::try_from(payload.length).ok().filter(|length| plain.try_reserve_exact(*length).is_ok());
    if length.is_none() {
        return Err(StoreError::Database { what: format!("no memory for {} bytes", payload.length) });
    }
    each_part(from, key, payload, to, of, |part| plain.extend_from_slice(part))?;
    Ok(plain)
}

/// Opens a payload part by part.
pub(crate) fn each_part(
    from: &impl Read,
    key: &[u8; 32],
    payload: &Payload,
    to: &[u8; 32],
    of: &str,
    mut take: impl FnMut(&[u8]),
) -> Result<(), StoreError> {
    let bound = payload.bound(to);
    let mut part = Zeroizing::new(Vec::with_capacity(CHUNK.min(payload.length as usize)));
    for index in 0..payload.chunks() {
        let expected = (payload.length - index * CHUNK as u64).min(CHUNK as u64) as usize;
        part.clear();
        let tag = from.chunk(&payload.chunk_key(index), |sealed| {
            let (body, tag) = sealed.split_last_chunk::<TAG>()?;
            (body.len() == expected).then(|| {
                part.extend_from_slice(body);
                *tag
            })
        })?;
        let held = tag.flatten().is_some_and(|tag| seal::unseal_in_place(key, nonce(index), &bound, &mut part, tag));
        if !held {
            let what = format!("part {} of {} was altered or is missing", index + 1, payload.chunks());
            return Err(StoreError::corrupt(of, what));
        }
        take(&part);
    }
    Ok(())
}

impl Batch<'_> {
    /// Writes a payload that belongs to what `to` is the digest of.
    pub(crate) fn write_payload(&mut self, to: &[u8; 32], plain: &[u8]) -> Result<Payload, StoreError> {
        let key = random::<32>()?;
        let mut payload = Payload { id: *random::<16>()?, slot: 0, length: plain.len() as u64 };
        payload.slot = self.put_key(&key, &payload)?;
        let bound = payload.bound(to);
        let mut table = self.txn.open_table(CHUNKS).map_err(database::error)?;
        let mut sealed = Vec::with_capacity(plain.len().min(CHUNK) + TAG);
        for index in 0..payload.chunks() {
            let start = index as usize * CHUNK;
            sealed.clear();
            sealed.extend_from_slice(&plain[start..plain.len().min(start + CHUNK)]);
            let tag = seal::seal_in_place(&key, nonce(index), &bound, &mut sealed)
                .map_err(|source| StoreError::System { what: "sealing a value".into(), source })?;
            sealed.extend(tag);
            table.insert(payload.chunk_key(index).as_slice(), sealed.as_slice()).map_err(database::error)?;
        }
        Ok(payload)
    }

    /// Removes a payload; its key is destroyed once the batch is durable.
    pub(crate) fn drop_payload(&mut self, payload: &Payload) -> Result<(), StoreError> {
        let mut table = self.txn.open_table(CHUNKS).map_err(database::error)?;
        for index in 0..payload.chunks() {
            table.remove(payload.chunk_key(index).as_slice()).map_err(database::error)?;
        }
        self.freed.push(payload.slot);
        Ok(())
    }
}
