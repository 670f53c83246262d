//! What a request from a page carries in the place of a certificate: a page cannot show one that it chose itself.
//!
//! The service gives a challenge, which it can recognise and which ages. The page signs it with the method and target of
//! its request: so a request is known to come, just now, from the owner of a key. What it carries in its body is signed for
//! itself.

use std::fmt;
use std::str::FromStr;

use secagg::{Identity, PublicKey, Signer};

use crate::error::Error;

const DOMAIN: &[u8] = b"privity terms v1 request of a page\0";
/// The scheme of the header `Authorization`.
const SCHEME: &str = "Privity ";

/// A signature over one request. Its text is the value of the header `Authorization`: the scheme `Privity` and 272
/// hexadecimal digits in lower case.
pub struct Credential {
    key: PublicKey,
    challenge: [u8; Credential::CHALLENGE],
    signature: [u8; 64],
}

impl Credential {
    /// Bytes of a challenge.
    pub const CHALLENGE: usize = 40;

    /// Signs a request, whose target is path and query.
    #[must_use]
    pub fn sign(signer: &Signer, challenge: &[u8; Self::CHALLENGE], method: &str, target: &str) -> Self {
        let signature = signer.sign(DOMAIN, &signed(challenge, method, target));
        Self { key: signer.public(), challenge: *challenge, signature }
    }

    /// The challenge that was signed: whoever gave it knows whether it is one, and how old.
    #[must_use]
    pub fn challenge(&self) -> &[u8; Self::CHALLENGE] {
        &self.challenge
    }

    /// Who signed this request.
    ///
    /// # Errors
    /// [`Error::Protocol`] if it is another request, or the signature does not hold.
    pub fn verify(&self, method: &str, target: &str) -> Result<Identity, Error> {
        self.key.verify(DOMAIN, &signed(&self.challenge, method, target), &self.signature, "request")?;
        Ok(self.key.identity())
    }
}

fn signed(challenge: &[u8; Credential::CHALLENGE], method: &str, target: &str) -> Vec<u8> {
    // No method has a space.
    [challenge, method.as_bytes(), b" ", target.as_bytes()].concat()
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key.to_bytes()[..], &self.challenge, &self.signature].concat();
        write!(f, "{SCHEME}{}", hex::encode(bytes))
    }
}

impl FromStr for Credential {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let malformed = |what| Error::from(secagg::Error::Malformed { message: "credential", what });
        let digits = text.strip_prefix(SCHEME).ok_or_else(|| malformed("another scheme than `Privity`"))?;
        if digits.bytes().any(|digit| digit.is_ascii_uppercase()) {
            return Err(malformed("digits in upper case"));
        }
        let mut bytes = [0; 32 + Self::CHALLENGE + 64];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| malformed("no 272 hexadecimal digits"))?;
        let (key, rest) = bytes.split_first_chunk::<32>().ok_or_else(|| malformed("too short"))?;
        let (challenge, rest) = rest.split_first_chunk().ok_or_else(|| malformed("too short"))?;
        let signature = rest.try_into().map_err(|_| malformed("too long"))?;
        let key = PublicKey::from_bytes(key).ok_or_else(|| malformed("not a public key"))?;
        Ok(Self { key, challenge: *challenge, signature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_for_one_request() {
        let signer = Signer::from_bytes(&[7; 32]);
        let text = Credential::sign(&signer, &[1; 40], "GET", "/v1/a?b=c").to_string();
        let read: Credential = text.parse().unwrap();
        assert_eq!(read.to_string(), text);
        assert_eq!((read.challenge(), read.verify("GET", "/v1/a?b=c").unwrap()), (&[1; 40], signer.identity()));
        for (method, target) in [("POST", "/v1/a?b=c"), ("GET", "/v1/a"), ("GET /v1/a?b=c", "")] {
            assert!(read.verify(method, target).is_err());
        }
    }

    #[test]
    fn every_changed_character_is_refused() {
        let text = Credential::sign(&Signer::from_bytes(&[7; 32]), &[1; 40], "GET", "/").to_string();
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(changed.parse::<Credential>().and_then(|read| read.verify("GET", "/")).is_err(), "{at}");
        }
        for other in ["", "Privity", "Basic abc", &text.to_uppercase(), &text[..text.len() - 2], &format!("{text}00")] {
            assert!(other.parse::<Credential>().is_err(), "{other}");
        }
    }
}
