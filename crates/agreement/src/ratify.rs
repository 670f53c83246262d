//! Ratifications: signatures over an agreement's digest, and the proof that all of them are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use net::Identity;
use net::identity::KeyPair;
use serde::{Deserialize, Serialize};

use crate::agreement::Agreement;
use crate::context;
use crate::decline::Decline;
use crate::error::AgreementError;
use crate::id::{Digest, as_hex};
use crate::signed::{Signed, canonical, players};
use crate::text;

/// One party's signature over an agreement's digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratification {
    /// Digest of the agreement.
    pub agreement: Digest,
    /// The players for whom it is, for people to read. The key decides; what differs from the roster is refused.
    players: Vec<String>,
    #[serde(with = "as_hex")]
    key: [u8; 32],
    #[serde(with = "as_hex")]
    signature: [u8; 64],
}

impl Ratification {
    /// Ratifies an agreement that was read.
    pub fn sign(agreement: &Agreement, key: &KeyPair) -> Ratification {
        let digest = agreement.digest();
        let signature = key.sign(context::RATIFICATION, &digest.0);
        let players = players(agreement, key.identity());
        Ratification { agreement: digest, players, key: key.public().to_bytes(), signature }
    }

    /// Reads the text form, which is one for each ratification.
    ///
    /// # Errors
    /// [`AgreementError::Syntax`], [`AgreementError::NotCanonical`].
    pub fn from_text(text: &str) -> Result<Ratification, AgreementError> {
        canonical(text)
    }

    /// Whose it is, if it is a valid ratification of an agreement.
    ///
    /// # Errors
    /// One of another agreement, by someone who takes no part, or with a signature that does not hold.
    pub fn verify(&self, agreement: &Agreement) -> Result<Identity, AgreementError> {
        let Ratification { agreement: digest, players, key, signature } = self;
        let signed = Signed { agreement: *digest, players, key, signature };
        signed.verify(agreement, context::RATIFICATION, &agreement.digest().0)
    }
}

/// The text form: four lines of TOML.
impl fmt::Display for Ratification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "agreement = \"{}\"", self.agreement)?;
        writeln!(f, "players = {}", text::strings(&self.players))?;
        writeln!(f, "key = \"{}\"", hex::encode(self.key))?;
        writeln!(f, "signature = \"{}\"", hex::encode(self.signature))
    }
}

/// How far an agreement is ratified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The players whose operators ratified.
    pub ratified: BTreeSet<String>,
    /// Those who declined and did not ratify, with their reasons.
    pub declined: BTreeMap<String, String>,
    /// Those of whom there is neither.
    pub missing: BTreeSet<String>,
}

impl Standing {
    /// Verifies ratifications and declines, and says whose are there.
    ///
    /// # Errors
    /// As for [`Ratification::verify`] and [`Decline::verify`].
    pub fn of(
        agreement: &Agreement,
        ratifications: &[Ratification],
        declines: &[Decline],
    ) -> Result<Standing, AgreementError> {
        let mut standing = Standing::default();
        for ratification in ratifications {
            standing.ratified.extend(players(agreement, ratification.verify(agreement)?));
        }
        for decline in declines {
            let players = players(agreement, decline.verify(agreement)?).into_iter();
            let players = players.filter(|p| !standing.ratified.contains(p));
            standing.declined.extend(players.map(|p| (p, decline.reason().to_owned())));
        }
        let all = agreement.roster().iter().map(|(name, _)| name.to_owned());
        standing.missing =
            all.filter(|p| !standing.ratified.contains(p) && !standing.declined.contains_key(p)).collect();
        Ok(standing)
    }

    /// Whether everyone ratified.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.declined.is_empty()
    }
}

/// What a worker took for permission to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Signatures of all parties.
    Signatures,
    /// No signatures: the worker was started with `--ratify-all`.
    RatifyAll,
    /// One person plays everyone, in one process.
    InProcess,
}

impl Basis {
    /// Its name, as in a receipt.
    pub fn name(self) -> &'static str {
        match self {
            Basis::Signatures => "signatures",
            Basis::RatifyAll => "ratify-all",
            Basis::InProcess => "in-process",
        }
    }
}

/// An agreement that may be run: there is none without a reason in [`Basis`].
#[derive(Clone, Debug)]
pub struct Ratified {
    agreement: Arc<Agreement>,
    basis: Basis,
}

impl Ratified {
    /// Verifies that every party ratified: every owner, and the operator of every worker.
    ///
    /// # Errors
    /// A ratification of another agreement, of someone who takes no part, or with a signature that does not
    /// hold; and [`AgreementError::Unratified`] with the players that are missing.
    pub fn verify(agreement: Agreement, ratifications: &[Ratification]) -> Result<Ratified, AgreementError> {
        let standing = Standing::of(&agreement, ratifications, &[])?;
        if standing.is_complete() {
            Ok(Ratified { agreement: Arc::new(agreement), basis: Basis::Signatures })
        } else {
            Err(AgreementError::Unratified { players: standing.missing.into_iter().collect() })
        }
    }

    /// UNSIGNED: takes an agreement for ratified by everyone, without a single signature. Only for a worker whose
    /// operator started it with `--ratify-all`; its receipts say so.
    ///
    /// # Errors
    /// [`AgreementError::InProcess`] if the players have no workers.
    pub fn by_flag_ratify_all(agreement: Agreement) -> Result<Ratified, AgreementError> {
        if agreement.roster().is_in_process() {
            return Err(AgreementError::InProcess);
        }
        Ok(Ratified { agreement: Arc::new(agreement), basis: Basis::RatifyAll })
    }

    /// For a run in one process, where one person plays everyone and has nobody to ask.
    ///
    /// # Errors
    /// [`AgreementError::NotInProcess`] if a player has a worker of its own: it would have to be asked.
    pub fn local(agreement: Agreement) -> Result<Ratified, AgreementError> {
        if !agreement.roster().is_in_process() {
            return Err(AgreementError::NotInProcess);
        }
        Ok(Ratified { agreement: Arc::new(agreement), basis: Basis::InProcess })
    }

    /// The agreement.
    pub fn agreement(&self) -> &Arc<Agreement> {
        &self.agreement
    }

    /// Why it may be run.
    pub fn basis(&self) -> Basis {
        self.basis
    }
}
