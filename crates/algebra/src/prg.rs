//! A pseudo-random generator: the AES-128-CTR key stream of a seed.
//!
//! Every draw starts at a fresh 16-byte block, so what a draw returns depends only on the seed and on how many
//! blocks earlier draws took, and a long draw can be produced in pieces on several threads.

use std::fmt;

use aes::Aes128;
use ctr::Ctr128LE;
use ctr::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::bits::Bits;
use crate::ring::Ring;
use crate::tensor::{Shape, Tensor};

/// Bytes per AES block.
const BLOCK: usize = 16;
/// Bytes a thread produces at a time (a multiple of [`BLOCK`]).
const PIECE: usize = 1 << 18;
/// Bytes converted at a time, so that they stay in the nearest cache (a multiple of [`BLOCK`]).
const BUFFER: usize = 4096;

/// A 128-bit seed. Wiped when dropped; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Seed(pub [u8; 16]);

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
        Self { seed, block: 0 }
    }

    /// Moves to the `block`-th 16-byte block of the stream.
    pub fn seek(&mut self, block: u64) {
        self.block = u128::from(block);
    }

    /// Fills `out` with uniform elements.
    pub fn fill<R: Ring>(&mut self, out: &mut [R]) {
        let start = self.advance(out.len() * R::BYTES);
        let per_piece = PIECE / R::BYTES;
        let piece = |(i, out): (usize, &mut [R])| {
            let mut stream = self.stream(start + (i * PIECE / BLOCK) as u128);
            let mut buffer = [0u8; BUFFER];
            for out in out.chunks_mut(BUFFER / R::BYTES) {
                let bytes = &mut buffer[..out.len() * R::BYTES];
                stream.write_keystream(bytes);
                R::copy_from_le(bytes, out);
            }
            buffer.zeroize();
        };
        if out.len() > 2 * per_piece && rayon::current_num_threads() > 1 {
            out.par_chunks_mut(per_piece).enumerate().for_each(piece);
        } else {
            out.chunks_mut(per_piece).enumerate().for_each(piece);
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
        let start = self.advance(out.len());
        self.stream(start).write_keystream(out);
    }

    /// A fresh seed, drawn from this stream.
    #[must_use]
    pub fn seed(&mut self) -> Seed {
        let mut seed = Seed([0; 16]);
        self.bytes(&mut seed.0);
        seed
    }

    /// Reserves the blocks of a draw and returns its first.
    fn advance(&mut self, bytes: usize) -> u128 {
        let start = self.block;
        self.block += bytes.div_ceil(BLOCK) as u128;
        start
    }

    fn stream(&self, block: u128) -> Ctr128LE<Aes128> {
        let mut stream = Ctr128LE::<Aes128>::new(&self.seed.0.into(), &[0; BLOCK].into());
        stream.seek(block * BLOCK as u128);
        stream
    }
}
