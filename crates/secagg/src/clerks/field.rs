//! The field Z_p for the Mersenne prime p = 2^61 − 1. Nothing branches on a value.

use crate::mask::{Seed, Sign};
use crate::vector::{Lanes, Ring, Vector};
use crate::wire::Bytes32;

pub(super) const P: u64 = (1 << 61) - 1;

/// x mod p, for any x.
#[inline]
pub(super) fn reduce(x: u64) -> u64 {
    let folded = (x & P) + (x >> 61);
    let (less, borrow) = folded.overflowing_sub(P);
    let keep = 0u64.wrapping_sub(u64::from(borrow));
    (folded & keep) | (less & !keep)
}

#[inline]
pub(super) fn add(a: u64, b: u64) -> u64 {
    reduce(a + b)
}

#[inline]
pub(super) fn sub(a: u64, b: u64) -> u64 {
    reduce(a + P - b)
}

#[inline]
pub(super) fn mul(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    reduce((product as u64 & P) + (product >> 61) as u64)
}

/// 1/a, for a ≠ 0: a^(p − 2).
pub(super) fn invert(a: u64) -> u64 {
    let (mut power, mut out) = (a, 1);
    for bit in 0..61 {
        if (P - 2) >> bit & 1 == 1 {
            out = mul(out, power);
        }
        power = mul(power, power);
    }
    out
}

/// `len` elements that follow from a seed, each within 2^-60 of uniform.
pub(super) fn expand(seed: &Seed, context: &Bytes32, len: usize) -> Vec<u64> {
    let Ok(ring) = Ring::new(64) else { return vec![] };
    let mut stream = Vector::zeros(ring, len);
    seed.apply(context, Sign::Plus, &mut stream);
    match &mut stream.lanes {
        Lanes::Wide(lanes) => lanes.iter().map(|lane| reduce(lane & P)).collect(),
        Lanes::Narrow(_) => vec![],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arithmetic_is_that_of_the_integers_mod_p(a in 0..P, b in 0..P, x: u64) {
            let (wide_a, wide_b, p) = (u128::from(a), u128::from(b), u128::from(P));
            prop_assert_eq!(u128::from(add(a, b)), (wide_a + wide_b) % p);
            prop_assert_eq!(u128::from(sub(a, b)), (wide_a + p - wide_b) % p);
            prop_assert_eq!(u128::from(mul(a, b)), wide_a * wide_b % p);
            prop_assert_eq!(reduce(x), x % P);
            prop_assert!(a == 0 || mul(a, invert(a)) == 1);
        }
    }

    #[test]
    fn edges() {
        assert_eq!((reduce(P), reduce(u64::MAX), mul(P - 1, P - 1), sub(0, 1)), (0, u64::MAX % P, 1, P - 1));
    }
}
