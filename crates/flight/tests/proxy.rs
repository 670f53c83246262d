//! The proxy: a stock client's way to a worker, with the party's key.

mod world;

use arrow_flight::flight_service_client::FlightServiceClient;
use flight::{Bounds, Deed, Proxy, Token};
use futures::StreamExt;
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};
use world::{ALICE, World, get, key, messages, table};

async fn behind_proxy(world: &World, who: u8) -> (FlightServiceClient<Channel>, Token) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let token = Token::generate().unwrap();
    tokio::spawn(Proxy::new(world.way(who)).serve(listener, token.clone()));
    let channel = Endpoint::from_shared(endpoint).unwrap().connect().await.unwrap();
    (FlightServiceClient::new(channel), token)
}

fn with<T>(token: &Token, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {}", token.reveal()).parse().unwrap());
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_reach_the_worker_as_the_party() {
    let world = World::start(Bounds::default()).await;
    let (mut client, token) = behind_proxy(&world, ALICE).await;
    let messages = messages("doses", &table(30_000)).await;
    let mut answers = client.do_put(with(&token, futures::stream::iter(messages))).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().is_some());
    assert_eq!(world.last(), (key(ALICE).identity(), Deed::Uploaded { rows: 30_000 }));
    assert_eq!(get(&mut world.client(ALICE), "doses").await.unwrap().rows(), 30_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_token_nobody_gets_through() {
    let world = World::start(Bounds::default()).await;
    let (mut client, _) = behind_proxy(&world, ALICE).await;
    let refused = client.list_flights(arrow_flight::Criteria::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let another = Token::generate().unwrap();
    let refused = client.list_flights(with(&another, arrow_flight::Criteria::default())).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(format!("{another:?}"), "Token(..)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_breaks_off_leaves_no_part_of_a_table() {
    let world = World::start(Bounds::default()).await;
    let (mut client, token) = behind_proxy(&world, ALICE).await;
    let begun = messages("doses", &table(50)).await;
    let (halfway, reached) = tokio::sync::oneshot::channel();
    let mut halfway = Some(halfway);
    let sent = futures::stream::iter(begun).chain(futures::stream::poll_fn(move |_| {
        // Everything before was taken by the transport.
        halfway.take().map(|halfway| halfway.send(()));
        std::task::Poll::Pending
    }));
    let call = tokio::spawn(async move { client.do_put(with(&token, sent)).await.map(|_| ()) });
    reached.await.unwrap();
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    let mut direct = world.client(ALICE);
    assert_eq!(get(&mut direct, "doses").await.unwrap_err().code(), Code::NotFound);
    // Whatever arrived of it, the name is free.
    world::put(&mut direct, "doses", &table(7)).await.unwrap();
    assert_eq!(get(&mut direct, "doses").await.unwrap().rows(), 7);
}

#[tokio::test]
async fn it_speaks_on_the_loopback_only() {
    let world = World::start(Bounds::default()).await;
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = Proxy::new(world.way(ALICE)).serve(listener, Token::generate().unwrap()).await;
    assert!(refused.unwrap_err().to_string().contains("loopback"));
}
