//! Handshakes: who is let in, and what is said to those who are not. On 127.0.0.1 only.

#[path = "support/anyone.rs"]
mod anyone;

use std::time::{Duration, SystemTime};

use anyone::TrustsAnyone;
use net::tls::{Acceptor, Alpn, Credentials, Dialer, Limits, Secured, listen};
use net::{Identity, KeyPair, NetError, Player, PlayerId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

struct Worker {
    key: KeyPair,
    player: Player,
}

fn worker(id: u16, name: &str) -> Worker {
    Worker { key: KeyPair::from_seed(&[id as u8 + 1; 32]), player: Player { id: PlayerId(id), name: name.into() } }
}

fn dialer(key: &KeyPair) -> Dialer {
    Dialer::new(Credentials::new(key.clone()).unwrap())
}

/// A port that lets `allowed` in, its endpoint, and the task that makes one handshake.
async fn port(
    credentials: Credentials,
    allowed: Vec<Identity>,
) -> (String, tokio::task::JoinHandle<Result<Secured, NetError>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let acceptor = Acceptor::new(credentials, move |identity| allowed.contains(identity)).unwrap();
    let task = tokio::spawn(async move { acceptor.accept(listener.accept().await.unwrap().0).await });
    (endpoint, task)
}

#[tokio::test]
async fn both_ends_know_each_other_and_share_an_exporter() {
    let (alice, bob) = (worker(0, "alice"), worker(1, "bob"));
    let (endpoint, accepting) = port(Credentials::new(bob.key.clone()).unwrap(), vec![alice.key.identity()]).await;
    let dialled = dialer(&alice.key).dial(&bob.player, &endpoint, bob.key.identity(), Alpn::Data).await.unwrap();
    let accepted = accepting.await.unwrap().unwrap();
    assert_eq!((dialled.identity, accepted.identity), (bob.key.identity(), alice.key.identity()));
    assert_eq!((dialled.alpn, accepted.alpn), (Alpn::Data, Alpn::Data));
    for end in [&dialled, &accepted] {
        assert_eq!(format!("{:?}", end.key_exchange().unwrap()), "X25519MLKEM768");
    }
    let exported = dialled.exporter("EXPORTER-privity-test", b"challenge").unwrap();
    assert_eq!(exported, accepted.exporter("EXPORTER-privity-test", b"challenge").unwrap());
    assert_ne!(exported, accepted.exporter("EXPORTER-privity-test", b"another").unwrap());
}

#[tokio::test]
async fn the_wrong_key_at_an_endpoint_is_named_with_both_fingerprints() {
    let (alice, bob, mallory) = (worker(0, "alice"), worker(1, "bob"), worker(6, "mallory"));
    let (endpoint, accepting) = port(Credentials::new(mallory.key.clone()).unwrap(), vec![alice.key.identity()]).await;
    let error = dialer(&alice.key).dial(&bob.player, &endpoint, bob.key.identity(), Alpn::Data).await.unwrap_err();
    let NetError::WrongKey { expected, got, .. } = &error else { panic!("{error}") };
    assert_eq!((*expected, *got), (bob.key.identity(), mallory.key.identity()));
    let said = error.to_string();
    assert!(said.contains(&expected.to_string()) && said.contains(&got.to_string()) && said.contains("bob"), "{said}");
    assert!(accepting.await.unwrap().is_err());
}

#[tokio::test]
async fn a_stranger_is_refused_at_the_port() {
    let (bob, mallory) = (worker(1, "bob"), worker(6, "mallory"));
    let (endpoint, accepting) = port(Credentials::new(bob.key.clone()).unwrap(), vec![]).await;
    let dialled = dialer(&mallory.key).dial(&bob.player, &endpoint, bob.key.identity(), Alpn::Data).await;
    let error = accepting.await.unwrap().unwrap_err();
    assert!(matches!(error, NetError::UnknownKey { got } if got == mallory.key.identity()), "{error}");
    // In TLS 1.3 the dialler may believe in the handshake until it reads.
    let refused = match dialled {
        Ok(mut secured) => secured.stream.read(&mut [0; 8]).await.is_err(),
        Err(_) => true,
    };
    assert!(refused);
}

#[tokio::test]
async fn certificates_outside_their_time_are_refused_by_both_ends() {
    let (alice, bob) = (worker(0, "alice"), worker(1, "bob"));
    let now = SystemTime::now();
    let day = Duration::from_secs(24 * 3600);
    for (from, until, said) in [(now - 2 * day, now - day, "expired"), (now + day, now + 2 * day, "not valid yet")] {
        let stale = |key: &KeyPair| Credentials::valid_between(key.clone(), from, until).unwrap();

        let (endpoint, _accepting) = port(stale(&bob.key), vec![alice.key.identity()]).await;
        let error = dialer(&alice.key).dial(&bob.player, &endpoint, bob.key.identity(), Alpn::Data).await.unwrap_err();
        assert_eq!(error.code(), "net.certificate-time");
        assert!(error.to_string().contains(said) && error.to_string().contains("bob"), "{error}");

        let (endpoint, accepting) = port(Credentials::new(bob.key.clone()).unwrap(), vec![alice.key.identity()]).await;
        let _ = Dialer::new(stale(&alice.key)).dial(&bob.player, &endpoint, bob.key.identity(), Alpn::Data).await;
        let error = accepting.await.unwrap().unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_is_worth_nothing() {
    // Mallory shows bob's certificate (it is public), but can only sign with her own key.
    let (alice, bob, mallory) = (worker(0, "alice"), worker(1, "bob"), worker(6, "mallory"));
    let (endpoint, accepting) = port(Credentials::new(bob.key.clone()).unwrap(), vec![alice.key.identity()]).await;
    let dialled = dialer(&alice.key).dial(&bob.player, &endpoint, bob.key.identity(), Alpn::Data).await.unwrap();
    let shown = dialled.stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    drop((dialled, accepting.await));

    let own = rustls::crypto::aws_lc_rs::default_provider();
    assert_eq!(mallory.key.identity(), KeyPair::from_seed(&[7; 32]).identity());
    let signing = own.key_provider.load_private_key(pkcs8(7).into()).unwrap();
    let certified = rustls::sign::CertifiedKey::new(vec![shown], signing);
    let resolver = std::sync::Arc::new(rustls::sign::SingleCertAndKey::from(certified));
    let mut config = rustls::ServerConfig::builder_with_provider(own.into())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"privity/1".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
        acceptor.accept(listener.accept().await.unwrap().0).await.map(drop)
    });
    let error = dialer(&alice.key).dial(&bob.player, &endpoint, bob.key.identity(), Alpn::Data).await.unwrap_err();
    assert_eq!(error.code(), "net.handshake", "{error}");
}

#[tokio::test]
async fn an_unreachable_player_is_named_with_its_endpoint() {
    let (alice, bob) = (worker(0, "alice"), worker(1, "bob"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = dialer(&alice.key).dial(&bob.player, &endpoint, bob.key.identity(), Alpn::Data).await.unwrap_err();
    assert_eq!(error.code(), "net.unreachable");
    assert!(error.to_string().contains("bob") && error.to_string().contains(&endpoint), "{error}");
}

#[tokio::test]
async fn other_protocols_are_refused() {
    let (alice, bob) = (worker(0, "alice"), worker(1, "bob"));
    for offered in [vec![b"http/1.1".to_vec()], vec![]] {
        let (endpoint, accepting) = port(Credentials::new(bob.key.clone()).unwrap(), vec![alice.key.identity()]).await;
        let foreign = Foreign { alpn: offered, ..Foreign::like_ours() };
        let mut stream = foreign.connect(&alice.key, &endpoint).await;
        let error = accepting.await.unwrap().unwrap_err();
        assert_eq!(error.code(), "net.handshake");
        assert!(error.to_string().contains("protocol"), "{error}");
        if let Ok(stream) = &mut stream {
            assert!(!matches!(stream.read(&mut [0; 8]).await, Ok(1..)));
        }
    }
}

#[tokio::test]
async fn clients_without_a_certificate_or_with_classical_keys_only_are_refused() {
    let (alice, bob) = (worker(0, "alice"), worker(1, "bob"));
    let nameless = Foreign { certified: false, ..Foreign::like_ours() };
    let classical = Foreign { groups: vec![rustls::crypto::aws_lc_rs::kx_group::X25519], ..Foreign::like_ours() };
    for (foreign, welcome) in [(nameless, false), (classical, false), (Foreign::like_ours(), true)] {
        let (endpoint, accepting) = port(Credentials::new(bob.key.clone()).unwrap(), vec![alice.key.identity()]).await;
        let _stream = foreign.connect(&alice.key, &endpoint).await;
        assert_eq!(accepting.await.unwrap().is_ok(), welcome);
    }
}

/// A client that is not ours: it offers what it likes, and verifies nothing.
struct Foreign {
    alpn: Vec<Vec<u8>>,
    groups: Vec<&'static dyn rustls::crypto::SupportedKxGroup>,
    certified: bool,
}

impl Foreign {
    fn like_ours() -> Foreign {
        let groups = vec![rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768];
        Foreign { alpn: vec![b"privity/1".to_vec()], groups, certified: true }
    }

    /// Connects with the key of one of ours, and the certificate that it shows at a port.
    async fn connect(
        self,
        key: &KeyPair,
        endpoint: &str,
    ) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let (probe, accepting) = port(Credentials::new(key.clone()).unwrap(), vec![key.identity()]).await;
        let player = Player { id: PlayerId(0), name: "probe".into() };
        let own = dialer(key).dial(&player, &probe, key.identity(), Alpn::Data).await.unwrap();
        let certificate = own.stream.get_ref().1.peer_certificates().unwrap()[0].clone();
        drop(accepting.await);
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.kx_groups = self.groups;
        let config = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(std::sync::Arc::new(TrustsAnyone));
        let mut config = if self.certified {
            assert_eq!(key.identity(), KeyPair::from_seed(&[1; 32]).identity());
            config.with_client_auth_cert(vec![certificate], pkcs8(1).into()).unwrap()
        } else {
            config.with_no_client_auth()
        };
        config.alpn_protocols = self.alpn;
        let stream = TcpStream::connect(endpoint).await?;
        tokio_rustls::TlsConnector::from(std::sync::Arc::new(config)).connect("x".try_into().unwrap(), stream).await
    }
}

/// The key of a seed of this byte, as other implementations take it (RFC 8410 §7).
fn pkcs8(seed: u8) -> rustls::pki_types::PrivatePkcs8KeyDer<'static> {
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    [&head[..], &[seed; 32]].concat().into()
}

#[tokio::test]
async fn garbage_and_silence_leave_a_port_open_for_others() {
    let (alice, bob) = (worker(0, "alice"), worker(1, "bob"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let friend = alice.key.identity();
    let acceptor = Acceptor::new(Credentials::new(bob.key.clone()).unwrap(), move |id| *id == friend).unwrap();
    let mut incoming = listen(listener, acceptor, Limits { handshakes_per_address: 4, ..Limits::default() });

    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 4096], &[0x16, 3, 1, 0xff, 0xff, 1, 2, 3]] {
        let mut stream = TcpStream::connect(&endpoint).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        // Until the port hangs up: it answers an alert, or nothing.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    // Three that connect and say nothing take three of the four places of this address.
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(TcpStream::connect(&endpoint).await.unwrap());
    }
    for alpn in [Alpn::Data, Alpn::Control] {
        let dialled = dialer(&alice.key).dial(&bob.player, &endpoint, bob.key.identity(), alpn).await.unwrap();
        let accepted = match alpn {
            Alpn::Data => incoming.data.next().await.unwrap(),
            _ => incoming.control.next().await.unwrap(),
        };
        assert_eq!((accepted.identity, accepted.alpn, dialled.alpn), (alice.key.identity(), alpn, alpn));
    }
    assert_eq!(incoming.data.refused(), 3);
    // Two more silent ones: the first of all gives way, and hears of it at once.
    for _ in 0..2 {
        silent.push(TcpStream::connect(&endpoint).await.unwrap());
    }
    assert_eq!(silent[0].read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(incoming.data.refused(), 4);
    // Hundreds of them keep nobody out, although they come from the address of those who mean it.
    for _ in 0..300 {
        silent.push(TcpStream::connect(&endpoint).await.unwrap());
    }
    dialer(&alice.key).dial(&bob.player, &endpoint, bob.key.identity(), Alpn::Data).await.unwrap();
    assert!(incoming.data.next().await.is_some());
}

#[tokio::test]
async fn those_who_meet_for_the_first_time_learn_each_others_keys_and_workers_do_not_meet() {
    let (alice, bob) = (worker(0, "alice"), worker(1, "bob"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let acceptor = Acceptor::for_meetings(Credentials::new(bob.key.clone()).unwrap()).unwrap();
    let accepting = tokio::spawn(async move { acceptor.accept(listener.accept().await.unwrap().0).await });
    let met = dialer(&alice.key).meet(&endpoint).await.unwrap();
    let accepted = accepting.await.unwrap().unwrap();
    assert_eq!((met.identity, accepted.identity), (bob.key.identity(), alice.key.identity()));
    assert_eq!((met.alpn, accepted.alpn), (Alpn::Meeting, Alpn::Meeting));

    let (endpoint, accepting) = port(Credentials::new(bob.key.clone()).unwrap(), vec![alice.key.identity()]).await;
    assert!(dialer(&alice.key).meet(&endpoint).await.is_err(), "a worker's port invites nobody");
    assert!(accepting.await.unwrap().is_err());
}
