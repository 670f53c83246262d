//! Replicated secret sharing among three players, semi-honest, honest majority (Araki et al. 2016; ABY3 2018).
//!
//! `x = x_0 + x_1 + x_2` mod 2^k; player `i` holds `(x_i, x_{i+1})`, so that any two can put `x` together and no one
//! can alone. Component `x_i` is held by players `i` and `i-1`. Each pair shares a key, written `K_ij`. Bits are
//! shared alike, with ⊕ for +.
//!
//! **The lopsided product.** Truncation, comparison and selection all rest on one observation: the first player
//! knows `u = x_0 + x_1`, and the other two both know `v = x_2`. A product of `a` (known to P0) and `b` (known to
//! P1 and P2) takes one message to become additive: P0 sends `a - ρ` to P1, where `ρ` comes from `K_02`; P1 then has
//! `(a - ρ)·b`, P2 has `ρ·b`. One exchange between P1 and P2, masked by `K_01` and `K_02`, makes that a replicated
//! sharing. P1 sees `a` and P2's part under masks that it lacks (`K_02`), P2 sees P1's part under `K_01`, and P0 sees
//! nothing.
//!
//! Kernels are one file each, and state what they cost: bytes are per element and player (P0/P1/P2) on a ring of
//! `k` bits, and are held against measurement by a test.

mod bounds;
mod carry;
mod choose;
mod compare;
mod convert;
mod decompose;
mod multiply;
mod planes;
mod reveal;
mod scale;
mod scheme;
mod share;
mod shares;
mod shuffle;
mod truncate;

#[cfg(test)]
mod cost_tests;
#[cfg(test)]
mod tests;

pub use bounds::{AT_ONCE, Bounded, within_bounds};
pub use carry::{is_zero, msb};
pub use choose::signed_choice;
pub use compare::{Order, equal, less, maximum, minimum, relu};
pub use convert::{lower, mul_bit, select, to_ring, widen};
pub use decompose::{decompose, prefix_or};
pub(crate) use multiply::{Product, truncated};
pub use multiply::{conv2d, conv2d_fixed, dot, dot_fixed, matmul, matmul_fixed, mul, mul_fixed, square, square_fixed};
pub use planes::{Planes, and, and_bits};
pub use reveal::{reveal, reveal_bits};
pub use scale::{Factor, scale};
pub use scheme::Replicated;
pub use share::{share, share_bits};
pub use shares::{BitShare, Share};
pub use shuffle::{Permutation, permutation, shuffle, shuffle_bits};
pub use truncate::truncate;

use algebra::Ring;
use net::PlayerId;

use crate::error::{Error, Result};
use crate::party::Party;

/// Our role among the three, with our neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    /// 0, 1 or 2.
    pub(crate) role: usize,
    /// The player in the next role.
    pub(crate) next: PlayerId,
    /// The player in the role before.
    pub(crate) prev: PlayerId,
}

impl Seat {
    /// Our seat; an error if the placement does not have three players or we are none of them.
    pub(crate) fn of(party: &Party) -> Result<Self> {
        let role = party.role().ok_or_else(|| Error::misuse("a kernel was run by a player outside its placement"))?;
        let [a, b, c] = *party.roles() else {
            return Err(Error::misuse("replicated sharing needs three players"));
        };
        let (next, prev) = [(b, c), (c, a), (a, b)][role];
        Ok(Self { role, next, prev })
    }
}

/// Adds a pseudo-random mask to every element.
pub(crate) fn add_mask<R: Ring>(x: &mut [R], prg: &mut algebra::Prg) {
    with_mask(x, prg, R::wadd);
}

/// Subtracts a pseudo-random mask from every element.
pub(crate) fn sub_mask<R: Ring>(x: &mut [R], prg: &mut algebra::Prg) {
    with_mask(x, prg, R::wsub);
}

/// Elements masked at a time, so that the mask stays in the nearest cache.
const MASKED_AT_ONCE: usize = 2048;

fn with_mask<R: Ring>(x: &mut [R], prg: &mut algebra::Prg, f: impl Fn(R, R) -> R) {
    let mut mask = [R::ZERO; MASKED_AT_ONCE];
    for chunk in x.chunks_mut(MASKED_AT_ONCE) {
        let mask = &mut mask[..chunk.len()];
        prg.fill(mask);
        for (x, &m) in chunk.iter_mut().zip(mask.iter()) {
            *x = f(*x, m);
        }
    }
}
