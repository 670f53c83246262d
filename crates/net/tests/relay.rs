//! Workers that are reached through a relay, and what strangers can do to one. On 127.0.0.1 only.

use std::time::Duration;

use net::relay::{Limits, Relay, attend};
use net::tls::{Acceptor, Alpn, Credentials, Dialer, listen};
use net::{Identity, KeyPair, NetError, Player, PlayerId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed(&[seed; 32])
}

fn player(name: &str) -> Player {
    Player { id: PlayerId(1), name: name.into() }
}

/// A relay that allows these, and where it is.
async fn relay(allowed: Vec<Identity>, limits: Limits) -> (Relay, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let name = at.clone();
    let relay = Relay::new(move |identity, called| allowed.contains(identity) && called == name, limits);
    let serving = relay.clone();
    tokio::spawn(async move { serving.serve(listener).await });
    (relay, at)
}

/// A worker that echoes what it reads, registered with a relay under `key`.
async fn echo(key: KeyPair, known: Identity, relay: &str) -> AbortHandle {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap();
    let acceptor = Acceptor::new(Credentials::new(key.clone()).unwrap(), move |i| *i == known).unwrap();
    let mut incoming = listen(listener, acceptor, net::tls::Limits::default());
    tokio::spawn(async move {
        while let Some(secured) = incoming.data.next().await {
            tokio::spawn(async move {
                let (mut from, mut to) = tokio::io::split(secured.stream);
                tokio::io::copy(&mut from, &mut to).await.unwrap();
            });
        }
    });
    tokio::spawn(attend(relay.to_owned(), key, port)).abort_handle()
}

/// Until the relay has so many registered.
async fn registered(relay: &Relay, count: usize) {
    while relay.registered().len() != count {
        tokio::task::yield_now().await;
    }
}

fn dialer(seed: u8) -> Dialer {
    Dialer::new(Credentials::new(key(seed)).unwrap())
}

#[tokio::test]
async fn a_worker_that_cannot_be_dialled_is_reached_and_proves_its_own_key() {
    let (alice, bob) = (key(1), key(2));
    let (hub, at) = relay(vec![bob.identity()], Limits::default()).await;
    echo(bob.clone(), alice.identity(), &at).await;
    registered(&hub, 1).await;
    let endpoint = format!("relay://{at}");
    for _ in 0..3 {
        let mut link =
            dialer(1).dial(&player("bob"), &endpoint, bob.identity(), Alpn::Data).await.expect("bob is reached");
        assert_eq!(link.identity, bob.identity());
        let sent = vec![7; 300_000];
        let (mut from, mut to) = tokio::io::split(&mut link.stream);
        let mut back = vec![0; sent.len()];
        let (wrote, read) = tokio::join!(to.write_all(&sent), from.read_exact(&mut back));
        wrote.unwrap();
        read.unwrap();
        assert_eq!(back, sent);
    }
}

#[tokio::test]
async fn who_is_not_registered_is_told_of_in_words() {
    let (_hub, at) = relay(vec![], Limits::default()).await;
    let error = dialer(1).dial(&player("bob"), &format!("relay://{at}"), key(2).identity(), Alpn::Data).await;
    let error = error.unwrap_err();
    assert!(matches!(&error, NetError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("bob") && error.to_string().contains("not registered"), "{error}");
}

/// Registers by hand with this key, but signs with that one. Returns the relay's answer.
async fn register(at: &str, shown: &KeyPair, signer: &KeyPair) -> (u8, TcpStream) {
    register_at((at, at), shown, signer).await
}

/// The same, calling the relay by a name of which another may be signed.
async fn register_at((at, signed): (&str, &str), shown: &KeyPair, signer: &KeyPair) -> (u8, TcpStream) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(b"privrly2R").await.unwrap();
    let mut nonce = [0; 32];
    stream.read_exact(&mut nonce).await.unwrap();
    let proof = signer.sign("privity relay registration v2", &[nonce.as_slice(), signed.as_bytes()].concat());
    let name = [&[at.len() as u8], at.as_bytes()].concat();
    stream.write_all(&[shown.public().to_bytes().as_slice(), &name, &proof].concat()).await.unwrap();
    (stream.read_u8().await.unwrap(), stream)
}

#[tokio::test]
async fn only_the_owner_of_an_allowed_key_registers() {
    let (bob, mallory) = (key(2), key(6));
    let (hub, at) = relay(vec![bob.identity()], Limits::default()).await;
    assert_eq!(register(&at, &mallory, &mallory).await.0, b'-', "not allowed");
    assert_eq!(register(&at, &bob, &mallory).await.0, b'-', "not bob's signature");
    let elsewhere = register_at((&at, "other.example:7800"), &bob, &bob).await.0;
    assert_eq!(elsewhere, b'-', "bob's signature, for another relay");
    assert!(hub.registered().is_empty());
    let (answer, held) = register(&at, &bob, &bob).await;
    assert_eq!(answer, b'+');
    registered(&hub, 1).await;
    drop(held);
    registered(&hub, 0).await;
}

#[tokio::test]
async fn a_restarted_worker_takes_its_place_again() {
    let (alice, bob) = (key(1), key(2));
    let (hub, at) = relay(vec![bob.identity()], Limits::default()).await;
    // The old connection lingers and answers nothing.
    let (_, _old) = register(&at, &bob, &bob).await;
    registered(&hub, 1).await;
    let (_, mut newer) = register(&at, &bob, &bob).await;
    let _caller = {
        let mut caller = TcpStream::connect(&at).await.unwrap();
        caller.write_all(b"privrly2C").await.unwrap();
        caller.write_all(bob.identity().as_bytes()).await.unwrap();
        caller
    };
    // Whichever beats come first, the call arrives at the newer one.
    loop {
        match newer.read_u8().await.unwrap() {
            b'.' => {}
            b'c' => break,
            other => panic!("{other}"),
        }
    }
    drop(alice);
}

#[tokio::test]
async fn another_worker_behind_the_relay_cannot_stand_in() {
    let (alice, bob, mallory) = (key(1), key(2), key(6));
    // A relay that plays foul: it hands calls for bob to mallory.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let acceptor = Acceptor::new(Credentials::new(mallory).unwrap(), |_| true).unwrap();
    let foul = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 41]).await.unwrap();
        stream.write_all(b"+").await.unwrap();
        acceptor.accept(stream).await.map(drop)
    });
    let endpoint = format!("relay://{at}");
    let dialler = Dialer::new(Credentials::new(alice).unwrap());
    let error = dialler.dial(&player("bob"), &endpoint, bob.identity(), Alpn::Data).await.unwrap_err();
    assert!(matches!(error, NetError::WrongKey { .. }), "{error}");
    assert!(foul.await.unwrap().is_err());
}

#[tokio::test]
async fn strangers_take_only_their_share() {
    let bob = key(2);
    let limits = Limits { connections_per_address: 3, calls: 1, ..Limits::default() };
    let (hub, at) = relay(vec![bob.identity()], limits).await;
    let (_, mut held) = register(&at, &bob, &bob).await;
    registered(&hub, 1).await;
    let call = async || {
        let mut caller = TcpStream::connect(&at).await.unwrap();
        caller.write_all(b"privrly2C").await.unwrap();
        caller.write_all(bob.identity().as_bytes()).await.unwrap();
        caller
    };
    let (_first, _second) = (call().await, call().await);
    // The fourth connection from one address is closed at once.
    let mut fourth = TcpStream::connect(&at).await.unwrap();
    let closed = fourth.read(&mut [0; 1]).await;
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    // And bob still hears calls.
    while held.read_u8().await.unwrap() != b'c' {}
}

#[tokio::test]
async fn bytes_that_are_no_protocol_end_the_connection() {
    let (hub, at) = relay(vec![], Limits::default()).await;
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"privrly2Z", b"privrly1C", b"privrly2A0123456789abcdef"] {
        let mut stream = TcpStream::connect(&at).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut rest = Vec::new();
        // A reset is as good as an end.
        let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.expect("it ends");
        assert!(rest.is_empty() || rest == b"-", "{rest:?}");
    }
    assert!(hub.registered().is_empty());
}
