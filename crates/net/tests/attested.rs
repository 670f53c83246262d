//! Attested connections, and those who try to pass another machine's evidence for their own. What signs evidence here is
//! a key that only genuine machines have; `attest` knows what real evidence looks like. On 127.0.0.1 only.

#[path = "support/anyone.rs"]
mod anyone;

use std::sync::{Arc, Mutex};

use anyone::TrustsAnyone;
use net::tls::{Acceptor, Alpn, Appraiser, Attester, Credentials, Dialer, MOST_EVIDENCE, Proofs, Secured};
use net::{Identity, KeyPair, NetError, Player, PlayerId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed(&[seed; 32])
}

/// Players by the seed of their key.
const OWNER: u8 = 1;
const ENCLAVE: u8 = 2;
const OTHER_ENCLAVE: u8 = 3;
const MALLORY: u8 = 4;

const HARDWARE: u8 = 100;

/// A genuine machine: signs what it is asked to, followed by padding.
struct Machine {
    padding: usize,
    made: Mutex<Vec<Vec<u8>>>,
}

impl Machine {
    fn new() -> Arc<Machine> {
        Arc::new(Machine { padding: 0, made: Mutex::default() })
    }
}

impl Attester for Machine {
    fn attest(&self, report_data: &[u8; 32]) -> Result<Vec<u8>, String> {
        let mut evidence = key(HARDWARE).sign("evidence", report_data).to_vec();
        evidence.resize(evidence.len() + self.padding, 0);
        self.made.lock().unwrap().push(evidence.clone());
        Ok(evidence)
    }
}

/// Whoever shows evidence that was made elsewhere.
struct Shows(Vec<u8>);

impl Attester for Shows {
    fn attest(&self, _: &[u8; 32]) -> Result<Vec<u8>, String> {
        Ok(self.0.clone())
    }
}

/// Asks these identities.
struct Asks(Vec<Identity>);

impl Appraiser for Asks {
    fn asks(&self, peer: &Identity) -> bool {
        self.0.contains(peer)
    }

    fn appraise(&self, _: &Identity, evidence: &[u8], report_data: &[u8; 32]) -> Result<Vec<u8>, String> {
        let signature = evidence.first_chunk::<64>().ok_or("too short")?;
        let signed = key(HARDWARE).public().verify("evidence", report_data, signature);
        signed.map(|()| b"appraised".to_vec()).map_err(|_| "its report data is not of this connection".into())
    }
}

fn asking(of: &[u8]) -> Proofs {
    Proofs { attester: None, appraiser: Some(Arc::new(Asks(of.iter().map(|seed| key(*seed).identity()).collect()))) }
}

fn proving(attester: Arc<dyn Attester>) -> Proofs {
    Proofs { attester: Some(attester), appraiser: None }
}

/// A port of whoever has this key, that lets everybody of this file in, and the task that accepts once.
async fn port(seed: u8, proofs: Proofs) -> (String, tokio::task::JoinHandle<Result<Secured, NetError>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let acceptor = Acceptor::attested(Credentials::new(key(seed)).unwrap(), |_| true, proofs).unwrap();
    (endpoint, tokio::spawn(async move { acceptor.accept(listener.accept().await.unwrap().0).await }))
}

async fn dial(seed: u8, proofs: Proofs, endpoint: &str, expected: u8) -> Result<Secured, NetError> {
    let player = Player { id: PlayerId(1), name: "enclave".into() };
    let dialer = Dialer::attested(Credentials::new(key(seed)).unwrap(), proofs);
    dialer.dial(&player, endpoint, key(expected).identity(), Alpn::Data).await
}

/// That the dialler refused, because of a proof, with these words.
fn refused(dialled: Result<Secured, NetError>, words: &str) {
    let Err(error) = dialled else { panic!("accepted") };
    assert_eq!(error.code(), "net.unproved", "{error}");
    assert!(error.to_string().contains(words) && error.to_string().contains("enclave"), "{error}");
}

#[tokio::test]
async fn a_machine_proves_itself_and_data_follows() {
    let (endpoint, accepting) = port(ENCLAVE, proving(Machine::new())).await;
    let mut dialled = dial(OWNER, asking(&[ENCLAVE]), &endpoint, ENCLAVE).await.unwrap();
    let mut accepted = accepting.await.unwrap().unwrap();
    assert_eq!(dialled.appraised.map(|a| a.record).as_deref(), Some(&b"appraised"[..]));
    assert_eq!((accepted.appraised.is_none(), accepted.alpn), (true, Alpn::Attested));
    dialled.stream.write_all(b"values").await.unwrap();
    dialled.stream.flush().await.unwrap();
    let mut arrived = [0; 6];
    accepted.stream.read_exact(&mut arrived).await.unwrap();
    assert_eq!(&arrived, b"values");
}

#[tokio::test]
async fn who_dials_proves_itself_as_well_and_both_may_have_to_with_long_evidence() {
    let (endpoint, accepting) = port(OWNER, asking(&[ENCLAVE])).await;
    dial(ENCLAVE, proving(Machine::new()), &endpoint, OWNER).await.unwrap();
    assert!(accepting.await.unwrap().unwrap().appraised.is_some());

    // As long as evidence may be, from both ends at once: neither may wait for the other to read.
    let long =
        || -> Arc<dyn Attester> { Arc::new(Machine { padding: MOST_EVIDENCE as usize - 64, made: Mutex::default() }) };
    let both = |of| Proofs { attester: Some(long()), ..asking(&[of]) };
    let (endpoint, accepting) = port(OTHER_ENCLAVE, both(ENCLAVE)).await;
    let dialled = dial(ENCLAVE, both(OTHER_ENCLAVE), &endpoint, OTHER_ENCLAVE).await.unwrap();
    assert!(dialled.appraised.is_some() && accepting.await.unwrap().unwrap().appraised.is_some());
}

#[tokio::test]
async fn evidence_of_another_connection_is_a_replay() {
    let machine = Machine::new();
    let (endpoint, _first) = port(ENCLAVE, proving(machine.clone())).await;
    dial(OWNER, asking(&[ENCLAVE]), &endpoint, ENCLAVE).await.unwrap();
    let recorded = machine.made.lock().unwrap()[0].clone();
    let (endpoint, accepting) = port(ENCLAVE, proving(Arc::new(Shows(recorded)))).await;
    refused(dial(OWNER, asking(&[ENCLAVE]), &endpoint, ENCLAVE).await, "not of this connection");
    let error = accepting.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("refuses the evidence of our machine"), "{error}");
}

#[tokio::test]
async fn who_relays_a_challenge_to_a_genuine_machine_gains_nothing() {
    // The operator has the enclave's key on another machine, and has the enclave answer in its place: the owner's
    // challenge goes to the enclave, and the enclave's evidence to the owner, byte for byte.
    let (enclave, accepting) = port(ENCLAVE, proving(Machine::new())).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let relay = tokio::spawn(async move {
        let mut owner = raw_accept(listener, ENCLAVE).await;
        let mut enclave = raw_dial(&enclave, MALLORY).await;
        let mut challenge = [0; 33];
        owner.read_exact(&mut challenge).await.unwrap();
        enclave.write_all(&challenge).await.unwrap();
        enclave.write_all(&[0; 4]).await.unwrap();
        enclave.flush().await.unwrap();
        let (mut theirs, mut head) = ([0; 33], [0; 4]);
        enclave.read_exact(&mut theirs).await.unwrap();
        enclave.read_exact(&mut head).await.unwrap();
        let mut evidence = vec![0; u32::from_be_bytes(head) as usize];
        enclave.read_exact(&mut evidence).await.unwrap();
        assert_eq!(evidence.len(), 64, "the enclave answers whoever asks");
        for part in [&theirs[..], &head, &evidence] {
            owner.write_all(part).await.unwrap();
        }
        owner.flush().await.unwrap();
        let mut verdict = vec![0; 5];
        owner.read_exact(&mut verdict).await.unwrap();
        enclave.write_all(&[1]).await.unwrap();
        enclave.flush().await.unwrap();
        verdict
    });
    refused(dial(OWNER, asking(&[ENCLAVE]), &endpoint, ENCLAVE).await, "not of this connection");
    assert_eq!(relay.await.unwrap(), [0; 5], "the owner proves nothing, and says no");
    // The enclave itself did nothing wrong, and sees whom it spoke to.
    assert_eq!(accepting.await.unwrap().unwrap().identity, key(MALLORY).identity());
}

#[tokio::test]
async fn a_connection_diverted_to_another_genuine_machine_is_refused() {
    // That machine's own key is not the one that the roster names.
    let (other, _accepting) = port(OTHER_ENCLAVE, proving(Machine::new())).await;
    let error = dial(OWNER, asking(&[ENCLAVE, OTHER_ENCLAVE]), &other, ENCLAVE).await.unwrap_err();
    assert_eq!(error.code(), "net.wrong-key");
    // And where the port lets several in, evidence made for one key is worth nothing under another: here Mallory asks
    // the other enclave as if she were the owner's worker, and shows what she gets to the owner.
    let machine = Machine::new();
    let (other, _accepting) = port(OTHER_ENCLAVE, proving(machine.clone())).await;
    dial(MALLORY, asking(&[OTHER_ENCLAVE]), &other, OTHER_ENCLAVE).await.unwrap();
    let theirs = machine.made.lock().unwrap()[0].clone();
    let (owner, accepting) = port(OWNER, asking(&[MALLORY])).await;
    let dialled = dial(MALLORY, proving(Arc::new(Shows(theirs))), &owner, OWNER).await;
    assert!(dialled.is_err());
    let error = accepting.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("not of this connection"), "{error}");
}

#[tokio::test]
async fn who_has_to_prove_itself_and_does_not_is_refused() {
    // With nothing to prove itself by, it does not even speak the protocol.
    let (endpoint, accepting) = port(ENCLAVE, Proofs::default()).await;
    assert_eq!(dial(OWNER, asking(&[ENCLAVE]), &endpoint, ENCLAVE).await.unwrap_err().code(), "net.handshake");
    assert!(accepting.await.unwrap().is_err());
    // If it speaks it, and sends nothing.
    let (endpoint, _accepting) = port(ENCLAVE, asking(&[])).await;
    refused(dial(OWNER, asking(&[ENCLAVE]), &endpoint, ENCLAVE).await, "proves nothing");
    // If it dials as if nothing were asked.
    let (endpoint, accepting) = port(OWNER, asking(&[ENCLAVE])).await;
    let dialled = dial(ENCLAVE, Proofs::default(), &endpoint, OWNER).await;
    let error = accepting.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("no room for it"), "{error}");
    if let Ok(mut dialled) = dialled {
        assert!(!matches!(dialled.stream.read(&mut [0; 1]).await, Ok(1..)), "it gets nothing to read");
    }
    // Who is not asked connects as ever.
    let (endpoint, accepting) = port(OWNER, asking(&[ENCLAVE])).await;
    dial(OTHER_ENCLAVE, Proofs::default(), &endpoint, OWNER).await.unwrap();
    assert_eq!(accepting.await.unwrap().unwrap().alpn, Alpn::Data);
}

#[tokio::test]
async fn what_breaks_the_form_is_refused_in_words() {
    let challenge = |asks: u8| [&[asks][..], &[7; 32]].concat();
    let cases: [(Vec<u8>, &str); 4] = [
        (challenge(2), "of another form"),
        ([challenge(0), (MOST_EVIDENCE + 1).to_be_bytes().to_vec()].concat(), "announces evidence"),
        ([challenge(0), 9u32.to_be_bytes().to_vec(), vec![0; 3]].concat(), "breaks off"),
        (challenge(0)[..20].to_vec(), "broke off"),
    ];
    for (bytes, words) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = listener.local_addr().unwrap().to_string();
        let hostile = tokio::spawn(async move {
            let mut stream = raw_accept(listener, ENCLAVE).await;
            stream.write_all(&bytes).await.unwrap();
            stream.shutdown().await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
        refused(dial(OWNER, asking(&[ENCLAVE]), &endpoint, ENCLAVE).await, words);
        hostile.await.unwrap();
    }
}

/// The certificate of whoever has this key, and the key as TLS takes it (RFC 8410 §7).
async fn certified(
    seed: u8,
) -> (rustls::pki_types::CertificateDer<'static>, rustls::pki_types::PrivateKeyDer<'static>) {
    let (endpoint, accepting) = port(seed, Proofs::default()).await;
    let dialled = dial(OWNER, Proofs::default(), &endpoint, seed).await.unwrap();
    let shown = dialled.stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned();
    drop(accepting.await);
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let key: rustls::pki_types::PrivatePkcs8KeyDer<'static> = [&head[..], &[seed; 32]].concat().into();
    (shown, key.into())
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    rustls::crypto::aws_lc_rs::default_provider().into()
}

/// A handshake as an attested connection's, and nothing else of ours.
async fn raw_accept(listener: TcpListener, seed: u8) -> tokio_rustls::server::TlsStream<TcpStream> {
    let (certificate, key) = certified(seed).await;
    let config = rustls::ServerConfig::builder_with_provider(provider());
    let config = config.with_protocol_versions(&[&rustls::version::TLS13]).unwrap().with_no_client_auth();
    let mut config = config.with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = vec![Alpn::Attested.wire().to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    acceptor.accept(listener.accept().await.unwrap().0).await.unwrap()
}

async fn raw_dial(endpoint: &str, seed: u8) -> tokio_rustls::client::TlsStream<TcpStream> {
    let (certificate, key) = certified(seed).await;
    let config = rustls::ClientConfig::builder_with_provider(provider());
    let config = config.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let config = config.dangerous().with_custom_certificate_verifier(Arc::new(TrustsAnyone));
    let mut config = config.with_client_auth_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = vec![Alpn::Attested.wire().to_vec()];
    let stream = TcpStream::connect(endpoint).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect("x".try_into().unwrap(), stream).await.unwrap()
}
