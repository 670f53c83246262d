//! The worker's side: keeping a registration, and answering calls.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{
    BEAT, BEATS, CALL, KIND_ANSWER, KIND_REGISTER, REGISTRATION, Ticket, YES, open, patient, read, registration,
};
use crate::identity::KeyPair;

/// The first and the longest pause before registering again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// Calls that are answered at once.
const CALLS: usize = 256;

/// Keeps `key` registered with a relay (`host:port`), and passes what calls bring to the port that this worker
/// listens on, where it is treated like any other connection. Runs until it is dropped.
pub async fn attend(relay: String, key: KeyPair, port: SocketAddr) {
    let calls = Arc::new(Semaphore::new(CALLS));
    let mut pause = PAUSES.0;
    loop {
        match register(&relay, &key).await {
            Ok(stream) => {
                tracing::info!(relay, "takes calls through the relay");
                pause = PAUSES.0;
                let error = listen(stream, &relay, port, &calls).await;
                tracing::warn!(relay, %error, "the registration with the relay was lost");
            }
            Err(error) => tracing::warn!(relay, %error, "not registered with the relay"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Proves the key.
async fn register(relay: &str, key: &KeyPair) -> std::io::Result<TcpStream> {
    let mut stream = open(relay, KIND_REGISTER, &[]).await?;
    let nonce = patient(read::<32>(&mut stream)).await?;
    let signature = key.sign(REGISTRATION, &registration(&nonce, relay));
    let length = u8::try_from(relay.len()).map_err(|_| std::io::Error::other("the relay's name is too long"))?;
    let said = [key.public().to_bytes().as_slice(), &[length], relay.as_bytes(), &signature].concat();
    stream.write_all(&said).await?;
    match patient(read::<1>(&mut stream)).await? {
        [YES] => Ok(stream),
        _ => Err(std::io::Error::other(format!(
            "the relay does not take this identity under the name {relay}; its operator has to allow it"
        ))),
    }
}

/// Hears calls until the relay is gone. Returns why.
async fn listen(mut stream: TcpStream, relay: &str, port: SocketAddr, calls: &Arc<Semaphore>) -> std::io::Error {
    loop {
        let heard = match timeout(BEATS * 2, read::<1>(&mut stream)).await {
            Ok(Ok(heard)) => heard,
            Ok(Err(error)) => return error,
            Err(_) => return std::io::Error::other("nothing was heard from it"),
        };
        let done = match heard {
            [BEAT] => stream.write_all(&[BEAT]).await,
            [CALL] => match patient(read(&mut stream)).await {
                Ok(ticket) => {
                    take(relay.to_owned(), ticket, port, calls);
                    Ok(())
                }
                Err(error) => Err(error),
            },
            _ => Err(std::io::Error::other("it does not keep to the protocol")),
        };
        if let Err(error) = done {
            return error;
        }
    }
}

/// Answers a call, unless too many are being answered.
fn take(relay: String, ticket: Ticket, port: SocketAddr, calls: &Arc<Semaphore>) {
    let Ok(permit) = Arc::clone(calls).try_acquire_owned() else { return };
    tokio::spawn(async move {
        let _permit = permit;
        if let Err(error) = answer(&relay, ticket, port).await {
            tracing::debug!(relay, %error, "a call through the relay was not answered");
        }
    });
}

async fn answer(relay: &str, ticket: Ticket, port: SocketAddr) -> std::io::Result<()> {
    let mut outside = open(relay, KIND_ANSWER, &ticket).await?;
    if patient(read::<1>(&mut outside)).await? != [YES] {
        return Err(std::io::Error::other("the caller has gone"));
    }
    let mut inside = TcpStream::connect(port).await?;
    inside.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut outside, &mut inside).await.map(drop)
}
