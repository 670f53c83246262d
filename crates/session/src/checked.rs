//! Contributions that are checked before they are summed: on shares, or inside an enclave.
//!
//! Where a sum over a group has bounds its holders keep each contribution as shares, not the sum. Once in a session, before
//! the first sum over the group is taken, they find out which contributions keep all bounds
//! ([`within_bounds`]: one bit for each, which the three learn) and add up those. An enclave looks at them.

use std::collections::BTreeMap;

use algebra::Tensor;
use ir::{Contribution, Layout, PlayerId};
use schemes::replicated::{Bounded, Share, within_bounds};
use schemes::{Party, Plain, Value};
use tokio::sync::OnceCell;

use crate::error::SessionError;
use crate::held::Held;

type Result<T> = std::result::Result<T, SessionError>;

/// What the contributions to one group's sums are held to.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    fraction: u8,
    bounds: Vec<Bounded>,
}

impl Check {
    /// The check of a contribution; `None` if it is summed as it comes.
    pub(crate) fn of(contribution: &Contribution, layout: &Layout) -> Result<Option<Check>> {
        let fraction = contribution.fraction;
        let mut bounds = Vec::new();
        for (part, (from, count)) in contribution.parts.iter().zip(&layout.parts) {
            let Some(bound) = part.bound else { continue };
            let Some(limits) = bound.limits(fraction, *count) else {
                // The budget had room for it.
                return Err(SessionError::Internal { what: format!("{bound} has no limit in units") });
            };
            let end = from + count;
            bounds.extend(limits.numbers.into_iter().map(|limit| Bounded { columns: *from..end, limit }));
            bounds.extend(limits.weight.map(|limit| Bounded { columns: end..end + 1, limit }));
        }
        Ok((!bounds.is_empty()).then_some(Check { fraction, bounds }))
    }

    /// A contribution in units of the last place, rounded to the nearest; what does not fit stays as large as it can be.
    pub(crate) fn units(&self, numbers: &[f64]) -> Vec<i64> {
        let scale = f64::from(self.fraction).exp2();
        numbers.iter().map(|x| (x * scale).round() as i64).collect()
    }

    /// Whether a contribution keeps all bounds.
    pub(crate) fn keeps(&self, units: &[i64]) -> bool {
        self.bounds.iter().all(|bounded| bounded.holds(units))
    }

    /// Which contributions, the rows of `each`, keep all bounds. The holders learn it.
    ///
    /// # Errors
    /// As [`within_bounds`].
    pub(crate) async fn within(&self, party: &Party, each: &Value) -> schemes::Result<Vec<bool>> {
        match each {
            Value::Rep64(shares) => within_bounds(party, shares, &self.bounds).await,
            Value::Plain(Plain::Fixed64(rows, _)) => {
                let keeps = |row: &[u64]| self.keeps(&row.iter().map(|x| x.cast_signed()).collect::<Vec<_>>());
                Ok(rows.data().chunks(width(rows)).map(keeps).collect())
            }
            _ => Err(not_contributions()),
        }
    }

    /// The sum over the contributions that keep all bounds, with their number as its last element, at one holder.
    ///
    /// # Errors
    /// As [`within`](Self::within).
    pub(crate) fn sum(&self, role: usize, each: &Value, within: &[bool]) -> schemes::Result<Value> {
        let count = (within.iter().filter(|kept| **kept).count() as u64) << self.fraction;
        let sum = |count: u64, each: &Tensor<u64>| {
            let mut sum = vec![0u64; width(each)];
            for (row, _) in each.data().chunks(sum.len()).zip(within).filter(|(_, kept)| **kept) {
                sum.iter_mut().zip(row).for_each(|(sum, x)| *sum = sum.wrapping_add(*x));
            }
            sum.push(count);
            Tensor::from_vec(sum)
        };
        // The number is known to all three: it is in component 0, and the others add nothing to it.
        let component = |number: usize, each| sum(if number.is_multiple_of(3) { count } else { 0 }, each);
        match each {
            Value::Rep64(rows) => {
                Ok(Value::Rep64(Share::new(component(role, rows.own()), component(role + 1, rows.next()))))
            }
            Value::Plain(Plain::Fixed64(rows, fraction)) => {
                Ok(Value::Plain(Plain::Fixed64(sum(count, rows), *fraction)))
            }
            _ => Err(not_contributions()),
        }
    }
}

/// Numbers of a contribution. Each has one at least, as each sums something.
fn width(each: &Tensor<u64>) -> usize {
    each.shape().get(1).copied().unwrap_or_default().max(1)
}

fn not_contributions() -> schemes::Error {
    schemes::Error::misuse("contributions are neither shares of 64 bits nor in the clear inside an enclave")
}

/// The sums over groups whose contributions were checked in a session: each once, whichever operator asks first.
#[derive(Default)]
pub(crate) struct Checked(BTreeMap<PlayerId, OnceCell<Held>>);

impl Checked {
    /// Of these groups.
    pub(crate) fn of(groups: impl Iterator<Item = PlayerId>) -> Checked {
        Checked(groups.map(|group| (group, OnceCell::new())).collect())
    }

    /// The sum over a group, made if it was not yet.
    pub(crate) async fn sum<F>(&self, group: PlayerId, make: impl FnOnce() -> F) -> Result<&Held>
    where
        F: Future<Output = Result<Held>>,
    {
        let cell = self.0.get(&group);
        let cell = cell.ok_or_else(|| SessionError::Internal { what: "a sum over no group".into() })?;
        cell.get_or_try_init(make).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use agreement::{Agreement, Ratified, SessionId};
    use schemes::Plain;

    use super::*;
    use crate::events::unobserved;
    use crate::federated::Round;
    use crate::local::{Outcomes, Parts, hand_out, run_with};
    use crate::stage::Entropy;
    use crate::vault::Attempt;

    const PROGRAM: &str = "
computation crowd
  player a, b, c, press
  group people of at least 2 at most 4
  placement committee = replicated(a, b, c)
  input x : f64[2] at people range -9..9
  on committee as fixed<64, 16>
    total = federated_sum(x, low=0, high=1)
  release total to press as \"total\"
";

    fn ratified() -> Ratified {
        let checked = check::check(ir::text::parse(PROGRAM).unwrap()).unwrap();
        Ratified::local(Agreement::in_process(checked, BTreeMap::new()).unwrap()).unwrap()
    }

    fn members(rows: &[[f64; 2]]) -> BTreeMap<String, Plain> {
        let x = Tensor::new([rows.len(), 2], rows.concat()).unwrap();
        BTreeMap::from([("x".to_owned(), Plain::F64(x))])
    }

    fn origin(ratified: &Ratified, number: u32) -> Attempt {
        Attempt { agreement: ratified.agreement().digest(), session: SessionId([7; 16]), number }
    }

    /// A run where `change` has had the holders' parts of the contributions.
    async fn run(rows: &[[f64; 2]], change: impl FnOnce(&Ratified, &mut Parts)) -> Result<Outcomes> {
        let ratified = ratified();
        let round = Round::all(ratified.agreement())?.remove(0);
        let mut sums = Parts::new();
        let group = ratified.agreement().checked().computation().player_named("people");
        hand_out(&mut sums, group, round.share(&members(rows), origin(&ratified, 0), &[3; 32])?);
        change(&ratified, &mut sums);
        let mut players = 0u8;
        let entropy = || {
            players += 1;
            Entropy::new([players; 32])
        };
        run_with(&ratified, SessionId([1; 16]), BTreeMap::new(), sums, entropy, &unobserved()).await
    }

    const ROWS: [[f64; 2]; 3] = [[0.5, 1.0], [2.0, 0.0], [0.25, 0.0]];

    #[tokio::test]
    async fn who_breaks_a_bound_is_left_out() {
        let outcomes = run(&ROWS, |_, _| {}).await.unwrap();
        let total = outcomes.values().find_map(|outcome| outcome.outputs.get("total")).unwrap().to_f64();
        assert_eq!(total.data(), [0.75, 1.0]);
    }

    #[tokio::test]
    async fn parts_of_other_contributions_fit_no_others() {
        let other = |ratified: &Ratified, sums: &mut Parts| {
            let round = Round::all(ratified.agreement()).unwrap().remove(0);
            let group = ratified.agreement().checked().computation().player_named("people");
            let (holder, part) =
                round.share(&members(&ROWS[..2]), origin(ratified, 1), &[4; 32]).unwrap().pop_first().unwrap();
            sums.get_mut(&holder).unwrap().extend(group.map(|group| (group, part)));
        };
        let error = run(&ROWS, other).await.err().unwrap();
        assert_eq!(error.code(), "store.differs", "{error}");
    }

    #[tokio::test]
    async fn contributions_of_more_members_than_agreed_are_refused() {
        let longer = |_: &Ratified, sums: &mut Parts| {
            let parts = sums.values_mut().next().unwrap();
            parts.values_mut().for_each(|part| part.meta.shape[0] = 5);
        };
        let error = run(&ROWS, longer).await.err().unwrap();
        assert_eq!(error.code(), "store.misfit", "{error}");
        let shorter = |_: &Ratified, sums: &mut Parts| {
            let parts = sums.values_mut().next().unwrap();
            parts.values_mut().for_each(|part| part.bytes = part.bytes[..16].to_vec().into());
        };
        let error = run(&ROWS, shorter).await.err().unwrap();
        assert_eq!(error.code(), "store.damaged", "{error}");
    }

    #[tokio::test]
    async fn a_member_is_told_which_bound_it_breaks() {
        let ratified = ratified();
        let round = Round::all(ratified.agreement()).unwrap().remove(0);
        let one = |row: [f64; 2]| BTreeMap::from([("x".to_owned(), Plain::F64(Tensor::from_vec(row.to_vec())))]);
        assert_eq!(round.contribute(&one([0.0, 1.0])).unwrap()[..], [0.0, 1.0]);
        let error = round.contribute(&one([0.0, 1.5])).err().unwrap();
        assert_eq!(error.code(), "session.bound-broken");
        assert_eq!(error.to_string(), "`x` of this member of people is not within 0..1");
    }
}
