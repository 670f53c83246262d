//! What ratifications and declines share: a signature about one agreement, of a party of its roster, in one text.

use std::fmt;

use net::Identity;
use net::identity::PublicKey;
use serde::de::DeserializeOwned;

use crate::agreement::Agreement;
use crate::error::AgreementError;
use crate::id::Digest;
use crate::text;

/// What a party signed about an agreement.
pub(crate) struct Signed<'a> {
    /// Digest of the agreement.
    pub(crate) agreement: Digest,
    /// The players for whom it says to be.
    pub(crate) players: &'a [String],
    pub(crate) key: &'a [u8; 32],
    pub(crate) signature: &'a [u8; 64],
}

impl Signed<'_> {
    /// Whose it is, if it is about this agreement, of someone who takes part, and holds over `message`.
    pub(crate) fn verify(
        &self,
        agreement: &Agreement,
        context: &str,
        message: &[u8; 32],
    ) -> Result<Identity, AgreementError> {
        if self.agreement != agreement.digest() {
            return Err(AgreementError::OtherAgreement { found: self.agreement, changes: Vec::new() });
        }
        let key = PublicKey::from_bytes(self.key).map_err(|_| AgreementError::Signature { player: None })?;
        let identity = key.identity();
        let players = players(agreement, identity);
        let Some(player) = players.first() else {
            return Err(AgreementError::ForeignSigner { identity });
        };
        let holds = key.verify(context, message, self.signature).is_ok();
        if holds && players == self.players {
            Ok(identity)
        } else {
            Err(AgreementError::Signature { player: Some(player.clone()) })
        }
    }
}

/// The players of an identity, by name.
pub(crate) fn players(agreement: &Agreement, identity: Identity) -> Vec<String> {
    agreement.roster().players_of(identity).map(str::to_owned).collect()
}

/// Reads what has one text.
pub(crate) fn canonical<T: DeserializeOwned + fmt::Display>(text: &str) -> Result<T, AgreementError> {
    let value: T = toml::from_str(text).map_err(|error| text::syntax(text, &error))?;
    let printed = value.to_string();
    if printed == text {
        Ok(value)
    } else {
        Err(AgreementError::NotCanonical { line: text::first_difference(&printed, text) })
    }
}
