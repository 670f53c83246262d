//! The operator's desk: what was proposed, who ratified or declined, receipts, and openings of commitments.
//!
//! The store keeps these and knows nothing of what is in them: a ratification's signature is verified by whoever puts
//! it here, and again by whoever relies on it.

use net::Identity;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::database::Read;
use crate::record::{Record, Table};
use crate::store::Batch;
use crate::value::identity;
use crate::{Digest, Secret, SessionId, Store, StoreError};

/// An agreement that was proposed here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its digest.
    pub agreement: Digest,
    /// Its text.
    pub text: String,
    /// Who proposed it.
    #[serde(with = "identity")]
    pub from: Identity,
    /// When it came, in milliseconds since 1970 (UTC), by this worker's clock.
    pub when: u64,
    /// How it stands.
    pub standing: Standing,
    /// Whether `from` only passed it on, so that nobody here has heard of it from whoever proposed it.
    #[serde(default)]
    pub relayed: bool,
}

/// How a proposal stands at this worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Standing {
    /// Answers are missing.
    Open,
    /// Everyone who must ratify it has.
    Complete,
    /// Someone who must ratify it has declined.
    Declined,
}

/// What one party answered to a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Who.
    #[serde(with = "identity")]
    pub by: Identity,
    /// When it came here.
    pub when: u64,
    /// What.
    pub verdict: Verdict,
}

/// Yes or no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The ratification as it is passed on, with its signature.
    Ratified(Vec<u8>),
    /// The decline.
    Declined {
        /// Why, in the party's words.
        reason: String,
        /// The decline as it is passed on, with its signature if it has one.
        statement: Vec<u8>,
    },
}

impl Record for Proposal {
    const TABLE: Table = Table::Proposals;
}

impl Record for Answer {
    const TABLE: Table = Table::Answers;
}

/// One worker's receipt of a session, as it is passed on.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeptReceipt {
    #[serde(with = "identity")]
    by: Identity,
    bytes: Vec<u8>,
}

impl Record for KeptReceipt {
    const TABLE: Table = Table::Receipts;
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Opening(Secret);

impl Record for Opening {
    const TABLE: Table = Table::Openings;
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Note(Secret);

impl Record for Note {
    const TABLE: Table = Table::Notes;
}

impl Store {
    /// As [`Batch::propose`], durably.
    pub fn propose(&self, proposal: &Proposal) -> Result<bool, StoreError> {
        self.batch(|batch| batch.propose(proposal))
    }

    /// As [`Batch::set_standing`], durably.
    pub fn set_standing(&self, agreement: Digest, standing: Standing) -> Result<(), StoreError> {
        self.batch(|batch| batch.set_standing(agreement, standing))
    }

    /// As [`Batch::answer`], durably.
    pub fn answer(&self, agreement: Digest, answer: &Answer) -> Result<(), StoreError> {
        self.batch(|batch| batch.answer(agreement, answer))
    }

    /// As [`Batch::forget`], durably.
    pub fn forget(&self, agreement: Digest) -> Result<(), StoreError> {
        self.batch(|batch| batch.forget(agreement))
    }

    /// A proposal.
    pub fn proposal(&self, agreement: Digest) -> Result<Option<Proposal>, StoreError> {
        self.view()?.find(&agreement, &[])
    }

    /// All proposals, the latest first.
    pub fn proposals(&self) -> Result<Vec<Proposal>, StoreError> {
        let mut all: Vec<Proposal> = self.view()?.intact::<Proposal>()?.into_iter().map(|f| f.record).collect();
        all.sort_by_key(|p| std::cmp::Reverse((p.when, p.agreement)));
        Ok(all)
    }

    /// All answers to a proposal, by identity.
    pub fn answers(&self, agreement: Digest) -> Result<Vec<Answer>, StoreError> {
        let mut all: Vec<Answer> = self.view()?.of_scope(&agreement)?.into_iter().map(|f| f.record).collect();
        all.sort_by_key(|answer| answer.by);
        Ok(all)
    }

    /// As [`Batch::keep_receipt`], durably.
    pub fn keep_receipt(&self, session: SessionId, by: Identity, receipt: &[u8]) -> Result<(), StoreError> {
        self.batch(|batch| batch.keep_receipt(session, by, receipt))
    }

    /// The receipts of a session, by identity.
    pub fn receipts(&self, session: SessionId) -> Result<Vec<(Identity, Vec<u8>)>, StoreError> {
        let found = self.view()?.of_scope::<KeptReceipt>(&session)?;
        let mut all: Vec<_> = found.into_iter().map(|f| (f.record.by, f.record.bytes)).collect();
        all.sort();
        Ok(all)
    }

    /// All sessions of which there are receipts.
    pub fn sessions_with_receipts(&self) -> Result<Vec<SessionId>, StoreError> {
        let found = self.view()?.intact::<KeptReceipt>()?;
        let mut all: Vec<SessionId> = found.into_iter().filter_map(|f| f.scope.try_into().ok()).collect();
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// As [`Batch::keep_opening`], durably.
    pub fn keep_opening(&self, session: SessionId, name: &str, opening: &[u8]) -> Result<(), StoreError> {
        self.batch(|batch| batch.keep_opening(session, name, opening))
    }

    /// The openings of a session's commitments, by name.
    pub fn openings(&self, session: SessionId) -> Result<Vec<(String, Secret)>, StoreError> {
        let found = self.view()?.of_scope::<Opening>(&session)?;
        let mut all: Vec<_> =
            found.into_iter().map(|f| (String::from_utf8_lossy(&f.key).into_owned(), f.record.0)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(all)
    }

    /// As [`Batch::drop_receipts`], durably.
    pub fn drop_receipts(&self, session: SessionId) -> Result<(), StoreError> {
        self.batch(|batch| batch.drop_receipts(session))
    }

    /// As [`Batch::set_note`], durably.
    pub fn set_note(&self, topic: &str, key: &[u8], note: &[u8]) -> Result<(), StoreError> {
        self.batch(|batch| batch.set_note(topic, key, note))
    }

    /// As [`Batch::remove_note`], durably.
    pub fn remove_note(&self, topic: &str, key: &[u8]) -> Result<bool, StoreError> {
        self.batch(|batch| batch.remove_note(topic, key))
    }

    /// A note.
    pub fn note(&self, topic: &str, key: &[u8]) -> Result<Option<Secret>, StoreError> {
        Ok(self.view()?.find::<Note>(topic.as_bytes(), key)?.map(|note| note.0))
    }

    /// All notes of a topic, by key.
    pub fn notes(&self, topic: &str) -> Result<Vec<(Vec<u8>, Secret)>, StoreError> {
        let found = self.view()?.of_scope::<Note>(topic.as_bytes())?;
        let mut all: Vec<_> = found.into_iter().map(|f| (f.key, f.record.0)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(all)
    }
}

impl Batch<'_> {
    /// As [`Store::note`].
    pub fn note(&self, topic: &str, key: &[u8]) -> Result<Option<Secret>, StoreError> {
        Ok(self.find::<Note>(topic.as_bytes(), key)?.map(|note| note.0))
    }

    /// Puts a proposal on the desk. Says no, and changes nothing, if it is there already.
    pub fn propose(&mut self, proposal: &Proposal) -> Result<bool, StoreError> {
        if self.find::<Proposal>(&proposal.agreement, &[])?.is_some() {
            return Ok(false);
        }
        self.set(&proposal.agreement, &[], proposal)?;
        Ok(true)
    }

    /// Says how a proposal stands.
    ///
    /// # Errors
    /// If it was not proposed.
    pub fn set_standing(&mut self, agreement: Digest, standing: Standing) -> Result<(), StoreError> {
        let mut proposal = self.proposed(agreement)?;
        proposal.standing = standing;
        self.set(&agreement, &[], &proposal)
    }

    /// Keeps a party's answer in place of its earlier one.
    ///
    /// # Errors
    /// If the agreement was not proposed.
    pub fn answer(&mut self, agreement: Digest, answer: &Answer) -> Result<(), StoreError> {
        self.proposed(agreement)?;
        self.set(&agreement, answer.by.as_bytes(), answer)
    }

    /// What a party answered, if it did.
    pub fn answer_of(&self, agreement: Digest, by: Identity) -> Result<Option<Answer>, StoreError> {
        self.find(&agreement, by.as_bytes())
    }

    /// Notes that whoever proposed it has now said so itself.
    ///
    /// # Errors
    /// If it was not proposed.
    pub fn heard_from(&mut self, agreement: Digest, from: Identity) -> Result<(), StoreError> {
        let mut proposal = self.proposed(agreement)?;
        (proposal.from, proposal.relayed) = (from, false);
        self.set(&agreement, &[], &proposal)
    }

    fn proposed(&self, agreement: Digest) -> Result<Proposal, StoreError> {
        self.find(&agreement, &[])?.ok_or_else(|| StoreError::NotProposed { agreement: hex::encode(agreement) })
    }

    /// Takes a proposal and its answers off the desk. That it was run stays in the ledger.
    pub fn forget(&mut self, agreement: Digest) -> Result<(), StoreError> {
        for found in self.of_scope::<Answer>(&agreement)? {
            self.unset::<Answer>(&agreement, &found.key)?;
        }
        self.unset::<Proposal>(&agreement, &[]).map(|_| ())
    }

    /// Keeps a worker's receipt of a session.
    pub fn keep_receipt(&mut self, session: SessionId, by: Identity, receipt: &[u8]) -> Result<(), StoreError> {
        self.set(&session, by.as_bytes(), &KeptReceipt { by, bytes: receipt.to_vec() })
    }

    /// Keeps the opening of a commitment of a session, under a name of the caller's (`input bmi`).
    pub fn keep_opening(&mut self, session: SessionId, name: &str, opening: &[u8]) -> Result<(), StoreError> {
        self.set(&session, name.as_bytes(), &Opening(Zeroizing::new(opening.to_vec())))
    }

    /// A player's receipt of a session, if it is here.
    pub fn receipt(&self, session: SessionId, by: Identity) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.find::<KeptReceipt>(&session, by.as_bytes())?.map(|kept| kept.bytes))
    }

    /// Drops the receipts and openings of a session.
    pub fn drop_receipts(&mut self, session: SessionId) -> Result<(), StoreError> {
        for found in self.of_scope::<KeptReceipt>(&session)? {
            self.unset::<KeptReceipt>(&session, &found.key)?;
        }
        for found in self.of_scope::<Opening>(&session)? {
            self.unset::<Opening>(&session, &found.key)?;
        }
        Ok(())
    }

    /// Keeps anything else that must not be lost, sealed, under a topic and a key of the caller's.
    pub fn set_note(&mut self, topic: &str, key: &[u8], note: &[u8]) -> Result<(), StoreError> {
        self.set(topic.as_bytes(), key, &Note(Zeroizing::new(note.to_vec())))
    }

    /// Removes a note, and says whether there was one.
    pub fn remove_note(&mut self, topic: &str, key: &[u8]) -> Result<bool, StoreError> {
        self.unset::<Note>(topic.as_bytes(), key)
    }
}
