//! From bytes to frames, strictly.

use bytes::Bytes;

use super::encode::{KIND_ABORT, KIND_DATA, KIND_GOODBYE, KIND_HEARTBEAT, KIND_HELLO, MAGIC, PIECE, WHOLE, part_len};
use super::{Abort, Frame, FrameError, Hello, MAX_CODE, MAX_FRAME, Part, VERSIONS, is_code_char};
use crate::player::PlayerId;
use crate::step::{Scope, Step};

/// The fewest bytes that a part can have.
const SMALLEST_PART: usize = 29;

/// Payloads from this size on may share the buffer of their frame.
const WORTH_SHARING: usize = 32 << 10;

/// Reads one frame, given without its length field. Copies the payloads.
pub fn decode_frame(bytes: &[u8]) -> Result<Frame, FrameError> {
    decode_shared(&Bytes::copy_from_slice(bytes))
}

/// Reads one frame, given without its length field. Large payloads share the given buffer.
pub(crate) fn decode_shared(bytes: &Bytes) -> Result<Frame, FrameError> {
    if bytes.len() > MAX_FRAME {
        return Err(FrameError::TooLarge(bytes.len()));
    }
    let mut reader = Reader { bytes, at: 0 };
    let frame = match reader.u8()? {
        KIND_HELLO => Frame::Hello(hello(&mut reader)?),
        KIND_DATA => Frame::Data { number: reader.u64()?, parts: parts(&mut reader)? },
        KIND_HEARTBEAT => Frame::Heartbeat { received: reader.u64()?, taken: reader.u64()? },
        KIND_ABORT => Frame::Abort(abort(&mut reader)?),
        KIND_GOODBYE => Frame::Goodbye { number: reader.u64()? },
        kind => return Err(FrameError::Kind(kind)),
    };
    match bytes.len() - reader.at {
        0 => Ok(frame),
        rest => Err(FrameError::LeftOver(rest)),
    }
}

fn hello(reader: &mut Reader<'_>) -> Result<Hello, FrameError> {
    if reader.array::<8>()? != *MAGIC {
        return Err(FrameError::Magic);
    }
    let versions = (reader.u16()?, reader.u16()?);
    if versions.0 > versions.1 {
        return Err(FrameError::Field("version range"));
    }
    // What follows belongs to a version: of another one we can say no more than that.
    if versions.1 < VERSIONS.0 || versions.0 > VERSIONS.1 {
        return Err(FrameError::Version(versions.0, versions.1));
    }
    Ok(Hello {
        versions,
        session: reader.array()?,
        from: PlayerId(reader.u16()?),
        to: PlayerId(reader.u16()?),
        agreement: reader.array()?,
        plan: reader.array()?,
        received: reader.u64()?,
    })
}

fn parts(reader: &mut Reader<'_>) -> Result<Vec<Part>, FrameError> {
    let count = reader.u32()? as usize;
    // Before anything is reserved for them, the parts must fit into what is there.
    if count == 0 || count > reader.rest() / SMALLEST_PART {
        return Err(FrameError::Field("count of parts"));
    }
    (0..count).map(|_| part(reader)).collect()
}

fn part(reader: &mut Reader<'_>) -> Result<Part, FrameError> {
    let start = reader.at;
    let step = Step { scope: Scope(reader.array()?), index: reader.u32()? };
    let depth = reader.u32()?;
    let piece = match reader.u8()? {
        WHOLE => None,
        PIECE => Some((reader.u64()?, reader.u64()?)),
        _ => return Err(FrameError::Field("form of part")),
    };
    let length = reader.u32()? as usize;
    let payload = reader.payload(length)?;
    let (total, offset) = piece.unwrap_or((length as u64, 0));
    let fits = offset.checked_add(length as u64).is_some_and(|end| end <= total);
    let part = Part { step, depth, total, offset, payload };
    if !fits || (piece.is_some() && (length == 0 || part.is_whole())) {
        return Err(FrameError::Field("extent of part"));
    }
    debug_assert_eq!(reader.at - start, part_len(&part));
    Ok(part)
}

fn abort(reader: &mut Reader<'_>) -> Result<Abort, FrameError> {
    let length = usize::from(reader.u8()?);
    if length == 0 || length > MAX_CODE {
        return Err(FrameError::Field("length of code"));
    }
    let code = std::str::from_utf8(reader.slice(length)?).map_err(|_| FrameError::Field("code"))?;
    if !code.chars().all(is_code_char) {
        return Err(FrameError::Field("code"));
    }
    let culprit = match reader.u8()? {
        0 => None,
        1 => Some(PlayerId(reader.u16()?)),
        _ => return Err(FrameError::Field("culprit")),
    };
    Ok(Abort { code: code.to_owned(), culprit })
}

struct Reader<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn slice(&mut self, length: usize) -> Result<&'a [u8], FrameError> {
        if length > self.rest() {
            return Err(FrameError::Short);
        }
        let slice = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(slice)
    }

    fn payload(&mut self, length: usize) -> Result<Bytes, FrameError> {
        let start = self.at;
        let payload = self.slice(length)?;
        // A small payload must not keep a large frame in memory for as long as it waits.
        if length >= WORTH_SHARING && length >= self.bytes.len() / 2 {
            Ok(self.bytes.slice(start..start + length))
        } else {
            Ok(Bytes::copy_from_slice(payload))
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let mut out = [0; N];
        out.copy_from_slice(self.slice(N)?);
        Ok(out)
    }

    fn u8(&mut self) -> Result<u8, FrameError> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, FrameError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, FrameError> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, FrameError> {
        self.array().map(u64::from_be_bytes)
    }
}
