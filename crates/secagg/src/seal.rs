//! Sealing to an aggregator: HPKE (RFC 9180), base mode, X25519 / HKDF-SHA256 / ChaCha20-Poly1305.

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;

/// Bytes by which a sealed box exceeds its content: the encapsulated key and the tag.
pub(crate) const OVERHEAD: usize = 32 + 16;

/// An aggregator's public key for sealing, as the agreement lists it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey(<X25519HkdfSha256 as Kem>::PublicKey);

impl SealKey {
    /// The key with these bytes; `None` if they are none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(bytes).ok().map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes().into()
    }

    /// `None` if the key is unusable (its shared secret would be the same for everyone).
    pub(crate) fn seal<R: CryptoRng>(&self, info: &[u8], content: &[u8], rng: &mut R) -> Option<Vec<u8>> {
        let (key, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &self.0,
            info,
            content,
            &[],
            rng,
        )
        .ok()?;
        Some([&key.to_bytes()[..], &sealed].concat())
    }
}

/// An aggregator's private key for opening what was sealed to it. Wiped when dropped; it has no `Debug`.
pub struct OpenKey {
    private: <X25519HkdfSha256 as Kem>::PrivateKey,
    public: SealKey,
}

impl OpenKey {
    /// A fresh key.
    pub fn generate<R: CryptoRng>(rng: &mut R) -> Self {
        let (private, public) = X25519HkdfSha256::gen_keypair_with_rng(rng);
        Self { private, public: SealKey(public) }
    }

    /// The key with this secret; `None` if it is none.
    #[must_use]
    pub fn from_bytes(secret: &[u8; 32]) -> Option<Self> {
        let private = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(secret).ok()?;
        let public = SealKey(X25519HkdfSha256::sk_to_pk(&private));
        Some(Self { private, public })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> SealKey {
        self.public.clone()
    }

    pub(crate) fn open(&self, info: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (key, content) = sealed.split_at_checked(32)?;
        let key = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(key).ok()?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.private,
            &key,
            info,
            content,
            &[],
        )
        .ok()
    }

    /// A secret that only the holders of these two keys know, the same for both; `None` if the other key is unusable (the
    /// secret would be the same for everyone).
    #[cfg(feature = "validated")]
    pub(crate) fn agree(&self, other: &SealKey) -> Option<zeroize::Zeroizing<[u8; 32]>> {
        let secret = zeroize::Zeroizing::new(<[u8; 32]>::from(self.private.to_bytes()));
        let agreed = x25519_dalek::StaticSecret::from(*secret).diffie_hellman(&other.to_bytes().into());
        agreed.was_contributory().then(|| zeroize::Zeroizing::new(agreed.to_bytes()))
    }
}
