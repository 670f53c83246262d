//! A client's secrets in one round, and what pairs derive from them.

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use curve25519_dalek::scalar::Scalar;
use rand_core::CryptoRng;
use x25519_dalek::{PublicKey as DhPublic, StaticSecret};
use zeroize::{Zeroize, Zeroizing};

use crate::domain;
use crate::mask::Seed;
use crate::shamir;
use crate::wire::{Bytes32, digest};

/// Bytes of an encrypted pair of shares.
pub(crate) const SEALED: usize = 64 + 16;
/// Bytes of a commitment to a share. A forger needs a second preimage of a share that somebody else made.
pub(crate) const COMMITMENT: usize = 16;

/// Which secret of a client a share belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Secret {
    /// The key of its pairwise masks: revealed if it vanished.
    Pair = 0,
    /// Its own mask: revealed if it survived.
    Own = 1,
}

/// What one client must keep to itself for one round. Wiped when dropped.
pub(crate) struct Secrets {
    pub(crate) channel: StaticSecret,
    pub(crate) pair: Zeroizing<Scalar>,
    pub(crate) own: Zeroizing<Scalar>,
}

impl Secrets {
    pub(crate) fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self {
            channel: StaticSecret::random_from_rng(rng),
            pair: Zeroizing::new(shamir::random(rng)),
            own: Zeroizing::new(shamir::random(rng)),
        }
    }
}

/// The key of a client's pairwise masks, from the scalar that was shared.
pub(crate) fn pair_key(context: &Bytes32, secret: &Scalar) -> StaticSecret {
    let mut bytes = digest(domain::MASK_SECRET, &[context, secret.as_bytes()]);
    let key = StaticSecret::from(bytes);
    bytes.zeroize();
    key
}

/// The seed of a client's own mask, from the scalar that was shared.
pub(crate) fn own_seed(context: &Bytes32, secret: &Scalar) -> Seed {
    Seed(digest(domain::SELF_MASK, &[context, secret.as_bytes()]))
}

/// The seed that two clients agree on; `None` if a key is of low order (everyone would know the seed).
pub(crate) fn pair_seed(context: &Bytes32, key: &StaticSecret, other: &Bytes32, ends: (u32, u32)) -> Option<Seed> {
    let shared = key.diffie_hellman(&DhPublic::from(*other));
    let (low, high) = (ends.0.min(ends.1), ends.0.max(ends.1));
    let parts: [&[u8]; 4] = [context, &low.to_le_bytes(), &high.to_le_bytes(), shared.as_bytes()];
    shared.was_contributory().then(|| Seed(digest(domain::PAIR_MASK, &parts)))
}

/// Whether a public key is one that any two secrets agree on different values with.
pub(crate) fn usable(key: &Bytes32) -> bool {
    StaticSecret::from([1; 32]).diffie_hellman(&DhPublic::from(*key)).was_contributory()
}

/// The cipher from one client to another: its key serves for one message, so the nonce is fixed.
fn channel(context: &Bytes32, key: &StaticSecret, other: &Bytes32, from: u32, to: u32) -> Option<ChaCha20Poly1305> {
    let shared = key.diffie_hellman(&DhPublic::from(*other));
    let parts: [&[u8]; 4] = [context, &from.to_le_bytes(), &to.to_le_bytes(), shared.as_bytes()];
    let key = Zeroizing::new(digest(domain::PAIR_CHANNEL, &parts));
    shared.was_contributory().then(|| ChaCha20Poly1305::new_from_slice(&*key).ok()).flatten()
}

/// Encrypts a pair of shares; `None` if the other's key is of low order.
pub(crate) fn seal(
    context: &Bytes32,
    key: &StaticSecret,
    other: &Bytes32,
    (from, to): (u32, u32),
    shares: (&Scalar, &Scalar),
) -> Option<Vec<u8>> {
    let mut content = Zeroizing::new([0; 64]);
    content[..32].copy_from_slice(shares.0.as_bytes());
    content[32..].copy_from_slice(shares.1.as_bytes());
    channel(context, key, other, from, to)?.encrypt(&Nonce::default(), &content[..]).ok()
}

/// Decrypts a pair of shares.
pub(crate) fn open(
    context: &Bytes32,
    key: &StaticSecret,
    other: &Bytes32,
    (from, to): (u32, u32),
    sealed: &[u8],
) -> Option<(Scalar, Scalar)> {
    let content = Zeroizing::new(channel(context, key, other, from, to)?.decrypt(&Nonce::default(), sealed).ok()?);
    let (pair, own) = content.split_at_checked(32)?;
    Some((shamir::decode(pair.try_into().ok()?)?, shamir::decode(own.try_into().ok()?)?))
}

/// A commitment to the share that `holder` has of a secret of `owner`.
pub(crate) fn commitment(
    context: &Bytes32,
    owner: u32,
    holder: u32,
    secret: Secret,
    share: &Scalar,
) -> [u8; COMMITMENT] {
    let parts: [&[u8]; 5] = [context, &owner.to_le_bytes(), &holder.to_le_bytes(), &[secret as u8], share.as_bytes()];
    let full = digest(domain::SHARE_COMMITMENT, &parts);
    let mut out = [0; COMMITMENT];
    out.copy_from_slice(&full[..COMMITMENT]);
    out
}
