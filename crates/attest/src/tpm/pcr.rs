//! Values of platform configuration registers.

use serde::{Deserialize, Serialize};

use crate::bytes::{Hex, Reader};
use crate::error::{Error, Result};
use crate::keys::Hash;

/// The value of one register in one bank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pcr {
    /// The bank.
    pub bank: Hash,
    /// The register, 0 to 31.
    pub index: u32,
    /// Its value, as long as the bank's digest.
    pub value: Hex,
}

/// Registers of a selection's bitmap, in order (TPM 2.0 Library, part 2, section 10.6.1).
pub(crate) fn selected(bitmap: &[u8]) -> impl Iterator<Item = u32> + '_ {
    let set = |byte: u8| (0..8u32).filter(move |bit| byte >> bit & 1 == 1);
    (0u32..).zip(bitmap).flat_map(move |(index, byte)| set(*byte).map(move |bit| 8 * index + bit))
}

/// Parses the file that `tpm2_quote --pcr` writes: a selection of sixteen fixed entries and lists of eight digests, in
/// the byte order of the machine (little-endian).
///
/// # Errors
/// [`Error::Malformed`].
pub fn parse_tpm2_tools_pcrs(bytes: &[u8]) -> Result<Vec<Pcr>> {
    let bad = |why: &str| Error::malformed("PCR file of tpm2-tools", why);
    let mut reader = Reader::new("PCR file of tpm2-tools", bytes);
    let count = reader.u32_le()? as usize;
    if count > 16 {
        return Err(bad("more than sixteen banks"));
    }
    let mut wanted = Vec::new();
    for entry in 0..16 {
        let (algorithm, size, bitmap) = (reader.u16_le()?, reader.u8()?, reader.array::<4>()?);
        reader.u8()?;
        if entry >= count {
            continue;
        }
        let bank = Hash::from_tpm(algorithm).ok_or_else(|| bad("a bank of unknown algorithm"))?;
        let bitmap = bitmap.get(..usize::from(size)).ok_or_else(|| bad("a bitmap of more than four bytes"))?;
        wanted.extend(selected(bitmap).map(|index| (bank, index)));
    }
    let mut values = Vec::new();
    for _ in 0..reader.u32_le()?.min(16) {
        let filled = reader.u32_le()? as usize;
        for entry in 0..8 {
            let size = usize::from(reader.u16_le()?);
            let value = reader.take(64)?.get(..size).ok_or_else(|| bad("a digest of more than 64 bytes"))?;
            if entry < filled {
                values.push(Hex::from(value));
            }
        }
    }
    reader.finish()?;
    if values.len() != wanted.len() {
        return Err(bad("as many values as registers are selected are needed"));
    }
    Ok(wanted.into_iter().zip(values).map(|((bank, index), value)| Pcr { bank, index, value }).collect())
}
