//! The stage that a session's operators play on: the exchange, and keys made from both ends' fresh randomness.

use std::collections::BTreeMap;
use std::sync::Arc;

use agreement::{Opening, Profile};
use net::{Exchange, PlayerId, Scope};
use schemes::keys::Binding;
use schemes::{Context, PairSecret, Party, SessionKeys};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::SessionError;

/// Domain separation: every derivation of this module, with the version bound in.
mod domain {
    pub(super) const CONTRIBUTION: &str = "privity 2026-11 session contribution to a pair v1";
    pub(super) const ROWS: &str = "privity 2026-11 session row keys v1";
    pub(super) const OWN: &str = "privity 2026-11 session own secret v1";
    pub(super) const OPENING: &str = "privity 2026-11 session opening of kept inputs v1";
    pub(super) const SHARING: &str = "privity 2026-11 session sharing of a sum over a group v1";
    pub(super) const ROOT: &[u8] = b"privity 2026-11 session scope v1";
}

/// 32 fresh bytes from the operating system, for one player in one session. Never used twice.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Entropy([u8; 32]);

impl Entropy {
    /// Takes fresh bytes.
    pub fn new(fresh: [u8; 32]) -> Entropy {
        Entropy(fresh)
    }

    /// An opening for commitments that never leave this player.
    pub(crate) fn opening(&self) -> Opening {
        Opening::new(blake3::derive_key(domain::OPENING, &self.0))
    }

    /// Randomness for sharing a sum over a group, in one process.
    pub(crate) fn sharing(&self) -> [u8; 32] {
        blake3::derive_key(domain::SHARING, &self.0)
    }

    /// What goes into the secret with one peer.
    fn contribution(&self, peer: PlayerId) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(domain::CONTRIBUTION);
        hasher.update(&self.0).update(&peer.0.to_le_bytes());
        *hasher.finalize().as_bytes()
    }
}

/// See the module.
pub(crate) struct Stage {
    exchange: Exchange,
    context: Arc<Context>,
    scope: Scope,
    /// Keys for comparing rows with each peer.
    row_keys: BTreeMap<PlayerId, [u8; 32]>,
}

impl Stage {
    /// Exchanges fresh randomness with every peer and derives the session's keys.
    pub(crate) async fn set_up(
        exchange: &Exchange,
        peers: Vec<PlayerId>,
        binding: &Binding,
        entropy: &Entropy,
        profile: Profile,
    ) -> Result<Stage, SessionError> {
        let me = exchange.me();
        let scope = root(binding);
        let step = scope.child("keys").step(0);
        for peer in &peers {
            exchange.post(*peer, step, 1, entropy.contribution(*peer).to_vec().into());
        }
        let (mut pairs, mut row_keys) = (Vec::new(), BTreeMap::new());
        for peer in peers {
            let message = exchange.take(peer, step).await?;
            let Ok(mut theirs) = <[u8; 32]>::try_from(&message.payload[..]) else {
                let player = exchange.players()[peer.index()].clone();
                let what = "its part of the session's key does not have 32 bytes".into();
                return Err(net::NetError::PeerMisbehaved { player, what }.into());
            };
            let mut mine = entropy.contribution(peer);
            row_keys.insert(peer, row_key((me, &mine), (peer, &theirs), binding));
            pairs.push((peer, PairSecret::derive((me, &mine), (peer, &theirs), binding)));
            mine.zeroize();
            theirs.zeroize();
        }
        let mut own = blake3::derive_key(domain::OWN, &entropy.0);
        let keys = SessionKeys::new(me, pairs, &own, binding);
        own.zeroize();
        let context = Arc::new(Context::new(Arc::new(exchange.clone()), keys).distant(profile == Profile::Wan));
        Ok(Stage { exchange: exchange.clone(), context, scope, row_keys })
    }

    /// The scope above everything in this session.
    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }

    /// The exchange.
    pub(crate) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// This player's view of one operator instance.
    pub(crate) fn party(&self, roles: &[PlayerId], scope: Scope, depth: u32) -> Party {
        Party::new(Arc::clone(&self.context), roles, scope, depth)
    }

    /// The key that rows are compared under with a peer.
    pub(crate) fn row_key(&self, peer: PlayerId) -> Option<&[u8; 32]> {
        self.row_keys.get(&peer)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.row_keys.values_mut().for_each(Zeroize::zeroize);
    }
}

fn root(binding: &Binding) -> Scope {
    let mut context = domain::ROOT.to_vec();
    context.extend(binding.agreement);
    context.extend(binding.session);
    context.extend(binding.attempt.to_le_bytes());
    Scope::root(&context)
}

/// The same at both ends, whichever is `mine`.
fn row_key(mine: (PlayerId, &[u8; 32]), theirs: (PlayerId, &[u8; 32]), binding: &Binding) -> [u8; 32] {
    let (first, second) = if mine.0 < theirs.0 { (mine, theirs) } else { (theirs, mine) };
    let mut hasher = blake3::Hasher::new_derive_key(domain::ROWS);
    hasher.update(&binding.agreement).update(&binding.session).update(&binding.attempt.to_le_bytes());
    for (id, fresh) in [first, second] {
        hasher.update(&id.0.to_le_bytes()).update(fresh);
    }
    *hasher.finalize().as_bytes()
}
