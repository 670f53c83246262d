//! What a worker keeps of sessions: that they began, how they ended, receipts of all players, and openings of its own
//! commitments.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use agreement::{Agreement, AgreementError, Digest, LogHead, SessionId, SignedReceipt};
use audit::Event;
use net::Identity;
use session::Commitments;
use store::{Answer, Begin, Charge, Counter, State, Verdict};

use crate::clock::now_ms;
use crate::error::WorkerError;
use crate::office::{Job, Office};
use crate::proto;
use crate::results::Results;

/// Where the texts of agreements that were run are kept, by digest.
const TEXTS: &str = "agreement";
/// Whose second, other receipts the audit log tells of, by session and player: once of each.
const CONTRADICTIONS: &str = "contradiction";
/// Sessions of the ledger that are shown beside those of the table of jobs.
const PAST_JOBS: usize = 100;
/// Refusals of one identity that are recorded in a minute.
const REFUSALS_PER_MINUTE: u32 = 60;

/// How a session failed.
pub(crate) struct Ending {
    /// The stable code of the error here.
    pub(crate) code: String,
    /// That of the player that found it.
    pub(crate) cause: String,
}

/// An attempt at a session that has ended.
struct Ended {
    agreement: Digest,
    session: SessionId,
    attempt: u32,
}

/// Whether a failure ends a session for good. It does, unless it is known to come from networks, disks, or somebody who does
/// not go on: a failure that tells of somebody's values could be asked about once more in every attempt, and whoever deviated
/// has had its try. A worker at which it is one refuses another attempt, so it is one for all.
pub(crate) fn is_final(code: &str) -> bool {
    const PASSING: [&str; 18] = [
        "net.ended",
        "net.handshake",
        "net.peer-aborted",
        "net.peer-left",
        "net.peer-lost",
        "net.player-missing",
        "net.player-stalled",
        "net.refused",
        "net.unproved",
        "net.unreachable",
        "session.checkpoints-differ",
        "session.deadline",
        "session.given-up",
        "store.aborted",
        "store.busy",
        "store.failed",
        "worker.cut-off",
        "worker.draining",
    ];
    !PASSING.contains(&code)
}

impl Office {
    /// Begins a session: its id and what it uses are spent, durably and at once. After this, and only after it, messages
    /// may leave.
    pub(crate) fn begin(&self, job: &Job, by: Identity) -> Result<(), WorkerError> {
        let agreement = job.ratified.agreement();
        let (now, digest) = (now_ms(), agreement.digest());
        agreement.check_time(now)?;
        let expires = expiry(agreement);
        let begin = Begin {
            agreement: digest.0,
            session: job.session.0,
            attempt: job.attempt,
            when: now,
            expires,
            charges: self.charges(job)?,
        };
        let me = self.config.key.identity();
        let (session, submitter) = (job.session.to_string(), by.to_string());
        let declined = self.journal.change(|batch, events| {
            // It may have been declined while the session waited for its turn.
            if let Some(Answer { verdict: Verdict::Declined { reason, .. }, .. }) = batch.answer_of(digest.0, me)? {
                return Ok(Some(reason));
            }
            batch.begin(&begin)?;
            batch.set_note(TEXTS, &digest.0, agreement.text().as_bytes())?;
            let agreement = digest.to_string();
            events.push(Event::RunBegun { agreement, session, attempt: job.attempt, by: submitter });
            Ok(None)
        })?;
        match declined {
            Some(reason) => Err(WorkerError::Declined { digest: digest.to_string(), reason }),
            None => Ok(()),
        }
    }

    /// What a session uses up, at its first attempt here. What runs by `--ratify-all` was counted by nobody.
    pub(crate) fn charges(&self, job: &Job) -> Result<Vec<Charge>, WorkerError> {
        if job.ratified.basis() != agreement::Basis::Signatures || self.store.session(job.session.0)?.is_some() {
            return Ok(Vec::new());
        }
        let agreement = job.ratified.agreement();
        let counter = Counter::Agreement(agreement.digest().0);
        let mut charges = vec![Charge { counter, limit: Some(agreement.terms().uses), until: expiry(agreement) }];
        if let Some(rules) = self.rules_of(agreement.digest())? {
            charges.extend(rules.charges());
        }
        Ok(charges)
    }

    /// Records that a session ended well: entries in the audit log, then the receipt that `sign` makes with the log's
    /// head, the openings, the results that are kept, and the end, all at once.
    pub(crate) fn end_well(
        &self,
        job: &Job,
        (released, results): (Vec<(String, Identity)>, Results),
        commitments: (&Commitments, &Commitments),
        sign: impl FnOnce(LogHead) -> Result<SignedReceipt, WorkerError>,
    ) -> Result<SignedReceipt, WorkerError> {
        let session = job.session.to_string();
        let agreement = job.ratified.agreement().digest().to_string();
        let mut events = vec![Event::RunEnded {
            agreement,
            session: session.clone(),
            attempt: job.attempt,
            code: None,
            player: None,
        }];
        let left =
            |(output, to): (String, Identity)| Event::Released { session: session.clone(), output, to: to.to_string() };
        events.extend(released.into_iter().map(left));
        events.extend(self.results_stored(job.session, &results));
        // First the log, since the receipt states its head: cut off here, it says that a run ended whose receipt nobody has.
        let receipt = sign(self.journal.enter(&events)?)?;
        let json = json(&receipt)?;
        // Who has an opening can try out guesses of the input; what lies inside an enclave is not this worker's operator's.
        let agreed = job.ratified.agreement();
        let inside =
            |kind: &str, name: &str| kind == "input" && agreed.datasets().iter().any(|d| d.inside && d.name == name);
        self.store.batch(|batch| {
            for (kind, all) in [("input", commitments.0), ("output", commitments.1)] {
                for (name, (_, opening)) in all.iter().filter(|(name, _)| !inside(kind, name)) {
                    batch.keep_opening(job.session.0, &format!("{kind} {name}"), opening.as_bytes())?;
                }
            }
            batch.keep_receipt(job.session.0, self.config.key.identity(), json.as_bytes())?;
            self.keep_results(batch, job, &results)?;
            Ok::<_, WorkerError>(batch.end(job.session.0, job.attempt, State::Finished { when: now_ms() })?)
        })?;
        self.hold_results(job.session, results);
        self.drop_used_uploads(agreed)?;
        self.post.exchange_receipts(job.session);
        Ok(receipt)
    }

    /// Records that a session that was begun failed. If it did for good, what it wrote down goes.
    pub(crate) fn end_badly(&self, job: &Job, ending: Ending, player: String) -> Result<(), WorkerError> {
        let attempt =
            Ended { agreement: job.ratified.agreement().digest(), session: job.session, attempt: job.attempt };
        self.end_attempt(&attempt, ending.code, Some(player).filter(|p| !p.is_empty()), is_final(&ending.cause))
    }

    /// Records that an attempt failed, and drops what was written for later ones if there will be none: all at once.
    fn end_attempt(&self, ended: &Ended, code: String, player: Option<String>, last: bool) -> Result<(), WorkerError> {
        let Ended { agreement, session, attempt } = *ended;
        self.journal.change(|batch, events| {
            batch.end(session.0, attempt, State::Failed { when: now_ms(), code: code.clone() })?;
            if last || attempt + 1 >= session::ATTEMPTS {
                batch.drop_checkpoints(session.0)?;
            }
            let (agreement, session) = (agreement.to_string(), session.to_string());
            events.push(Event::RunEnded { agreement, session, attempt, code: Some(code), player });
            Ok(())
        })
    }

    /// Ends a session for good that failed and might be attempted again: what it wrote down goes. Says whether there was
    /// such a session.
    pub(crate) fn give_up(&self, session: SessionId) -> Result<bool, WorkerError> {
        Ok(self.store.batch(|batch| batch.give_up(session.0, now_ms(), "session.cancelled"))?)
    }

    /// Records that something was refused. That it cannot be recorded changes nothing about the refusal. Nobody waits for
    /// the disk, and of one identity only so many refusals are recorded in a minute, so that nobody fills it; all are
    /// counted in the metrics.
    pub(crate) fn note_refusal(&self, what: &str, by: Identity, code: &str, agreement: Option<Digest>) {
        if !self.refusals.request(by, REFUSALS_PER_MINUTE, Instant::now()) {
            return;
        }
        let (what, code, agreement) = (what.to_owned(), code.to_owned(), agreement.map(|a| a.to_string()));
        let event = Event::Refused { what, by: Some(by.to_string()), code, agreement };
        if let Err(error) = self.journal.enter_unsynced(event) {
            tracing::error!(%error, "a refusal could not be recorded");
        }
    }

    /// Records what a crash cut off, and drops what has expired; when the worker starts.
    pub(crate) fn tidy(&self) -> Result<(), WorkerError> {
        const CODE: &str = "worker.cut-off";
        for old in self.store.sessions()?.into_iter().filter(|s| s.state == State::Running) {
            let (agreement, session) = (Digest(old.agreement), SessionId(old.session));
            tracing::warn!(%session, "a session was cut off when this worker stopped");
            self.end_attempt(&Ended { agreement, session, attempt: old.attempt }, CODE.into(), None, false)?;
        }
        self.prune()
    }

    /// Drops what has expired.
    pub(crate) fn prune(&self) -> Result<(), WorkerError> {
        for proposal in self.store.proposals()? {
            let expired = |a: Agreement| matches!(a.check_time(now_ms()), Err(AgreementError::Expired { .. }));
            if Agreement::from_text(&proposal.text).is_ok_and(expired) {
                self.store.forget(proposal.agreement)?;
            }
        }
        self.drop_stale_uploads()?;
        self.drop_old_results()?;
        if self.store.prune(now_ms())? > 0 {
            self.forget_attempts()?;
        }
        Ok(())
    }

    /// Sessions that ended well since a time, whose receipts are not all here.
    pub(crate) fn sessions_without_receipts(&self, since_ms: u64) -> Result<Vec<SessionId>, WorkerError> {
        let mut found = Vec::new();
        for old in self.store.sessions()? {
            let ended = matches!(old.state, State::Finished { .. }) && old.begun >= since_ms;
            if ended && !self.missing_receipts(SessionId(old.session))?.0.is_empty() {
                found.push(SessionId(old.session));
            }
        }
        Ok(found)
    }

    /// The identities whose receipts of a session are missing here, and those that are here.
    pub(crate) fn missing_receipts(&self, session: SessionId) -> Result<(Vec<Identity>, Vec<String>), WorkerError> {
        let agreement = self.agreement_of(session)?;
        let here = self.receipts_of(session)?;
        let missing = agreement.signers().into_keys().filter(|identity| !here.contains_key(identity)).collect();
        Ok((missing, here.into_values().collect()))
    }

    fn receipts_of(&self, session: SessionId) -> Result<BTreeMap<Identity, String>, WorkerError> {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(self.store.receipts(session.0)?.into_iter().map(|(by, bytes)| (by, text(bytes))).collect())
    }

    /// The agreement that a session was begun with: by the ledger, or by its receipts once that has dropped it.
    pub(crate) fn agreement_of(&self, session: SessionId) -> Result<Agreement, WorkerError> {
        let unknown = || WorkerError::UnknownSession { id: session.to_string() };
        let digest = match self.store.session(session.0)? {
            Some(known) => known.agreement,
            None => {
                let kept = self.store.receipts(session.0)?;
                let (_, receipt) = kept.first().ok_or_else(unknown)?;
                let receipt: SignedReceipt = serde_json::from_slice(receipt).map_err(|_| unknown())?;
                receipt.unverified().agreement.0
            }
        };
        let text = self.store.note(TEXTS, &digest)?.ok_or_else(unknown)?;
        Ok(Agreement::from_text(&String::from_utf8_lossy(&text))?)
    }

    /// The agreement of a session that was begun here, and how often it was attempted. For those who take part, whoever
    /// submitted it, and those who operate this worker (`None`).
    pub(crate) fn recall(&self, caller: Option<Identity>, session: &[u8]) -> Result<proto::RecallReply, WorkerError> {
        let session = SessionId(session.try_into().map_err(|_| WorkerError::SessionId)?);
        let unknown = || WorkerError::UnknownSession { id: session.to_string() };
        let known = self.store.session(session.0)?.ok_or_else(unknown)?;
        let agreement = self.agreement_of(session)?;
        let may = |c| agreement.signers().contains_key(&c) || self.jobs.find(session, Some(c)).is_some();
        if !caller.is_none_or(may) {
            return Err(unknown());
        }
        Ok(proto::RecallReply { agreement: agreement.text().to_owned(), attempts: known.attempt + 1 })
    }

    /// The latest sessions that the ledger knows and the table of jobs does not, such as those before a restart; for an
    /// operator. Who submitted them is in the audit log.
    pub(crate) fn past_jobs(&self, player: &str, known: &HashSet<SessionId>) -> Result<Vec<proto::Job>, WorkerError> {
        let mut names: HashMap<[u8; 32], String> = HashMap::new();
        let unknown = self.store.sessions()?.into_iter().filter(|s| !known.contains(&SessionId(s.session)));
        let past = unknown.take(PAST_JOBS).map(|old| {
            let computation = match names.get(&old.agreement) {
                Some(name) => name.clone(),
                None => {
                    let name = self.agreement_of(SessionId(old.session))?.checked().computation().name.clone();
                    names.entry(old.agreement).or_insert(name).clone()
                }
            };
            let (state, ended_ms, code) = match old.state {
                State::Running => ("running", 0, String::new()),
                State::Finished { when } => ("done", when, String::new()),
                State::Failed { when, code } => ("failed", when, code),
            };
            Ok(proto::Job {
                session: old.session.to_vec(),
                agreement: old.agreement.to_vec(),
                computation,
                player: player.to_owned(),
                state: state.to_owned(),
                submitted_ms: old.begun,
                started_ms: old.begun,
                ended_ms,
                code,
                ..Default::default()
            })
        });
        past.collect()
    }

    /// Keeps receipts of other players, if they are theirs, of this session and its agreement. The first of each player
    /// stays: a second, other one is a contradiction that the log records.
    pub(crate) fn take_receipts(&self, session: SessionId, receipts: &[String]) -> Result<(), WorkerError> {
        let agreement = self.agreement_of(session)?;
        let mut brought = Vec::new();
        for text in receipts.iter().take(agreement.signers().len()) {
            let receipt: SignedReceipt =
                serde_json::from_str(text).map_err(|_| WorkerError::NoReceipt { session: session.to_string() })?;
            let player = receipt.unverified().player.clone();
            receipt.verify_for(&agreement, session, &player)?;
            let Some(member) = agreement.roster().get(&player) else { continue };
            brought.push((member.identity, player, receipt));
        }
        let same = |known: &[u8], brought: &SignedReceipt| {
            serde_json::from_slice(known).is_ok_and(|k: SignedReceipt| k == *brought)
        };
        let here = self.receipts_of(session)?;
        brought.retain(|(by, _, receipt)| here.get(by).is_none_or(|known| !same(known.as_bytes(), receipt)));
        if brought.is_empty() {
            return Ok(());
        }
        self.journal.change(|batch, events| {
            for (by, player, receipt) in brought {
                let once = [&session.0[..], by.as_bytes()].concat();
                match batch.receipt(session.0, by)? {
                    None => batch.keep_receipt(session.0, by, json(&receipt)?.as_bytes())?,
                    Some(known) if same(&known, &receipt) || batch.note(CONTRADICTIONS, &once)?.is_some() => {}
                    Some(_) => {
                        tracing::warn!(%session, player, "a player signed two different receipts of one session");
                        batch.set_note(CONTRADICTIONS, &once, &[])?;
                        events.push(Event::Contradicted { session: session.to_string(), player });
                    }
                }
            }
            Ok(())
        })
    }

    /// Receipts of a session as `caller` may see them, after taking in those that it brings. `None` is an operator.
    pub(crate) fn exchange(
        &self,
        caller: Option<Identity>,
        session: &[u8],
        brought: &[String],
    ) -> Result<proto::ReceiptsReply, WorkerError> {
        if session.is_empty() {
            let sessions = if caller.is_none() { self.store.sessions_with_receipts()? } else { Vec::new() };
            let sessions = sessions.into_iter().map(|s| s.to_vec()).collect();
            return Ok(proto::ReceiptsReply { sessions, ..Default::default() });
        }
        let session = SessionId(session.try_into().map_err(|_| WorkerError::SessionId)?);
        let agreement = self.agreement_of(session)?;
        if caller.is_some_and(|c| !agreement.signers().contains_key(&c)) {
            return Err(WorkerError::UnknownSession { id: session.to_string() });
        }
        if !brought.is_empty() {
            self.take_receipts(session, brought)?;
        }
        let openings = if caller.is_none() { self.store.openings(session.0)? } else { Vec::new() };
        Ok(proto::ReceiptsReply {
            receipts: self.receipts_of(session)?.into_values().collect(),
            sessions: Vec::new(),
            openings: openings.into_iter().map(|(name, opening)| (name, opening.to_vec())).collect(),
        })
    }
}

/// From when on an agreement is no longer valid, in milliseconds since 1970.
fn expiry(agreement: &Agreement) -> Option<u64> {
    agreement.terms().not_after.map(|t| t.seconds().saturating_add(1).saturating_mul(1000))
}

pub(crate) fn json(receipt: &SignedReceipt) -> Result<String, WorkerError> {
    serde_json::to_string(receipt).map_err(|e| WorkerError::System { what: e.to_string() })
}
