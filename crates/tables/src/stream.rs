//! Tables as Arrow IPC streams: each message with its length before it, then an end mark.

use arrow_buffer::Buffer;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;

use crate::error::{Place, TableError};
use crate::message;
use crate::reader::{Limits, Reader};
use crate::table::Table;

/// Stands before each length since version 0.15 of the format.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// Reads a whole stream. Bytes after its end mark are refused, as is a stream that ends without one.
///
/// # Errors
/// [`TableError`].
pub fn read(bytes: Vec<u8>, limits: Limits) -> Result<Table, TableError> {
    if bytes.len() > limits.bytes {
        return Err(TableError::TooLarge { most: limits.bytes, unit: "bytes" });
    }
    let bytes = Buffer::from_vec(bytes);
    let (mut reader, mut at, mut messages) = (Reader::new(limits), 0, 0usize);
    loop {
        let place = messages.checked_sub(1).map_or(Place::Schema, Place::Batch);
        let malformed = |what| TableError::Malformed { place, what };
        let mut take = |length: usize| {
            let end = at + length;
            let part = (length <= bytes.len() - at).then(|| bytes.slice_with_length(at, length));
            at = end.min(bytes.len());
            part.ok_or(malformed("the stream ends within it"))
        };
        if take(4)?.as_slice() != CONTINUATION {
            return Err(malformed("it does not begin as a message does"));
        }
        let length = take(4)?;
        let length = u32::from_le_bytes(length.as_slice().try_into().unwrap_or_default()) as usize;
        if length == 0 {
            break;
        }
        let metadata = take(length)?;
        let body = message::parse(&metadata).map_err(malformed)?.bodyLength();
        let body = take(usize::try_from(body).map_err(|_| malformed("its body has a negative length"))?)?;
        reader.push(&metadata, body)?;
        messages += 1;
    }
    if at != bytes.len() {
        return Err(TableError::Malformed { place: Place::Batch(messages), what: "bytes follow the end" });
    }
    reader.finish()
}

/// A table as a stream.
///
/// # Errors
/// [`ArrowError`] where Arrow cannot write it; a [`Table`] has no such columns.
pub fn write(table: &Table) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), table.schema())?;
    for batch in table.batches() {
        writer.write(batch)?;
    }
    writer.into_inner()
}
