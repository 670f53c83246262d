//! Made-up TPM quotes, with a certificate of the attestation key; and certificates of real endorsement keys, as the
//! manufacturer of a software TPM would make them.

use p256::ecdsa::signature::Signer;

use tpm2_protocol::TpmUnmarshal;
use tpm2_protocol::data::TpmtPublic;

use super::DevelopmentPki;
use super::certs::extension;
use crate::bytes::Hex;
use crate::error::{Error, Result};
use crate::keys::Hash;
use crate::tpm::{EK_PURPOSE, Pcr, TpmEvidence, TpmQuote, public_key};
use crate::x509::Certificate;

impl DevelopmentPki {
    /// A quote over registers of the SHA-256 bank (index below 24, value of 32 bytes), for a challenge.
    ///
    /// # Errors
    /// [`Error::Verifier`] for registers that no TPM has.
    pub fn tpm(&self, registers: &[(u32, [u8; 32])], challenge: &[u8]) -> Result<TpmEvidence> {
        let bad = |e: &dyn std::fmt::Display| Error::verifier("development PKI", e);
        if registers.iter().any(|(index, _)| *index > 23) || challenge.len() > 64 {
            return Err(bad(&"registers go from 0 to 23, challenges up to 64 bytes"));
        }
        let mut registers = registers.to_vec();
        registers.sort_unstable_by_key(|(index, _)| *index);
        let root = self.authority256("TPM")?;
        let key = self.issue256("TPM attestation key", ("TPM root", &root.key), false, Vec::new())?;
        let message = attest(&registers, challenge);
        let signature: p256::ecdsa::Signature = key.key.try_sign(&message).map_err(|e| bad(&e))?;
        let pcr = |(index, value): &(u32, [u8; 32])| Pcr { bank: Hash::Sha256, index: *index, value: Hex::from(value) };
        Ok(TpmEvidence {
            attestation_key: key.certificate.spki()?.into(),
            certificates: vec![key.certificate.der().into()],
            quotes: vec![TpmQuote {
                message: message.into(),
                signature: tpmt_signature(&signature).into(),
                pcrs: registers.iter().map(pcr).collect(),
            }],
            event_log: None,
        })
    }
}

impl DevelopmentPki {
    /// The certificate that a manufacturer puts into a TPM: of its endorsement key, given as a `TPMT_PUBLIC`.
    ///
    /// # Errors
    /// [`Error::Malformed`] and [`Error::Unsupported`] for what is no such key.
    pub fn endorsement_certificate(&self, endorsement_key: &[u8]) -> Result<Certificate> {
        let bad = |e: &dyn std::fmt::Display| Error::malformed("endorsement key", e);
        let (public, rest) = TpmtPublic::unmarshal(endorsement_key).map_err(|e| bad(&e))?;
        if !rest.is_empty() {
            return Err(bad(&"bytes follow it"));
        }
        let root = self.authority256("TPM")?;
        let spki = public_key(&public)?.to_spki()?;
        // A sequence of one purpose.
        let usage = [&[0x30, EK_PURPOSE.len() as u8], &EK_PURPOSE[..]].concat();
        let extensions = vec![extension("2.5.29.37", usage)?];
        self.certify256("TPM endorsement key", &spki, ("TPM root", &root.key), extensions)
    }
}

/// A `TPMS_ATTEST` (TPM 2.0 Library, part 2, section 10.12.12).
fn attest(registers: &[(u32, [u8; 32])], challenge: &[u8]) -> Vec<u8> {
    let mut bitmap = [0u8; 3];
    for (index, _) in registers {
        bitmap[*index as usize / 8] |= 1 << (index % 8);
    }
    let values: Vec<&[u8]> = registers.iter().map(|(_, value)| value.as_slice()).collect();
    let mut message = vec![0xff, 0x54, 0x43, 0x47, 0x80, 0x18, 0x00, 0x00];
    // Challenges have at most 64 bytes.
    message.extend([0, challenge.len() as u8]);
    message.extend(challenge);
    // Clock, reset and restart counts, safe; firmware version.
    message.extend([0; 16]);
    message.push(1);
    message.extend([0; 8]);
    message.extend([0, 0, 0, 1, 0x00, 0x0b, 3]);
    message.extend(bitmap);
    message.extend([0, 32]);
    message.extend(Hash::Sha256.digest(&values));
    message
}

/// `TPM_ALG_ECDSA` with SHA-256.
fn tpmt_signature(signature: &p256::ecdsa::Signature) -> Vec<u8> {
    let (r, s) = signature.split_bytes();
    let mut bytes = vec![0x00, 0x18, 0x00, 0x0b, 0, 32];
    bytes.extend(r);
    bytes.extend([0, 32]);
    bytes.extend(s);
    bytes
}
