//! What kernels leave to be verified of bits: that words are conjunctions. As for [products of
//! elements](super::claims), with bits for elements, ⊕ for sums, and the field of 2^64 elements for the Galois ring.
//!
//! A column is one lane of 2^t words, so that polynomials are extended 64 lanes at a time; weights are summed by tables of
//! the subsets of eight (Arlazarov, Dinic, Kronrod, Faradžev 1970).

use algebra::{BitPlanes, Bits, Prg};

use super::coin::coin;
use super::extension::{Extension, Gf64, chosen, subset_sums};
use super::prove::{Inner, Two, Weights, corner, extended, prove, reshare};
use crate::error::Result;
use crate::party::Party;

/// That `x ∧ y = z`, word by word.
pub(super) struct BitClaim {
    pub(super) x: Two<u64>,
    pub(super) y: Two<u64>,
    pub(super) z: Two<u64>,
}

impl BitClaim {
    /// How many words are kept for it.
    pub(super) fn size(&self) -> usize {
        6 * self.z.own.len()
    }
}

/// Verifies claims.
pub(super) async fn check(party: &Party, claims: Vec<BitClaim>) -> Result<()> {
    let party = party.enter("check-bits");
    let mut weights = coin(&party).await?;
    let count: usize = claims.iter().map(|c| c.z.own.len()).sum();
    if count == 0 {
        return Ok(());
    }
    let t = count.next_power_of_two().ilog2().min(6);
    let len = count.div_ceil(1 << t);
    let all = |side: fn(&BitClaim) -> &Two<u64>| {
        let component = |part: fn(&Two<u64>) -> &Vec<u64>| {
            let mut words = Vec::with_capacity(len << t);
            claims.iter().for_each(|c| words.extend_from_slice(part(side(c))));
            words.resize(len << t, 0);
            words
        };
        Two { own: component(|w| &w.own), next: component(|w| &w.next) }
    };
    let (x, y, z) = (all(|c| &c.x), all(|c| &c.y), all(|c| &c.z));
    drop(claims);
    let claim = reduced(&party, &mut weights, [x, y, z], t, len).await?;
    prove(&party, claim).await
}

async fn reduced(party: &Party, prg: &mut Prg, words: [Two<u64>; 3], t: u32, len: usize) -> Result<Inner<Gf64>> {
    let [x, y, z] = words;
    let weights: Vec<u64> = prg.elements(64 * len);
    let (left, right, s) = (x.clone(), y.clone(), weights.clone());
    let summands = party.compute((64 * len) << t, move || points(&left, &right, &s, t));
    let computed = reshare::<Gf64>(party, summands.await).await?;
    let point = if t == 0 { None } else { Some(coin(party).await?) };
    let work = move || {
        let at = match point {
            Some(mut prg) => Weights::draw::<Gf64>(&mut prg, t),
            None => Weights { corners: Gf64::one(), points: Gf64::one() },
        };
        let folded = |x: &[u64]| lifted(x, &at.corners, len);
        let a = x.map(|x| Gf64::hadamard(&folded(x), &weights));
        let claimed = z.map(|z| weighted(z, &subset_sums(&weights), len));
        let values = |claimed: &[u64], computed: &[u64]| {
            let mut rest = computed.iter().copied();
            let value = |p| corner(p, t).map_or_else(|| rest.next().unwrap_or_default(), |i| claimed[i]);
            let all: Vec<u64> = (0..3usize.pow(t)).map(value).collect();
            Gf64::combine(&all, &at.points)
        };
        let c = Two { own: values(&claimed.own, &computed.own), next: values(&claimed.next, &computed.next) };
        Inner { a, b: y.map(folded), c }
    };
    Ok(party.compute((64 * len) << t, work).await)
}

/// Our summands of H at the points that are no corners.
fn points(x: &Two<u64>, y: &Two<u64>, weights: &[u64], t: u32) -> Vec<u64> {
    let (rows, len) = (1usize << t, weights.len() / 64);
    let inner: Vec<usize> = (0..3usize.pow(t)).filter(|p| corner(*p, t).is_none()).collect();
    let mut sums = vec![0; inner.len()];
    for l in 0..len {
        let table = subset_sums(&weights[64 * l..64 * (l + 1)]);
        let extend = |data: &[u64]| {
            let cut: Vec<u64> = (0..rows).map(|i| data[i * len + l]).collect();
            extended(&cut, t, |a, b| a ^ b)
        };
        let [x0, x1, y0, y1] = [&x.own, &x.next, &y.own, &y.next].map(|data| extend(data));
        for (sum, &p) in sums.iter_mut().zip(&inner) {
            *sum ^= chosen(&table, x0[p] & (y0[p] ^ y1[p]) ^ x1[p] & y0[p]);
        }
    }
    sums
}

/// The sum of the weights that each row's bits choose.
fn weighted(x: &[u64], tables: &[u64], len: usize) -> Vec<u64> {
    let row = |row: &[u64]| row.iter().zip(tables.chunks(2048)).fold(0, |s, (w, table)| s ^ chosen(table, *w));
    x.chunks(len).map(row).collect()
}

/// `Σ_i e_i·x_{i,l}` for every lane l.
fn lifted(x: &[u64], weights: &[u64], len: usize) -> Vec<u64> {
    let mut elements = weights.to_vec();
    elements.resize(64, 0);
    let table = subset_sums(&elements);
    let rows: Vec<Bits> = x.chunks(len).map(|row| Bits::from_words(64 * len, row.to_vec())).collect();
    let columns: Vec<u64> = algebra::compose(&BitPlanes::new(64 * len, rows));
    columns.into_iter().map(|bits| chosen(&table, bits)).collect()
}
