//! Passing on what the other parties' workers should know: agreements with what was said of them, and receipts.
//!
//! Whoever knows more tells it, and is told in the answer what it did not know; so it does not matter who was reachable
//! when. What has still to be passed on is found in the store, also after a restart. A round talks to all peers at once,
//! and to each over one connection.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use agreement::{Agreement, SessionId};
use net::Identity;
use prost::Message as _;
use session::settle::{Decision, InDoubt, Next, Standing};
use session::{Attempt, Vault as _};
use tokio::sync::Notify;

use crate::client::Contact;
use crate::clock::now_ms;
use crate::desk::{Bringer, statements};
use crate::error::WorkerError;
use crate::office::Office;
use crate::proto;
use crate::vault::StoreVault;

/// The time between rounds if something could not be delivered.
const PAUSE: Duration = Duration::from_secs(5);
/// The time between two looks for what has expired.
const PRUNING: Duration = Duration::from_secs(3600);
/// How long one peer may take in a round.
const VISIT: Duration = Duration::from_secs(30);
/// Receipts of sessions that began longer ago are not asked for any more.
const RECEIPTS_MS: u64 = 24 * 3600 * 1000;
/// Rounds after which receipts of a session are given up until the next start.
const TRIES: u32 = 60;

/// See the module.
#[derive(Default)]
pub(crate) struct Postman {
    news: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The other parties of each agreement, and what each was last told of it: a digest of the statements.
    told: HashMap<[u8; 32], HashMap<Identity, Option<blake3::Hash>>>,
    /// Sessions whose receipts are not all here, and how often they were asked for.
    receipts: BTreeMap<SessionId, u32>,
}

/// What one peer is to be told.
#[derive(Default)]
struct Bag {
    endpoint: String,
    player: String,
    agreements: Vec<(Agreement, Vec<proto::Statement>)>,
    receipts: Vec<(SessionId, Vec<String>)>,
}

impl Postman {
    /// There is something to pass on.
    pub(crate) fn nudge(&self) {
        self.news.notify_one();
    }

    /// A session ended well here: its receipts are to be exchanged.
    pub(crate) fn exchange_receipts(&self, session: SessionId) {
        self.lock().receipts.insert(session, 0);
        self.nudge();
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Goes on for as long as the worker serves.
pub(crate) async fn rounds(office: Arc<Office>) {
    let office = &office;
    let begin = blocking(office, |office| {
        for session in office.sessions_without_receipts(now_ms().saturating_sub(RECEIPTS_MS))? {
            office.post.lock().receipts.insert(session, 0);
        }
        Ok(())
    });
    if let Err(error) = begin.await {
        tracing::warn!(%error, "old receipts cannot be looked through");
    }
    let mut pruned = Instant::now();
    loop {
        if pruned.elapsed() > PRUNING {
            pruned = Instant::now();
            if let Err(error) = blocking(office, Office::prune).await {
                tracing::warn!(%error, "what has expired cannot be dropped");
            }
        }
        let left = match round(office).await {
            Ok(left) => left,
            Err(error) => {
                tracing::warn!(%error, "nothing could be passed on");
                true
            }
        };
        tokio::select! {
            () = office.post.news.notified() => {}
            () = tokio::time::sleep(PAUSE), if left => {}
            () = tokio::time::sleep(PRUNING) => {}
        }
    }
}

/// One round, and whether something is left to pass on.
async fn round(office: &Arc<Office>) -> Result<bool, WorkerError> {
    let bags = blocking(office, pack).await?;
    let visits = bags.into_iter().map(|(peer, bag)| async move {
        let player = bag.player.clone();
        match tokio::time::timeout(VISIT, visit(office, peer, bag)).await {
            Ok(Ok(())) => false,
            Ok(Err(what)) => {
                tracing::debug!(player, what, "a peer could not be told");
                true
            }
            Err(_) => true,
        }
    });
    let failed = futures::future::join_all(visits).await.into_iter().any(|failed| failed);
    let doubtful = settle_doubts(office).await?;
    let waiting = !office.post.lock().receipts.is_empty();
    Ok(failed || doubtful || waiting)
}

/// Settles what sessions wanted to save when they were cut off, by asking the other players that save. Says whether
/// something stays in doubt.
async fn settle_doubts(office: &Arc<Office>) -> Result<bool, WorkerError> {
    let vault = Arc::new(StoreVault::new(office, None));
    let asked = Arc::clone(&vault);
    let mut left = false;
    for (attempt, partners) in blocking(office, move |_| Ok(asked.in_doubt()?)).await? {
        // A session that still runs settles it itself.
        if office.jobs.find(attempt.session, None).is_some_and(|entry| !entry.state().is_over()) {
            continue;
        }
        let mut next = InDoubt::prepared(partners.iter().copied());
        for partner in partners {
            let Next::Waiting(doubt) = next else { break };
            next = match ask(office, partner, &attempt).await {
                Some(standing) => doubt.hear(&partner, standing),
                None => Next::Waiting(doubt),
            };
        }
        let Next::Decided(decision) = next else {
            left = true;
            continue;
        };
        let vault = Arc::clone(&vault);
        blocking(office, move |_| Ok(vault.settle(&attempt, decision)?)).await?;
        tracing::info!(session = %attempt.session, committed = decision == Decision::Commit, "what a session saves was settled");
    }
    Ok(left)
}

/// Where an attempt stands at another player, if it can be asked and says so.
async fn ask(office: &Office, peer: Identity, attempt: &Attempt) -> Option<Standing> {
    let (player, endpoint) = office.address(peer)?;
    let asking = async {
        let contact = Contact::reach(&office.dialer, &player, &endpoint, peer).await.ok()?;
        let request = proto::SettleRequest {
            agreement: attempt.agreement.0.to_vec(),
            session: attempt.session.0.to_vec(),
            attempt: attempt.number,
        };
        let reply = contact.worker.clone().settle(request).await.ok()?.into_inner();
        u8::try_from(reply.standing).ok().and_then(Standing::from_byte)
    };
    tokio::time::timeout(VISIT, asking).await.ok().flatten()
}

/// What each peer has still to be told.
fn pack(office: &Office) -> Result<BTreeMap<Identity, Bag>, WorkerError> {
    let mut bags: BTreeMap<Identity, Bag> = BTreeMap::new();
    let me = office.config.key.identity();
    let proposals = office.store.proposals()?;
    // What is no longer on the desk is not spoken of any more.
    let there: HashSet<[u8; 32]> = proposals.iter().map(|p| p.agreement).collect();
    office.post.lock().told.retain(|agreement, _| there.contains(agreement));
    for proposal in proposals {
        let said = Some(digest(&statements(&office.store.answers(proposal.agreement)?)));
        // Most were passed on long ago; they are not read and checked again for it.
        let all = |parties: &HashMap<_, _>| parties.values().all(|told| *told == said);
        if office.post.lock().told.get(&proposal.agreement).is_some_and(all) {
            continue;
        }
        let Ok(reviewed) = office.review(&proposal.text) else { continue };
        let item = office.item(reviewed.agreement)?;
        if item.standing() == "expired" {
            continue;
        }
        let mut state = office.post.lock();
        let parties = state.told.entry(proposal.agreement).or_default();
        for peer in item.agreement.signers().keys().filter(|p| **p != me) {
            if *parties.entry(*peer).or_default() != said {
                let bag = bags.entry(*peer).or_default();
                bag.agreements.push((item.agreement.clone(), item.statements()));
            }
        }
    }
    let sessions: Vec<SessionId> = {
        let mut state = office.post.lock();
        state.receipts.values_mut().for_each(|tries| *tries += 1);
        state.receipts.retain(|_, tries| *tries <= TRIES);
        state.receipts.keys().copied().collect()
    };
    for session in sessions {
        let (missing, receipts) = office.missing_receipts(session)?;
        if missing.is_empty() {
            office.post.lock().receipts.remove(&session);
        }
        for peer in missing {
            bags.entry(peer).or_default().receipts.push((session, receipts.clone()));
        }
    }
    for (peer, bag) in &mut bags {
        let Some((player, endpoint)) = office.address(*peer) else { continue };
        bag.player = player;
        bag.endpoint = endpoint;
    }
    Ok(bags)
}

/// Tells one peer what it should know, and takes in what it answers.
async fn visit(office: &Arc<Office>, peer: Identity, bag: Bag) -> Result<(), String> {
    let contact = Contact::reach(&office.dialer, &bag.player, &bag.endpoint, peer).await.map_err(|e| e.to_string())?;
    let mut failed = None;
    for (agreement, statements) in bag.agreements {
        let (agreed, said) = (agreement.digest(), digest(&statements));
        let request = proto::PostRequest { agreement: agreement.text().to_owned(), statements, relayed: true };
        match contact.worker.clone().post(request).await {
            Ok(reply) => {
                let reply = reply.into_inner();
                let text = agreement.text().to_owned();
                let taken = blocking(office, move |office| {
                    office.post_in(Bringer { identity: peer, relayed: true }, &text, reply.statements)
                })
                .await;
                taken.map_err(|e| e.to_string())?;
                office.post.lock().told.entry(agreed.0).or_default().insert(peer, Some(said));
            }
            Err(status) => failed = Some(contact.failed(&status).to_string()),
        }
    }
    for (session, receipts) in bag.receipts {
        let request = proto::ReceiptsRequest { session: session.0.to_vec(), receipts };
        match contact.worker.clone().receipts(request).await {
            Ok(reply) => {
                let receipts = reply.into_inner().receipts;
                let taken = blocking(office, move |office| office.take_receipts(session, &receipts)).await;
                taken.map_err(|e| e.to_string())?;
            }
            Err(status) => failed = Some(contact.failed(&status).to_string()),
        }
    }
    failed.map_or(Ok(()), Err)
}

/// What tells apart what was said of an agreement.
fn digest(statements: &[proto::Statement]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for statement in statements {
        hasher.update(&statement.encode_length_delimited_to_vec());
    }
    hasher.finalize()
}

/// Does what waits for the disk away from the threads that serve connections.
async fn blocking<T: Send + 'static>(
    office: &Arc<Office>,
    work: impl FnOnce(&Office) -> Result<T, WorkerError> + Send + 'static,
) -> Result<T, WorkerError> {
    let office = Arc::clone(office);
    tokio::task::spawn_blocking(move || work(&office)).await.map_err(|e| WorkerError::System { what: e.to_string() })?
}
