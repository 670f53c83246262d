//! Platform configuration registers of the SHA-256 bank: reading, and extending by what is measured.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};
use tpm2_protocol::basic::TpmHandle;
use tpm2_protocol::data::{
    TpmAlgId, TpmlDigestValues, TpmlPcrSelection, TpmsPcrSelect, TpmsPcrSelection, TpmtHa, TpmuHa,
};
use tpm2_protocol::frame::{TpmPcrExtendCommand, TpmPcrExtendResponse, TpmPcrReadCommand, TpmPcrReadResponse};

use super::client::{Tpm, password, sized};
use crate::error::{Error, Result};

/// Registers of a TPM (PC Client PTP, section 4.6).
const COUNT: u32 = 24;

/// The value of a register after a reset, as far as we measure: registers 17 to 22 start otherwise.
const RESET: [u8; 32] = [0; 32];

/// Values of registers, by their index.
pub type Registers = BTreeMap<u32, [u8; 32]>;

/// The selection of some registers in the SHA-256 bank.
pub(super) fn selection(registers: &[u32]) -> Result<TpmlPcrSelection> {
    let mut bitmap = [0u8; 3];
    for register in registers {
        let byte = bitmap.get_mut(*register as usize / 8).ok_or(Error::Misuse("registers go from 0 to 23"))?;
        *byte |= 1 << (register % 8);
    }
    let pcr_select = TpmsPcrSelect::try_from(&bitmap[..]).map_err(|e| Error::answer("a selection of registers", e))?;
    let mut list = TpmlPcrSelection::default();
    let one = TpmsPcrSelection { hash: TpmAlgId::Sha256, pcr_select };
    list.try_push(one).map_err(|e| Error::answer("a selection of registers", e))?;
    Ok(list)
}

/// The digest that quotes and policies take over values, in the order of their indices.
pub(super) fn digest_of(values: &Registers) -> [u8; 32] {
    let mut digest = Sha256::new();
    values.values().for_each(|value| digest.update(value));
    digest.finalize().into()
}

/// What a register has after these digests were extended into it, in this order, since the reset.
pub fn expected(digests: &[[u8; 32]]) -> [u8; 32] {
    digests
        .iter()
        .fold(RESET, |register, digest| Sha256::new().chain_update(register).chain_update(digest).finalize().into())
}

/// SHA-256 of a file: what is measured of a binary or a configuration.
///
/// # Errors
/// [`Error::Io`].
pub fn file_digest(path: &Path) -> Result<[u8; 32]> {
    let failed = |e| Error::io(path.display(), e);
    let mut file = File::open(path).map_err(failed)?;
    let (mut digest, mut part) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut part).map_err(failed)? {
            0 => return Ok(digest.finalize().into()),
            length => digest.update(&part[..length]),
        }
    }
}

impl Tpm {
    /// The values of registers of the SHA-256 bank.
    ///
    /// # Errors
    /// [`Error::Misuse`] for registers that no TPM has, [`Error::Refused`].
    pub fn registers(&mut self, registers: &[u32]) -> Result<Registers> {
        let mut values = Registers::new();
        // An answer holds eight digests.
        for some in registers.chunks(8) {
            let some: Vec<u32> = std::collections::BTreeSet::from_iter(some.iter().copied()).into_iter().collect();
            let command = TpmPcrReadCommand { handles: [], pcr_selection_in: selection(&some)? };
            let read: TpmPcrReadResponse = self.run(&command, &[])?;
            if read.pcr_values.len() != some.len() {
                return Err(Error::answer("the TPM", "not every register has a SHA-256 bank"));
            }
            for (index, value) in some.iter().zip(read.pcr_values.iter()) {
                let value: [u8; 32] =
                    value.as_ref().try_into().map_err(|_| Error::answer("the TPM", "a register of another length"))?;
                values.insert(*index, value);
            }
        }
        Ok(values)
    }

    /// Extends a register of the SHA-256 bank.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a register that no TPM has, [`Error::Refused`].
    pub fn extend(&mut self, register: u32, digest: &[u8; 32]) -> Result<()> {
        if register >= COUNT {
            return Err(Error::Misuse("registers go from 0 to 23"));
        }
        let mut digests = TpmlDigestValues::default();
        let one = TpmtHa { hash_alg: TpmAlgId::Sha256, digest: TpmuHa::Digest(sized(digest)?) };
        digests.try_push(one).map_err(|e| Error::answer("a digest", e))?;
        let command = TpmPcrExtendCommand { handles: [TpmHandle::new(register)], digests };
        self.run::<TpmPcrExtendResponse>(&command, &[password()]).map(drop)
    }

    /// Measures what is about to be started, once between two resets of the machine: later calls find it measured, and
    /// refuse if it is something else. Returns the register's value.
    ///
    /// This is only as honest as whoever calls it: who is in charge of the machine before can measure one thing and
    /// start another.
    ///
    /// # Errors
    /// [`Error::State`] if the register holds something else, so that the machine has to be restarted first.
    pub fn measure_once(&mut self, register: u32, digests: &[[u8; 32]]) -> Result<[u8; 32]> {
        let wanted = expected(digests);
        let read = |tpm: &mut Tpm| Ok::<_, Error>(tpm.registers(&[register])?.remove(&register).unwrap_or_default());
        if read(self)? == RESET {
            digests.iter().try_for_each(|digest| self.extend(register, digest))?;
        }
        let found = read(self)?;
        if found == wanted {
            return Ok(found);
        }
        let (found, wanted) = (hex::encode(found), hex::encode(wanted));
        Err(Error::State { changed: format!("register {register} is {found}, and should be {wanted}") })
    }
}
