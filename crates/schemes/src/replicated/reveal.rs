//! Revealing a value to players who may read it, inside or outside the three.
//!
//! Player `i` lacks `x_{i-1}`, which the player before it sends; one from outside gets `x_0 + x_1` from P0 and `x_2`
//! from P1, so that it sees nothing but two random parts of what it learns. 1 round; k/8 bytes for every reader
//! inside, 2·k/8 for every reader outside.

use algebra::{Bits, Ring, Tensor};
use net::PlayerId;

use super::{BitShare, Seat, Share};
use crate::error::{Error, Result};
use crate::party::Party;
use crate::wire::Wire;

/// Reveals a tensor to the players `to`. The three give their `share`; a reader from outside gives none. Readers get
/// the value, the others `None`.
pub async fn reveal<R: Ring>(
    party: &Party,
    share: Option<&Share<R>>,
    to: &[PlayerId],
    shape: &[usize],
) -> Result<Option<Tensor<R>>> {
    if share.is_some_and(|s| s.shape() != shape) {
        return Err(Error::misuse("the share does not have the shape that was agreed"));
    }
    let parts = share.map(|s| [s.own(), s.next()]);
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
    if share.is_some_and(|s| s.shape() != shape) {
        return Err(Error::misuse("the share does not have the shape that was agreed"));
    }
    let parts = share.map(|s| [s.own(), s.next()]);
    let count = algebra::tensor::element_count(shape)?;
    let bits = open(party, parts, to, count, |a: &Bits, b: &Bits| Ok(a.xor(b))).await?;
    bits.map(|bits| Ok(Tensor::new(shape, bits.to_bools())?)).transpose()
}

async fn open<T: Wire<Form: Clone>>(
    party: &Party,
    parts: Option<[&T; 2]>,
    to: &[PlayerId],
    form: T::Form,
    plus: impl Fn(&T, &T) -> Result<T>,
) -> Result<Option<T>> {
    let party = party.enter("reveal");
    let roles = party.roles().to_vec();
    let mut value = None;
    if let Some([own, next]) = parts {
        let seat = Seat::of(&party)?;
        for &reader in to {
            match (roles.iter().position(|&p| p == reader), seat.role) {
                (Some(role), _) if role == (seat.role + 1) % 3 => party.send(reader, own),
                (None, 0) => party.send(reader, &plus(own, next)?),
                (None, 1) => party.send(reader, next),
                _ => {}
            }
        }
        if to.contains(&party.me()) {
            let missing: T = party.recv(seat.prev, form).await?;
            value = Some(plus(&plus(own, next)?, &missing)?);
        }
    } else if to.contains(&party.me()) {
        let [p0, p1, _] = *roles else {
            return Err(Error::misuse("replicated sharing needs three players"));
        };
        let first: T = party.recv(p0, form.clone()).await?;
        value = Some(plus(&first, &party.recv(p1, form).await?)?);
    }
    Ok(value)
}
