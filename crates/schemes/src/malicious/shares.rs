//! A replicated sharing with the past that must be verified before it is opened.

use std::fmt;

use algebra::{Ring, ShapeError, Tensor};

use super::past::Past;
use crate::error::Result;
use crate::party::Party;
use crate::primitives::{Linear, Logic};
use crate::replicated::{self, Seat};

/// Our part of a shared tensor of ring elements.
#[derive(Clone)]
pub struct Share<R: Ring> {
    pub(super) value: replicated::Share<R>,
    pub(super) past: Past,
}

/// Our part of a shared tensor of bits.
#[derive(Clone)]
pub struct BitShare {
    pub(super) value: replicated::BitShare,
    pub(super) past: Past,
}

impl<R: Ring> Share<R> {
    /// A part that depends on a past.
    #[must_use]
    pub fn new(value: replicated::Share<R>, past: Past) -> Self {
        Self { value, past }
    }

    /// What it depends on.
    #[must_use]
    pub fn past(&self) -> &Past {
        &self.past
    }

    /// The components, whatever they depend on.
    pub(crate) fn shares(&self) -> &replicated::Share<R> {
        &self.value
    }

    /// The value's shape.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// Applies a linear function that can fail. Free.
    pub fn try_map<E>(&self, f: impl Fn(&Tensor<R>) -> Result<Tensor<R>, E>) -> Result<Self, E> {
        Ok(Self { value: self.value.try_map(f)?, past: self.past.clone() })
    }

    /// Repeated to fill a shape. Free.
    pub(super) fn broadcast_to(&self, shape: &[usize]) -> Result<Self> {
        Ok(if self.shape() == shape { self.clone() } else { self.try_map(|t| t.broadcast_to(shape))? })
    }
}

impl BitShare {
    /// A part that depends on a past.
    #[must_use]
    pub fn new(value: replicated::BitShare, past: Past) -> Self {
        Self { value, past }
    }

    /// What it depends on.
    #[must_use]
    pub fn past(&self) -> &Past {
        &self.past
    }

    /// The components, whatever they depend on.
    pub(crate) fn shares(&self) -> &replicated::BitShare {
        &self.value
    }

    /// The value's shape.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// Applies a function that moves bits. Free.
    pub fn try_map<E>(&self, f: impl Fn(&Tensor<bool>) -> Result<Tensor<bool>, E>) -> Result<Self, E> {
        Ok(Self { value: self.value.try_map(f)?, past: self.past.clone() })
    }

    /// Repeated to fill a shape. Free.
    pub(super) fn broadcast_to(&self, shape: &[usize]) -> Result<Self> {
        Ok(Self { value: self.value.broadcast_to(shape)?, past: self.past.clone() })
    }
}

impl<R: Ring> Linear<R> for Share<R> {
    fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    fn public(party: &Party, value: &Tensor<R>) -> Result<Self> {
        Ok(Self::new(replicated::Share::public(Seat::of(party)?.role, value), Past::default()))
    }

    fn join(parts: &[&Self], f: impl Fn(&[&Tensor<R>]) -> Result<Tensor<R>, ShapeError>) -> Result<Self> {
        let values: Vec<&replicated::Share<R>> = parts.iter().map(|p| &p.value).collect();
        let past = parts.iter().fold(Past::default(), |past, p| past.and(&p.past));
        Ok(Self { value: replicated::Share::join(&values, f)?, past })
    }
}

impl Logic for BitShare {
    fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    fn xor(&self, other: &Self) -> Result<Self> {
        Ok(Self { value: self.value.xor(&other.value)?, past: self.past.and(&other.past) })
    }

    fn not(&self, party: &Party) -> Result<Self> {
        Ok(Self { value: self.value.not(Seat::of(party)?.role), past: self.past.clone() })
    }

    fn parts(&self) -> Result<Vec<Self>> {
        Ok(self.value.parts().into_iter().map(|value| Self { value, past: self.past.clone() }).collect())
    }

    fn join(parts: &[&Self], f: impl Fn(&[&Tensor<bool>]) -> Result<Tensor<bool>, ShapeError>) -> Result<Self> {
        let values: Vec<&replicated::BitShare> = parts.iter().map(|p| &p.value).collect();
        let past = parts.iter().fold(Past::default(), |past, p| past.and(&p.past));
        Ok(Self { value: replicated::BitShare::join(&values, f)?, past })
    }
}

/// Shares are secrets: only form and shape are shown.
impl<R: Ring> fmt::Debug for Share<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl fmt::Debug for BitShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
