//! Ratifications: signatures over an agreement's digest, and the proof that all of them are there.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use net::Identity;
use net::identity::{KeyPair, PublicKey};
use serde::{Deserialize, Serialize};

use crate::agreement::Agreement;
use crate::context;
use crate::error::AgreementError;
use crate::id::{Digest, as_hex};

/// One party's signature over an agreement's digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratification {
    /// Digest of the agreement.
    pub agreement: Digest,
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
        Ratification { agreement: digest, key: key.public().to_bytes(), signature }
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`AgreementError::Syntax`].
    pub fn from_text(text: &str) -> Result<Ratification, AgreementError> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let line = error.span().map_or(0, |s| text.bytes().take(s.start).filter(|b| *b == b'\n').count() + 1);
            AgreementError::Syntax { line, message: error.message().trim_end().replace('\n', "; ") }
        })
    }

    /// Whose it is, if it is a valid ratification of an agreement.
    ///
    /// # Errors
    /// One of another agreement, by someone who takes no part, or with a signature that does not hold.
    pub fn verify(&self, agreement: &Agreement) -> Result<Identity, AgreementError> {
        if self.agreement != agreement.digest() {
            return Err(AgreementError::OtherAgreement { found: self.agreement });
        }
        let key = PublicKey::from_bytes(&self.key).map_err(|_| AgreementError::Signature { player: None })?;
        let identity = key.identity();
        let Some(player) = agreement.roster().players_of(identity).next() else {
            return Err(AgreementError::ForeignSigner { identity });
        };
        key.verify(context::RATIFICATION, &agreement.digest().0, &self.signature)
            .map_err(|_| AgreementError::Signature { player: Some(player.to_owned()) })?;
        Ok(identity)
    }
}

/// The text form: three lines of TOML.
impl fmt::Display for Ratification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "agreement = \"{}\"", self.agreement)?;
        writeln!(f, "key = \"{}\"", hex::encode(self.key))?;
        writeln!(f, "signature = \"{}\"", hex::encode(self.signature))
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
        let mut signed = BTreeSet::new();
        for ratification in ratifications {
            signed.insert(ratification.verify(&agreement)?);
        }
        let missing: Vec<String> = agreement
            .roster()
            .iter()
            .filter(|(_, member)| !signed.contains(&member.identity))
            .map(|(name, _)| name.to_owned())
            .collect();
        if missing.is_empty() {
            Ok(Ratified { agreement: Arc::new(agreement), basis: Basis::Signatures })
        } else {
            Err(AgreementError::Unratified { players: missing })
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
