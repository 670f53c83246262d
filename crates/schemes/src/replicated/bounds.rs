//! Rows of a shared matrix that keep bounds, as bits that all three learn: one for each row, and nothing else.
//!
//! A number v lies in [l, h] if neither v - l nor h - v is negative mod 2^64, and only then: with h - l below 2^63 both are
//! non-negative only if they add up to h - l without a wrap. So a number that wraps is outside, whatever its element of
//! the ring. The sum of squares of numbers that are each within theirs is exact, and compared in the same way; of others
//! it does not matter. All conditions of a row are joined by a tree of conjunctions, and its root is opened.
//!
//! Rounds, for c conditions on each row: 8 + ⌈log2 c⌉, and 1 more where squares are summed; beyond [`AT_ONCE`] conditions
//! of all rows the same again for every so many. Bytes: [`msb`] for each condition, ⌈rows/8⌉ for each conjunction, for
//! each norm 8 for each row, and one bit for each row. Conditions are two for each number (four if it is weighted, and two for
//! its weight), and one for each norm.
//!
//! That a number is between multiples of its weight is linear in both, and exact as long as both are within limits of their own.

use std::ops::Range;

use algebra::Tensor;
use ir::Limit;

use super::{Planes, Seat, Share, and, matmul, msb, reveal_bits};
use crate::error::{Error, Result};
use crate::party::Party;
use crate::primitives::Linear;

/// Conditions that are tested at once: each takes some 60 bytes meanwhile.
pub const AT_ONCE: usize = 1 << 18;

/// Columns of a matrix, and what each row holds them to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounded {
    /// Which columns. A weight is in the next one.
    pub columns: Range<usize>,
    /// What they keep.
    pub limit: Limit,
}

impl Bounded {
    /// Whether a row keeps it.
    #[must_use]
    pub fn holds(&self, row: &[i64]) -> bool {
        let weight = row.get(self.columns.end).copied();
        row.get(self.columns.clone()).is_some_and(|numbers| self.limit.holds(numbers, weight))
    }

    /// Whether a matrix so wide has all its columns.
    fn fits(&self, width: usize) -> bool {
        let end = self.columns.end.saturating_add(usize::from(matches!(self.limit, Limit::Ratio { .. })));
        self.columns.start <= self.columns.end && end <= width
    }
}

/// Conditions that are tested together: on a few columns, and on the squares of a whole value.
struct Batch<'a> {
    columns: Vec<(Range<usize>, &'a Bounded)>,
    squares: Vec<(Range<usize>, i64)>,
}

/// Which rows of `x`, a matrix, keep all bounds. All three learn it.
///
/// # Errors
/// [`Error::misuse`] for columns that the matrix does not have; and what a connection or another player does.
pub async fn within_bounds(party: &Party, x: &Share<u64>, bounds: &[Bounded]) -> Result<Vec<bool>> {
    let party = party.enter("bounds");
    let &[rows, width] = x.shape() else { return Err(Error::misuse("bounds are of the rows of a matrix")) };
    if !bounds.iter().all(|b| b.fits(width)) {
        return Err(Error::misuse("bounds of columns that are not there"));
    }
    let mut within = Vec::with_capacity(rows);
    for from in (0..rows).step_by(AT_ONCE) {
        let end = rows.min(from + AT_ONCE);
        let some = x.rows(from, end)?;
        let mut kept: Option<Planes> = None;
        for batch in batches(bounds, end - from) {
            let batch = test(&party, &some, &batch).await?;
            kept = Some(match kept {
                Some(kept) => and(&party, &kept, &batch).await?,
                None => batch,
            });
        }
        match kept {
            Some(kept) => within.extend(open(&party, &kept, end - from).await?),
            None => within.resize(end, true),
        }
    }
    Ok(within)
}

/// The conditions on so many rows, in batches.
fn batches(bounds: &[Bounded], rows: usize) -> Vec<Batch<'_>> {
    let most = (AT_ONCE / (2 * rows.max(1))).max(1);
    let (mut batches, mut room) = (Vec::new(), 0);
    for bounded @ Bounded { columns, limit } in bounds {
        let mut from = columns.start;
        while from < columns.end {
            if room == 0 {
                batches.push(Batch { columns: Vec::new(), squares: Vec::new() });
                room = most;
            }
            let Some(batch) = batches.last_mut() else { break };
            let end = columns.end.min(from + room);
            batch.columns.push((from..end, bounded));
            if let (Limit::Norm { squares, .. }, true) = (limit, end == columns.end) {
                batch.squares.push((columns.clone(), *squares));
            }
            room -= end - from;
            from = end;
        }
    }
    batches
}

/// Which rows meet all conditions of a batch: one plane.
async fn test(party: &Party, x: &Share<u64>, batch: &Batch<'_>) -> Result<Planes> {
    let role = Seat::of(party)?.role;
    let mut conditions = Vec::new();
    let lying = |columns: &Range<usize>| x.try_map(|t| t.slice(1, columns.start, columns.end, 1)?.transpose(&[1, 0]));
    for (columns, bounded) in &batch.columns {
        let numbers = lying(columns)?;
        conditions.extend(match bounded.limit {
            Limit::Range { low, high } => between(party, &numbers, low, high)?,
            Limit::Norm { each, .. } => between(party, &numbers, -each, each)?,
            Limit::Ratio { low, high, slack, fraction } => {
                let next = bounded.columns.end;
                let (numbers, weight) = (numbers.times(1 << fraction)?, lying(&(next..next + 1))?);
                let slack = slack.cast_unsigned();
                let above = numbers.minus(&weight.times(low.cast_unsigned())?)?.plus_public(party, slack)?;
                let below = weight.times(high.cast_unsigned())?.minus(&numbers)?.plus_public(party, slack)?;
                [above, below]
            }
        });
    }
    for (columns, most) in &batch.squares {
        let (rows, count) = (x.shape()[0], columns.len());
        let numbers = x.try_map(|t| t.slice(1, columns.start, columns.end, 1))?;
        let lying = numbers.reshape(&[rows, 1, count])?;
        let sum = matmul(party, &lying, &numbers.reshape(&[rows, count, 1])?).await?;
        conditions.push(sum.reshape(&[1, rows])?.public_minus(party, most.cast_unsigned())?);
    }
    let parts: Vec<&Share<u64>> = conditions.iter().collect();
    let all = Share::join(&parts, |t| Tensor::concat(t, 0))?;
    drop(conditions);
    let broken = msb(party, &all).await?;
    drop(all);
    let mut met = Planes::stack(&broken.parts().iter().collect::<Vec<_>>()).not(role);
    while met.width() > 1 {
        let half = met.width() / 2;
        let mut next = and(party, &met.pick(0..half), &met.pick(half..2 * half)).await?;
        next.take(&met, 2 * half..met.width());
        met = next;
    }
    Ok(met)
}

/// What is negative of a number that is less than `low` or greater than `high`.
fn between(party: &Party, numbers: &Share<u64>, low: i64, high: i64) -> Result<[Share<u64>; 2]> {
    let above = numbers.plus_public(party, low.wrapping_neg().cast_unsigned())?;
    Ok([above, numbers.public_minus(party, high.cast_unsigned())?])
}

async fn open(party: &Party, kept: &Planes, rows: usize) -> Result<Vec<bool>> {
    let bits = kept.plane(0, &[rows]);
    let opened = reveal_bits(party, Some(&bits), party.roles(), &[rows]).await?;
    opened.map(|bits| bits.data().to_vec()).ok_or_else(|| Error::misuse("bounds are checked by the three"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cost::{Cost, Kernel};
    use crate::testing::World;

    /// What each of the three finds of a matrix, and what it cost.
    fn found(seed: u64, rows: &[Vec<i64>], bounds: &[Bounded]) -> (Vec<bool>, Cost) {
        let mut world = World::with_seed(seed);
        let width = rows.first().map_or(0, Vec::len);
        let numbers = rows.iter().flatten().map(|x| x.cast_unsigned()).collect();
        let x: Tensor<u64> = Tensor::new([rows.len(), width], numbers).unwrap();
        let found = world.run(async |party| {
            let share = Share::public(party.role().unwrap(), &x);
            within_bounds(&party, &share, bounds).await.unwrap()
        });
        assert!(found[0] == found[1] && found[1] == found[2], "the players disagree");
        let bytes = world.bytes();
        (found[0].clone(), Cost { rounds: world.rounds(), bytes: [bytes[0], bytes[1], bytes[2]] })
    }

    fn kept(rows: &[Vec<i64>], bounds: &[Bounded]) -> Vec<bool> {
        let keeps = |row: &Vec<i64>| bounds.iter().all(|b| b.holds(row));
        rows.iter().map(keeps).collect()
    }

    fn range(columns: Range<usize>, low: i64, high: i64) -> Bounded {
        Bounded { columns, limit: Limit::Range { low, high } }
    }

    fn norm(columns: Range<usize>, each: i64) -> Bounded {
        Bounded { columns, limit: Limit::Norm { each, squares: each * each } }
    }

    #[test]
    fn the_ends_are_inside_and_a_unit_more_is_not() {
        let bounds = [range(0..1, -3, 65536)];
        let rows = [-3, 65536, 0, -4, 65537, i64::MIN, i64::MAX, i64::MIN + 65536].map(|x| vec![x]);
        let (found, _) = found(1, &rows, &bounds);
        assert_eq!(found, [true, true, true, false, false, false, false, false]);
    }

    /// Numbers of eight fraction bits, which are between -1.5 and 2.25 before they are weighted by what follows them: 0.5 to 4.
    fn weighted(columns: Range<usize>) -> Vec<Bounded> {
        let bound = ir::Bound::Weighted { low: -1.5, high: 2.25, lightest: 0.5, heaviest: 4.0 };
        let ir::Limits { numbers, weight } = bound.limits(8, columns.len()).unwrap();
        let weight = weight.map(|limit| Bounded { columns: columns.end..columns.end + 1, limit });
        numbers.into_iter().map(|limit| Bounded { columns: columns.clone(), limit }).chain(weight).collect()
    }

    #[test]
    fn numbers_are_held_to_their_weight() {
        let bounds = weighted(0..2);
        // A weight of 2 allows -768 to 1152 units, and some for rounding; 2^56 units, times 2^8, are 0 mod 2^64.
        let rows = [[-768, 1152, 512], [-774, 0, 512], [0, 1158, 512], [0, 1, 127], [0, 1, 1025], [1 << 56, 0, 512]];
        let rows: Vec<Vec<i64>> = rows.iter().map(|row| row.to_vec()).collect();
        assert_eq!(found(5, &rows, &bounds).0, [true, false, false, false, false, false]);
        assert_eq!(kept(&rows, &bounds), [true, false, false, false, false, false]);
    }

    #[test]
    fn squares_that_wrap_are_no_small_sum() {
        // 2^32 squared is 0 mod 2^64, and so is four times 2^31 squared.
        let bounds = [norm(0..4, 1 << 20)];
        let wrapped = vec![1 << 32, 0, 0, 0];
        let four = vec![1 << 31; 4];
        let at = vec![0, 1 << 20, 0, 0];
        let beyond = vec![1, 1 << 20, 0, 0];
        let (found, _) = found(2, &[wrapped, four, at, beyond], &bounds);
        assert_eq!(found, [false, false, true, false]);
    }

    #[test]
    fn one_broken_bound_of_several_is_enough() {
        let bounds = [range(0..1, 0, 9), norm(1..3, 5), range(4..5, 1, 1)];
        let good = vec![9, 3, 4, 77, 1];
        let change = |at: usize, to: i64| {
            let mut row = good.clone();
            row[at] = to;
            row
        };
        let rows = [good.clone(), change(0, 10), change(1, -4), change(3, i64::MIN), change(4, 0)];
        assert_eq!(found(3, &rows, &bounds).0, [true, false, false, true, false]);
    }

    /// More conditions than are tested at once, by columns and by rows.
    #[test]
    fn batches_cover_every_condition_once() {
        let bounds = [norm(0..70, 9), range(80..90, 0, 1)];
        for rows in [1, 3, AT_ONCE / 64, AT_ONCE] {
            let batches = batches(&bounds, rows);
            let columns: Vec<usize> = batches.iter().flat_map(|b| &b.columns).flat_map(|(c, _)| c.clone()).collect();
            assert_eq!(columns, (0..70).chain(80..90).collect::<Vec<_>>());
            assert_eq!(batches.iter().map(|b| b.squares.len()).sum::<usize>(), 1);
            let most = |b: &Batch<'_>| b.columns.iter().map(|(c, _)| c.len()).sum::<usize>() * 2 * rows;
            assert!(batches.iter().all(|b| most(b) <= AT_ONCE.max(2 * rows)));
        }
    }

    #[test]
    fn costs_are_as_stated() {
        let rows = vec![vec![1; 6]; 64];
        let cost = |kernel: Kernel, count| kernel.cost(64, count);
        // Nine conditions: two of each of four numbers, and one of squares.
        let nine = cost(Kernel::Msb, 9 * 64);
        let tree = [4, 2, 1, 1].map(|width| cost(Kernel::And { width }, 64)).into_iter().fold(nine, Cost::then);
        let stated = cost(Kernel::Multiply, 64).then(tree).then(cost(Kernel::And { width: 1 }, 64));
        let (_, measured) = found(4, &rows, &[norm(0..3, 9), range(5..6, 0, 1)]);
        assert_eq!(measured, stated);
        assert_eq!(measured.rounds, 1 + 8 + 4);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn shares_say_what_plaintext_says(
            seed: u64,
            low in -50i64..50,
            span in 0i64..100,
            each in 1i64..60,
            // Around the limits, by a unit outside, and anything.
            rows in prop::collection::vec(
                prop::collection::vec(prop_oneof![4 => -60i64..60, 1 => Just(i64::MIN), 1 => any::<i64>()], 4),
                1..70,
            ),
        ) {
            let bounds = [range(0..2, low, low + span), norm(2..4, each)];
            prop_assert_eq!(found(seed, &rows, &bounds).0, kept(&rows, &bounds));
        }

        #[test]
        fn shares_say_of_weighted_numbers_what_plaintext_says(
            seed: u64,
            // Around what the weight allows, and anything.
            rows in prop::collection::vec(
                (120i64..1030, prop::collection::vec((-1.6..2.4f64, prop_oneof![9 => Just(0i64), 1 => any::<i64>()]), 2)),
                1..70,
            ),
        ) {
            let row = |(weight, numbers): &(i64, Vec<(f64, i64)>)| {
                let number = |(ratio, beside): &(f64, i64)| ((ratio * *weight as f64) as i64).wrapping_add(*beside);
                numbers.iter().map(number).chain([*weight]).collect::<Vec<i64>>()
            };
            let (rows, bounds) = (rows.iter().map(row).collect::<Vec<_>>(), weighted(0..2));
            prop_assert_eq!(found(seed, &rows, &bounds).0, kept(&rows, &bounds));
        }
    }
}
