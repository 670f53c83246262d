//! Proposing agreements, reading what was proposed, answering, and fetching receipts.

use std::collections::BTreeMap;

use agreement::{Agreement, Digest, Ratification, SessionId, SignedReceipt};

use super::console::Console;
use super::contact::Contact;
use crate::error::ClientError;
use crate::proto::{self, answer_request::Answer, statement::Statement as Said};

/// An agreement in a worker's inbox.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Proposal {
    /// Whose worker says so.
    pub worker: String,
    /// Its digest.
    pub digest: Digest,
    /// The computation's name.
    pub computation: String,
    /// Identity of who put it there first.
    pub from: String,
    /// When, in milliseconds since 1970, UTC.
    pub when_ms: u64,
    /// `open`, `complete`, `declined` or `expired`.
    pub standing: String,
    /// Players whose operators have ratified.
    pub ratified: Vec<String>,
    /// Players that have not answered.
    pub missing: Vec<String>,
    /// What players that declined gave as their reason.
    pub declined: BTreeMap<String, String>,
    /// The rule of the worker's policy by which it was ratified without asking.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// Its text, if it was asked for alone.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    #[serde(skip)]
    statements: Vec<Statement>,
}

/// What a party said of an agreement, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// It ratified.
    Ratification(String),
    /// It declined.
    Decline(String),
}

impl Proposal {
    fn from_proto(worker: &str, p: proto::Proposal) -> Result<Proposal, ClientError> {
        let bad = || ClientError::BadOutput { player: worker.to_owned() };
        let statements = p.statements.into_iter().filter_map(|s| s.statement).map(|s| match s {
            Said::Ratification(text) => Statement::Ratification(text),
            Said::Decline(text) => Statement::Decline(text),
        });
        Ok(Proposal {
            worker: worker.to_owned(),
            digest: Digest(p.digest.try_into().map_err(|_| bad())?),
            computation: p.computation,
            from: p.from,
            when_ms: p.when_ms,
            standing: p.standing,
            ratified: p.ratified,
            missing: p.missing,
            declined: p.declined.into_iter().collect(),
            rule: p.rule,
            text: p.text,
            statements: statements.collect(),
        })
    }
}

/// The receipts of one session that a worker has.
#[derive(Clone, Debug, Default)]
pub struct Receipts {
    /// As JSON; one of each player that has sent its own.
    pub receipts: Vec<SignedReceipt>,
    /// Of the worker's own commitments, by name (`input bmi`), for its operator.
    pub openings: BTreeMap<String, Vec<u8>>,
}

impl Console {
    /// Puts an agreement into the inbox of every worker that was reached. Those that were not are told of it by the
    /// others. Returns how it stands at each.
    ///
    /// # Errors
    /// The first worker's that refuses it.
    pub fn propose(&self, agreement: &Agreement) -> Result<Vec<(String, String)>, ClientError> {
        self.block_on(async {
            let mut standings = Vec::new();
            for contact in self.contacts() {
                let request = proto::PostRequest {
                    agreement: agreement.text().to_owned(),
                    statements: Vec::new(),
                    relayed: false,
                };
                let reply = contact.worker.clone().post(request).await.map_err(|s| contact.failed(&s))?;
                standings.push((contact.player.clone(), reply.into_inner().standing));
            }
            Ok(standings)
        })
    }

    /// The agreements in the workers' inboxes that they let us see.
    ///
    /// # Errors
    /// The first worker's that does not answer.
    pub fn inbox(&self) -> Result<Vec<Proposal>, ClientError> {
        self.block_on(async {
            let mut all = Vec::new();
            for contact in self.contacts() {
                all.extend(inbox(contact, Vec::new()).await?);
            }
            Ok(all)
        })
    }

    /// One agreement, with its text, from the first worker that lets us see it. That the text has this digest is
    /// checked here.
    ///
    /// # Errors
    /// If none does, or the text is another.
    pub fn proposal(&self, digest: Digest) -> Result<(Proposal, Agreement), ClientError> {
        self.block_on(async {
            let mut refused = None;
            for contact in self.contacts() {
                match inbox(contact, digest.0.to_vec()).await.map(|mut found| found.pop()) {
                    Ok(Some(proposal)) => return Ok((proposal.clone(), agreed(&proposal.text, digest)?)),
                    Ok(None) => {}
                    Err(error) => refused = refused.or(Some(error)),
                }
            }
            Err(refused.unwrap_or(ClientError::Unproposed { digest: digest.to_string() }))
        })
    }

    /// Everything that is known of who ratified an agreement, from all workers.
    ///
    /// # Errors
    /// As [`proposal`](Self::proposal).
    pub fn ratifications(&self, digest: Digest) -> Result<Vec<Ratification>, ClientError> {
        self.block_on(async {
            let mut all: BTreeMap<String, Ratification> = BTreeMap::new();
            for contact in self.contacts() {
                // One that does not know it yet has nothing to add.
                let found = inbox(contact, digest.0.to_vec()).await.unwrap_or_default();
                for statement in found.into_iter().flat_map(|p| p.statements) {
                    if let Statement::Ratification(text) = statement {
                        let read = Ratification::from_text(&text)?;
                        all.insert(text, read);
                    }
                }
            }
            Ok(all.into_values().collect())
        })
    }

    /// Ratifies an agreement as the operator of these workers, or declines it with a reason; each worker signs with its
    /// own key. Returns how it stands at each.
    ///
    /// # Errors
    /// The first worker's that refuses.
    pub fn answer(&self, digest: Digest, declined: Option<&str>) -> Result<Vec<(String, String)>, ClientError> {
        let answer = match declined {
            None => Answer::Ratify(proto::Ratify {}),
            Some(reason) => Answer::Decline(reason.to_owned()),
        };
        self.block_on(async {
            let mut standings = Vec::new();
            for contact in self.contacts() {
                let request = proto::AnswerRequest { digest: digest.0.to_vec(), answer: Some(answer.clone()) };
                let reply = contact.worker.clone().answer(request).await.map_err(|s| contact.failed(&s))?;
                standings.push((contact.player.clone(), reply.into_inner().standing));
            }
            Ok(standings)
        })
    }

    /// The sessions of which the workers that we operate have receipts.
    ///
    /// # Errors
    /// The first worker's that does not answer.
    pub fn sessions_with_receipts(&self) -> Result<Vec<(String, SessionId)>, ClientError> {
        self.block_on(async {
            let mut all = Vec::new();
            for contact in self.contacts() {
                let reply = contact.worker.clone().receipts(proto::ReceiptsRequest::default()).await;
                for session in reply.map_err(|s| contact.failed(&s))?.into_inner().sessions {
                    let bad = |_| ClientError::BadOutput { player: contact.player.clone() };
                    all.push((contact.player.clone(), SessionId(session.try_into().map_err(bad)?)));
                }
            }
            Ok(all)
        })
    }

    /// The receipts of a session, from the first worker that lets us see them.
    ///
    /// # Errors
    /// If none does.
    pub fn receipts(&self, session: SessionId) -> Result<Receipts, ClientError> {
        self.block_on(async {
            let mut refused = None;
            for contact in self.contacts() {
                let request = proto::ReceiptsRequest { session: session.0.to_vec(), receipts: Vec::new() };
                match contact.worker.clone().receipts(request).await {
                    Ok(reply) => return read_receipts(contact, reply.into_inner()),
                    Err(status) => refused = refused.or(Some(contact.failed(&status))),
                }
            }
            Err(refused.unwrap_or(ClientError::NoKey))
        })
    }
}

async fn inbox(contact: &Contact, digest: Vec<u8>) -> Result<Vec<Proposal>, ClientError> {
    let reply = contact.worker.clone().inbox(proto::InboxRequest { digest }).await;
    let proposals = reply.map_err(|s| contact.failed(&s))?.into_inner().proposals;
    proposals.into_iter().map(|p| Proposal::from_proto(&contact.player, p)).collect()
}

fn read_receipts(contact: &Contact, reply: proto::ReceiptsReply) -> Result<Receipts, ClientError> {
    let bad = |_| ClientError::BadOutput { player: contact.player.clone() };
    let receipts = reply.receipts.iter().map(|r| serde_json::from_str(r)).collect::<Result<_, _>>().map_err(bad)?;
    Ok(Receipts { receipts, openings: reply.openings.into_iter().collect() })
}

/// The agreement of a text, if it has this digest.
///
/// # Errors
/// If it is none, or another.
pub fn agreed(text: &str, digest: Digest) -> Result<Agreement, ClientError> {
    let agreement = Agreement::from_text(text)?;
    match agreement.digest() == digest {
        true => Ok(agreement),
        false => {
            Err(agreement::AgreementError::OtherAgreement { found: agreement.digest(), changes: Vec::new() }.into())
        }
    }
}
