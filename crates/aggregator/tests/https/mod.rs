//! Ordinary HTTPS for tests: a certificate for 127.0.0.1, the page under it, and a program that speaks like a browser.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aggregator::{Page, Service};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use secagg::Signer;
use terms::Credential;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A key of the kind that browsers know.
struct Key(EcdsaKeyPair);

impl rcgen::PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self.0.sign(&SystemRandom::new(), message);
        Ok(signature.map_err(|_| rcgen::Error::RemoteKeyError)?.as_ref().to_vec())
    }
}

/// A certificate that signs itself, as files, and what a browser is told of it.
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) pin: String,
    der: Vec<u8>,
}

fn pem(what: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", lines.join("\n"))
}

impl Certificate {
    pub(crate) fn write(folder: &Path) -> Certificate {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
        let key = Key(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap());
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.serial_number = Some(1.into());
        let der = params.self_signed(&key).unwrap().der().to_vec();
        let (chain, key_file) = (folder.join("page.pem"), folder.join("page-key.pem"));
        std::fs::write(&chain, pem("CERTIFICATE", &der)).unwrap();
        std::fs::write(&key_file, pem("PRIVATE KEY", pkcs8.as_ref())).unwrap();
        let pin = BASE64_STANDARD.encode(digest(&SHA256, &key.subject_public_key_info()));
        Certificate { chain, key: key_file, pin, der }
    }
}

/// Serves the page of this folder, and says where.
pub(crate) async fn serve_page(
    service: &mut Service,
    folder: &Path,
    certificate: &Certificate,
    at: Option<SocketAddr>,
) -> SocketAddr {
    let page = Page::read(folder, &certificate.chain, &certificate.key).unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    service.serve_page(page, at.unwrap_or(any)).await.unwrap()
}

/// A program at the other end of a connection.
pub(crate) struct Guest(SendRequest<Full<Bytes>>);

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The code of a refusal.
    pub(crate) fn code(&self) -> String {
        let said: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        said["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Guest {
    pub(crate) async fn connect(at: SocketAddr, certificate: &Certificate) -> Guest {
        Self::try_connect(at, certificate, &[b"h2"]).await.unwrap()
    }

    /// `None` if the handshake fails.
    pub(crate) async fn try_connect(at: SocketAddr, certificate: &Certificate, alpn: &[&[u8]]) -> Option<Guest> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der.clone().into()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|alpn| alpn.to_vec()).collect();
        let stream = TcpStream::connect(at).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        Some(Guest(sender))
    }

    pub(crate) async fn ask(&mut self, method: &str, target: &str, credential: Option<&str>, body: &[u8]) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("https://127.0.0.1{target}"));
        if let Some(credential) = credential {
            request = request.header(AUTHORIZATION, credential);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
        let (head, body) = self.0.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status, headers: head.headers, body }
    }

    pub(crate) async fn challenge(&mut self) -> [u8; Credential::CHALLENGE] {
        self.ask("GET", "/v1/challenge", None, &[]).await.body.try_into().unwrap()
    }

    /// The same, signed as a page does.
    pub(crate) async fn signed(&mut self, method: &str, target: &str, signer: &Signer, body: &[u8]) -> Answer {
        let credential = Credential::sign(signer, &self.challenge().await, method, target).to_string();
        self.ask(method, target, Some(&credential), body).await
    }
}
