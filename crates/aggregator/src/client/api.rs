//! Requests to the service, repeated until they are answered: through lost connections and a service that is started again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use net::{Alpn, Credentials, Dialer, Identity, KeyPair, NetError, Player, PlayerId};
use secagg::Identity as Client;
use serde::Deserialize;
use terms::{Sender, Terms};
use tokio::sync::Mutex;

use crate::error::Error;
use crate::round::Stage;
use crate::service::{Standing, decode_page};

/// Pauses between two attempts: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long one request may take, waiting for a change included.
const REQUEST: Duration = Duration::from_secs(120);
/// How long the service is asked to wait for a change.
const WAIT_MS: u128 = 15_000;
/// Bytes of the longest answer beside a list and a vector: a page of deposits.
const ROOM: usize = 64 << 20;

/// The service, as one caller reaches it.
pub struct Api {
    dialer: Dialer,
    address: String,
    service: Identity,
    prefix: String,
    rounds: u64,
    longest: usize,
    connection: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    message: String,
    help: String,
}

impl Api {
    /// The service of these terms, or one at another address that must prove the same identity.
    ///
    /// # Errors
    /// [`Error::Net`] if no certificate can be made for the key.
    pub fn new(terms: &Terms, key: &KeyPair, address: Option<String>) -> Result<Self, Error> {
        Ok(Self {
            dialer: Dialer::new(Credentials::new(key.clone())?),
            address: address.unwrap_or_else(|| terms.draft().service.address.clone()),
            service: terms.service(),
            prefix: format!("/v1/{}", hex::encode(terms.digest())),
            rounds: terms.draft().rounds,
            longest: terms.longest_message(Sender::Aggregator) + 64 * terms.draft().most as usize + ROOM,
            connection: Mutex::default(),
        })
    }

    pub(crate) async fn enrolment(&self, until: Instant) -> Result<String, Error> {
        let body = self.ask(Method::GET, "/enrolment", Bytes::new(), until).await?;
        String::from_utf8(body.to_vec()).map_err(|_| Error::Answer { what: "a list that is no text".into() })
    }

    /// How a round stands; if `after` is given, once it stands otherwise.
    pub(crate) async fn standing(
        &self,
        round: Option<u64>,
        after: Option<&str>,
        until: Instant,
    ) -> Result<Standing, Error> {
        let number = round.map_or("current".into(), |round| round.to_string());
        loop {
            let left = until.saturating_duration_since(Instant::now()).as_millis().min(WAIT_MS);
            let after = after.map_or(String::new(), |after| format!("&after={after}"));
            let path = format!("/rounds/{number}?wait_ms={left}{after}");
            let body = match self.ask(Method::GET, &path, Bytes::new(), until).await {
                // A round that is to come.
                Err(Error::Refused { code, .. }) if code == "aggregator.unknown" && left > 0 => continue,
                body => body?,
            };
            let standing: Standing =
                serde_json::from_slice(&body).map_err(|e| Error::Answer { what: e.to_string() })?;
            // The service does not choose rounds that nobody agreed to.
            if !(1..=self.rounds).contains(&standing.round) || round.is_some_and(|asked| asked != standing.round) {
                return Err(Error::Answer { what: format!("it speaks of round {}", standing.round) });
            }
            if after.strip_prefix("&after=") != Some(&standing.phase) {
                return Ok(standing);
            }
            if Instant::now() >= until {
                return Err(Error::Timeout);
            }
        }
    }

    pub(crate) async fn post(&self, round: u64, stage: Stage, message: &[u8], until: Instant) -> Result<(), Error> {
        let path = format!("/rounds/{round}/{}", stage.name());
        self.ask(Method::POST, &path, Bytes::copy_from_slice(message), until).await.map(drop)
    }

    pub(crate) async fn letter(&self, round: u64, until: Instant) -> Result<Vec<u8>, Error> {
        Ok(self.ask(Method::GET, &format!("/rounds/{round}/letter"), Bytes::new(), until).await?.to_vec())
    }

    pub(crate) async fn list(&self, round: u64, until: Instant) -> Result<Vec<u8>, Error> {
        Ok(self.ask(Method::GET, &format!("/rounds/{round}/list"), Bytes::new(), until).await?.to_vec())
    }

    pub(crate) async fn verifiers(&self, round: u64, until: Instant) -> Result<Vec<u8>, Error> {
        Ok(self.ask(Method::GET, &format!("/rounds/{round}/verifiers"), Bytes::new(), until).await?.to_vec())
    }

    pub(crate) async fn masked_sum(&self, round: u64, until: Instant) -> Result<Vec<u8>, Error> {
        Ok(self.ask(Method::GET, &format!("/rounds/{round}/masked-sum"), Bytes::new(), until).await?.to_vec())
    }

    pub(crate) async fn masked(
        &self,
        round: u64,
        after: Option<Client>,
        until: Instant,
    ) -> Result<Vec<(Client, Vec<u8>)>, Error> {
        self.page(&format!("/rounds/{round}/masked"), after, until).await
    }

    pub(crate) async fn deposits(
        &self,
        round: u64,
        after: Option<Client>,
        until: Instant,
    ) -> Result<Vec<(Client, Vec<u8>)>, Error> {
        self.page(&format!("/rounds/{round}/deposits"), after, until).await
    }

    /// Messages of clients after one of them.
    async fn page(&self, path: &str, after: Option<Client>, until: Instant) -> Result<Vec<(Client, Vec<u8>)>, Error> {
        let after = after.map_or(String::new(), |after| format!("?after={}", hex::encode(after.0)));
        let body = self.ask(Method::GET, &format!("{path}{after}"), Bytes::new(), until).await?;
        decode_page(&body).ok_or_else(|| Error::Answer { what: "no page of messages".into() })
    }

    pub(crate) async fn result(&self, round: u64, until: Instant) -> Result<Vec<u8>, Error> {
        Ok(self.ask(Method::GET, &format!("/rounds/{round}/result"), Bytes::new(), until).await?.to_vec())
    }

    /// Asks until there is an answer, or a refusal that repeating cannot change.
    async fn ask(&self, method: Method, path: &str, body: Bytes, until: Instant) -> Result<Bytes, Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            let left = until.saturating_duration_since(Instant::now()).min(REQUEST);
            let asked = tokio::time::timeout(left, self.once(method.clone(), path, body.clone())).await;
            let error = match asked {
                Ok(Err(error)) if error.is_passing() => error,
                Ok(answer) => return answer,
                Err(_) => {
                    *self.connection.lock().await = None;
                    Error::Timeout
                }
            };
            if Instant::now() + pause >= until {
                return Err(error);
            }
            tracing::debug!(%error, "asking again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn once(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, Error> {
        let mut connection = self.connect().await?;
        let uri = format!("http://aggregator{}{path}", self.prefix);
        let request = Request::builder().method(method).uri(uri).body(Full::new(body));
        let request = request.map_err(|e| Error::Answer { what: e.to_string() })?;
        let answered = connection.send_request(request).await;
        let response = match answered {
            Ok(response) => response,
            Err(error) => {
                *self.connection.lock().await = None;
                return Err(self.lost(&error.to_string()));
            }
        };
        let status = response.status();
        let body = Limited::new(response.into_body(), self.longest).collect().await;
        let body = body.map_err(|e| self.lost(&e.to_string()))?.to_bytes();
        if status == StatusCode::OK {
            return Ok(body);
        }
        let refusal: Refusal = serde_json::from_slice(&body)
            .map_err(|_| Error::Answer { what: format!("status {status} without a reason") })?;
        let Refusal { code, message, help } = refusal;
        Err(Error::Refused { code, message, help, status: status.as_u16() })
    }

    /// The connection, made anew if it was lost.
    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Error> {
        let mut held = self.connection.lock().await;
        if let Some(connection) = held.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(connection.clone());
        }
        let secured = self.dialer.dial(&service(), &self.address, self.service, Alpn::Control).await?;
        let (connection, driver) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .handshake(TokioIo::new(secured.stream))
            .await
            .map_err(|error| self.lost(&error.to_string()))?;
        tokio::spawn(driver);
        *held = Some(connection.clone());
        Ok(connection)
    }

    fn lost(&self, reason: &str) -> Error {
        let (player, endpoint) = (service(), self.address.clone());
        Error::Net(NetError::Unreachable { player, endpoint, reason: reason.to_owned() })
    }
}

/// What errors call the other end.
fn service() -> Player {
    Player { id: PlayerId(0), name: Arc::from("the service") }
}
