//! What is served on loopback: a page, rounds, metrics. It shows how many came, and nothing of who or what.

mod common;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use aggregator::Service;
use aggregator::board::InMemory;
use common::World;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn get(at: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {at}\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_shown_and_nobody_named() {
    let world = World::committee(5, (2, 2), |_| {});
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let rounds = vec![world.rounds(Arc::new(InMemory::default()))];
    let service = Service::start(world.service_key.clone(), any, Some(any), rounds).await.unwrap();
    let at = service.http().unwrap();
    for i in 0..2 {
        world.contribute(i, service.address()).await.unwrap();
    }
    let again = world.contribute(0, service.address()).await;
    assert!(again.is_err());

    let page = get(at, "/").await;
    assert!(page.contains("text/html") && page.contains("connect-src 'self'") && page.contains("fetch(\"rounds\""));
    let shown = get(at, "/rounds").await;
    let shown: serde_json::Value = serde_json::from_str(shown.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let task = &shown[0];
    assert_eq!((&task["task"], &task["rounds"], &task["minimum"]), (&"digits".into(), &1.into(), &3.into()));
    let standing = &task["standing"];
    assert_eq!((&standing["phase"], &standing["have"], &standing["of"]), (&"collect".into(), &2.into(), &5.into()));
    let metrics = get(at, "/metrics").await;
    assert!(metrics.contains("privity_aggregator_messages_total{stage=\"contribution\"} 2"), "{metrics}");
    assert!(metrics.contains("privity_aggregator_refusals_total{code=\"secagg.second\"} 1"), "{metrics}");
    for client in &world.clients {
        let identity = client.identity().to_string();
        let hex = hex::encode(client.identity().as_bytes());
        assert!(
            ![&page, &metrics, &shown.to_string()].iter().any(|text| text.contains(&identity) || text.contains(&hex))
        );
    }
}
