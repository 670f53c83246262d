//! Challenges: what pages sign, so that nobody can repeat their requests later.
//!
//! A challenge is the time at which it expires and a keyed hash of that: nothing is kept of it, and processes that share a
//! board, and so a key, know each other's.

use net::KeyPair;
use terms::Credential;
use zeroize::Zeroizing;

const KEY: &str = "privity aggregator v1 key of challenges to pages";
/// How long one can be used.
const LIFE_MS: u64 = 10 * 60_000;

pub(in crate::service) struct Challenges(Zeroizing<[u8; 32]>);

impl Challenges {
    /// Those of the owner of a key.
    pub(in crate::service) fn of(key: &KeyPair) -> Self {
        Self(Zeroizing::new(blake3::derive_key(KEY, key.seed())))
    }

    pub(super) fn fresh(&self, now_ms: u64) -> [u8; Credential::CHALLENGE] {
        let expires = (now_ms + LIFE_MS).to_le_bytes();
        let mut challenge = [0; Credential::CHALLENGE];
        challenge[..8].copy_from_slice(&expires);
        challenge[8..].copy_from_slice(self.hash(&expires).as_bytes());
        challenge
    }

    /// Whether one is ours and can still be used.
    pub(super) fn knows(&self, challenge: &[u8; Credential::CHALLENGE], now_ms: u64) -> bool {
        let Some((expires, hash)) = challenge.split_first_chunk::<8>() else { return false };
        // Compared in constant time.
        let ours = self.hash(expires) == *hash;
        ours && u64::from_le_bytes(*expires) > now_ms
    }

    fn hash(&self, expires: &[u8; 8]) -> blake3::Hash {
        blake3::keyed_hash(&self.0, expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_age_and_cannot_be_made_by_others() {
        let ours = Challenges::of(&KeyPair::from_seed(&[1; 32]));
        let challenge = ours.fresh(1_000);
        assert!(ours.knows(&challenge, 1_000) && ours.knows(&challenge, 1_000 + LIFE_MS - 1));
        assert!(!ours.knows(&challenge, 1_000 + LIFE_MS));
        assert!(Challenges::of(&KeyPair::from_seed(&[1; 32])).knows(&challenge, 1_000), "another process");
        assert!(!Challenges::of(&KeyPair::from_seed(&[2; 32])).knows(&challenge, 1_000));
        for at in 0..challenge.len() {
            let mut changed = challenge;
            changed[at] ^= 1;
            assert!(!ours.knows(&changed, 1_000), "{at}");
        }
    }
}
