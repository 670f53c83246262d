//! Vector kernels, chosen at run time: the only `unsafe` code of the crate.
//!
//! Why it is sound:
//! - A function compiled for an instruction set is called only with a token ([`Avx512`], [`Ifma`], [`Avx2`], [`Neon`])
//!   in hand, and tokens are made by detection alone.
//! - Pointers are derived from slices whose lengths are asserted in the same function.
//! - The one assembly block is empty.
//! - The one call of the C library sets a parameter of its allocator ([`heap`]).
//!
//! Every kernel equals its portable counterpart; tests compare them on random sizes.
#![allow(unsafe_code, reason = "vector kernels; see above")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod bits512;
pub(crate) mod cast;
pub(crate) mod float;
pub(crate) mod heap;
#[cfg(target_arch = "x86_64")]
mod ifma;
#[cfg(target_arch = "aarch64")]
mod neon;
pub(crate) mod wipe;

use std::sync::OnceLock;

use crate::bits::transpose::{self, Planes, Words};
use crate::ring::Element;
use crate::slices::portable as slices;

/// Proof that AVX-512 F, DQ, BW and VL are there, and BMI2.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

/// Proof that AVX-512 F and IFMA are there.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Ifma(());

/// Proof that AVX2 and BMI2 are there.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// Proof that NEON is there, and that words lie in memory with their low halves first.
#[cfg(target_arch = "aarch64")]
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

/// Instruction sets, as far as kernels tell them apart.
#[derive(Clone, Copy)]
pub(crate) enum Level {
    /// AVX-512, perhaps with IFMA.
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512, Option<Ifma>),
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// NEON.
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    /// Whatever the target is sure to have (SSE2 on x86-64), used by the compiler alone.
    Portable,
}

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    pub(crate) fn detect() -> Option<Self> {
        let found = !cfg!(miri)
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("bmi2");
        found.then_some(Self(()))
    }
}

#[cfg(target_arch = "x86_64")]
impl Ifma {
    pub(crate) fn detect() -> Option<Self> {
        let found = !cfg!(miri) && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma");
        found.then_some(Self(()))
    }
}

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    pub(crate) fn detect() -> Option<Self> {
        let found = !cfg!(miri) && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2");
        found.then_some(Self(()))
    }
}

#[cfg(target_arch = "aarch64")]
impl Neon {
    pub(crate) fn detect() -> Option<Self> {
        let little = cfg!(target_endian = "little");
        (!cfg!(miri) && little && std::arch::is_aarch64_feature_detected!("neon")).then_some(Self(()))
    }
}

/// The best instruction set of this machine, detected once.
#[inline]
pub(crate) fn level() -> Level {
    #[cfg(test)]
    if let Some(level) = tests::forced() {
        return level;
    }
    static BEST: OnceLock<Level> = OnceLock::new();
    *BEST.get_or_init(|| available()[0])
}

/// What this machine has, best first.
fn available() -> Vec<Level> {
    let mut levels = vec![];
    #[cfg(target_arch = "x86_64")]
    {
        levels.extend(Avx512::detect().map(|token| Level::Avx512(token, Ifma::detect())));
        levels.extend(Avx2::detect().map(Level::Avx2));
    }
    #[cfg(target_arch = "aarch64")]
    levels.extend(Neon::detect().map(Level::Neon));
    levels.push(Level::Portable);
    levels
}

/// Compiles a portable function once more for each instruction set, and dispatches.
macro_rules! multiversion {
    ($(#[$doc:meta])* fn $name:ident$(<$t:ident: $bound:ident>)?($($arg:ident: $ty:ty),*) $(-> $ret:ty)? = $portable:path) => {
        $(#[$doc])*
        #[inline]
        pub(crate) fn $name$(<$t: $bound>)?($($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,bmi2")]
            fn with_avx512$(<$t: $bound>)?($($arg: $ty),*) $(-> $ret)? {
                $portable($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,bmi2")]
            fn with_avx2$(<$t: $bound>)?($($arg: $ty),*) $(-> $ret)? {
                $portable($($arg),*)
            }
            match level() {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the token proves that the instructions exist.
                Level::Avx512(..) => unsafe { with_avx512($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the token proves that the instructions exist.
                Level::Avx2(_) => unsafe { with_avx2($($arg),*) },
                // What the compiler uses anyway.
                #[cfg(target_arch = "aarch64")]
                Level::Neon(_) => $portable($($arg),*),
                Level::Portable => $portable($($arg),*),
            }
        }
    };
}

multiversion! {
    /// The inner product.
    fn dot<T: Element>(x: &[T], y: &[T]) -> T = slices::dot
}
multiversion! {
    /// `c += Σ x[i] · rows[i]`, the rows being as long as `c`.
    fn combine_rows<T: Element>(x: &[T], rows: &[T], c: &mut [T]) = slices::combine_rows
}
multiversion! {
    /// `out = x ∘ y`.
    fn mul<T: Element>(x: &[T], y: &[T], out: &mut [T]) = slices::mul
}
multiversion! {
    /// `x ∘= y`.
    fn mul_assign<T: Element>(x: &mut [T], y: &[T]) = slices::mul_assign
}
multiversion! {
    /// `out = x · factor`.
    fn scale<T: Element>(x: &[T], factor: T, out: &mut [T]) = slices::scale
}
multiversion! {
    /// `out = x0 ∘ y0 + x1 ∘ y1`.
    fn mul_add2<T: Element>(x0: &[T], y0: &[T], x1: &[T], y1: &[T], out: &mut [T]) = slices::mul_add2
}

/// Transposes eight blocks of 64×64 bits.
pub(crate) fn to_planes(words: &Words, planes: &mut Planes) {
    match level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512(token, _) => token.split_planes(words, planes),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(_) => transpose::to_planes(words, planes),
        #[cfg(target_arch = "aarch64")]
        Level::Neon(_) => transpose::to_planes(words, planes),
        Level::Portable => transpose::to_planes(words, planes),
    }
}

/// The inverse of [`to_planes`].
pub(crate) fn from_planes(planes: &Planes, words: &mut Words) {
    match level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512(token, _) => token.join_planes(planes, words),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(_) => transpose::from_planes(planes, words),
        #[cfg(target_arch = "aarch64")]
        Level::Neon(_) => transpose::from_planes(planes, words),
        Level::Portable => transpose::from_planes(planes, words),
    }
}

#[cfg(test)]
mod tests;
