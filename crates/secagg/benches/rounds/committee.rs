//! A whole round of the committee sum.

use std::collections::BTreeSet;

use secagg::committee::{Accepted, Collecting, Collector, Combiner, Memory, contribute};
use secagg::testing::{CommitteeRound, World, seeded, task};
use secagg::{Error, Identity, Vector};

use crate::cost::{Cost, Expected, timed};

/// Elements on a board that is kept in this process. Of larger rounds messages are made once more when the server reads
/// them: nobody's time, and no memory.
const KEPT: u64 = 200_000_000;

/// One committee round of which the first `dropped` clients never contribute.
pub(crate) fn round(n: usize, len: u32, dropped: usize, (size, threshold): (usize, usize)) -> Result<Cost, Error> {
    let mut world = World::with_seed(1, n);
    let task = task(32, len, 2);
    let round = CommitteeRound::new(task, size, threshold, threshold, 0, &mut world.rng);
    let mut expected = Expected::new(&task, n);
    let mut cost = Cost { aggregators: vec![0; size], rounds: 1, ..Cost::default() };
    let mut collector = Collector::new(task, round.committee.clone(), world.enrolled.clone())?;
    let mut board = vec![];
    let kept = n as u64 * u64::from(len) <= KEPT;
    let message_of = |i: usize, input: &Vector| {
        contribute(&task, &round.committee, &world.clients[i], input, &mut seeded(1 + i as u64))
    };
    let enrolled: World = World { rng: seeded(0), clients: vec![], enrolled: world.enrolled.clone() };
    let mut aggregators: Vec<Collecting<&BTreeSet<Identity>>> =
        (0..size).map(|i| round.aggregator(i, &enrolled, Memory::default())).collect::<Result<_, _>>()?;
    for i in dropped..n {
        let input = expected.input(i)?;
        let mut spent = 0;
        let message = timed(&mut spent, || message_of(i, &input))?;
        cost.clients.push(spent);
        cost.up = message.len();
        let accepted = cost.server.does(|| collector.accept(&message))?;
        if let Accepted::New { deposits, .. } = &accepted {
            for ((aggregator, deposit), spent) in aggregators.iter_mut().zip(deposits).zip(&mut cost.aggregators) {
                timed(spent, || aggregator.deposit(deposit))?;
            }
        }
        // What is passed on is not the server's to keep.
        cost.server.does(|| drop(accepted));
        board.push(kept.then_some(message));
    }
    let mut closed = cost.server.does(|| collector.close())?;
    let proposal = closed.proposal();
    let mut frozen = None;
    let mut waiting = vec![];
    for (aggregator, spent) in aggregators.into_iter().zip(&mut cost.aggregators) {
        let approved = timed(spent, || aggregator.check_proposal(&proposal))?;
        let (next, _, vote) = timed(spent, || aggregator.vote(approved));
        waiting.push(next);
        frozen = cost.server.does(|| closed.vote(&vote))?.or(frozen);
    }
    let frozen = frozen.expect("a quorum voted");
    let bytes = frozen.encode(&task, &round.committee);
    let mut combiner = Combiner::new(task, round.committee.clone(), frozen)?;
    for (i, message) in (dropped..).zip(&board) {
        let made = if message.is_none() { Some(message_of(i, &expected.again(i)?)?) } else { None };
        let message = message.as_ref().or(made.as_ref()).expect("kept or made");
        cost.server.does(|| combiner.contribution(message))?;
    }
    for (aggregator, spent) in waiting.into_iter().zip(&mut cost.aggregators) {
        let frozen = timed(spent, || aggregator.check_frozen(&bytes))?;
        let (_, answer) = timed(spent, || aggregator.answer(&frozen))?;
        cost.server.does(|| combiner.answer(&answer))?;
    }
    let sum = cost.server.does(|| combiner.finish())?;
    expected.check(&sum);
    Ok(cost)
}
