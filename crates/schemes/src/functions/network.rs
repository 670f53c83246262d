//! Order by comparing and exchanging, along a network that depends on the number of rows alone.
//!
//! Source: Batcher 1968, as the merge exchange of Knuth, The Art of Computer Programming, volume 3, section 5.2.2,
//! algorithm M, which takes any number of rows. Nothing is opened and nothing but the primitives is used, so on verified
//! shares every step is verified.
//!
//! Cost for n rows: t(t + 1)/2 layers with t = ⌈log2 n⌉, of at most n/2 comparisons and products of a bit with each
//! element each; to keep the order of equal keys, twice the comparisons, and one of positions.

use algebra::{Ring, ShapeError, Tensor};
use futures::future::{try_join, try_join3};

use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Linear, Logic, Scheme};
use crate::replicated::Order;

/// Rows that are compared and perhaps exchanged at one time: each lower one with its higher one.
struct Layer {
    lower: Vec<usize>,
    higher: Vec<usize>,
    /// Where each row is found among the lower ones, the higher ones, and the others.
    back: Vec<usize>,
    others: Vec<usize>,
}

impl Layer {
    fn of(n: usize, pairs: &[(usize, usize)]) -> Layer {
        let (lower, higher): (Vec<usize>, Vec<usize>) = pairs.iter().copied().unzip();
        let mut paired = vec![false; n];
        lower.iter().chain(&higher).for_each(|&i| paired[i] = true);
        let others: Vec<usize> = (0..n).filter(|&i| !paired[i]).collect();
        let mut back = vec![0; n];
        lower.iter().chain(&higher).chain(&others).enumerate().for_each(|(at, &i)| back[i] = at);
        Layer { lower, higher, back, others }
    }

    fn pick<L: Linear<R>, R: Ring>(x: &L, rows: &[usize]) -> Result<L> {
        L::join(&[x], |t| t[0].gather(0, rows))
    }

    /// Exchanges the rows where a bit says so.
    async fn exchanged<S: Scheme, R: Ring>(&self, party: &Party, swap: &S::Bit, x: &S::Num<R>) -> Result<S::Num<R>> {
        let (low, high) = (Self::pick::<_, R>(x, &self.lower)?, Self::pick::<_, R>(x, &self.higher)?);
        let mut column = vec![1; x.shape().len()];
        column[0] = self.lower.len();
        let swap = <S::Bit as Logic>::join(&[swap], |t| t[0].reshape(column.clone()))?;
        let by = S::mul_bit::<R>(party, &swap, &high.minus(&low)?).await?;
        let (low, high, others) = (low.plus(&by)?, high.minus(&by)?, Self::pick::<_, R>(x, &self.others)?);
        S::Num::<R>::join(&[&low, &high, &others], |t| Tensor::concat(t, 0)?.gather(0, &self.back))
    }
}

/// The layers for n rows: algorithm M.
fn layers(n: usize) -> Vec<Layer> {
    let mut found = Vec::new();
    let top = n.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            let pairs: Vec<(usize, usize)> =
                (0..n.saturating_sub(d)).filter(|i| i & p == r).map(|i| (i, i + d)).collect();
            found.push(Layer::of(n, &pairs));
            if q == p {
                break;
            }
            (d, q, r) = (q - p, q / 2, p);
        }
        p /= 2;
    }
    found.into_iter().filter(|l| !l.lower.is_empty()).collect()
}

/// A vector in order.
pub async fn exchange_sort<S: Scheme, R: Ring>(
    party: &Party,
    x: &S::Num<R>,
    order: Order,
    descending: bool,
) -> Result<S::Num<R>> {
    let mut x = x.clone();
    for layer in layers(x.shape()[0]) {
        let party = party.enter("exchange");
        let (low, high) = (Layer::pick::<_, R>(&x, &layer.lower)?, Layer::pick::<_, R>(&x, &layer.higher)?);
        let swap = match descending {
            false => S::less::<R>(&party, &high, &low, order).await?,
            true => S::less::<R>(&party, &low, &high, order).await?,
        };
        x = layer.exchanged::<S, R>(&party, &swap, &x).await?;
    }
    Ok(x)
}

/// The rows of x in the order of a key, a vector; rows of equal keys keep their order.
pub async fn exchange_sort_by<S: Scheme, K: Ring, R: Ring>(
    party: &Party,
    x: &S::Num<R>,
    key: &S::Num<K>,
    order: Order,
    descending: bool,
) -> Result<S::Num<R>> {
    let (mut x, mut key) = (x.clone(), key.clone());
    let mut position = S::Num::<u64>::public(party, &Tensor::from_fn(key.shape(), |i| i as u64))?;
    for layer in layers(key.shape()[0]) {
        let party = party.enter("exchange");
        let swap = is_after::<S, K>(&party, &layer, &key, &position, order, descending).await?;
        let parts = (party.narrow("keys"), party.narrow("positions"), party.narrow("rows"));
        let all = try_join3(
            layer.exchanged::<S, K>(&parts.0, &swap, &key),
            layer.exchanged::<S, u64>(&parts.1, &swap, &position),
            layer.exchanged::<S, R>(&parts.2, &swap, &x),
        );
        (key, position, x) = all.await?;
    }
    Ok(x)
}

/// Whether the lower rows belong after the higher ones: by their keys, and of equal ones by where they were.
async fn is_after<S: Scheme, K: Ring>(
    party: &Party,
    layer: &Layer,
    key: &S::Num<K>,
    position: &S::Num<u64>,
    order: Order,
    descending: bool,
) -> Result<S::Bit> {
    let (low, high) = (Layer::pick::<_, K>(key, &layer.lower)?, Layer::pick::<_, K>(key, &layer.higher)?);
    let (left, right) = (S::Num::<K>::stack(&[&high, &low])?, S::Num::<K>::stack(&[&low, &high])?);
    let (first, last) =
        (Layer::pick::<_, u64>(position, &layer.higher)?, Layer::pick::<_, u64>(position, &layer.lower)?);
    let parts = (party.narrow("key-order"), party.narrow("position-order"));
    let (keys, turned) =
        try_join(S::less::<K>(&parts.0, &left, &right, order), S::less::<u64>(&parts.1, &first, &last, Order::Signed))
            .await?;
    drop(parts);
    let row =
        |i| <S::Bit as Logic>::join(&[&keys], move |t: &[&Tensor<bool>]| -> Result<_, ShapeError> { t[0].index(0, i) });
    let (higher_first, lower_first) = (row(usize::from(descending))?, row(usize::from(!descending))?);
    // At most one of them holds.
    let same = higher_first.xor(&lower_first)?.not(party)?;
    higher_first.xor(&S::and(party, &same, &turned).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_sort_zeros_and_ones() {
        // What sorts these sorts everything (Knuth, section 5.3.4, theorem Z).
        for n in 0..12usize {
            for ones in 0..1u32 << n {
                let mut rows: Vec<u32> = (0..n).map(|i| ones >> i & 1).collect();
                for layer in layers(n) {
                    for (&i, &j) in layer.lower.iter().zip(&layer.higher) {
                        if rows[j] < rows[i] {
                            rows.swap(i, j);
                        }
                    }
                }
                assert!(rows.is_sorted(), "{n} rows, {ones:b}");
            }
        }
    }
}
