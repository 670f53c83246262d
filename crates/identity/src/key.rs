//! What a key file says: whose key it is, and the secret.

use zeroize::Zeroizing;

use crate::{Identity, text};

const HEADER: &str = "privity secret key v1";

/// The content of a key file. The secret is wiped when it is dropped; there is no `Debug`.
pub struct KeyText {
    /// Whose key it is, as the file says. Whoever can make the public key compares it.
    pub identity: Identity,
    /// The seed of the key (RFC 8032 calls it the private key).
    pub seed: Zeroizing<[u8; 32]>,
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyTextError {
    /// It does not have the form.
    #[error("it is no privity key file")]
    Form,
    /// It has the form, but was damaged or edited.
    #[error("it was damaged or edited")]
    Damaged,
}

impl KeyText {
    /// Reads the text of a key file, and only that.
    pub fn read(content: &str) -> Result<KeyText, KeyTextError> {
        let mut lines = content.lines();
        let (header, identity, secret) = (lines.next(), lines.next(), lines.next());
        let identity = identity.and_then(|line| line.strip_prefix("identity ")).ok_or(KeyTextError::Form)?;
        let secret = secret.and_then(|line| line.strip_prefix("secret ")).ok_or(KeyTextError::Form)?;
        if header != Some(HEADER) || lines.next().is_some() {
            return Err(KeyTextError::Form);
        }
        let seed = text::parse_body(secret).map_err(|_| KeyTextError::Damaged)?;
        Ok(KeyText { identity: identity.parse().map_err(|_| KeyTextError::Damaged)?, seed })
    }

    /// The text of a key file.
    pub fn write(&self) -> Zeroizing<String> {
        let secret = text::body(self.seed.as_slice());
        Zeroizing::new(format!("{HEADER}\nidentity {}\nsecret {}\n", self.identity, *secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let key = KeyText { identity: Identity::from_bytes([9; 32]), seed: Zeroizing::new([7; 32]) };
        let text = key.write();
        let read = KeyText::read(&text).unwrap();
        assert!(read.identity == key.identity && read.seed == key.seed);
        assert_eq!(KeyText::read(&format!("{}more\n", *text)).err(), Some(KeyTextError::Form));
        assert_eq!(KeyText::read(&text.replace("\nsecret ", "\nsecret a")).err(), Some(KeyTextError::Damaged));
        assert_eq!(KeyText::read("").err(), Some(KeyTextError::Form));
    }
}
