//! Composite functions, written once over the primitives of a scheme.
//!
//! Real functions work in Z_2^128 with 62 fraction bits, whichever ring their operands have: an operand of Z_2^64 is
//! [widened](crate::primitives::Scheme::widen) (2 rounds), so that no intermediate can overflow. In
//! Z_2^64 every operand and result is below 2^62 as an integer (one bit of slack). In Z_2^128 the logarithm, the
//! exponential and its relatives take and give |x| < 2^(62-f) as real numbers; division, roots and means take more, as
//! each states.

mod divide;
mod exponential;
mod fold;
mod gaussian;
mod logistic;
mod moments;
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

pub use divide::{divide, divide_public, reciprocal};
pub use exponential::{exp, exp2, log, log2, power_of, power_public};
pub use gaussian::{erf, gelu, gelu_tanh};
pub use logistic::{sigmoid, softplus, tanh};
pub use moments::{mean, norm, normalise, normalise_by, std, variance};
pub use pick::{group_count, group_mean, group_sum, one_hot, put, take};
pub use reduce::{Extreme, all, any, argument, extreme};
pub use root::{inverse_sqrt, sqrt};
pub use softmax::{log_softmax, softmax};
pub use sort::{argsort, arranged, arranged_bits, places, quantile, shuffle, shuffle_bits, sort};
pub use tally::{histogram, segment_last, segment_sum};
pub use wide::Width;
