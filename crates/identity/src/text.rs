//! The text form of bytes: base32 (RFC 4648 §6, lower case) with a checksum of three bytes, in groups.

use zeroize::Zeroizing;

use crate::IdentityError;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const PREFIX: &str = "prv1-";
const CHECKSUM_CONTEXT: &str = "privity 2026-11 net text checksum v1";
const CHECKSUM: usize = 3;
const GROUP: usize = 8;

pub(crate) fn identity(fingerprint: &[u8; 32]) -> String {
    grouped(PREFIX, &body(fingerprint))
}

pub(crate) fn parse_identity(text: &str) -> Result<[u8; 32], IdentityError> {
    let body = ungrouped(PREFIX, text).ok_or(IdentityError::Form)?;
    parse_body(&body).map(|bytes| *bytes)
}

/// A prefix, and the characters in groups.
pub(crate) fn grouped(prefix: &str, body: &str) -> String {
    let groups: Vec<&str> = (0..body.len() / GROUP).map(|group| &body[group * GROUP..(group + 1) * GROUP]).collect();
    format!("{prefix}{}", groups.join("-"))
}

/// The characters of such a text; `None` for another form.
pub(crate) fn ungrouped(prefix: &str, text: &str) -> Option<Zeroizing<String>> {
    let groups: Vec<&str> = text.strip_prefix(prefix)?.split('-').collect();
    groups.iter().all(|group| group.len() == GROUP).then(|| Zeroizing::new(groups.concat()))
}

/// Bytes and their checksum as characters: 8 for every five, which they have to be a multiple of, so that there are no padding bits
/// to get wrong. May be a secret: wiped by whoever drops it.
pub(crate) fn body(bytes: &[u8]) -> Zeroizing<String> {
    debug_assert!((bytes.len() + CHECKSUM).is_multiple_of(5));
    let mut all = Zeroizing::new(Vec::with_capacity(bytes.len() + CHECKSUM));
    all.extend_from_slice(bytes);
    all.extend_from_slice(&checksum(bytes));
    let mut text = Zeroizing::new(String::with_capacity(all.len() / 5 * GROUP));
    for five in all.chunks_exact(5) {
        let word = five.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        for digit in (0..GROUP).rev() {
            text.push(char::from(ALPHABET[(word >> (5 * digit)) as usize & 31]));
        }
    }
    text
}

pub(crate) fn parse_body<const N: usize>(text: &str) -> Result<Zeroizing<[u8; N]>, IdentityError> {
    if text.len() != (N + CHECKSUM) / 5 * GROUP {
        return Err(IdentityError::Form);
    }
    let mut all = Zeroizing::new(Vec::with_capacity(N + CHECKSUM));
    for eight in text.as_bytes().chunks_exact(GROUP) {
        let mut word: u64 = 0;
        for digit in eight {
            let value = ALPHABET.iter().position(|letter| letter == digit).ok_or(IdentityError::Form)?;
            word = word << 5 | value as u64;
        }
        all.extend_from_slice(&word.to_be_bytes()[3..]);
    }
    let mut bytes = Zeroizing::new([0; N]);
    bytes.copy_from_slice(&all[..N]);
    if all[N..] == checksum(bytes.as_slice()) { Ok(bytes) } else { Err(IdentityError::Checksum) }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let digest = blake3::derive_key(CHECKSUM_CONTEXT, bytes);
    [digest[0], digest[1], digest[2]]
}
