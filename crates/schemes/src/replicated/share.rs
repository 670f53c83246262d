//! Sharing a value that one player knows.
//!
//! A dealer in role `d` takes `x_{d+1}` from `K_{d,d+1}`, sets `x_{d+2} = 0` and sends `x_d = x - x_{d+1}` to the player
//! before it, who lacks that key: 1 round, k/8 bytes from the dealer. A dealer from outside draws seeds for `x_0` and
//! `x_1`, sends each (16 bytes) to the two who hold it, and `x_2` to P1 and P2: 1 round, 2·k/8 bytes from the dealer.

use algebra::{Bits, Prg, Ring, Seed, Tensor, slices};
use net::PlayerId;

use super::{BitShare, Seat, Share};
use crate::error::{Error, Result};
use crate::party::Party;
use crate::wire::Wire;

/// What can be split into three components.
pub(super) trait Split: Wire<Form: Clone + Send + Sync> + Clone + Send + Sync {
    fn zero(form: &Self::Form) -> Self;
    fn uniform(form: &Self::Form, prg: &mut Prg) -> Self;
    fn minus(self, other: &Self) -> Self;
}

impl<R: Ring> Split for Vec<R> {
    fn zero(count: &usize) -> Self {
        vec![R::ZERO; *count]
    }

    fn uniform(count: &usize, prg: &mut Prg) -> Self {
        prg.elements(*count)
    }

    fn minus(mut self, other: &Self) -> Self {
        slices::sub_assign(&mut self, other);
        self
    }
}

impl Split for Bits {
    fn zero(len: &usize) -> Self {
        Bits::zeros(*len)
    }

    fn uniform(len: &usize, prg: &mut Prg) -> Self {
        prg.bits(*len)
    }

    fn minus(self, other: &Self) -> Self {
        self.xor(other)
    }
}

/// Shares a tensor of the dealer, who alone gives a `value`. Run by the three, and by the dealer if it is not one of
/// them, who gets `None`.
pub async fn share<R: Ring>(
    party: &Party,
    dealer: PlayerId,
    value: Option<Tensor<R>>,
    shape: &[usize],
) -> Result<Option<Share<R>>> {
    let count = agreed(value.as_ref(), shape)?;
    let parts = deal(party, dealer, value.map(Tensor::into_data), &count).await?;
    let tensor = |data| Tensor::new(shape, data);
    parts.map(|(own, next)| Ok(Share::new(tensor(own)?, tensor(next)?))).transpose()
}

/// Shares bits of the dealer, as [`share`] does.
pub async fn share_bits(
    party: &Party,
    dealer: PlayerId,
    value: Option<&Tensor<bool>>,
    shape: &[usize],
) -> Result<Option<BitShare>> {
    let count = agreed(value, shape)?;
    let parts = deal(party, dealer, value.map(|v| Bits::from_bools(v.data())), &count).await?;
    Ok(parts.map(|(own, next)| BitShare::new(shape, own, next)))
}

/// The number of elements of a shape, if the dealer's value has that shape.
fn agreed<T>(value: Option<&Tensor<T>>, shape: &[usize]) -> Result<usize> {
    if value.is_some_and(|v| v.shape() != shape) {
        return Err(Error::misuse("the dealer's value does not have the shape that was agreed"));
    }
    Ok(algebra::tensor::element_count(shape)?)
}

async fn deal<T: Split>(party: &Party, dealer: PlayerId, value: Option<T>, form: &T::Form) -> Result<Option<(T, T)>> {
    let party = party.enter("share");
    if value.is_some() != (party.me() == dealer) {
        return Err(Error::misuse("exactly the dealer gives the value to share"));
    }
    match (party.roles().iter().position(|&p| p == dealer), value) {
        (Some(role), value) => inside(&party, role, value, form).await.map(Some),
        (None, Some(value)) => outside_dealer(&party, value, form).map(|()| None),
        (None, None) => outside_holder(&party, dealer, form).await.map(Some),
    }
}

/// The dealer is one of the three, in this role.
async fn inside<T: Split>(party: &Party, dealer: usize, value: Option<T>, form: &T::Form) -> Result<(T, T)> {
    let seat = Seat::of(party)?;
    match ((seat.role + 3 - dealer) % 3, value) {
        (0, Some(value)) => {
            let mask = T::uniform(form, &mut party.shared(seat.next, "mask")?);
            let masked = value.minus(&mask);
            party.send(seat.prev, &masked);
            Ok((masked, mask))
        }
        (1, _) => Ok((T::uniform(form, &mut party.shared(seat.prev, "mask")?), T::zero(form))),
        _ => Ok((T::zero(form), party.recv(seat.next, form.clone()).await?)),
    }
}

/// The dealer is none of the three.
fn outside_dealer<T: Split>(party: &Party, value: T, form: &T::Form) -> Result<()> {
    let [p0, p1, p2] = *party.roles() else {
        return Err(Error::misuse("replicated sharing needs three players"));
    };
    let mut rest = value;
    for (purpose, holders) in [("x_0", [p0, p2]), ("x_1", [p0, p1])] {
        let seed = party.private(purpose).seed();
        rest = rest.minus(&T::uniform(form, &mut Prg::new(seed.clone())));
        holders.iter().for_each(|&holder| party.send(holder, &seed));
    }
    party.send(p1, &rest);
    party.send(p2, &rest);
    Ok(())
}

/// One of the three receives from a dealer who is none of them: first seeds, then what is dense.
async fn outside_holder<T: Split>(party: &Party, dealer: PlayerId, form: &T::Form) -> Result<(T, T)> {
    let first = T::uniform(form, &mut Prg::new(party.recv::<Seed>(dealer, ()).await?));
    if Seat::of(party)?.role == 0 {
        let second = T::uniform(form, &mut Prg::new(party.recv::<Seed>(dealer, ()).await?));
        return Ok((first, second));
    }
    let dense: T = party.recv(dealer, form.clone()).await?;
    // P1 holds (x_1, x_2), P2 holds (x_2, x_0).
    Ok(if Seat::of(party)?.role == 1 { (first, dense) } else { (dense, first) })
}
