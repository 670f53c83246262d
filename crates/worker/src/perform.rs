//! One session at this worker: from its turn to a signed receipt.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use agreement::{Receipt, Seen, SignedReceipt};
use futures::FutureExt as _;
use ir::PlayerId;
use net::Options;
use net::link::resume::ResumeOptions;
use net::mesh::Gate;
use session::{Commitments, Entropy, Observer, Outcome, PlayerData, Round, SessionError, Start, Stop, Sums};

use crate::archive::Ending;
use crate::clock::{now_ms, random};
use crate::error::WorkerError;
use crate::gate::SessionGate;
use crate::inputs::load;
use crate::jobs::Entry;
use crate::office::{Job, Office};
use crate::release;
use crate::vault::StoreVault;

/// What a session that ended well leaves here.
pub(crate) struct Performed {
    pub(crate) outcome: Outcome,
    pub(crate) receipt: SignedReceipt,
}

/// Begins a session, runs this worker's side of it, and records how it ended.
///
/// # Errors
/// Whatever ends it; all its players are told.
pub(crate) async fn perform(
    office: &Arc<Office>,
    job: &Arc<Job>,
    entry: &Arc<Entry>,
    observer: Observer,
) -> Result<Performed, WorkerError> {
    // What is wrong with our own data is found before a use is spent.
    let data = load(office, job, None).await?;
    let by = entry.about.submitter;
    recording(office, job, move |office, job| office.begin(job, by)).await?;
    entry.running();
    tracing::info!(session = %job.session, "a session begins");
    let done = held(run(office, job, entry, data, observer)).await;
    if let Err(error) = &done {
        let ending = Ending { code: error.code().to_owned(), cause: error.cause().to_owned() };
        let player = error.to_failure(None).player;
        recording(office, job, move |office, job| office.end_badly(job, ending, player)).await?;
    }
    done
}

/// Turns a panic, which only a defect of ours brings about, into the session's failure: nobody waits for it then, here or
/// elsewhere.
async fn held<T>(run: impl Future<Output = Result<T, WorkerError>>) -> Result<T, WorkerError> {
    let panicked =
        |_| Err(SessionError::Internal { what: "it panicked; the worker's output says where".into() }.into());
    AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(panicked)
}

/// Does what waits for the disk away from the threads that serve connections.
async fn recording<T: Send + 'static>(
    office: &Arc<Office>,
    job: &Arc<Job>,
    record: impl FnOnce(&Office, &Job) -> Result<T, WorkerError> + Send + 'static,
) -> Result<T, WorkerError> {
    let (office, job) = (Arc::clone(office), Arc::clone(job));
    let recorded = tokio::task::spawn_blocking(move || record(&office, &job)).await;
    recorded.map_err(|e| WorkerError::System { what: e.to_string() })?
}

async fn run(
    office: &Arc<Office>,
    job: &Arc<Job>,
    entry: &Arc<Entry>,
    data: PlayerData,
    observer: Observer,
) -> Result<Performed, WorkerError> {
    let started_ms = now_ms();
    let stop = stop(Arc::clone(entry), office.config.jobs.deadline());
    let gate = Arc::new(SessionGate::new(office, job));
    let door: Arc<dyn Gate> = gate.clone();
    let (outcome, inputs) = match meet_and_run(office, job, data, observer, stop, door).await {
        Ok(done) => done,
        Err(error) => return Err(recording(office, job, move |_, _| Ok(gate.explain(error))).await?),
    };
    let outputs = session::commitments(&outcome.outputs, random)?;
    let caller = entry.about.submitter;
    let readable = outcome.outputs.keys().filter(|_| office.config.may_read(&caller));
    let released = readable.map(|name| (name.clone(), caller)).collect();
    let results = office.results_of(&outcome.outputs)?;
    let cost = agreement::Cost { rounds: outcome.cost.rounds, bytes: outcome.cost.bytes };
    let receipt = recording(office, job, move |office, job| {
        office.end_well(job, (released, results), (&inputs, &outputs), |head| {
            let mut receipt = receipt(job, (started_ms, now_ms()), cost, &inputs, &outputs);
            receipt.audit = Some(head);
            receipt.machines = gate.proofs();
            receipt.policy = office.rules_of(receipt.agreement)?.map(|rules| rules.in_words());
            Ok(receipt.sign(&office.config.key)?)
        })
    })
    .await?;
    Ok(Performed { outcome, receipt })
}

async fn meet_and_run(
    office: &Arc<Office>,
    job: &Job,
    data: PlayerData,
    observer: Observer,
    mut stop: Stop,
    gate: Arc<dyn Gate>,
) -> Result<(Outcome, Commitments), WorkerError> {
    let (card, endpoints) = (&job.card, office.endpoints(&job.card));
    let options = ResumeOptions::default();
    let meeting = net::mesh::connect(card, &endpoints, &office.dialer, &office.switchboard, options, &gate);
    let (links, _presence) = tokio::select! {
        met = meeting => met?,
        error = &mut stop => return Err(error.into()),
    };
    let opened = tokio::select! {
        data = opened(office, job, data) => data,
        error = &mut stop => Err(error.into()),
    };
    let data = match opened {
        Ok(data) => data,
        Err(error) => {
            // The others have begun: they are told, rather than left to miss us.
            for (_, mut link) in links {
                net::greet::refuse(&mut link, error.code()).await;
            }
            return Err(error);
        }
    };
    let inputs = session::commitments(&data.inputs, random)?;
    let start = Start {
        ratified: job.ratified.clone(),
        player: job.player,
        session: job.session,
        attempt: job.attempt,
        entropy: Entropy::new(random()?),
        links: links.into_iter().map(|(p, link)| (PlayerId(p.0), link)).collect(),
        inputs: data.inputs,
        keys: data.keys,
        vault: Arc::new(StoreVault::new(office, Some(job.session))),
        sums: in_memory(office, job)?,
        modules: data.modules,
        options: Options { ahead: Some(office.ahead()), ..Options::default() },
        observer,
        stop,
    };
    // Its own operator reads in the log where in its file a number is; others are only told that there is one.
    let located = |e: SessionError| e.located(|player, input, at| office.config.datasets.locate(player, input, at));
    Ok((session::run(start).await.map_err(located)?, inputs))
}

/// The sums over groups that this worker's machine has in its memory.
fn in_memory(office: &Office, job: &Job) -> Result<Sums, WorkerError> {
    let agreement = job.ratified.agreement();
    let c = agreement.checked().computation();
    let of = |round: Round<'_>| Some((c.player_named(round.group())?, office.inside.get(&round.name())?));
    Ok(Round::all(agreement)?.into_iter().filter_map(of).collect())
}

/// With what lies sealed here. Its owners release the keys now: that all players have met says that each has begun the session.
async fn opened(office: &Arc<Office>, job: &Job, data: PlayerData) -> Result<PlayerData, WorkerError> {
    if release::unsealed(office, job.ratified.agreement(), job.name()).is_empty() {
        return Ok(data);
    }
    drop(data);
    let keys = release::fetch(office, job).await?;
    load(office, job, Some(keys)).await
}

/// What ends a session early: somebody who may, or its deadline.
fn stop(entry: Arc<Entry>, deadline: Duration) -> Stop {
    Box::pin(async move {
        tokio::select! {
            why = entry.stopped() => why.error(),
            () = tokio::time::sleep(deadline) => SessionError::Deadline { seconds: deadline.as_secs(), waiting: None },
        }
    })
}

fn receipt(
    job: &Job,
    (started_ms, ended_ms): (u64, u64),
    cost: agreement::Cost,
    inputs: &Commitments,
    outputs: &Commitments,
) -> Receipt {
    let agreement = job.ratified.agreement();
    Receipt {
        version: Receipt::VERSION,
        agreement: agreement.digest(),
        session: job.session,
        attempt: job.attempt,
        player: job.name().to_owned(),
        players: agreement.roster().iter().map(|(name, m)| (name.to_owned(), Seen(m.identity))).collect(),
        ratified: job.ratified.basis(),
        policy: None,
        started_ms,
        ended_ms: ended_ms.max(started_ms),
        cost,
        inputs: session::published(inputs),
        outputs: session::published(outputs),
        audit: None,
        machines: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_its_session_and_nothing_else() {
        let defect = async { if true { panic!("a defect") } else { Ok(()) } };
        assert_eq!(held(defect).await.unwrap_err().code(), "session.internal");
        assert_eq!(held(async { Ok(5) }).await.unwrap(), 5);
    }
}
