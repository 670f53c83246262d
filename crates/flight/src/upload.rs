//! Reading an upload, message by message.

use std::time::Duration;

use arrow_flight::FlightData;
use futures::{Stream, StreamExt};
use tables::{Limits, Reader, Table};
use tokio::time::{Instant, timeout_at};
use tonic::Status;

use crate::error::Refusal;
use crate::room::Part;
use crate::service::Bounds;

/// A time that no upload takes: a clock may not reach further.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// An upload whose first message, with the descriptor and the schema, has come.
pub(crate) struct Upload<S> {
    first: FlightData,
    rest: Messages<S>,
}

/// Messages of an upload, none of which may take too long, nor all of them together.
struct Messages<S> {
    stream: S,
    patience: Duration,
    duration: Duration,
    end: Instant,
}

impl<S: Stream<Item = Result<FlightData, Status>> + Unpin> Upload<S> {
    /// Waits for the first message.
    pub(crate) async fn begin(stream: S, bounds: Bounds) -> Result<Upload<S>, Refusal> {
        let Bounds { patience, duration, .. } = bounds;
        let mut rest = Messages { stream, patience, duration, end: Instant::now() + duration.min(YEAR) };
        let first = rest.next().await?.ok_or(Refusal::Call("an upload begins with a descriptor"))?;
        Ok(Upload { first, rest })
    }

    /// The dataset that it is of.
    pub(crate) fn name(&self) -> Result<&str, Refusal> {
        let descriptor = self.first.flight_descriptor.as_ref();
        crate::convert::named(descriptor.ok_or(Refusal::Call("an upload begins with a descriptor"))?)
    }

    /// Reads the table, into a part of the room for tables.
    pub(crate) async fn read(mut self, limits: Limits, part: &mut Part) -> Result<Table, Refusal> {
        let mut reader = Reader::new(limits);
        let mut message = Some(self.first);
        while let Some(data) = message {
            // Clients may send metadata of their own between batches; there is nothing here that would read it.
            if !data.data_header.is_empty() {
                part.grow(data.data_header.len() + data.data_body.len())?;
                reader.push(&data.data_header, data.data_body)?;
            }
            message = self.rest.next().await?;
        }
        Ok(reader.finish()?)
    }
}

impl<S: Stream<Item = Result<FlightData, Status>> + Unpin> Messages<S> {
    async fn next(&mut self) -> Result<Option<FlightData>, Refusal> {
        let silent = Instant::now() + self.patience;
        match timeout_at(silent.min(self.end), self.stream.next()).await {
            // Who always has one more message ready never waits for the timer.
            Ok(Some(_)) if Instant::now() >= self.end => Err(self.slow()),
            Ok(message) => message.transpose().map_err(|_| Refusal::Call("the upload was broken off")),
            Err(_) if silent < self.end => Err(Refusal::Silent),
            Err(_) => Err(self.slow()),
        }
    }

    fn slow(&self) -> Refusal {
        Refusal::Slow { seconds: self.duration.as_secs() }
    }
}
