//! What was lost: zero-concentrated differential privacy, its conversion, and a ledger for each data owner.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::identity::Identity;

/// A loss of ρ-zCDP. Losses add up.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Default)]
pub struct Zcdp(f64);

impl Zcdp {
    /// A loss of ρ; anything that is not a number counts as infinite.
    #[must_use]
    pub fn new(rho: f64) -> Self {
        Self(if rho >= 0.0 { rho } else { f64::INFINITY })
    }

    /// ρ.
    #[must_use]
    pub fn rho(self) -> f64 {
        self.0
    }

    /// The loss of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// ε such that this loss implies (ε, δ)-differential privacy.
    ///
    /// The least of ρα + ln(1/αδ)/(α − 1) + ln(1 − 1/α) over orders α > 1 (Canonne, Kamath, Steinke 2020,
    /// proposition 12 and corollary 13). Any order gives a valid bound, so an inexact minimum is safe.
    #[must_use]
    pub fn epsilon(self, delta: f64) -> f64 {
        if self.0 == 0.0 {
            return 0.0;
        }
        if !self.0.is_finite() || delta.is_nan() || delta <= 0.0 || delta >= 1.0 {
            return f64::INFINITY;
        }
        let bound = |log: f64| {
            let less = log.exp();
            let alpha = 1.0 + less;
            self.0 * alpha - (alpha * delta).ln() / less + (less / alpha).ln()
        };
        // In ln(α − 1) the bound falls, then rises.
        let (mut low, mut high) = (-20.0, 40.0);
        for _ in 0..200 {
            let (left, right) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
            if bound(left) < bound(right) { high = right } else { low = left }
        }
        bound(low).max(0.0)
    }
}

/// What each data owner has lost, against a budget that is the same for all. To be stored durably before a result that
/// it was charged for is published.
#[derive(Clone, Debug)]
pub struct Ledger {
    budget: Zcdp,
    spent: BTreeMap<Identity, Zcdp>,
}

impl Ledger {
    /// A ledger in which nobody has lost anything.
    #[must_use]
    pub fn new(budget: Zcdp) -> Self {
        Self { budget, spent: BTreeMap::new() }
    }

    /// A ledger from what was stored of one.
    #[must_use]
    pub fn with_spent(budget: Zcdp, spent: impl IntoIterator<Item = (Identity, Zcdp)>) -> Self {
        Self { budget, spent: spent.into_iter().collect() }
    }

    /// What an owner has lost.
    #[must_use]
    pub fn spent(&self, owner: &Identity) -> Zcdp {
        self.spent.get(owner).copied().unwrap_or_default()
    }

    /// All that is to be stored.
    pub fn entries(&self) -> impl Iterator<Item = (&Identity, Zcdp)> {
        self.spent.iter().map(|(owner, spent)| (owner, *spent))
    }

    /// Charges every owner whose contribution is in a result; all of them or, if one cannot afford it, none.
    ///
    /// # Errors
    /// [`Error::Budget`] names an owner whose budget the loss would exceed.
    pub fn charge(&mut self, owners: &[Identity], loss: Zcdp) -> Result<(), Error> {
        if let Some(&owner) = owners.iter().find(|owner| self.spent(owner).and(loss) > self.budget) {
            return Err(Error::Budget { owner });
        }
        for owner in owners {
            let spent = self.spent(owner).and(loss);
            self.spent.insert(*owner, spent);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Distributed, Noise, Rational};
    use super::*;

    #[test]
    fn conversion_is_below_the_simple_bound_and_above_the_truth() {
        for (rho, delta) in [(0.1, 1e-6), (1.0, 1e-5), (0.001, 1e-9), (10.0, 1e-6)] {
            let epsilon = Zcdp::new(rho).epsilon(delta);
            // Bun and Steinke 2016, proposition 1.3.
            let simple = rho + 2.0 * (rho * (1.0 / delta).ln()).sqrt();
            assert!(epsilon <= simple && epsilon > 0.6 * simple, "{epsilon} {simple}");
        }
        assert_eq!(Zcdp::new(0.0).epsilon(1e-6), 0.0);
        assert_eq!(Zcdp::new(1.0).epsilon(0.0), f64::INFINITY);
        assert_eq!(Zcdp::new(f64::NAN).rho(), f64::INFINITY);
    }

    #[test]
    fn losses_are_those_of_the_theorems() {
        let variance = Rational::new(50, 1).unwrap();
        assert_eq!(Noise::Gaussian { variance }.loss(3.0, 2.0).rho(), 0.04);
        assert!((Noise::Laplace { scale: variance }.loss(5.0, 2.0).rho() - 0.005).abs() < 1e-12);
        // With parts of deviation 1 and more, the sum is as good as one discrete Gaussian.
        let distributed = Distributed::new(variance, 20).unwrap();
        let loss = distributed.loss(2.0, 2.0, 1000).rho();
        assert!((0.0399..0.0401).contains(&loss), "{loss}");
        // Parts of 1/2 are not, and the loss says so.
        let coarse = Distributed::new(Rational::new(5, 1).unwrap(), 20).unwrap();
        assert!(coarse.loss(2.0, 2.0, 1000).rho() > 0.44);
        assert!(Distributed::new(Rational::new(4, 1).unwrap(), 20).is_err());
    }

    #[test]
    fn a_ledger_charges_all_or_none() {
        let (a, b) = (Identity([1; 32]), Identity([2; 32]));
        let mut ledger = Ledger::new(Zcdp::new(1.0));
        ledger.charge(&[a, b], Zcdp::new(0.4)).unwrap();
        ledger.charge(&[b], Zcdp::new(0.5)).unwrap();
        assert_eq!(ledger.charge(&[a, b], Zcdp::new(0.4)).err(), Some(Error::Budget { owner: b }));
        assert_eq!((ledger.spent(&a).rho(), ledger.spent(&b).rho()), (0.4, 0.9));
        let again = Ledger::with_spent(Zcdp::new(1.0), ledger.entries().map(|(owner, spent)| (*owner, spent)));
        assert_eq!(again.spent(&b).rho(), 0.9);
    }
}
