//! Composite functions, written once over the primitives of a scheme.
//!
//! Real functions work in Z_2^128 with 62 fraction bits, whichever ring their operands have: an operand of Z_2^64 is
//! [widened](crate::primitives::Scheme::widen) (2 rounds), so that no intermediate can overflow. In
//! Z_2^64 every operand and result is below 2^62 as an integer (one bit of slack). In Z_2^128 the logarithm, the
//! exponential and its relatives take and give |x| < 2^(62-f) as real numbers; division, roots and means take more, as
//! each states.

mod divide;
mod exponential;
mod reduce;
mod root;
#[cfg(test)]
mod tests;
mod wide;
mod window;

pub use divide::{divide, divide_public, reciprocal};
pub use exponential::{exp, log, sigmoid, tanh};
pub use reduce::{Extreme, all, any, argument, extreme, mean, variance};
pub use root::{inverse_sqrt, sqrt, std};
pub use wide::Width;
