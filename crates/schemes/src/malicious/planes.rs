//! Shared bit planes, whose conjunctions leave claims: the working form of comparison and conversion.
//!
//! Source of the conjunction: Araki et al. 2016, section 2, in Z_2. Planes are whole words, also on the wire, so that what
//! fills up the last word is shared like everything else.

use algebra::{Bits, Prg, Ring};

use super::bit_claims::BitClaim;
use super::log::Log;
use super::prove::Two;
use crate::error::Result;
use crate::party::Party;
use crate::replicated::{BitShare, Seat};

/// Our part of shared planes, one after another.
#[derive(Clone)]
pub(super) struct Planes {
    lanes: usize,
    words: Two<u64>,
}

impl Planes {
    /// Planes given by their words.
    pub(super) fn new(lanes: usize, own: Vec<u64>, next: Vec<u64>) -> Self {
        Self { lanes, words: Two { own, next } }
    }

    /// All bits zero.
    pub(super) fn zeros(lanes: usize, width: usize) -> Self {
        let zeros = || vec![0; lanes.div_ceil(64) * width];
        Self::new(lanes, zeros(), zeros())
    }

    /// Planes of which component `c` is known to its two holders and the others are zero: `f` of that component.
    pub(super) fn of_component(
        role: usize,
        component: usize,
        lanes: usize,
        width: usize,
        f: impl Fn() -> Vec<u64>,
    ) -> Self {
        let zeros = || vec![0; lanes.div_ceil(64) * width];
        match (component + 3 - role) % 3 {
            0 => Self::new(lanes, f(), zeros()),
            1 => Self::new(lanes, zeros(), f()),
            _ => Self::new(lanes, zeros(), zeros()),
        }
    }

    /// Shared tensors of bits, all of one length, as one plane each.
    pub(super) fn stack(bits: &[&BitShare]) -> Self {
        let words = |f: fn(&BitShare) -> &Bits| bits.iter().flat_map(|b| f(b).words()).copied().collect();
        Self::new(bits.first().map_or(0, |b| b.len()), words(BitShare::own), words(BitShare::next))
    }

    fn stride(&self) -> usize {
        self.lanes.div_ceil(64)
    }

    /// The number of planes (0 if there are no lanes).
    pub(super) fn width(&self) -> usize {
        self.words.own.len().checked_div(self.stride()).unwrap_or(0)
    }

    /// One plane as a shared tensor of bits.
    pub(super) fn bits(&self, j: usize, shape: &[usize]) -> BitShare {
        if self.lanes == 0 {
            return BitShare::new(shape, Bits::zeros(0), Bits::zeros(0));
        }
        let plane =
            |words: &[u64]| Bits::from_words(self.lanes, words[j * self.stride()..(j + 1) * self.stride()].to_vec());
        BitShare::new(shape, plane(&self.words.own), plane(&self.words.next))
    }

    /// These planes, in this order.
    pub(super) fn pick(&self, planes: impl IntoIterator<Item = usize> + Clone) -> Self {
        let stride = self.stride();
        let picked = |words: &[u64]| {
            planes.clone().into_iter().flat_map(|j| &words[j * stride..(j + 1) * stride]).copied().collect()
        };
        Self::new(self.lanes, picked(&self.words.own), picked(&self.words.next))
    }

    /// These planes and then those.
    pub(super) fn chain(mut self, other: &Self) -> Self {
        self.words.own.extend_from_slice(&other.words.own);
        self.words.next.extend_from_slice(&other.words.next);
        self
    }

    /// Plane `j` becomes plane `i` of another.
    pub(super) fn set(&mut self, j: usize, from: &Self, i: usize) {
        let stride = self.stride();
        for (to, from) in [(&mut self.words.own, &from.words.own), (&mut self.words.next, &from.words.next)] {
            to[j * stride..(j + 1) * stride].copy_from_slice(&from[i * stride..(i + 1) * stride]);
        }
    }

    /// `x ⊕ y`, plane by plane. Free.
    pub(super) fn xor(mut self, other: &Self) -> Self {
        self.words.own.iter_mut().zip(&other.words.own).for_each(|(a, b)| *a ^= b);
        self.words.next.iter_mut().zip(&other.words.next).for_each(|(a, b)| *a ^= b);
        self
    }

    /// `¬x`; `role` is ours. Free.
    pub(super) fn not(mut self, role: usize) -> Self {
        match role {
            0 => self.words.own.iter_mut().for_each(|w| *w = !*w),
            2 => self.words.next.iter_mut().for_each(|w| *w = !*w),
            _ => {}
        }
        self
    }
}

/// Claims that `x ∧ y = z`.
pub(super) fn claim<R: Ring>(log: &mut Log<R>, x: Planes, y: Planes, z: Planes) {
    log.claim_bits(BitClaim { x: x.words, y: y.words, z: z.words });
}

/// `x ∧ y`, plane by plane. 1 round, 8 bytes for each word and player; leaves a claim.
pub(super) async fn and<R: Ring>(party: &Party, log: &mut Log<R>, x: Planes, y: Planes) -> Result<Planes> {
    log.relieve(party).await?;
    let party = party.enter("and");
    let seat = Seat::of(&party)?;
    let count = x.words.own.len();
    let mask = |mut prg: Prg| -> Vec<u64> { prg.elements(count) };
    let mut own = mask(party.shared(seat.next, "zero")?);
    let minus = mask(party.shared(seat.prev, "zero")?);
    let operands = x.words.own.iter().zip(&x.words.next).zip(y.words.own.iter().zip(&y.words.next));
    for ((z, m), ((x0, x1), (y0, y1))) in own.iter_mut().zip(minus).zip(operands) {
        *z ^= m ^ x0 & (y0 ^ y1) ^ x1 & y0;
    }
    party.send(seat.prev, &own);
    let next: Vec<u64> = party.recv(seat.next, count).await?;
    let z = Planes::new(x.lanes, own, next);
    claim(log, x, y, z.clone());
    Ok(z)
}
