//! A key on its way: sealed with HPKE (RFC 9180, base mode, X25519 / HKDF-SHA256 / ChaCha20-Poly1305) to a fresh key of the
//! machine that asks, which its evidence names.
//!
//! The evidence's report data is a hash over what the key is for ([`Purpose`]), the owner's fresh challenge, and the
//! machine's public key. The same is HPKE's `info`. So what was sealed opens inside the machine that proved itself, for this
//! session and input only; the connections that carry it need not be trusted with it.

use agreement::{Digest, SessionId};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use net::Identity;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::sealed::TableKey;

const DOMAIN: &str = "privity 2026-11-21 key release: report data";

/// Bytes of the encapsulated key.
const ENCAPSULATED: usize = 32;

/// What a key is released for.
pub(crate) struct Purpose<'a> {
    pub(crate) agreement: Digest,
    pub(crate) session: SessionId,
    pub(crate) attempt: u32,
    pub(crate) input: &'a str,
    /// Whose table it is.
    pub(crate) owner: Identity,
    /// Whose machine asks.
    pub(crate) machine: Identity,
    /// The table's key, as its owner wrapped it.
    pub(crate) wrapped: &'a [u8],
}

impl Purpose<'_> {
    /// What evidence for this has to say, given the owner's challenge and the machine's public key.
    pub(crate) fn report_data(&self, challenge: &[u8; 32], public: &[u8; 32]) -> [u8; 32] {
        let mut hash = blake3::Hasher::new_derive_key(DOMAIN);
        // Of fixed lengths, but the two that are hashed first.
        for part in [
            &self.agreement.0[..],
            &self.session.0,
            &self.attempt.to_be_bytes(),
            blake3::hash(self.input.as_bytes()).as_bytes(),
            self.owner.as_bytes(),
            self.machine.as_bytes(),
            blake3::hash(self.wrapped).as_bytes(),
            challenge,
            public,
        ] {
            hash.update(part);
        }
        *hash.finalize().as_bytes()
    }
}

/// The fresh key pair of one request. Its private half is wiped on drop.
pub(crate) struct Recipient {
    private: <X25519HkdfSha256 as Kem>::PrivateKey,
    public: [u8; 32],
}

impl Recipient {
    /// A pair from 32 fresh bytes.
    pub(crate) fn new(fresh: &Zeroizing<[u8; 32]>) -> Recipient {
        let (private, public) = X25519HkdfSha256::derive_keypair(fresh.as_slice());
        Recipient { private, public: public.to_bytes().into() }
    }

    pub(crate) fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Opens what was sealed to it; `None` if it was for another purpose, or changed.
    pub(crate) fn open(&self, info: &[u8; 32], message: &[u8]) -> Option<TableKey> {
        let (encapsulated, sealed) = message.split_at_checked(ENCAPSULATED)?;
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated).ok()?;
        let key = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.private,
            &encapsulated,
            info,
            sealed,
            &[],
        );
        let key = Zeroizing::new(key.ok()?);
        Some(TableKey(Zeroizing::new(key.as_slice().try_into().ok()?)))
    }
}

/// Seals a key to a machine's public key; `None` if that is no key.
pub(crate) fn seal<R: CryptoRng>(public: &[u8; 32], info: &[u8; 32], key: &TableKey, rng: &mut R) -> Option<Vec<u8>> {
    let public = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(public).ok()?;
    let (encapsulated, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &public,
        info,
        key.0.as_slice(),
        &[],
        rng,
    )
    .ok()?;
    Some([&encapsulated.to_bytes()[..], &sealed].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_opens_for_its_purpose_challenge_and_recipient_only() {
        let purpose = |input, attempt| Purpose {
            agreement: Digest([1; 32]),
            session: SessionId([2; 16]),
            attempt,
            input,
            owner: Identity::from_bytes([3; 32]),
            machine: Identity::from_bytes([4; 32]),
            wrapped: b"wrapped",
        };
        let recipient = Recipient::new(&Zeroizing::new([5; 32]));
        let info = purpose("vitals", 0).report_data(&[6; 32], recipient.public());
        let key = TableKey(Zeroizing::new([7; 32]));
        let message = seal(recipient.public(), &info, &key, &mut aggregator::fresh().unwrap()).unwrap();
        assert_eq!(recipient.open(&info, &message).unwrap().0.as_slice(), [7; 32]);
        let others = [
            purpose("target", 0).report_data(&[6; 32], recipient.public()),
            purpose("vitals", 1).report_data(&[6; 32], recipient.public()),
            purpose("vitals", 0).report_data(&[9; 32], recipient.public()),
        ];
        assert!(others.iter().all(|info| recipient.open(info, &message).is_none()));
        let another = Recipient::new(&Zeroizing::new([9; 32]));
        assert!(another.open(&info, &message).is_none());
        for at in 0..message.len() {
            let mut changed = message.clone();
            changed[at] ^= 1;
            assert!(recipient.open(&info, &changed).is_none());
        }
        assert!(seal(&[0; 32], &info, &key, &mut aggregator::fresh().unwrap()).is_none(), "a key without a secret");
    }
}
