//! A relay: where a worker that cannot be dialled meets those who dial it.
//!
//! A worker behind a firewall *registers* with a relay over a connection of its own. Who wants to reach it *calls* its
//! identity there; the relay hands the worker a ticket, the worker *answers* with a new outbound connection, and the
//! relay passes bytes from one to the other. What passes is the ordinary TLS between the two ends, with keys pinned by
//! their rosters: the relay sees who talks with whom, when and how much, and ciphertext. It can refuse to serve and
//! cannot read, alter or impersonate. A registration proves the worker's key, so that nobody else takes its calls.
//!
//! An endpoint of this kind is written `relay://host:port`.
//!
//! On the wire everything has a fixed length. The first nine bytes of a connection say what it is for:
//!
//! | first bytes | then | the relay's answer |
//! |---|---|---|
//! | `privrly2` `C` | identity (32) | `YES`, then the other end's bytes; or `NO`, `BUSY` |
//! | `privrly2` `R` | after a nonce (32): public key (32), length of the relay's name (1), that name as the worker calls it (`host:port`), signature (64) | `YES` or `NO`; then `BEAT`s, which are answered, and `CALL`s with tickets (16) |
//! | `privrly2` `A` | ticket (16) | `YES`, then the caller's bytes; or `NO` |

mod attend;
mod call;
mod hub;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub use attend::attend;
pub(crate) use call::call;
pub use hub::{Limits, Relay};

/// How an endpoint behind a relay begins.
pub const SCHEME: &str = "relay://";

const MAGIC: &[u8; 8] = b"privrly2";
const KIND_CALL: u8 = b'C';
const KIND_REGISTER: u8 = b'R';
const KIND_ANSWER: u8 = b'A';

/// Yes: from here on the connection is the other end's.
const YES: u8 = b'+';
/// No: nobody of this identity is registered, or the relay does not know it.
const NO: u8 = b'-';
/// Too much is going on.
const BUSY: u8 = b'!';
/// Somebody calls; a ticket follows.
const CALL: u8 = b'c';
/// Still there.
const BEAT: u8 = b'.';

/// The context in which a registration is signed; see [`registration`].
const REGISTRATION: &str = "privity relay registration v2";

/// How long a step of these conversations may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a relay shows that it is there. A registration that does not answer for two beats is dropped.
const BEATS: Duration = Duration::from_secs(15);

/// One call, as it is answered.
type Ticket = [u8; 16];

/// What a registration signs: the relay's nonce, and the name that the worker calls it by. A relay that passes another
/// relay's nonce on can thus not register there in the worker's place.
fn registration(nonce: &[u8; 32], name: &str) -> Vec<u8> {
    [nonce.as_slice(), name.as_bytes()].concat()
}

/// Connects, and says what for.
async fn open(relay: &str, kind: u8, rest: &[u8]) -> std::io::Result<TcpStream> {
    use tokio::io::AsyncWriteExt;
    let mut stream = patient(TcpStream::connect(relay)).await?;
    // Rounds are small messages: waiting to fill a packet would double their time.
    stream.set_nodelay(true)?;
    stream.write_all(&[MAGIC.as_slice(), &[kind], rest].concat()).await?;
    Ok(stream)
}

async fn read<const N: usize>(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// What does not come within [`PATIENCE`] does not come.
async fn patient<T>(step: impl Future<Output = std::io::Result<T>>) -> std::io::Result<T> {
    timeout(PATIENCE, step).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}
