//! Hostile guests at a worker's port. Nothing runs, nothing leaks, and the worker goes on serving others.
//!
//! Certificates without their key, classical key exchanges and other protocols are tried in `crates/net/tests/tls.rs`.
//! `PRIVITY_HOSTILE` multiplies the number of random messages.

use std::net::SocketAddr;
use std::time::Duration;

use agreement::{Agreement, Terms};
use bytes::{Buf, BufMut};
use net::{Alpn, Credentials, Dialer, KeyPair, Player};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Request, Status};

use super::{LOOP, bound, config, key, signed, under};
use crate::client::Contact;
use crate::config::Limits;
use crate::jobs::State;
use crate::proto::{self, run_command::Command, run_event::Event};
use crate::serve::Worker;
use crate::uploads::{RawFlight, Uploads};

/// Random messages of each kind.
fn rounds() -> u64 {
    let times = std::env::var("PRIVITY_HOSTILE").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    40 * times
}

/// The worker of player a, which player b may talk to.
struct Guarded {
    worker: Worker,
    address: SocketAddr,
    _folder: tempfile::TempDir,
    tried: u32,
}

impl Guarded {
    async fn start() -> Guarded {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(&folder, false);
        config.limits = Limits {
            request_kib: 256,
            request_seconds: 1,
            streams_per_connection: 8,
            requests_per_minute: 1500,
            ..Limits::default()
        };
        let data = "[a.x]\ncsv = \"x.csv\"\ncolumn = \"x\"\n";
        std::fs::write(folder.path().join("x.csv"), "x\n1\n2\n3\n").unwrap();
        config.datasets = data::Datasets::parse(data, folder.path()).unwrap();
        config.flight = Some(Uploads::read(&RawFlight::default(), false).unwrap());
        let worker = Worker::start(config).await.unwrap();
        Guarded { address: worker.address(), worker, _folder: folder, tried: 0 }
    }

    async fn contact(&self, as_whom: &KeyPair) -> Result<Contact, String> {
        let dialer = Dialer::new(Credentials::new(as_whom.clone()).unwrap());
        let reached = Contact::reach(&dialer, "a", &self.address.to_string(), key("a").identity()).await;
        reached.map_err(|e| e.code())
    }

    /// A connection that has shaken hands, as player b, and has said nothing yet.
    async fn secured(&self, alpn: Alpn) -> net::Secured {
        self.secured_as("b", alpn).await
    }

    async fn secured_as(&self, whom: &str, alpn: Alpn) -> net::Secured {
        let dialer = Dialer::new(Credentials::new(key(whom)).unwrap());
        let player = Player { id: net::PlayerId(0), name: "a".into() };
        dialer.dial(&player, &self.address.to_string(), key("a").identity(), alpn).await.unwrap()
    }

    /// Whatever was tried: an honest caller is served, and nothing was begun.
    async fn holds(&mut self, tried: u32) {
        self.tried += tried;
        let honest = self.contact(&key("b")).await.unwrap();
        assert!(honest.worker.clone().jobs(proto::JobsRequest {}).await.is_ok());
        let office = self.worker.office();
        assert_eq!(office.store.sessions().unwrap(), []);
        assert!(office.jobs.list(None).iter().all(|e| e.state().is_over()));
    }

    /// Submits a run as player b, and returns the code of what it failed with.
    async fn run(&self, agreement: &str, session: Vec<u8>, ratifications: Vec<String>) -> String {
        let mut contact = self.contact(&key("b")).await.unwrap();
        let submit = proto::RunRequest { agreement: agreement.to_owned(), session, ratifications, attempt: 0 };
        let (commands, stream) = tokio::sync::mpsc::channel(2);
        commands.send(proto::RunCommand { command: Some(Command::Submit(submit)) }).await.unwrap();
        let mut events = match contact.worker.run(ReceiverStream::new(stream)).await {
            Ok(events) => events.into_inner(),
            Err(status) => return contact.failed(&status).code(),
        };
        loop {
            match events.message().await {
                Ok(Some(proto::RunEvent { event: Some(Event::Failure(failure)) })) => return failure.code,
                Ok(Some(proto::RunEvent { event: Some(Event::Admitted(_)) })) => panic!("it was admitted"),
                Ok(Some(_)) => {}
                Ok(None) => panic!("it ended without a word"),
                Err(status) => return format!("{:?}", status.code()),
            }
        }
    }
}

impl Guarded {
    /// Begins a session as player b, gives it up at once, and returns the code of its end.
    async fn begin(&self, request: proto::RunRequest) -> String {
        let mut contact = self.contact(&key("b")).await.unwrap();
        let (commands, stream) = tokio::sync::mpsc::channel(4);
        let say = |command| commands.send(proto::RunCommand { command: Some(command) });
        let session = agreement::SessionId(request.session[..].try_into().unwrap());
        say(Command::Submit(request)).await.unwrap();
        let mut events = contact.worker.run(ReceiverStream::new(stream)).await.unwrap().into_inner();
        loop {
            match events.message().await.unwrap().unwrap().event {
                Some(Event::Failure(failure)) => return failure.code,
                Some(Event::Admitted(_)) => {
                    say(Command::Go(proto::Go {})).await.unwrap();
                    let entry = self.worker.office().jobs.find(session, None).unwrap();
                    while entry.state() == State::Admitted {
                        tokio::task::yield_now().await;
                    }
                    // It may have ended by itself.
                    let _ = say(Command::Stop(proto::Stop {})).await;
                }
                _ => {}
            }
        }
    }
}

/// Reproducible random bytes.
struct Noise(u64);

impl Noise {
    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut next = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 56) as u8
        };
        (0..length).map(|_| next()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_kept_out() {
    let mut guarded = Guarded::start().await;
    for seed in 100..110 {
        let stranger = KeyPair::from_seed(&[seed; 32]);
        assert_eq!(guarded.contact(&stranger).await.err().unwrap(), "client.hung-up");
    }
    guarded.holds(10).await;

    // Bytes of other protocols, an older TLS among them; and noise.
    let older = [&[0x16, 3, 1, 0, 47, 1, 0, 0, 43, 3, 3][..], &[7; 32], &[0, 0, 4, 0xc0, 0x2f, 0, 0xff, 1, 0]].concat();
    let mut noise = Noise(1);
    let mut greetings = vec![older, b"GET / HTTP/1.1\r\n\r\n".to_vec(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()];
    greetings.extend((0..rounds()).map(|i| noise.bytes(1 + i as usize * 17 % 600)));
    let tried = greetings.len() as u32;
    for greeting in greetings {
        let mut stream = TcpStream::connect(guarded.address).await.unwrap();
        // It may hang up in the middle; that is its right.
        let _ = stream.write_all(&greeting).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.len() < 64, "a stranger is told at most an alert: {answer:?}");
    }
    guarded.holds(tried).await;

    // Half-open connections from the address of those who are honest.
    let mut idle = Vec::new();
    for _ in 0..500 {
        idle.push(TcpStream::connect(guarded.address).await.unwrap());
    }
    guarded.holds(500).await;
    println!("{} cases", guarded.tried);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agreements_that_are_not_in_order_do_not_run() {
    let mut guarded = Guarded::start().await;
    let agreement = under(Terms { uses: 2, ..Terms::default() });
    let all = signed(&agreement, &["a", "b", "c"]);
    let session = |i: u8| vec![i; 16];
    let other = under(Terms::default());
    let second = |n| agreement::Timestamp::from_seconds(n);
    let past = under(Terms { not_after: second(1_000_000_000), ..Terms::default() });
    let future = under(Terms { not_before: second(9_000_000_000), ..Terms::default() });
    let swapped = super::agreement(super::PROGRAM, &super::roster(&[("a", "a"), ("b", "mallory"), ("c", "c")]));
    let everyone = |a: &Agreement| signed(a, &["a", "b", "c"]);
    let relabelled: Vec<String> = everyone(&other)
        .iter()
        .map(|r| r.replace(&other.digest().to_string(), &agreement.digest().to_string()))
        .collect();
    let cases: Vec<(&str, String, Vec<String>)> = vec![
        ("worker.not-ratified", agreement.text().into(), vec![]),
        ("worker.not-ratified", agreement.text().into(), all[1..].to_vec()),
        ("ratification.missing", agreement.text().into(), all[..2].to_vec()),
        ("ratification.foreign", agreement.text().into(), [all.clone(), signed(&agreement, &["mallory"])].concat()),
        ("ratification.other-agreement", agreement.text().into(), everyone(&other)),
        ("ratification.signature", agreement.text().into(), relabelled),
        ("ratification.other-agreement", agreement.text().replace("uses = 2", "uses = 3"), all.clone()),
        ("agreement.expired", past.text().into(), everyone(&past)),
        ("agreement.not-yet", future.text().into(), everyone(&future)),
        ("worker.roster-differs", swapped.text().into(), signed(&swapped, &["a", "mallory", "c"])),
    ];
    let tried = cases.len() as u32;
    for (code, text, ratifications) in cases {
        assert_eq!(guarded.run(&text, session(1), ratifications).await, code);
    }
    assert_eq!(guarded.run(agreement.text(), vec![1; 15], all.clone()).await, "worker.session-id");
    guarded.holds(tried + 1).await;

    // Any change of the text, whatever was signed.
    let mut changed = 0;
    for at in (0..agreement.text().len()).step_by(agreement.text().len() / rounds() as usize) {
        let mut bytes = agreement.text().as_bytes().to_vec();
        bytes[at] ^= 1;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let code = guarded.run(&text, session(2), all.clone()).await;
        assert!(code != "Ok" && !code.is_empty(), "at {at}: {code}");
        changed += 1;
    }
    guarded.holds(changed).await;
    println!("{} cases", guarded.tried);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_run_is_not_run_again_and_no_more_often_than_agreed() {
    let mut guarded = Guarded::start().await;
    let looped = |uses| bound(LOOP, Terms { uses, ..Terms::default() });
    let agreement = looped(2);
    let request = |session: u8, attempt| proto::RunRequest {
        agreement: agreement.text().to_owned(),
        session: vec![session; 16],
        ratifications: signed(&agreement, &["a", "b", "c"]),
        attempt,
    };
    let twice = looped(3);
    let elsewhere = proto::RunRequest {
        agreement: twice.text().to_owned(),
        ratifications: signed(&twice, &["a", "b", "c"]),
        ..request(1, 1)
    };
    let mut tried = 0;
    for (case, request, code) in [
        ("a first session", request(1, 0), "session.given-up"),
        ("the same id once more", request(1, 0), "worker.replay"),
        ("its second attempt", request(1, 1), "session.given-up"),
        ("that attempt once more", request(1, 1), "worker.replay"),
        ("an attempt before it", request(1, 0), "worker.replay"),
        ("its id under another agreement", elsewhere, "worker.replay"),
        ("a second session, under a later number", request(2, 7), "session.given-up"),
        ("a third session of two", request(3, 0), "ledger.used-up"),
        ("a third session that claims to be resumed", request(4, 1), "ledger.used-up"),
    ] {
        assert_eq!(guarded.begin(request).await, code, "{case}");
        tried += 1;
    }
    guarded.tried += tried;
    assert_eq!(guarded.worker.office().store.sessions().unwrap().len(), 2);
    println!("{} cases", guarded.tried);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_messages_and_too_many_of_them_are_refused() {
    let mut guarded = Guarded::start().await;
    let mut noise = Noise(2);
    const CALLS: [&str; 15] = [
        "Hello",
        "Echo",
        "Describe",
        "Run",
        "Jobs",
        "Watch",
        "Recall",
        "Cancel",
        "Post",
        "Inbox",
        "Answer",
        "Receipts",
        "Settle",
        "Challenge",
        "Release",
    ];
    let stream = guarded.secured(Alpn::Control).await.stream;
    let mut grpc = raw(stream).await;
    for i in 0..rounds() {
        for call in CALLS {
            let body = noise.bytes(i as usize * 7 % 300);
            let path = format!("/privity.v1.Worker/{call}");
            grpc.ready().await.unwrap();
            // Most is refused; an empty message is a valid one, which does no harm.
            let _ = grpc.unary::<Vec<u8>, Vec<u8>, _>(Request::new(body), path.parse().unwrap(), Bare).await;
        }
    }
    guarded.holds(rounds() as u32 * CALLS.len() as u32).await;

    // The same to what takes tables.
    const FLIGHT: [&str; 7] =
        ["DoPut", "DoGet", "ListFlights", "GetFlightInfo", "GetSchema", "DoAction", "ListActions"];
    let mut grpc = raw(guarded.secured(Alpn::Tables).await.stream).await;
    for i in 0..rounds() {
        let call = FLIGHT[i as usize % FLIGHT.len()];
        grpc.ready().await.unwrap();
        let request = Request::new(noise.bytes(i as usize * 7 % 300));
        let _ = grpc.unary::<Vec<u8>, Vec<u8>, _>(request, flight(call), Bare).await;
    }
    guarded.holds(rounds() as u32).await;

    // Larger than a request may be.
    let large = guarded.run(&"x".repeat(1 << 20), vec![1; 16], Vec::new()).await;
    assert!(large == "worker.no-submission" || large == format!("{:?}", Code::OutOfRange), "{large}");
    let mut contact = guarded.contact(&key("b")).await.unwrap();
    let request = proto::PostRequest { agreement: "x".repeat(1 << 20), statements: Vec::new(), relayed: false };
    assert_eq!(contact.worker.post(request).await.unwrap_err().code(), Code::OutOfRange);
    guarded.holds(2).await;

    // Frames of the data plane: noise, and a length that no frame has.
    for i in 0..rounds() {
        let mut stream = guarded.secured(Alpn::Data).await.stream;
        let bytes = if i == 0 { vec![0xff; 64] } else { noise.bytes(1 + i as usize * 13 % 200) };
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    guarded.holds(rounds() as u32).await;
    println!("{} cases", guarded.tried);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_slow_or_asks_too_much_keeps_nobody_else_waiting() {
    let mut guarded = Guarded::start().await;
    // Connections that say nothing after the handshake, and conversations that never begin.
    let mut quiet = Vec::new();
    for _ in 0..20 {
        quiet.push(guarded.secured(Alpn::Control).await);
        quiet.push(guarded.secured(Alpn::Data).await);
    }
    let mut contact = guarded.contact(&key("b")).await.unwrap();
    let mut open = Vec::new();
    for _ in 0..8 {
        let (commands, stream) = tokio::sync::mpsc::channel::<proto::RunCommand>(1);
        open.push((contact.worker.run(ReceiverStream::new(stream)).await.unwrap().into_inner(), commands));
    }
    guarded.holds(48).await;
    for (mut events, _commands) in open {
        let event = events.message().await.unwrap().unwrap().event;
        assert!(matches!(event, Some(Event::Failure(f)) if f.code == "worker.no-submission"));
    }

    // A request of which a byte comes now and then.
    let mut slow = guarded.secured(Alpn::Control).await.stream;
    for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" {
        if slow.write_all(&[*byte]).await.and(slow.flush().await).is_err() {
            break;
        }
        let other = guarded.contact(&key("c")).await.unwrap();
        assert!(other.worker.clone().jobs(proto::JobsRequest {}).await.is_ok());
        guarded.tried += 1;
    }

    // Uploads that never come: others are still heard.
    let mut tables = raw(guarded.secured(Alpn::Tables).await.stream).await;
    let mut uploads = Vec::new();
    for _ in 0..2 {
        let mut grpc = tables.clone();
        grpc.ready().await.unwrap();
        let nothing = Request::new(tokio_stream::pending::<Vec<u8>>());
        uploads.push(tokio::spawn(async move { grpc.streaming(nothing, flight("DoPut"), Bare).await.map(drop) }));
    }
    let mut others = raw(guarded.secured_as("c", Alpn::Tables).await.stream).await;
    others.ready().await.unwrap();
    let listed = others.unary::<Vec<u8>, Vec<u8>, _>(Request::new(Vec::new()), flight("ListActions"), Bare).await;
    assert!(listed.is_ok(), "{:?}", listed.err());
    uploads.iter().for_each(tokio::task::JoinHandle::abort);

    // One identity asks without end; then others are still heard.
    let limit = guarded.worker.office().config.limits.requests_per_minute;
    let mut refused = 0;
    for _ in 0..limit + 200 {
        let status = contact.worker.jobs(proto::JobsRequest {}).await.err();
        refused += u32::from(status.is_some_and(|s| s.code() == Code::ResourceExhausted));
    }
    assert!(refused > 0);
    tables.ready().await.unwrap();
    let listed = tables.unary::<Vec<u8>, Vec<u8>, _>(Request::new(Vec::new()), flight("ListActions"), Bare).await;
    assert_eq!(listed.unwrap_err().code(), Code::ResourceExhausted);
    let other = guarded.contact(&key("c")).await.unwrap();
    assert!(other.worker.clone().jobs(proto::JobsRequest {}).await.is_ok());
    assert_eq!(guarded.worker.office().store.sessions().unwrap(), []);
    println!("{} cases and {refused} refusals for asking too often", guarded.tried);
    tokio::time::timeout(Duration::from_secs(10), guarded.worker.drain()).await.unwrap();
}

/// A gRPC client without messages of its own, over a connection that exists.
async fn raw(stream: net::tls::Stream) -> tonic::client::Grpc<tonic::transport::Channel> {
    let mut stream = Some(hyper_util::rt::TokioIo::new(stream));
    let connector =
        tower::service_fn(move |_| std::future::ready(stream.take().ok_or(std::io::Error::other("closed"))));
    let endpoint = tonic::transport::Endpoint::from_static("http://worker");
    tonic::client::Grpc::new(endpoint.connect_with_connector(connector).await.unwrap())
}

/// The path of a call of Arrow Flight.
fn flight(call: &str) -> tonic::codegen::http::uri::PathAndQuery {
    format!("/arrow.flight.protocol.FlightService/{call}").parse().unwrap()
}

/// Bodies as they are.
struct Bare;

impl Codec for Bare {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Bare;
    type Decoder = Bare;

    fn encoder(&mut self) -> Bare {
        Bare
    }

    fn decoder(&mut self) -> Bare {
        Bare
    }
}

impl Encoder for Bare {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bare {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining()).to_vec()))
    }
}
