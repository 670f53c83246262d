//! A client's secrets in one round, and what pairs derive from them.

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
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

/// Whether a public key is of large order: eight times a point of low order is the neutral element.
pub(crate) fn usable(key: &Bytes32) -> bool {
    !MontgomeryPoint(*key).mul_bits_be([true, false, false, false].into_iter()).is_identity()
}

/// What two clients derive both directions of their channel from. Wiped when dropped.
pub(crate) type Channel = Zeroizing<Bytes32>;

/// Agrees on a channel; `None` if the other's key is of low order.
pub(crate) fn channel(key: &StaticSecret, other: &Bytes32) -> Option<Channel> {
    let shared = key.diffie_hellman(&DhPublic::from(*other));
    shared.was_contributory().then(|| Zeroizing::new(shared.to_bytes()))
}

/// The cipher of one direction: its key serves for one message, so the nonce is fixed.
fn cipher(context: &Bytes32, channel: &Channel, from: u32, to: u32) -> Option<ChaCha20Poly1305> {
    let parts: [&[u8]; 4] = [context, &from.to_le_bytes(), &to.to_le_bytes(), &channel[..]];
    let key = Zeroizing::new(digest(domain::PAIR_CHANNEL, &parts));
    ChaCha20Poly1305::new_from_slice(&*key).ok()
}

/// Encrypts a pair of shares. (`None` cannot happen: the lengths are fixed.)
pub(crate) fn seal(
    context: &Bytes32,
    channel: &Channel,
    (from, to): (u32, u32),
    shares: (&Scalar, &Scalar),
) -> Option<Vec<u8>> {
    let mut content = Zeroizing::new([0; 64]);
    content[..32].copy_from_slice(shares.0.as_bytes());
    content[32..].copy_from_slice(shares.1.as_bytes());
    cipher(context, channel, from, to)?.encrypt(&Nonce::default(), &content[..]).ok()
}

/// Decrypts a pair of shares.
pub(crate) fn open(
    context: &Bytes32,
    channel: &Channel,
    (from, to): (u32, u32),
    sealed: &[u8],
) -> Option<(Scalar, Scalar)> {
    let content = Zeroizing::new(cipher(context, channel, from, to)?.decrypt(&Nonce::default(), sealed).ok()?);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::seeded;

    #[test]
    fn points_of_low_order_are_found() {
        let mut rng = seeded(1);
        for _ in 0..20 {
            assert!(usable(&DhPublic::from(&StaticSecret::random_from_rng(&mut rng)).to_bytes()));
        }
        let hex = |text: &str| -> Bytes32 {
            std::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        };
        let mut one = [0; 32];
        one[0] = 1;
        // 0, 1, p − 1, the two of order 8, and non-canonical 0.
        for low in [
            [0; 32],
            one,
            hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
            hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
            hex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
            hex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ] {
            assert!(!usable(&low), "{low:02x?}");
            assert!(channel(&StaticSecret::from([3; 32]), &low).is_none());
        }
    }
}
