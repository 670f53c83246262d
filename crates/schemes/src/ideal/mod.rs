//! The ideal scheme, for tests only and insecure: a share is the value itself, and kernels compute as the primitives
//! promise, with no error. Functions that are right on it and wrong on another scheme show a fault of that scheme.

use algebra::{Ring, ShapeError, Tensor};

use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Exponent, Linear, Logic, Rearrange, Scheme};
use crate::replicated::Order;

/// No protection at all.
pub struct Ideal;

impl<R: Ring> Linear<R> for Tensor<R> {
    fn shape(&self) -> &[usize] {
        Tensor::shape(self)
    }

    fn public(_: &Party, value: &Tensor<R>) -> Result<Self> {
        Ok(value.clone())
    }

    fn join(parts: &[&Self], f: impl Fn(&[&Tensor<R>]) -> Result<Tensor<R>, ShapeError>) -> Result<Self> {
        Ok(f(parts)?)
    }
}

impl Logic for Tensor<bool> {
    fn shape(&self) -> &[usize] {
        Tensor::shape(self)
    }

    fn xor(&self, other: &Self) -> Result<Self> {
        Ok(self.zip_with(other, |a, b| a ^ b)?)
    }

    fn not(&self, _: &Party) -> Result<Self> {
        Ok(self.map(|b| !b))
    }

    fn parts(&self) -> Result<Vec<Self>> {
        let count = Tensor::shape(self).first().copied().unwrap_or(0);
        Ok((0..count).map(|i| self.index(0, i)).collect::<Result<_, _>>()?)
    }

    fn join(parts: &[&Self], f: impl Fn(&[&Tensor<bool>]) -> Result<Tensor<bool>, ShapeError>) -> Result<Self> {
        Ok(f(parts)?)
    }
}

impl Scheme for Ideal {
    type Num<R: Ring> = Tensor<R>;
    type Bit = Tensor<bool>;

    async fn mul<R: Ring>(_: &Party, x: &Tensor<R>, y: &Tensor<R>) -> Result<Tensor<R>> {
        Ok(x.mul(y)?)
    }

    async fn matmul<R: Ring>(_: &Party, x: &Tensor<R>, y: &Tensor<R>) -> Result<Tensor<R>> {
        Ok(algebra::matmul(x, y)?)
    }

    async fn mul_fixed<R: Ring>(_: &Party, x: &Tensor<R>, y: &Tensor<R>, frac: u32) -> Result<Tensor<R>> {
        Ok(x.mul(y)?.ashr(frac))
    }

    async fn truncate<R: Ring>(_: &Party, x: &Tensor<R>, by: u32) -> Result<Tensor<R>> {
        Ok(x.ashr(by))
    }

    async fn less<R: Ring>(_: &Party, x: &Tensor<R>, y: &Tensor<R>, order: Order) -> Result<Tensor<bool>> {
        let halves = |x: &R| (x.high_u64(), x.low_u64());
        Ok(match order {
            Order::Unsigned => x.zip_with(y, |x, y| halves(x) < halves(y))?,
            Order::Slack | Order::Signed => x.zip_with(y, |x, y| x.to_i128() < y.to_i128())?,
        })
    }

    async fn equal<R: Ring>(_: &Party, x: &Tensor<R>, y: &Tensor<R>) -> Result<Tensor<bool>> {
        Ok(x.zip_with(y, |x, y| x == y)?)
    }

    async fn and(_: &Party, x: &Tensor<bool>, y: &Tensor<bool>) -> Result<Tensor<bool>> {
        Ok(x.zip_with(y, |x, y| x & y)?)
    }

    async fn mul_bit<R: Ring>(_: &Party, b: &Tensor<bool>, x: &Tensor<R>) -> Result<Tensor<R>> {
        Ok(b.zip_with(x, |b, x| if *b { *x } else { R::ZERO })?)
    }

    async fn to_ring<R: Ring>(_: &Party, b: &Tensor<bool>) -> Result<Tensor<R>> {
        Ok(b.map(|b| R::from_u64(u64::from(*b))))
    }

    async fn bits<R: Ring>(_: &Party, x: &Tensor<R>, width: usize) -> Result<Vec<Tensor<bool>>> {
        Ok((0..width).map(|j| x.map(|x| x.bit(j as u32))).collect())
    }

    async fn exponent(_: &Party, x: &Tensor<u64>) -> Result<Exponent<Tensor<bool>>> {
        let sign = x.map(|x| x >> 63 == 1);
        let d = x.map(|x| 61 - (if x >> 63 == 1 { !x } else { *x } | 1).ilog2());
        Ok(Exponent { sign, d: (0..6).map(|i| d.map(|d| d >> i & 1 == 1)).collect() })
    }

    async fn widen(_: &Party, x: &Tensor<u64>) -> Result<Tensor<u128>> {
        Ok(x.map(|x| i128::from(x.cast_signed()).cast_unsigned()))
    }

    fn lower(x: &Tensor<u128>) -> Tensor<u64> {
        x.map(|x| x.low_u64())
    }
}

impl Rearrange for Ideal {
    type Permutation = usize;

    fn permutation(_: &Party, rows: usize) -> Result<usize> {
        Ok(rows)
    }

    // The order turned round, which is its own inverse.
    async fn shuffle<R: Ring>(_: &Party, _: &usize, x: &Tensor<R>, _: bool) -> Result<Tensor<R>> {
        Ok(x.flip(0)?)
    }

    async fn shuffle_bits(_: &Party, _: &usize, x: &Tensor<bool>, _: bool) -> Result<Tensor<bool>> {
        Ok(x.flip(0)?)
    }

    async fn open<R: Ring>(_: &Party, x: &Tensor<R>) -> Result<Tensor<R>> {
        Ok(x.clone())
    }
}
