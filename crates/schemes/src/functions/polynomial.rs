//! Polynomials with public coefficients.

use algebra::Tensor;

use super::wide::constant;
use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Linear, Scheme};

/// A polynomial of 2^m ≥ 4 coefficients below 2 in size, lowest first, of |z| ≤ 1 with `q` ≤ 62 fraction bits, if all its
/// partial sums are below 2.
///
/// By the method of Paterson and Stockmeyer (1973) with rows of four coefficients, which are then joined in pairs
/// (Estrin 1960): 2·m + 2 rounds, and for 16 coefficients 7 products and 4 truncations.
pub(super) async fn polynomial<S: Scheme>(
    party: &Party,
    z: &S::Num<u128>,
    coefficients: &[f64],
    q: u32,
) -> Result<S::Num<u128>> {
    let square = S::mul_fixed(party, z, z, q).await?;
    let next = S::mul_fixed(party, &square, &S::Num::<u128>::stack(&[z, &square])?, q).await?;
    let (cube, mut power) = (next.row(0)?, next.row(1)?);
    // Enough for the 53 bits of a coefficient, and few enough for the sum of a row.
    let fine = (123 - q).min(60);
    let row = |four: &[f64]| -> Result<S::Num<u128>> {
        let term = |x: &S::Num<u128>, i: usize| x.times(constant(four[i], fine));
        let sum = term(z, 1)?.plus(&term(&square, 2)?)?.plus(&term(&cube, 3)?)?;
        sum.plus_public(party, constant(four[0], fine) << q)
    };
    let rows = coefficients.chunks(4).map(row).collect::<Result<Vec<_>>>()?;
    let rows = S::Num::<u128>::stack(&rows.iter().collect::<Vec<_>>())?;
    let mut rows = S::truncate(party, &rows, fine).await?;
    loop {
        let count = rows.shape()[0];
        if count == 1 {
            return rows.row(0);
        }
        let part = |start| S::Num::<u128>::join(&[&rows], |t| t[0].slice(0, start, count, 2));
        let (even, odd) = (part(0)?, part(1)?);
        if count == 2 {
            return even.plus(&S::mul_fixed(party, &odd, &power, q).await?)?.row(0);
        }
        // The next power is one row more of the same product.
        let left = S::Num::<u128>::join(&[&odd, &power], |t| Tensor::concat(&[t[0], &t[1].expand_dims(0)?], 0))?;
        let products = S::mul_fixed(party, &left, &power, q).await?;
        rows = even.plus(&products.rows(0, count / 2)?)?;
        power = products.row(count / 2)?;
    }
}
