//! The key holder: decrypts one masked request a round.

use super::keys::{CIPHERTEXT, PaillierSecret};
use super::{Paillier, keys};
use crate::domain::{self, Kind};
use crate::error::Error;
use crate::task::Task;
use crate::wire::{Bytes32, digest, open, start};

/// The key holder of one round.
pub struct KeyHolder<'k> {
    secret: &'k PaillierSecret,
    context: Bytes32,
    plaintexts: usize,
    answered: Option<[u8; 32]>,
}

impl<'k> KeyHolder<'k> {
    /// Joins a round. `answered` is what was stored for this round when a request was answered before.
    ///
    /// # Errors
    /// [`Error::Parameter`] if task or parameters are unusable or the round is under another key.
    pub fn new(
        task: Task,
        parameters: &Paillier,
        secret: &'k PaillierSecret,
        answered: Option<[u8; 32]>,
    ) -> Result<Self, Error> {
        task.check()?;
        if secret.public() != parameters.key {
            return Err(Error::parameter("the round is under another key"));
        }
        let plaintexts = parameters.slots(&task)?.plaintexts();
        Ok(Self { secret, context: parameters.context(&task), plaintexts, answered })
    }

    /// Decrypts the server's request. Gives what must be stored for this round before the answer leaves, and the answer.
    ///
    /// Cost: one decryption for each ciphertext.
    ///
    /// # Errors
    /// [`Error::Equivocation`] if another request was answered in this round, or what makes the message no request of
    /// it.
    pub fn decrypt(self, message: &[u8]) -> Result<([u8; 32], Vec<u8>), Error> {
        let reader = open(message, Kind::Request, &self.context, "request")?;
        let malformed = reader.malformed("another number of ciphertexts, or one that is not below N²");
        let (ciphertexts, rest) = reader.rest().as_chunks::<CIPHERTEXT>();
        if ciphertexts.len() != self.plaintexts || !rest.is_empty() {
            return Err(malformed);
        }
        let request = digest(domain::BODY, &[message]);
        if self.answered.is_some_and(|answered| answered != request) {
            return Err(Error::Equivocation { message: "request" });
        }
        let key = self.secret.public();
        let mut answer = start(Kind::Decrypted, &self.context, self.plaintexts * keys::PLAINTEXT);
        for bytes in ciphertexts {
            let Some(ciphertext) = key.ciphertext(bytes) else { return Err(malformed) };
            answer.extend_from_slice(self.secret.decrypt(&ciphertext).to_le_bytes().as_ref());
        }
        Ok((request, answer))
    }
}
