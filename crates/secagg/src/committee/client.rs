//! The client: one message, then it may leave.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::Committee;
use super::messages::{Contribution, Header};
use crate::ballot::Electorate;
use crate::domain;
use crate::error::Error;
use crate::identity::Signer;
use crate::mask::{Seed, Sign};
use crate::task::Task;
use crate::vector::Vector;
use crate::wire::digest;

/// A client's contribution to a round: its masked vector and, for each aggregator, the sealed seeds that it may know.
///
/// To retry, send the very same bytes: a second contribution to one round is refused.
///
/// Cost: C(n, t−1) expansions, n HPKE seals, one signature.
///
/// # Errors
/// [`Error::Vector`] if the input is not of the round's length and ring; [`Error::Parameter`] if the task is unusable
/// or an aggregator's key is.
pub fn contribute<R: CryptoRng>(
    task: &Task,
    committee: &Committee,
    signer: &Signer,
    input: &Vector,
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    task.check()?;
    task.check_input(input)?;
    let context = committee.context(task);
    let key = signer.public();
    let seeds: Vec<Seed> = committee.sets().iter().map(|_| Seed::random(rng)).collect();
    let mut masked = input.clone();
    seeds.iter().for_each(|seed| seed.apply(&context, Sign::Plus, &mut masked));
    let masked = masked.pack();

    let mut boxes = Vec::with_capacity(committee.members().len());
    for (position, member) in committee.members().iter().enumerate() {
        let mut content = Zeroizing::new(Vec::with_capacity(32 * seeds.len()));
        committee.sets_of(position).for_each(|set| content.extend_from_slice(&seeds[set].0));
        let info = Committee::seal_info(&context, &key.identity(), position);
        boxes.push(member.seal.seal(&info, &content, rng).ok_or_else(|| {
            Error::parameter(format!("the sealing key of aggregator {} is unusable", member.key.identity()))
        })?);
    }

    let body = digest(domain::BODY, &[&masked]);
    let commitments: Vec<_> = seeds.iter().map(|seed| seed.commitment(&context)).collect();
    let digests: Vec<_> = boxes.iter().map(|sealed| digest(domain::BOX, &[sealed])).collect();
    let signed = Header::signed(&context, &key, &body, &commitments, &digests);
    let signature = signer.sign(domain::SIGN_CONTRIBUTION, &signed);
    let header = Header { key, body, seeds: commitments, boxes: digests, signature };
    Ok(Contribution::encode(&context, &header, &boxes, &masked))
}
