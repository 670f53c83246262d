//! Invitations: codes that stand for a key, so that somebody can be enrolled who has none yet.
//!
//! Whoever enrols makes a code, puts the identity of its key on the list, and gives the code to one person, who makes the key of it.
//! So who made a code, or read it on its way, has the same key.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::text;

const PREFIX: &str = "inv1-";
const KEY_CONTEXT: &str = "privity 2026-11 identity key of an invitation v1";

/// A code of 136 random bits that stands for a key. Its text form is `inv1-` and 32 characters in four groups, of which the last ones
/// are a checksum. It is a secret: wiped when it is dropped, and `Debug` does not show it.
pub struct Invitation(Zeroizing<[u8; Invitation::LENGTH]>);

/// Why a text is no invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvitationError {
    /// It does not have the form.
    #[error("an invitation has the form inv1-xxxxxxxx-…, with four groups of eight letters a to z and digits 2 to 7")]
    Form,
    /// It has the form, but a character was mistaken.
    #[error("the invitation's checksum does not fit: a character is wrong")]
    Checksum,
}

impl Invitation {
    /// Random bytes of a code. With the checksum these are exactly 32 characters.
    pub const LENGTH: usize = 17;

    /// The invitation of these bytes, which have to be random.
    #[must_use]
    pub fn new(random: &[u8; Self::LENGTH]) -> Invitation {
        Invitation(Zeroizing::new(*random))
    }

    /// The seed of the key that it stands for.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(KEY_CONTEXT, self.0.as_slice()))
    }

    /// Its text form, which is the secret.
    #[must_use]
    pub fn write(&self) -> Zeroizing<String> {
        Zeroizing::new(text::grouped(PREFIX, &text::body(self.0.as_slice())))
    }
}

impl FromStr for Invitation {
    type Err = InvitationError;

    /// Reads the text form, and only that, with space around it.
    fn from_str(text: &str) -> Result<Self, InvitationError> {
        let body = text::ungrouped(PREFIX, text.trim()).ok_or(InvitationError::Form)?;
        let bytes = text::parse_body::<{ Invitation::LENGTH }>(&body).map_err(|e| match e {
            crate::IdentityError::Form => InvitationError::Form,
            crate::IdentityError::Checksum => InvitationError::Checksum,
        })?;
        Ok(Invitation(bytes))
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invitation(withheld)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_one_text_and_one_key() {
        let invitation = Invitation::new(&[7; Invitation::LENGTH]);
        let text = invitation.write();
        assert_eq!((text.len(), text.matches('-').count()), (5 + 32 + 3, 4));
        let read: Invitation = format!(" {}\n", *text).parse().unwrap();
        assert_eq!((read.seed(), read.write()), (invitation.seed(), text.clone()));
        assert_ne!(invitation.seed(), Invitation::new(&[8; Invitation::LENGTH]).seed());
        assert!(!format!("{invitation:?}").contains(&text[5..13]));
        for (at, letter) in text.char_indices().skip(5).filter(|(_, letter)| *letter != '-') {
            let mut wrong = text.to_string();
            wrong.replace_range(at..=at, if letter == 'a' { "b" } else { "a" });
            assert_eq!(wrong.parse::<Invitation>().unwrap_err(), InvitationError::Checksum, "character {at}");
        }
        for wrong in
            ["", "inv1-", &text[1..], &text.to_uppercase(), &text.replace("inv1", "prv1"), &format!("{}-", *text)]
        {
            assert_eq!(wrong.parse::<Invitation>().unwrap_err(), InvitationError::Form, "{wrong}");
        }
    }
}
