//! From frames to bytes.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Frame, Part};

pub(super) const KIND_HELLO: u8 = 1;
pub(super) const KIND_DATA: u8 = 2;
pub(super) const KIND_HEARTBEAT: u8 = 3;
pub(super) const KIND_ABORT: u8 = 4;
pub(super) const KIND_GOODBYE: u8 = 5;
pub(super) const MAGIC: &[u8; 8] = b"privity\0";
pub(super) const WHOLE: u8 = 0;
pub(super) const PIECE: u8 = 1;

/// Payloads from this size on are written from where they are instead of being copied.
const BORROW: usize = 16 << 10;

/// An encoded frame in pieces, to be written one after the other: large payloads are not copied.
pub type FrameBytes = Vec<Bytes>;

impl Frame {
    /// The frame's bytes on a stream, its length field included.
    pub fn encoded_len(&self) -> usize {
        4 + 1
            + match self {
                Frame::Hello(_) => MAGIC.len() + 4 + 16 + 4 + 32 + 32 + 8,
                Frame::Data { parts, .. } => 12 + parts.iter().map(part_len).sum::<usize>(),
                Frame::Heartbeat { .. } => 16,
                Frame::Goodbye { .. } => 8,
                Frame::Abort(abort) => 1 + abort.code.len() + 1 + if abort.culprit.is_some() { 2 } else { 0 },
            }
    }
}

pub(crate) fn part_len(part: &Part) -> usize {
    16 + 4 + 4 + 1 + 4 + if part.is_whole() { 0 } else { 16 } + part.payload.len()
}

/// Appends the frame as it stands on a stream, its length field included.
pub fn encode_frame(frame: &Frame, out: &mut BytesMut) {
    let mut pieces = Vec::new();
    encode_into(frame, out, &mut pieces, usize::MAX);
}

/// Encodes frames for one write; `out` collects pieces in order.
pub(crate) fn encode_frames(frames: &[Frame]) -> FrameBytes {
    let mut pieces = Vec::new();
    let mut buffer = BytesMut::new();
    for frame in frames {
        encode_into(frame, &mut buffer, &mut pieces, BORROW);
    }
    if !buffer.is_empty() {
        pieces.push(buffer.freeze());
    }
    pieces
}

fn encode_into(frame: &Frame, out: &mut BytesMut, pieces: &mut FrameBytes, borrow: usize) {
    // A length beyond u32 cannot arise: writers cut payloads to CHUNK and pack frames to MAX_FRAME.
    out.put_u32((frame.encoded_len() - 4) as u32);
    match frame {
        Frame::Hello(hello) => {
            out.put_u8(KIND_HELLO);
            out.put_slice(MAGIC);
            out.put_u16(hello.versions.0);
            out.put_u16(hello.versions.1);
            out.put_slice(&hello.session);
            out.put_u16(hello.from.0);
            out.put_u16(hello.to.0);
            out.put_slice(&hello.agreement);
            out.put_slice(&hello.plan);
            out.put_u64(hello.received);
        }
        Frame::Data { number, parts } => {
            out.put_u8(KIND_DATA);
            out.put_u64(*number);
            out.put_u32(parts.len() as u32);
            for part in parts {
                encode_part(part, out, pieces, borrow);
            }
        }
        Frame::Heartbeat { received, taken } => {
            out.put_u8(KIND_HEARTBEAT);
            out.put_u64(*received);
            out.put_u64(*taken);
        }
        Frame::Abort(abort) => {
            out.put_u8(KIND_ABORT);
            out.put_u8(abort.code.len() as u8);
            out.put_slice(abort.code.as_bytes());
            out.put_u8(u8::from(abort.culprit.is_some()));
            if let Some(culprit) = abort.culprit {
                out.put_u16(culprit.0);
            }
        }
        Frame::Goodbye { number } => {
            out.put_u8(KIND_GOODBYE);
            out.put_u64(*number);
        }
    }
}

fn encode_part(part: &Part, out: &mut BytesMut, pieces: &mut FrameBytes, borrow: usize) {
    out.put_slice(&part.step.scope.0);
    out.put_u32(part.step.index);
    out.put_u32(part.depth);
    if part.is_whole() {
        out.put_u8(WHOLE);
    } else {
        out.put_u8(PIECE);
        out.put_u64(part.total);
        out.put_u64(part.offset);
    }
    out.put_u32(part.payload.len() as u32);
    if part.payload.len() < borrow {
        out.put_slice(&part.payload);
    } else {
        pieces.push(out.split().freeze());
        pieces.push(part.payload.clone());
    }
}
