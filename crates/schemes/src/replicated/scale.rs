//! Products with public real numbers, as exact as the result's last place.
//!
//! A public constant in the fixed point of the operand would be rounded to its fraction bits (0.001 with 16 of them is
//! off by 0.7 %), and the product would need room for twice these bits. Neither is necessary: with `u` and `v` as in
//! [`truncate`](super::truncate()), `x·c = u·c + v·c - w·2^k·c - 2^(k-2)·c` for any real `c`, each player computes its
//! product exactly and rounds once, and only the carry `w` takes messages.
//!
//! Error: less than 2 units in the last place, whatever `c`; less than one if `c` is a multiple of 2^-(k-2).
//! Domain: |x|, |x·c| < 2^(k-2) as integers. 2 rounds; k/8 + b, k/8, b bytes, where b ≤ k/8 is what the fraction bits of
//! `c` need; nothing if `c` is a whole number.

use std::sync::Arc;

use algebra::{Ring, Tensor, broadcast_shapes};

use super::Share;
use super::truncate::{Rescale, rescale};
use crate::error::{Error, Result};
use crate::party::Party;

/// A public real number: `± mantissa / 2^shift`, with an odd mantissa unless it is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
    negative: bool,
    mantissa: u64,
    shift: u32,
}

impl Factor {
    /// Exactly this number.
    ///
    /// # Errors
    /// If it is not finite, or 2^63 or more in size.
    pub fn of(c: f64) -> Result<Self> {
        if !c.is_finite() || c.abs() >= 2f64.powi(63) {
            return Err(Error::misuse("a public factor is no number, or 2^63 or more in size"));
        }
        let bits = c.abs().to_bits();
        let (exponent, fraction) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
        let (mantissa, power) = if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
        Ok(Self::reduced(c < 0.0, mantissa, power))
    }

    /// `1/n`, to 63 bits or more.
    ///
    /// # Panics
    /// If `n` is zero.
    #[must_use]
    pub fn reciprocal(n: u64) -> Self {
        let power = 63 + n.ilog2();
        let mantissa = ((1u128 << power) + u128::from(n / 2)) / u128::from(n);
        Self::reduced(false, mantissa as u64, -power.cast_signed())
    }

    /// `± mantissa·2^power`, which is below 2^63 in size.
    fn reduced(negative: bool, mantissa: u64, power: i32) -> Self {
        if mantissa == 0 {
            return Self { negative: false, mantissa: 0, shift: 0 };
        }
        let zeros = mantissa.trailing_zeros();
        let (mantissa, power) = (mantissa >> zeros, power + zeros.cast_signed());
        match u32::try_from(power) {
            Ok(up) => Self { negative, mantissa: mantissa << up, shift: 0 },
            Err(_) => Self { negative, mantissa, shift: power.unsigned_abs() },
        }
    }
}

/// What one factor means in a ring.
#[derive(Clone, Copy)]
struct Scaled<R> {
    mantissa: u64,
    shift: u32,
    /// 2^k·c and 2^(k-2)·c, rounded.
    wrap: R,
    offset: R,
}

impl<R: Ring> Scaled<R> {
    fn of(factor: &Factor) -> Self {
        let Factor { mantissa, shift, .. } = *factor;
        // mantissa·2^(at - shift), halves up.
        let power = |at: u32| match shift.checked_sub(at) {
            None | Some(0) => R::from_u64(mantissa).wshl(at - shift),
            Some(down) => R::from_u64((u128::from(mantissa).checked_shr(down - 1).unwrap_or(0).div_ceil(2)) as u64),
        };
        Self { mantissa, shift, wrap: power(R::BITS), offset: power(R::BITS - 2) }
    }
}

/// One factor for all elements, or one for each.
#[derive(Clone)]
struct Factors<R> {
    all: Arc<[Scaled<R>]>,
    bits: u32,
}

impl<R: Ring> Factors<R> {
    fn of(factors: &[Factor]) -> Self {
        // 2^k·c is a multiple of 2^(k-shift), so that of what it is multiplied by `shift` bits matter.
        let bits = factors.iter().map(|f| f.shift.min(R::BITS)).max().unwrap_or(0);
        Self { all: factors.iter().map(Scaled::of).collect(), bits }
    }

    #[inline(always)]
    fn at(&self, i: usize) -> &Scaled<R> {
        if self.all.len() == 1 { &self.all[0] } else { &self.all[i] }
    }
}

impl<R: Ring> Rescale<R> for Factors<R> {
    fn bits(&self) -> u32 {
        self.bits
    }

    #[inline(always)]
    fn up(&self, i: usize, u: R) -> R {
        let c = self.at(i);
        let (floor, lost) = u.scaled(c.mantissa, c.shift);
        floor.wadd(lost)
    }

    #[inline(always)]
    fn down(&self, i: usize, v: R) -> R {
        let c = self.at(i);
        v.scaled(c.mantissa, c.shift).0
    }

    #[inline(always)]
    fn wrap(&self, i: usize, w: R) -> R {
        w.wmul(self.at(i).wrap)
    }

    #[inline(always)]
    fn offset(&self, i: usize) -> R {
        self.at(i).offset
    }
}

/// `x·c` for one public number, or a tensor of them, broadcast. Cost and error are the module's.
///
/// # Errors
/// If a message fails, or shapes do not fit.
pub async fn scale<R: Ring>(party: &Party, x: &Share<R>, factors: &Tensor<Factor>) -> Result<Share<R>> {
    let shape = broadcast_shapes(x.shape(), factors.shape())?;
    let x = if x.shape() == shape { x.clone() } else { x.try_map(|t| t.broadcast_to(&shape))? };
    let sign = |f: &Factor| if f.negative { R::ONE.wneg() } else { R::ONE };
    if factors.data().iter().all(|f| f.shift == 0) {
        return x.mul_public(&factors.map(|f| sign(f).wmul(R::from_u64(f.mantissa))));
    }
    let all = if factors.len() == 1 { factors.clone() } else { factors.broadcast_to(&shape)? };
    let scaled = rescale(&party.enter("scale"), &x, Factors::of(all.data())).await?;
    if factors.data().iter().any(|f| f.negative) {
        return scaled.mul_public(&factors.map(sign));
    }
    Ok(scaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(f: Factor) -> f64 {
        let size = f.mantissa as f64 * (-f64::from(f.shift)).exp2();
        if f.negative { -size } else { size }
    }

    #[test]
    fn factors_are_exact() {
        for c in [0.0, -0.0, 1.0, -0.001, 0.1, 1e-300, f64::from_bits(1), 12345.0, -3e18, 0.5, 2f64.powi(62)] {
            // What two steps of scaling in doubles lose at the lowest exponents is not the factor's.
            if c.abs() >= 1e-290 || c == 0.0 {
                assert_eq!(value(Factor::of(c).unwrap()), c);
            }
        }
        assert_eq!(Factor::of(0.75).unwrap(), Factor { negative: false, mantissa: 3, shift: 2 });
        for c in [f64::NAN, f64::INFINITY, 2f64.powi(63)] {
            assert!(Factor::of(c).is_err());
        }
        for n in [1, 2, 3, 456, u64::MAX] {
            assert_eq!(value(Factor::reciprocal(n)), 1.0 / n as f64);
        }
        assert_eq!(Factor::reciprocal(8), Factor { negative: false, mantissa: 1, shift: 3 });
    }
}
