//! A value as a player holds it: in the clear, or as its part of a sharing.

use std::collections::BTreeMap;
use std::fmt;

use algebra::ShapeError;
use ir::{DType, IndexItem};

use crate::error::Result;
use crate::malicious::{self, Past};
use crate::plain::Plain;
use crate::replicated::{BitShare, Share};

/// What an operator is told about its result.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// The element type.
    pub dtype: DType,
    /// The element type of the last operand; that of the result if there is none.
    pub operand: DType,
    /// The length of each axis.
    pub shape: &'a [usize],
    /// The lengths of named dimensions.
    pub dims: &'a BTreeMap<String, u64>,
}

/// A value as one player holds it. The type of its elements is known from the program.
#[derive(Clone)]
pub enum Value {
    /// In the clear.
    Plain(Plain),
    /// A part of a replicated sharing in Z_2^64.
    Rep64(Share<u64>),
    /// A part of a replicated sharing in Z_2^128.
    Rep128(Share<u128>),
    /// A part of a replicated sharing of bits.
    RepBits(BitShare),
    /// A part of a verified sharing in Z_2^64.
    Ver64(malicious::Share<u64>),
    /// A part of a verified sharing in Z_2^128.
    Ver128(malicious::Share<u128>),
    /// A part of a verified sharing of bits.
    VerBits(malicious::BitShare),
}

impl Value {
    /// The length of each axis.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Plain(x) => x.shape(),
            Self::Rep64(x) => x.shape(),
            Self::Rep128(x) => x.shape(),
            Self::RepBits(x) => x.shape(),
            Self::Ver64(x) => x.shape(),
            Self::Ver128(x) => x.shape(),
            Self::VerBits(x) => x.shape(),
        }
    }

    /// What must be verified before it may leave its placement.
    #[must_use]
    pub fn past(&self) -> Option<&Past> {
        let past = match self {
            Self::Ver64(x) => x.past(),
            Self::Ver128(x) => x.past(),
            Self::VerBits(x) => x.past(),
            _ => return None,
        };
        (!past.is_empty()).then_some(past)
    }

    /// Elements at public positions and ranges. Free.
    ///
    /// # Errors
    /// If a position is outside of its axis.
    pub fn index(&self, at: &[IndexItem]) -> Result<Self> {
        Ok(match self {
            Self::Plain(x) => Self::Plain(index_plain(x, at)?),
            Self::Rep64(x) => Self::Rep64(x.try_map(|t| crate::plain::index(t, at))?),
            Self::Rep128(x) => Self::Rep128(x.try_map(|t| crate::plain::index(t, at))?),
            Self::RepBits(x) => Self::RepBits(x.try_map(|t| crate::plain::index(t, at))?),
            Self::Ver64(x) => Self::Ver64(x.try_map(|t| crate::plain::index(t, at))?),
            Self::Ver128(x) => Self::Ver128(x.try_map(|t| crate::plain::index(t, at))?),
            Self::VerBits(x) => Self::VerBits(x.try_map(|t| crate::plain::index(t, at))?),
        })
    }
}

fn index_plain(x: &Plain, at: &[IndexItem]) -> Result<Plain, ShapeError> {
    use crate::plain::index;
    Ok(match x {
        Plain::Bool(t) => Plain::Bool(index(t, at)?),
        Plain::I64(t) => Plain::I64(index(t, at)?),
        Plain::U64(t) => Plain::U64(index(t, at)?),
        Plain::F32(t) => Plain::F32(index(t, at)?),
        Plain::F64(t) => Plain::F64(index(t, at)?),
        Plain::Fixed64(t, frac) => Plain::Fixed64(index(t, at)?, *frac),
        Plain::Fixed128(t, frac) => Plain::Fixed128(index(t, at)?, *frac),
    })
}

/// Values are secrets: only form and shape are shown.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(x) => x.fmt(f),
            Self::Rep64(x) => x.fmt(f),
            Self::Rep128(x) => x.fmt(f),
            Self::RepBits(x) => x.fmt(f),
            Self::Ver64(x) => x.fmt(f),
            Self::Ver128(x) => x.fmt(f),
            Self::VerBits(x) => x.fmt(f),
        }
    }
}
