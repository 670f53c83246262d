//! Sharing a value that one player knows, and revealing one.
//!
//! A dealer inside can share a wrong value, which is its own affair, but not different ones: every component has two
//! holders, and it is one of them or the two share a key or nothing. A dealer outside sends each component to two players, who
//! compare digests at once.
//!
//! What is revealed is verified first, with all that it depends on. A reader inside gets the component that it lacks from
//! the player before it, and its digest from the player after it; a reader outside gets every component from one holder
//! and its digest from the other. 1 round; k/8 + 32 bytes for a reader inside, 3·(k/8 + 32) for one outside.

use algebra::{Bits, Ring, Tensor};
use net::PlayerId;

use super::coin::{DIGEST_WORDS, Digest, contradiction, digest};
use super::past::Past;
use super::shares::{BitShare, Share};
use crate::error::{Error, Result};
use crate::party::Party;
use crate::replicated::{self, Seat};
use crate::wire::Wire;

/// Shares a tensor of the dealer, who alone gives a `value`. Run by the three, and by the dealer if it is not one of
/// them, who gets `None`. As [`replicated::share`], and 1 round and 64 bytes more if the dealer is outside.
pub async fn share<R: Ring>(
    party: &Party,
    dealer: PlayerId,
    value: Option<&Tensor<R>>,
    shape: &[usize],
) -> Result<Option<Share<R>>> {
    let party = party.enter("share-verified");
    let Some(value) = replicated::share(&party, dealer, value.cloned(), shape).await? else { return Ok(None) };
    compared(&party, dealer, value.own(), value.next()).await?;
    Ok(Some(Share::new(value, Past::default())))
}

/// Shares bits of the dealer, as [`share`] does.
pub async fn share_bits(
    party: &Party,
    dealer: PlayerId,
    value: Option<&Tensor<bool>>,
    shape: &[usize],
) -> Result<Option<BitShare>> {
    let party = party.enter("share-verified");
    let Some(value) = replicated::share_bits(&party, dealer, value, shape).await? else { return Ok(None) };
    compared(&party, dealer, value.own(), value.next()).await?;
    Ok(Some(BitShare::new(value, Past::default())))
}

/// Compares what a dealer from outside gave us with what it gave the others, before anything is computed on it: an error
/// that is found later, and grew by secrets meanwhile, could tell of them.
async fn compared<T: Wire + Sync>(party: &Party, dealer: PlayerId, own: &T, next: &T) -> Result<()> {
    if party.roles().contains(&dealer) {
        return Ok(());
    }
    let seat = Seat::of(party)?;
    let ours = [(seat.prev, digest(own)), (seat.next, digest(next))];
    ours.iter().for_each(|(peer, digest)| party.send(*peer, digest));
    for (peer, digest) in &ours {
        let theirs: Digest = party.recv(*peer, DIGEST_WORDS).await?;
        if theirs != *digest {
            return Err(contradiction(party, &[*peer, dealer], "we did not get the same shares of an input"));
        }
    }
    Ok(())
}

/// Reveals a tensor to the players `to`, once everything that it depends on is verified. The three give their `share`; a
/// reader from outside gives none. Readers get the value, the others `None`.
pub async fn reveal<R: Ring>(
    party: &Party,
    share: Option<&Share<R>>,
    to: &[PlayerId],
    shape: &[usize],
) -> Result<Option<Tensor<R>>> {
    let parts = match share {
        Some(s) if s.shape() != shape => return Err(mismatch()),
        Some(s) => {
            s.past.settle(party).await?;
            Some([s.value.own(), s.value.next()])
        }
        None => None,
    };
    let plus = |a: &Tensor<R>, b: &Tensor<R>| Ok(a.add(b)?);
    open(party, parts, to, shape.to_vec(), plus).await
}

/// Reveals bits, as [`reveal`] does.
pub async fn reveal_bits(
    party: &Party,
    share: Option<&BitShare>,
    to: &[PlayerId],
    shape: &[usize],
) -> Result<Option<Tensor<bool>>> {
    let parts = match share {
        Some(s) if s.shape() != shape => return Err(mismatch()),
        Some(s) => {
            s.past.settle(party).await?;
            Some([s.value.own(), s.value.next()])
        }
        None => None,
    };
    let count = algebra::tensor::element_count(shape)?;
    let bits = open(party, parts, to, count, |a: &Bits, b: &Bits| Ok(a.xor(b))).await?;
    bits.map(|bits| Ok(Tensor::new(shape, bits.to_bools())?)).transpose()
}

fn mismatch() -> Error {
    Error::misuse("the share does not have the shape that was agreed")
}

async fn open<T: Wire<Form: Clone>>(
    party: &Party,
    parts: Option<[&T; 2]>,
    to: &[PlayerId],
    form: T::Form,
    plus: impl Fn(&T, &T) -> Result<T>,
) -> Result<Option<T>> {
    let party = party.enter("reveal-verified");
    let roles = party.roles().to_vec();
    if roles.len() != 3 {
        return Err(Error::misuse("replicated sharing needs three players"));
    }
    if let Some([own, next]) = parts {
        let role = Seat::of(&party)?.role;
        for &reader in to {
            match roles.iter().position(|&p| p == reader) {
                // The player after us lacks what is our own, the one before us what is our next.
                Some(other) if other == (role + 1) % 3 => party.send(reader, own),
                Some(other) if other == (role + 2) % 3 => party.send(reader, &digest(next)),
                Some(_) => {}
                None => {
                    party.send(reader, own);
                    party.send(reader, &digest(next));
                }
            }
        }
    }
    if !to.contains(&party.me()) {
        return Ok(None);
    }
    let differ = |one, other| contradiction(&party, &[one, other], "they sent different openings of one value");
    if let Some([own, next]) = parts {
        let seat = Seat::of(&party)?;
        let lacking: T = party.recv(seat.prev, form).await?;
        let said: Digest = party.recv(seat.next, DIGEST_WORDS).await?;
        if digest(&lacking) != said {
            return Err(differ(seat.prev, seat.next));
        }
        return plus(&plus(own, next)?, &lacking).map(Some);
    }
    let mut components = Vec::new();
    let mut digests: Vec<Digest> = Vec::new();
    for &holder in &roles {
        components.push(party.recv::<T>(holder, form.clone()).await?);
        digests.push(party.recv(holder, DIGEST_WORDS).await?);
    }
    for i in 0..3 {
        // Component i is P_i's own, and the next of the player before.
        let before = (i + 2) % 3;
        if digest(&components[i]) != digests[before] {
            return Err(differ(roles[i], roles[before]));
        }
    }
    plus(&plus(&components[0], &components[1])?, &components[2]).map(Some)
}
