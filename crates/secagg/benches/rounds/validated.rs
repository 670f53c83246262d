//! A whole round of the validated sum: vectors of numbers from 0 to 255.

use secagg::testing::{ValidatedRound, World, seeded, task};
use secagg::validated::{Accepted, Collecting, Collector, Combiner, Memory, Statistic, contribute};
use secagg::{Error, Identity};

use crate::cost::{Cost, Expected, timed};

const GREATEST: u64 = 255;

/// One round of which nobody vanishes.
pub(crate) fn round(n: usize, len: u32) -> Result<Cost, Error> {
    let mut world = World::with_seed(1, n);
    let task = task(48, len, 2);
    let round = ValidatedRound::new(task, Statistic::SumVector { greatest: GREATEST }, &mut world.rng);
    let mut expected = Expected::up_to(&task, GREATEST);
    let mut cost = Cost { aggregators: vec![0; 2], rounds: 1, ..Cost::default() };
    let mut collector = Collector::new(task, round.validation.clone(), world.enrolled.clone())?;
    let mut sides: Vec<Collecting<&std::collections::BTreeSet<Identity>>> =
        (0..2).map(|position| round.aggregator(position, &world, Memory::default())).collect();
    for (i, client) in world.clients.iter().enumerate() {
        let input = expected.input(i)?;
        let mut spent = 0;
        let mut rng = seeded(1 + i as u64);
        let message = timed(&mut spent, || contribute(&task, &round.validation, client, &input, &mut rng))?;
        cost.clients.push(spent);
        cost.up = message.len();
        let accepted = cost.server.does(|| collector.accept(&message))?;
        if let Accepted::New { deposits, .. } = &accepted {
            for ((side, deposit), spent) in sides.iter_mut().zip(deposits).zip(&mut cost.aggregators) {
                timed(spent, || side.deposit(deposit))?;
            }
        }
        // What is passed on is not the server's to keep.
        cost.server.does(|| drop(accepted));
    }
    let mut closed = cost.server.does(|| collector.close())?;
    let mut spoken = vec![];
    for (side, spent) in sides.into_iter().zip(&mut cost.aggregators) {
        spoken.push(timed(spent, || side.close()));
    }
    let others: Vec<Vec<u8>> = spoken.iter().rev().map(|(_, message)| message.clone()).collect();
    let (mut frozen, mut waiting) = (None, vec![]);
    for (((side, _), other), spent) in spoken.into_iter().zip(&others).zip(&mut cost.aggregators) {
        let (side, _) = timed(spent, || side.verifiers(other))?;
        let approved = timed(spent, || side.check_proposal(&closed.proposal()))?;
        let (side, _, vote) = timed(spent, || side.vote(approved));
        frozen = cost.server.does(|| closed.vote(&vote))?.or(frozen);
        waiting.push(side);
    }
    let frozen = frozen.expect("both voted");
    let bytes = frozen.encode(&task, &round.validation);
    let mut combiner = Combiner::new(task, round.validation.clone(), frozen)?;
    for (side, spent) in waiting.into_iter().zip(&mut cost.aggregators) {
        let (_, answer) = timed(spent, || side.answer(&bytes))?;
        cost.server.does(|| combiner.answer(&answer))?;
    }
    let sum = cost.server.does(|| combiner.finish())?;
    expected.check(&sum);
    Ok(cost)
}
