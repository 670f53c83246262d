//! Public keys, as terms write them.

use secagg::committee::Member;
use secagg::{PublicKey, SealKey};

use crate::error::Error;

/// The public key of this text: 64 hexadecimal digits.
pub(crate) fn public_key(text: &str) -> Result<PublicKey, Error> {
    let key = bytes32(text).and_then(|bytes| PublicKey::from_bytes(&bytes));
    key.ok_or_else(|| Error::terms(format!("`{text}` is no public key of 64 hexadecimal digits")))
}

/// What terms say of an aggregator.
pub(crate) fn member(key: &str, seal: &str) -> Result<Member, Error> {
    let sealing = bytes32(seal).and_then(|bytes| SealKey::from_bytes(&bytes));
    let seal = sealing.ok_or_else(|| Error::terms(format!("`{seal}` is no sealing key of 64 hexadecimal digits")))?;
    Ok(Member { key: public_key(key)?, seal })
}

fn bytes32(text: &str) -> Option<[u8; 32]> {
    hex::decode(text).ok()?.try_into().ok()
}
