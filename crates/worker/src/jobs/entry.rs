//! One session in the table of jobs: its state, its lines, and how it is stopped.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use agreement::{Digest, SessionId};
use net::Identity;
use session::{Event, SessionError};
use tokio::sync::watch;

use crate::clock::now_ms;
use crate::proto;

/// Lines that are kept of one session; the first ones give way.
const LINES: usize = 200;
/// The least time between two lines of progress.
const PACE_MS: u64 = 1000;

/// What does not change about a session.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) session: SessionId,
    pub(crate) agreement: Digest,
    pub(crate) computation: String,
    pub(crate) player: String,
    pub(crate) submitter: Identity,
    pub(crate) memory: u64,
    pub(crate) submitted_ms: u64,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It waits for its turn.
    Waiting,
    /// It has its turn, and waits for the other workers.
    Admitted,
    /// It runs.
    Running,
    /// It ended well.
    Done,
    /// It ended with an error.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Admitted => "admitted",
            State::Running => "running",
            State::Done => "done",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }

    pub(crate) fn is_over(self) -> bool {
        matches!(self, State::Done | State::Failed | State::Cancelled)
    }
}

/// Why a session is to end early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Somebody who may do so cancelled it, for good.
    Asked(Identity),
    /// Whoever submitted it says that another worker has failed, or that it gave up.
    GivenUp,
    /// Whoever submitted it has gone.
    ClientGone,
    /// The worker is being stopped, and the grace is over.
    Drained,
}

impl Why {
    pub(crate) fn error(&self) -> SessionError {
        let reason = match self {
            Why::Asked(identity) => return SessionError::Cancelled { reason: format!("{identity} asked for it") },
            Why::GivenUp => "whoever submitted it did so",
            Why::ClientGone => "whoever submitted it has gone",
            Why::Drained => "a worker is being stopped",
        };
        SessionError::GivenUp { reason: reason.to_owned() }
    }
}

/// See the module.
pub(crate) struct Entry {
    pub(crate) about: About,
    live: Mutex<Live>,
    /// Counts changes, for those who watch.
    changed: watch::Sender<u64>,
    why: watch::Sender<Option<Why>>,
}

struct Live {
    state: State,
    started_ms: u64,
    ended_ms: u64,
    done: u64,
    code: String,
    lines: VecDeque<(u64, String)>,
    /// Number of the first line that is kept.
    first: u64,
    /// When the last line of progress was written.
    told_ms: u64,
}

impl Entry {
    pub(crate) fn new(about: About) -> Entry {
        let live = Live {
            state: State::Waiting,
            started_ms: 0,
            ended_ms: 0,
            done: 0,
            code: String::new(),
            lines: VecDeque::new(),
            first: 0,
            told_ms: 0,
        };
        let entry =
            Entry { about, live: Mutex::new(live), changed: watch::Sender::new(0), why: watch::Sender::new(None) };
        entry.say(format!("submitted by {}; {} bytes set aside", entry.about.submitter, entry.about.memory));
        entry
    }

    /// Asks the session to end early. The first reason stays.
    pub(crate) fn stop(&self, why: Why) {
        self.why.send_if_modified(|known| {
            let first = known.is_none();
            known.get_or_insert(why);
            first
        });
    }

    /// Resolves when the session is to end early.
    pub(crate) async fn stopped(&self) -> Why {
        let mut why = self.why.subscribe();
        match why.wait_for(Option::is_some).await.map(|w| w.clone()) {
            Ok(Some(why)) => why,
            // The sender lives as long as `self`.
            _ => std::future::pending().await,
        }
    }

    /// Whether whoever submitted it ended it.
    pub(crate) fn was_given_up(&self) -> bool {
        matches!(&*self.why.borrow(), Some(Why::ClientGone | Why::GivenUp))
    }

    pub(crate) fn state(&self) -> State {
        self.live().state
    }

    pub(crate) fn admitted(&self) {
        self.live().state = State::Admitted;
        self.say("it has its turn, and waits for the other workers".into());
    }

    pub(crate) fn running(&self) {
        let mut live = self.live();
        live.state = State::Running;
        live.started_ms = now_ms();
        drop(live);
        self.say("it begins".into());
    }

    /// The session ended: with an error of this code, if one is given.
    pub(crate) fn over(&self, error: Option<(&str, String)>) {
        let mut live = self.live();
        live.ended_ms = now_ms();
        live.state = match error {
            None => State::Done,
            Some(("session.cancelled" | "session.given-up", _)) => State::Cancelled,
            Some(_) => State::Failed,
        };
        live.code = error.as_ref().map(|(code, _)| (*code).to_owned()).unwrap_or_default();
        drop(live);
        self.say(match error {
            None => "it ended well".into(),
            Some((code, what)) => format!("it ended with {code}: {what}"),
        });
    }

    /// Takes in what the session tells of its progress.
    pub(crate) fn observe(&self, event: &Event) {
        match event {
            Event::Started { steps, .. } => self.say(format!("all players have met; {steps} steps")),
            Event::RowsMatch { dim } => self.say(format!("rows along `{dim}` match")),
            Event::Step { done, .. } => self.live().done = *done as u64,
            Event::Iteration { done, of, line, .. } => {
                let now = now_ms();
                let mut live = self.live();
                let due = done == of || now >= live.told_ms + PACE_MS;
                if due {
                    live.told_ms = now;
                    drop(live);
                    self.say(format!("iteration {done} of {of} (line {line})"));
                }
            }
            // Not among the lines, which the submitter may read.
            Event::LeftOut { group, members, of, .. } => {
                let session = &self.about.session;
                tracing::info!(%session, group, ?members, of, "contributions that break a bound are left out");
            }
            Event::Finished { rounds, bytes, .. } => self.say(format!("{rounds} rounds, {bytes} bytes sent")),
            _ => {}
        }
    }

    /// Adds a line to what is known of it.
    pub(crate) fn say(&self, text: String) {
        let mut live = self.live();
        live.lines.push_back((now_ms(), text));
        if live.lines.len() > LINES {
            live.lines.pop_front();
            live.first += 1;
        }
        drop(live);
        self.changed.send_modify(|n| *n += 1);
    }

    /// The lines from number `from` on, the number after the last of them, and whether the session is over.
    pub(crate) fn lines(&self, from: u64) -> (Vec<proto::JobLine>, u64, bool) {
        let live = self.live();
        let skip = from.saturating_sub(live.first) as usize;
        let line = |(at_ms, text): &(u64, String)| proto::JobLine { at_ms: *at_ms, text: text.clone() };
        (live.lines.iter().skip(skip).map(line).collect(), live.first + live.lines.len() as u64, live.state.is_over())
    }

    /// Resolves when there is more to tell.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) fn to_proto(&self) -> proto::Job {
        let live = self.live();
        proto::Job {
            session: self.about.session.0.to_vec(),
            agreement: self.about.agreement.0.to_vec(),
            computation: self.about.computation.clone(),
            player: self.about.player.clone(),
            submitter: self.about.submitter.to_string(),
            state: live.state.name().to_owned(),
            submitted_ms: self.about.submitted_ms,
            started_ms: live.started_ms,
            ended_ms: live.ended_ms,
            memory: self.about.memory,
            done: live.done,
            code: live.code.clone(),
        }
    }

    /// No code panics while it holds the lock.
    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
