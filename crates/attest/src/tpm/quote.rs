//! `TPMS_ATTEST` of a quote, its signature, and the digest over its registers.

use tpm2_protocol::TpmUnmarshal;
use tpm2_protocol::data::{TpmsAttest, TpmtSignature, TpmuAttest, TpmuSignature};

use super::TpmQuote;
use super::pcr::selected;
use crate::error::{Error, Result};
use crate::keys::{Hash, PublicKey, Scheme};

/// What a quote says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    /// The challenge (`qualifyingData` of `TPM2_Quote`).
    pub extra_data: Vec<u8>,
    /// Registers that it covers, by bank, in the order of its digest.
    pub selection: Vec<(Hash, u32)>,
    /// Digest over the values of those registers.
    pub digest: Vec<u8>,
    /// The TPM's firmware, in its vendor's numbering.
    pub firmware_version: u64,
    /// Resets of the TPM so far.
    pub reset_count: u32,
    /// Restarts since the last reset.
    pub restart_count: u32,
    /// Whether the TPM's clock cannot have been set back.
    pub clock_safe: bool,
}

/// Parses a `TPMS_ATTEST` that has to be a quote; the magic says that a TPM made it.
///
/// # Errors
/// [`Error::Malformed`], and [`Error::Unsupported`] for other kinds of attestation and other banks.
pub fn parse_quote(message: &[u8]) -> Result<Quoted> {
    const WHAT: &str = "TPM quote";
    let (attest, rest) = TpmsAttest::unmarshal(message).map_err(|e| Error::malformed(WHAT, e))?;
    if !rest.is_empty() {
        return Err(Error::malformed(WHAT, "bytes follow it"));
    }
    let TpmuAttest::Quote(info) = &attest.attested else {
        return Err(Error::unsupported(WHAT, "an attestation of another kind"));
    };
    let mut selection = Vec::new();
    for bank in info.pcr_select.iter() {
        let algorithm = bank.hash.value();
        let hash = Hash::from_tpm(algorithm)
            .ok_or_else(|| Error::unsupported(WHAT, format!("a bank of algorithm {algorithm:#x}")))?;
        selection.extend(selected(&bank.pcr_select).map(|index| (hash, index)));
    }
    Ok(Quoted {
        extra_data: attest.extra_data.to_vec(),
        selection,
        digest: info.pcr_digest.to_vec(),
        firmware_version: attest.firmware_version.value(),
        reset_count: attest.clock_info.reset_count.value(),
        restart_count: attest.clock_info.restart_count.value(),
        clock_safe: attest.clock_info.safe.into(),
    })
}

/// Verifies the signature and that the values given are those that were quoted.
pub(crate) fn verify(quote: &TpmQuote, key: &PublicKey) -> Result<Quoted> {
    let quoted = parse_quote(&quote.message)?;
    let hash = verify_signature(quote, key)?;
    let given: Vec<(Hash, u32)> = quote.pcrs.iter().map(|pcr| (pcr.bank, pcr.index)).collect();
    let mut expected = quoted.selection.clone();
    expected.sort_unstable();
    let mut sorted = given;
    sorted.sort_unstable();
    if sorted != expected {
        return Err(Error::mismatch("TPM quote", "the register values given are not of the registers quoted"));
    }
    let value = |(bank, index): &(Hash, u32)| {
        let found = quote.pcrs.iter().find(|pcr| pcr.bank == *bank && pcr.index == *index);
        found.filter(|pcr| pcr.value.0.len() == bank.size()).map(|pcr| pcr.value.0.as_slice())
    };
    let values: Option<Vec<&[u8]>> = quoted.selection.iter().map(value).collect();
    let values = values.ok_or_else(|| Error::malformed("TPM quote", "a register value of the wrong length"))?;
    if hash.digest(&values) != quoted.digest {
        return Err(Error::mismatch("TPM quote", "the register values given are not those that were quoted"));
    }
    Ok(quoted)
}

/// Returns the hash of the signature scheme: the digest over the registers uses the same.
fn verify_signature(quote: &TpmQuote, key: &PublicKey) -> Result<Hash> {
    const WHAT: &str = "TPM signature";
    let (signature, rest) = TpmtSignature::unmarshal(&quote.signature).map_err(|e| Error::malformed(WHAT, e))?;
    if !rest.is_empty() {
        return Err(Error::malformed(WHAT, "bytes follow it"));
    }
    let hash = |algorithm: u16| {
        let hash = Hash::from_tpm(algorithm).filter(|hash| *hash != Hash::Sha1);
        hash.ok_or_else(|| Error::unsupported(WHAT, format!("hash algorithm {algorithm:#x}")))
    };
    let (hash, verifies) = match &signature.signature {
        TpmuSignature::Rsassa(s) => {
            let hash = hash(s.hash.value())?;
            (hash, key.verify(Scheme::RsaPkcs1(hash), &quote.message, &s.sig))
        }
        TpmuSignature::Rsapss(s) => {
            let hash = hash(s.hash.value())?;
            (hash, key.verify(Scheme::RsaPss(hash), &quote.message, &s.sig))
        }
        TpmuSignature::Ecdsa(s) => {
            let hash = hash(s.hash.value())?;
            (hash, key.verify_scalars(hash, &quote.message, &s.signature_r, &s.signature_s))
        }
        _ => return Err(Error::unsupported(WHAT, "neither RSA nor ECDSA")),
    };
    if verifies { Ok(hash) } else { Err(Error::signature("the TPM quote")) }
}
