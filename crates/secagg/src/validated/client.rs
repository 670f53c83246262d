//! The client: one message, then it may leave.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::Validation;
use super::messages::{Header, encode};
use super::vdaf::{self, RANDOMNESS, Shares};
use crate::ballot::Electorate;
use crate::domain;
use crate::error::Error;
use crate::identity::Signer;
use crate::task::Task;
use crate::vector::Vector;
use crate::wire::{Bytes32, digest};

/// A client's contribution: its vector and the proof that it is in its range, shared between the aggregators and sealed.
///
/// To retry, send the very same bytes: a second contribution to one round is refused.
///
/// Cost: one proof (a number-theoretic transform over the vector's bits), two HPKE seals, one signature.
///
/// # Errors
/// [`Error::Vector`] if the input is not of the round's length and ring, or the statistic does not allow it;
/// [`Error::Parameter`] if the task is unusable or an aggregator's key is.
pub fn contribute<R: CryptoRng>(
    task: &Task,
    validation: &Validation,
    signer: &Signer,
    input: &Vector,
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    let vdaf = vdaf::of(validation, task)?;
    task.check_input(input)?;
    let elements = Zeroizing::new(input.elements());
    if !validation.statistic.admits(&elements) {
        return Err(Error::Vector { what: "values that the statistic does not allow".into() });
    }
    let context = validation.context(task);
    let nonce = Validation::nonce(&context, &signer.identity());
    let mut random = Zeroizing::new([0; RANDOMNESS]);
    rng.fill_bytes(&mut random[..]);
    let shares = vdaf.shard(&context, &elements, &nonce, &random);
    assemble(&context, validation, signer, &shares.ok_or(Error::Misuse { what: "an input without shares" })?, rng)
}

/// Seals the input shares and signs.
fn assemble<R: CryptoRng>(
    context: &Bytes32,
    validation: &Validation,
    signer: &Signer,
    shares: &Shares,
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    let (key, client, public) = (signer.public(), signer.identity(), &shares.public);
    let mut boxes = [vec![], vec![]];
    for (i, (sealed, share)) in boxes.iter_mut().zip(&shares.inputs).enumerate() {
        let member = &validation.aggregators[i];
        *sealed = member.seal.seal(&Validation::info(context, &client, i), share, rng).ok_or_else(|| {
            Error::parameter(format!("the sealing key of aggregator {} is unusable", member.key.identity()))
        })?;
    }
    let digests = [digest(domain::BOX, &[&boxes[0]]), digest(domain::BOX, &[&boxes[1]])];
    let signature = signer.sign(domain::SIGN_VALIDATED, &Header::signed(context, &key, public, &digests));
    Ok(encode(context, &Header { key, public, boxes: digests, signature }, &boxes))
}

/// What a client that lies sends: shares of elements as `as_if` has them, altered, and signed for this round.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn lie<R: CryptoRng>(
    (task, validation, as_if): (&Task, &Validation, &Validation),
    signer: &Signer,
    elements: &[u64],
    alter: impl FnOnce(&mut [u8], &mut [u8], &mut [u8]),
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    let context = validation.context(task);
    let nonce = Validation::nonce(&context, &signer.identity());
    let mut random = [0; RANDOMNESS];
    rng.fill_bytes(&mut random);
    let shares = vdaf::of(as_if, task)?.shard(&context, elements, &nonce, &random);
    let mut shares = shares.ok_or(Error::Misuse { what: "an input without shares" })?;
    if let [leader, helper] = &mut shares.inputs[..] {
        alter(&mut shares.public, leader, helper);
    }
    assemble(&context, validation, signer, &shares, rng)
}
