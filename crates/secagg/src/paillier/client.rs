//! The client: one message, then it may leave.

use rand_core::CryptoRng;

use super::{Encryptor, Paillier};
use crate::domain::{self, Kind};
use crate::error::Error;
use crate::identity::Signer;
use crate::task::Task;
use crate::vector::Vector;
use crate::wire::{Bytes32, digest, start};

/// A client's encrypted contribution, signed.
///
/// Cost: one encryption for every ⌊2047/(b + ⌈log₂ n⌉)⌋ elements.
///
/// # Errors
/// [`Error::Vector`] if the input is not of the round's length and ring; [`Error::Parameter`] if task or parameters are
/// unusable or the encryptor has another key.
pub fn contribute<R: CryptoRng>(
    task: &Task,
    parameters: &Paillier,
    encryptor: &Encryptor,
    signer: &Signer,
    input: &Vector,
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    task.check()?;
    task.check_input(input)?;
    if *encryptor.key() != parameters.key {
        return Err(Error::parameter("the encryptor is for another key"));
    }
    let context = parameters.context(task);
    let mut body = Vec::new();
    for plaintext in parameters.slots(task)?.pack(input) {
        body.extend_from_slice(encryptor.encrypt(&plaintext, rng).to_le_bytes().as_ref());
    }
    let signature = signer.sign(domain::SIGN_ENCRYPTED, &signed(&context, &body));
    let mut out = start(Kind::Encrypted, &context, 96 + body.len());
    out.extend_from_slice(&signer.public().to_bytes());
    out.extend_from_slice(&signature);
    out.extend_from_slice(&body);
    Ok(out)
}

pub(super) fn signed(context: &Bytes32, body: &[u8]) -> Vec<u8> {
    [&context[..], &digest(domain::BODY, &[body])].concat()
}
