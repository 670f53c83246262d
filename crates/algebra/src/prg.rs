//! A pseudo-random generator: the AES-128-CTR key stream of a seed.
//!
//! Every draw starts at a fresh 16-byte block, so what a draw returns depends only on the seed and on how many
//! blocks earlier draws took, and a long draw can be produced in pieces on several threads.

use std::fmt;

use aes::Aes128Enc;
use aes::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use ctr::Ctr128LE;
use rayon::prelude::*;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::bits::Bits;
use crate::ring::Ring;
use crate::tensor::{Shape, Tensor};
use crate::threads;

/// Bytes per AES block.
const BLOCK: usize = 16;
/// Bytes a thread produces at a time (a multiple of [`BLOCK`]).
const PIECE: usize = 1 << 18;

/// A 128-bit seed. Wiped when dropped; `Debug` does not show it, and comparison takes constant time.
#[derive(Clone, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Seed(pub [u8; 16]);

impl PartialEq for Seed {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// A stream of pseudo-random elements from a [`Seed`].
///
/// The key is wiped when dropped. There is no `Clone`: two copies would produce one stream twice.
pub struct Prg {
    seed: Seed,
    stream: Ctr128LE<Aes128Enc>,
    block: u128,
}

impl fmt::Debug for Prg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prg(..)")
    }
}

impl Prg {
    /// The stream of `seed`, from its start.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self { stream: stream(&seed, 0), seed, block: 0 }
    }

    /// Moves to the `block`-th 16-byte block of the stream.
    pub fn seek(&mut self, block: u64) {
        self.block = u128::from(block);
    }

    /// Fills `out` with uniform elements.
    pub fn fill<R: Ring>(&mut self, out: &mut [R]) {
        let bytes = out.len() * R::BYTES;
        let start = self.advance(bytes);
        if bytes <= 2 * PIECE || threads::available() == 1 {
            R::fill_le(out, |bytes| self.stream.write_keystream(bytes));
        } else {
            let pieces = out.par_chunks_mut(PIECE / R::BYTES).enumerate();
            let seed = &self.seed;
            threads::fan_out(|| {
                pieces.for_each(|(i, out)| {
                    let mut stream = stream(seed, start + (i * PIECE / BLOCK) as u128);
                    R::fill_le(out, |bytes| stream.write_keystream(bytes));
                });
            });
        }
    }

    /// `count` uniform elements.
    #[must_use]
    pub fn elements<R: Ring>(&mut self, count: usize) -> Vec<R> {
        let mut out = vec![R::ZERO; count];
        self.fill(&mut out);
        out
    }

    /// A tensor of uniform elements.
    #[must_use]
    pub fn tensor<R: Ring>(&mut self, shape: impl Into<Shape>) -> Tensor<R> {
        let mut out = Tensor::full(shape, R::ZERO);
        self.fill(out.data_mut());
        out
    }

    /// `len` uniform bits.
    #[must_use]
    pub fn bits(&mut self, len: usize) -> Bits {
        Bits::from_words(len, self.elements(len.div_ceil(64)))
    }

    /// Fills `out` with uniform bytes.
    pub fn bytes(&mut self, out: &mut [u8]) {
        self.advance(out.len());
        self.stream.write_keystream(out);
    }

    /// A fresh seed, drawn from this stream.
    #[must_use]
    pub fn seed(&mut self) -> Seed {
        let mut seed = Seed([0; 16]);
        self.bytes(&mut seed.0);
        seed
    }

    /// Reserves the blocks of a draw, moves the stream there, and returns the first.
    fn advance(&mut self, bytes: usize) -> u128 {
        let start = self.block;
        self.stream.seek(start * BLOCK as u128);
        self.block += bytes.div_ceil(BLOCK) as u128;
        start
    }
}

/// The key stream of `seed` from a block on.
fn stream(seed: &Seed, block: u128) -> Ctr128LE<Aes128Enc> {
    let mut stream = Ctr128LE::<Aes128Enc>::new(&seed.0.into(), &[0; BLOCK].into());
    stream.seek(block * BLOCK as u128);
    stream
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::Threads;

    #[test]
    fn the_stream_is_aes_in_counter_mode() {
        // AES-128 of the all-zero block under the all-zero key, as in many published vectors.
        let mut block = [0u8; 16];
        Prg::new(Seed([0; 16])).bytes(&mut block);
        assert_eq!(block[..8], [0x66, 0xe9, 0x4b, 0xd4, 0xef, 0x8a, 0x2c, 0x3b]);
        let word = Prg::new(Seed([0; 16])).elements::<u64>(1)[0];
        assert_eq!(word, u64::from_le_bytes([0x66, 0xe9, 0x4b, 0xd4, 0xef, 0x8a, 0x2c, 0x3b]));
    }

    #[test]
    fn draws_start_at_fresh_blocks_whatever_their_type() {
        let draw = |skip: u64| {
            let mut prg = Prg::new(Seed([3; 16]));
            prg.seek(skip);
            prg.elements::<u128>(4)
        };
        let mut prg = Prg::new(Seed([3; 16]));
        let all = prg.elements::<u128>(10);
        assert_eq!(draw(0), all[..4]);
        assert_eq!(draw(5), all[5..9]);
        let mut prg = Prg::new(Seed([3; 16]));
        assert_eq!(prg.bits(3).len(), 3);
        assert_eq!(prg.elements::<u64>(1)[0], all[1] as u64);
        assert_eq!(prg.elements::<u64>(3)[2], all[3] as u64);
        assert_eq!(prg.elements::<u128>(1)[0], all[4]);
        assert!(prg.elements::<u64>(0).is_empty());
        assert_eq!(prg.seed().0, all[5].to_le_bytes());
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes too long under an interpreter")]
    fn long_draws_are_the_same_on_any_number_of_threads() {
        let draws = [1, 3].map(|threads| {
            let threads = Threads::new(threads).unwrap();
            threads.run(|| Prg::new(Seed([9; 16])).elements::<u64>(3 * PIECE / 8 + 77))
        });
        assert!(draws[0] == draws[1]);
        let last = draws[0].len() - 1;
        let mut prg = Prg::new(Seed([9; 16]));
        prg.seek(last as u64 / 2);
        assert_eq!(prg.elements::<u64>(2)[last % 2], draws[0][last]);
    }
}
