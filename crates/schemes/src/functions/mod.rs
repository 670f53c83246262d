//! Composite functions, written once over the primitives of a scheme.
//!
//! Real functions work in Z_2^128 with 62 fraction bits, whichever ring their operands have: an operand of Z_2^64 is
//! [widened](crate::primitives::Scheme::widen) (2 rounds), so that no intermediate can overflow. Operands and results must be
//! below 2^62 as integers: always the case in Z_2^64 (one bit of slack), and |x| < 2^(62-f) in Z_2^128.

mod divide;
mod exponential;
mod reduce;
mod root;
#[cfg(test)]
mod tests;
mod wide;

pub use divide::{divide, divide_public, reciprocal};
pub use exponential::{exp, log, sigmoid, tanh};
pub use reduce::{Extreme, all, any, argument, extreme, mean, variance};
pub use root::{inverse_sqrt, sqrt, std};
pub use wide::Width;
