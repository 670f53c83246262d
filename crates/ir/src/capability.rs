//! What each scheme can do, as data: which element types it holds and which operators it runs on them.
//!
//! An operator belongs to one [`Family`], named after what a scheme must bring to run it; a scheme brings
//! some families. A test in `schemes` holds this against the kernels that exist.

use crate::ops::Op;
use crate::place::{SCHEMES, Scheme};
use crate::types::{DType, RingBits};

/// What a scheme must bring to run an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Declares where a value comes from: at a player itself only.
    Source,
    /// Touches no secret: constants, labels, delivery, control, other shapes.
    Local,
    /// Values that outlive the session: saving and loading.
    Keep,
    /// Sums and negatives.
    Linear,
    /// Products of two secrets.
    Multiply,
    /// Comparison, choice and conversion, by way of the bits.
    Compare,
    /// Logic of truth values.
    Logic,
    /// Functions of real numbers that are approximated.
    Real,
    /// Rows in an order that depends on secrets: a permutation that nobody knows.
    Rearrange,
    /// A random order that not even those who compute know.
    Shuffle,
    /// Programs that are not of the language.
    Module,
    /// Sums over the members of a group, as they come out of a round of secure aggregation.
    Federated,
}

impl Op {
    /// Its family.
    pub fn family(self) -> Family {
        match self {
            Op::Input => Family::Source,
            Op::Const | Op::Fill | Op::Eye | Op::Size => Family::Local,
            Op::Move | Op::Classify | Op::Release | Op::Output | Op::Assume => Family::Local,
            Op::Load | Op::Save => Family::Keep,
            Op::Repeat | Op::Fold | Op::Call => Family::Local,
            Op::Reshape | Op::Transpose | Op::Index | Op::Concat | Op::Stack => Family::Local,
            Op::Broadcast | Op::ExpandDims | Op::Squeeze | Op::Diagonal => Family::Local,
            Op::Add | Op::Sub | Op::Neg | Op::Sum | Op::CumSum => Family::Linear,
            // The divisor is public, but in fixed point the quotient is truncated, as a product is.
            Op::Mean | Op::AvgPool2d => Family::Multiply,
            Op::Mul | Op::Square | Op::MatMul | Op::Dot | Op::Variance => Family::Multiply,
            Op::Conv1d | Op::Conv2d => Family::Multiply,
            Op::Abs | Op::Sign | Op::Relu | Op::Clip | Op::Minimum | Op::Maximum => Family::Compare,
            Op::Equal | Op::NotEqual | Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual => Family::Compare,
            Op::Select | Op::Min | Op::Max | Op::ArgMin | Op::ArgMax | Op::Cast => Family::Compare,
            Op::MaxPool2d => Family::Compare,
            Op::And | Op::Or | Op::Xor | Op::Not | Op::Any | Op::All => Family::Logic,
            Op::Div | Op::Reciprocal | Op::Sqrt | Op::InverseSqrt | Op::Std => Family::Real,
            Op::Exp | Op::Log | Op::Sigmoid | Op::Tanh | Op::Exp2 | Op::Log2 | Op::Pow | Op::Power => Family::Real,
            Op::Erf | Op::Gelu | Op::Softplus | Op::Norm | Op::Softmax | Op::LogSoftmax => Family::Real,
            Op::LayerNorm | Op::BatchNormTraining | Op::BatchNormInference | Op::GroupMean => Family::Real,
            Op::Histogram | Op::Take | Op::Put | Op::GroupSum | Op::GroupCount => Family::Compare,
            Op::SegmentSum | Op::SegmentLast => Family::Compare,
            Op::Sort | Op::ArgSort | Op::SortBy => Family::Rearrange,
            Op::TopK | Op::Quantile | Op::Median => Family::Rearrange,
            Op::Shuffle => Family::Shuffle,
            Op::Module => Family::Module,
            Op::FederatedSum | Op::FederatedMean => Family::Federated,
        }
    }
}

impl Scheme {
    /// Whether it holds values of an element type.
    pub fn holds(self, dtype: DType) -> bool {
        match self {
            Scheme::Host | Scheme::Each | Scheme::Enclave => true,
            Scheme::Replicated | Scheme::Malicious | Scheme::SecureNn | Scheme::Yao => {
                !dtype.is_float() && dtype != DType::Bytes
            }
            Scheme::Pond | Scheme::Paillier => dtype.is_integer() || dtype.is_fixed(),
        }
    }

    /// Whether it brings a family.
    pub fn brings(self, family: Family) -> bool {
        use Family::{Keep, Linear, Local, Multiply};
        match self {
            // A player knows the order that it makes. Modules are for values that their player may not read.
            Scheme::Host | Scheme::Each => !matches!(family, Family::Shuffle | Family::Module | Family::Federated),
            // Nothing that an enclave holds gets into its operator's store. What computes there knows the order that it makes.
            Scheme::Enclave => !matches!(family, Family::Keep | Family::Shuffle),
            Scheme::Replicated => !matches!(family, Family::Source | Family::Module),
            // Masks of which each pair of three knows one are shares of this scheme alone, and nothing in them is verified.
            Scheme::Malicious | Scheme::SecureNn | Scheme::Yao => {
                !matches!(family, Family::Source | Family::Module | Family::Federated)
            }
            Scheme::Pond => matches!(family, Local | Keep | Linear | Multiply),
            Scheme::Paillier => matches!(family, Local | Keep | Linear),
        }
    }

    /// Whether it can run an operator, of whatever types.
    pub fn runs_operator(self, op: Op) -> bool {
        self.brings(op.family())
    }

    /// Whether it can run an operator on an element type. (What types an operator takes at all is told by
    /// [`infer`](crate::infer()).)
    pub fn can(self, op: Op, dtype: DType) -> bool {
        self.runs_operator(op) && self.holds(dtype)
    }

    /// The schemes that can run an operator on an element type, protected ones first.
    pub fn that_can(op: Op, dtype: DType) -> Vec<Scheme> {
        let named = SCHEMES.iter().filter(|s| s.form_of.is_none());
        let mut found: Vec<_> = named.filter(|s| s.scheme.can(op, dtype)).collect();
        found.sort_by_key(|s| !s.protected);
        found.iter().map(|s| s.scheme).collect()
    }

    /// Whether this version can move a value from one scheme to another placement of `to`.
    pub fn moves_to(self, to: Scheme) -> bool {
        // Between two placements of shares a value is shared anew; that is not built yet.
        let shares = !self.is_plaintext() && !to.is_plaintext();
        self.spec().runs && to.spec().runs && !shares && self != Scheme::Each && to != Scheme::Each
    }
}

/// How much room the kernels of a protection have for numbers of one element type.
///
/// Each field but the first is a number of bits b: as the integers that carry them, such numbers must be below 2^b in size.
/// Nothing can be noticed on shares, so the checker refuses what might not fit. The documents of the
/// kernels in `schemes` state the same domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Fraction bits: 1 is carried as 2^frac.
    pub frac: u32,
    /// Every value, and every sum.
    pub value: u32,
    /// A product or sum of products before truncation, which then has twice the fraction bits.
    pub product: u32,
    /// A sum that is divided by a public count, as in a mean.
    pub counted: u32,
    /// What is divided.
    pub dividend: u32,
    /// What it is divided by.
    pub divisor: u32,
    /// The quotient.
    pub quotient: u32,
    /// The quotient where the divisor is above 2^61.
    pub far_quotient: u32,
    /// The operand of a root.
    pub radicand: u32,
    /// The operand of `exp`, `log`, `sigmoid`.
    pub argument: u32,
    /// The operand of `tanh`.
    pub tangent: u32,
    /// The result of `exp`.
    pub exponential: u32,
}

impl Room {
    /// The room of integers: that of their ring, signed.
    const INTEGER: Room = Room {
        frac: 0,
        value: 63,
        product: 63,
        counted: 63,
        dividend: 63,
        divisor: 63,
        quotient: 63,
        far_quotient: 63,
        radicand: 63,
        argument: 63,
        tangent: 63,
        exponential: 63,
    };

    fn fixed(ring: RingBits, frac: u32) -> Room {
        match ring {
            RingBits::B64 => Room {
                frac,
                value: 62,
                product: 62,
                counted: 62,
                dividend: 62,
                divisor: 62,
                quotient: 62,
                far_quotient: 62,
                radicand: 62,
                argument: 62,
                tangent: 61,
                exponential: 61,
            },
            RingBits::B128 => Room {
                frac,
                value: 126,
                product: 126,
                counted: 125,
                dividend: 124u32.saturating_sub(frac),
                divisor: 87,
                quotient: 125,
                far_quotient: 99,
                radicand: 87,
                argument: 62,
                tangent: 61,
                exponential: 61,
            },
        }
    }
}

impl Scheme {
    /// The room for numbers of an element type, where kernels cannot notice what does not fit. `None` where they can, and
    /// for types that have no bounds to keep (`u64` is modulo 2^64).
    pub fn room(self, dtype: DType) -> Option<Room> {
        match self {
            Scheme::Host | Scheme::Each | Scheme::Enclave => None,
            Scheme::Replicated
            | Scheme::Malicious
            | Scheme::Pond
            | Scheme::SecureNn
            | Scheme::Yao
            | Scheme::Paillier => match dtype {
                DType::I64 => Some(Room::INTEGER),
                DType::Fixed { ring, frac } => Some(Room::fixed(ring, u32::from(frac))),
                DType::Bool | DType::U64 | DType::F32 | DType::F64 | DType::Bytes => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicated_runs_everything_but_modules_floats_and_bytes() {
        let fixed = DType::fixed(RingBits::B64, 16).unwrap();
        assert!(!Scheme::Replicated.can(Op::Module, fixed) && Scheme::Enclave.can(Op::Module, DType::F64));
        for spec in crate::ops::OPS.iter().filter(|s| !matches!(s.op, Op::Input | Op::Module)) {
            assert!(Scheme::Replicated.can(spec.op, fixed), "{}", spec.name);
            assert!(!Scheme::Replicated.can(spec.op, DType::F64), "{}", spec.name);
            assert!(!Scheme::Replicated.can(spec.op, DType::Bytes), "{}", spec.name);
        }
    }

    #[test]
    fn alternatives_name_protected_schemes_first() {
        let found = Scheme::that_can(Op::Less, DType::I64);
        assert_eq!(found[0], Scheme::Replicated);
        assert!(!found.contains(&Scheme::Paillier));
        assert!(found.contains(&Scheme::Host));
    }
}
