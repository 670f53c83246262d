//! The text form of 32 bytes: base32 (RFC 4648 §6, lower case) with a checksum, in groups.

use zeroize::Zeroizing;

use crate::IdentityError;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const PREFIX: &str = "prv1-";
const CHECKSUM_CONTEXT: &str = "privity 2026-11 net text checksum v1";
/// 35 bytes, checksum included, are exactly 56 characters: there are no padding bits to get wrong.
const BODY: usize = 56;
const GROUP: usize = 8;

pub(crate) fn identity(fingerprint: &[u8; 32]) -> String {
    let body = body(fingerprint);
    let groups: Vec<&str> = (0..BODY / GROUP).map(|group| &body[group * GROUP..(group + 1) * GROUP]).collect();
    format!("{PREFIX}{}", groups.join("-"))
}

pub(crate) fn parse_identity(text: &str) -> Result<[u8; 32], IdentityError> {
    let grouped = text.strip_prefix(PREFIX).ok_or(IdentityError::Form)?;
    let groups: Vec<&str> = grouped.split('-').collect();
    if groups.len() != BODY / GROUP || groups.iter().any(|group| group.len() != GROUP) {
        return Err(IdentityError::Form);
    }
    parse_body(&groups.concat()).map(|bytes| *bytes)
}

/// 32 bytes and their checksum as 56 characters. May be a secret: wiped by whoever drops it.
pub(crate) fn body(bytes: &[u8; 32]) -> Zeroizing<String> {
    let mut all = Zeroizing::new([0; 35]);
    all[..32].copy_from_slice(bytes);
    all[32..].copy_from_slice(&checksum(bytes));
    let mut text = Zeroizing::new(String::with_capacity(BODY));
    for five in all.chunks_exact(5) {
        let word = five.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        for digit in (0..8).rev() {
            text.push(char::from(ALPHABET[(word >> (5 * digit)) as usize & 31]));
        }
    }
    text
}

pub(crate) fn parse_body(text: &str) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
    if text.len() != BODY {
        return Err(IdentityError::Form);
    }
    let mut all = Zeroizing::new([0; 35]);
    for (five, eight) in all.chunks_exact_mut(5).zip(text.as_bytes().chunks_exact(8)) {
        let mut word = 0;
        for digit in eight {
            let value = ALPHABET.iter().position(|letter| letter == digit).ok_or(IdentityError::Form)?;
            word = word << 5 | value as u64;
        }
        five.copy_from_slice(&word.to_be_bytes()[3..]);
    }
    let mut bytes = Zeroizing::new([0; 32]);
    bytes.copy_from_slice(&all[..32]);
    if all[32..] == checksum(&bytes) { Ok(bytes) } else { Err(IdentityError::Checksum) }
}

fn checksum(bytes: &[u8; 32]) -> [u8; 3] {
    let digest = blake3::derive_key(CHECKSUM_CONTEXT, bytes);
    [digest[0], digest[1], digest[2]]
}
