//! Order: sorting by a key, quantiles, random order.
//!
//! Where rows can be shuffled: a stable radix sort by digits of [some bits](digit_width), from the lowest (Hamada et al. 2014; Asharov et al. 2022, "Efficient secure
//! three-party sorting with applications to data analysis and heavy hitters", section 5). The place of each row after a
//! digit is a sum of products of its digit's indicators with running counts of these. Places are applied to the next
//! digit, and composed, in a [shuffled](crate::primitives::Rearrange) order, in which they can be opened: they are a
//! uniformly random permutation, whatever the keys are. Other schemes compare and exchange, in a [network](super::network).
//!
//! Cost for n rows and keys of b bits (63 or 127 for fixed point, 64 for integers): the bits of the keys, then for each of
//! ⌈b/w⌉ digits of w bits 3 + ⌈log2 w⌉ rounds and 8·2^w·n bytes from each player, and 6 to 7 rounds and 40·n bytes to apply
//! and compose them.

use std::future::Future;

use algebra::{Ring, Tensor};
use futures::future::try_join;

use super::wide::{Width, constant};
use crate::error::{Error, Result};
use crate::party::Party;
use crate::primitives::{Linear, Logic, Rearrange, Scheme};
use crate::replicated::Order;

/// Bits of a digit that take the fewest bytes.
const DIGIT: usize = 3;

/// Bits of a digit. Where players are far from each other there are fewer and wider digits, as long as the rounds that
/// this saves take longer than its bytes do, over links of 40 ms for a round trip and 320 Mbit/s.
pub(crate) fn digit_width(distant: bool, rows: usize, bits: usize) -> usize {
    const ROUND: u64 = 20_000;
    // Bytes in a microsecond of one player, over its two links.
    const BANDWIDTH: u64 = 80;
    let microseconds = |width: &usize| {
        let rounds = 10 + u64::from(width.next_power_of_two().ilog2());
        let bytes = (8u64 << width) + 40;
        bits.div_ceil(*width) as u64 * (rounds * ROUND + bytes * rows as u64 / BANDWIDTH)
    };
    if distant { (DIGIT..=5).min_by_key(microseconds).unwrap_or(DIGIT) } else { DIGIT }
}

/// Where each row goes when rows are sorted by a key, a vector; rows of equal keys keep their order.
pub(super) async fn places<S: Rearrange, R: Ring>(
    party: &Party,
    key: &S::Num<R>,
    order: Order,
    descending: bool,
) -> Result<S::Num<u64>> {
    let party = party.enter("places");
    let bits = ordered_bits::<S, R>(&party, key, order, descending).await?;
    let mut digits = bits.chunks(digit_width(party.is_distant(), key.shape()[0], bits.len()));
    let first = digits.next().ok_or_else(|| Error::misuse("a key without bits"))?;
    let mut places = digit_places::<S>(&party, first).await?;
    for digit in digits {
        let party = party.enter("digit");
        let columns = <S::Bit as Logic>::join(&digit.iter().collect::<Vec<_>>(), |t| Tensor::stack(t, 1))?;
        let order = S::permutation(&party, places.shape()[0])?;
        let parts = (party.narrow("places"), party.narrow("digit"));
        let shuffled =
            try_join(opened_places::<S>(&parts.0, &order, &places), S::shuffle_bits(&parts.1, &order, &columns, false));
        let (to, columns) = shuffled.await?;
        drop(parts);
        let from = inverse(&to);
        let moved =
            (0..digit.len()).map(|j| <S::Bit as Logic>::join(&[&columns], |t| t[0].index(1, j)?.gather(0, &from)));
        let next = digit_places::<S>(&party, &moved.collect::<Result<Vec<_>>>()?).await?;
        // Composed: a row that the earlier digits put at `to` goes where the row there goes.
        let composed = S::Num::<u64>::join(&[&next], |t| t[0].gather(0, &to))?;
        places = S::shuffle(&party, &order, &composed, true).await?;
    }
    Ok(places)
}

/// Bits, lowest first, whose order as unsigned numbers is that of the keys.
async fn ordered_bits<S: Rearrange, R: Ring>(
    party: &Party,
    key: &S::Num<R>,
    order: Order,
    descending: bool,
) -> Result<Vec<S::Bit>> {
    let (up, width) = match order {
        Order::Slack => (R::ONE.wshl(R::BITS - 2), R::BITS - 1),
        Order::Signed => (R::ONE.wshl(R::BITS - 1), R::BITS),
        Order::Unsigned => (R::ZERO, R::BITS),
    };
    let bits = S::bits(party, &key.plus_public(party, up)?, width as usize).await?;
    if descending { bits.iter().map(|b| b.not(party)).collect() } else { Ok(bits) }
}

/// Where each row goes by one digit, of which the bits are given, lowest first.
async fn digit_places<S: Rearrange>(party: &Party, bits: &[S::Bit]) -> Result<S::Num<u64>> {
    let party = party.enter("digit-places");
    let n = bits[0].shape()[0];
    let products = monomials::<S>(&party, bits).await?;
    let products = <S::Bit as Logic>::join(&products.iter().collect::<Vec<_>>(), |t| Tensor::stack(t, 0))?;
    let products = S::to_ring::<u64>(&party, &products).await?;
    let ones = S::Num::<u64>::public(&party, &Tensor::full([1, n], 1))?;
    let all = S::Num::<u64>::join(&[&ones, &products], |t| Tensor::concat(t, 0))?;
    let values = 1 << bits.len();
    let indicators = S::Num::<u64>::join(&[&all], |t| Ok(indicators(t[0], bits.len())))?;
    let ranks = S::Num::<u64>::join(&[&indicators], |t| Ok(ranks(t[0])))?;
    // Σ indicator·rank, where the indicators' sum is 1: the rank of value 0, and what the others are apart from it.
    let base = ranks.row(0)?;
    let apart = ranks.rows(1, values)?.minus(&base)?;
    let as_batches =
        |x: &S::Num<u64>, shape: [usize; 3]| S::Num::<u64>::join(&[x], |t| t[0].transposed().into_shape(shape));
    let (left, right) =
        (as_batches(&indicators.rows(1, values)?, [n, 1, values - 1])?, as_batches(&apart, [n, values - 1, 1])?);
    let chosen = S::matmul(&party, &left, &right).await?;
    S::Num::<u64>::join(&[&chosen], |t| t[0].reshape(vec![n]))?.plus(&base)
}

/// The product of each set of bits but the empty one, by the set as a number. ⌈log2⌉ rounds: sets of neighbouring bits are
/// joined in pairs, all pairs at once.
async fn monomials<S: Rearrange>(party: &Party, bits: &[S::Bit]) -> Result<Vec<S::Bit>> {
    let mut groups: Vec<Vec<S::Bit>> = bits.iter().map(|b| vec![b.clone()]).collect();
    while groups.len() > 1 {
        let pairs = || groups.chunks_exact(2).flat_map(|pair| pair[1].iter().map(move |high| (&pair[0], high)));
        let lows: Vec<&S::Bit> = pairs().flat_map(|(lows, _)| lows).collect();
        let highs: Vec<&S::Bit> = pairs().flat_map(|(lows, high)| lows.iter().map(move |_| high)).collect();
        let stack = |parts: &[&S::Bit]| <S::Bit as Logic>::join(parts, |t| Tensor::stack(t, 0));
        let products = S::and(party, &stack(&lows)?, &stack(&highs)?).await?;
        let mut products = products.parts()?.into_iter();
        let mut joined = Vec::new();
        for group in groups.chunks(2) {
            let mut sets = group[0].clone();
            for high in group.get(1).into_iter().flatten() {
                sets.push(high.clone());
                sets.extend(products.by_ref().take(group[0].len()));
            }
            joined.push(sets);
        }
        groups = joined;
    }
    groups.pop().ok_or_else(|| Error::misuse("a digit without bits"))
}

/// From products of sets of bits to what tells that exactly these bits are set (Möbius inversion). Rows are sets.
fn indicators(products: &Tensor<u64>, bits: usize) -> Tensor<u64> {
    let mut out = products.clone();
    let n = products.shape()[1];
    for bit in 0..bits {
        for set in (0..1usize << bits).filter(|set| set >> bit & 1 == 0) {
            let (low, high) = out.data_mut().split_at_mut((set | 1 << bit) * n);
            algebra::slices::sub_assign(&mut low[set * n..(set + 1) * n], &high[..n]);
        }
    }
    out
}

/// For each value and row: how many rows have a lesser value, or the same and stand before. Linear.
fn ranks(indicators: &Tensor<u64>) -> Tensor<u64> {
    let mut count = 0u64;
    indicators.map(|x| {
        let before = count;
        count = count.wrapping_add(*x);
        before
    })
}

/// Places in a shuffled order, opened.
async fn opened_places<S: Rearrange>(
    party: &Party,
    order: &S::Permutation,
    places: &S::Num<u64>,
) -> Result<Vec<usize>> {
    let opened = S::open(party, &S::shuffle(party, order, places, false).await?).await?;
    let n = opened.len();
    let mut seen = vec![false; n];
    let to: Vec<usize> = opened.data().iter().map(|&p| usize::try_from(p).unwrap_or(n)).collect();
    for &p in &to {
        match seen.get_mut(p) {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(deviated(party)),
        }
    }
    Ok(to)
}

/// One of the players made places up.
fn deviated(party: &Party) -> Error {
    let suspects = party.roles().iter().map(|p| party.player(*p)).collect();
    Error::Deviation { suspects, kernel: party.kernel(), what: "places that were opened are no permutation".to_owned() }
}

fn inverse(to: &[usize]) -> Vec<usize> {
    let mut from = vec![0; to.len()];
    to.iter().enumerate().for_each(|(i, &p)| from[p] = i);
    from
}

/// The rows of x at their places. 4 rounds, 16 bytes of each player for each element, and 24 for each row.
pub(super) async fn arranged<S: Rearrange, R: Ring>(
    party: &Party,
    places: &S::Num<u64>,
    x: &S::Num<R>,
) -> Result<S::Num<R>> {
    let party = party.enter("arrange");
    let order = S::permutation(&party, places.shape()[0])?;
    let parts = (party.narrow("places"), party.narrow("rows"));
    let both = try_join(opened_places::<S>(&parts.0, &order, places), S::shuffle(&parts.1, &order, x, false));
    let (to, rows) = both.await?;
    let from = inverse(&to);
    S::Num::<R>::join(&[&rows], |t| t[0].gather(0, &from))
}

/// The rows of bits at their places, as [`arranged`] does.
pub(super) async fn arranged_bits<S: Rearrange>(party: &Party, places: &S::Num<u64>, x: &S::Bit) -> Result<S::Bit> {
    let party = party.enter("arrange");
    let order = S::permutation(&party, places.shape()[0])?;
    let parts = (party.narrow("places"), party.narrow("rows"));
    let both = try_join(opened_places::<S>(&parts.0, &order, places), S::shuffle_bits(&parts.1, &order, x, false));
    let (to, rows) = both.await?;
    let from = inverse(&to);
    <S::Bit as Logic>::join(&[&rows], |t| t[0].gather(0, &from))
}

/// A scheme whose players can put rows in order.
pub trait Sorts: Scheme {
    /// A vector in order.
    fn sort<R: Ring>(
        party: &Party,
        x: &Self::Num<R>,
        order: Order,
        descending: bool,
    ) -> impl Future<Output = Result<Self::Num<R>>> + Send;

    /// The rows of x in the order of a key, a vector; rows of equal keys keep their order.
    fn sort_by<K: Ring, R: Ring>(
        party: &Party,
        x: &Self::Num<R>,
        key: &Self::Num<K>,
        order: Order,
        descending: bool,
    ) -> impl Future<Output = Result<Self::Num<R>>> + Send;

    /// The rows of bits in the order of a key, as [`sort_by`](Self::sort_by).
    fn sort_bits_by<K: Ring>(
        party: &Party,
        x: &Self::Bit,
        key: &Self::Num<K>,
        order: Order,
        descending: bool,
    ) -> impl Future<Output = Result<Self::Bit>> + Send;

    /// The rows of x in a random order that nobody knows.
    fn shuffled<R: Ring>(party: &Party, x: &Self::Num<R>) -> impl Future<Output = Result<Self::Num<R>>> + Send;

    /// The rows of bits in a random order that nobody knows.
    fn shuffled_bits(party: &Party, x: &Self::Bit) -> impl Future<Output = Result<Self::Bit>> + Send;
}

/// By a radix sort, where rows can be shuffled.
impl<S: Rearrange> Sorts for S {
    async fn sort<R: Ring>(party: &Party, x: &S::Num<R>, order: Order, descending: bool) -> Result<S::Num<R>> {
        Self::sort_by::<R, R>(party, x, x, order, descending).await
    }

    async fn sort_by<K: Ring, R: Ring>(
        party: &Party,
        x: &S::Num<R>,
        key: &S::Num<K>,
        order: Order,
        descending: bool,
    ) -> Result<S::Num<R>> {
        let places = places::<S, K>(party, key, order, descending).await?;
        arranged::<S, R>(party, &places, x).await
    }

    async fn sort_bits_by<K: Ring>(
        party: &Party,
        x: &S::Bit,
        key: &S::Num<K>,
        order: Order,
        descending: bool,
    ) -> Result<S::Bit> {
        let places = places::<S, K>(party, key, order, descending).await?;
        arranged_bits::<S>(party, &places, x).await
    }

    async fn shuffled<R: Ring>(party: &Party, x: &S::Num<R>) -> Result<S::Num<R>> {
        let order = S::permutation(party, x.shape().first().copied().unwrap_or(0))?;
        S::shuffle(party, &order, x, false).await
    }

    async fn shuffled_bits(party: &Party, x: &S::Bit) -> Result<S::Bit> {
        let order = S::permutation(party, x.shape().first().copied().unwrap_or(0))?;
        S::shuffle_bits(party, &order, x, false).await
    }
}

/// The positions that sort a vector.
pub async fn argsort<S: Sorts, R: Ring>(
    party: &Party,
    x: &S::Num<R>,
    order: Order,
    descending: bool,
) -> Result<S::Num<u64>> {
    let positions = S::Num::<u64>::public(party, &Tensor::from_fn(x.shape(), |i| i as u64))?;
    S::sort_by::<R, u64>(party, &positions, x, order, descending).await
}

/// A quantile of a vector, linear between neighbours: their place is `at`, and `part` of the way to the next. Within one
/// unit, for |x| < 2^(k-2); in Z_2^128 for neighbours that are less than 2^95 apart.
pub async fn quantile<S: Sorts, R: Width>(party: &Party, x: &S::Num<R>, at: usize, part: f64) -> Result<S::Num<R>> {
    const PART: u32 = 30;
    let sorted = S::sort::<R>(party, x, Order::Slack, false).await?;
    let lower = sorted.row(at)?;
    if part == 0.0 {
        return Ok(lower);
    }
    // Neighbours can be farther apart than a number may be large.
    let both = R::wide::<S>(party, &sorted.rows(at, at + 2)?).await?;
    let step = both.row(1)?.minus(&both.row(0)?)?.times(constant(part, PART))?;
    lower.plus(&R::from_wide::<S>(S::truncate(party, &step, PART).await?))
}
