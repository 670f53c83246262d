//! Hiding commitments to inputs and outputs.
//!
//! A bare digest of a small result can be guessed. A commitment also hashes a random opening, which only
//! owners and readers hold; with it they can show later which value a receipt speaks of.

use std::fmt;

use ir::DType;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::context;
use crate::encode::Encoder;
use crate::id::Digest;

/// The random bytes that hide a committed value: 32 fresh ones for each value. Wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Opening([u8; 32]);

impl Opening {
    /// An opening from fresh randomness.
    pub fn new(random: [u8; 32]) -> Opening {
        Opening(random)
    }

    /// The bytes, for those who may know the value.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening(..)")
    }
}

/// A commitment to a named tensor: hiding as long as the opening is secret, binding because BLAKE3 is collision
/// resistant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Commitment(pub Digest);

impl Commitment {
    /// Commits to a tensor: its name, element type, shape, and elements in row-major order, little-endian (truth
    /// values as one byte).
    pub fn new(opening: &Opening, name: &str, dtype: DType, shape: &[usize], elements: &[u8]) -> Commitment {
        let mut encoder = Encoder::new(context::COMMITMENT);
        encoder.bytes(&opening.0).bytes(name.as_bytes()).bytes(dtype.to_string().as_bytes());
        encoder.number(shape.len() as u64);
        for length in shape {
            encoder.number(*length as u64);
        }
        Commitment(Digest(encoder.bytes(elements).finish()))
    }

    /// Whether an opening and a tensor are those committed to.
    pub fn opens_to(&self, opening: &Opening, name: &str, dtype: DType, shape: &[usize], elements: &[u8]) -> bool {
        // The digest is public, so an ordinary comparison gives nothing away.
        *self == Commitment::new(opening, name, dtype, shape, elements)
    }
}
