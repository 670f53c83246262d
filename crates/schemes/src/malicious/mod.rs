//! Replicated secret sharing among three players of whom one may deviate arbitrarily: whatever it does, nobody learns more
//! than they may, and what is revealed is right, or the run ends with an error ("security with abort", honest majority).
//!
//! Values are shared and multiplied as in [`replicated`](crate::replicated). There a player that deviates can do just one
//! thing: add something to a component that it sends. So every product leaves a *claim*, and claims are verified in batches,
//! [before anything that depends on them is revealed](past::Past): products of elements and of matrices over Z_2^k, and
//! conjunctions of bits, all come down to one claim about an inner product, which is proved (`prove`) with few elements.
//!
//! **Why this check.** Soundness needs no larger ring, so that shares, conversions and both rings stay as they are
//! (postprocessing with Z_2^(k+s), Eerikson et al. 2019, and SPDZ-wise MACs, Abspoel et al. 2019, need one). Its traffic
//! is a small part of that of large products (cut and choose, Furukawa et al. 2017, sends some ten times as much, and does
//! not do matrices), for some 700 multiplications an element, and next to none for matrices. And since it sees nothing but
//! shared values, the lopsided kernels need no proof of their own: the player who knows a hint shares it, and claims
//! say what it must be ([`truncate`](truncate())).
//!
//! **Soundness.** A batch with a wrong claim passes with probability at most (4·log2(n) + 8)/2^48 < 2^-40 for n < 2^60
//! elements, and a cheater has one try: the run ends.
//!
//! Source: Boyle, Gilboa, Ishai, Nof 2019, "Practical fully secure three-party computation via sublinear distributed
//! zero-knowledge proofs"; Goyal, Song 2020, "Malicious security comes free in honest-majority MPC". Adversary: one of the three,
//! malicious. Fairness is not promised: a player that deviates may end the run after it has read a result.

mod bit_claims;
mod circuits;
mod claims;
mod coin;
mod compare;
mod convert;
mod deal;
mod extension;
mod limits;
mod log;
mod multiply;
mod order;
mod past;
mod planes;
mod prove;
mod scheme;
mod share;
mod shares;
mod truncate;

#[cfg(test)]
mod limits_tests;
#[cfg(test)]
mod tamper_tests;
#[cfg(test)]
mod tests;

pub use compare::{and_bits, bits, equal, exponent, less, msb};
pub use convert::{mul_bit, select, to_ring};
pub use limits::{Limits, PIECE, Promise, within};
pub use multiply::{matmul, matmul_fixed, mul, mul_fixed};
pub use past::Past;
pub use scheme::Malicious;
pub use share::{reveal, reveal_bits, share, share_bits};
pub use shares::{BitShare, Share};
pub use truncate::{truncate, widen};
