//! The server's last state: recovers one secret of every client and removes the masks.

use std::collections::BTreeMap;

use curve25519_dalek::scalar::Scalar;
use x25519_dalek::PublicKey as DhPublic;

use super::keys::{self, Secret};
use super::messages::{REVEAL, Revealed};
use super::server::{Once, Tally};
use crate::error::Error;
use crate::identity::Identity;
use crate::mask::Sign;
use crate::shamir::Recovery;
use crate::vector::Vector;

/// The sum of a round.
pub struct Published {
    /// The sum of the survivors' inputs.
    pub sum: Vector,
    /// Whose inputs are in it.
    pub included: Vec<Identity>,
}

/// Collects revealed shares.
pub struct CollectReveals {
    tally: Tally,
    once: Once,
    /// Good shares of each client's one revealed secret, by holder.
    shares: BTreeMap<u32, BTreeMap<u32, Scalar>>,
}

impl CollectReveals {
    pub(super) fn new(tally: Tally) -> Self {
        let shares = tally.sharing.iter().map(|&owner| (owner, BTreeMap::new())).collect();
        Self { tally, once: Once::default(), shares }
    }

    /// Takes a survivor's shares. Gives the owners of shares that are not what was committed to: of each such pair,
    /// holder or owner lied. Good shares of the same message count.
    ///
    /// # Errors
    /// [`Error::Broken`] if it reveals what nobody asked for, [`Error::Second`], [`Error::Late`], or what makes the
    /// message no revealed shares of this round. The state is unchanged.
    pub fn reveal(&mut self, message: &[u8]) -> Result<Vec<Identity>, Error> {
        let core = &self.tally.core;
        let signed = core.receive(&REVEAL, message)?;
        let holder = signed.place;
        let revealed = Revealed::read_all(signed.content)?;
        if !self.once.is_new(core, &REVEAL, &signed)? {
            return Ok(vec![]);
        }
        let mut bad = vec![];
        let mut good = vec![];
        for Revealed { owner, secret, share } in revealed {
            let commitments = self.tally.commitments.get(&(owner, holder));
            let Some(commitments) = commitments.filter(|_| secret == self.wanted(owner)) else {
                let culprit = core.identity(holder);
                return Err(Error::Broken { culprit, what: "it revealed a share that was not asked for" });
            };
            let expected = &commitments[secret as usize];
            if keys::commitment(&core.context, owner, holder, secret, &share) == *expected {
                good.push((owner, share));
            } else {
                bad.push(core.identity(owner));
            }
        }
        for (owner, share) in good {
            self.shares.entry(owner).or_default().insert(holder, share);
        }
        self.once.note(&signed);
        Ok(bad)
    }

    /// Whether every secret that is needed can be recovered.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.shares.values().all(|shares| shares.len() >= self.tally.core.parameters.threshold as usize)
    }

    /// Removes all masks.
    ///
    /// Cost: for each survivor one recovery and expansion; for each client that vanished after sharing one recovery,
    /// and for each of its surviving neighbours a key agreement and an expansion.
    ///
    /// # Errors
    /// [`Error::Unrecoverable`] for a client of which too few good shares came; [`Error::Broken`] for one whose shares
    /// are not of the secret that it announced.
    pub fn finish(self) -> Result<Published, Error> {
        let Self { mut tally, shares, .. } = self;
        let mut recovery = Recovery::default();
        let threshold = tally.core.parameters.threshold as usize;
        let mut included = vec![];
        for (owner, shares) in shares {
            if shares.len() < threshold {
                let owner = tally.core.identity(owner);
                return Err(Error::Unrecoverable { owner, good: shares.len(), need: threshold });
            }
            let shares: Vec<_> = shares.into_iter().take(threshold).collect();
            let secret = zeroize::Zeroizing::new(recovery.secret(&shares));
            if tally.survivors.contains(owner) {
                tally.remove_own(owner, &secret)?;
                included.push(tally.core.identity(owner));
            } else {
                tally.remove_pairs(owner, &secret)?;
            }
        }
        Ok(Published { sum: tally.sum, included })
    }

    fn wanted(&self, owner: u32) -> Secret {
        if self.tally.survivors.contains(owner) { Secret::Own } else { Secret::Pair }
    }
}

impl Tally {
    /// Takes off a survivor's own mask.
    fn remove_own(&mut self, owner: u32, secret: &Scalar) -> Result<(), Error> {
        let core = &self.core;
        let seed = keys::own_seed(&core.context, secret);
        if !seed.opens(&core.context, &core.roster[owner as usize].own) {
            return Err(self.inconsistent(owner));
        }
        seed.apply(&core.context, Sign::Minus, &mut self.sum);
        Ok(())
    }

    /// Takes off the masks that the survivors have put on for a client that vanished.
    fn remove_pairs(&mut self, owner: u32, secret: &Scalar) -> Result<(), Error> {
        let core = &self.core;
        let key = keys::pair_key(&core.context, secret);
        if DhPublic::from(&key).to_bytes() != core.roster[owner as usize].pair {
            return Err(self.inconsistent(owner));
        }
        for neighbour in core.topology.neighbours(owner) {
            if !self.survivors.contains(neighbour) {
                continue;
            }
            // The survivor added the mask if its place is the lower one.
            let sign = if neighbour < owner { Sign::Minus } else { Sign::Plus };
            keys::pair_seed(&core.context, &key, &core.roster[neighbour as usize].pair, (owner, neighbour))
                .ok_or(Error::Broken { culprit: core.identity(neighbour), what: "its key is of low order" })?
                .apply(&core.context, sign, &mut self.sum);
        }
        Ok(())
    }

    fn inconsistent(&self, owner: u32) -> Error {
        let culprit = self.core.identity(owner);
        Error::Broken { culprit, what: "its shares are not of the secret that it announced" }
    }
}
