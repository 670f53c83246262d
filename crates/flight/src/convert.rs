//! Between Flight's messages and ours.

use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::{FlightData, FlightDescriptor, FlightEndpoint, FlightInfo, SchemaAsIpc, SchemaResult, Ticket};
use arrow_schema::Schema;
use futures::{Stream, StreamExt, TryStreamExt};
use tables::Table;
use tonic::Status;

use crate::error::Refusal;
use crate::rules::Dataset;

/// The longest name of a dataset, in bytes.
const LONGEST_NAME: usize = 256;

/// The dataset that a descriptor names.
pub(crate) fn named(descriptor: &FlightDescriptor) -> Result<&str, Refusal> {
    match descriptor.path.as_slice() {
        [name] if descriptor.cmd.is_empty() => Ok(name),
        _ => Err(Refusal::Call("a descriptor is a path of one part, the dataset's name")),
    }
}

/// The dataset that a ticket names.
pub(crate) fn ticket(ticket: &Ticket) -> Result<&str, Refusal> {
    std::str::from_utf8(&ticket.ticket).map_err(|_| Refusal::Call("a ticket is the dataset's name"))
}

/// A name from outside, made fit for the log.
pub(crate) fn shown(name: &str) -> String {
    name.escape_debug().take(LONGEST_NAME).collect()
}

/// A dataset as a flight; without a table, its columns are not known.
pub(crate) fn info(dataset: &Dataset, table: Option<&Table>) -> Result<FlightInfo, Refusal> {
    let descriptor = FlightDescriptor::new_path(vec![dataset.name.clone()]);
    let endpoint = FlightEndpoint::new().with_ticket(Ticket::new(dataset.name.clone()));
    let (empty, rows) = (Schema::empty(), table.map(|t| i64::try_from(t.rows()).unwrap_or(i64::MAX)));
    let columns = table.map_or(&empty, |table| table.schema());
    let info = FlightInfo::new().try_with_schema(columns).map_err(|_| Refusal::Worker("write the schema"))?;
    Ok(info
        .with_descriptor(descriptor)
        .with_endpoint(endpoint)
        .with_total_records(rows.unwrap_or(-1))
        .with_total_bytes(-1))
}

pub(crate) fn schema(table: &Table) -> Result<SchemaResult, Refusal> {
    let result = SchemaAsIpc::new(table.schema(), &Default::default()).try_into();
    result.map_err(|_| Refusal::Worker("write the schema"))
}

/// A table as Flight's messages, of about 2 MB each.
pub(crate) fn messages(table: &Table) -> impl Stream<Item = Result<FlightData, Status>> + Send + use<> {
    let batches = futures::stream::iter(table.batches().to_vec()).map(Ok);
    let messages = FlightDataEncoderBuilder::new().with_schema(table.schema().clone()).build(batches);
    messages.map_err(|_| Refusal::Worker("write the table").into())
}
