//! An unambiguous encoding for what is hashed: every item with its length, so that no two lists of items
//! have the same bytes.

/// Feeds items into a hasher.
pub(crate) struct Encoder(blake3::Hasher);

impl Encoder {
    /// An encoder whose digest belongs to a context.
    pub(crate) fn new(context: &str) -> Encoder {
        Encoder(blake3::Hasher::new_derive_key(context))
    }

    /// A string of bytes, after its length.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Encoder {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
        self
    }

    /// A number, as eight bytes.
    pub(crate) fn number(&mut self, number: u64) -> &mut Encoder {
        self.0.update(&number.to_le_bytes());
        self
    }

    /// The digest.
    pub(crate) fn finish(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }
}
