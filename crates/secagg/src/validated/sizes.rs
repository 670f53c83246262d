//! How long the draft's shares, proofs and verifiers are: known to those, too, who compute none.

use super::Statistic;

/// Bytes of a seed.
const SEED: usize = 32;

/// Lengths, in field elements, of what a circuit of the draft (section 7.4) takes and makes.
pub(super) struct Sizes {
    input: usize,
    proof: usize,
    verifier: usize,
    /// Bytes of a field element.
    element: usize,
    /// Whether client and aggregators draw randomness from the shares, for the circuit.
    joint: bool,
}

impl Sizes {
    pub(super) fn of(statistic: Statistic, len: usize) -> Self {
        let bits = statistic.bits();
        match statistic {
            Statistic::Count => Self { input: 1, proof: proof(2, 1), verifier: 4, element: 8, joint: false },
            Statistic::Sum { .. } => Self { input: bits, proof: proof(1, bits), verifier: 3, element: 8, joint: false },
            Statistic::SumVector { .. } => Self::chunked(len * bits),
            Statistic::Histogram => Self::chunked(len),
        }
    }

    /// A vector of bits, which one gadget checks in chunks.
    fn chunked(input: usize) -> Self {
        let arity = 2 * chunk(input);
        Self { input, proof: proof(arity, input.div_ceil(chunk(input))), verifier: arity + 2, element: 16, joint: true }
    }

    /// Bytes of public and input shares together.
    pub(super) fn shares(&self) -> usize {
        // The helper's share is a seed; with joint randomness there are two parts of it, and what each makes its own from.
        (self.input + self.proof) * self.element + SEED + if self.joint { 4 * SEED } else { 0 }
    }

    /// Bytes of a verifier share.
    pub(super) fn verifier(&self) -> usize {
        self.verifier * self.element + if self.joint { SEED } else { 0 }
    }
}

/// Elements of a proof for a gadget of degree 2 that is called so often.
fn proof(arity: usize, calls: usize) -> usize {
    arity + 2 * ((1 + calls).next_power_of_two() - 1) + 1
}

/// Bits that are checked together: what makes the proof shortest.
pub(super) fn chunk(bits: usize) -> usize {
    // Calls are one less than a power of two, as those up to the next one cost nothing.
    let chunks = (1..=(bits + 1).ilog2()).map(|power| bits.div_ceil((1 << power) - 1));
    chunks.min_by_key(|&chunk| proof(2 * chunk, bits.div_ceil(chunk))).unwrap_or(1)
}
