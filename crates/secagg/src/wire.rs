//! Strict reading and writing of messages: fixed-size integers, little-endian, nothing left over.

use crate::domain::{Kind, VERSION};
use crate::error::Error;

/// A 32-byte digest, key, seed or context.
pub(crate) type Bytes32 = [u8; 32];

/// Starts a message: version, kind, context of its round.
pub(crate) fn start(kind: Kind, context: &Bytes32, capacity: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(capacity + 34);
    out.push(VERSION);
    out.push(kind as u8);
    out.extend_from_slice(context);
    out
}

/// Reads what [`start`] wrote.
pub(crate) fn open<'a>(
    bytes: &'a [u8],
    kind: Kind,
    context: &Bytes32,
    message: &'static str,
) -> Result<Reader<'a>, Error> {
    let mut reader = Reader { bytes, message };
    let version = reader.u8()?;
    if version != VERSION {
        return Err(Error::Version { found: version, supported: VERSION });
    }
    if reader.u8()? != kind as u8 {
        return Err(reader.malformed("another kind of message"));
    }
    if reader.array::<32>()? != *context {
        return Err(Error::OtherRound { message });
    }
    Ok(reader)
}

/// A cursor over a message.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    message: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], message: &'static str) -> Self {
        Self { bytes, message }
    }

    pub(crate) fn malformed(&self, what: &'static str) -> Error {
        Error::Malformed { message: self.message, what }
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or_else(|| self.malformed("too short"))?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub(crate) fn arrays<const N: usize>(&mut self, count: usize) -> Result<Vec<[u8; N]>, Error> {
        let total = count.checked_mul(N).ok_or_else(|| self.malformed("too short"))?;
        let (arrays, _) = self.take(total)?.as_chunks::<N>();
        Ok(arrays.to_vec())
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Error> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A count of items that take at least `size` bytes each: refused before anything is allocated for it.
    pub(crate) fn count(&mut self, size: usize) -> Result<usize, Error> {
        let count = self.u32()? as usize;
        if count.checked_mul(size).is_none_or(|total| total > self.bytes.len()) {
            return Err(self.malformed("too short"));
        }
        Ok(count)
    }

    /// Everything that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.bytes
    }

    /// Ends the message: left-over bytes are an error.
    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.bytes.is_empty() { Ok(()) } else { Err(self.malformed("bytes left over")) }
    }
}

/// The BLAKE3 digest of `parts`, in a domain of its own. Parts of variable length must be last or length-prefixed by
/// the caller.
pub(crate) fn digest(domain: &str, parts: &[&[u8]]) -> Bytes32 {
    let mut hasher = blake3::Hasher::new_derive_key(domain);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}
