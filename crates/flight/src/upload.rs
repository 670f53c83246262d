//! Reading an upload, message by message.

use std::time::Duration;

use arrow_flight::FlightData;
use futures::{Stream, StreamExt};
use tables::{Limits, Reader, Table};
use tokio::time::timeout;
use tonic::Status;

use crate::error::Refusal;

/// An upload whose first message, with the descriptor and the schema, has come.
pub(crate) struct Upload<S> {
    first: FlightData,
    rest: S,
    patience: Duration,
}

impl<S: Stream<Item = Result<FlightData, Status>> + Unpin> Upload<S> {
    /// Waits for the first message.
    pub(crate) async fn begin(mut rest: S, patience: Duration) -> Result<Upload<S>, Refusal> {
        let first = next(&mut rest, patience).await?;
        Ok(Upload { first: first.ok_or(Refusal::Call("an upload begins with a descriptor"))?, rest, patience })
    }

    /// The dataset that it is of.
    pub(crate) fn name(&self) -> Result<&str, Refusal> {
        let descriptor = self.first.flight_descriptor.as_ref();
        crate::convert::named(descriptor.ok_or(Refusal::Call("an upload begins with a descriptor"))?)
    }

    /// Reads the table.
    pub(crate) async fn read(mut self, limits: Limits) -> Result<Table, Refusal> {
        let mut reader = Reader::new(limits);
        let mut message = Some(self.first);
        while let Some(data) = message {
            // Clients may send metadata of their own between batches; there is nothing here that would read it.
            if !data.data_header.is_empty() {
                reader.push(&data.data_header, data.data_body)?;
            }
            message = next(&mut self.rest, self.patience).await?;
        }
        Ok(reader.finish()?)
    }
}

async fn next<S>(stream: &mut S, patience: Duration) -> Result<Option<FlightData>, Refusal>
where
    S: Stream<Item = Result<FlightData, Status>> + Unpin,
{
    match timeout(patience, stream.next()).await {
        Ok(message) => message.transpose().map_err(|_| Refusal::Call("the upload was broken off")),
        Err(_) => Err(Refusal::Silent),
    }
}
