//! Flight's calls, answered by rules, store and log.

use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse,
    PollInfo, PutResult, SchemaResult, Ticket,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use net::Identity;
use tables::{Limits, Table};
use tokio::sync::{Mutex, Semaphore};
use tonic::codegen::http::Extensions;
use tonic::{Request, Response, Status, Streaming};

use crate::convert::{self, shown};
use crate::error::Refusal;
use crate::log::{Deed, Event, Log};
use crate::room::Room;
use crate::rules::{Dataset, Rules};
use crate::serve::Caller;
use crate::store::Store;
use crate::upload::Upload;

/// Bytes of one message at most: what a batch may have.
const LARGEST_MESSAGE: usize = 64 << 20;

/// The one action: whether a dataset was uploaded and is approved.
const STATUS: &str = "status";

/// What uploads may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How large a table may be.
    pub table: Limits,
    /// Bytes of all tables together, those that are kept and those on their way.
    pub total: usize,
    /// Uploads at once.
    pub uploads: usize,
    /// How long an upload may be silent.
    pub patience: Duration,
    /// How long an upload may take from its call to its last byte.
    pub duration: Duration,
}

impl Default for Bounds {
    /// Tables of [`Limits::default`], 1 GiB of them, four at once; half a minute of silence, a quarter of an hour in all.
    fn default() -> Bounds {
        let (patience, duration) = (Duration::from_secs(30), Duration::from_secs(900));
        Bounds { table: Limits::default(), total: 1 << 30, uploads: 4, patience, duration }
    }
}

/// A worker's Flight service.
#[derive(Clone)]
pub struct Service {
    rules: Arc<dyn Rules>,
    store: Arc<dyn Store>,
    log: Arc<dyn Log>,
    bounds: Bounds,
    uploads: Arc<Semaphore>,
    room: Arc<Room>,
    /// Tables are checked and kept one after the other: that takes copies of them, and the room left is then certain.
    keeping: Arc<Mutex<()>>,
    who: fn(&Extensions) -> Option<Identity>,
}

impl Service {
    /// A service over connections of [`serve`](crate::serve()).
    pub fn new(rules: Arc<dyn Rules>, store: Arc<dyn Store>, log: Arc<dyn Log>, bounds: Bounds) -> Service {
        let uploads = Arc::new(Semaphore::new(bounds.uploads));
        let room = Arc::new(Room::new(bounds.total));
        let who = |extensions: &Extensions| extensions.get::<Caller>().map(|caller| caller.0);
        Service { rules, store, log, bounds, uploads, room, keeping: Arc::default(), who }
    }

    /// The same over other connections: who called is found by `who`, which must give what a handshake proved.
    #[must_use]
    pub fn asking(self, who: fn(&Extensions) -> Option<Identity>) -> Service {
        Service { who, ..self }
    }

    /// As a server takes it.
    #[must_use]
    pub fn server(self) -> FlightServiceServer<Service> {
        FlightServiceServer::new(self).max_decoding_message_size(LARGEST_MESSAGE)
    }

    fn caller<T>(&self, request: &Request<T>) -> Result<Identity, Status> {
        let caller =
            (self.who)(request.extensions()).ok_or_else(|| Status::unauthenticated("nobody was authenticated"))?;
        if self.rules.hears(&caller) { Ok(caller) } else { Err(Refusal::Busy.into()) }
    }

    /// Does something that may wait for a disk, away from the connections' threads.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Service) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let service = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&service)).await;
        done.unwrap_or(Err(Refusal::Worker("finish the call")))
    }

    fn note(&self, caller: Identity, name: &str, deed: Deed) -> Result<(), Refusal> {
        let event = Event { caller, dataset: shown(name), deed };
        if self.log.note(&event) { Ok(()) } else { Err(Refusal::Worker("write its log")) }
    }

    fn dataset(&self, name: &str) -> Result<Dataset, Refusal> {
        self.rules.dataset(name).ok_or_else(|| Refusal::Unknown(name.to_owned()))
    }

    /// Whether this caller may upload this dataset now.
    fn may_upload(&self, caller: Identity, name: &str) -> Result<(), Refusal> {
        self.dataset(name)?.upload(&caller)?;
        if self.store.has(name)? { Err(Refusal::Again(name.to_owned())) } else { Ok(()) }
    }

    /// The table, for a caller that may have it.
    fn table(&self, caller: Identity, name: &str) -> Result<Table, Refusal> {
        self.dataset(name)?.download(&caller)?;
        self.store.get(name)?.ok_or_else(|| Refusal::Missing(name.to_owned()))
    }

    /// Writes a refused download down, before it is told.
    fn refusing<T>(&self, caller: Identity, name: &str, done: Result<T, Refusal>) -> Result<T, Refusal> {
        if let Err(refusal) = &done {
            self.note(caller, name, Deed::DownloadRefused(refusal.clone()))?;
        }
        done
    }

    async fn upload(&self, caller: Identity, upload: Upload<Streaming<FlightData>>) -> Result<(), Refusal> {
        let name = upload.name()?.to_owned();
        let asked = name.clone();
        let _place = Arc::clone(&self.uploads).try_acquire_owned().map_err(|_| Refusal::Busy)?;
        // Asked before its bytes are read, and the rules again after, since they may have changed.
        let kept = self.apart(move |service| {
            service.may_upload(caller, &asked)?;
            service.store.bytes().map_err(Refusal::from)
        });
        let mut part = Room::part(&self.room, kept.await?);
        let table = upload.read(self.bounds.table, &mut part).await?;
        let alone = Arc::clone(&self.keeping).lock_owned().await;
        self.apart(move |service| {
            let _alone = alone;
            service.may_upload(caller, &name)?;
            part.fits(service.store.bytes()?)?;
            service.rules.check(&name, &table)?;
            service.note(caller, &name, Deed::Uploaded { rows: table.rows() })?;
            if service.store.keep(&name, table)? { Ok(()) } else { Err(Refusal::Again(name)) }
        })
        .await
    }

    /// What is told about a dataset to those whom it concerns.
    fn about(&self, caller: Identity, name: &str) -> Result<Dataset, Refusal> {
        let dataset = self.dataset(name)?;
        if dataset.concerns(&caller) { Ok(dataset) } else { Err(Refusal::Unknown(name.to_owned())) }
    }

    /// A dataset's flight: its columns and rows only to those who may download it now.
    fn flight(&self, caller: Identity, dataset: &Dataset) -> Result<FlightInfo, Refusal> {
        let table = dataset.download(&caller).map(|()| self.store.get(&dataset.name));
        convert::info(dataset, table.ok().transpose()?.flatten().as_ref())
    }
}

type Answers<T> = BoxStream<'static, Result<T, Status>>;

fn answers<T: Send + 'static>(all: Vec<T>) -> Response<Answers<T>> {
    Response::new(futures::stream::iter(all).map(Ok).boxed())
}

#[tonic::async_trait]
impl FlightService for Service {
    type HandshakeStream = Answers<HandshakeResponse>;
    type ListFlightsStream = Answers<FlightInfo>;
    type DoGetStream = Answers<FlightData>;
    type DoPutStream = Answers<PutResult>;
    type DoActionStream = Answers<arrow_flight::Result>;
    type ListActionsStream = Answers<ActionType>;
    type DoExchangeStream = Answers<FlightData>;

    async fn do_put(&self, request: Request<Streaming<FlightData>>) -> Result<Response<Self::DoPutStream>, Status> {
        let caller = self.caller(&request)?;
        let upload = Upload::begin(request.into_inner(), self.bounds).await?;
        let name = upload.name().unwrap_or_default().to_owned();
        if let Err(refusal) = self.upload(caller, upload).await {
            let deed = Deed::UploadRefused(refusal.clone());
            self.apart(move |service| service.note(caller, &name, deed)).await?;
            return Err(refusal.into());
        }
        Ok(answers(vec![PutResult::default()]))
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        let caller = self.caller(&request)?;
        let name = convert::ticket(request.get_ref())?.to_owned();
        let taken = self.apart(move |service| {
            let table = service.refusing(caller, &name, service.table(caller, &name))?;
            service.note(caller, &name, Deed::Downloaded { rows: table.rows() })?;
            Ok(table)
        });
        Ok(Response::new(convert::messages(&taken.await?).boxed()))
    }

    async fn list_flights(&self, request: Request<Criteria>) -> Result<Response<Self::ListFlightsStream>, Status> {
        let caller = self.caller(&request)?;
        let flights = self.apart(move |service| {
            let concerned = service.rules.datasets().into_iter().filter(|dataset| dataset.concerns(&caller));
            concerned.map(|dataset| service.flight(caller, &dataset)).collect::<Result<Vec<_>, _>>()
        });
        Ok(answers(flights.await?))
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<FlightInfo>, Status> {
        let caller = self.caller(&request)?;
        let name = convert::named(request.get_ref())?.to_owned();
        let told = self.apart(move |service| {
            let dataset = service.refusing(caller, &name, service.about(caller, &name))?;
            service.flight(caller, &dataset)
        });
        Ok(Response::new(told.await?))
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        let caller = self.caller(&request)?;
        let name = convert::named(request.get_ref())?.to_owned();
        let told = self
            .apart(move |service| convert::schema(&service.refusing(caller, &name, service.table(caller, &name))?));
        Ok(Response::new(told.await?))
    }

    async fn do_action(&self, request: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        let caller = self.caller(&request)?;
        let action = request.into_inner();
        let name = match String::from_utf8(action.body.to_vec()) {
            Ok(name) if action.r#type == STATUS => name,
            _ => return Err(Refusal::Call("the one action is `status`, of a dataset's name").into()),
        };
        let told = self.apart(move |service| {
            let dataset = service.refusing(caller, &name, service.about(caller, &name))?;
            let uploaded = service.store.has(&name)?;
            Ok((dataset, uploaded))
        });
        let (dataset, uploaded) = told.await?;
        let status = format!("{{\"uploaded\":{uploaded},\"approved\":{}}}", dataset.approved);
        Ok(answers(vec![arrow_flight::Result::new(status)]))
    }

    async fn list_actions(&self, request: Request<Empty>) -> Result<Response<Self::ListActionsStream>, Status> {
        self.caller(&request)?;
        let description = "whether the dataset that the body names was uploaded, and its download approved; in JSON";
        Ok(answers(vec![ActionType { r#type: STATUS.into(), description: description.into() }]))
    }

    async fn handshake(
        &self,
        _: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        Err(Status::unimplemented("who calls was proved by TLS already: there is no handshake"))
    }

    async fn poll_flight_info(&self, _: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        Err(Status::unimplemented("flights are there or not: there is nothing to poll"))
    }

    async fn do_exchange(&self, _: Request<Streaming<FlightData>>) -> Result<Response<Self::DoExchangeStream>, Status> {
        Err(Status::unimplemented("tables are uploaded and downloaded, not exchanged"))
    }
}
