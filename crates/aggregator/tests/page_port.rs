//! The port for browsers, with those who do not behave like the page: whatever they send, the rules are those of the
//! other port.

mod common;
mod https;

use std::path::Path;
use std::sync::Arc;

use aggregator::board::{Board as _, InMemory, RoundId};
use aggregator::{Input, Page, Protocol, fresh, signer};
use common::{World, counted, key};
use https::{Certificate, Guest, serve_page};
use hyper::StatusCode;
use terms::Credential;

/// A folder as `make page` leaves it, but for what is in the files.
fn files(folder: &Path) {
    for name in ["index.html", "page.css", "page.js", "core.js", "service.js", "page.wasm"] {
        std::fs::write(folder.join(name), name).unwrap();
    }
}

/// What a client of the world would send to a round.
fn contribution(world: &World, client: usize, round: u64) -> Vec<u8> {
    let Protocol::Committee(committee) = world.terms.protocol() else { panic!("pairs") };
    let digit = world.digit(client);
    let mut rng = fresh().unwrap();
    let vector = world.terms.encode(&Input { values: &digit, weight: None }, &mut rng).unwrap();
    let signer = signer(&world.clients[client]);
    secagg::committee::contribute(&world.terms.task(round), committee, &signer, &vector, &mut rng).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_are_those_of_the_other_port() {
    let world = World::committee(4, (2, 2), |_| {});
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    let certificate = Certificate::write(folder.path());
    let mut service = world.serve(Arc::new(InMemory::default())).await;
    let at = serve_page(&mut service, folder.path(), &certificate, None).await;
    let mut guest = Guest::connect(at, &certificate).await;
    let digest = hex::encode(world.terms.digest());
    let post = format!("/v1/{digest}/rounds/1/contribution");
    let signers: Vec<_> = world.clients.iter().map(signer).collect();

    // In the name of another, and altered on the way.
    let message = contribution(&world, 0, 1);
    assert_eq!(guest.signed("POST", &post, &signers[1], &message).await.code(), "aggregator.forbidden");
    let mut altered = message.clone();
    *altered.last_mut().unwrap() ^= 1;
    assert!(guest.signed("POST", &post, &signers[0], &altered).await.status.is_client_error());
    let longer = [&message[..], &[0]].concat();
    assert!(guest.signed("POST", &post, &signers[0], &longer).await.status.is_client_error());
    let huge = vec![0; world.terms.longest_message(aggregator::Sender::Client) + 1];
    assert!(guest.signed("POST", &post, &signers[0], &huge).await.status.is_client_error());
    let other = contribution(&world, 0, 2);
    assert_eq!(guest.signed("POST", &post, &signers[0], &other).await.code(), "secagg.other-round");
    // Somebody who is known and may not contribute; somebody who is not known.
    let member = signer(&world.members[0]);
    assert_eq!(guest.signed("POST", &post, &member, &message).await.code(), "secagg.not-enrolled");
    let stranger = guest.signed("POST", &post, &signer(&key(5)), &message).await;
    assert_eq!((stranger.status, &*stranger.code()), (StatusCode::FORBIDDEN, "secagg.not-enrolled"));
    let standing = guest.signed("GET", &format!("/v1/{digest}/rounds/current"), &signer(&key(5)), &[]).await;
    assert_eq!(standing.code(), "secagg.not-enrolled");

    // Once, and again the very same; not another one.
    let taken = guest.signed("POST", &post, &signers[0], &message).await;
    assert_eq!((taken.status, &*taken.body), (StatusCode::OK, &br#"{"new":true}"#[..]));
    let repeated = guest.signed("POST", &post, &signers[0], &message).await;
    assert_eq!((repeated.status, &*repeated.body), (StatusCode::OK, &br#"{"new":false}"#[..]));
    let second = guest.signed("POST", &post, &signers[0], &contribution(&world, 0, 1)).await;
    assert_eq!((second.status, &*second.code()), (StatusCode::CONFLICT, "secagg.second"));

    // Together with clients of the other port; results for those who may read them.
    let result = format!("/v1/{digest}/rounds/1/result");
    assert_eq!(guest.signed("GET", &result, &signers[0], &[]).await.code(), "aggregator.early");
    let _members = world.start_members(&[0, 1], folder.path(), service.address());
    for client in 1..4 {
        world.contribute(client, service.address()).await.unwrap();
    }
    assert_eq!(counted(&world.result(1, service.address()).await.unwrap()), [0, 1, 2, 3]);
    let published = guest.signed("GET", &result, &signers[3], &[]).await;
    let published = aggregator::Aggregate::decode(&world.terms, 1, &published.body).unwrap();
    assert_eq!(counted(&published), [0, 1, 2, 3]);
    assert_eq!(guest.signed("GET", &result, &signer(&key(5)), &[]).await.code(), "secagg.not-enrolled");
    // What was taken in time is confirmed for ever.
    assert_eq!(guest.signed("POST", &post, &signers[0], &message).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_without_a_fresh_signature() {
    let world = World::committee(3, (2, 2), |_| {});
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    let certificate = Certificate::write(folder.path());
    let board = Arc::new(InMemory::default());
    let mut service = world.serve(board.clone()).await;
    let at = serve_page(&mut service, folder.path(), &certificate, None).await;
    let mut guest = Guest::connect(at, &certificate).await;
    let digest = hex::encode(world.terms.digest());
    let (target, mine) = (format!("/v1/{digest}/rounds/current"), signer(&world.clients[0]));

    let signed = |challenge: &[u8; 40], method: &str, target: &str| {
        Credential::sign(&mine, challenge, method, target).to_string()
    };
    let challenge = guest.challenge().await;
    let good = signed(&challenge, "GET", &target);
    assert_eq!(guest.ask("GET", &target, Some(&good), &[]).await.status, StatusCode::OK);
    let mut foreign = challenge;
    foreign[20] ^= 1;
    let refused = [
        String::new(),
        "Privity".into(),
        "Basic cHJpdml0eQ==".into(),
        good.to_uppercase(),
        format!("{good}00"),
        signed(&foreign, "GET", &target),
        signed(&[0xff; 40], "GET", &target),
        signed(&challenge, "POST", &target),
        signed(&challenge, "GET", &format!("{target}?wait_ms=1")),
    ];
    for credential in &refused {
        let answer = guest.ask("GET", &target, Some(credential), &[]).await;
        assert_eq!((answer.status, &*answer.code()), (StatusCode::UNAUTHORIZED, "aggregator.credential"));
    }
    let message = contribution(&world, 0, 1);
    for path in ["rounds/1/contribution", "rounds/1/result", "rounds/1/deposits", "enrolment", ""] {
        for method in ["GET", "POST", "PUT", "OPTIONS"] {
            let answer = guest.ask(method, &format!("/v1/{digest}/{path}"), None, &message).await;
            assert_eq!(answer.code(), "aggregator.credential", "{method} {path}");
        }
    }
    let id = RoundId { task: world.terms.digest(), round: 1 };
    assert!(board.senders(id, aggregator::board::Slot(10)).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_told_to_load_nothing_from_elsewhere() {
    let world = World::committee(3, (2, 2), |_| {});
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    std::fs::write(folder.path().join("secret.txt"), "not for the world").unwrap();
    let certificate = Certificate::write(folder.path());
    let mut service = world.serve(Arc::new(InMemory::default())).await;
    let at = serve_page(&mut service, folder.path(), &certificate, None).await;
    let mut guest = Guest::connect(at, &certificate).await;
    for (path, file) in [("/", "index.html"), ("/page.js", "page.js"), ("/page.wasm", "page.wasm")] {
        let answer = guest.ask("GET", path, None, &[]).await;
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, file.as_bytes()));
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("http") && !policy.contains('*'));
    }
    for path in ["/secret.txt", "/../secret.txt", "/page.js/", "//", "/v1", "/v1/zz/terms", "/page-key.pem"] {
        let answer = guest.ask("GET", path, None, &[]).await;
        assert_eq!(answer.code(), "aggregator.credential", "{path}");
        assert!(answer.headers.contains_key("content-security-policy"));
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
    // The terms are for anybody to read, and come with the digest that everyone signs.
    let digest = hex::encode(world.terms.digest());
    let text = guest.ask("GET", &format!("/v1/{digest}/terms"), None, &[]).await.body;
    let read = aggregator::Terms::parse(std::str::from_utf8(&text).unwrap()).unwrap();
    assert_eq!(read.digest(), world.terms.digest());
    let offered = guest.ask("GET", "/v1/terms", None, &[]).await.body;
    let offered: serde_json::Value = serde_json::from_slice(&offered).unwrap();
    assert_eq!(offered, serde_json::json!([{ "terms": digest, "name": "digits" }]));
    // No older protocol instead.
    assert!(Guest::try_connect(at, &certificate, &[b"http/1.1"]).await.is_none());
}

#[tokio::test]
async fn what_cannot_be_served_is_said_before() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::write(folder.path());
    let other = tempfile::tempdir().unwrap();
    let foreign = Certificate::write(other.path());
    let read =
        |certificate: &Certificate, key: &Path| Page::read(folder.path(), &certificate.chain, key).err().unwrap();
    let missing = read(&certificate, &certificate.key);
    assert!(missing.to_string().contains("make page"), "{missing}");
    files(folder.path());
    assert_eq!(read(&certificate, &foreign.key).code(), "net.certificate");
    assert_eq!(read(&certificate, &certificate.chain).code(), "net.certificate");
    assert!(Page::read(folder.path(), &certificate.chain, &certificate.key).is_ok());
}
