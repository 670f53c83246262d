//! The validated sum on a board: as the committee sum, with one exchange between the two aggregators before the check.

use secagg::Identity;
use secagg::validated::{Combiner, Validation};

use super::ballot::{self, closed, frozen};
use super::{Next, Published, Round, Stage, phases};
use crate::board::{Phase, Slot};
use crate::error::Error;

/// Verifies a message, and gives what is to be put on the board for it.
pub(super) async fn examine(
    round: &Round<'_>,
    validation: &Validation,
    stage: Stage,
    from: Identity,
    message: &[u8],
) -> Result<Vec<(Slot, Vec<u8>)>, Error> {
    match stage {
        Stage::Contribution => return ballot::contribution(round, validation, from, message),
        Stage::Verifiers if validation.verifiers_of(&round.task, message)? != from => {
            return Err(Error::Forbidden { who: from.to_string(), what: "verify in the name of another" });
        }
        Stage::Verifiers => {}
        Stage::Review => ballot::check_review(message)?,
        Stage::Vote => drop(closed(round, validation, true).await?.vote(message)?),
        Stage::Answer => {
            let frozen = frozen(round, validation).await?;
            Combiner::new(round.task, validation.clone(), frozen)?.answer(message)?;
        }
        _ => return Err(Error::Unknown { what: "stage of a validated round" }),
    }
    Ok(vec![(stage.slot(), message.to_vec())])
}

/// Whether a phase is to end: because all is there, or because its time is up.
pub(super) async fn is_due(round: &Round<'_>, phase: Phase, time_is_up: bool) -> Result<bool, Error> {
    let (have, of) = ballot::count(round, 2, phase).await?;
    Ok(time_is_up || have >= of)
}

/// What follows a phase that ends. A protocol's error fails the round.
pub(super) async fn next(round: &Round<'_>, validation: &Validation, phase: Phase) -> Result<Next, Error> {
    match phase {
        phases::COLLECT => ballot::collected(round).await.map(|()| Next::Phase(phases::VERIFY)),
        phases::VERIFY => {
            let have = round.board.count(round.id, Stage::Verifiers.slot()).await? as usize;
            if have < 2 {
                return Err(secagg::Error::TooFew { what: "aggregators that verified", have, need: 2 }.into());
            }
            Ok(Next::Phase(phases::CHECK))
        }
        phases::CHECK => ballot::checked(round, validation).await.map(|()| Next::Phase(phases::VOTE)),
        phases::VOTE => frozen(round, validation).await.map(|_| Next::Phase(phases::ANSWER)),
        phases::ANSWER => combine(round, validation).await.map(Next::Published),
        _ => Err(Error::Unknown { what: "phase of a validated round" }),
    }
}

/// What an aggregator needs of the other one, once both have spoken.
pub(super) async fn verifiers(
    round: &Round<'_>,
    validation: &Validation,
    position: usize,
    phase: Phase,
) -> Result<Vec<u8>, Error> {
    if phase <= phases::VERIFY {
        return Err(Error::Early { what: "aggregators" });
    }
    let other = validation.aggregators()[1 - position].key.identity();
    let found = round.board.read(round.id, Stage::Verifiers.slot(), other).await?;
    found.ok_or(Error::Late { what: "aggregators" })
}

/// The sum of the two answers.
async fn combine(round: &Round<'_>, validation: &Validation) -> Result<Published, Error> {
    let frozen = frozen(round, validation).await?;
    let contributions = frozen.list().len() as u32;
    let mut combiner = Combiner::new(round.task, validation.clone(), frozen)?;
    for (_, answer) in round.board.page(round.id, Stage::Answer.slot(), None, usize::MAX).await? {
        combiner.answer(&answer)?;
    }
    Ok(Published { contributions, sum: combiner.finish()?.pack() })
}
