//! Declines: signed refusals of an agreement, with a reason for the other parties to read.

use std::fmt;

use net::Identity;
use net::identity::KeyPair;
use serde::{Deserialize, Serialize};

use crate::agreement::Agreement;
use crate::context;
use crate::encode::Encoder;
use crate::error::AgreementError;
use crate::id::{Digest, as_hex};
use crate::signed::{Signed, canonical, players};
use crate::text;

/// The longest reason, in characters.
const MAX_REASON: usize = 1000;

/// One party's refusal of an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decline {
    /// Digest of the agreement.
    pub agreement: Digest,
    /// The players for whom it is, for people to read. The key decides; what differs from the roster is refused.
    players: Vec<String>,
    reason: String,
    #[serde(with = "as_hex")]
    key: [u8; 32],
    #[serde(with = "as_hex")]
    signature: [u8; 64],
}

impl Decline {
    /// Declines an agreement that was read.
    ///
    /// # Errors
    /// [`AgreementError::Reason`] if the reason is empty, longer than 1,000 characters, or no plain text.
    pub fn sign(agreement: &Agreement, reason: &str, key: &KeyPair) -> Result<Decline, AgreementError> {
        check_reason(reason)?;
        let digest = agreement.digest();
        let signature = key.sign(context::DECLINE, &message(digest, reason));
        let players = players(agreement, key.identity());
        Ok(Decline { agreement: digest, players, reason: reason.to_owned(), key: key.public().to_bytes(), signature })
    }

    /// Reads the text form, which is one for each decline.
    ///
    /// # Errors
    /// [`AgreementError::Syntax`], [`AgreementError::NotCanonical`], [`AgreementError::Reason`].
    pub fn from_text(text: &str) -> Result<Decline, AgreementError> {
        let decline: Decline = canonical(text)?;
        check_reason(&decline.reason)?;
        Ok(decline)
    }

    /// Why, in the party's words.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whose it is, if it is a valid refusal of an agreement.
    ///
    /// # Errors
    /// One of another agreement, by someone who takes no part, or with a signature that does not hold.
    pub fn verify(&self, agreement: &Agreement) -> Result<Identity, AgreementError> {
        check_reason(&self.reason)?;
        let Decline { agreement: digest, players, key, signature, .. } = self;
        let signed = Signed { agreement: *digest, players, key, signature };
        signed.verify(agreement, context::DECLINE, &message(*digest, &self.reason))
    }
}

fn check_reason(reason: &str) -> Result<(), AgreementError> {
    let length = reason.chars().count();
    if reason.trim().is_empty() || length > MAX_REASON || reason.chars().any(ir::text::is_invisible) {
        return Err(AgreementError::Reason);
    }
    Ok(())
}

/// What is signed: the digest of the agreement and the reason, unambiguously.
fn message(agreement: Digest, reason: &str) -> [u8; 32] {
    let mut encoder = Encoder::new(context::DECLINE);
    encoder.bytes(&agreement.0).bytes(reason.as_bytes());
    encoder.finish()
}

/// The text form: five lines of TOML.
impl fmt::Display for Decline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "agreement = \"{}\"", self.agreement)?;
        writeln!(f, "players = {}", text::strings(&self.players))?;
        writeln!(f, "reason = {}", text::string(&self.reason))?;
        writeln!(f, "key = \"{}\"", hex::encode(self.key))?;
        writeln!(f, "signature = \"{}\"", hex::encode(self.signature))
    }
}
