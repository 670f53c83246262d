//! A message held against its own metadata, before Arrow decodes it.
//!
//! Source: Arrow columnar format 1.5, "Serialization and Interprocess Communication", and `Message.fbs`,
//! `Schema.fbs`. Arrow's reader asserts what is returned as an error here.

use arrow_ipc::{Endianness, Message, MessageHeader, MetadataVersion, Precision, RecordBatch, Type};
use arrow_schema::Schema;

use crate::column;

/// What is wrong with a message.
type Wrong = &'static str;

/// A message's metadata, verified as a flat buffer.
pub(crate) fn parse(metadata: &[u8]) -> Result<Message<'_>, Wrong> {
    let message = arrow_ipc::root_as_message(metadata).map_err(|_| "its metadata is no flat buffer")?;
    if message.version() != MetadataVersion::V5 && message.version() != MetadataVersion::V4 {
        return Err("it is of a version other than 4 and 5");
    }
    Ok(message)
}

/// The schema that a message holds. Types that the reader would stop the program on are refused here; others that
/// are not taken, by [`column::check`].
pub(crate) fn schema(message: &Message<'_>) -> Result<Schema, Wrong> {
    let schema = message.header_as_schema().ok_or("it is not the schema, which comes first")?;
    if message.bodyLength() != 0 {
        return Err("a schema has no body");
    }
    if schema.endianness() != Endianness::Little {
        return Err("its numbers are big-endian");
    }
    for field in schema.fields().ok_or("it has no fields")? {
        readable(&field)?;
    }
    Ok(arrow_ipc::convert::fb_to_schema(schema))
}

/// Whether Arrow turns a field into a type at all.
fn readable(field: &arrow_ipc::Field<'_>) -> Result<(), Wrong> {
    if field.dictionary().is_some() {
        return Err("it has a column encoded by a dictionary");
    }
    if field.children().is_some_and(|c| !c.is_empty()) {
        return Err("it has a nested column");
    }
    let known = match field.type_type() {
        Type::Bool | Type::Utf8 | Type::LargeUtf8 | Type::Binary | Type::LargeBinary => true,
        Type::Int => field.type_as_int().is_some_and(|int| matches!(int.bitWidth(), 8 | 16 | 32 | 64)),
        Type::FloatingPoint => field
            .type_as_floating_point()
            .is_some_and(|float| matches!(float.precision(), Precision::SINGLE | Precision::DOUBLE)),
        Type::Date => field.type_as_date().is_some_and(|date| date.unit().variant_name().is_some()),
        Type::Timestamp => field.type_as_timestamp().is_some_and(|time| time.unit().variant_name().is_some()),
        _ => false,
    };
    if known { Ok(()) } else { Err("it has a column of a type that is not taken") }
}

/// The batch that a message holds, if its lengths fit the schema and its body.
pub(crate) fn batch<'a>(message: &Message<'a>, schema: &Schema, body: usize) -> Result<RecordBatch<'a>, Wrong> {
    if message.header_type() == MessageHeader::DictionaryBatch {
        return Err("it is a dictionary");
    }
    let batch = message.header_as_record_batch().ok_or("it is no batch")?;
    if batch.compression().is_some() {
        return Err("it is compressed");
    }
    if batch.variadicBufferCounts().is_some_and(|counts| !counts.is_empty()) {
        return Err("it has views");
    }
    let rows = usize::try_from(batch.length()).map_err(|_| "it has a negative number of rows")?;
    let nodes = batch.nodes().ok_or("it has no columns")?;
    if nodes.len() != schema.fields().len() {
        return Err("it has another number of columns than the schema");
    }
    let mut buffers = batch.buffers().ok_or("it has no buffers")?.iter();
    for (node, field) in nodes.iter().zip(schema.fields()) {
        let nulls = usize::try_from(node.null_count()).map_err(|_| "a column has a negative number of nulls")?;
        if usize::try_from(node.length()) != Ok(rows) || nulls > rows {
            return Err("a column has another number of rows than the batch");
        }
        for place in 0..column::buffers(field.data_type()).unwrap_or_default() {
            let buffer = buffers.next().ok_or("it has fewer buffers than its columns need")?;
            let length = within(buffer, body).ok_or("a buffer lies outside of its body")?;
            // The second says where values begin; a table without rows may leave it out.
            let width = column::offset_width(field.data_type()).filter(|_| place == 1);
            if width.is_some_and(|width| !length.is_multiple_of(width) || (rows > 0 && length / width <= rows)) {
                return Err("a column does not say of all its values where they begin");
            }
            // The first says which values are there.
            if place == 0 && nulls > 0 && length < rows.div_ceil(8) {
                return Err("a column does not say of all its rows whether they have a value");
            }
        }
    }
    if buffers.next().is_some() {
        return Err("it has more buffers than its columns need");
    }
    Ok(batch)
}

/// The length of a buffer, if it lies within the body.
fn within(buffer: &arrow_ipc::Buffer, body: usize) -> Option<usize> {
    let (start, length) = (usize::try_from(buffer.offset()).ok()?, usize::try_from(buffer.length()).ok()?);
    (start.checked_add(length)? <= body).then_some(length)
}
