//! Values in the clear as messages: elements in row-major order, little-endian; type and shape are public.

use algebra::{Bits, Ring, Tensor};
use ir::{DType, RingBits};

use super::Plain;
use crate::wire::Wire;

impl Wire for Plain {
    /// Type of the elements, and shape.
    type Form = (DType, Vec<usize>);

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bool(t) => Bits::from_bools(t.data()).write_bytes(out),
            Self::I64(t) => t.data().iter().for_each(|x| out.extend(x.to_le_bytes())),
            Self::F32(t) => t.data().iter().for_each(|x| out.extend(x.to_le_bytes())),
            Self::F64(t) => t.data().iter().for_each(|x| out.extend(x.to_le_bytes())),
            Self::U64(t) | Self::Fixed64(t, _) => u64::write_le(t.data(), out),
            Self::Fixed128(t, _) => u128::write_le(t.data(), out),
        }
    }

    fn size((dtype, shape): &Self::Form) -> usize {
        let count = shape.iter().fold(1usize, |n, d| n.saturating_mul(*d));
        match dtype {
            DType::Bool => count.div_ceil(8),
            DType::F32 => count.saturating_mul(4),
            DType::I64 | DType::U64 | DType::F64 | DType::Fixed { ring: RingBits::B64, .. } => count.saturating_mul(8),
            DType::Fixed { ring: RingBits::B128, .. } => count.saturating_mul(16),
            DType::Bytes => usize::MAX,
        }
    }

    fn read(bytes: &[u8], form: &Self::Form) -> Option<Self> {
        if bytes.len() != Self::size(form) {
            return None;
        }
        let (dtype, shape) = form;
        let words = || u64::read_le(bytes);
        let tensor = |data| Tensor::new(shape.clone(), data).ok();
        Some(match dtype {
            DType::Bool => {
                let count = shape.iter().product();
                Self::Bool(Tensor::new(shape.clone(), Bits::from_bytes(count, bytes)?.to_bools()).ok()?)
            }
            DType::I64 => Self::I64(tensor(words()?)?.map(|w| w.cast_signed())),
            DType::U64 => Self::U64(tensor(words()?)?),
            DType::F64 => Self::F64(tensor(words()?)?.map(|w| f64::from_bits(*w))),
            DType::F32 => {
                let data = bytes.chunks_exact(4).map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect();
                Self::F32(Tensor::new(shape.clone(), data).ok()?)
            }
            DType::Fixed { ring: RingBits::B64, frac } => Self::Fixed64(tensor(words()?)?, *frac),
            DType::Fixed { ring: RingBits::B128, frac } => {
                Self::Fixed128(Tensor::new(shape.clone(), u128::read_le(bytes)?).ok()?, *frac)
            }
            DType::Bytes => return None,
        })
    }
}
