//! Attested connections: what stands at an end proves what machine it is, before anything else is said.
//!
//! After the handshake, whoever asks sends a fresh challenge, and gets evidence whose report data is a hash over the
//! prover's and the verifier's TLS keys, the TLS exporter of this very connection, and the challenge (as
//! draft-fossati-seat-expat binds them). So evidence of another machine, of another connection, or of another day is
//! worth nothing here, also if whoever relays it holds the prover's key: formal analyses have shown that evidence in
//! certificates alone can be relayed and diverted. Nothing is resumed and nothing is sent early, so each connection is
//! proved anew.
//!
//! What evidence looks like and who accepts it is for those who are given as [`Attester`] and [`Appraiser`]: here it is
//! bytes. A connection of which an end must prove itself has a protocol name of its own, so that an end that does not
//! know of it fails in the handshake. Connections for tables always begin so, also where neither end has to prove anything.
//!
//! | message, each way, in this order | form |
//! |---|---|
//! | challenge | a byte, 1 if proof is asked for; 32 random bytes |
//! | evidence | its length in 4 bytes, big-endian, 0 if none was asked for or there is none; the evidence |
//! | verdict | a byte, 1 if the evidence was accepted or none was asked for |

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::{Alpn, Appraised, Secured};
use crate::error::NetError;
use crate::identity::Identity;
use crate::player::Player;

/// How long proving may take, appraisal included: a TPM signs within a second or two.
const PROVING_TIME: Duration = Duration::from_secs(30);

/// No evidence is larger.
pub const MOST_EVIDENCE: u32 = 4 << 20;

const EXPORTER: &str = "EXPORTER-privity-attestation";
const DOMAIN: &str = "privity 2026-11-21 attested connection: report data";

/// Makes evidence of the machine that this end runs on. It blocks for as long as the hardware takes.
pub trait Attester: Send + Sync {
    /// Evidence whose report data is this.
    ///
    /// # Errors
    /// Why there is none, in words.
    fn attest(&self, report_data: &[u8; 32]) -> Result<Vec<u8>, String>;
}

/// Decides whose machines have to prove themselves, and what they have to be.
pub trait Appraiser: Send + Sync {
    /// Whether this identity has to prove itself.
    fn asks(&self, peer: &Identity) -> bool;

    /// Appraises evidence that has to be tied to this report data, and returns a record of it.
    ///
    /// # Errors
    /// Why it is refused, in words.
    fn appraise(&self, peer: &Identity, evidence: &[u8], report_data: &[u8; 32]) -> Result<Vec<u8>, String>;
}

/// What one end proves, and what it asks of others. Nothing, if nothing is given.
#[derive(Clone, Default)]
pub struct Proofs {
    /// Proves this end, if it has to.
    pub attester: Option<Arc<dyn Attester>>,
    /// Appraises others, if some have to prove themselves.
    pub appraiser: Option<Arc<dyn Appraiser>>,
}

impl fmt::Debug for Proofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proofs(own: {}, others': {})", self.attester.is_some(), self.appraiser.is_some())
    }
}

impl Proofs {
    fn asks(&self, peer: &Identity) -> bool {
        self.appraiser.as_ref().is_some_and(|appraiser| appraiser.asks(peer))
    }

    /// Whether an end of a data connection to this peer has to prove itself.
    fn concern(&self, peer: &Identity) -> bool {
        self.attester.is_some() || self.asks(peer)
    }

    /// What to dial with, in place of [`Alpn::Data`].
    pub(super) fn protocol(&self, alpn: Alpn, peer: &Identity) -> Alpn {
        if alpn == Alpn::Data && self.concern(peer) { Alpn::Attested } else { alpn }
    }

    /// Whether there is anything to prove or to ask for.
    pub(super) fn any(&self) -> bool {
        self.attester.is_some() || self.appraiser.is_some()
    }

    /// What has to happen before a connection is used. `player` is whom we dialled.
    pub(super) async fn settle(
        &self,
        mut secured: Secured,
        me: Identity,
        player: Option<&Player>,
    ) -> Result<Secured, NetError> {
        let unproved = |reason: String| NetError::Unproved { player: player.cloned(), reason };
        if secured.alpn == Alpn::Data && self.concern(&secured.identity) {
            return Err(unproved("an end has to prove its machine, and the connection has no room for it".into()));
        }
        if matches!(secured.alpn, Alpn::Attested | Alpn::Tables) {
            let proving = self.prove(&mut secured, me);
            let appraised = timeout(PROVING_TIME, proving).await;
            let appraised = appraised.map_err(|_| unproved(format!("it took longer than {PROVING_TIME:?}")))?;
            secured.appraised = appraised.map_err(unproved)?;
        }
        Ok(secured)
    }

    /// Both ends' proofs, at the same time. Returns what the other's machine proved.
    async fn prove(&self, secured: &mut Secured, me: Identity) -> Result<Option<Appraised>, String> {
        let peer = secured.identity;
        let asks = self.asks(&peer);
        let mut challenge = [0; 32];
        getrandom::fill(&mut challenge).map_err(|_| "the operating system gave no randomness")?;
        send(&mut secured.stream, &[&[u8::from(asks)], &challenge[..]].concat()).await?;
        let mut theirs = [0; 33];
        receive(&mut secured.stream, &mut theirs).await?;
        let (asked, theirs) = (theirs[0], &theirs[1..]);

        let evidence = match asked {
            0 => Vec::new(),
            1 => self.attest(report_data(secured, (&me, &peer), theirs)?).await?,
            _ => return Err("its challenge is of another form".into()),
        };
        let length = u32::try_from(evidence.len()).ok().filter(|length| *length <= MOST_EVIDENCE);
        let length = length.ok_or("our evidence is too long")?;
        // At once: evidence is longer than what the connection buffers, and both ends may be sending it.
        let (mut reader, mut writer) = tokio::io::split(&mut secured.stream);
        let message = [&length.to_be_bytes()[..], &evidence].concat();
        let (sent, evidence) = tokio::join!(send(&mut writer, &message), evidence_of(&mut reader));
        let ((), evidence) = (sent?, evidence?);

        let verdict = if asks {
            let wanted = report_data(secured, (&peer, &me), &challenge)?;
            self.appraise(peer, evidence, wanted).await.map(Some)
        } else if evidence.is_empty() {
            Ok(None)
        } else {
            Err("it sent evidence that nobody asked for".into())
        };
        let told = send(&mut secured.stream, &[u8::from(verdict.is_ok())]).await;
        // Why we refuse matters more than whether the other end still hears it.
        let appraised = verdict?;
        told?;
        let mut theirs = [0];
        receive(&mut secured.stream, &mut theirs).await?;
        if theirs == [1] { Ok(appraised) } else { Err("it refuses the evidence of our machine".into()) }
    }

    /// Our evidence; none, if this machine has nothing to prove itself with.
    async fn attest(&self, report_data: [u8; 32]) -> Result<Vec<u8>, String> {
        let Some(attester) = self.attester.clone() else { return Ok(Vec::new()) };
        let made = tokio::task::spawn_blocking(move || attester.attest(&report_data)).await;
        made.map_err(|_| "our attester died".to_owned())?
            .map_err(|why| format!("we could not prove our machine: {why}"))
    }

    async fn appraise(&self, peer: Identity, evidence: Vec<u8>, wanted: [u8; 32]) -> Result<Appraised, String> {
        let appraiser = self.appraiser.clone().ok_or("nobody appraises here")?;
        if evidence.is_empty() {
            return Err("it has to prove its machine, and proves nothing".into());
        }
        let appraise = move || {
            let record = appraiser.appraise(&peer, &evidence, &wanted)?;
            Ok(Appraised { evidence, report_data: wanted, record })
        };
        tokio::task::spawn_blocking(appraise).await.map_err(|_| "our appraiser died".to_owned())?
    }
}

/// What evidence of `prover`, for `verifier`, has to say on this connection.
fn report_data(
    secured: &Secured,
    (prover, verifier): (&Identity, &Identity),
    challenge: &[u8],
) -> Result<[u8; 32], String> {
    let exported = secured.exporter(EXPORTER, challenge).map_err(|error| error.to_string())?;
    let mut hash = blake3::Hasher::new_derive_key(DOMAIN);
    // All of fixed lengths.
    for part in [&prover.as_bytes()[..], verifier.as_bytes(), &exported, challenge] {
        hash.update(part);
    }
    Ok(*hash.finalize().as_bytes())
}

async fn send(to: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> Result<(), String> {
    to.write_all(message).await.map_err(|error| error.to_string())?;
    to.flush().await.map_err(|error| error.to_string())
}

async fn receive(from: &mut (impl AsyncRead + Unpin), into: &mut [u8]) -> Result<(), String> {
    let read = from.read_exact(into).await;
    read.map(drop).map_err(|error| format!("it broke off while machines were proved: {error}"))
}

async fn evidence_of(from: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, String> {
    let mut length = [0; 4];
    receive(from, &mut length).await?;
    let length = u32::from_be_bytes(length);
    if length > MOST_EVIDENCE {
        return Err(format!("it announces evidence of {length} bytes"));
    }
    // Room is made as bytes come, not as they are announced.
    let mut evidence = Vec::new();
    let read = from.take(length.into()).read_to_end(&mut evidence).await;
    read.map_err(|error| error.to_string())?;
    if evidence.len() == length as usize { Ok(evidence) } else { Err("its evidence breaks off".into()) }
}
