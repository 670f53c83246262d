//! Types of values: element types, dimensions and shapes.

use std::collections::BTreeMap;
use std::fmt;

/// The ring that carries a fixed-point number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RingBits {
    /// Integers modulo 2^64.
    B64,
    /// Integers modulo 2^128.
    B128,
}

impl RingBits {
    /// Number of bits, 64 or 128.
    pub fn bits(self) -> u32 {
        match self {
            RingBits::B64 => 64,
            RingBits::B128 => 128,
        }
    }
}

/// The type of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// A truth value.
    Bool,
    /// A signed 64-bit integer.
    I64,
    /// An unsigned 64-bit integer, modulo 2^64.
    U64,
    /// An IEEE 754 single.
    F32,
    /// An IEEE 754 double.
    F64,
    /// A signed fixed-point number: an integer of `ring`, scaled by 2^-frac.
    Fixed {
        /// The ring that carries it.
        ring: RingBits,
        /// Number of fraction bits.
        frac: u8,
    },
    /// A string of bytes.
    Bytes,
}

impl DType {
    /// A fixed-point type, if `frac` leaves room for the sign, the slack bit and one integer bit.
    pub fn fixed(ring: RingBits, frac: u8) -> Option<DType> {
        // A product has 2·frac fraction bits and must stay below 2^(k-2) to be truncated safely.
        (u32::from(frac) * 2 + 3 <= ring.bits()).then_some(DType::Fixed { ring, frac })
    }

    /// `f32` or `f64`.
    pub fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64)
    }

    /// A fixed-point type.
    pub fn is_fixed(self) -> bool {
        matches!(self, DType::Fixed { .. })
    }

    /// `i64` or `u64`.
    pub fn is_integer(self) -> bool {
        matches!(self, DType::I64 | DType::U64)
    }

    /// A type that arithmetic is defined on.
    pub fn is_numeric(self) -> bool {
        self.is_float() || self.is_fixed() || self.is_integer()
    }

    /// A type of (approximate) real numbers: float or fixed point.
    pub fn is_real(self) -> bool {
        self.is_float() || self.is_fixed()
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DType::Bool => f.write_str("bool"),
            DType::I64 => f.write_str("i64"),
            DType::U64 => f.write_str("u64"),
            DType::F32 => f.write_str("f32"),
            DType::F64 => f.write_str("f64"),
            DType::Fixed { ring, frac } => write!(f, "fixed<{}, {frac}>", ring.bits()),
            DType::Bytes => f.write_str("bytes"),
        }
    }
}

impl std::str::FromStr for DType {
    type Err = String;

    /// Reads a type as it is printed: `bool`, `f64`, `fixed<64, 16>`.
    fn from_str(text: &str) -> Result<DType, String> {
        Ok(match text {
            "bool" => DType::Bool,
            "i64" => DType::I64,
            "u64" => DType::U64,
            "f32" => DType::F32,
            "f64" => DType::F64,
            "bytes" => DType::Bytes,
            _ => {
                let inner = text.strip_prefix("fixed<").and_then(|t| t.strip_suffix('>'));
                let parts = inner.and_then(|t| t.split_once(','));
                let number = |t: &str| t.trim().parse::<u8>().ok();
                let fixed = parts.and_then(|(ring, frac)| match (number(ring)?, number(frac)?) {
                    (64, frac) => DType::fixed(RingBits::B64, frac),
                    (128, frac) => DType::fixed(RingBits::B128, frac),
                    _ => None,
                });
                return fixed.ok_or_else(|| format!("`{text}` is not a type"));
            }
        })
    }
}

/// The length of one axis: a constant plus named dimensions, as `442`, `n` or `2*n + m`.
///
/// Sums arise where rows of several owners are concatenated.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Dim {
    constant: u64,
    names: BTreeMap<String, u64>,
}

impl Dim {
    /// A constant length.
    pub fn constant(n: u64) -> Dim {
        Dim { constant: n, names: BTreeMap::new() }
    }

    /// A length that is bound by name, with the agreement.
    pub fn named(name: &str) -> Dim {
        Dim { constant: 0, names: BTreeMap::from([(name.to_owned(), 1)]) }
    }

    /// A named length `times` times over, as `2*n`; of a constant, the constant.
    #[must_use]
    pub fn times(mut self, times: u64) -> Dim {
        self.names.values_mut().for_each(|t| *t = times);
        self.names.retain(|_, t| *t > 0);
        self
    }

    /// The sum of two lengths; `None` if it does not fit.
    pub fn checked_add(&self, other: &Dim) -> Option<Dim> {
        let mut sum = self.clone();
        sum.constant = sum.constant.checked_add(other.constant)?;
        for (name, times) in &other.names {
            let entry = sum.names.entry(name.clone()).or_insert(0);
            *entry = entry.checked_add(*times)?;
        }
        Some(sum)
    }

    /// The length if it is constant.
    pub fn as_constant(&self) -> Option<u64> {
        self.names.is_empty().then_some(self.constant)
    }

    /// The name if the length is exactly one named dimension.
    pub fn as_name(&self) -> Option<&str> {
        match self.names.iter().next() {
            Some((name, 1)) if self.constant == 0 && self.names.len() == 1 => Some(name),
            _ => None,
        }
    }

    /// Whether the length is the constant 1, which broadcasts.
    pub fn is_one(&self) -> bool {
        self.as_constant() == Some(1)
    }

    /// The part of the length that depends on no name.
    pub fn constant_part(&self) -> u64 {
        self.constant
    }

    /// The names that the length depends on.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// The length under a binding of names; `None` if a name is unbound or the sum overflows.
    pub fn eval(&self, dims: &BTreeMap<String, u64>) -> Option<u64> {
        self.names
            .iter()
            .try_fold(self.constant, |sum, (name, times)| sum.checked_add(dims.get(name)?.checked_mul(*times)?))
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (name, times) in &self.names {
            f.write_str(if first { "" } else { " + " })?;
            match times {
                1 => f.write_str(name)?,
                _ => write!(f, "{times}*{name}")?,
            }
            first = false;
        }
        match (first, self.constant) {
            (true, n) => write!(f, "{n}"),
            (false, 0) => Ok(()),
            (false, n) => write!(f, " + {n}"),
        }
    }
}

/// The lengths of all axes; empty for a scalar.
pub type Shape = Vec<Dim>;

/// Shows a shape as `[n, 30]`; nothing for a scalar.
pub fn show_shape(shape: &[Dim]) -> String {
    if shape.is_empty() {
        return String::new();
    }
    let dims: Vec<String> = shape.iter().map(Dim::to_string).collect();
    format!("[{}]", dims.join(", "))
}

/// The type of a value: element type and shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// Type of each element.
    pub dtype: DType,
    /// Lengths of the axes.
    pub shape: Shape,
}

impl Type {
    /// A tensor type.
    pub fn new(dtype: DType, shape: Shape) -> Type {
        Type { dtype, shape }
    }

    /// A scalar type.
    pub fn scalar(dtype: DType) -> Type {
        Type { dtype, shape: Vec::new() }
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The shape in numbers under a binding of names; `Err` holds the first dimension that is unbound.
    pub fn concrete(&self, dims: &BTreeMap<String, u64>) -> Result<Vec<usize>, Dim> {
        self.shape.iter().map(|d| d.eval(dims).and_then(|n| usize::try_from(n).ok()).ok_or_else(|| d.clone())).collect()
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.dtype, show_shape(&self.shape))
    }
}
