//! The digest by which owners compare the keys of their rows.

/// Separates this use of the session key from every other.
const CONTEXT: &[u8] = b"privity/1 key order";

/// A keyed BLAKE3 digest of keys and their order.
///
/// Two owners who share a fresh `session_key` learn from equal digests that they hold the same keys in the
/// same order, and from different ones only that they do not. Who has the key can test guesses of *all* keys
/// together, so it must be known to these owners only and die with the session.
pub fn key_digest(session_key: &[u8; 32], keys: &[String]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(session_key);
    hasher.update(CONTEXT);
    // Lengths first: ["ab", "c"] and ["a", "bc"] are different lists.
    hasher.update(&(keys.len() as u64).to_le_bytes());
    for key in keys {
        hasher.update(&(key.len() as u64).to_le_bytes());
        hasher.update(key.as_bytes());
    }
    *hasher.finalize().as_bytes()
}
