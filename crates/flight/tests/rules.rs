//! Who may upload, download and know what, over TLS.

mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_flight::{Action, Criteria, FlightData, FlightDescriptor};
use flight::{Bounds, Deed, Refusal, Store as _};
use futures::{StreamExt, TryStreamExt};
use tonic::Code;
use world::{ALICE, BOB, EVE, World, get, key, messages, names, put, table};

#[tokio::test(flavor = "multi_thread")]
async fn a_table_goes_from_its_owner_to_its_reader() {
    let world = World::start(Bounds::default()).await;
    let sent = table(50_000);
    put(&mut world.client(ALICE), "doses", &sent).await.unwrap();
    assert_eq!(world.last(), (key(ALICE).identity(), Deed::Uploaded { rows: 50_000 }));
    world.agreed.approved.store(true, Ordering::SeqCst);
    let received = get(&mut world.client(BOB), "doses").await.unwrap();
    assert_eq!(received.rows(), 50_000);
    let column = |t: &tables::Table| {
        t.batches().iter().flat_map(|b| b.column(1).to_data().buffers()[0].to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(column(&received), column(&sent));
    assert_eq!(world.last(), (key(BOB).identity(), Deed::Downloaded { rows: 50_000 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_uploads_and_only_once() {
    let world = World::start(Bounds::default()).await;
    let denied = put(&mut world.client(BOB), "doses", &table(3)).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    assert_eq!(world.last(), (key(BOB).identity(), Deed::UploadRefused(Refusal::NotOwner("doses".into()))));
    // Whether it exists is not told to Eve: a name that nobody agreed on is answered in the same words.
    let denied = put(&mut world.client(EVE), "doses", &table(3)).await.unwrap_err();
    let nothing = put(&mut world.client(EVE), "nothing", &table(3)).await.unwrap_err();
    assert_eq!(denied.message().replace("doses", ""), nothing.message().replace("nothing", ""));
    put(&mut world.client(ALICE), "doses", &table(3)).await.unwrap();
    let again = put(&mut world.client(ALICE), "doses", &table(4)).await.unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists);
    assert!(again.message().starts_with("flight.again: "), "{again}");
    assert_eq!(world.last().1, Deed::UploadRefused(Refusal::Again("doses".into())));
    assert_eq!(get(&mut world.client(ALICE), "doses").await.unwrap().rows(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_uploads_at_once_one_is_kept() {
    let world = World::start(Bounds::default()).await;
    let (one, other) = (table(10), table(20));
    let (mut first, mut second) = (world.client(ALICE), world.client(ALICE));
    let done = tokio::join!(put(&mut first, "doses", &one), put(&mut second, "doses", &other));
    assert!(done.0.is_ok() != done.1.is_ok(), "{done:?}");
    let kept = if done.0.is_ok() { 10 } else { 20 };
    assert_eq!(get(&mut world.client(ALICE), "doses").await.unwrap().rows(), kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_downloads_before_approval_and_no_stranger_ever() {
    let world = World::start(Bounds::default()).await;
    put(&mut world.client(ALICE), "doses", &table(3)).await.unwrap();
    let early = get(&mut world.client(BOB), "doses").await.unwrap_err();
    assert_eq!(early.code(), Code::FailedPrecondition);
    assert_eq!(world.last(), (key(BOB).identity(), Deed::DownloadRefused(Refusal::NotApproved("doses".into()))));
    world.agreed.approved.store(true, Ordering::SeqCst);
    let stranger = get(&mut world.client(EVE), "doses").await.unwrap_err();
    assert_eq!(stranger.code(), Code::PermissionDenied);
    assert_eq!(world.last(), (key(EVE).identity(), Deed::DownloadRefused(Refusal::Unknown("doses".into()))));
}

#[tokio::test(flavor = "multi_thread")]
async fn flights_are_listed_to_those_whom_they_concern() {
    let world = World::start(Bounds::default()).await;
    put(&mut world.client(ALICE), "doses", &table(3)).await.unwrap();
    let listed = async |who| {
        let stream = world.client(who).list_flights(Criteria::default()).await.unwrap().into_inner();
        stream.map_ok(|info| info.total_records).try_collect::<Vec<i64>>().await.unwrap()
    };
    assert_eq!(listed(ALICE).await, [3]);
    assert_eq!(listed(BOB).await, [-1], "not how many rows, before approval");
    assert_eq!(listed(EVE).await, [0i64; 0]);
    let named = FlightDescriptor::new_path(vec!["doses".into()]);
    assert_eq!(world.client(BOB).get_schema(named.clone()).await.unwrap_err().code(), Code::FailedPrecondition);
    assert_eq!(world.client(EVE).get_flight_info(named).await.unwrap_err().code(), Code::PermissionDenied);
    let status = Action { r#type: "status".into(), body: "doses".into() };
    let told = world.client(BOB).do_action(status).await.unwrap().into_inner().next().await.unwrap().unwrap();
    assert_eq!(told.body, br#"{"uploaded":true,"approved":false}"#.as_slice());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_its_readers_alone_and_nobody_uploads_it() {
    let world = World::start(Bounds::default()).await;
    let unknown = |who: u8, name: &str| (key(who).identity(), Deed::DownloadRefused(Refusal::Unknown(name.into())));
    assert_eq!(get(&mut world.client(BOB), "mean").await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(world.last(), unknown(BOB, "mean"), "there is none yet");
    world.agreed.computed.store(true, Ordering::SeqCst);
    world.store.keep("mean", table(2)).unwrap();
    // Neither who brought what it is computed from nor a stranger learns that it is there.
    for who in [ALICE, EVE] {
        let mut client = world.client(who);
        let [denied, nothing] =
            [get(&mut client, "mean").await.unwrap_err(), get(&mut client, "nothing").await.unwrap_err()];
        assert_eq!(denied.message().replace("mean", ""), nothing.message().replace("nothing", ""));
        get(&mut client, "mean").await.unwrap_err();
        assert_eq!(world.last(), unknown(who, "mean"));
        let asked = FlightDescriptor::new_path(vec!["mean".into()]);
        assert_eq!(client.get_flight_info(asked).await.unwrap_err().code(), Code::PermissionDenied);
        assert!(!names(&mut client).await.contains(&"mean".to_owned()));
        assert_eq!(put(&mut client, "mean", &table(3)).await.unwrap_err().code(), Code::PermissionDenied);
        assert_eq!(world.last().1, Deed::UploadRefused(Refusal::Unknown("mean".into())));
    }
    let mut reader = world.client(BOB);
    assert_eq!(names(&mut reader).await, ["doses", "mean"]);
    assert_eq!(get(&mut reader, "mean").await.unwrap().rows(), 2);
    assert_eq!(world.last(), (key(BOB).identity(), Deed::Downloaded { rows: 2 }));
    assert_eq!(put(&mut reader, "mean", &table(3)).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(world.last().1, Deed::UploadRefused(Refusal::NotOwner("mean".into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_table_or_too_large_is_refused_and_not_kept() {
    let mut bounds = Bounds::default();
    bounds.table.rows = 1000;
    let world = World::start(bounds).await;
    let mut client = world.client(ALICE);
    assert_eq!(put(&mut client, "doses", &table(1001)).await.unwrap_err().code(), Code::ResourceExhausted);
    let mut bent = messages("doses", &table(5)).await;
    let mut body = bent[1].data_body.to_vec();
    body.truncate(8);
    bent[1].data_body = body.into();
    assert_eq!(client.do_put(futures::stream::iter(bent)).await.unwrap_err().code(), Code::InvalidArgument);
    let nameless = vec![FlightData::default()];
    assert_eq!(client.do_put(futures::stream::iter(nameless)).await.unwrap_err().code(), Code::InvalidArgument);
    put(&mut client, "doses", &table(1000)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_ends_an_upload_and_gives_its_place_back() {
    let bounds = Bounds { uploads: 1, patience: Duration::from_millis(200), ..Bounds::default() };
    let world = World::start(bounds).await;
    let begun = messages("doses", &table(5)).await.into_iter().take(1);
    let silent = futures::stream::iter(begun).chain(futures::stream::pending());
    assert_eq!(world.client(ALICE).do_put(silent).await.unwrap_err().code(), Code::DeadlineExceeded);
    put(&mut world.client(ALICE), "doses", &table(5)).await.unwrap();
}

/// A client that is never silent and never done, as fast as it is let or in drops.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_never_ends_is_ended_and_gives_its_place_back() {
    let (patience, duration) = (Duration::from_secs(60), Duration::from_secs(1));
    let world = World::start(Bounds { uploads: 1, patience, duration, ..Bounds::default() }).await;
    // What the worker does not read counts for nothing, but for its time.
    let drop = |_| FlightData { app_metadata: "drop".into(), ..FlightData::default() };
    let slowly = async |mut pace: tokio::time::Interval| {
        pace.tick().await;
        Some(((), pace))
    };
    let slowly = futures::stream::unfold(tokio::time::interval(Duration::from_millis(20)), slowly);
    let endless = [futures::stream::repeat(()).boxed(), slowly.boxed()];
    for drops in endless {
        let begun = messages("doses", &table(5)).await.into_iter().take(1);
        let stream = futures::stream::iter(begun).chain(drops.map(drop));
        let ended = world.client(ALICE).do_put(stream).await.unwrap_err();
        assert_eq!(ended.code(), Code::DeadlineExceeded);
        assert!(ended.message().starts_with("flight.slow: "), "{ended}");
        assert_eq!(world.last(), (key(ALICE).identity(), Deed::UploadRefused(Refusal::Slow { seconds: 1 })));
    }
    // One that is done at once is in time.
    put(&mut world.client(ALICE), "doses", &table(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_have_room_together() {
    let most = 64 << 10;
    let world = World::start(Bounds { total: most, ..Bounds::default() }).await;
    world.agreed.weighed.store(true, Ordering::SeqCst);
    let mut client = world.client(ALICE);
    let full = async |name: &str, rows: usize| {
        let full = put(&mut world.client(ALICE), name, &table(rows)).await.unwrap_err();
        assert_eq!(full.code(), Code::ResourceExhausted);
        assert!(full.message().starts_with("flight.full: "), "{full}");
        assert_eq!(world.last(), (key(ALICE).identity(), Deed::UploadRefused(Refusal::Full { most })));
    };
    // One that is too large by itself takes nothing from others; beside one that is kept, there is less.
    full("doses", 4000).await;
    put(&mut client, "doses", &table(1500)).await.unwrap();
    full("weights", 1500).await;
    assert_eq!(get(&mut client, "weights").await.unwrap_err().code(), Code::NotFound);
    put(&mut client, "weights", &table(200)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_logged_is_not_done() {
    let world = World::start(Bounds::default()).await;
    world.notes.broken.store(true, Ordering::SeqCst);
    assert_eq!(put(&mut world.client(ALICE), "doses", &table(3)).await.unwrap_err().code(), Code::Internal);
    world.notes.broken.store(false, Ordering::SeqCst);
    assert_eq!(get(&mut world.client(ALICE), "doses").await.unwrap_err().code(), Code::NotFound);
    put(&mut world.client(ALICE), "doses", &table(3)).await.unwrap();
    world.notes.broken.store(true, Ordering::SeqCst);
    assert_eq!(get(&mut world.client(ALICE), "doses").await.unwrap_err().code(), Code::Internal);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_wait_until_they_are_taken_and_have_to_be_what_was_agreed_on() {
    let world = World::start(Bounds::default()).await;
    world.agreed.early.store(true, Ordering::SeqCst);
    let early = put(&mut world.client(ALICE), "doses", &table(3)).await.unwrap_err();
    assert_eq!(early.code(), Code::FailedPrecondition);
    assert_eq!(world.last().1, Deed::UploadRefused(Refusal::NotYet("doses".into())));
    world.agreed.early.store(false, Ordering::SeqCst);
    let columns = ["a", "b", "c", "d"].map(|name| (name, Arc::new(Int64Array::from(vec![1])) as ArrayRef));
    let wide = tables::Table::try_from(RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    let unfit = put(&mut world.client(ALICE), "doses", &wide).await.unwrap_err();
    assert_eq!(unfit.code(), Code::InvalidArgument);
    assert!(unfit.message().starts_with("flight.unfit: ") && unfit.message().contains("4 columns"), "{unfit}");
    put(&mut world.client(ALICE), "doses", &table(3)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_waits() {
    let world = World::start(Bounds::default()).await;
    *world.agreed.deaf_to.lock().unwrap() = Some(key(ALICE).identity());
    assert_eq!(get(&mut world.client(ALICE), "doses").await.unwrap_err().code(), Code::ResourceExhausted);
    assert_eq!(get(&mut world.client(EVE), "doses").await.unwrap_err().code(), Code::PermissionDenied);
}
