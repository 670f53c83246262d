//! How bytes are sealed: XChaCha20-Poly1305, and the keys that a root key stands for.
//!
//! Nonces of records are random (24 bytes, so that they never repeat by chance). A payload has a random key of its
//! own that seals nothing else, and its chunks count their nonces up.

use std::fs::File;
use std::io;
use std::path::Path;

use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Key, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::key::RootKey;

/// Bytes of a nonce.
pub(crate) const NONCE: usize = 24;
/// Bytes of an authentication tag.
pub(crate) const TAG: usize = 16;

const RECORDS: &str = "privity 2026-11 store: sealing of records v1";
const WRAPPING: &str = "privity 2026-11 store: wrapping of payload keys v1";
const PLACES: &str = "privity 2026-11 store: places of records v1";
const TALLY: &str = "privity 2026-11 store: sum over records v1";

/// The keys of one generation of a store.
pub(crate) struct Keys {
    /// Seals records.
    pub(crate) records: Zeroizing<[u8; 32]>,
    /// Wraps the keys of payloads.
    pub(crate) wrapping: Zeroizing<[u8; 32]>,
    /// Hides names: a record's place in the database is a keyed hash.
    pub(crate) places: Zeroizing<[u8; 32]>,
    /// Makes the sum over all records unpredictable.
    pub(crate) tally: Zeroizing<[u8; 32]>,
}

impl Keys {
    pub(crate) fn of(root: &RootKey) -> Keys {
        let derive = |context| Zeroizing::new(blake3::derive_key(context, root.as_bytes()));
        Keys { records: derive(RECORDS), wrapping: derive(WRAPPING), places: derive(PLACES), tally: derive(TALLY) }
    }
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key))
}

/// Seals under a fresh nonce: nonce, ciphertext, tag.
///
/// # Errors
/// If the operating system gives no randomness.
pub(crate) fn seal(key: &[u8; 32], bound: &[u8], plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(|e| io::Error::other(e.to_string()))?;
    let mut sealed = Vec::with_capacity(NONCE + plain.len() + TAG);
    sealed.extend(nonce);
    sealed.extend(plain);
    let tag = seal_in_place(key, nonce, bound, &mut sealed[NONCE..])?;
    sealed.extend(tag);
    Ok(sealed)
}

/// Opens what [`seal`] made; nothing if it is anything else.
pub(crate) fn unseal(key: &[u8; 32], bound: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>()?;
    let (body, tag) = rest.split_last_chunk::<TAG>()?;
    let mut plain = Zeroizing::new(body.to_vec());
    unseal_in_place(key, *nonce, bound, &mut plain, *tag).then_some(plain)
}

/// Seals a buffer where it stands, and gives its tag.
pub(crate) fn seal_in_place(
    key: &[u8; 32],
    nonce: [u8; NONCE],
    bound: &[u8],
    buffer: &mut [u8],
) -> io::Result<[u8; TAG]> {
    cipher(key)
        .encrypt_inout_detached(&XNonce::from(nonce), bound, InOutBuf::from(buffer))
        .map(Into::into)
        .map_err(|_| io::Error::other("too long to seal"))
}

/// Opens a buffer where it stands. If it does not hold, the buffer is as it was.
pub(crate) fn unseal_in_place(
    key: &[u8; 32],
    nonce: [u8; NONCE],
    bound: &[u8],
    buffer: &mut [u8],
    tag: [u8; TAG],
) -> bool {
    cipher(key).decrypt_inout_detached(&XNonce::from(nonce), bound, InOutBuf::from(buffer), &Tag::from(tag)).is_ok()
}

/// Makes the names in a file's folder durable.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
