//! A sum that stays shared: what an aggregator of a committee of two of three keeps instead of answering.
//!
//! Every seed is known to two of the three aggregators, so the masked sum and the sums of the masks *are* a replicated
//! sharing (Araki et al. 2016, section 2.1): with x₀ + x₁ + x₂ = x, aggregator i holds xᵢ and xᵢ₊₁. No message passes for
//! it, and who could read the sum could before: any two of the three.
//!
//! | component | known to | what it is |
//! |---|---|---|
//! | x₀ | 2 and 0 | the masked sum less the masks that 0 and 2 know |
//! | x₁ | 0 and 1 | less the masks that 0 and 1 know |
//! | x₂ | 1 and 2 | less the masks that 1 and 2 know |

use crate::error::Error;
use crate::vector::Vector;
use crate::wire::Bytes32;

/// The set {0, 2}, whose component also takes the masked sum.
const MASKED: usize = 1;

/// An aggregator's part of a sum over a frozen list.
pub struct KeptSum {
    /// Which of the three it is: 0, 1 or 2.
    pub role: usize,
    /// The component x of its own number.
    pub own: Vector,
    /// The component of the next number.
    pub next: Vector,
    /// A digest of the round, the list and the masked sum. Parts belong together only if it is the same.
    pub origin: Bytes32,
}

impl KeptSum {
    /// From the negative sums of the masks of the two sets of aggregator `role`, of which `first` is the earlier one.
    pub(super) fn new(
        role: usize,
        (first, one): (usize, Vector),
        other: Vector,
        masked: &Vector,
        origin: Bytes32,
    ) -> Result<Self, Error> {
        let (mut one, mut other) = (one, other);
        // The sets in order are {0, 1}, {0, 2}, {1, 2}.
        match role {
            1 => {}
            _ if first == MASKED => one.add(masked)?,
            _ => other.add(masked)?,
        }
        let (own, next) = match role {
            // {0, 1} is x₁ and {0, 2} is x₀; {0, 2} is x₀ and {1, 2} is x₂.
            0 | 2 => (other, one),
            // {0, 1} is x₁ and {1, 2} is x₂.
            _ => (one, other),
        };
        Ok(Self { role, own, next, origin })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Accepted, AwaitFrozen, Collector, Combiner, Frozen, Memory, contribute};
    use super::*;
    use crate::task::Task;
    use crate::testing::{CommitteeRound, World, digit, digits, task};

    /// A round up to the frozen list, and the masked sum.
    fn frozen(task: Task, threshold: usize) -> (Frozen, Vec<AwaitFrozen>, Vector) {
        let mut world = World::with_seed(5, 9);
        let round = CommitteeRound::new(task, 3, threshold, 2, 0, &mut world.rng);
        let mut collector = Collector::new(task, round.committee.clone(), &world.enrolled).unwrap();
        let mut aggregators: Vec<_> = (0..3).map(|i| round.aggregator(i, &world, Memory::default()).unwrap()).collect();
        let mut messages = vec![];
        for (i, client) in world.clients.iter().enumerate() {
            let mut rng = crate::testing::seeded(i as u64);
            let message = contribute(&task, &round.committee, client, &digit(&task, i), &mut rng).unwrap();
            let Accepted::New { deposits, .. } = collector.accept(&message).unwrap() else { panic!("it is new") };
            aggregators.iter_mut().zip(deposits).for_each(|(to, deposit)| assert!(to.deposit(&deposit).is_ok()));
            messages.push(message);
        }
        let mut closed = collector.close().unwrap();
        let (mut waiting, mut frozen) = (vec![], None);
        for aggregator in aggregators {
            let approved = aggregator.check_proposal(&closed.proposal()).unwrap();
            let (next, _, vote) = aggregator.vote(approved);
            frozen = closed.vote(&vote).unwrap().or(frozen);
            waiting.push(next);
        }
        let frozen = frozen.unwrap();
        let mut combiner = Combiner::new(task, round.committee.clone(), frozen.clone()).unwrap();
        messages.iter().for_each(|message| combiner.contribution(message).unwrap());
        (frozen, waiting, combiner.finish_masked().unwrap())
    }

    #[test]
    fn parts_are_a_replicated_sharing_of_the_sum() {
        let (frozen, waiting, masked) = frozen(task(64, 1, 2), 2);
        let parts: Vec<KeptSum> = waiting.into_iter().map(|it| it.keep(&frozen, &masked).unwrap().1).collect();
        let mut sum = Vector::zeros(masked.ring(), 1);
        for (i, part) in parts.iter().enumerate() {
            assert_eq!(part.role, i);
            assert_eq!(part.next.elements(), parts[(i + 1) % 3].own.elements(), "component {}", (i + 1) % 3);
            assert_eq!(part.origin, parts[0].origin);
            sum.add(&part.own).unwrap();
        }
        assert_eq!(digits(&sum, 9), [1; 9]);
        assert_ne!(digits(&masked, 9), [1; 9]);
    }

    #[test]
    fn another_masked_sum_has_another_origin() {
        let (list, mut waiting, mut masked) = frozen(task(64, 1, 2), 2);
        let one = waiting.remove(0).keep(&list, &masked).unwrap().1;
        masked.add(&Vector::from_elements(masked.ring(), &[1]).unwrap()).unwrap();
        assert_ne!(waiting.remove(0).keep(&list, &masked).unwrap().1.origin, one.origin);
    }

    #[test]
    fn other_committees_keep_nothing() {
        let (frozen, mut waiting, masked) = frozen(task(64, 1, 2), 3);
        assert!(matches!(waiting.remove(0).keep(&frozen, &masked), Err(Error::Misuse { .. })));
    }
}
