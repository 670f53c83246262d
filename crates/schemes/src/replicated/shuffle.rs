//! Secret permutations of rows.
//!
//! Source: Chida et al. 2019 ("An efficient secure three-party sorting protocol with an honest majority"), section 3, as
//! in Araki et al. 2021 and Asharov et al. 2022, section 4; semi-honest. A permutation is the composition of three, each
//! known to one pair of players from their key, so that each player lacks one of them.
//!
//! One step, by players `i` and `j = i + 1` who know π, with `k` the third: `i` has `a = x_i + x_j`, `j` has `b = x_k`.
//! The new `x_i` comes from `K_ik` and the new `x_k` from `K_jk`; `i` and `j` exchange `π(a) - x_i` and `π(b) - x_k`, each
//! under a mask that the other lacks, and the sum of both is the new `x_j`. `k` sees nothing.
//!
//! 3 rounds; 2·k/8 bytes an element from each player.

use algebra::{Bits, Ring, Tensor};

use super::share::Split;
use super::{BitShare, Seat, Share};
use crate::error::{Error, Result};
use crate::party::Party;

/// A permutation of rows that no player knows: of its three parts, in order, each player has two. A part says for each
/// row of a result which row of the operand it is.
pub struct Permutation {
    parts: [Option<Vec<usize>>; 3],
    rows: usize,
}

/// A new random permutation. Free.
pub fn permutation(party: &Party, rows: usize) -> Result<Permutation> {
    let party = party.enter("permutation");
    let seat = Seat::of(&party)?;
    let mut parts = [const { None }; 3];
    for (pair, peer) in [(seat.role, seat.next), ((seat.role + 2) % 3, seat.prev)] {
        let mut order: Vec<usize> = (0..rows).collect();
        let draws: Vec<u64> = party.shared(peer, "permutation")?.elements(rows);
        // Fisher and Yates; an index is biased by less than 2^-64 times the number of rows.
        for i in (1..rows).rev() {
            let below = (u128::from(draws[i]) * (i as u128 + 1)) >> 64;
            order.swap(i, below as usize);
        }
        parts[pair] = Some(order);
    }
    Ok(Permutation { parts, rows })
}

impl Permutation {
    /// The parts by number, in the order in which they are applied, for elements in rows of `run`.
    fn steps(&self, back: bool, run: usize) -> Vec<(usize, Option<Vec<usize>>)> {
        let turned = |part: &Vec<usize>| if back { inverse(part) } else { part.clone() };
        let spread = |part: Vec<usize>| part.iter().flat_map(|row| row * run..(row + 1) * run).collect();
        let step = |i: usize| (i, self.parts[i].as_ref().map(|part| spread(turned(part))));
        if back { (0..3).rev().map(step).collect() } else { (0..3).map(step).collect() }
    }

    /// The number of elements in a row.
    fn run(&self, shape: &[usize]) -> Result<usize> {
        if shape.first() != Some(&self.rows) {
            return Err(Error::misuse("a permutation of another number of rows"));
        }
        Ok(shape[1..].iter().product())
    }
}

/// Where each row goes, of where it comes from.
pub(super) fn inverse(part: &[usize]) -> Vec<usize> {
    let mut turned = vec![0; part.len()];
    part.iter().enumerate().for_each(|(to, &from)| turned[from] = to);
    turned
}

/// The rows of a tensor in another order; `back` undoes that.
pub async fn shuffle<R: Ring>(party: &Party, order: &Permutation, x: &Share<R>, back: bool) -> Result<Share<R>> {
    let steps = order.steps(back, order.run(x.shape())?);
    let (own, next) = apply(party, &steps, x.own().data().to_vec(), x.next().data().to_vec()).await?;
    Ok(Share::new(Tensor::new(x.shape(), own)?, Tensor::new(x.shape(), next)?))
}

/// The rows of bits in another order, as [`shuffle`] does: 3 rounds, 2/8 bytes for each bit.
pub async fn shuffle_bits(party: &Party, order: &Permutation, x: &BitShare, back: bool) -> Result<BitShare> {
    let steps = order.steps(back, order.run(x.shape())?);
    let (own, next) = apply(party, &steps, x.own().clone(), x.next().clone()).await?;
    Ok(BitShare::new(x.shape(), own, next))
}

/// Components whose elements can be put in another order.
trait Rows: Split<Form = usize> {
    fn count(&self) -> usize;
    fn plus(&self, other: &Self) -> Self;
    fn at(&self, positions: &[usize]) -> Self;
}

impl<R: Ring> Rows for Vec<R> {
    fn count(&self) -> usize {
        self.len()
    }

    fn plus(&self, other: &Self) -> Self {
        algebra::slices::add(self, other)
    }

    fn at(&self, positions: &[usize]) -> Self {
        positions.iter().map(|&i| self[i]).collect()
    }
}

impl Rows for Bits {
    fn count(&self) -> usize {
        self.len()
    }

    fn plus(&self, other: &Self) -> Self {
        self.xor(other)
    }

    fn at(&self, positions: &[usize]) -> Self {
        self.gather(positions)
    }
}

async fn apply<T: Rows>(party: &Party, steps: &[(usize, Option<Vec<usize>>)], own: T, next: T) -> Result<(T, T)> {
    let party = party.enter("shuffle");
    let seat = Seat::of(&party)?;
    let (mut own, mut next) = (own, next);
    let count = own.count();
    for (pair, part) in steps {
        let party = party.enter("step");
        let mask = |peer| Ok::<T, Error>(T::uniform(&count, &mut party.shared(peer, "fresh")?));
        (own, next) = match part {
            // The third player.
            None => (mask(seat.prev)?, mask(seat.next)?),
            Some(part) if seat.role == *pair => {
                let fresh = mask(seat.prev)?;
                let ours = own.plus(&next).at(part).minus(&fresh);
                party.send(seat.next, &ours);
                let theirs: T = party.recv(seat.next, count).await?;
                (fresh, ours.plus(&theirs))
            }
            Some(part) => {
                let fresh = mask(seat.next)?;
                let ours = next.at(part).minus(&fresh);
                party.send(seat.prev, &ours);
                let theirs: T = party.recv(seat.prev, count).await?;
                (ours.plus(&theirs), fresh)
            }
        };
    }
    Ok((own, next))
}
