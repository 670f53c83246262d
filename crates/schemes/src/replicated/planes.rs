//! Shared bit planes: the working form of comparison and decomposition, 64 elements to a word.
//!
//! The planes of one value lie one after another in memory, so that a conjunction of many planes is one pass over two
//! slices, one draw of masks and one message. Source: Araki et al. 2016, section 2, in Z_2.

use std::ops::Range;

use algebra::{BitPlanes, Bits, Prg, Ring};
use zeroize::Zeroize;

use super::{BitShare, Seat};
use crate::error::Result;
use crate::party::Party;
use crate::wire::Wire;

/// Public or masked planes: `width` planes of `lanes` bits, each in whole words. Bits past the lanes mean nothing.
#[derive(Clone)]
pub(crate) struct Words {
    lanes: usize,
    words: Vec<u64>,
}

impl Words {
    pub(crate) fn zeros(lanes: usize, width: usize) -> Self {
        Self { lanes, words: vec![0; lanes.div_ceil(64) * width] }
    }

    pub(crate) fn uniform(lanes: usize, width: usize, prg: &mut Prg) -> Self {
        Self { lanes, words: prg.elements(lanes.div_ceil(64) * width) }
    }

    pub(crate) fn of(planes: &BitPlanes) -> Self {
        let mut words = Vec::with_capacity(planes.lanes().div_ceil(64) * planes.width());
        planes.planes().iter().for_each(|p| words.extend_from_slice(p.words()));
        Self { lanes: planes.lanes(), words }
    }

    /// One plane of another.
    pub(crate) fn from_plane(planes: &Self, j: usize) -> Self {
        Self { lanes: planes.lanes, words: planes.plane(j).to_vec() }
    }

    /// The number of elements.
    pub(crate) fn lanes(&self) -> usize {
        self.lanes
    }

    fn stride(&self) -> usize {
        self.lanes.div_ceil(64)
    }

    /// The words of these planes.
    pub(crate) fn range(&self, planes: Range<usize>) -> &[u64] {
        &self.words[planes.start * self.stride()..planes.end * self.stride()]
    }

    /// The words of one plane.
    pub(crate) fn plane(&self, j: usize) -> &[u64] {
        self.range(j..j + 1)
    }

    /// One plane as bits.
    pub(crate) fn bits(&self, j: usize) -> Bits {
        Bits::from_words(self.lanes, self.plane(j).to_vec())
    }

    pub(crate) fn push(&mut self, plane: impl IntoIterator<Item = u64>) {
        self.words.extend(plane);
    }

    pub(crate) fn xor_assign(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a ^= b);
    }
}

impl Zeroize for Words {
    fn zeroize(&mut self) {
        algebra::slices::wipe(&mut self.words);
    }
}

impl Wire for Words {
    /// Lanes and width.
    type Form = (usize, usize);

    fn write(&self, out: &mut Vec<u8>) {
        if self.lanes.is_multiple_of(64) {
            return u64::write_le(&self.words, out);
        }
        let bytes = self.lanes.div_ceil(8);
        for plane in self.words.chunks(self.stride().max(1)) {
            let end = out.len() + bytes;
            u64::write_le(plane, out);
            out.truncate(end);
        }
    }

    fn room(&self) -> usize {
        8 * self.words.len()
    }

    fn size((lanes, width): &Self::Form) -> usize {
        lanes.div_ceil(8).saturating_mul(*width)
    }

    fn read(bytes: &[u8], form: &Self::Form) -> Option<Self> {
        if bytes.len() != Self::size(form) {
            return None;
        }
        if form.0.is_multiple_of(64) {
            return u64::read_le(bytes).map(|words| Self { lanes: form.0, words });
        }
        let mut out = Self { lanes: form.0, words: Vec::with_capacity(form.0.div_ceil(64) * form.1) };
        for plane in bytes.chunks(form.0.div_ceil(8).max(1)) {
            let (whole, last) = plane.as_chunks::<8>();
            out.words.extend(whole.iter().map(|word| u64::from_le_bytes(*word)));
            if !last.is_empty() {
                let mut word = [0; 8];
                word[..last.len()].copy_from_slice(last);
                out.words.push(u64::from_le_bytes(word));
            }
        }
        Some(out)
    }
}

/// One player's part `(b_i, b_{i+1})` of shared planes. Wiped when dropped.
#[derive(Clone)]
pub struct Planes {
    pub(crate) own: Words,
    pub(crate) next: Words,
}

impl Drop for Planes {
    fn drop(&mut self) {
        self.own.zeroize();
        self.next.zeroize();
    }
}

impl Planes {
    /// No planes yet, of so many lanes.
    #[must_use]
    pub fn empty(lanes: usize) -> Self {
        Self { own: Words::zeros(lanes, 0), next: Words::zeros(lanes, 0) }
    }

    /// The number of elements.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.own.lanes
    }

    /// The number of planes (0 if there are no elements).
    #[must_use]
    pub fn width(&self) -> usize {
        self.own.words.len().checked_div(self.own.stride()).unwrap_or(0)
    }

    /// One plane for each shared tensor of bits, all of one length.
    #[must_use]
    pub fn stack(bits: &[&BitShare]) -> Self {
        let mut out = Self::empty(bits.first().map_or(0, |b| b.len()));
        for b in bits {
            out.own.push(b.own().words().iter().copied());
            out.next.push(b.next().words().iter().copied());
        }
        out
    }

    /// One plane as a shared tensor of bits.
    #[must_use]
    pub fn plane(&self, j: usize, shape: &[usize]) -> BitShare {
        BitShare::new(shape, self.own.bits(j), self.next.bits(j))
    }

    /// Appends planes of another.
    pub(crate) fn take(&mut self, from: &Self, planes: Range<usize>) {
        self.own.words.extend_from_slice(from.own.range(planes.clone()));
        self.next.words.extend_from_slice(from.next.range(planes));
    }

    /// These planes, in this order.
    pub(crate) fn pick(&self, planes: impl IntoIterator<Item = usize>) -> Self {
        let mut out = Self::empty(self.lanes());
        planes.into_iter().for_each(|j| out.take(self, j..j + 1));
        out
    }

    /// Appends all planes of another.
    pub(crate) fn take_all(&mut self, from: &Self) {
        self.own.words.extend_from_slice(&from.own.words);
        self.next.words.extend_from_slice(&from.next.words);
    }

    /// Plane `j` ⊕= plane `i` of another.
    pub(crate) fn xor_plane(&mut self, j: usize, from: &Self, i: usize) {
        self.update(j, from, i, |a, b| a ^ b);
    }

    /// Plane `j` becomes plane `i` of another.
    pub(crate) fn set_plane(&mut self, j: usize, from: &Self, i: usize) {
        self.update(j, from, i, |_, b| b);
    }

    fn update(&mut self, j: usize, from: &Self, i: usize, f: impl Fn(u64, u64) -> u64) {
        for (to, from) in [(&mut self.own, &from.own), (&mut self.next, &from.next)] {
            let stride = to.stride();
            let target = &mut to.words[j * stride..(j + 1) * stride];
            target.iter_mut().zip(from.plane(i)).for_each(|(a, &b)| *a = f(*a, b));
        }
    }

    /// `¬x`, every plane; `role` is ours. Free.
    #[must_use]
    pub fn not(mut self, role: usize) -> Self {
        match role {
            0 => self.own.words.iter_mut().for_each(|w| *w = !*w),
            2 => self.next.words.iter_mut().for_each(|w| *w = !*w),
            _ => {}
        }
        self
    }

    /// `x ⊕ y`, plane by plane. Free.
    #[must_use]
    pub fn xor(mut self, other: &Self) -> Self {
        self.own.xor_assign(&other.own);
        self.next.xor_assign(&other.next);
        self
    }
}

/// `x ∧ y`, plane by plane. 1 round, ⌈lanes/8⌉ bytes for each plane and player.
pub async fn and(party: &Party, x: &Planes, y: &Planes) -> Result<Planes> {
    let party = party.enter("and");
    let seat = Seat::of(&party)?;
    let (lanes, width) = (x.lanes(), x.width());
    let mut own = Words::uniform(lanes, width, &mut party.shared(seat.next, "zero")?);
    own.xor_assign(&Words::uniform(lanes, width, &mut party.shared(seat.prev, "zero")?));
    let operands = x.own.words.iter().zip(&x.next.words).zip(y.own.words.iter().zip(&y.next.words));
    for (z, ((x0, x1), (y0, y1))) in own.words.iter_mut().zip(operands) {
        *z ^= x0 & (y0 ^ y1) ^ x1 & y0;
    }
    party.send(seat.prev, &own);
    let next = party.recv(seat.next, (lanes, width)).await?;
    Ok(Planes { own, next })
}

/// One plane of some.
pub(crate) type Chosen<'a> = (&'a Planes, usize);

/// `x ∧ y` of pairs of chosen planes, which need not be brought together first. 1 round, ⌈lanes/8⌉ bytes for each pair
/// and player.
pub(crate) async fn and_chosen(party: &Party, lanes: usize, pairs: &[(Chosen<'_>, Chosen<'_>)]) -> Result<Planes> {
    let party = party.enter("and");
    let seat = Seat::of(&party)?;
    let mut masks = [party.shared(seat.next, "zero")?, party.shared(seat.prev, "zero")?];
    let mut own = Words::zeros(lanes, pairs.len());
    let stride = own.stride().max(1);
    let mut mask = Words::zeros(lanes, 1);
    for (z, ((x, i), (y, j))) in own.words.chunks_mut(stride).zip(pairs) {
        masks[0].fill(z);
        masks[1].fill(&mut mask.words);
        let operands = x.own.plane(*i).iter().zip(x.next.plane(*i)).zip(y.own.plane(*j).iter().zip(y.next.plane(*j)));
        for ((z, mask), ((x0, x1), (y0, y1))) in z.iter_mut().zip(&mask.words).zip(operands) {
            *z ^= mask ^ x0 & (y0 ^ y1) ^ x1 & y0;
        }
    }
    mask.zeroize();
    party.send(seat.prev, &own);
    let next = party.recv(seat.next, (lanes, pairs.len())).await?;
    Ok(Planes { own, next })
}

/// `x ∧ y` of shared tensors of bits, broadcast. 1 round, 1/8 byte.
pub async fn and_bits(party: &Party, x: &BitShare, y: &BitShare) -> Result<BitShare> {
    let shape = algebra::broadcast_shapes(x.shape(), y.shape())?;
    let (x, y) = (x.broadcast_to(&shape)?, y.broadcast_to(&shape)?);
    let z = and(party, &Planes::stack(&[&x]), &Planes::stack(&[&y])).await?;
    Ok(unstack(z, &shape))
}

/// The only plane, as bits.
pub(crate) fn unstack(planes: Planes, shape: &[usize]) -> BitShare {
    if planes.lanes() == 0 {
        return BitShare::new(shape, Bits::zeros(0), Bits::zeros(0));
    }
    planes.plane(0, shape)
}

/// Shares planes that P0 knows, with `b_2 = 0`: P0 sends `b ⊕ ρ` to P1, where `ρ` comes from K_02. 1 round,
/// width·lanes/8 bytes from P0.
pub(crate) async fn from_first(party: &Party, seat: Seat, b: Option<Words>, form: (usize, usize)) -> Result<Planes> {
    let party = party.enter("from-first");
    let mask = |peer| Ok::<_, crate::Error>(Words::uniform(form.0, form.1, &mut party.shared(peer, "rho")?));
    Ok(match (seat.role, b) {
        (0, Some(mut masked)) => {
            let own = mask(seat.prev)?;
            masked.xor_assign(&own);
            party.send(seat.next, &masked);
            Planes { own, next: masked }
        }
        (1, _) => Planes { own: party.recv(seat.prev, form).await?, next: Words::zeros(form.0, form.1) },
        _ => Planes { own: Words::zeros(form.0, form.1), next: mask(seat.next)? },
    })
}

/// Shares `c_1 ⊕ c_2`, of which P1 and P2 know a summand each: `b_0` comes from K_02, `b_1` from K_01, and P1 and P2
/// exchange their masked summands for `b_2`. 1 round, width·lanes/8 bytes from P1 and P2.
pub(crate) async fn from_pair(party: &Party, seat: Seat, c: Option<Words>, form: (usize, usize)) -> Result<Planes> {
    let party = party.enter("from-pair");
    let mask = |peer| Ok::<_, crate::Error>(Words::uniform(form.0, form.1, &mut party.shared(peer, "fresh")?));
    let (Some(mut part), 1 | 2) = (c, seat.role) else {
        return Ok(Planes { own: mask(seat.prev)?, next: mask(seat.next)? });
    };
    let (first, other) = if seat.role == 1 { (seat.prev, seat.next) } else { (seat.next, seat.prev) };
    let fresh = mask(first)?;
    part.xor_assign(&fresh);
    party.send(other, &part);
    part.xor_assign(&party.recv(other, form).await?);
    Ok(if seat.role == 1 { Planes { own: fresh, next: part } } else { Planes { own: part, next: fresh } })
}
