//! Packed bits: 64 to a word.

mod planes;
pub(crate) mod transpose;

use std::fmt;

use zeroize::Zeroize;

pub use planes::BitPlanes;
pub use transpose::{bit_plane, compose, decompose};

/// A vector of `len` bits, bit `i` in bit `i % 64` of word `i / 64`.
///
/// Bits past `len` are zero, always. `Debug` shows the length only, since bits may be secret.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Bits {
    len: usize,
    words: Vec<u64>,
}

impl Bits {
    /// All zero.
    #[must_use]
    pub fn zeros(len: usize) -> Self {
        Self { len, words: vec![0; len.div_ceil(64)] }
    }

    /// All one.
    #[must_use]
    pub fn ones(len: usize) -> Self {
        Self::from_words(len, vec![u64::MAX; len.div_ceil(64)])
    }

    /// All equal to `bit`.
    #[must_use]
    pub fn splat(len: usize, bit: bool) -> Self {
        Self::from_words(len, vec![0u64.wrapping_sub(u64::from(bit)); len.div_ceil(64)])
    }

    /// The first `len` bits of `words`.
    ///
    /// # Panics
    /// If the number of words is not `len / 64`, rounded up.
    #[must_use]
    pub fn from_words(len: usize, words: Vec<u64>) -> Self {
        assert_eq!(words.len(), len.div_ceil(64), "one word for every 64 bits");
        let mut out = Self { len, words };
        out.clear_tail();
        out
    }

    /// Packs booleans.
    #[must_use]
    pub fn from_bools(bools: &[bool]) -> Self {
        let word = |chunk: &[bool]| chunk.iter().rev().fold(0u64, |w, &b| (w << 1) | u64::from(b));
        Self { len: bools.len(), words: bools.chunks(64).map(word).collect() }
    }

    /// Unpacks to booleans.
    #[must_use]
    pub fn to_bools(&self) -> Vec<bool> {
        (0..self.len).map(|i| self.words[i / 64] >> (i % 64) & 1 == 1).collect()
    }

    /// The number of bits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The words, bits past `len` being zero.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The words.
    #[must_use]
    pub fn into_words(self) -> Vec<u64> {
        self.words
    }

    /// Bit `i`.
    ///
    /// # Panics
    /// If `i >= len`.
    #[must_use]
    pub fn get(&self, i: usize) -> bool {
        assert!(i < self.len, "bit {i} of {}", self.len);
        self.words[i / 64] >> (i % 64) & 1 == 1
    }

    /// Sets bit `i`.
    ///
    /// # Panics
    /// If `i >= len`.
    pub fn set(&mut self, i: usize, bit: bool) {
        assert!(i < self.len, "bit {i} of {}", self.len);
        let word = &mut self.words[i / 64];
        *word = *word & !(1 << (i % 64)) | u64::from(bit) << (i % 64);
    }

    /// `self ⊕ other`.
    ///
    /// # Panics
    /// If the lengths differ, here and below.
    #[must_use]
    pub fn xor(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a ^ b)
    }

    /// `self ∧ other`.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a & b)
    }

    /// `self ∨ other`.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a | b)
    }

    /// `¬self`.
    #[must_use]
    pub fn not(&self) -> Self {
        Self::from_words(self.len, self.words.iter().map(|w| !w).collect())
    }

    /// `self ⊕= other`.
    pub fn xor_assign(&mut self, other: &Self) {
        self.zip_assign(other, |a, b| a ^ b);
    }

    /// `self ∧= other`.
    pub fn and_assign(&mut self, other: &Self) {
        self.zip_assign(other, |a, b| a & b);
    }

    /// `self = ¬self`.
    pub fn not_assign(&mut self) {
        self.words.iter_mut().for_each(|w| *w = !*w);
        self.clear_tail();
    }

    /// `(x0 ∧ y0) ⊕ (x1 ∧ y1)` in one pass: what a player computes for a conjunction of replicated shares.
    #[must_use]
    pub fn and_xor2(x0: &Self, y0: &Self, x1: &Self, y1: &Self) -> Self {
        assert!(x0.len == y0.len && x0.len == x1.len && x0.len == y1.len, "bit vectors of different lengths");
        let words = (0..x0.words.len()).map(|i| x0.words[i] & y0.words[i] ^ x1.words[i] & y1.words[i]).collect();
        Self { len: x0.len, words }
    }

    /// The number of ones.
    #[must_use]
    pub fn count_ones(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// Bits `start..end`.
    ///
    /// # Panics
    /// Unless `start <= end <= len`.
    #[must_use]
    pub fn slice(&self, start: usize, end: usize) -> Self {
        assert!(start <= end && end <= self.len, "bits {start}..{end} of {}", self.len);
        let (first, shift) = (start / 64, start % 64);
        let word = |i: usize| {
            let low = self.words[first + i] >> shift;
            // A shift by 64 would be the whole next word, which is wanted only for shift > 0.
            let high = self.words.get(first + i + 1).copied().unwrap_or(0);
            low | if shift == 0 { 0 } else { high << (64 - shift) }
        };
        Self::from_words(end - start, (0..(end - start).div_ceil(64)).map(word).collect())
    }

    /// Appends the bits of `other`.
    pub fn extend(&mut self, other: &Self) {
        let shift = self.len % 64;
        self.len += other.len;
        if shift == 0 {
            self.words.extend_from_slice(&other.words);
            return;
        }
        for &word in &other.words {
            if let Some(last) = self.words.last_mut() {
                *last |= word << shift;
            }
            self.words.push(word >> (64 - shift));
        }
        self.words.truncate(self.len.div_ceil(64));
    }

    /// The parts one after another.
    #[must_use]
    pub fn concat(parts: &[&Self]) -> Self {
        let mut out = Self::default();
        for part in parts {
            out.extend(part);
        }
        out
    }

    /// The bits at these public positions, in this order.
    ///
    /// # Panics
    /// If a position is not below `len`.
    #[must_use]
    pub fn gather(&self, positions: &[usize]) -> Self {
        let word = |chunk: &[usize]| chunk.iter().rev().fold(0u64, |w, &i| (w << 1) | u64::from(self.get(i)));
        Self { len: positions.len(), words: positions.chunks(64).map(word).collect() }
    }

    /// Appends the bits' bytes, `len / 8` rounded up, lowest bit first.
    pub fn write_bytes(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.len.div_ceil(8);
        out.reserve(self.words.len() * 8);
        for word in &self.words {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.truncate(end);
    }

    /// The bits' bytes, `len / 8` rounded up, lowest bit first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_bytes(&mut out);
        out
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; `None` if the number of bytes is wrong or bits past `len` are set.
    #[must_use]
    pub fn from_bytes(len: usize, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != len.div_ceil(8) {
            return None;
        }
        let word = |chunk: &[u8]| {
            let mut whole = [0; 8];
            whole[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(whole)
        };
        let words: Vec<u64> = bytes.chunks(8).map(word).collect();
        let out = Self::from_words(len, words);
        let tail_is_zero = bytes.last().is_none_or(|b| len.is_multiple_of(8) || b >> (len % 8) == 0);
        tail_is_zero.then_some(out)
    }

    fn clear_tail(&mut self) {
        if let (used @ 1.., Some(last)) = (self.len % 64, self.words.last_mut()) {
            *last &= (1 << used) - 1;
        }
    }

    fn zip(&self, other: &Self, f: impl Fn(u64, u64) -> u64) -> Self {
        assert_eq!(self.len, other.len, "bit vectors of different lengths");
        let words = self.words.iter().zip(&other.words).map(|(&a, &b)| f(a, b)).collect();
        Self { len: self.len, words }
    }

    fn zip_assign(&mut self, other: &Self, f: impl Fn(u64, u64) -> u64) {
        assert_eq!(self.len, other.len, "bit vectors of different lengths");
        self.words.iter_mut().zip(&other.words).for_each(|(a, &b)| *a = f(*a, b));
    }
}

impl fmt::Debug for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bits[{}]", self.len)
    }
}

impl Zeroize for Bits {
    fn zeroize(&mut self) {
        self.words.iter_mut().zeroize();
    }
}
