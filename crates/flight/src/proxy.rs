//! A stock Flight client's way to a worker: plain gRPC on this machine's loopback, pinned TLS outward.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse,
    PollInfo, PutResult, SchemaResult, Ticket,
};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, Stream, StreamExt};
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

use crate::serve::WINDOW;
use crate::way::Way;

/// Bytes of one message at most, either way.
const LARGEST_MESSAGE: usize = 64 << 20;

/// What a local client shows to the proxy: `authorization: Bearer TOKEN`. The loopback is open to every user of the machine, and
/// who reaches the worker through the proxy does so as this party.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A fresh one, of 32 random bytes.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn generate() -> Result<Token, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Token(hex::encode(bytes)))
    }

    /// Its text, to be given to the client.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn check(&self, request: Request<()>) -> Result<Request<()>, Status> {
        let shown = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.strip_prefix("Bearer "));
        match shown.is_some_and(|shown| shown.as_bytes().ct_eq(self.0.as_bytes()).into()) {
            true => Ok(request),
            false => Err(Status::unauthenticated("show the proxy's token: `authorization: Bearer TOKEN`")),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Passes Flight's calls on to one worker. What a client sends beside a call (headers, credentials) stays here.
#[derive(Clone)]
pub struct Proxy {
    way: Way,
    worker: FlightServiceClient<Channel>,
}

impl Proxy {
    /// A proxy to the worker at the end of a way.
    #[must_use]
    pub fn new(way: Way) -> Proxy {
        let worker = FlightServiceClient::new(way.channel())
            .max_decoding_message_size(LARGEST_MESSAGE)
            .max_encoding_message_size(LARGEST_MESSAGE);
        Proxy { way, worker }
    }

    /// Serves local clients that show the token, until the port is lost. A port that others than this machine reach is refused.
    ///
    /// # Errors
    /// If it is not on the loopback, or what the transport said.
    pub async fn serve(self, listener: TcpListener, token: Token) -> std::io::Result<()> {
        if !listener.local_addr()?.ip().is_loopback() {
            return Err(std::io::Error::other("a proxy listens on the loopback only: it speaks without encryption"));
        }
        let incoming = futures::stream::poll_fn(move |cx| {
            listener
                .poll_accept(cx)
                .map(|accepted| Some(accepted.and_then(|(stream, _)| stream.set_nodelay(true).map(|()| stream))))
        });
        let service = FlightServiceServer::new(self).max_decoding_message_size(LARGEST_MESSAGE);
        let service = InterceptedService::new(service, move |request| token.check(request));
        tonic::transport::Server::builder()
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .add_service(service)
            .serve_with_incoming(incoming)
            .await
            .map_err(std::io::Error::other)
    }
}

type Passed<T> = BoxStream<'static, Result<T, Status>>;

fn pass<T: Send + 'static>(answer: Response<Streaming<T>>) -> Response<Passed<T>> {
    Response::new(answer.into_inner().boxed())
}

/// What a client sends. A type without lifetimes: with the box itself the compiler cannot tell that calls are `Send`.
struct Sent<T>(BoxStream<'static, T>);

impl<T> Stream for Sent<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_next_unpin(cx)
    }
}

/// What a client sends, and whether it broke off. An end that the client did not mean would make a whole table of a part, so
/// then there is none, and the call to the worker has to be given up.
fn guarded<T: Send + 'static>(request: Request<Streaming<T>>) -> (Sent<T>, BoxFuture<'static, Status>) {
    let (breaks, broken) = oneshot::channel::<()>();
    let sent = futures::stream::unfold((request.into_inner(), Some(breaks)), |(mut messages, mut breaks)| async {
        match messages.message().await {
            Ok(message) => message.map(|message| (message, (messages, breaks))),
            Err(_) => {
                breaks.take().map(|breaks| breaks.send(()));
                std::future::pending().await
            }
        }
    });
    let broken = async {
        // Dropped unsent: the client meant the end.
        if broken.await.is_err() {
            std::future::pending::<()>().await;
        }
        Status::cancelled("the client broke off")
    };
    (Sent(sent.boxed()), broken.boxed())
}

#[tonic::async_trait]
impl FlightService for Proxy {
    type HandshakeStream = Passed<HandshakeResponse>;
    type ListFlightsStream = Passed<FlightInfo>;
    type DoGetStream = Passed<FlightData>;
    type DoPutStream = Passed<PutResult>;
    type DoActionStream = Passed<arrow_flight::Result>;
    type ListActionsStream = Passed<ActionType>;
    type DoExchangeStream = Passed<FlightData>;

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        let (sent, broken) = guarded(request);
        let mut worker = self.worker.clone();
        tokio::select! {
            answer = worker.handshake(sent) => answer.map(pass).map_err(|e| self.way.explain(e)),
            status = broken => Err(status),
        }
    }

    async fn list_flights(&self, request: Request<Criteria>) -> Result<Response<Self::ListFlightsStream>, Status> {
        self.worker.clone().list_flights(request.into_inner()).await.map(pass).map_err(|e| self.way.explain(e))
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<FlightInfo>, Status> {
        self.worker.clone().get_flight_info(request.into_inner()).await.map_err(|e| self.way.explain(e))
    }

    async fn poll_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        self.worker.clone().poll_flight_info(request.into_inner()).await.map_err(|e| self.way.explain(e))
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        self.worker.clone().get_schema(request.into_inner()).await.map_err(|e| self.way.explain(e))
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        self.worker.clone().do_get(request.into_inner()).await.map(pass).map_err(|e| self.way.explain(e))
    }

    async fn do_put(&self, request: Request<Streaming<FlightData>>) -> Result<Response<Self::DoPutStream>, Status> {
        let (sent, broken) = guarded(request);
        let mut worker = self.worker.clone();
        tokio::select! {
            answer = worker.do_put(sent) => answer.map(pass).map_err(|e| self.way.explain(e)),
            status = broken => Err(status),
        }
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        let (sent, broken) = guarded(request);
        let mut worker = self.worker.clone();
        tokio::select! {
            answer = worker.do_exchange(sent) => answer.map(pass).map_err(|e| self.way.explain(e)),
            status = broken => Err(status),
        }
    }

    async fn do_action(&self, request: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        self.worker.clone().do_action(request.into_inner()).await.map(pass).map_err(|e| self.way.explain(e))
    }

    async fn list_actions(&self, request: Request<Empty>) -> Result<Response<Self::ListActionsStream>, Status> {
        self.worker.clone().list_actions(request.into_inner()).await.map(pass).map_err(|e| self.way.explain(e))
    }
}
