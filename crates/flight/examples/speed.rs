//! How fast a table is uploaded: over plain Flight, over a worker's pinned TLS, and through a proxy besides; and how long a connection
//! takes until its first call, with and without the proof of a machine (one that signs at once, so without what hardware
//! takes to sign).
//!
//!     cargo run --release -p privity-flight --example speed

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use arrow_flight::FlightDescriptor;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::flight_service_client::FlightServiceClient;
use flight::{Bounds, Dataset, Event, Log, Memory, Proxy, Refusal, Rules, Service, Token, WINDOW, Way};
use futures::{StreamExt, TryStreamExt};
use net::mesh::Open;
use net::tls::{Appraiser, Attester, Proofs};
use net::{Acceptor, Credentials, Dialer, Identity, KeyPair};
use tables::Table;
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Status};

/// Rows of a batch, batches, and columns of doubles.
const SHAPE: (usize, usize, usize) = (1 << 15, 32, 8);
/// How often each figure is measured; the median counts.
const TIMES: usize = 9;
const DIALS: usize = 101;

fn key(who: u8) -> KeyPair {
    KeyPair::from_seed(&[who; 32])
}

/// Everything may be uploaded by the one owner.
struct Anything;

impl Rules for Anything {
    fn dataset(&self, name: &str) -> Option<Dataset> {
        let owner = key(1).identity();
        Some(Dataset { name: name.into(), owner: Some(owner), readers: BTreeSet::new(), taken: true, approved: true })
    }

    fn datasets(&self) -> Vec<Dataset> {
        Vec::new()
    }

    fn check(&self, _: &str, _: &Table) -> Result<(), Refusal> {
        Ok(())
    }

    fn hears(&self, _: &Identity) -> bool {
        true
    }
}

impl Log for Anything {
    fn note(&self, _: &Event) -> bool {
        true
    }
}

/// A machine that signs at once.
struct Instantly;

impl Attester for Instantly {
    fn attest(&self, report_data: &[u8; 32]) -> Result<Vec<u8>, String> {
        Ok(key(9).sign("evidence", report_data).to_vec())
    }
}

impl Appraiser for Instantly {
    fn asks(&self, _: &Identity) -> bool {
        true
    }

    fn appraise(&self, _: &Identity, evidence: &[u8], report_data: &[u8; 32]) -> Result<Vec<u8>, String> {
        let signature = evidence.first_chunk::<64>().ok_or("too short")?;
        key(9).public().verify("evidence", report_data, signature).map_err(|e| e.to_string())?;
        Ok(Vec::new())
    }
}

fn service() -> Service {
    let bounds = Bounds::default();
    Service::new(Arc::new(Anything), Arc::new(Memory::default()), Arc::new(Anything), bounds)
}

/// A worker's port; with `proofs` its machine proves itself.
async fn port(proofs: Proofs) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = Acceptor::attested(Credentials::new(key(0)).unwrap(), |_| true, proofs).unwrap().with_tables();
    let incoming = net::tls::listen(listener, acceptor, net::tls::Limits::default());
    tokio::spawn(flight::serve(incoming.tables, service()));
    address
}

fn way(to: SocketAddr, proofs: Proofs) -> Way {
    let dialer = Dialer::attested(Credentials::new(key(1)).unwrap(), proofs);
    Way::new(dialer, "worker", to.to_string(), key(0).identity(), Arc::new(Open))
}

/// Flight without encryption or identities.
async fn plain() -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = futures::stream::unfold(listener, async |listener| {
        let accepted = listener.accept().await.and_then(|(stream, _)| stream.set_nodelay(true).map(|()| stream));
        Some((accepted, listener))
    });
    let server = service().asking(|_| Some(key(1).identity())).server();
    let mut builder = Server::builder().initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
    tokio::spawn(builder.add_service(server).serve_with_incoming(incoming.boxed()));
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

async fn proxied(way: Way) -> (Channel, Token) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let token = Token::generate().unwrap();
    tokio::spawn(Proxy::new(way).serve(listener, token.clone()));
    (Endpoint::from_shared(endpoint).unwrap().connect().await.unwrap(), token)
}

fn table() -> Table {
    let (rows, batches, columns) = SHAPE;
    let column = |c: usize| Arc::new((0..rows).map(|r| (r * c) as f64).collect::<Float64Array>()) as ArrayRef;
    let batch = RecordBatch::try_from_iter((0..columns).map(|c| (format!("c{c}"), column(c)))).unwrap();
    Table::new(batch.schema(), vec![batch; batches]).unwrap()
}

async fn upload(channel: &Channel, name: String, table: &Table, token: Option<&Token>) -> Result<(), Status> {
    let batches = futures::stream::iter(table.batches().to_vec()).map(Ok);
    let encoder = FlightDataEncoderBuilder::new().with_flight_descriptor(Some(FlightDescriptor::new_path(vec![name])));
    let messages = encoder.with_schema(table.schema().clone()).build(batches).map(|m| m.unwrap());
    let mut request = Request::new(messages);
    if let Some(token) = token {
        let shown = format!("Bearer {}", token.reveal()).parse().unwrap();
        request.metadata_mut().insert("authorization", shown);
    }
    let answers = FlightServiceClient::new(channel.clone()).do_put(request).await?;
    answers.into_inner().try_collect::<Vec<_>>().await.map(drop)
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Uploads the table by each way in turn, so that whatever else the machine does slows all of them; tells the rate of each, in MB
/// (10^6 bytes) a second, and the median of its ratios to the first.
async fn compare(ways: &[(&str, Channel, Option<Token>)], table: &Table) {
    let mut seconds = vec![Vec::new(); ways.len()];
    for turn in 0..TIMES {
        for (i, (what, channel, token)) in ways.iter().enumerate() {
            let begun = Instant::now();
            upload(channel, format!("{what} {turn}"), table, token.as_ref()).await.unwrap();
            seconds[i].push(begun.elapsed().as_secs_f64());
        }
    }
    let megabytes = (SHAPE.0 * SHAPE.1 * SHAPE.2 * 8) as f64 / 1e6;
    for ((what, ..), own) in ways.iter().zip(&seconds) {
        let ratio = median(seconds[0].iter().zip(own).map(|(first, own)| first / own).collect());
        println!("{what:<28}{:>8.0} MB/s, {ratio:.2} of the first", megabytes / median(own.clone()));
    }
}

async fn set_up(what: &str, way: &Way) {
    let mut all = Vec::new();
    for _ in 0..DIALS {
        let begun = Instant::now();
        way.try_out().await.unwrap();
        all.push(begun.elapsed().as_secs_f64());
    }
    println!("{what:<28}{:>8.2} ms", median(all) * 1e3);
}

#[tokio::main]
async fn main() {
    let table = table();
    let proving = || Proofs { attester: Some(Arc::new(Instantly)), appraiser: None };
    let asking = || Proofs { attester: None, appraiser: Some(Arc::new(Instantly)) };
    let attested = way(port(proving()).await, asking());
    let (channel, token) = proxied(way(port(proving()).await, asking())).await;
    let ways = [
        ("plain Flight", plain().await, None),
        ("attested TLS", attested.channel(), None),
        ("attested TLS, by the proxy", channel, Some(token)),
    ];
    compare(&ways, &table).await;
    set_up("connection, nothing proved", &way(port(Proofs::default()).await, Proofs::default())).await;
    set_up("connection, machine proved", &attested).await;
}
