//! One session from greeting to outcome: keys, row matching, execution, farewell.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use ir::PlayerId;
use net::{Exchange, Link, Options};
use schemes::Plain;

use crate::checked::Checked;
use crate::checkpoint::{self, Checkpoints};
use crate::drive::drive;
use crate::error::SessionError;
use crate::events::{Event, Observer, Progress};
use crate::exec::Run;
use crate::federated::Sums;
use crate::keep::Keeper;
use crate::matching::{self, KeyColumns};
use crate::module::Modules;
use crate::pace::Pace;
use crate::plan::Plan;
use crate::stage::{Entropy, Stage};
use crate::vault::{Attempt, Vault};
use agreement::{Ratified, SessionId};
use schemes::keys::Binding;

/// What one player brings to a session.
pub struct Start {
    /// What was ratified.
    pub ratified: Ratified,
    /// Who we are in it.
    pub player: PlayerId,
    /// The session's id: 16 fresh bytes, the same for all players.
    pub session: SessionId,
    /// 0 at first; one more for each time that the session is resumed. The same for all players.
    pub attempt: u32,
    /// Its own fresh randomness, for this attempt alone.
    pub entropy: Entropy,
    /// Links to all other players, greeted.
    pub links: Vec<(PlayerId, Link)>,
    /// Its inputs by name.
    pub inputs: BTreeMap<String, Plain>,
    /// The key columns of its inputs along matched dimensions.
    pub keys: KeyColumns,
    /// Its saved values, and its notes of earlier attempts.
    pub vault: Arc<dyn Vault>,
    /// Its parts of sums over groups that are not in the vault.
    pub sums: Sums,
    /// The modules that it can run.
    pub modules: Modules,
    /// Limits and times of the exchange.
    pub options: Options,
    /// Where progress goes.
    pub observer: Observer,
    /// Ends the session early; see [`Stop`].
    pub stop: Stop,
}

/// What can end a session early: when it resolves, the session ends for all players with that error. It is how a
/// caller cancels, or keeps a deadline by its own clock.
pub type Stop = BoxFuture<'static, SessionError>;

/// A session that nothing ends early.
pub fn unstopped() -> Stop {
    Box::pin(std::future::pending())
}

/// What a session cost one player.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Rounds of communication: the length of the longest chain of messages that depend on each other.
    pub rounds: u32,
    /// Bytes that it sent: contents of messages, without framing and encryption.
    pub bytes: u64,
    /// Messages that it sent.
    pub messages: u64,
    /// Writes that carried them.
    pub writes: u64,
    /// Wall-clock time.
    pub elapsed: Duration,
}

/// What a session leaves with one player. Values are not shown.
#[derive(Debug)]
pub struct Outcome {
    /// The outputs that it may read.
    pub outputs: BTreeMap<String, Plain>,
    /// What it cost.
    pub cost: Cost,
}

/// How often a session may be attempted. An attempt may disclose what the agreement discloses once more, and a player that
/// deviates may bring other inputs of its own to each.
pub const ATTEMPTS: u32 = 10;

/// Runs one player's side of a session. On an error all other players are told, so that none waits.
///
/// # Errors
/// The first thing that went wrong, here or at a peer.
pub async fn run(start: Start) -> Result<Outcome, SessionError> {
    let begun = Instant::now();
    if start.attempt >= ATTEMPTS {
        let reason = format!("a session is attempted at most {ATTEMPTS} times");
        return Err(SessionError::NotRunnable { reason });
    }
    let plan = Plan::project(&start.ratified, start.player)?;
    let c = Arc::clone(plan.computation());
    let names: Vec<&str> = c.players.iter().map(|p| p.name.as_str()).collect();
    let peers: Vec<net::PlayerId> = start.links.iter().map(|(p, _)| net::PlayerId(p.0)).collect();
    let links = start.links.into_iter().map(|(p, link)| (net::PlayerId(p.0), link)).collect();
    let me = start.player;
    let binding = binding(&start.ratified, start.session, start.attempt);
    let exchange = Exchange::new(net::PlayerId(me.0), &names, links, start.options)?;
    let progress = Progress::new(c.player(me).name.clone(), start.observer);

    let attempt =
        Attempt { agreement: start.ratified.agreement().digest(), session: start.session, number: start.attempt };
    let profile = start.ratified.agreement().terms().profile;
    let work = async {
        start.modules.complete(&plan)?;
        let keeper = Keeper::open(start.ratified, &plan, attempt, start.vault, start.sums).await?;
        let mut checkpoints = Checkpoints::of(&keeper)?;
        let kept = !checkpoints.is_empty();
        let begun = kept && Checkpoints::same_inputs(&keeper, &start.inputs, &start.keys, &start.entropy).await?;
        let stage = Stage::set_up(&exchange, peers, &binding, &start.entropy, profile).await?;
        if attempt.number > 0 {
            keeper.settle_earlier(&stage).await?;
            if kept {
                checkpoints = checkpoints.agree(&keeper, &stage, begun).await?;
            }
        }
        progress.tell(Event::Started { player: progress.player.clone(), steps: plan.len() });
        matching::compare(&stage, &plan, &start.keys, &progress).await?;
        let run = Run {
            plan: &plan,
            stage: &stage,
            progress: &progress,
            inputs: Mutex::new(start.inputs),
            outputs: Mutex::new(BTreeMap::new()),
            keeper: &keeper,
            checkpoints: &checkpoints,
            modules: &start.modules,
            pace: Pace::default(),
            checked: Checked::of(c.contributions().map(|contribution| contribution.group)),
        };
        run.main().await?;
        keeper.commit(&stage).await?;
        let outputs = run.outputs.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok::<_, SessionError>((outputs, kept.then_some(keeper)))
    };
    let whole = async {
        let (outputs, keeper) = drive(work, || exchange.flush()).await?;
        exchange.close().await?;
        // Not before: a peer that spoils the farewell must not make us forget which inputs were used.
        if let Some(keeper) = keeper {
            checkpoint::forget(&keeper).await?;
        }
        Ok(outputs)
    };
    // Asked while the work still waits: it is dropped as soon as one of the two is done.
    let stopped = async { start.stop.await.while_waiting(|| waited_for(&exchange, &c)) };
    let result: Result<_, SessionError> = tokio::select! {
        result = whole => result,
        error = stopped => Err(error),
    };
    match result {
        Ok(outputs) => {
            let total = exchange.total();
            let cost = Cost {
                rounds: total.depth,
                bytes: total.payload_sent,
                messages: total.messages_sent,
                writes: total.flushes,
                elapsed: begun.elapsed(),
            };
            progress.tell(Event::Finished { player: progress.player.clone(), rounds: cost.rounds, bytes: cost.bytes });
            Ok(Outcome { outputs, cost })
        }
        Err(error) => {
            if !error.is_remote() {
                let culprit = culprit(&error, &c, me);
                exchange.abort(error.code(), culprit).await;
            }
            Err(error)
        }
    }
}

/// A player whose message is being waited for.
fn waited_for(exchange: &Exchange, c: &ir::Computation) -> Option<String> {
    exchange.waiting().first().map(|(player, _)| c.player(PlayerId(player.0)).name.clone())
}

/// What the session's keys are bound to.
fn binding(ratified: &Ratified, session: SessionId, attempt: u32) -> Binding {
    let mut id = [0; 32];
    id[..16].copy_from_slice(&session.0);
    Binding { agreement: ratified.agreement().digest().0, session: id, attempt }
}

/// The player that an error of ours names, if another.
fn culprit(error: &SessionError, c: &ir::Computation, me: PlayerId) -> Option<net::PlayerId> {
    let player = c.player_named(&error.player()?)?;
    (player != me).then_some(net::PlayerId(player.0))
}
