//! Where a TPM is: the device of the kernel, or the socket of a software TPM. Both take the same frames.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use tpm2_protocol::constant::TPM_MAX_COMMAND_SIZE;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Tag, size and code.
const HEADER: usize = 10;

pub(super) enum Channel {
    /// One write takes a command, one read gives its answer.
    Device(File),
    /// A stream: the size in an answer's header says where it ends.
    Socket(UnixStream),
}

impl Channel {
    pub(super) fn open(place: &Path) -> Result<Channel> {
        let absent = |_| Error::Absent { what: format!("a TPM at {}", place.display()) };
        let failed = |e| Error::io(place.display(), e);
        if std::fs::metadata(place).map_err(absent)?.file_type().is_socket() {
            return Ok(Channel::Socket(UnixStream::connect(place).map_err(failed)?));
        }
        Ok(Channel::Device(OpenOptions::new().read(true).write(true).open(place).map_err(failed)?))
    }

    /// Sends one frame, and returns the whole answer. Both can carry secrets.
    pub(super) fn transact(&mut self, frame: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let failed = |e| Error::io("the TPM", e);
        match self {
            Channel::Device(file) => {
                file.write_all(frame).map_err(failed)?;
                let mut answer = Zeroizing::new(vec![0; TPM_MAX_COMMAND_SIZE]);
                let length = file.read(&mut answer).map_err(failed)?;
                answer.truncate(length);
                Ok(answer)
            }
            Channel::Socket(stream) => {
                stream.write_all(frame).map_err(failed)?;
                let mut header = [0; HEADER];
                stream.read_exact(&mut header).map_err(failed)?;
                let size = u32::from_be_bytes([header[2], header[3], header[4], header[5]]) as usize;
                if !(HEADER..=TPM_MAX_COMMAND_SIZE).contains(&size) {
                    return Err(Error::answer("the TPM", format!("an answer of {size} bytes")));
                }
                let mut answer = Zeroizing::new(vec![0; size]);
                answer[..HEADER].copy_from_slice(&header);
                stream.read_exact(&mut answer[HEADER..]).map_err(failed)?;
                Ok(answer)
            }
        }
    }
}
