//! What a scheme brings: its share types and primitive kernels. Everything else is written once over these traits, in
//! [`functions`](crate::functions).

use std::future::Future;

use algebra::{Ring, ShapeError, Tensor};

use crate::error::Result;
use crate::party::Party;
use crate::replicated::Order;

/// A shared tensor of ring elements, as far as one player computes on it alone. All of it is free.
pub trait Linear<R: Ring>: Clone + Send + Sync + Sized + 'static {
    /// The value's shape.
    fn shape(&self) -> &[usize];

    /// Our part of a public value.
    fn public(party: &Party, value: &Tensor<R>) -> Result<Self>;

    /// Applies a function that is linear in all operands together.
    fn join(parts: &[&Self], f: impl Fn(&[&Tensor<R>]) -> Result<Tensor<R>, ShapeError>) -> Result<Self>;

    /// `x + y`, broadcast.
    fn plus(&self, other: &Self) -> Result<Self> {
        Self::join(&[self, other], |t| t[0].add(t[1]))
    }

    /// `x - y`, broadcast.
    fn minus(&self, other: &Self) -> Result<Self> {
        Self::join(&[self, other], |t| t[0].sub(t[1]))
    }

    /// `x` times a public element.
    fn times(&self, factor: R) -> Result<Self> {
        Self::join(&[self], |t| Ok(t[0].scale(factor)))
    }

    /// `x + c` for a public element.
    fn plus_public(&self, party: &Party, value: R) -> Result<Self> {
        self.plus(&Self::public(party, &Tensor::scalar(value))?)
    }

    /// `c - x` for a public element.
    fn public_minus(&self, party: &Party, value: R) -> Result<Self> {
        Self::public(party, &Tensor::scalar(value))?.minus(self)
    }

    /// Tensors of one shape along a new first axis.
    fn stack(parts: &[&Self]) -> Result<Self> {
        Self::join(parts, |t| Tensor::stack(t, 0))
    }

    /// The sub-tensor at index `i` of the first axis.
    fn row(&self, i: usize) -> Result<Self> {
        Self::join(&[self], |t| t[0].index(0, i))
    }

    /// Indices `start..end` of the first axis.
    fn rows(&self, start: usize, end: usize) -> Result<Self> {
        Self::join(&[self], |t| t[0].rows(start, end))
    }
}

/// A shared tensor of bits, as far as one player computes on it alone. All of it is free.
pub trait Logic: Clone + Send + Sync + Sized + 'static {
    /// The value's shape.
    fn shape(&self) -> &[usize];

    /// `x ⊕ y`, broadcast.
    fn xor(&self, other: &Self) -> Result<Self>;

    /// `¬x`.
    fn not(&self, party: &Party) -> Result<Self>;

    /// What lies along the first axis, one by one.
    fn parts(&self) -> Result<Vec<Self>>;

    /// Applies a function that moves bits of all operands together.
    fn join(parts: &[&Self], f: impl Fn(&[&Tensor<bool>]) -> Result<Tensor<bool>, ShapeError>) -> Result<Self>;
}

/// The sign and binary exponent of a number, as bits.
pub struct Exponent<B> {
    /// Whether it is negative.
    pub sign: B,
    /// The bits of `d = 61 - j`, lowest first, where bit `j` is the highest that is set in |x|. For -2^j, which is
    /// one's complemented, `d` may be greater by one; for 0 it is 61.
    pub d: Vec<B>,
}

/// The kernels of a scheme. Costs and error bounds are those of the implementation.
pub trait Scheme: Send + Sync + Sized + 'static {
    /// A shared tensor of ring elements.
    type Num<R: Ring>: Linear<R>;
    /// A shared tensor of bits.
    type Bit: Logic;

    /// `x ∘ y` in the ring.
    fn mul<R: Ring>(
        party: &Party,
        x: &Self::Num<R>,
        y: &Self::Num<R>,
    ) -> impl Future<Output = Result<Self::Num<R>>> + Send;

    /// The matrix product in the ring, with numpy's rules for ranks and batches.
    fn matmul<R: Ring>(
        party: &Party,
        x: &Self::Num<R>,
        y: &Self::Num<R>,
    ) -> impl Future<Output = Result<Self::Num<R>>> + Send;

    /// `x ∘ y / 2^frac`, within one unit, for |x·y| < 2^(k-2).
    fn mul_fixed<R: Ring>(
        party: &Party,
        x: &Self::Num<R>,
        y: &Self::Num<R>,
        frac: u32,
    ) -> impl Future<Output = Result<Self::Num<R>>> + Send;

    /// `x / 2^by`, within one unit, for |x| < 2^(k-2).
    fn truncate<R: Ring>(party: &Party, x: &Self::Num<R>, by: u32)
    -> impl Future<Output = Result<Self::Num<R>>> + Send;

    /// Whether `x < y`.
    fn less<R: Ring>(
        party: &Party,
        x: &Self::Num<R>,
        y: &Self::Num<R>,
        order: Order,
    ) -> impl Future<Output = Result<Self::Bit>> + Send;

    /// Whether `x = y`.
    fn equal<R: Ring>(
        party: &Party,
        x: &Self::Num<R>,
        y: &Self::Num<R>,
    ) -> impl Future<Output = Result<Self::Bit>> + Send;

    /// `x ∧ y`.
    fn and(party: &Party, x: &Self::Bit, y: &Self::Bit) -> impl Future<Output = Result<Self::Bit>> + Send;

    /// `b·x`.
    fn mul_bit<R: Ring>(
        party: &Party,
        b: &Self::Bit,
        x: &Self::Num<R>,
    ) -> impl Future<Output = Result<Self::Num<R>>> + Send;

    /// Truth values as 0 and 1.
    fn to_ring<R: Ring>(party: &Party, b: &Self::Bit) -> impl Future<Output = Result<Self::Num<R>>> + Send;

    /// The lowest `width` bits of x, in two's complement, lowest first.
    fn bits<R: Ring>(
        party: &Party,
        x: &Self::Num<R>,
        width: usize,
    ) -> impl Future<Output = Result<Vec<Self::Bit>>> + Send;

    /// Sign and exponent, for |x| < 2^62.
    fn exponent(party: &Party, x: &Self::Num<u64>) -> impl Future<Output = Result<Exponent<Self::Bit>>> + Send;

    /// The same number in Z_2^128, for |x| < 2^62.
    fn widen(party: &Party, x: &Self::Num<u64>) -> impl Future<Output = Result<Self::Num<u128>>> + Send;

    /// The number mod 2^64.
    fn lower(x: &Self::Num<u128>) -> Self::Num<u64>;

    /// `(1 - 2·negative)·(inside·x + beyond) / 2^by` within one unit, all of one shape, for 0 < `by` and
    /// |inside·x + beyond| < 2^(k-2); where `inside` is false, x may be any element.
    fn signed_choice<R: Ring>(
        party: &Party,
        (negative, inside): (&Self::Bit, &Self::Bit),
        x: &Self::Num<R>,
        beyond: R,
        by: u32,
    ) -> impl Future<Output = Result<Self::Num<R>>> + Send {
        async move {
            let chosen = Self::mul_bit(party, inside, x).await?.plus_public(party, beyond)?;
            let value = Self::truncate(party, &chosen, by).await?;
            value.minus(&Self::mul_bit(party, negative, &value).await?.times(R::from_u64(2))?)
        }
    }

    /// `x` where the condition holds, else `y`.
    fn select<R: Ring>(
        party: &Party,
        condition: &Self::Bit,
        x: &Self::Num<R>,
        y: &Self::Num<R>,
    ) -> impl Future<Output = Result<Self::Num<R>>> + Send {
        async move { Self::mul_bit(party, condition, &x.minus(y)?).await?.plus(y) }
    }
}

/// A scheme whose players can put rows in an order that none of them knows.
pub trait Rearrange: Scheme {
    /// A secret permutation of rows.
    type Permutation: Send + Sync;

    /// A new random permutation of so many rows.
    fn permutation(party: &Party, rows: usize) -> Result<Self::Permutation>;

    /// The rows of `x` in that order; `back` undoes it.
    fn shuffle<R: Ring>(
        party: &Party,
        order: &Self::Permutation,
        x: &Self::Num<R>,
        back: bool,
    ) -> impl Future<Output = Result<Self::Num<R>>> + Send;

    /// The rows of bits in that order; `back` undoes it.
    fn shuffle_bits(
        party: &Party,
        order: &Self::Permutation,
        x: &Self::Bit,
        back: bool,
    ) -> impl Future<Output = Result<Self::Bit>> + Send;

    /// Opens a tensor to all players of the placement: only for what is distributed alike whatever the secrets are, such
    /// as the places of rows that were shuffled.
    fn open<R: Ring>(party: &Party, x: &Self::Num<R>) -> impl Future<Output = Result<Tensor<R>>> + Send;
}
