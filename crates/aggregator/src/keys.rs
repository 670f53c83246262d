//! One key file for all: what a party's long-term key is in the protocols of aggregation.

use net::KeyPair;
use secagg::{OpenKey, Signer};
use terms::AggregatorDraft;
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

/// What terms say of the aggregator with this key, without a name.
///
/// # Errors
/// As [`open_key`].
pub fn told(key: &KeyPair) -> Result<AggregatorDraft, Error> {
    let (key, seal) = (hex::encode(key.public().to_bytes()), hex::encode(open_key(key)?.public().to_bytes()));
    Ok(AggregatorDraft { name: String::new(), key, seal, policy: None, evidence: None })
}
