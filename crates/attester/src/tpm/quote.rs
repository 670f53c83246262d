//! Quotes: registers and a challenge, signed by a key that signs nothing else.

use std::path::PathBuf;

use attest::tpm::{Pcr, TpmEvidence, TpmQuote};
use attest::{Evidence, Hash};
use tpm2_protocol::data::{TpmAlgId, TpmRh, TpmtSigScheme};
use tpm2_protocol::frame::{TpmQuoteCommand, TpmQuoteResponse};

use super::client::{Tpm, marshalled, password, sized};
use super::registers::selection;
use super::templates;
use crate::error::{Error, Result};
use crate::{Attester, read};

/// The most that a TPM takes as a challenge.
pub(crate) const LONGEST_CHALLENGE: usize = 64;

/// Attests by a TPM.
#[derive(Debug, Clone)]
pub struct TpmAttester {
    /// The device or socket.
    pub place: PathBuf,
    /// The registers of the SHA-256 bank to quote.
    pub registers: Vec<u32>,
    /// The firmware's event log, if evidence is to carry it.
    pub event_log: Option<PathBuf>,
}

impl TpmAttester {
    /// With all registers that firmware, boot loader and a launcher extend: 0 to 9 and 14.
    pub fn new(place: PathBuf) -> Self {
        Self { place, registers: (0..10).chain([14]).collect(), event_log: None }
    }
}

impl Attester for TpmAttester {
    fn evidence(&self, report_data: &[u8]) -> Result<Evidence> {
        let mut evidence = Tpm::open(&self.place)?.quote(&self.registers, report_data)?;
        if let Some(log) = &self.event_log {
            evidence.event_log = Some(read(log)?.into());
        }
        Ok(Evidence::Tpm(evidence))
    }
}

impl Tpm {
    /// Quotes registers of the SHA-256 bank for a challenge of at most 64 bytes, with the TPM's attestation key: the
    /// same one each time.
    ///
    /// # Errors
    /// [`Error::Misuse`], [`Error::Refused`].
    pub fn quote(&mut self, registers: &[u32], challenge: &[u8]) -> Result<TpmEvidence> {
        if challenge.len() > LONGEST_CHALLENGE || registers.is_empty() {
            return Err(Error::Misuse("a quote takes a challenge of at most 64 bytes, and some register"));
        }
        let (key, public) = self.primary(TpmRh::Endorsement, templates::attestation()?)?;
        let (quoted, values) = self.with(key, |tpm, key| {
            let command = TpmQuoteCommand {
                handles: [key],
                qualifying_data: sized(challenge)?,
                in_scheme: TpmtSigScheme { scheme: TpmAlgId::Null, ..TpmtSigScheme::default() },
                pcr_select: selection(registers)?,
            };
            let quoted: TpmQuoteResponse = tpm.run(&command, &[password()])?;
            Ok((quoted, tpm.registers(registers)?))
        })?;
        let pcr = |(index, value): (&u32, &[u8; 32])| Pcr { bank: Hash::Sha256, index: *index, value: value.into() };
        Ok(TpmEvidence {
            attestation_key: marshalled(&public)?.into(),
            certificates: Vec::new(),
            quotes: vec![TpmQuote {
                message: marshalled(&quoted.quoted.inner)?.into(),
                signature: marshalled(&quoted.signature)?.into(),
                pcrs: values.iter().map(pcr).collect(),
            }],
            event_log: None,
        })
    }
}
