//! What one player holds of a shared tensor, and what it can do with it alone.

use std::fmt;
use std::sync::Arc;

use algebra::{Bits, Ring, Tensor};
use zeroize::Zeroize;

use crate::error::Result;

/// Two neighbouring components, wiped when the last owner lets go.
struct Pair<T: Zeroize> {
    own: T,
    next: T,
}

impl<T: Zeroize> Drop for Pair<T> {
    fn drop(&mut self) {
        self.own.zeroize();
        self.next.zeroize();
    }
}

/// Player `i`'s part `(x_i, x_{i+1})` of a shared tensor of ring elements. Cheap to clone.
#[derive(Clone)]
pub struct Share<R: Ring>(Arc<Pair<Tensor<R>>>);

impl<R: Ring> Share<R> {
    /// The part with components `x_i` and `x_{i+1}`, which have one shape.
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    pub fn new(own: Tensor<R>, next: Tensor<R>) -> Self {
        assert_eq!(own.shape(), next.shape(), "both components have the value's shape");
        Self(Arc::new(Pair { own, next }))
    }

    /// Role `role`'s part of a public value: `x_0` is the value, the others are zero. Free.
    #[must_use]
    pub fn public(role: usize, value: &Tensor<R>) -> Self {
        let zero = || Tensor::zeros(value.shape());
        match role {
            0 => Self::new(value.clone(), zero()),
            2 => Self::new(zero(), value.clone()),
            _ => Self::new(zero(), zero()),
        }
    }

    /// `x_i`.
    #[must_use]
    pub fn own(&self) -> &Tensor<R> {
        &self.0.own
    }

    /// `x_{i+1}`.
    #[must_use]
    pub fn next(&self) -> &Tensor<R> {
        &self.0.next
    }

    /// The value's shape.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.0.own.shape()
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.own.len()
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.own.is_empty()
    }

    /// Applies a linear function to both components. Free.
    #[must_use]
    pub fn map(&self, f: impl Fn(&Tensor<R>) -> Tensor<R>) -> Self {
        Self::new(f(self.own()), f(self.next()))
    }

    /// Applies a linear function that can fail to both components. Free.
    pub fn try_map<E>(&self, f: impl Fn(&Tensor<R>) -> Result<Tensor<R>, E>) -> Result<Self, E> {
        Ok(Self::new(f(self.own())?, f(self.next())?))
    }

    /// Applies a function that is linear in all operands together, such as a concatenation. Free.
    pub fn join<E>(parts: &[&Self], f: impl Fn(&[&Tensor<R>]) -> Result<Tensor<R>, E>) -> Result<Self, E> {
        let own: Vec<_> = parts.iter().map(|p| p.own()).collect();
        let next: Vec<_> = parts.iter().map(|p| p.next()).collect();
        Ok(Self::new(f(&own)?, f(&next)?))
    }

    /// `x + y`, broadcast. Free.
    pub fn add(&self, other: &Self) -> Result<Self> {
        Ok(Self::new(self.own().add(other.own())?, self.next().add(other.next())?))
    }

    /// `x - y`, broadcast. Free.
    pub fn sub(&self, other: &Self) -> Result<Self> {
        Ok(Self::new(self.own().sub(other.own())?, self.next().sub(other.next())?))
    }

    /// `-x`. Free.
    #[must_use]
    pub fn neg(&self) -> Self {
        self.map(Tensor::neg)
    }

    /// `x` times one public element. Free.
    #[must_use]
    pub fn scale(&self, factor: R) -> Self {
        self.map(|t| t.scale(factor))
    }

    /// `x ∘ c` for a public tensor, broadcast. Free.
    pub fn mul_public(&self, factor: &Tensor<R>) -> Result<Self> {
        Ok(self.try_map(|t| t.mul(factor))?)
    }

    /// `x + c` for a public tensor, broadcast; `role` is ours. Free.
    pub fn add_public(&self, role: usize, value: &Tensor<R>) -> Result<Self> {
        self.add(&Self::public(role, value))
    }

    /// The sum over axes. Free.
    pub fn sum_axes(&self, axes: &[usize], keep_dims: bool) -> Result<Self> {
        Ok(self.try_map(|t| t.sum_axes(axes, keep_dims))?)
    }

    /// The same elements under another shape. Free.
    pub fn reshape(&self, shape: &[usize]) -> Result<Self> {
        Ok(self.try_map(|t| t.reshape(shape))?)
    }
}

impl<R: Ring> fmt::Debug for Share<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share<{}>{:?}", R::BITS, self.shape())
    }
}

/// Player `i`'s part `(b_i, b_{i+1})` of a shared tensor of bits, `b = b_0 ⊕ b_1 ⊕ b_2`. Cheap to clone.
#[derive(Clone)]
pub struct BitShare {
    shape: Vec<usize>,
    pair: Arc<Pair<Bits>>,
}

impl BitShare {
    /// The part with components `b_i` and `b_{i+1}`, in row-major order.
    ///
    /// # Panics
    /// If the numbers of bits are not that of the shape.
    #[must_use]
    pub fn new(shape: impl Into<Vec<usize>>, own: Bits, next: Bits) -> Self {
        let shape = shape.into();
        let count: usize = shape.iter().product();
        assert!(own.len() == count && next.len() == count, "one bit for every element");
        Self { shape, pair: Arc::new(Pair { own, next }) }
    }

    /// Role `role`'s part of public bits. Free.
    #[must_use]
    pub fn public(role: usize, shape: impl Into<Vec<usize>>, value: &Bits) -> Self {
        let zero = || Bits::zeros(value.len());
        match role {
            0 => Self::new(shape, value.clone(), zero()),
            2 => Self::new(shape, zero(), value.clone()),
            _ => Self::new(shape, zero(), zero()),
        }
    }

    /// `b_i`.
    #[must_use]
    pub fn own(&self) -> &Bits {
        &self.pair.own
    }

    /// `b_{i+1}`.
    #[must_use]
    pub fn next(&self) -> &Bits {
        &self.pair.next
    }

    /// The value's shape.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of bits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pair.own.len()
    }

    /// Whether there are no bits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Applies a function that moves bits and looks at none to both components. Free.
    pub fn try_map<E>(&self, f: impl Fn(&Tensor<bool>) -> Result<Tensor<bool>, E>) -> Result<Self, E> {
        Self::join(&[self], |parts| f(parts[0]))
    }

    /// Applies a function that moves bits of all operands together, such as a concatenation. Free.
    pub fn join<E>(parts: &[&Self], f: impl Fn(&[&Tensor<bool>]) -> Result<Tensor<bool>, E>) -> Result<Self, E> {
        let apply = |component: fn(&Self) -> &Bits| {
            let unpacked: Vec<Tensor<bool>> = parts
                .iter()
                .map(|p| {
                    let bools = component(p).to_bools();
                    Tensor::new(p.shape.clone(), bools).expect("one bit for every element")
                })
                .collect();
            f(&unpacked.iter().collect::<Vec<_>>())
        };
        let (own, next) = (apply(Self::own)?, apply(Self::next)?);
        Ok(Self::new(own.shape(), Bits::from_bools(own.data()), Bits::from_bools(next.data())))
    }

    /// Repeated to fill a shape. Free.
    pub fn broadcast_to(&self, shape: &[usize]) -> Result<Self> {
        if self.shape == shape {
            return Ok(self.clone());
        }
        Ok(self.try_map(|t| t.broadcast_to(shape))?)
    }

    /// The same bits under another shape of as many elements. Free.
    ///
    /// # Panics
    /// If the number of elements differs.
    #[must_use]
    pub fn with_shape(mut self, shape: &[usize]) -> Self {
        assert_eq!(shape.iter().product::<usize>(), self.len(), "one bit for every element");
        self.shape = shape.to_vec();
        self
    }

    /// What lies along the first axis, one by one. Free.
    #[must_use]
    pub fn parts(&self) -> Vec<Self> {
        let Some((count, shape)) = self.shape.split_first() else { return Vec::new() };
        let size: usize = shape.iter().product();
        let part = |i: usize| {
            let piece = |bits: &Bits| bits.slice(i * size, (i + 1) * size);
            Self::new(shape, piece(self.own()), piece(self.next()))
        };
        (0..*count).map(part).collect()
    }

    /// `x ⊕ y`, broadcast. Free.
    pub fn xor(&self, other: &Self) -> Result<Self> {
        let shape = algebra::broadcast_shapes(&self.shape, &other.shape)?;
        let (x, y) = (self.broadcast_to(&shape)?, other.broadcast_to(&shape)?);
        Ok(Self::new(shape, x.own().xor(y.own()), x.next().xor(y.next())))
    }

    /// `¬x`; `role` is ours. Free.
    #[must_use]
    pub fn not(&self, role: usize) -> Self {
        let (own, next) = (self.own(), self.next());
        match role {
            0 => Self::new(self.shape.clone(), own.not(), next.clone()),
            2 => Self::new(self.shape.clone(), own.clone(), next.not()),
            _ => self.clone(),
        }
    }
}

impl fmt::Debug for BitShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BitShare{:?}", self.shape)
    }
}
