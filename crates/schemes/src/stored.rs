//! Values as bytes, for what is kept: a player's own part, whose form is known from the program.
//!
//! Elements in row-major order, little-endian, without headers; a part of a replicated sharing is `x_i`, then
//! `x_{i+1}`. Decoding is strict: what has another length, or bits where none belong, is no value.

use algebra::{Bits, Tensor};
use ir::{DType, RingBits, Scheme};

use crate::malicious::{self, Past};
use crate::plain::Plain;
use crate::replicated::{BitShare, Share};
use crate::value::Value;
use crate::wire::Wire;

/// How one player holds a value: what its bytes mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The scheme of the placement.
    pub scheme: Scheme,
    /// The element type.
    pub dtype: DType,
    /// The length of each axis.
    pub shape: Vec<usize>,
}

impl Held {
    /// The number of bytes of such a part; saturates where no memory could hold it.
    #[must_use]
    pub fn size(&self) -> usize {
        let one = Plain::size(&(self.dtype, self.shape.clone()));
        if self.scheme.spec().protected { one.saturating_mul(2) } else { one }
    }
}

impl Value {
    /// This player's part as bytes. What it depends on is not kept: it must be [verified](Self::past) before.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Plain(x) => x.write(&mut out),
            Self::Rep64(x) => pair(x.own(), x.next(), &mut out),
            Self::Rep128(x) => pair(x.own(), x.next(), &mut out),
            Self::RepBits(x) => pair(x.own(), x.next(), &mut out),
            Self::Ver64(x) => pair(x.shares().own(), x.shares().next(), &mut out),
            Self::Ver128(x) => pair(x.shares().own(), x.shares().next(), &mut out),
            Self::VerBits(x) => pair(x.shares().own(), x.shares().next(), &mut out),
        }
        out
    }

    /// Reads a part back; `None` if the bytes are not just that, or the scheme keeps nothing.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], held: &Held) -> Option<Self> {
        if held.scheme == Scheme::Malicious {
            let shares = Self::from_bytes(bytes, &Held { scheme: Scheme::Replicated, ..held.clone() })?;
            return Some(shares.into_verified());
        }
        let shape = held.shape.clone();
        let count = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d))?;
        Some(match (held.scheme, held.dtype) {
            (Scheme::Host, dtype) => Self::Plain(Plain::read(bytes, &(dtype, shape))?),
            (Scheme::Replicated, DType::Bool) => {
                let (own, next) = <(Bits, Bits)>::read(bytes, &(count, count))?;
                Self::RepBits(BitShare::new(held.shape.as_slice(), own, next))
            }
            (Scheme::Replicated, DType::I64 | DType::U64 | DType::Fixed { ring: RingBits::B64, .. }) => {
                let (own, next) = <(Tensor<u64>, Tensor<u64>)>::read(bytes, &(shape.clone(), shape))?;
                Self::Rep64(Share::new(own, next))
            }
            (Scheme::Replicated, DType::Fixed { ring: RingBits::B128, .. }) => {
                let (own, next) = <(Tensor<u128>, Tensor<u128>)>::read(bytes, &(shape.clone(), shape))?;
                Self::Rep128(Share::new(own, next))
            }
            _ => return None,
        })
    }

    /// The part of role `role` in a sharing of what is public anyway: for rehearsals. `None` if the scheme keeps
    /// nothing.
    #[must_use]
    pub fn of_public(value: &Plain, scheme: Scheme, role: usize) -> Option<Self> {
        if scheme == Scheme::Malicious {
            return Some(Self::of_public(value, Scheme::Replicated, role)?.into_verified());
        }
        Some(match (scheme, value) {
            (Scheme::Host, _) => Self::Plain(value.clone()),
            (Scheme::Replicated, Plain::Bool(t)) => {
                let bits = |holds: bool| if holds { Bits::from_bools(t.data()) } else { Bits::zeros(t.len()) };
                Self::RepBits(BitShare::new(t.shape(), bits(role == 0), bits(role == 2)))
            }
            (Scheme::Replicated, Plain::I64(t)) => Self::Rep64(Share::public(role, &t.map(|x| x.cast_unsigned()))),
            (Scheme::Replicated, Plain::U64(t) | Plain::Fixed64(t, _)) => Self::Rep64(Share::public(role, t)),
            (Scheme::Replicated, Plain::Fixed128(t, _)) => Self::Rep128(Share::public(role, t)),
            _ => return None,
        })
    }
}

impl Value {
    /// Shares as verified ones, which depend on nothing.
    fn into_verified(self) -> Self {
        match self {
            Self::Rep64(x) => Self::Ver64(malicious::Share::new(x, Past::default())),
            Self::Rep128(x) => Self::Ver128(malicious::Share::new(x, Past::default())),
            Self::RepBits(x) => Self::VerBits(malicious::BitShare::new(x, Past::default())),
            other => other,
        }
    }
}

fn pair<T: Wire>(own: &T, next: &T, out: &mut Vec<u8>) {
    own.write(out);
    next.write(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> Vec<(Plain, DType)> {
        let fixed = |ring| DType::fixed(ring, 16).unwrap();
        let numbers = Plain::F64(Tensor::from_fn(&[3, 5], |i| i as f64 - 4.0));
        let whole = Plain::F64(Tensor::from_fn(&[7], |i| i as f64));
        [fixed(RingBits::B64), fixed(RingBits::B128), DType::I64, DType::F64, DType::F32]
            .map(|d| (crate::plain::cast(&numbers, d).unwrap(), d))
            .into_iter()
            .chain([DType::U64, DType::Bool].map(|d| (crate::plain::cast(&whole, d).unwrap(), d)))
            .collect()
    }

    #[test]
    fn a_part_is_read_back_and_nothing_else_is() {
        for (plain, dtype) in kinds() {
            for (scheme, role) in
                [(Scheme::Host, 0), (Scheme::Replicated, 0), (Scheme::Replicated, 1), (Scheme::Malicious, 2)]
            {
                let Some(value) = Value::of_public(&plain, scheme, role) else {
                    assert!(dtype.is_float());
                    continue;
                };
                let held = Held { scheme, dtype, shape: plain.shape().to_vec() };
                let bytes = value.to_bytes();
                assert_eq!(bytes.len(), held.size(), "{dtype}");
                let back = Value::from_bytes(&bytes, &held).unwrap();
                assert_eq!((back.to_bytes(), back.shape()), (bytes.clone(), value.shape()));
                assert!(Value::from_bytes(&bytes[1..], &held).is_none());
                assert!(Value::from_bytes(&[&bytes[..], &[0]].concat(), &held).is_none());
                if dtype == DType::Bool {
                    let mut stray = bytes;
                    *stray.last_mut().unwrap() |= 0x80;
                    assert!(Value::from_bytes(&stray, &held).is_none(), "7 bits leave one of the byte unused");
                }
            }
        }
    }
}
