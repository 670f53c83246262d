//! A worker's port with Flight behind it, and parties that talk to it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{Criteria, FlightData, FlightDescriptor, FlightInfo, Ticket};
use flight::{Bounds, Dataset, Deed, Event, Log, Memory, Refusal, Rules, Service, Way};
use futures::{StreamExt, TryStreamExt};
use net::{Acceptor, Credentials, Dialer, Identity, KeyPair};
use tables::{Reader, Table};
use tokio::net::TcpListener;
use tonic::Status;
use tonic::transport::Channel;

pub(crate) const WORKER: u8 = 0;
pub(crate) const ALICE: u8 = 1;
pub(crate) const BOB: u8 = 2;
pub(crate) const EVE: u8 = 3;

pub(crate) fn key(who: u8) -> KeyPair {
    KeyPair::from_seed(&[who + 1; 32])
}

/// Alice's `doses`, which Bob may download once it is approved, and her `weights`; and `mean`, a result that Bob alone may read.
#[derive(Default)]
pub(crate) struct Agreed {
    pub(crate) approved: AtomicBool,
    /// Whether it is too early to upload.
    pub(crate) early: AtomicBool,
    /// Whether there are `weights`.
    pub(crate) weighed: AtomicBool,
    /// Whether there is a `mean`.
    pub(crate) computed: AtomicBool,
    /// Who has asked too often.
    pub(crate) deaf_to: Mutex<Option<Identity>>,
}

impl Rules for Agreed {
    fn dataset(&self, name: &str) -> Option<Dataset> {
        self.datasets().into_iter().find(|dataset| dataset.name == name)
    }

    fn datasets(&self) -> Vec<Dataset> {
        let approved = self.approved.load(Ordering::SeqCst);
        let taken = !self.early.load(Ordering::SeqCst);
        let names = ["doses", "weights"].into_iter().take(1 + usize::from(self.weighed.load(Ordering::SeqCst)));
        let readers = BTreeSet::from([key(BOB).identity()]);
        let dataset = |name: &str| Dataset {
            name: name.into(),
            owner: Some(key(ALICE).identity()),
            readers: readers.clone(),
            taken,
            approved,
        };
        let mean = Dataset { owner: None, taken: false, approved: true, ..dataset("mean") };
        names.map(dataset).chain(self.computed.load(Ordering::SeqCst).then_some(mean)).collect()
    }

    fn check(&self, _: &str, table: &Table) -> Result<(), Refusal> {
        let columns = table.schema().fields().len();
        if columns <= 3 { Ok(()) } else { Err(Refusal::Unfit(format!("it has {columns} columns, and not at most 3"))) }
    }

    fn hears(&self, caller: &Identity) -> bool {
        self.deaf_to.lock().unwrap().as_ref() != Some(caller)
    }
}

#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) broken: AtomicBool,
}

impl Log for Notes {
    fn note(&self, event: &Event) -> bool {
        self.events.lock().unwrap().push(event.clone());
        !self.broken.load(Ordering::SeqCst)
    }
}

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) agreed: Arc<Agreed>,
    pub(crate) notes: Arc<Notes>,
    pub(crate) store: Arc<Memory>,
}

impl World {
    pub(crate) async fn start(bounds: Bounds) -> World {
        let (agreed, notes) = (Arc::new(Agreed::default()), Arc::new(Notes::default()));
        let store = Arc::new(Memory::default());
        let service = Service::new(agreed.clone(), store.clone(), notes.clone(), bounds);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let known: Vec<Identity> = [ALICE, BOB, EVE].map(|who| key(who).identity()).to_vec();
        let acceptor = Acceptor::new(Credentials::new(key(WORKER)).unwrap(), move |who| known.contains(who))
            .unwrap()
            .with_tables();
        let incoming = net::tls::listen(listener, acceptor, net::tls::Limits::default());
        tokio::spawn(flight::serve(incoming.tables, service));
        World { address, agreed, notes, store }
    }

    pub(crate) fn way(&self, who: u8) -> Way {
        let dialer = Dialer::new(Credentials::new(key(who)).unwrap());
        Way::new(dialer, "worker", self.address.to_string(), key(WORKER).identity(), Arc::new(net::mesh::Open))
    }

    pub(crate) fn client(&self, who: u8) -> FlightServiceClient<Channel> {
        FlightServiceClient::new(self.way(who).channel())
    }

    /// What was noted last.
    pub(crate) fn last(&self) -> (Identity, Deed) {
        let events = self.notes.events.lock().unwrap();
        let event = events.last().unwrap();
        (event.caller, event.deed.clone())
    }
}

pub(crate) fn table(rows: usize) -> Table {
    let columns: [(&str, ArrayRef); 3] = [
        ("id", Arc::new((0..rows as i64).collect::<Int64Array>())),
        ("dose", Arc::new((0..rows).map(|i| (i % 5 != 0).then_some(i as f64 / 7.0)).collect::<Float64Array>())),
        ("site", Arc::new((0..rows).map(|i| Some(format!("site {}", i % 3))).collect::<StringArray>())),
    ];
    Table::try_from(RecordBatch::try_from_iter(columns).unwrap()).unwrap()
}

pub(crate) async fn messages(name: &str, table: &Table) -> Vec<FlightData> {
    let descriptor = FlightDescriptor::new_path(vec![name.into()]);
    let batches = futures::stream::iter(table.batches().to_vec()).map(Ok);
    let encoder = FlightDataEncoderBuilder::new().with_flight_descriptor(Some(descriptor));
    encoder.with_schema(table.schema().clone()).build(batches).try_collect().await.unwrap()
}

pub(crate) async fn put(client: &mut FlightServiceClient<Channel>, name: &str, table: &Table) -> Result<(), Status> {
    let messages = messages(name, table).await;
    client.do_put(futures::stream::iter(messages)).await?.into_inner().try_collect::<Vec<_>>().await.map(|_| ())
}

pub(crate) async fn get(client: &mut FlightServiceClient<Channel>, name: &str) -> Result<Table, Status> {
    let mut stream = client.do_get(Ticket::new(name.to_owned())).await?.into_inner();
    let mut reader = Reader::new(tables::Limits::default());
    while let Some(data) = stream.message().await? {
        reader.push(&data.data_header, data.data_body).unwrap();
    }
    Ok(reader.finish().unwrap())
}

/// The names of the flights that a caller sees.
pub(crate) async fn names(client: &mut FlightServiceClient<Channel>) -> Vec<String> {
    let flights = client.list_flights(Criteria::default()).await.unwrap().into_inner();
    let name = |info: FlightInfo| info.flight_descriptor.unwrap().path.concat();
    flights.map_ok(name).try_collect().await.unwrap()
}
