//! Composite functions, written once over the primitives of a scheme.
//!
//! A file for each family; [`elementwise`] leads from an operator to its function. What each function of a real number
//! takes and how far it errs is data, [`ir::domain()`], to which a test holds them.
//!
//! Real functions work in Z_2^128 with 62 fraction bits, whichever ring their operands have: an operand of Z_2^64 is
//! [widened](crate::primitives::Scheme::widen) (2 rounds), so that no intermediate can overflow. Fast forms stay in Z_2^64.
//! In Z_2^64 every operand and result is below 2^62 as an integer (one bit of slack). In Z_2^128 the logarithm takes, and
//! the exponential gives, |x| < 2^(62-f) as real numbers; the others take more, as each states.

mod divide;
mod elementwise;
mod exponential;
mod fast;
mod fold;
mod gaussian;
mod logistic;
mod moments;
mod network;
mod pick;
mod polynomial;
mod reduce;
mod root;
mod softmax;
mod sort;
mod tally;
#[cfg(test)]
mod tests;
mod wide;
mod window;

pub use divide::{divide, divide_public, reciprocal, scale};
pub use elementwise::elementwise;
pub use exponential::{exp, exp2, log, log2, power_of, power_public};
pub use gaussian::{erf, gelu, gelu_tanh};
pub use logistic::{sigmoid, softplus, tanh};
pub use moments::{mean, norm, normalise, normalise_by, std, variance};
pub use network::{exchange_sort, exchange_sort_by};
pub use pick::{group_count, group_mean, group_sum, one_hot, put, take};
pub use reduce::{Extreme, all, any, argument, extreme};
pub use root::{inverse_sqrt, sqrt};
pub use softmax::{log_softmax, softmax};
#[cfg(test)]
pub(crate) use sort::digit_width;
pub use sort::{Sorts, argsort, quantile};
pub use tally::{histogram, segment_last, segment_sum};
pub use wide::Width;
