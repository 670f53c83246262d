//! Showing that an attestation key is in the TPM whose endorsement key a manufacturer certified.
//!
//! The other side is [`attest::tpm::EndorsementKey::challenge`]. Source: TPM 2.0 Library, part 1, section 24.

use attest::tpm::{Credential, Enrolment};
use tpm2_protocol::basic::{TpmHandle, TpmUint16};
use tpm2_protocol::data::{Tpm2bNvPublic, TpmAlgId, TpmRh, TpmaNv, TpmsNvPublic};
use tpm2_protocol::frame::{
    TpmActivateCredentialCommand, TpmActivateCredentialResponse, TpmNvDefineSpaceCommand, TpmNvDefineSpaceResponse,
    TpmNvReadCommand, TpmNvReadPublicCommand, TpmNvReadPublicResponse, TpmNvReadResponse, TpmNvWriteCommand,
    TpmNvWriteResponse,
};
use zeroize::Zeroizing;

use super::client::{Tpm, authorised, handle, marshalled, password, sized};
use super::templates;
use crate::error::{Error, Result};

/// Where a manufacturer puts the certificate of template L-2 (EK Credential Profile, section 2.2.1.4).
pub(crate) const CERTIFICATE: u32 = 0x01c0_000a;

/// What every TPM hands out at once.
const PART: u16 = 512;

impl Tpm {
    /// The attestation key, and the manufacturer's certificate of the endorsement key, if the TPM carries one.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn enrolment(&mut self) -> Result<Enrolment> {
        let (key, public) = self.primary(TpmRh::Endorsement, templates::attestation()?)?;
        self.with(key, |_, _| Ok(()))?;
        let certificate = match self.endorsement_certificate() {
            Ok(certificate) => Some(certificate.into()),
            // An index that is not defined, or never written.
            Err(Error::Refused { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Enrolment { attestation_key: marshalled(&public)?.into(), certificate })
    }

    /// The public part of the endorsement key, as a `TPMT_PUBLIC`: what a manufacturer certifies.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn endorsement_key(&mut self) -> Result<Vec<u8>> {
        let (key, public) = self.primary(TpmRh::Endorsement, templates::endorsement()?)?;
        self.with(key, |_, _| marshalled(&public))
    }

    /// Puts a certificate of the endorsement key where manufacturers put it: for a software TPM, which nobody
    /// manufactured. A chip's firmware has taken this right away.
    ///
    /// # Errors
    /// [`Error::Misuse`] for more than 2048 bytes; [`Error::Refused`], also if there is one already.
    pub fn provision_certificate(&mut self, certificate: &[u8]) -> Result<()> {
        let size = u16::try_from(certificate.len()).ok().filter(|size| *size <= 2048);
        let size = size.ok_or(Error::Misuse("a certificate of at most 2048 bytes is needed"))?;
        let platform = handle(TpmRh::Platform);
        let public = TpmsNvPublic {
            nv_index: TpmHandle::new(CERTIFICATE),
            name_alg: TpmAlgId::Sha256,
            attributes: TpmaNv::PPWRITE
                | TpmaNv::PPREAD
                | TpmaNv::OWNERREAD
                | TpmaNv::AUTHREAD
                | TpmaNv::NO_DA
                | TpmaNv::PLATFORMCREATE,
            auth_policy: Default::default(),
            data_size: TpmUint16::new(size),
        };
        let define = TpmNvDefineSpaceCommand {
            handles: [platform],
            auth: Default::default(),
            public_info: Tpm2bNvPublic { inner: public },
        };
        self.run::<TpmNvDefineSpaceResponse>(&define, &[password()])?;
        for (number, part) in certificate.chunks(usize::from(PART)).enumerate() {
            let command = TpmNvWriteCommand {
                handles: [platform, TpmHandle::new(CERTIFICATE)],
                data: sized(part)?,
                // Below `size`.
                offset: TpmUint16::new(number as u16 * PART),
            };
            self.run::<TpmNvWriteResponse>(&command, &[password()])?;
        }
        Ok(())
    }

    fn endorsement_certificate(&mut self) -> Result<Vec<u8>> {
        let index = TpmHandle::new(CERTIFICATE);
        let public: TpmNvReadPublicResponse = self.run(&TpmNvReadPublicCommand { handles: [index] }, &[])?;
        let size = public.nv_public.inner.data_size.value();
        let mut certificate = Vec::new();
        while certificate.len() < usize::from(size) {
            // At most `size`, which is a `u16`.
            let offset = certificate.len() as u16;
            let command = TpmNvReadCommand {
                handles: [index, index],
                size: TpmUint16::new(PART.min(size - offset)),
                offset: TpmUint16::new(offset),
            };
            let part: TpmNvReadResponse = self.run(&command, &[password()])?;
            if part.data.is_empty() {
                return Err(Error::answer("the TPM", "an index shorter than it says"));
            }
            certificate.extend_from_slice(&part.data);
        }
        Ok(certificate)
    }

    /// Opens a credential that was made for this TPM's endorsement and attestation key, and returns the secret in it.
    ///
    /// # Errors
    /// [`Error::Refused`] if it was made for other keys.
    pub fn activate(&mut self, credential: &Credential) -> Result<Zeroizing<Vec<u8>>> {
        let (attestation, _) = self.primary(TpmRh::Endorsement, templates::attestation()?)?;
        self.with(attestation, |tpm, attestation| {
            let (endorsement, _) = tpm.primary(TpmRh::Endorsement, templates::endorsement()?)?;
            tpm.with(endorsement, |tpm, endorsement| {
                let session = tpm.policy_session()?;
                tpm.with(session, |tpm, session| {
                    tpm.policy_endorsement(session)?;
                    let command = TpmActivateCredentialCommand {
                        handles: [attestation, endorsement],
                        credential_blob: sized(&credential.blob)?,
                        secret: sized(&credential.secret)?,
                    };
                    let auth = [password(), authorised(session)];
                    let opened: TpmActivateCredentialResponse = tpm.run(&command, &auth)?;
                    Ok(Zeroizing::new(opened.cert_info.to_vec()))
                })
            })
        })
    }
}
