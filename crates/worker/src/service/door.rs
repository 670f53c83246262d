//! What is asked before a request's body is read: who calls, whether it may ask just now, and how much it may bring at once.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use net::Identity;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tower::{Layer, Service};

use crate::error::WorkerError;
use crate::io::Caller;
use crate::office::Office;
use crate::rate;
use crate::service::refused;

/// Puts a [`Door`] before a service.
#[derive(Clone)]
pub(crate) struct Doors {
    pub(crate) office: Arc<Office>,
    /// What requests bring.
    pub(crate) body: rate::Body,
    /// How it is told that a caller may not ask just now.
    pub(crate) refuse: fn(&Office, Identity, &WorkerError) -> Status,
}

impl Doors {
    /// Before the control plane.
    pub(crate) fn control(office: Arc<Office>) -> Doors {
        Doors { office, body: rate::Body::Request, refuse: refused }
    }
}

impl<S> Layer<S> for Doors {
    type Service = Door<S>;

    fn layer(&self, inner: S) -> Door<S> {
        Door { doors: self.clone(), inner }
    }
}

/// Lets requests through one by one. The bodies that one identity is bringing at a time are few, however many connections
/// and streams it has: they are held in memory until they are whole.
#[derive(Clone)]
pub(crate) struct Door<S> {
    doors: Doors,
    inner: S,
}

impl<S> Service<Request<Body>> for Door<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let caller = match self.hear(&request) {
            Ok(caller) => caller,
            Err(status) => return Box::pin(std::future::ready(Ok(status.into_http()))),
        };
        let Doors { office, body, .. } = self.doors.clone();
        // The one that was asked whether it is ready is used, and its copy kept.
        let copy = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, copy);
        Box::pin(async move {
            let _bringing = office.counts.bring(caller, body).await;
            inner.call(request).await
        })
    }
}

impl<S> Door<S> {
    fn hear(&self, request: &Request<Body>) -> Result<Identity, Status> {
        // Every connection has proved an identity; one without is a defect.
        let Some(Caller(caller)) = request.extensions().get::<Caller>().copied() else {
            return Err(Status::unauthenticated("who called is not known"));
        };
        let Doors { office, refuse, .. } = &self.doors;
        office.hear(caller).map_err(|e| refuse(office, caller, &e))?;
        Ok(caller)
    }
}
