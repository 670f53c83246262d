//! Slow is not silent: links that bring less than a frame within the deadline. In virtual time.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use net::frame::{Frame, Part, encode_frame};
use net::link::resume::{self, Connect, ResumeOptions};
use net::link::{Link, stream};
use net::{Exchange, NetError, Options, Player, PlayerId, Scope};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::sleep;

const A: PlayerId = PlayerId(0);
const B: PlayerId = PlayerId(1);

/// Writes a message, one byte in five seconds: the frame takes minutes, the deadline is 30 seconds.
async fn drip(mut to: DuplexStream, payload: &'static [u8]) -> DuplexStream {
    let step = Scope::root(b"slow").step(0);
    let part = Part { step, depth: 1, total: payload.len() as u64, offset: 0, payload: Bytes::from_static(payload) };
    let mut bytes = BytesMut::new();
    encode_frame(&Frame::Data { number: 0, parts: vec![part] }, &mut bytes);
    for byte in bytes {
        sleep(Duration::from_secs(5)).await;
        to.write_all(&[byte]).await.unwrap();
    }
    to
}

async fn takes(link: Link, theirs: DuplexStream) {
    let exchange = Exchange::new(A, &["alice", "bob"], vec![(B, link)], Options::default()).unwrap();
    let (message, theirs) = tokio::join!(exchange.take(B, Scope::root(b"slow").step(0)), drip(theirs, b"patience"));
    assert_eq!(&message.unwrap().payload[..], b"patience");
    // And when it stops, it is missed.
    let error = exchange.take(B, Scope::root(b"slow").step(1)).await.unwrap_err();
    assert_eq!(&*error.player().unwrap().name, "bob");
    drop(theirs);
}

#[tokio::test(start_paused = true)]
async fn a_frame_may_take_longer_than_the_deadline() {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    takes(stream::over(ours), theirs).await;
}

#[tokio::test(start_paused = true)]
async fn also_over_a_link_that_resumes() {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let player = Player { id: B, name: "bob".into() };
    let link = resume::open(Once { player, stream: Some(ours) }, ResumeOptions::default()).await.unwrap();
    takes(link, theirs).await;
}

/// Connects once, and never again.
struct Once {
    player: Player,
    stream: Option<DuplexStream>,
}

#[async_trait]
impl Connect for Once {
    fn player(&self) -> &Player {
        &self.player
    }

    async fn connect(&mut self, _received: u64) -> Result<(Link, u64), NetError> {
        match self.stream.take() {
            Some(stream) => Ok((stream::over(stream), 0)),
            None => std::future::pending().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_farewell_is_waited_for_while_it_goes_on() {
    // 24 MiB through a pipe whose reader takes 256 KiB in 2 seconds: over three minutes.
    let (ours, mut theirs) = tokio::io::duplex(64 << 10);
    let exchange = Exchange::new(A, &["alice", "bob"], vec![(B, stream::over(ours))], Options::default()).unwrap();
    exchange.post(B, Scope::root(b"slow").step(0), 1, vec![7; 24 << 20].into());
    let reading = async {
        let mut total = 0;
        let mut buffer = vec![0; 256 << 10];
        while total < 24 << 20 {
            sleep(Duration::from_secs(2)).await;
            total += tokio::io::AsyncReadExt::read_exact(&mut theirs, &mut buffer).await.unwrap();
            let mut alive = BytesMut::new();
            encode_frame(&Frame::Heartbeat { received: 0, taken: 0 }, &mut alive);
            theirs.write_all(&alive).await.unwrap();
        }
        tokio::time::Instant::now()
    };
    let started = tokio::time::Instant::now();
    let (closed, read) = tokio::join!(exchange.close(), reading);
    assert!(read - started > Duration::from_secs(180));
    // All of it left; only the answer to the farewell never came.
    assert_eq!(closed.unwrap_err().code(), "net.player-missing");
    assert!(started.elapsed() > read - started + Options::default().linger - Duration::from_secs(5));
}
