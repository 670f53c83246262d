//! Sealing to the state of the machine: what comes back only while registers hold the values that they held.

use std::collections::BTreeMap;

use attest::{Base64Bytes, Hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tpm2_protocol::basic::TpmHandle;
use tpm2_protocol::data::{Tpm2bPublic, TpmCc, TpmRh, TpmlPcrSelection};
use tpm2_protocol::frame::{
    TpmCreateResponse, TpmFrame, TpmLoadCommand, TpmLoadResponse, TpmMarshalBody, TpmPolicyPcrCommand,
    TpmPolicyPcrResponse, TpmUnsealCommand,
};
use tpm2_protocol::{TpmMarshal, TpmResult, TpmSized, TpmUnmarshal, TpmWriter};
use zeroize::Zeroizing;

use super::client::{Loaded, Tpm, authorised, marshalled, password};
use super::registers::{Registers, digest_of, selection};
use super::templates;
use crate::error::{Error, Result};

/// The most that the TPM seals at once.
const MOST: usize = 128;

/// Sealed data: only the TPM that made it opens it, and only in that state. Nothing in here is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Sealed {
    public: Base64Bytes,
    private: Base64Bytes,
    /// The values that the registers have to have: for words when they have not. The TPM goes by its own.
    registers: BTreeMap<u32, Hex>,
}

impl Tpm {
    /// Seals up to 128 bytes to the values that registers of the SHA-256 bank have now.
    ///
    /// # Errors
    /// [`Error::Misuse`], [`Error::Refused`].
    pub fn seal(&mut self, registers: &[u32], secret: &[u8]) -> Result<Sealed> {
        if registers.is_empty() || secret.is_empty() || secret.len() > MOST {
            return Err(Error::Misuse("what is sealed has 1 to 128 bytes, and is sealed to some register"));
        }
        let values = self.registers(registers)?;
        let selected = selection(registers)?;
        let public = Tpm2bPublic { inner: templates::sealed(&policy(&selected, &values)?)? };
        let (parent, _) = self.primary(TpmRh::Owner, templates::storage()?)?;
        self.with(parent, |tpm, parent| {
            let made: TpmCreateResponse = tpm.run(&Seal { parent, secret, public }, &[password()])?;
            Ok(Sealed {
                public: marshalled(&made.out_public)?.into(),
                private: marshalled(&made.out_private)?.into(),
                registers: values.iter().map(|(index, value)| (*index, Hex::from(value))).collect(),
            })
        })
    }

    /// Opens what [`Tpm::seal`] made.
    ///
    /// # Errors
    /// [`Error::State`] naming the registers that have other values now; [`Error::Refused`] if another TPM made it.
    pub fn unseal(&mut self, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>> {
        let registers: Vec<u32> = sealed.registers.keys().copied().collect();
        let found = self.registers(&registers)?;
        let changed: Vec<String> = sealed.registers.iter().filter_map(|(i, was)| difference(*i, was, &found)).collect();
        if !changed.is_empty() {
            return Err(Error::State { changed: changed.join("; ") });
        }
        let load = |parent: TpmHandle| {
            Ok::<_, Error>(TpmLoadCommand {
                handles: [parent],
                in_public: parse(&sealed.public)?,
                in_private: parse(&sealed.private)?,
            })
        };
        let (parent, _) = self.primary(TpmRh::Owner, templates::storage()?)?;
        self.with(parent, |tpm, parent| {
            let loaded: TpmLoadResponse = tpm.run(&load(parent)?, &[password()])?;
            tpm.with(Loaded { handle: loaded.handles[0] }, |tpm, object| {
                let session = tpm.policy_session()?;
                tpm.with(session, |tpm, session| {
                    let command = TpmPolicyPcrCommand {
                        handles: [session],
                        pcr_digest: Default::default(),
                        pcrs: selection(&registers)?,
                    };
                    tpm.run::<TpmPolicyPcrResponse>(&command, &[])?;
                    let answer = tpm.exchange(&TpmUnsealCommand { handles: [object] }, &[authorised(session)])?;
                    unsealed(&answer)
                })
            })
        })
    }
}

/// How a register differs, in words.
fn difference(index: u32, was: &Hex, found: &Registers) -> Option<String> {
    let now = found.get(&index).map(Hex::from).unwrap_or_default();
    (now != *was).then(|| format!("register {index} was {was}, and is {now}"))
}

/// The policy digest of `TPM2_PolicyPCR` (TPM 2.0 Library, part 3, section 23.7).
fn policy(selected: &TpmlPcrSelection, values: &Registers) -> Result<[u8; 32]> {
    let code = (TpmCc::PolicyPcr as u32).to_be_bytes();
    let policy = Sha256::new().chain_update([0; 32]).chain_update(code).chain_update(marshalled(selected)?);
    Ok(policy.chain_update(digest_of(values)).finalize().into())
}

fn parse<T: TpmUnmarshal>(bytes: &[u8]) -> Result<T> {
    match T::unmarshal(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err(Error::answer("sealed data", "bytes follow it")),
        Err(e) => Err(Error::answer("sealed data", e)),
    }
}

/// The data in an answer to `TPM2_Unseal`: read out of the frame, which is wiped, so that no other copy is made.
fn unsealed(answer: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    // Header and size of the parameters; then the size of the data, and the data.
    const BEFORE: usize = 10 + 4;
    let data = answer.get(BEFORE..).and_then(|rest| rest.split_first_chunk::<2>());
    let data = data.and_then(|(size, rest)| rest.get(..usize::from(u16::from_be_bytes(*size))));
    let data = data.ok_or_else(|| Error::answer("the TPM", "unsealed data that ends early"))?;
    Ok(Zeroizing::new(data.to_vec()))
}

/// `TPM2_Create` of sealed data. The library's own type would hold a copy of the secret that nothing wipes.
struct Seal<'a> {
    parent: TpmHandle,
    secret: &'a [u8],
    public: Tpm2bPublic,
}

impl std::fmt::Debug for Seal<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal<'_> {
    /// An empty password and the data, each with its size.
    fn sensitive(&self) -> usize {
        2 + 2 + self.secret.len()
    }
}

impl TpmSized for Seal<'_> {
    const SIZE: usize = tpm2_protocol::constant::TPM_MAX_COMMAND_SIZE;

    fn len(&self) -> usize {
        // Handle, sensitive part, public part; outside information and creation registers, both empty.
        4 + 2 + self.sensitive() + self.public.len() + 2 + 4
    }
}

impl TpmMarshalBody for Seal<'_> {
    fn marshal_handles(&self, writer: &mut TpmWriter<'_>) -> TpmResult<()> {
        self.parent.marshal(writer)
    }

    fn marshal_parameters(&self, writer: &mut TpmWriter<'_>) -> TpmResult<()> {
        // Checked against `MOST`, so sizes fit.
        writer.write_bytes(&(self.sensitive() as u16).to_be_bytes())?;
        writer.write_bytes(&[0, 0])?;
        writer.write_bytes(&(self.secret.len() as u16).to_be_bytes())?;
        writer.write_bytes(self.secret)?;
        self.public.marshal(writer)?;
        writer.write_bytes(&[0; 2 + 4])
    }
}

impl TpmMarshal for Seal<'_> {
    fn marshal(&self, writer: &mut TpmWriter<'_>) -> TpmResult<()> {
        self.marshal_handles(writer)?;
        self.marshal_parameters(writer)
    }
}

impl TpmFrame for Seal<'_> {
    fn cc(&self) -> TpmCc {
        TpmCc::Create
    }

    fn handles(&self) -> usize {
        1
    }
}
