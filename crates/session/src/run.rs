//! One session from greeting to outcome: keys, row matching, execution, farewell.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ir::PlayerId;
use net::{Exchange, Link, Options};
use schemes::Plain;

use crate::drive::drive;
use crate::error::SessionError;
use crate::events::{Event, Observer, Progress};
use crate::exec::Run;
use crate::matching::{self, KeyColumns};
use crate::plan::Plan;
use crate::stage::{Entropy, Stage};
use schemes::keys::Binding;

/// What one player brings to a session.
pub struct Start {
    /// Its plan.
    pub plan: Plan,
    /// What the session's keys are bound to.
    pub binding: Binding,
    /// Its own fresh randomness.
    pub entropy: Entropy,
    /// Links to all other players, greeted.
    pub links: Vec<(PlayerId, Link)>,
    /// Its inputs by name.
    pub inputs: BTreeMap<String, Plain>,
    /// The key columns of its inputs along matched dimensions.
    pub keys: KeyColumns,
    /// Limits and times of the exchange.
    pub options: Options,
    /// Where progress goes.
    pub observer: Observer,
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

/// What a session leaves with one player.
pub struct Outcome {
    /// The outputs that it may read.
    pub outputs: BTreeMap<String, Plain>,
    /// What it cost.
    pub cost: Cost,
}

/// Runs one player's side of a session. On an error all other players are told, so that none waits.
///
/// # Errors
/// The first thing that went wrong, here or at a peer.
pub async fn run(start: Start) -> Result<Outcome, SessionError> {
    let begun = Instant::now();
    let c = Arc::clone(start.plan.computation());
    let names: Vec<&str> = c.players.iter().map(|p| p.name.as_str()).collect();
    let links = start.links.into_iter().map(|(p, link)| (net::PlayerId(p.0), link)).collect();
    let me = start.plan.player;
    let exchange = Exchange::new(net::PlayerId(me.0), &names, links, start.options)?;
    let progress = Progress::new(c.player(me).name.clone(), start.observer);

    let work = async {
        let stage = Stage::set_up(&exchange, &start.binding, &start.entropy).await?;
        progress.tell(Event::Started { player: progress.player.clone(), steps: start.plan.len() });
        matching::compare(&stage, &start.plan, &start.keys, &progress).await?;
        let run = Run {
            plan: &start.plan,
            stage: &stage,
            progress: &progress,
            inputs: Mutex::new(start.inputs),
            outputs: Mutex::new(BTreeMap::new()),
        };
        run.main().await?;
        Ok(run.outputs.into_inner().unwrap_or_else(PoisonError::into_inner))
    };
    let result: Result<_, SessionError> = drive(work, || exchange.flush()).await;
    match result {
        Ok(outputs) => {
            exchange.close().await?;
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

/// The player that an error of ours names, if another.
fn culprit(error: &SessionError, c: &ir::Computation, me: PlayerId) -> Option<net::PlayerId> {
    let player = c.player_named(&error.player()?)?;
    (player != me).then_some(net::PlayerId(player.0))
}
