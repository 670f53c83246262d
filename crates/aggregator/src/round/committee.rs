//! The committee sum on a board.

use secagg::Identity;
use secagg::committee::{Combiner, Committee, Frozen};

use super::ballot::{self, closed, frozen};
use super::{Keeps, Next, PAGE, Published, Round, Stage, phases};
use crate::board::{Phase, Slot};
use crate::error::Error;

/// Verifies a message, and gives what is to be put on the board for it.
pub(super) async fn examine(
    round: &Round<'_>,
    committee: &Committee,
    stage: Stage,
    from: Identity,
    message: &[u8],
) -> Result<Vec<(Slot, Vec<u8>)>, Error> {
    let content = (stage.slot(), message.to_vec());
    match stage {
        Stage::Contribution => return ballot::contribution(round, committee, from, message),
        Stage::Review => ballot::check_review(message)?,
        Stage::Vote => drop(closed(round, committee, true).await?.vote(message)?),
        Stage::Answer => {
            let frozen = frozen(round, committee).await?;
            Combiner::new(round.task, committee.clone(), frozen)?.answer(message)?;
        }
        Stage::Kept if message.len() != 32 => {
            return Err(secagg::Error::Malformed { message: "shares kept", what: "no origin of 32 bytes" }.into());
        }
        Stage::Kept => {}
        _ => return Err(Error::Unknown { what: "stage of a committee round" }),
    }
    Ok(vec![content])
}

/// Whether a phase is to end: because all is there, or because its time is up.
pub(super) async fn is_due(
    round: &Round<'_>,
    committee: &Committee,
    phase: Phase,
    time_is_up: bool,
) -> Result<bool, Error> {
    if time_is_up {
        return Ok(true);
    }
    let (have, of) = ballot::count(round, committee.members().len(), phase).await?;
    Ok(match phase {
        phases::VOTE => have >= committee.quorum() as u64,
        // Any t aggregators know all seeds.
        phases::ANSWER => have >= committee.threshold() as u64,
        _ => have >= of,
    })
}

/// What follows a phase that ends. A protocol's error fails the round.
pub(super) async fn next(round: &Round<'_>, committee: &Committee, phase: Phase) -> Result<Next, Error> {
    match phase {
        phases::COLLECT => ballot::collected(round).await.map(|()| Next::Phase(phases::CHECK)),
        phases::CHECK => ballot::checked(round, committee).await.map(|()| Next::Phase(phases::VOTE)),
        phases::VOTE => {
            let frozen = frozen(round, committee).await?;
            Ok(match round.keeps {
                Keeps::Nothing => Next::Phase(phases::ANSWER),
                Keeps::Sum => Next::Keep(added(round, committee, frozen).await?.finish_masked()?.pack()),
                Keeps::Each => Next::Phase(phases::KEEP),
            })
        }
        phases::ANSWER => Ok(Next::Published(combine(round, committee).await?)),
        phases::KEEP => all_kept(round, committee).await.map(|()| Next::Kept),
        _ => Err(Error::Unknown { what: "phase of a committee round" }),
    }
}

/// What the aggregators' answers leave of the sum.
async fn combine(round: &Round<'_>, committee: &Committee) -> Result<Published, Error> {
    let frozen = frozen(round, committee).await?;
    let contributions = frozen.list().len() as u32;
    let mut combiner = added(round, committee, frozen).await?;
    for (_, answer) in round.board.page(round.id, Stage::Answer.slot(), None, usize::MAX).await? {
        combiner.answer(&answer)?;
    }
    Ok(Published { contributions, sum: combiner.finish()?.pack() })
}

/// Adds up what is on the board, page by page: memory is one page and one vector, whatever the number of clients.
async fn added(round: &Round<'_>, committee: &Committee, frozen: Frozen) -> Result<Combiner, Error> {
    let list = frozen.list().clone();
    let mut combiner = Combiner::new(round.task, committee.clone(), frozen)?;
    let mut after = None;
    loop {
        let page = round.board.page(round.id, Stage::Contribution.slot(), after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(combiner) };
        after = Some(*last);
        for (_, message) in page.iter().filter(|(client, _)| list.get(client).is_some()) {
            combiner.contribution(message)?;
        }
    }
}

/// A page of the masked vectors of the frozen list after a client; it is empty after the last one only.
pub(super) async fn masked(
    round: &Round<'_>,
    committee: &Committee,
    mut after: Option<Identity>,
) -> Result<Vec<(Identity, Vec<u8>)>, Error> {
    let frozen = frozen(round, committee).await?;
    let combiner = Combiner::new(round.task, committee.clone(), frozen.clone())?;
    loop {
        let page = round.board.page(round.id, Stage::Contribution.slot(), after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(vec![]) };
        after = Some(*last);
        let listed = page.iter().filter(|(client, _)| frozen.list().get(client).is_some());
        let masked = listed.map(|(_, message)| combiner.masked(message).map(|(client, row)| (client, row.to_vec())));
        let masked: Vec<_> = masked.collect::<Result<_, _>>()?;
        if !masked.is_empty() {
            return Ok(masked);
        }
    }
}

/// Whether all aggregators keep parts of one sharing.
async fn all_kept(round: &Round<'_>, committee: &Committee) -> Result<(), Error> {
    let kept = round.board.page(round.id, Stage::Kept.slot(), None, usize::MAX).await?;
    let (have, need) = (kept.len(), committee.members().len());
    if have < need {
        return Err(secagg::Error::TooFew { what: "aggregators that keep the sum", have, need }.into());
    }
    match kept.iter().find(|(_, origin)| *origin != kept[0].1) {
        Some((second, _)) => Err(secagg::Error::AnswersDiffer { first: kept[0].0, second: *second }.into()),
        None => Ok(()),
    }
}
