//! What stays shared: what an aggregator of a committee of two of three keeps instead of answering.
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
//!
//! The same holds of each contribution by itself, so the three may keep a sharing of all of them instead, one after the
//! other in the order of the frozen list, and check them before they sum them.
//!
//! An aggregator [alone](super::Committee::alone) keeps the whole, in the machine that it proved.

use crate::error::Error;
use crate::vector::Vector;
use crate::wire::Bytes32;

/// The set {0, 2}, whose component also takes the masked sum.
const MASKED: usize = 1;

/// What an aggregator keeps of the sum over a frozen list, or of each contribution on it.
pub struct Kept {
    /// Which of the committee it is.
    pub role: usize,
    /// Its part.
    pub part: Part,
    /// A digest of the round, the list and what was masked. Parts belong together only if it is the same.
    pub origin: Bytes32,
}

/// A part of what is kept.
pub enum Part {
    /// With one of three.
    Shares {
        /// The component x of its own number.
        own: Vector,
        /// The component of the next number.
        next: Vector,
    },
    /// With one alone: everything, in the clear.
    Whole(Vector),
}

impl Part {
    /// From the negative sums of the masks of the two sets of aggregator `role` of three, of which `first` is the earlier one.
    pub(super) fn shares(
        role: usize,
        (first, one): (usize, Vector),
        other: Vector,
        masked: &Vector,
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
        Ok(Self::Shares { own, next })
    }

    /// From the negative sum of all masks.
    pub(super) fn whole(masks: Vector, masked: &Vector) -> Result<Self, Error> {
        let mut whole = masks;
        whole.add(masked)?;
        Ok(Self::Whole(whole))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Accepted, AwaitFrozen, Collector, Combiner, Frozen, Memory, contribute};
    use super::*;
    use crate::identity::Identity;
    use crate::task::Task;
    use crate::testing::{CommitteeRound, World, digit, digits, task};

    type Masked = BTreeMap<Identity, Vec<u8>>;

    /// A round up to the frozen list, with so many aggregators of a threshold, the masked sum, and what each of the first
    /// `clients` masked.
    fn of_clients(
        clients: usize,
        task: Task,
        (n, threshold): (usize, usize),
    ) -> (Frozen, Vec<AwaitFrozen>, Vector, Masked) {
        let mut world = World::with_seed(5, clients);
        let round = CommitteeRound::new(task, n, threshold, 2, 0, &mut world.rng);
        let mut collector = Collector::new(task, round.committee.clone(), &world.enrolled).unwrap();
        let mut aggregators: Vec<_> = (0..n).map(|i| round.aggregator(i, &world, Memory::default()).unwrap()).collect();
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
        let rows = messages.iter().map(|message| combiner.masked(message).unwrap());
        let rows = rows.map(|(client, row)| (client, row.to_vec())).collect();
        (frozen, waiting, combiner.finish_masked().unwrap(), rows)
    }

    fn frozen(task: Task, committee: (usize, usize)) -> (Frozen, Vec<AwaitFrozen>, Vector) {
        let (frozen, waiting, masked, _) = of_clients(9, task, committee);
        (frozen, waiting, masked)
    }

    /// What one of three keeps.
    struct Shares {
        role: usize,
        own: Vector,
        next: Vector,
        origin: Bytes32,
    }

    fn shares(kept: Kept) -> Shares {
        let Kept { role, part, origin } = kept;
        let Part::Shares { own, next } = part else { panic!("one of three keeps shares") };
        Shares { role, own, next, origin }
    }

    #[test]
    fn one_alone_keeps_the_whole() {
        let task = task(64, 1, 2);
        let whole = |kept: Kept| match kept.part {
            Part::Whole(whole) => whole,
            Part::Shares { .. } => panic!("one alone keeps no shares"),
        };
        let (list, mut waiting, masked) = frozen(task, (1, 1));
        assert_eq!(digits(&whole(waiting.remove(0).keep(&list, &masked).unwrap().1), 9), [1; 9]);
        let (list, mut waiting, _, rows) = of_clients(4, task, (1, 1));
        let mut sum = Vector::zeros(task.ring, task.len as usize);
        let each = whole(waiting.remove(0).keep_each(&list, &rows).unwrap().1).elements();
        for row in each.chunks(task.len as usize) {
            sum.add(&Vector::from_elements(task.ring, row).unwrap()).unwrap();
        }
        assert_eq!((each.len(), digits(&sum, 4)), (4 * task.len as usize, vec![1; 4]));
    }

    #[test]
    fn parts_are_a_replicated_sharing_of_the_sum() {
        let (frozen, waiting, masked) = frozen(task(64, 1, 2), (3, 2));
        let parts: Vec<_> = waiting.into_iter().map(|it| shares(it.keep(&frozen, &masked).unwrap().1)).collect();
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
        let (list, mut waiting, mut masked) = frozen(task(64, 1, 2), (3, 2));
        let one = waiting.remove(0).keep(&list, &masked).unwrap().1;
        masked.add(&Vector::from_elements(masked.ring(), &[1]).unwrap()).unwrap();
        assert_ne!(waiting.remove(0).keep(&list, &masked).unwrap().1.origin, one.origin);
    }

    #[test]
    fn other_committees_keep_nothing() {
        let (frozen, mut waiting, masked) = frozen(task(64, 1, 2), (3, 3));
        assert!(matches!(waiting.remove(0).keep(&frozen, &masked), Err(Error::Misuse { .. })));
    }

    #[test]
    fn parts_of_each_are_a_replicated_sharing_of_every_contribution() {
        let task = task(64, 1, 2);
        let (frozen, waiting, _, rows) = of_clients(5, task, (3, 2));
        let parts: Vec<_> = waiting.into_iter().map(|it| shares(it.keep_each(&frozen, &rows).unwrap().1)).collect();
        let mut all = Vector::zeros(task.ring, 5 * task.len as usize);
        for (i, part) in parts.iter().enumerate() {
            assert_eq!(part.next.elements(), parts[(i + 1) % 3].own.elements(), "component {}", (i + 1) % 3);
            assert_eq!(part.origin, parts[0].origin);
            all.add(&part.own).unwrap();
        }
        let world = World::with_seed(5, 5);
        let clients: Vec<Identity> = world.clients.iter().map(|client| client.identity()).collect();
        for (row, (client, _)) in all.elements().chunks(task.len as usize).zip(frozen.list().entries()) {
            let digit = digit(&task, clients.iter().position(|known| known == client).unwrap());
            assert_eq!(row, digit.elements(), "rows are in the order of the list");
        }
    }

    #[test]
    fn a_row_is_the_one_that_its_client_signed() {
        let (frozen, waiting, _, rows) = of_clients(4, task(64, 1, 2), (3, 2));
        let mut waiting = waiting.into_iter();
        let mut keeps = |rows: &Masked| waiting.next().unwrap().keep_each(&frozen, rows).map(|(_, kept)| kept);
        let (first, changed) = (*rows.keys().next().unwrap(), |change: &dyn Fn(&mut Masked)| {
            let mut rows = rows.clone();
            change(&mut rows);
            rows
        });
        let other = changed(&|rows| rows.get_mut(&first).unwrap()[0] ^= 1);
        assert!(matches!(keeps(&other), Err(Error::Coordinator { .. })));
        let missing = changed(&|rows| drop(rows.remove(&first)));
        assert_eq!(
            keeps(&missing).err(),
            Some(Error::TooFew { what: "contributions of the frozen list", have: 3, need: 4 })
        );
        assert!(keeps(&rows).is_ok());
    }

    #[test]
    fn each_of_another_list_has_another_origin() {
        let origin = |clients| {
            let (frozen, mut waiting, masked, rows) = of_clients(clients, task(64, 1, 2), (3, 2));
            let each = waiting.remove(0).keep_each(&frozen, &rows).unwrap().1.origin;
            (each, waiting.remove(0).keep(&frozen, &masked).unwrap().1.origin)
        };
        let ((four, sum), (five, _)) = (origin(4), origin(5));
        assert!(four != five && four != sum);
    }
}
