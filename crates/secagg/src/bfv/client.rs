//! The client: one message, then it may leave.

use rand_core::CryptoRng;

use super::Bfv;
use super::messages::{Header, encode};
use super::plain;
use super::ring::{BYTES, Poly};
use super::sample::{errors, ternary};
use crate::ballot::Electorate;
use crate::domain;
use crate::error::Error;
use crate::identity::Signer;
use crate::task::Task;
use crate::vector::Vector;
use crate::wire::digest;

/// A client's vector, encrypted under the joint key and signed.
///
/// To retry, send the very same bytes: a second contribution to one round is refused.
///
/// Cost: for every 8192 elements four transforms modulo each of three primes; one signature.
///
/// # Errors
/// [`Error::Vector`] if the input is not of the round's length and ring; [`Error::Parameter`] if task or parameters are
/// unusable.
pub fn contribute<R: CryptoRng>(
    task: &Task,
    parameters: &Bfv,
    signer: &Signer,
    input: &Vector,
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    parameters.check(task)?;
    task.check_input(input)?;
    let common = parameters.key.common();
    let mut halves = [0, 1].map(|_| Vec::with_capacity(plain::plaintexts(task) * BYTES));
    for mut first in plain::encode(input) {
        // (p·u + e₁ + m, a·u + e₂)
        let once = Poly::from_coefficients(&ternary(rng));
        let (mut hidden, mut second) = (once.clone(), once);
        hidden.mul(parameters.key.polynomial());
        first.add(&hidden);
        first.add(&Poly::from_coefficients(&errors(rng)));
        second.mul(&common);
        second.add(&Poly::from_coefficients(&errors(rng)));
        first.write(&mut halves[0]);
        second.write(&mut halves[1]);
    }
    let (context, key) = (parameters.context(task), signer.public());
    let digests = [digest(domain::BODY, &[&halves[0]]), digest(domain::BODY, &[&halves[1]])];
    let signature = signer.sign(domain::SIGN_CIPHERTEXT, &Header::signed(&context, &key, &digests));
    Ok(encode(&context, &Header { key, halves: digests, signature }, &halves))
}
