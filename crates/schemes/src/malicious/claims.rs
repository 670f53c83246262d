//! What kernels leave to be verified in Z_2^k, and how it becomes one claim about an inner product.
//!
//! Products of elements: with `2^t` of them to a row, let A_l and B_l be the polynomials whose values at the corners are
//! the factors of row `l`, and `H = Σ s_l·A_l·B_l` for random weights `s_l`. At the corners H follows from the products
//! that are claimed, elsewhere the players compute it (see [`prove`](super::prove)). If one product is wrong then so is
//! H, but for 2^-48; at a random point the claim is one about vectors 2^t times as short. Up to there all arithmetic is
//! in Z_2^k, with a product of matrices for the weights.
//!
//! Products of matrices (Freivalds 1979): `rᵀ·Z·s = (rᵀ·X)·(Y·s)` for random vectors r and s.

use algebra::{Prg, Ring, Tensor, matmul};

use super::coin::coin;
use super::extension::{DEGREE, Extension, Galois};
use super::prove::{Inner, Two, Weights, corner, extended, prove, reshare};
use crate::error::Result;
use crate::party::Party;
use crate::replicated::Share;

/// That something was computed right.
#[derive(Clone)]
pub(super) enum Claim<R: Ring> {
    /// `x ∘ y = z`, of one shape.
    Elementwise { x: Share<R>, y: Share<R>, z: Share<R> },
    /// `x·y = z`, of matrices.
    Matrix { x: Share<R>, y: Share<R>, z: Share<R> },
}

impl<R: Ring> Claim<R> {
    /// Roughly how many elements are kept for it.
    pub(super) fn size(&self) -> usize {
        let (Self::Elementwise { x, y, z } | Self::Matrix { x, y, z }) = self;
        2 * (x.len() + y.len() + z.len())
    }
}

/// Verifies claims.
pub(super) async fn check<R: Ring>(party: &Party, claims: Vec<Claim<R>>) -> Result<()> {
    let party = party.enter("check-ring");
    let mut weights = coin(&party).await?;
    let mut joined: Option<Inner<Galois<R>>> = None;
    for claim in claims {
        let inner = match claim {
            Claim::Elementwise { z, .. } | Claim::Matrix { z, .. } if z.is_empty() => continue,
            Claim::Elementwise { x, y, z } => elementwise(&party, &mut weights, [x, y, z]).await?,
            Claim::Matrix { x, y, z } => matrix(&party, &mut weights, [x, y, z]).await?,
        };
        joined = Some(match joined {
            Some(before) => before.and(&inner),
            None => inner,
        });
    }
    match joined {
        Some(claim) => prove(&party, claim).await,
        None => Ok(()),
    }
}

/// Factors to a row, as a power of two: what is sent for a row's points must stay small beside what was sent before.
fn variables(count: usize) -> u32 {
    (count.max(1).ilog2().saturating_sub(6) / 2).min(6)
}

/// Both components of a share, as tables of `rows` rows, filled up with zeros.
fn table<R: Ring>(x: &Share<R>, rows: usize, len: usize) -> Two<R> {
    let pad = |t: &Tensor<R>| {
        let mut data = Vec::with_capacity(rows * len);
        data.extend_from_slice(t.data());
        data.resize(rows * len, R::ZERO);
        data
    };
    Two { own: pad(x.own()), next: pad(x.next()) }
}

async fn elementwise<R: Ring>(party: &Party, prg: &mut Prg, factors: [Share<R>; 3]) -> Result<Inner<Galois<R>>> {
    let party = party.enter("elementwise");
    let count = factors[2].len();
    let t = variables(count);
    let (corners, len) = (1usize << t, count.div_ceil(1 << t));
    let weights: Vec<R> = prg.elements(len * DEGREE);
    let [x, y, z] = factors.map(|f| table(&f, corners, len));
    let (left, right, s) = (x.clone(), y.clone(), weights.clone());
    let summands = party.compute(count * DEGREE * 12, move || points(&left, &right, &s, t));
    let computed = reshare::<Galois<R>>(&party, summands.await).await?;
    let point = if t == 0 { None } else { Some(coin(&party).await?) };
    let work = move || {
        let at = match point {
            Some(mut prg) => Weights::draw::<Galois<R>>(&mut prg, t),
            None => Weights { corners: Galois::<R>::one(), points: Galois::<R>::one() },
        };
        let folded = |x: &[R]| lifted(x, &at.corners, corners, len);
        let a = x.map(|x| Galois::<R>::hadamard(&folded(x), &weights));
        let claimed = z.map(|z| weighted(z, &weights, corners, len));
        let values = |claimed: &[R], computed: &[R]| {
            let mut rest = computed.chunks(DEGREE);
            let value = |p| match corner(p, t) {
                Some(i) => &claimed[i * DEGREE..(i + 1) * DEGREE],
                None => rest.next().unwrap_or_default(),
            };
            let all: Vec<R> = (0..3usize.pow(t)).flat_map(value).copied().collect();
            Galois::<R>::combine(&all, &at.points)
        };
        let c = Two { own: values(&claimed.own, &computed.own), next: values(&claimed.next, &computed.next) };
        Inner { a, b: y.map(folded), c }
    };
    Ok(party.compute(count * DEGREE * 4, work).await)
}

/// Columns worked on at a time, so that what they are extended to stays in a near cache.
const COLUMNS: usize = 128;

/// Our summands of H at the points that are no corners.
fn points<R: Ring>(x: &Two<R>, y: &Two<R>, weights: &[R], t: u32) -> Vec<R> {
    let (rows, len) = (1usize << t, weights.len() / DEGREE);
    let inner: Vec<usize> = (0..3usize.pow(t)).filter(|p| corner(*p, t).is_none()).collect();
    let mut sums = vec![R::ZERO; inner.len() * DEGREE];
    if inner.is_empty() {
        return sums;
    }
    for start in (0..len).step_by(COLUMNS) {
        let width = COLUMNS.min(len - start);
        let extend = |data: &[R]| {
            let cut: Vec<R> =
                (0..rows).flat_map(|i| &data[i * len + start..i * len + start + width]).copied().collect();
            extended(&cut, t, R::wsub)
        };
        let [x0, x1, y0, y1] = [&x.own, &x.next, &y.own, &y.next].map(|data| extend(data));
        let both = algebra::slices::add(&y0, &y1);
        let products = algebra::slices::mul_add2(&x0, &both, &x1, &y0);
        let kept: Vec<R> = inner.iter().flat_map(|p| &products[p * width..(p + 1) * width]).copied().collect();
        algebra::slices::add_assign(
            &mut sums,
            &weighted(&kept, &weights[start * DEGREE..][..width * DEGREE], inner.len(), width),
        );
    }
    sums
}

/// `Σ_l x_{i,l}·w_l` for every row i.
fn weighted<R: Ring>(x: &[R], weights: &[R], rows: usize, len: usize) -> Vec<R> {
    product(x, [rows, len], weights, [len, DEGREE])
}

/// `Σ_i e_i·x_{i,l}` for every column l: elements of the extension.
fn lifted<R: Ring>(x: &[R], weights: &[R], rows: usize, len: usize) -> Vec<R> {
    let columns = Tensor::new([rows, len], x.to_vec()).expect("rows of one length").transposed();
    product(columns.data(), [len, rows], weights, [rows, DEGREE])
}

fn product<R: Ring>(x: &[R], left: [usize; 2], y: &[R], right: [usize; 2]) -> Vec<R> {
    let matrix = |data: &[R], shape| Tensor::new(shape, data.to_vec()).expect("rows of one length");
    matmul(&matrix(x, left), &matrix(y, right)).expect("matrices that go together").into_data()
}

/// `rᵀ·Z·s = (rᵀ·X)·(Y·s)`, over all products of a batch together.
async fn matrix<R: Ring>(party: &Party, prg: &mut Prg, factors: [Share<R>; 3]) -> Result<Inner<Galois<R>>> {
    let [x, y, z] = factors;
    let (rank, depth) = (z.shape().len(), x.shape()[x.shape().len() - 1]);
    let (p, q) = (z.shape()[rank - 2], z.shape()[rank - 1]);
    let batches = z.len() / (p * q);
    let (r, s): (Vec<R>, Vec<R>) = (prg.elements(batches * p * DEGREE), prg.elements(q * DEGREE));
    let work = move || {
        let side = |t: &Tensor<R>, f: &dyn Fn(usize, &[R]) -> Vec<R>| -> Vec<R> {
            let size = t.len() / batches;
            t.data().chunks(size.max(1)).enumerate().flat_map(|(i, m)| f(i, m)).collect()
        };
        let pair = |share: &Share<R>, f: &dyn Fn(usize, &[R]) -> Vec<R>| Two {
            own: side(share.own(), f),
            next: side(share.next(), f),
        };
        let rows = |i: usize| &r[i * p * DEGREE..(i + 1) * p * DEGREE];
        let a = pair(&x, &|i, m| lifted(m, rows(i), p, depth));
        let b = pair(&y, &|_, m| product(m, [depth, q], &s, [q, DEGREE]));
        let zr = pair(&z, &|i, m| lifted(m, rows(i), p, q));
        let c = zr.map(|zr| {
            zr.chunks(q * DEGREE).fold(vec![R::ZERO; DEGREE], |sum, row| {
                let zero = vec![R::ZERO; row.len()];
                Galois::<R>::sum(&sum, &Galois::<R>::inner(row, &s, &zero, &zero))
            })
        });
        Inner { a, b, c }
    };
    Ok(party.compute(batches * DEGREE * (p * depth + depth * q + p * q), work).await)
}
