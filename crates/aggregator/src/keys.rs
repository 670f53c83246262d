//! One key file for all: what a party's long-term key is in the protocols of aggregation.

use net::KeyPair;
use secagg::committee::Member;
use secagg::{OpenKey, PublicKey, SealKey, Signer};
use zeroize::Zeroizing;

use crate::error::Error;

const SEALING: &str = "privity aggregator v1 key for opening what clients seal to an aggregator";

/// The signing key of the protocols: the long-term key itself, whose signatures have domains of their own there.
#[must_use]
pub fn signer(key: &KeyPair) -> Signer {
    Signer::from_bytes(key.seed())
}

/// The key with which an aggregator opens what clients seal to it. It follows from the long-term key.
///
/// # Errors
/// [`Error::Terms`] if the derived bytes are no key, which has a negligible probability.
pub fn open_key(key: &KeyPair) -> Result<OpenKey, Error> {
    let secret = Zeroizing::new(blake3::derive_key(SEALING, key.seed()));
    OpenKey::from_bytes(&secret).ok_or_else(|| Error::terms("no sealing key follows from this key; make another"))
}

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
