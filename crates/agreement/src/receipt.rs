//! Receipts: what a worker states, under its signature, about a run that it took part in.

use std::collections::BTreeMap;

use net::Identity;
use net::identity::{BadSignature, KeyPair, PublicKey};
use serde::{Deserialize, Serialize};

use crate::agreement::Agreement;
use crate::commitment::Commitment;
use crate::context;
use crate::encode::Encoder;
use crate::id::{Digest, SessionId, as_hex, as_text};
use crate::proof::Proof;
use crate::ratify::Basis;

/// The version of receipts that is read and written.
const VERSION: u32 = 3;

/// What a run cost one player.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Rounds of communication: the length of the longest chain of messages that depend on each other.
    pub rounds: u32,
    /// Bytes that the player sent.
    pub bytes: u64,
}

/// One player's account of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The form's version, [`Receipt::VERSION`].
    pub version: u32,
    /// Digest of the agreement.
    pub agreement: Digest,
    /// The session.
    pub session: SessionId,
    /// Which attempt at it: 0, or more after it was resumed.
    pub attempt: u32,
    /// The player whose account it is.
    pub player: String,
    /// All players of the session with the identities that they proved.
    pub players: BTreeMap<String, Seen>,
    /// What the worker took for permission to run.
    pub ratified: Basis,
    /// The rule of this worker's policy by which it ratified without asking its operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// When the session began, in milliseconds since 1970 (UTC), by this worker's clock.
    pub started_ms: u64,
    /// When it ended.
    pub ended_ms: u64,
    /// What it cost this player.
    pub cost: Cost,
    /// Commitments to this player's inputs, by name.
    pub inputs: BTreeMap<String, Commitment>,
    /// Commitments to the outputs that this player received, by name.
    pub outputs: BTreeMap<String, Commitment>,
    /// The end of this worker's audit log when it signed: who has it later can see whether the log was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<LogHead>,
    /// What other players' machines proved to this worker, by player, in order of time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub machines: BTreeMap<String, Vec<Proof>>,
}

/// The last entry of an audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    /// Its number.
    pub sequence: u64,
    /// Its digest, which covers all entries before it.
    pub digest: Digest,
}

/// An identity as it was seen in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seen(#[serde(with = "as_text")] pub Identity);

impl Receipt {
    /// The version of receipts that this program reads and writes.
    pub const VERSION: u32 = VERSION;

    /// The digest that is signed, and that one reads out to compare receipts.
    pub fn digest(&self) -> Digest {
        let mut e = Encoder::new(context::RECEIPT);
        e.number(self.version.into()).bytes(&self.agreement.0).bytes(&self.session.0);
        e.number(self.attempt.into()).bytes(self.player.as_bytes());
        e.number(self.players.len() as u64);
        for (name, Seen(identity)) in &self.players {
            e.bytes(name.as_bytes()).bytes(identity.as_bytes());
        }
        e.bytes(self.ratified.name().as_bytes());
        e.number(self.policy.is_some().into()).bytes(self.policy.as_deref().unwrap_or_default().as_bytes());
        e.number(self.started_ms).number(self.ended_ms);
        e.number(self.cost.rounds.into()).number(self.cost.bytes);
        for named in [&self.inputs, &self.outputs] {
            e.number(named.len() as u64);
            for (name, Commitment(digest)) in named {
                e.bytes(name.as_bytes()).bytes(&digest.0);
            }
        }
        e.number(self.audit.is_some().into());
        if let Some(LogHead { sequence, digest }) = &self.audit {
            e.number(*sequence).bytes(&digest.0);
        }
        e.number(self.machines.len() as u64);
        for (name, proofs) in &self.machines {
            e.bytes(name.as_bytes()).number(proofs.len() as u64);
            proofs.iter().for_each(|proof| proof.encode(&mut e));
        }
        Digest(e.finish())
    }

    /// Signs it with the worker's key.
    ///
    /// # Errors
    /// If it is not consistent in itself, or the key is not that of its player.
    pub fn sign(self, key: &KeyPair) -> Result<SignedReceipt, ReceiptError> {
        self.check(key.identity())?;
        let signature = key.sign(context::RECEIPT_SIGNATURE, &self.digest().0);
        Ok(SignedReceipt { receipt: self, key: key.public().to_bytes(), signature })
    }

    fn check(&self, signer: Identity) -> Result<(), ReceiptError> {
        if self.version != VERSION {
            return Err(ReceiptError::Version(self.version));
        }
        if self.players.get(&self.player) != Some(&Seen(signer)) {
            return Err(ReceiptError::Signer(self.player.clone()));
        }
        if self.ended_ms < self.started_ms {
            return Err(ReceiptError::Times);
        }
        Ok(())
    }
}

/// One digest over the receipts of all players of a session, in the order of players: what two people read out to
/// each other to see that they speak of the same run.
pub fn session_digest<'a>(receipts: impl IntoIterator<Item = &'a Receipt>) -> Digest {
    let mut e = Encoder::new(context::SESSION_RECEIPTS);
    for receipt in receipts {
        e.bytes(&receipt.digest().0);
    }
    Digest(e.finish())
}

/// A receipt under its worker's signature. As JSON it can be kept and verified anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReceipt {
    receipt: Receipt,
    #[serde(with = "as_hex")]
    key: [u8; 32],
    #[serde(with = "as_hex")]
    signature: [u8; 64],
}

impl SignedReceipt {
    /// What is stated, without looking at the signature.
    pub fn unverified(&self) -> &Receipt {
        &self.receipt
    }

    /// What is stated, if the signature is that of the worker that the receipt names.
    ///
    /// # Errors
    /// Another version, another signer, or a signature that does not hold.
    pub fn verify(&self) -> Result<&Receipt, ReceiptError> {
        let key = PublicKey::from_bytes(&self.key)?;
        self.receipt.check(key.identity())?;
        key.verify(context::RECEIPT_SIGNATURE, &self.receipt.digest().0, &self.signature)?;
        Ok(&self.receipt)
    }

    /// What is stated, if it is this player's account of this session of this agreement, between the identities of
    /// its roster.
    ///
    /// # Errors
    /// As [`verify`](Self::verify), and [`ReceiptError::OtherAgreement`], [`ReceiptError::OtherSession`] or
    /// [`ReceiptError::Players`].
    pub fn verify_for(
        &self,
        agreement: &Agreement,
        session: SessionId,
        player: &str,
    ) -> Result<&Receipt, ReceiptError> {
        let receipt = self.verify()?;
        if receipt.player != player {
            return Err(ReceiptError::Signer(player.to_owned()));
        }
        if receipt.agreement != agreement.digest() {
            return Err(ReceiptError::OtherAgreement(receipt.agreement));
        }
        if receipt.session != session {
            return Err(ReceiptError::OtherSession(receipt.session));
        }
        let agreed = agreement.roster().iter().map(|(name, member)| (name.to_owned(), Seen(member.identity)));
        if receipt.players != agreed.collect() {
            return Err(ReceiptError::Players);
        }
        Ok(receipt)
    }
}

/// Why a receipt is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The receipt is of a version that this program does not know.
    #[error("the receipt has version {0}; this program reads version {VERSION}")]
    Version(u32),
    /// The key is not that of the player whose receipt it is.
    #[error("the receipt is not signed by the worker of {0}")]
    Signer(String),
    /// The run ends before it begins.
    #[error("the receipt's run ends before it begins")]
    Times,
    /// The receipt is of another agreement.
    #[error("the receipt is of another agreement, {0}")]
    OtherAgreement(Digest),
    /// The receipt is of another session.
    #[error("the receipt is of another session, {0}")]
    OtherSession(SessionId),
    /// The receipt names other identities than the agreement's roster.
    #[error("the receipt names other players than the agreement")]
    Players,
    /// There is no receipt of a player, or none at all.
    #[error("there is no receipt of {}", .0.join(", "))]
    Missing(Vec<String>),
    /// There are two different receipts of one player.
    #[error("there are two receipts of {0}")]
    Twice(String),
    /// The receipt is of another attempt at the session than others.
    #[error("the receipt of {0} is of another attempt than the others")]
    Attempt(String),
    /// The receipt does not say that a machine proved the agreement's claims to its player.
    #[error("the receipt of {player} does not say that the machine of {machine} proved what was agreed")]
    Unproved {
        /// The player whose receipt it is.
        player: String,
        /// The player whose machine it is.
        machine: String,
    },
    /// The receipt commits to other inputs or outputs than the agreement gives its player.
    #[error("the receipt of {player} does not commit to just the {what} that the agreement gives it")]
    Commitments {
        /// The player.
        player: String,
        /// Inputs or outputs.
        what: &'static str,
    },
    /// The run began when the agreement did not allow it.
    #[error("the receipt of {0} says that the run began when the agreement was not valid")]
    Window(String),
    /// The signature does not hold: the receipt was changed, or never signed.
    #[error("the receipt's signature does not hold")]
    Signature,
}

impl From<BadSignature> for ReceiptError {
    fn from(_: BadSignature) -> ReceiptError {
        ReceiptError::Signature
    }
}

impl ReceiptError {
    /// A stable code for programs to match on.
    pub fn code(&self) -> &'static str {
        match self {
            ReceiptError::Version(_) => "receipt.version",
            ReceiptError::Signer(_) => "receipt.signer",
            ReceiptError::Times => "receipt.times",
            ReceiptError::OtherAgreement(_) => "receipt.other-agreement",
            ReceiptError::OtherSession(_) => "receipt.other-session",
            ReceiptError::Players => "receipt.players",
            ReceiptError::Missing(_) => "receipt.missing",
            ReceiptError::Twice(_) => "receipt.twice",
            ReceiptError::Attempt(_) => "receipt.attempt",
            ReceiptError::Commitments { .. } => "receipt.commitments",
            ReceiptError::Window(_) => "receipt.window",
            ReceiptError::Unproved { .. } => "receipt.unproved",
            ReceiptError::Signature => "receipt.signature",
        }
    }

    /// The player concerned, where one is.
    pub fn player(&self) -> Option<&str> {
        match self {
            ReceiptError::Missing(players) => players.first().map(String::as_str),
            ReceiptError::Signer(player)
            | ReceiptError::Twice(player)
            | ReceiptError::Attempt(player)
            | ReceiptError::Commitments { player, .. }
            | ReceiptError::Unproved { player, .. }
            | ReceiptError::Window(player) => Some(player),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            ReceiptError::Version(_) => "use the version of privity that wrote it",
            ReceiptError::Signer(_) => "ask the player's operator for the receipt that its own worker signed",
            ReceiptError::Times => "correct the worker's clock",
            ReceiptError::OtherAgreement(_) | ReceiptError::OtherSession(_) => "ask for the receipt of this run",
            ReceiptError::Players => "do not rely on the run: its worker talked to others than agreed",
            ReceiptError::Missing(_) => "ask the player's operator for its worker's receipt",
            ReceiptError::Twice(_) | ReceiptError::Attempt(_) => "give the receipts of one attempt, one of each player",
            ReceiptError::Unproved { .. } | ReceiptError::Commitments { .. } => {
                "do not rely on the run: its worker did not do what was agreed"
            }
            ReceiptError::Window(_) => "do not rely on the run, unless the worker's clock was wrong",
            ReceiptError::Signature => "the receipt was damaged or changed; ask for the original",
        }
    }
}
