//! Commands to a TPM, and what has to be tidied up after them.

use std::path::Path;

use tpm2_protocol::TpmWriter;
use tpm2_protocol::basic::TpmHandle;
use tpm2_protocol::constant::TPM_MAX_COMMAND_SIZE;
use tpm2_protocol::data::{
    Tpm2bAuth, Tpm2bNonce, Tpm2bPublic, TpmAlgId, TpmRh, TpmSe, TpmSt, TpmaSession, TpmsAuthCommand, TpmtPublic,
};
use tpm2_protocol::frame::{
    TpmCreatePrimaryCommand, TpmCreatePrimaryResponse, TpmFlushContextCommand, TpmFlushContextResponse, TpmFrame,
    TpmPolicySecretCommand, TpmPolicySecretResponse, TpmResponse, TpmStartAuthSessionCommand,
    TpmStartAuthSessionResponse, TpmUnmarshalBody, tpm_marshal_command,
};
use zeroize::Zeroizing;

use super::channel::Channel;
use crate::error::{Error, Result};

/// A TPM 2.0. It is talked to by one process at a time, unless the place is the kernel's resource manager
/// (`/dev/tpmrm0`).
///
/// Commands are authorised by the empty passwords that hierarchies have unless an owner has set others. What goes to a
/// chip on a board and comes back can be read by whoever taps its wires: parameters are not encrypted.
pub struct Tpm {
    channel: Channel,
}

impl std::fmt::Debug for Tpm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tpm")
    }
}

/// An object or session in the TPM's memory, of which there is little: it has to be flushed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loaded {
    pub(super) handle: TpmHandle,
}

pub(super) fn handle(of: TpmRh) -> TpmHandle {
    TpmHandle::new(of.value())
}

/// The empty password.
pub(super) fn password() -> TpmsAuthCommand {
    authorised(handle(TpmRh::Pw))
}

/// Authorisation by a session whose policy holds.
pub(super) fn authorised(session: TpmHandle) -> TpmsAuthCommand {
    TpmsAuthCommand {
        session_handle: session,
        nonce: Tpm2bNonce::default(),
        session_attributes: TpmaSession::CONTINUE_SESSION,
        hmac: Tpm2bAuth::default(),
    }
}

/// Bytes as one of the TPM's sized buffers.
pub(super) fn sized<'a, T: TryFrom<&'a [u8]>>(bytes: &'a [u8]) -> Result<T> {
    T::try_from(bytes).map_err(|_| Error::Misuse("more bytes than a field of the TPM holds"))
}

/// What a structure marshals to.
pub(super) fn marshalled(value: &impl tpm2_protocol::TpmMarshal) -> Result<Vec<u8>> {
    let mut buffer = vec![0; TPM_MAX_COMMAND_SIZE];
    let mut writer = TpmWriter::new(&mut buffer);
    value.marshal(&mut writer).map_err(|e| Error::answer("a structure for the TPM", e))?;
    let length = writer.len();
    buffer.truncate(length);
    Ok(buffer)
}

impl Tpm {
    /// The TPM at a place: a device (`/dev/tpmrm0`), or the socket of a software TPM.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Io`].
    pub fn open(place: &Path) -> Result<Tpm> {
        Ok(Tpm { channel: Channel::open(place)? })
    }

    /// Runs a command, and returns its answer as it came. Frames are wiped: they can carry secrets.
    pub(super) fn exchange(&mut self, command: &impl TpmFrame, auth: &[TpmsAuthCommand]) -> Result<Zeroizing<Vec<u8>>> {
        let mut frame = Zeroizing::new(vec![0; TPM_MAX_COMMAND_SIZE]);
        let mut writer = TpmWriter::new(&mut frame);
        let tag = if auth.is_empty() { TpmSt::NoSessions } else { TpmSt::Sessions };
        let bad = |e| Error::answer("a command for the TPM", e);
        tpm_marshal_command(command, tag, auth, &mut writer).map_err(bad)?;
        let length = writer.len();
        let answer = self.channel.transact(&frame[..length])?;
        let code = TpmResponse::cast(&answer).and_then(TpmResponse::rc);
        let code = code.map_err(|e| Error::answer("the TPM", e))?;
        if code.value() != 0 {
            return Err(Error::Refused { command: format!("{:?}", command.cc()), code: code.to_string() });
        }
        Ok(answer)
    }

    pub(super) fn run<R: TpmUnmarshalBody>(&mut self, command: &impl TpmFrame, auth: &[TpmsAuthCommand]) -> Result<R> {
        let answer = self.exchange(command, auth)?;
        let parsed = TpmResponse::cast(&answer).and_then(TpmResponse::unmarshal);
        parsed.map_err(|e| Error::answer("the TPM", e))
    }

    /// Does something with what was loaded, and flushes it, whatever happened.
    pub(super) fn with<T>(
        &mut self,
        loaded: Loaded,
        use_it: impl FnOnce(&mut Tpm, TpmHandle) -> Result<T>,
    ) -> Result<T> {
        let result = use_it(self, loaded.handle);
        let flushed: Result<TpmFlushContextResponse> =
            self.run(&TpmFlushContextCommand { handles: [], flush_handle: loaded.handle }, &[]);
        // What went wrong first is what matters.
        result.and_then(|value| flushed.map(|_| value))
    }

    /// A primary key: the same one each time, as long as the hierarchy's seed is.
    pub(super) fn primary(&mut self, hierarchy: TpmRh, template: TpmtPublic) -> Result<(Loaded, TpmtPublic)> {
        let command = TpmCreatePrimaryCommand {
            handles: [handle(hierarchy)],
            in_public: Tpm2bPublic { inner: template },
            ..TpmCreatePrimaryCommand::default()
        };
        let made: TpmCreatePrimaryResponse = self.run(&command, &[password()])?;
        Ok((Loaded { handle: made.handles[0] }, made.out_public.inner))
    }

    /// An empty policy session.
    pub(super) fn policy_session(&mut self) -> Result<Loaded> {
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce).map_err(|_| Error::answer("the operating system", "gave no randomness"))?;
        let command = TpmStartAuthSessionCommand {
            handles: [handle(TpmRh::Null); 2],
            nonce_caller: sized(&nonce)?,
            encrypted_salt: Default::default(),
            session_type: TpmSe::Policy,
            symmetric: Default::default(),
            auth_hash: TpmAlgId::Sha256,
        };
        let started: TpmStartAuthSessionResponse = self.run(&command, &[])?;
        Ok(Loaded { handle: started.handles[0] })
    }

    /// `TPM2_PolicySecret` with the password of the endorsement hierarchy: what endorsement keys ask for.
    pub(super) fn policy_endorsement(&mut self, session: TpmHandle) -> Result<()> {
        let command = TpmPolicySecretCommand {
            handles: [handle(TpmRh::Endorsement), session],
            nonce_tpm: Default::default(),
            cp_hash_a: Default::default(),
            policy_ref: Default::default(),
            expiration: Default::default(),
        };
        self.run::<TpmPolicySecretResponse>(&command, &[password()]).map(drop)
    }
}
