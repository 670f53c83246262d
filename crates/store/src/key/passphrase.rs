//! A wrapping key from a passphrase: Argon2id (RFC 9106).

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::{KeyFault, KeySource, RootKey};

/// What a store's header may ask for at most, so that an altered one cannot exhaust the machine: 4 GiB, 64 passes.
const MOST_MEMORY_KIB: u32 = 4 << 20;
const MOST_PASSES: u32 = 64;
const MOST_LANES: u32 = 64;
const SALT: usize = 16;
/// Memory, passes and lanes as three numbers of 4 bytes, and the salt.
const PREFIX: usize = 12 + SALT;

/// A passphrase. Its cost is kept beside the wrapped key, so that opening needs the passphrase alone.
pub struct Passphrase {
    text: Zeroizing<String>,
    cost: [u32; 3],
}

impl Passphrase {
    /// A passphrase at the second recommended cost of RFC 9106 §4: 64 MiB, three passes, four lanes.
    ///
    /// # Errors
    /// If it is empty.
    pub fn new(text: Zeroizing<String>) -> Result<Passphrase, KeyFault> {
        Passphrase::with_cost(text, 64 << 10, 3, 4)
    }

    /// A passphrase at another cost: memory in KiB, passes, lanes. The cost counts for what is wrapped from now on.
    ///
    /// # Errors
    /// If it is empty, or the cost is not one of Argon2 or above 4 GiB, 64 passes or 64 lanes.
    pub fn with_cost(text: Zeroizing<String>, kib: u32, passes: u32, lanes: u32) -> Result<Passphrase, KeyFault> {
        if text.is_empty() {
            return Err(KeyFault::Empty);
        }
        let cost = [kib, passes, lanes];
        parameters(cost)?;
        Ok(Passphrase { text, cost })
    }

    fn stretch(&self, cost: [u32; 3], salt: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeyFault> {
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters(cost)?);
        let mut key = Zeroizing::new([0; 32]);
        argon
            .hash_password_into(self.text.as_bytes(), salt, key.as_mut_slice())
            .map_err(|e| KeyFault::Cost { what: e.to_string() })?;
        Ok(key)
    }
}

fn parameters([kib, passes, lanes]: [u32; 3]) -> Result<Params, KeyFault> {
    if kib > MOST_MEMORY_KIB || passes > MOST_PASSES || lanes > MOST_LANES {
        return Err(KeyFault::Cost { what: format!("{kib} KiB, {passes} passes, {lanes} lanes is too much") });
    }
    Params::new(kib, passes, lanes, Some(32)).map_err(|e| KeyFault::Cost { what: e.to_string() })
}

impl KeySource for Passphrase {
    fn kind(&self) -> &'static str {
        "passphrase"
    }

    fn wrap(&self, root: &RootKey, bound: &[u8]) -> Result<Vec<u8>, KeyFault> {
        let mut wrapped: Vec<u8> = self.cost.iter().flat_map(|n| n.to_le_bytes()).collect();
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt).map_err(|_| KeyFault::Randomness)?;
        wrapped.extend(salt);
        let key = self.stretch(self.cost, &salt)?;
        let sealed = root.wrap_under(&key, &[&wrapped, bound].concat())?;
        wrapped.extend(sealed);
        Ok(wrapped)
    }

    fn unwrap(&self, wrapped: &[u8], bound: &[u8]) -> Result<RootKey, KeyFault> {
        let (prefix, sealed) = wrapped.split_at_checked(PREFIX).ok_or(KeyFault::Wrong)?;
        let number = |i: usize| u32::from_le_bytes([prefix[i], prefix[i + 1], prefix[i + 2], prefix[i + 3]]);
        let key = self.stretch([number(0), number(4), number(8)], &prefix[12..])?;
        RootKey::unwrap_under(&key, sealed, &[prefix, bound].concat())
    }
}
