//! The client: one message, then it may leave.

use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

use super::messages::{Header, encode_elements, encode_shared};
use super::{Clerks, field};
use crate::ballot::Electorate;
use crate::domain;
use crate::error::Error;
use crate::identity::Signer;
use crate::mask::Seed;
use crate::task::Task;
use crate::vector::Vector;
use crate::wire::digest;

/// A client's contribution: a share for each clerk and the seed of its mask for the recipient, all sealed, signed.
///
/// To retry, send the very same bytes: a second contribution to one round is refused.
///
/// Cost: (n − t)(t + k)/k field multiplications an element, n + 1 seals.
///
/// # Errors
/// [`Error::Vector`] if the input is not of the round's length and ring; [`Error::Parameter`] if task or parameters are
/// unusable or a clerk's key is.
pub fn contribute<R: CryptoRng>(
    task: &Task,
    clerks: &Clerks,
    signer: &Signer,
    input: &Vector,
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    clerks.check(task)?;
    task.check_input(input)?;
    let context = clerks.context(task);
    let (key, client) = (signer.public(), signer.identity());
    let unusable = || Error::parameter("a sealing key is unusable");

    let seed = Seed::random(rng);
    let mask = Zeroizing::new(field::expand(&seed, &context, input.len()));
    let mut masked = input.elements();
    masked.iter_mut().zip(mask.iter()).for_each(|(element, mask)| *element = field::add(*element, *mask));
    let packing = clerks.packing();
    let randoms =
        Zeroizing::new(field::expand(&Seed::random(rng), domain::CLERK_SHARES, packing.randoms(masked.len())));
    let mut shares = packing.share(&masked, &randoms);
    masked.zeroize();

    let mut boxes = Vec::with_capacity(shares.len() + 1);
    for (position, (member, share)) in clerks.members.iter().zip(&mut shares).enumerate() {
        let content = Zeroizing::new(encode_elements(share));
        share.zeroize();
        let info = Clerks::clerk_info(&context, &client, position);
        boxes.push(member.seal.seal(&info, &content, rng).ok_or_else(unusable)?);
    }
    let info = Clerks::recipient_info(&context, &client);
    boxes.push(clerks.recipient.seal(&info, &seed.0, rng).ok_or_else(unusable)?);

    let digests: Vec<_> = boxes.iter().map(|sealed| digest(domain::BOX, &[sealed])).collect();
    let signature = signer.sign(domain::SIGN_SHARED, &Header::signed(&context, &key, &digests));
    Ok(encode_shared(&context, &Header { key, boxes: digests, signature }, &boxes))
}
