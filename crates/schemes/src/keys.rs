//! Where all randomness of a session comes from: a secret for every pair of players, and one of our own.
//!
//! A stream is named by whom it is shared with, the scope of the kernel that uses it, and a purpose. A scope belongs
//! to one agreement, session, attempt, operator and iteration, and the secret itself is fresh in every session, so
//! that no two uses ever share a mask. In debug builds a second use of one stream panics.

use std::collections::BTreeMap;
#[cfg(debug_assertions)]
use std::{collections::HashSet, sync::Mutex};

use algebra::{Prg, Seed};
use net::{PlayerId, Scope};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Domain separation: every derivation of this module, with the version bound in.
mod domain {
    pub(super) const PAIR: &str = "privity 2026-11 schemes pair secret v1";
    pub(super) const OWN: &str = "privity 2026-11 schemes own secret v1";
    pub(super) const SHARED_STREAM: &[u8] = b"shared stream v1";
    pub(super) const OWN_STREAM: &[u8] = b"own stream v1";
}

/// What the randomness of one run is bound to.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The agreement's digest.
    pub agreement: [u8; 32],
    /// The session's id.
    pub session: [u8; 32],
    /// The how-manieth attempt to run the session.
    pub attempt: u32,
}

/// The secret that two players share for one session.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct PairSecret([u8; 32]);

impl PairSecret {
    /// Derives the secret from 32 fresh bytes of each end. Both ends get the same, whichever is `mine`.
    ///
    /// The bytes must have travelled over an encrypted link: whoever knows both of them knows the secret.
    #[must_use]
    pub fn derive(mine: (PlayerId, &[u8; 32]), theirs: (PlayerId, &[u8; 32]), binding: &Binding) -> Self {
        let (first, second) = if mine.0 < theirs.0 { (mine, theirs) } else { (theirs, mine) };
        let mut hasher = blake3::Hasher::new_derive_key(domain::PAIR);
        hasher.update(&binding.agreement).update(&binding.session).update(&binding.attempt.to_le_bytes());
        for (id, fresh) in [first, second] {
            hasher.update(&id.0.to_le_bytes()).update(fresh);
        }
        let secret = Self(*hasher.finalize().as_bytes());
        hasher.zeroize();
        secret
    }
}

/// All secrets of one player for one session. Wiped when dropped; never shown.
pub struct SessionKeys {
    me: PlayerId,
    pairs: BTreeMap<PlayerId, PairSecret>,
    own: Zeroizing<[u8; 32]>,
    #[cfg(debug_assertions)]
    used: Mutex<HashSet<[u8; 32]>>,
}

impl std::fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionKeys({:?}, {} pairs)", self.me, self.pairs.len())
    }
}

impl SessionKeys {
    /// The keys of player `me`: one secret for each peer, and 32 fresh bytes that nobody else has.
    #[must_use]
    pub fn new(
        me: PlayerId,
        pairs: impl IntoIterator<Item = (PlayerId, PairSecret)>,
        own: &[u8; 32],
        binding: &Binding,
    ) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(domain::OWN);
        hasher.update(&binding.agreement).update(&binding.session).update(&binding.attempt.to_le_bytes()).update(own);
        let own = Zeroizing::new(*hasher.finalize().as_bytes());
        hasher.zeroize();
        Self {
            me,
            pairs: pairs.into_iter().collect(),
            own,
            #[cfg(debug_assertions)]
            used: Mutex::default(),
        }
    }

    /// The stream that we share with a peer for one purpose of one scope; `None` if we share no secret with it.
    ///
    /// # Panics
    /// In debug builds, at the second use of a stream: masks must never repeat.
    pub(crate) fn shared(&self, with: PlayerId, scope: Scope, purpose: &str) -> Option<Prg> {
        let secret = self.pairs.get(&with)?;
        Some(self.stream(&secret.0, domain::SHARED_STREAM, scope, purpose))
    }

    /// The stream that only we know for one purpose of one scope.
    ///
    /// # Panics
    /// In debug builds, at the second use of a stream.
    pub(crate) fn private(&self, scope: Scope, purpose: &str) -> Prg {
        self.stream(&self.own, domain::OWN_STREAM, scope, purpose)
    }

    fn stream(&self, key: &[u8; 32], domain: &[u8], scope: Scope, purpose: &str) -> Prg {
        let mut hasher = blake3::Hasher::new_keyed(key);
        hasher.update(domain).update(&scope.0).update(purpose.as_bytes());
        let digest = Zeroizing::new(*hasher.finalize().as_bytes());
        hasher.zeroize();
        #[cfg(debug_assertions)]
        self.first_use(&digest, scope, purpose);
        let mut seed = [0; 16];
        seed.copy_from_slice(&digest[..16]);
        let prg = Prg::new(Seed(seed));
        seed.zeroize();
        prg
    }

    #[cfg(debug_assertions)]
    fn first_use(&self, digest: &[u8; 32], scope: Scope, purpose: &str) {
        // The digest itself would do as a key, but it must not stay in memory longer than the seed does.
        let mark = *blake3::hash(digest).as_bytes();
        let fresh = self.used.lock().unwrap_or_else(|e| e.into_inner()).insert(mark);
        assert!(fresh, "the stream for `{purpose}` in scope {scope:?} was used twice: masks must never repeat");
    }

    /// Marks of all streams used so far, for tests that compare runs.
    #[cfg(all(debug_assertions, any(test, feature = "testing")))]
    pub fn used(&self) -> HashSet<[u8; 32]> {
        self.used.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }
}
