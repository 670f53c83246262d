//! What rounds with a signed list have in common: contributions, reviews, the list, its votes.

use secagg::Identity;
use secagg::ballot::{Accepted, Closed, Collector, Electorate, Frozen};

use super::{PAGE, Round, Stage, phases};
use crate::board::{Phase, Slot};
use crate::error::Error;

/// The digests of contributions, apart from these: lists are made from them.
const DIGEST: Slot = Slot(11);
/// An aggregator's deposits.
pub(super) fn deposit(position: usize) -> Slot {
    Slot(100 + position as u16)
}

/// How many messages of a phase there are, and how many there can be.
pub(super) async fn count(round: &Round<'_>, aggregators: usize, phase: Phase) -> Result<(u64, u64), Error> {
    let Some(stage) = Stage::of(phase) else { return Ok((0, round.clients.count())) };
    let have = round.board.count(round.id, stage.slot()).await?;
    let of = match stage {
        Stage::Contribution => round.clients.count(),
        _ => aggregators as u64,
    };
    Ok((have, of))
}

/// A contribution, its digest, and a deposit for each aggregator.
pub(super) fn contribution<P: Electorate + Clone>(
    round: &Round<'_>,
    electorate: &P,
    from: Identity,
    message: &[u8],
) -> Result<Vec<(Slot, Vec<u8>)>, Error> {
    let mut collector = Collector::new(round.task, electorate.clone(), &round.clients)?;
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

/// A review is a list of identities.
pub(super) fn check_review(message: &[u8]) -> Result<(), Error> {
    match message.len().is_multiple_of(32) {
        true => Ok(()),
        false => Err(secagg::Error::Malformed { message: "review", what: "no identities of 32 bytes" }.into()),
    }
}

/// Whether there are as many contributions as a sum needs.
pub(super) async fn collected(round: &Round<'_>) -> Result<(), Error> {
    let have = round.board.count(round.id, Stage::Contribution.slot()).await? as usize;
    match round.task.minimum as usize {
        need if have < need => Err(secagg::Error::TooFew { what: "contributions", have, need }.into()),
        _ => Ok(()),
    }
}

/// Whether a quorum checked the contributions, and enough of them are left. Whoever did not check can neither vote nor
/// answer.
pub(super) async fn checked<P: Electorate + Clone>(round: &Round<'_>, electorate: &P) -> Result<(), Error> {
    let closed = closed(round, electorate, false).await?;
    let have = reviews(round, closed.list().len()).await?.len();
    let need = electorate.quorum();
    if have < need {
        let what = "aggregators that checked the contributions and can use most of them";
        return Err(secagg::Error::TooFew { what, have, need }.into());
    }
    self::closed(round, electorate, true).await.map(drop)
}

/// What aggregators say that they cannot use, of `contributions`. One who names more than a quarter is not heard: what it
/// leaves would be its own choice, and in the end one honest client among its friends.
async fn reviews(round: &Round<'_>, contributions: usize) -> Result<Vec<Vec<Identity>>, Error> {
    let page = round.board.page(round.id, Stage::Review.slot(), None, usize::MAX).await?;
    let named = page.iter().map(|(_, review)| review.as_chunks::<32>().0.iter().map(|id| Identity(*id)).collect());
    Ok(named.filter(|named: &Vec<Identity>| named.len() <= contributions / 4).collect())
}

/// Who contributed and is not in the sum, because an aggregator cannot use the contribution: ascending. Known once the
/// check is over.
pub(super) async fn left_out(round: &Round<'_>, phase: Phase) -> Result<Vec<Identity>, Error> {
    if phase <= phases::CHECK || phase == phases::FAILED {
        return Ok(vec![]);
    }
    let contributions = round.board.count(round.id, DIGEST).await? as usize;
    let mut named = reviews(round, contributions).await?.concat();
    named.sort_unstable();
    named.dedup();
    Ok(named)
}

/// The list, as it follows from the board; after the check without what an aggregator cannot use.
pub(super) async fn closed<P: Electorate + Clone>(
    round: &Round<'_>,
    electorate: &P,
    checked: bool,
) -> Result<Closed<P>, Error> {
    let mut collector = Collector::new(round.task, electorate.clone(), &round.clients)?;
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
pub(super) async fn frozen<P: Electorate + Clone>(round: &Round<'_>, electorate: &P) -> Result<Frozen, Error> {
    let mut closed = closed(round, electorate, true).await?;
    let votes = round.board.page(round.id, Stage::Vote.slot(), None, usize::MAX).await?;
    let have = votes.len();
    for (_, vote) in votes {
        if let Some(frozen) = closed.vote(&vote)? {
            return Ok(frozen);
        }
    }
    Err(secagg::Error::TooFew { what: "votes for the list", have, need: electorate.quorum() }.into())
}

/// What aggregators are to check, vote for, or answer for.
pub(super) async fn list<P: Electorate + Clone>(
    round: &Round<'_>,
    electorate: &P,
    phase: Phase,
) -> Result<Vec<u8>, Error> {
    match phase {
        phases::CHECK => Ok(closed(round, electorate, false).await?.proposal()),
        phases::VOTE => Ok(closed(round, electorate, true).await?.proposal()),
        phases::ANSWER | phases::KEEP => Ok(frozen(round, electorate).await?.encode(&round.task, electorate)),
        phases::WAITING | phases::COLLECT | phases::VERIFY => Err(Error::Early { what: "aggregators" }),
        _ => Err(Error::Late { what: "votes and answers" }),
    }
}
