//! Frames of `privity/1`: what two workers say to each other, and its binary form.
//!
//! A frame on a stream is `length: u32` (of what follows), `kind: u8`, body. Integers are big-endian.
//!
//! | kind | frame | body |
//! |---|---|---|
//! | 1 | hello | magic `privity\0`, lowest and highest version `u16`, session 16, from `u16`, to `u16`, agreement 32, plan 32, received `u64` |
//! | 2 | data | number `u64`, count `u32`, then per part: scope 16, index `u32`, depth `u32`, form `u8`, (form 1: total `u64`, offset `u64`), length `u32`, payload |
//! | 3 | heartbeat | received `u64`, taken `u64` |
//! | 4 | abort | code (`u8` length, ASCII), culprit `u8` flag (1: `u16`) |
//! | 5 | goodbye | number `u64` |
//!
//! Data and goodbye frames are numbered from 0 in each direction. `received` in hellos and heartbeats
//! is the number of the next frame expected: it acknowledges all before. `taken` counts the bytes of
//! messages that the computation has taken so far: what arrived beyond them waits in memory. Decoding is
//! strict: every value has one encoding, left-over bytes are an error, and nothing from outside panics.

mod decode;
mod encode;

use bytes::Bytes;

use crate::player::PlayerId;
use crate::step::Step;

pub use decode::decode_frame;
pub(crate) use decode::decode_shared;
pub use encode::{FrameBytes, encode_frame};
pub(crate) use encode::{encode_frames, part_len};

/// The lowest and highest version of the protocol that this build speaks.
pub const VERSIONS: (u16, u16) = (1, 1);

/// The most bytes a frame may have on a stream, its length field apart.
pub const MAX_FRAME: usize = 4 << 20;

/// The most bytes of an abort's code.
pub const MAX_CODE: usize = 64;

/// The unit of conversation between two workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Opens a connection, in both directions.
    Hello(Hello),
    /// Messages, or pieces of them.
    Data {
        /// The frame's number in its direction.
        number: u64,
        /// What it carries.
        parts: Vec<Part>,
    },
    /// "I am here, have all frames before `received`, and my computation has taken this much of what they carried."
    Heartbeat {
        /// The number of the next frame expected.
        received: u64,
        /// Bytes of the messages taken so far.
        taken: u64,
    },
    /// Ends the session for everyone.
    Abort(Abort),
    /// "You have everything from me." The last numbered frame.
    Goodbye {
        /// The frame's number in its direction.
        number: u64,
    },
}

impl Frame {
    /// The frame's number, if frames of its kind have one.
    pub fn number(&self) -> Option<u64> {
        match self {
            Frame::Data { number, .. } | Frame::Goodbye { number } => Some(*number),
            Frame::Hello(_) | Frame::Heartbeat { .. } | Frame::Abort(_) => None,
        }
    }
}

/// What each end says first on a connection: who it believes talks to whom, about what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Lowest and highest version of the protocol spoken.
    pub versions: (u16, u16),
    /// The session.
    pub session: [u8; 16],
    /// The player speaking.
    pub from: PlayerId,
    /// The player spoken to.
    pub to: PlayerId,
    /// Digest of the agreement that the session runs.
    pub agreement: [u8; 32],
    /// Digest of the plans of all players, which every worker projects for itself.
    pub plan: [u8; 32],
    /// The number of the next frame expected: 0, unless the connection resumes a broken one.
    pub received: u64,
}

/// A message, or a piece of one that was too large for a frame.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// The message's address.
    pub step: Step,
    /// The message's causal depth.
    pub depth: u32,
    /// The bytes of the whole message.
    pub total: u64,
    /// Where in the message this piece begins.
    pub offset: u64,
    /// The piece.
    pub payload: Bytes,
}

impl Part {
    /// Whether this is all of the message.
    pub fn is_whole(&self) -> bool {
        self.offset == 0 && self.payload.len() as u64 == self.total
    }

    /// Whether the message ends with this piece.
    pub fn is_last(&self) -> bool {
        self.offset + self.payload.len() as u64 == self.total
    }
}

/// Payloads are secret: only their sizes are shown.
impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = self.offset + self.payload.len() as u64;
        write!(f, "Part({} depth {} bytes {}..{end} of {})", self.step, self.depth, self.offset, self.total)
    }
}

/// The end of a session for everyone, with a reason that has no secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abort {
    /// The stable code of the error: letters, digits, `.`, `-`, `_`; at most [`MAX_CODE`].
    pub code: String,
    /// The player that caused it, if another than the sender.
    pub culprit: Option<PlayerId>,
}

impl Abort {
    /// An abort whose code is made to fit: what a code may not contain is dropped.
    pub fn new(code: &str, culprit: Option<PlayerId>) -> Abort {
        let mut code: String = code.chars().filter(|c| is_code_char(*c)).take(MAX_CODE).collect();
        if code.is_empty() {
            code.push_str("unknown");
        }
        Abort { code, culprit }
    }
}

fn is_code_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// Why bytes are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Fewer bytes than the frame says it has.
    #[error("it ends too early")]
    Short,
    /// More bytes than the frame needs.
    #[error("{0} bytes are left over")]
    LeftOver(usize),
    /// More bytes than a frame may have.
    #[error("{0} bytes are more than a frame may have")]
    TooLarge(usize),
    /// No such kind of frame.
    #[error("kind {0} is unknown")]
    Kind(u8),
    /// A hello without the protocol's mark.
    #[error("it does not speak privity/1")]
    Magic,
    /// A hello of versions that we do not speak.
    #[error("it speaks versions {0} to {1}, we speak {min} to {max}", min = VERSIONS.0, max = VERSIONS.1)]
    Version(u16, u16),
    /// A field has a value that it may not have.
    #[error("its {0} is out of range")]
    Field(&'static str),
}
