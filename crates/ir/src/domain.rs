//! What functions of real numbers are defined for on shares, and how far they err: data for static checks, for the book,
//! and for the tests that hold the kernels to it.

use crate::ops::Op;
use crate::types::{DType, RingBits};

/// The operands that a function takes, and the error of its results, in one form and one type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Domain {
    /// The least operand; of its size, if either sign will do.
    pub least: f64,
    /// The greatest operand; of its size, if either sign will do.
    pub greatest: f64,
    /// Whether the limits are those of an operand's size.
    pub either_sign: bool,
    /// What happens to an operand outside of them that its type can hold.
    pub outside: Outside,
    /// The largest error.
    pub error: Tolerance,
}

/// What a function gives outside of its domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// There is no such operand.
    Nothing,
    /// The result at the nearest end of the domain.
    Nearest,
    /// Some number: a check must keep such operands away.
    Unsound,
}

/// The sum of three allowances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Units in the last place of the type.
    pub units: f64,
    /// An absolute error.
    pub absolute: f64,
    /// An error in relation to the result.
    pub relative: f64,
}

impl Tolerance {
    /// The error that is allowed at a result, with `frac` fraction bits.
    #[must_use]
    pub fn at(self, result: f64, frac: u32) -> f64 {
        self.units * (-f64::from(frac)).exp2() + self.absolute + self.relative * result.abs()
    }
}

impl Domain {
    /// Whether it holds an operand.
    #[must_use]
    pub fn holds(&self, x: f64) -> bool {
        let x = if self.either_sign { x.abs() } else { x };
        (self.least..=self.greatest).contains(&x)
    }
}

/// The functions of one real number whose domain and error are stated, with whether it is the fast form.
pub const STATED: &[(Op, bool)] = &[
    (Op::Reciprocal, false),
    (Op::Reciprocal, true),
    (Op::Sqrt, false),
    (Op::InverseSqrt, false),
    (Op::Exp, false),
    (Op::Exp, true),
    (Op::Exp2, false),
    (Op::Log, false),
    (Op::Log2, false),
    (Op::Sigmoid, false),
    (Op::Sigmoid, true),
    (Op::Tanh, false),
    (Op::Tanh, true),
    (Op::Erf, false),
    (Op::Erf, true),
    (Op::Gelu, false),
    (Op::Gelu, true),
    (Op::Softplus, false),
    (Op::Softplus, true),
];

/// Domain and error of a function of one real number on shares; `None` if the operator is no such function, has no such
/// form, or the type is not fixed point.
#[must_use]
pub fn domain(op: Op, fast: bool, dtype: DType) -> Option<Domain> {
    let DType::Fixed { ring, frac } = dtype else { return None };
    if !STATED.contains(&(op, fast)) {
        return None;
    }
    let f = f64::from(frac);
    let small = ring == RingBits::B64;
    // The fast forms of these are for few bits; otherwise they are the precise ones.
    let fast = fast && (small || !matches!(op, Op::Exp | Op::Reciprocal)) && !(op == Op::Exp && frac > 28);
    // Below a power of two, by the last place of a double where that is more than a unit.
    let below = |exponent: f64| (exponent.exp2() - (-f).exp2()).min(exponent.exp2().next_down());
    // What is encoded stays below 2^(k-2).
    let whole = below(if small { 62.0 - f } else { 126.0 - f });
    let unit = (-f).exp2();
    // Normalised operands: below 2^62, or in Z_2^128 2^87 with fewer good bits.
    let normal = below(if small { 62.0 - f } else { 87.0 - f });
    let relative = |fine: i32, coarse: i32| f64::from(if small { fine } else { coarse }).exp2();
    let tolerance = |units, absolute: f64, relative: f64| Tolerance { units, absolute, relative };
    let two = 2f64;
    let every = |error| Domain { least: 0.0, greatest: whole, either_sign: true, outside: Outside::Nothing, error };
    let positive = |least, greatest, outside, error| Domain { least, greatest, either_sign: false, outside, error };
    let up_to = |most: f64, error| Domain {
        least: -whole,
        greatest: most,
        either_sign: false,
        outside: Outside::Nearest,
        error,
    };
    Some(match (op, fast) {
        (Op::Reciprocal, false) => Domain {
            least: unit.max((f - 61.0).exp2()),
            greatest: normal,
            either_sign: true,
            outside: Outside::Unsound,
            error: tolerance(2.0, 0.0, relative(-50, -34)),
        },
        (Op::Reciprocal, true) => Domain {
            least: unit.max((f - 33.0).exp2()),
            greatest: normal.min((f - 1.0).exp2().next_down()),
            either_sign: true,
            outside: Outside::Unsound,
            error: tolerance(2.0, 0.0, two.powi(-24)),
        },
        (Op::Sqrt, _) => positive(0.0, normal, Outside::Unsound, tolerance(2.0, 0.0, relative(-50, -35))),
        (Op::InverseSqrt, _) => positive(unit, normal, Outside::Unsound, tolerance(2.0, 0.0, relative(-48, -34))),
        (Op::Exp, false) => up_to((61.8 - f) * std::f64::consts::LN_2, tolerance(2.0, 0.0, two.powi(-43))),
        (Op::Exp, true) => up_to((30.8 - f) * std::f64::consts::LN_2, tolerance(2.0, 0.0, two.powi(-16))),
        (Op::Exp2, _) => up_to(61.8 - f, tolerance(2.0, 0.0, two.powi(-43))),
        // In Z_2^128 what is large is a matter of 2^62 too.
        (Op::Log | Op::Log2, _) if small => {
            positive(unit, normal, Outside::Nearest, tolerance(2.0, two.powi(-43), 0.0))
        }
        (Op::Log | Op::Log2, _) => {
            positive(unit, below(62.0 - f), Outside::Unsound, tolerance(2.0, two.powi(-43), 0.0))
        }
        (Op::Sigmoid, false) => every(tolerance(2.0, two.powi(-44), 0.0)),
        (Op::Sigmoid, true) => every(tolerance(2.0, 1e-3, 0.0)),
        (Op::Tanh, fast) => {
            let error = if fast { tolerance(4.0, 2e-3, 0.0) } else { tolerance(4.0, two.powi(-43), 0.0) };
            Domain { greatest: whole / 2.0, outside: Outside::Unsound, ..every(error) }
        }
        (Op::Erf, false) => every(tolerance(2.0, two.powi(-42), 0.0)),
        (Op::Erf, true) => every(tolerance(2.0, 6e-4, 0.0)),
        (Op::Gelu, false) => every(tolerance(2.0, two.powi(-39), 0.0)),
        (Op::Softplus, false) => every(tolerance(2.0, two.powi(-43), 0.0)),
        _ => every(tolerance(2.0, 1e-3, 0.0)),
    })
}
