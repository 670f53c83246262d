//! A client's five messages of pairwise masking. Its secrets live in this process only: if it ends, the client has vanished
//! from the round, which the others can bear.

use std::time::Instant;

use secagg::Vector;
use secagg::pairwise::AwaitNeighbours;

use super::api::Api;
use crate::board::Phase;
use crate::enrolment::Selected;
use crate::error::Error;
use crate::random::fresh;
use crate::round::{Stage, phases};

/// Takes part from keys to revealed shares.
pub(super) async fn take_part(
    api: &Api,
    round: u64,
    (machine, keys): (AwaitNeighbours, Vec<u8>),
    clients: &Selected,
    input: &Vector,
    until: Instant,
) -> Result<(), Error> {
    api.post(round, Stage::Keys, &keys, until).await?;
    let letter = letter(api, round, phases::SHARES, until).await?;
    let (machine, shares) = machine.neighbours(&letter, clients, &mut fresh()?)?;
    api.post(round, Stage::Shares, &shares, until).await?;
    let letter = self::letter(api, round, phases::MASKED, until).await?;
    let (machine, masked) = machine.delivered(&letter, input)?;
    api.post(round, Stage::Masked, &masked, until).await?;
    let letter = self::letter(api, round, phases::AGREED, until).await?;
    let (machine, agreed) = machine.survivors(&letter)?;
    api.post(round, Stage::Agreed, &agreed, until).await?;
    let letter = self::letter(api, round, phases::REVEAL, until).await?;
    let reveal = machine.agreements(&letter)?;
    match api.post(round, Stage::Reveal, &reveal, until).await {
        // The others' shares were enough: the round was published meanwhile.
        Err(Error::Refused { code, .. }) if code == "aggregator.late" => Ok(()),
        done => done,
    }
}

/// The service's letter of a phase, once the round is in it.
async fn letter(api: &Api, round: u64, phase: Phase, until: Instant) -> Result<Vec<u8>, Error> {
    let mut after = None;
    loop {
        let standing = api.standing(Some(round), after.as_deref(), until).await?;
        match phases::named(&standing.phase) {
            Some(now) if now == phase => return api.letter(round, until).await,
            Some(phases::FAILED) => return Err(Error::RoundFailed { round, reason: standing.reason }),
            Some(now) if now > phase => return Err(Error::Late { what: "messages of this client" }),
            _ => after = Some(standing.phase),
        }
    }
}
