//! The committee sum on a board.

use secagg::Identity;
use secagg::committee::{Accepted, Closed, Collector, Combiner, Committee, Frozen};

use super::{Next, PAGE, Published, Round, Stage, phases};
use crate::board::{Phase, Slot};
use crate::error::Error;

/// The digests of contributions, apart from these: lists are made from them.
const DIGEST: Slot = Slot(11);
/// An aggregator's deposits.
pub(super) fn deposit(position: usize) -> Slot {
    Slot(100 + position as u16)
}

/// How many messages of a phase there are, and how many there can be.
pub(super) async fn count(round: &Round<'_>, committee: &Committee, phase: Phase) -> Result<(u64, u64), Error> {
    let Some(stage) = Stage::of(phase) else { return Ok((0, round.clients.count())) };
    let have = round.board.count(round.id, stage.slot()).await?;
    let of = match stage {
        Stage::Contribution => round.clients.count(),
        _ => committee.members().len() as u64,
    };
    Ok((have, of))
}

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
        Stage::Contribution => return contribution(round, committee, from, message),
        Stage::Review if !message.len().is_multiple_of(32) => {
            return Err(secagg::Error::Malformed { message: "review", what: "no identities of 32 bytes" }.into());
        }
        Stage::Review => {}
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

/// A contribution, its digest, and a deposit for each aggregator.
fn contribution(
    round: &Round<'_>,
    committee: &Committee,
    from: Identity,
    message: &[u8],
) -> Result<Vec<(Slot, Vec<u8>)>, Error> {
    let mut collector = Collector::new(round.task, committee.clone(), &round.clients)?;
    let Accepted::New { client, digest, deposits } = collector.accept(message)? else {
        return Err(Error::board("a new collector knows a contribution"));
    };
    if client != from {
        return Err(Error::Forbidden { who: from.to_string(), what: "contribute in the name of another" });
    }
    let mut messages = vec![(Stage::Contribution.slot(), message.to_vec()), (DIGEST, digest.to_vec())];
    messages.extend(deposits.into_iter().enumerate().map(|(position, message)| (deposit(position), message)));
    Ok(messages)
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
    let (have, of) = count(round, committee, phase).await?;
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
        phases::COLLECT => {
            let have = round.board.count(round.id, Stage::Contribution.slot()).await?;
            let need = round.task.minimum as usize;
            if (have as usize) < need {
                return Err(secagg::Error::TooFew { what: "contributions", have: have as usize, need }.into());
            }
            Ok(Next::Phase(phases::CHECK))
        }
        phases::CHECK => {
            // Whoever did not check can neither vote nor answer; a quorum is needed for anything.
            let closed = closed(round, committee, false).await?;
            let heard = reviews(round, closed.list().len()).await?.len();
            let (have, need) = (heard, committee.quorum());
            if have < need {
                let what = "aggregators that checked the contributions and can use most of them";
                return Err(secagg::Error::TooFew { what, have, need }.into());
            }
            self::closed(round, committee, true).await?;
            Ok(Next::Phase(phases::VOTE))
        }
        phases::VOTE if round.keeps => {
            Ok(Next::Keep(added(round, committee, frozen(round, committee).await?).await?.finish_masked()?.pack()))
        }
        phases::VOTE => {
            frozen(round, committee).await?;
            Ok(Next::Phase(phases::ANSWER))
        }
        phases::ANSWER => Ok(Next::Published(combine(round, committee).await?)),
        phases::KEEP => all_kept(round, committee).await.map(|()| Next::Kept),
        _ => Err(Error::Unknown { what: "phase of a committee round" }),
    }
}

/// What aggregators say that they cannot use, of `contributions`. One who names more than a quarter is not heard: what it
/// leaves would be its own choice, and in the end one honest client among its friends.
async fn reviews(round: &Round<'_>, contributions: usize) -> Result<Vec<Vec<Identity>>, Error> {
    let page = round.board.page(round.id, Stage::Review.slot(), None, usize::MAX).await?;
    let named = page.iter().map(|(_, review)| review.as_chunks::<32>().0.iter().map(|id| Identity(*id)).collect());
    Ok(named.filter(|named: &Vec<Identity>| named.len() <= contributions / 4).collect())
}

/// The list, as it follows from the board; after the check without what an aggregator cannot use.
async fn closed(round: &Round<'_>, committee: &Committee, checked: bool) -> Result<Closed, Error> {
    let mut collector = Collector::new(round.task, committee.clone(), &round.clients)?;
    let mut after = None;
    loop {
        let page = round.board.page(round.id, DIGEST, after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        for (client, digest) in page {
            let digest = digest.try_into().map_err(|_| Error::board("a digest of another length"))?;
            collector.recall(client, digest);
        }
    }
    let closed = collector.close()?;
    if !checked {
        return Ok(closed);
    }
    let missing = reviews(round, closed.list().len()).await?.concat();
    if missing.is_empty() { Ok(closed) } else { Ok(closed.without(&missing)?) }
}

/// The list with the votes of a quorum.
async fn frozen(round: &Round<'_>, committee: &Committee) -> Result<Frozen, Error> {
    let mut closed = closed(round, committee, true).await?;
    let votes = round.board.page(round.id, Stage::Vote.slot(), None, usize::MAX).await?;
    let have = votes.len();
    for (_, vote) in votes {
        if let Some(frozen) = closed.vote(&vote)? {
            return Ok(frozen);
        }
    }
    Err(secagg::Error::TooFew { what: "votes for the list", have, need: committee.quorum() }.into())
}

/// What aggregators are to check, vote for, or answer for.
pub(super) async fn list(round: &Round<'_>, committee: &Committee, phase: Phase) -> Result<Vec<u8>, Error> {
    match phase {
        phases::CHECK => Ok(closed(round, committee, false).await?.proposal()),
        phases::VOTE => Ok(closed(round, committee, true).await?.proposal()),
        phases::ANSWER | phases::KEEP => Ok(frozen(round, committee).await?.encode(&round.task, committee)),
        phases::WAITING | phases::COLLECT => Err(Error::Early { what: "aggregators" }),
        _ => Err(Error::Late { what: "votes and answers" }),
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
