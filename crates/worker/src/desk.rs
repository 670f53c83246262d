//! The operator's desk: agreements that were proposed, and who ratified or declined each.
//!
//! Everything on it is in the store. A statement is believed for its signature alone, whoever brought it; so the parties'
//! workers pass on all that they know, and a submitter may bring ratifications itself.

use agreement::{Agreement, AgreementError, Decline, Ratification, Ratified};
use audit::Event;
use net::Identity;
use std::collections::{BTreeMap, BTreeSet};
use store::{Answer, Proposal, Standing, Verdict};

use crate::clock::now_ms;
use crate::error::WorkerError;
use crate::office::{Office, Reviewed};
use crate::proto::{self, statement::Statement as Said};
use crate::rules::{ByRules, RULES};

/// Who brings an agreement.
#[derive(Clone, Copy)]
pub(crate) struct Bringer {
    pub(crate) identity: Identity,
    /// Whether it only passes it on.
    pub(crate) relayed: bool,
}

/// Agreements of one proposer that may wait for answers.
const OPEN_PER_IDENTITY: usize = 200;

/// An agreement on the desk.
pub(crate) struct Item {
    pub(crate) proposal: Proposal,
    pub(crate) answers: Vec<Answer>,
    pub(crate) agreement: Agreement,
}

impl Office {
    /// Takes an agreement into the inbox, with what others said of it; if it is there already, only that.
    pub(crate) fn post_in(&self, from: Bringer, text: &str, said: Vec<proto::Statement>) -> Result<Item, WorkerError> {
        let Reviewed { agreement, .. } = self.review(text)?;
        if said.len() > 2 * agreement.signers().len() {
            return Err(WorkerError::Statements { count: said.len() });
        }
        let statements = said.iter().map(|s| Statement::read(s, &agreement)).collect::<Result<Vec<_>, _>>()?;
        let digest = agreement.digest();
        match self.store.proposal(digest.0)? {
            None => self.take_in(from, &agreement)?,
            Some(known) if known.relayed && !from.relayed => {
                self.store.batch(|batch| batch.heard_from(digest.0, from.identity))?;
                self.ask_policy(Some(from.identity), &agreement)?;
            }
            Some(_) => {}
        }
        let mut news = false;
        for statement in statements {
            news |= self.file(&agreement, statement, from.identity)?;
        }
        self.settle(&agreement)?;
        if news {
            self.post.nudge();
        }
        self.item(agreement)
    }

    /// A new proposal: recorded, and answered at once where the policy allows it.
    fn take_in(&self, from: Bringer, agreement: &Agreement) -> Result<(), WorkerError> {
        let Bringer { identity, relayed } = from;
        let now = now_ms();
        if let Err(error @ AgreementError::Expired { .. }) = agreement.check_time(now) {
            return Err(error.into());
        }
        // What somebody only passes on does not take the room of its own proposals.
        let waits = |p: &&Proposal| (p.from, p.relayed, p.standing) == (identity, relayed, Standing::Open);
        let open = self.store.proposals()?.iter().filter(waits).count();
        if open >= OPEN_PER_IDENTITY {
            return Err(WorkerError::InboxFull { open });
        }
        let digest = agreement.digest();
        let text = agreement.text().to_owned();
        let standing = Standing::Open;
        let proposal = Proposal { agreement: digest.0, text, from: identity, when: now, standing, relayed };
        let new = self.journal.change(|batch, events| {
            let new = batch.propose(&proposal)?;
            events.extend(new.then(|| Event::Proposed { agreement: digest.to_string(), by: identity.to_string() }));
            Ok(new)
        })?;
        if new {
            tracing::info!(agreement = %digest, from = %identity, relayed, "an agreement was proposed");
            self.ask_policy((!relayed).then_some(identity), agreement)?;
            self.post.nudge();
        }
        Ok(())
    }

    /// Keeps a statement whose signature was verified: the first of a party, whoever brings it. That it changed its mind
    /// is believed only if its own worker says so (`from`): what it said earlier is still about. Our own is nobody
    /// else's to bring.
    fn file(&self, agreement: &Agreement, statement: Statement, from: Identity) -> Result<bool, WorkerError> {
        let by = statement.by;
        let ours = by == self.config.key.identity();
        self.record(agreement, statement, None, |known| match known {
            None => true,
            Some(known) => from == by && !ours && known,
        })
    }

    /// Ratifies with this worker's key, because rules of its policy say so; unless its operator was quicker.
    pub(crate) fn ratify_by(&self, agreement: &Agreement, rules: &ByRules) -> Result<(), WorkerError> {
        let verdict = Verdict::Ratified(Ratification::sign(agreement, &self.config.key).to_string().into_bytes());
        let statement = Statement { by: self.config.key.identity(), verdict };
        self.record(agreement, statement, Some(rules), |known| known.is_none()).map(drop)
    }

    /// Records an answer, and the rules that gave it, if `stands` says so: of what the party answered before, whether
    /// it was something else. All at once, so that nothing comes between. Says whether it was recorded.
    fn record(
        &self,
        agreement: &Agreement,
        statement: Statement,
        rules: Option<&ByRules>,
        stands: impl FnOnce(Option<bool>) -> bool,
    ) -> Result<bool, WorkerError> {
        let (digest, by) = (agreement.digest(), statement.by);
        let rule = rules.map(ByRules::in_words);
        let event = match &statement.verdict {
            Verdict::Ratified(_) => {
                Event::Ratified { agreement: digest.to_string(), by: by.to_string(), rule: rule.clone() }
            }
            Verdict::Declined { reason, .. } => {
                Event::Declined { agreement: digest.to_string(), by: by.to_string(), reason: reason.clone() }
            }
        };
        let answer = Answer { by, when: now_ms(), verdict: statement.verdict };
        let kept = rules.map(ByRules::to_bytes).transpose()?;
        let (ours, declines) = (by == self.config.key.identity(), |v: &Verdict| matches!(v, Verdict::Declined { .. }));
        let recorded = self.journal.change(|batch, events| {
            let known = batch.answer_of(digest.0, by)?;
            if !stands(known.map(|known| declines(&known.verdict) != declines(&answer.verdict))) {
                return Ok(false);
            }
            match kept {
                // What is to be spent, with the signature that needs it.
                Some(rules) => batch.set_note(RULES, &digest.0, &rules)?,
                // The operator's own answer stands in place of the policy's.
                None if ours => drop(batch.remove_note(RULES, &digest.0)?),
                None => {}
            }
            batch.answer(digest.0, &answer)?;
            events.push(event);
            Ok(true)
        })?;
        if !recorded {
            return Ok(false);
        }
        let players: Vec<&str> = agreement.roster().players_of(by).collect();
        let ratified = matches!(answer.verdict, Verdict::Ratified(_));
        tracing::info!(agreement = %digest, players = players.join(", "), ratified, rule, "an agreement was answered");
        Ok(true)
    }

    /// The operator's own answer, signed with the worker's key.
    pub(crate) fn answer(&self, digest: &[u8], declined: Option<String>) -> Result<Item, WorkerError> {
        let agreement = self.proposed(digest)?;
        let key = &self.config.key;
        let verdict = match declined {
            None => {
                if let Err(error @ AgreementError::Expired { .. }) = agreement.check_time(now_ms()) {
                    return Err(error.into());
                }
                Verdict::Ratified(Ratification::sign(&agreement, key).to_string().into_bytes())
            }
            Some(reason) => {
                let statement = Decline::sign(&agreement, &reason, key)?.to_string().into_bytes();
                Verdict::Declined { reason, statement }
            }
        };
        self.record(&agreement, Statement { by: key.identity(), verdict }, None, |_| true)?;
        self.settle(&agreement)?;
        self.post.nudge();
        self.item(agreement)
    }

    /// An agreement on the desk.
    pub(crate) fn proposed(&self, digest: &[u8]) -> Result<Agreement, WorkerError> {
        let digest =
            agreement::Digest(digest.try_into().map_err(|_| WorkerError::Unproposed { digest: String::new() })?);
        let proposal = self.store.proposal(digest.0)?;
        let proposal = proposal.ok_or_else(|| WorkerError::Unproposed { digest: digest.to_string() })?;
        Ok(self.review(&proposal.text)?.agreement)
    }

    /// Brings the standing of a proposal up to date.
    fn settle(&self, agreement: &Agreement) -> Result<(), WorkerError> {
        let digest = agreement.digest().0;
        let answers = self.store.answers(digest)?;
        let declined = answers.iter().any(|a| matches!(a.verdict, Verdict::Declined { .. }));
        let standing = match Ratified::verify(agreement.clone(), &ratifications(&answers)) {
            _ if declined => Standing::Declined,
            Ok(_) => Standing::Complete,
            Err(_) => Standing::Open,
        };
        if self.store.proposal(digest)?.is_some_and(|p| p.standing != standing) {
            self.store.set_standing(digest, standing)?;
        }
        Ok(())
    }

    /// All that is known of an agreement on the desk.
    pub(crate) fn item(&self, agreement: Agreement) -> Result<Item, WorkerError> {
        let digest = agreement.digest();
        let proposal = self.store.proposal(digest.0)?;
        let proposal = proposal.ok_or_else(|| WorkerError::Unproposed { digest: digest.to_string() })?;
        Ok(Item { proposal, answers: self.store.answers(digest.0)?, agreement })
    }

    /// The agreements that an identity may see, the latest first: its own and those that it takes part in; all for `None`.
    pub(crate) fn inbox(&self, caller: Option<Identity>, only: &[u8]) -> Result<Vec<Item>, WorkerError> {
        let mut items = Vec::new();
        for proposal in self.store.proposals()? {
            if !only.is_empty() && proposal.agreement != only {
                continue;
            }
            // What our roster no longer agrees with, or an older version wrote, is shown to nobody.
            let Ok(Reviewed { agreement, .. }) = self.review(&proposal.text) else { continue };
            let concerned = |c| proposal.from == c || agreement.signers().contains_key(&c);
            if caller.is_none_or(concerned) {
                items.push(Item { answers: self.store.answers(proposal.agreement)?, proposal, agreement });
            }
        }
        if items.is_empty() && !only.is_empty() {
            return Err(WorkerError::Unproposed { digest: hex(only) });
        }
        Ok(items)
    }

    /// Verifies that an agreement may run: every party's ratification, from the desk or as they were brought.
    pub(crate) fn ratified(&self, agreement: Agreement, brought: &[String]) -> Result<Ratified, WorkerError> {
        let digest = agreement.digest();
        let answers = self.store.answers(digest.0)?;
        let me = self.config.key.identity();
        if let Some(Answer { verdict: Verdict::Declined { reason, .. }, .. }) = answers.iter().find(|a| a.by == me) {
            return Err(WorkerError::Declined { digest: digest.to_string(), reason: reason.clone() });
        }
        if brought.len() > 2 * agreement.signers().len() {
            return Err(WorkerError::Statements { count: brought.len() });
        }
        let mut all = ratifications(&answers);
        for text in brought {
            all.push(Ratification::from_text(text)?);
        }
        match Ratified::verify(agreement.clone(), &all) {
            Err(AgreementError::Unratified { .. }) if self.config.ratify_all => {
                Ok(Ratified::by_flag_ratify_all(agreement)?)
            }
            Err(AgreementError::Unratified { players }) => {
                let mine = agreement.roster().players_of(me).any(|p| players.iter().any(|q| q == p));
                match declined_by(&agreement, &answers) {
                    Some(declined) => Err(declined),
                    None if mine => Err(WorkerError::NotRatified { digest: digest.to_string() }),
                    None => Err(AgreementError::Unratified { players }.into()),
                }
            }
            other => Ok(other?),
        }
    }
}

/// Answers as they are passed on.
pub(crate) fn statements(answers: &[Answer]) -> Vec<proto::Statement> {
    let said = |a: &Answer| match &a.verdict {
        Verdict::Ratified(text) => Said::Ratification(String::from_utf8_lossy(text).into_owned()),
        Verdict::Declined { statement, .. } => Said::Decline(String::from_utf8_lossy(statement).into_owned()),
    };
    answers.iter().map(|a| proto::Statement { statement: Some(said(a)) }).collect()
}

/// The first decline among answers, as an error.
fn declined_by(agreement: &Agreement, answers: &[Answer]) -> Option<WorkerError> {
    answers.iter().find_map(|answer| match &answer.verdict {
        Verdict::Declined { reason, .. } => Some(WorkerError::DeclinedBy {
            player: agreement.roster().players_of(answer.by).collect::<Vec<_>>().join(" and "),
            digest: agreement.digest().to_string(),
            reason: reason.clone(),
        }),
        Verdict::Ratified(_) => None,
    })
}

/// The ratifications among answers. Their form was read before they were kept.
fn ratifications(answers: &[Answer]) -> Vec<Ratification> {
    let text = |a: &Answer| match &a.verdict {
        Verdict::Ratified(bytes) => Ratification::from_text(&String::from_utf8_lossy(bytes)).ok(),
        Verdict::Declined { .. } => None,
    };
    answers.iter().filter_map(text).collect()
}

/// What one party says of an agreement, its signature verified.
struct Statement {
    by: Identity,
    verdict: Verdict,
}

impl Statement {
    fn read(statement: &proto::Statement, agreement: &Agreement) -> Result<Statement, WorkerError> {
        match &statement.statement {
            Some(Said::Ratification(text)) => {
                let by = Ratification::from_text(text)?.verify(agreement)?;
                Ok(Statement { by, verdict: Verdict::Ratified(text.clone().into_bytes()) })
            }
            Some(Said::Decline(text)) => {
                let decline = Decline::from_text(text)?;
                let by = decline.verify(agreement)?;
                let (reason, statement) = (decline.reason().to_owned(), text.clone().into_bytes());
                Ok(Statement { by, verdict: Verdict::Declined { reason, statement } })
            }
            None => Err(WorkerError::Statements { count: 0 }),
        }
    }
}

impl Item {
    /// What was said of it, as it is passed on.
    pub(crate) fn statements(&self) -> Vec<proto::Statement> {
        statements(&self.answers)
    }

    pub(crate) fn standing(&self) -> &'static str {
        match self.proposal.standing {
            _ if matches!(self.agreement.check_time(now_ms()), Err(AgreementError::Expired { .. })) => "expired",
            Standing::Open => "open",
            Standing::Complete => "complete",
            Standing::Declined => "declined",
        }
    }

    /// As a message; with its text and statements if it was asked for alone.
    pub(crate) fn to_proto(&self, rule: Option<String>, alone: bool) -> proto::Proposal {
        let of = |a: &Answer| self.agreement.roster().players_of(a.by).map(str::to_owned).collect::<Vec<_>>();
        let mut ratified = Vec::new();
        let mut declined = BTreeMap::new();
        for answer in &self.answers {
            match &answer.verdict {
                Verdict::Ratified(_) => ratified.extend(of(answer)),
                Verdict::Declined { reason, .. } => {
                    declined.extend(of(answer).into_iter().map(|p| (p, reason.clone())));
                }
            }
        }
        let answered: BTreeSet<&String> = ratified.iter().chain(declined.keys()).collect();
        let players = self.agreement.roster().iter().map(|(name, _)| name.to_owned());
        let missing = players.filter(|p| !answered.contains(p)).collect();
        proto::Proposal {
            digest: self.proposal.agreement.to_vec(),
            computation: self.agreement.checked().computation().name.clone(),
            from: self.proposal.from.to_string(),
            when_ms: self.proposal.when,
            standing: self.standing().to_owned(),
            missing,
            ratified,
            declined: declined.into_iter().collect(),
            rule: rule.unwrap_or_default(),
            text: if alone { self.proposal.text.clone() } else { String::new() },
            statements: if alone { self.statements() } else { Vec::new() },
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
