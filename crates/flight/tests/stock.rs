//! A stock client, pyarrow's, through the proxy.

mod world;

use std::sync::atomic::Ordering;

use flight::{Bounds, Deed, Proxy, Token};
use tokio::net::TcpListener;
use world::{ALICE, BOB, World, get, key};

/// Uploads a table, then tries to do it again, then downloads it.
const UPLOADS: &str = r#"
import sys
import pyarrow as pa, pyarrow.flight as fl
client = fl.connect(sys.argv[1])
options = fl.FlightCallOptions(headers=[(b"authorization", b"Bearer " + sys.argv[2].encode())])
descriptor = fl.FlightDescriptor.for_path("doses")
table = pa.table({"id": pa.array(range(100000)), "dose": pa.array([None, 0.5] * 50000), "site": pa.array(["a", "b"] * 50000)})

def upload(table):
    writer, answers = client.do_put(descriptor, table.schema, options)
    with writer:
        writer.write_table(table, max_chunksize=20000)
        writer.done_writing()
        answers.read()

try:
    upload(pa.table({"site": pa.array(["a"]).dictionary_encode()}))
    sys.exit("dictionaries were taken")
except pa.ArrowInvalid as error:
    assert "table.malformed" in str(error), error
upload(table)
try:
    upload(table)
    sys.exit("a second upload was taken")
except pa.ArrowException as error:
    assert "flight.again" in str(error), error
flight, = client.list_flights(options=options)
assert flight.total_records == 100000 and flight.schema == table.schema
assert client.do_get(flight.endpoints[0].ticket, options).read_all() == table
try:
    list(fl.connect(sys.argv[1]).list_flights())
    sys.exit("no token was asked for")
except fl.FlightUnauthenticatedError:
    pass
"#;

#[tokio::test(flavor = "multi_thread")]
async fn pyarrow_uploads_and_downloads() {
    let world = World::start(Bounds::default()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = format!("grpc://{}", listener.local_addr().unwrap());
    let token = Token::generate().unwrap();
    tokio::spawn(Proxy::new(world.way(ALICE)).serve(listener, token.clone()));
    let shown = token.reveal().to_owned();
    let run = move || testkit::python("pyarrow").unwrap().args(["-c", UPLOADS, &location, &shown]).output().unwrap();
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let done: Vec<Deed> = world.notes.events.lock().unwrap().iter().map(|event| event.deed.clone()).collect();
    assert!(done.contains(&Deed::Uploaded { rows: 100_000 }), "{done:?}");
    world.agreed.approved.store(true, Ordering::SeqCst);
    assert_eq!(get(&mut world.client(BOB), "doses").await.unwrap().rows(), 100_000);
    assert_eq!(world.last().0, key(BOB).identity());
}
