//! Every instruction set that this machine has gives the results of the portable code, on random sizes and alignments.

use std::cell::Cell;

use super::{Level, available, combine_rows, dot, from_planes, mul, mul_add2, mul_assign, scale, to_planes};
use crate::matmul::{Gemm, MatRef};
use crate::prg::{Prg, Seed};
use crate::ring::{Element, Ring};

thread_local! {
    static FORCED: Cell<Option<Level>> = const { Cell::new(None) };
}

/// The level that a test on this thread asks for.
pub(super) fn forced() -> Option<Level> {
    FORCED.get()
}

/// Runs `f` at every level (with and without IFMA) and at last at the portable one, whose result all others must equal.
fn same_at_all_levels<T: PartialEq + Send>(what: &str, f: impl Fn() -> T + Sync) {
    let mut levels = available();
    #[cfg(target_arch = "x86_64")]
    if let Some(token) = super::Avx512::detect() {
        levels.insert(0, Level::Avx512(token, None));
    }
    let run = |level| {
        FORCED.set(Some(level));
        let out = f();
        FORCED.set(None);
        out
    };
    let mut results: Vec<T> = levels.into_iter().map(run).collect();
    let portable = results.pop().expect("the portable level is always there");
    for (at, result) in results.into_iter().enumerate() {
        assert!(result == portable, "{what}: level {at} differs");
    }
}

/// Sizes from a stream, below `bounds`.
fn sizes<const N: usize>(prg: &mut Prg, bounds: [usize; N]) -> [usize; N] {
    let draws = prg.elements::<u64>(N);
    std::array::from_fn(|i| 1 + draws[i] as usize % bounds[i])
}

#[test]
fn packed_products_are_the_same_at_all_levels() {
    let (a, b) = (Prg::new(Seed([14; 16])).elements::<u64>(9 * 40), Prg::new(Seed([15; 16])).elements::<u64>(40 * 26));
    same_at_all_levels("9x40x26", || {
        let mut c = vec![0; 9 * 26];
        u64::gemm(&[(MatRef::row_major(&a, 9, 40), MatRef::row_major(&b, 40, 26))], &mut c);
        c
    });
}

/// Rounds of random sizes: fewer under an interpreter.
const ROUNDS: usize = if cfg!(miri) { 2 } else { 60 };

fn products<R: Ring>() {
    let mut prg = Prg::new(Seed([11; 16]));
    for _ in 0..ROUNDS {
        let bounds = if cfg!(miri) { [9, 20, 9] } else { [40, 300, 60] };
        let ([m, k, n], [shift]) = (sizes(&mut prg, bounds), sizes(&mut prg, [9]));
        // Operands that start `shift` elements into their allocation.
        let (a, b) = (prg.elements::<R>(shift + m * k), prg.elements::<R>(shift + k * n));
        let start = prg.elements::<R>(shift + m * n);
        same_at_all_levels(&format!("{m}x{k}x{n} + {shift}"), || {
            let mut c = start.clone();
            let a = MatRef::row_major(&a[shift..], m, k);
            let b = MatRef::row_major(&b[shift..], k, n);
            R::gemm(&[(a, b), (a, b)], &mut c[shift..]);
            c
        });
    }
}

#[test]
fn products_are_the_same_at_all_levels() {
    products::<u64>();
    products::<u128>();
}

#[test]
#[cfg_attr(miri, ignore = "takes too long under an interpreter")]
fn products_of_extreme_words_are_the_same_at_all_levels() {
    // All ones, and words whose limbs are all ones or zero, at the greatest depth of a block.
    let patterns = [u128::MAX, u128::from(u64::MAX), !u128::from(u64::MAX), u128::MAX << 104, (1 << 52) - 1];
    let (m, k, n) = (9, 600, 25);
    for (x, y) in patterns.into_iter().flat_map(|x| patterns.map(|y| (x, y))) {
        same_at_all_levels(&format!("{x:x} · {y:x}"), || {
            let (a, b, mut c) = (vec![x; m * k], vec![y; k * n], vec![0u128; m * n]);
            let pair = (MatRef::row_major(&a, m, k), MatRef::row_major(&b, k, n));
            u128::gemm(&[pair], &mut c);
            assert!(c.iter().all(|&c| c == x.wrapping_mul(y).wrapping_mul(k as u128)));
            c
        });
    }
}

fn loops<T: Element + Ring>() {
    let mut prg = Prg::new(Seed([12; 16]));
    for _ in 0..ROUNDS {
        let [len, rows, shift] = sizes(&mut prg, [if cfg!(miri) { 20 } else { 200 }, 9, 9]);
        let data = prg.elements::<T>(shift + (rows + 4) * len);
        let part = |i: usize| &data[shift + i * len..][..len];
        same_at_all_levels(&format!("{len} elements + {shift}"), || {
            let (mut product, mut scaled, mut two) = (vec![T::ZERO; len], vec![T::ZERO; len], vec![T::ZERO; len]);
            mul(part(0), part(1), &mut product);
            scale(part(0), part(1)[0], &mut scaled);
            mul_add2(part(0), part(1), part(2), part(3), &mut two);
            mul_assign(&mut product, part(2));
            combine_rows(&data[..rows], &data[shift + 4 * len..], &mut scaled);
            (product, scaled, two, dot(part(0), part(1)))
        });
    }
}

#[test]
fn loops_over_slices_are_the_same_at_all_levels() {
    loops::<u64>();
    loops::<u128>();
}

#[test]
fn transposition_is_the_same_at_all_levels() {
    let words = Prg::new(Seed([13; 16])).elements::<u64>(512).try_into().expect("512 words");
    same_at_all_levels("transposition", || {
        let (mut planes, mut back) = ([[0; 8]; 64], [0; 512]);
        to_planes(&words, &mut planes);
        from_planes(&planes, &mut back);
        assert_eq!(back, words);
        planes
    });
}
