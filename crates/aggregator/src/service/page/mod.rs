//! A page for browsers, over ordinary HTTPS on a port of its own.
//!
//! | request | what |
//! |---|---|
//! | `GET /`, `/page.js`, … | the page's own files |
//! | `GET /v1/terms` | digests and names of the terms that are run here (JSON) |
//! | `GET /v1/TERMS/terms` | their text |
//! | `GET /v1/challenge` | what the next requests have to sign |
//! | any other | as on the port of clients and aggregators, by whoever signed it |
//!
//! A browser shows no certificate that a page chose, so requests carry a [`Credential`] in its place. From there on they
//! are answered by the same code: there is no second way in. Terms are shown to whoever reaches the port; how rounds
//! stand, and results, to those who have a part in them.

mod challenge;
mod connections;
mod files;

use std::path::Path;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Method, Request, Response, header};
use net::Identity;
use net::tls::PublicAcceptor;
use terms::Credential;

use super::{Shared, answer, http, now_ms};
use crate::error::Error;

pub(super) use challenge::Challenges;
pub(super) use connections::serve;

/// A page and the certificate that it is served under, read from files.
pub struct Page {
    acceptor: PublicAcceptor,
    files: files::Files,
}

impl Page {
    /// Reads the page from the folder that `make page` fills, and the certificates and their key from files in PEM.
    ///
    /// # Errors
    /// [`Error::System`] if a file cannot be read; [`Error::Net`] if certificate and key cannot be used.
    pub fn read(folder: &Path, certificate: &Path, key: &Path) -> Result<Self, Error> {
        let read =
            |file: &Path| std::fs::read(file).map_err(|e| Error::System { what: format!("{}: {e}", file.display()) });
        let key = zeroize::Zeroizing::new(read(key)?);
        let acceptor = PublicAcceptor::new(&read(certificate)?, &key)?;
        Ok(Self { acceptor, files: files::Files::read(folder)? })
    }

    async fn respond(&self, shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let open = if request.method() == Method::GET { self.open(shared, request.uri().path()) } else { None };
        let response = match open {
            Some(response) => response,
            None => match caller(shared, &request) {
                Ok(who) => http::respond(shared, who, request).await,
                Err(error) => http::refuse(shared, &error),
            },
        };
        Self::guarded(response)
    }

    /// What anybody may see.
    fn open(&self, shared: &Shared, path: &str) -> Option<Response<Full<Bytes>>> {
        if let Some(file) = self.files.get(path) {
            return Some(file);
        }
        match path {
            "/v1/challenge" => Some(answer::bytes(shared.challenges.fresh(now_ms()).to_vec())),
            "/v1/terms" => {
                let name = |digest: &[u8; 32]| shared.tasks[digest].terms().draft().name.clone();
                let mut all: Vec<_> = shared.tasks.keys().map(|digest| (name(digest), hex::encode(digest))).collect();
                all.sort();
                let all = all.into_iter().map(|(name, terms)| serde_json::json!({ "terms": terms, "name": name }));
                Some(answer::json(&all.collect()))
            }
            path => {
                let digest = path.strip_prefix("/v1/")?.strip_suffix("/terms")?;
                let digest: [u8; 32] = hex::decode(digest).ok()?.try_into().ok()?;
                let text = shared.tasks.get(&digest)?.terms().text().ok()?;
                Some(answer::bytes(text.into_bytes()))
            }
        }
    }
}

/// Who signed a request, just now; it is somebody who has a part in one of the tasks, as on the other port.
fn caller(shared: &Shared, request: &Request<Incoming>) -> Result<Identity, Error> {
    let refused = |what: String| Error::Credential { what };
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let header = header.ok_or_else(|| refused("it has no credential".into()))?;
    let credential: Credential = header.parse().map_err(|e: terms::Error| refused(e.to_string()))?;
    if !shared.challenges.knows(credential.challenge(), now_ms()) {
        return Err(refused("its challenge has expired, or is of another service".into()));
    }
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let who = credential.verify(request.method().as_str(), target).map_err(|e| refused(e.to_string()))?;
    let identity = Identity::from_bytes(who.0);
    if !shared.knows(&identity) {
        return Err(secagg::Error::NotEnrolled { culprit: who }.into());
    }
    Ok(identity)
}
