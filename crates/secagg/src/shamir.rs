//! Threshold sharing of one scalar (Shamir 1979) over the prime field of the Ed25519 group order.

use curve25519_dalek::scalar::Scalar;
use rand_core::CryptoRng;
use zeroize::Zeroize;

use crate::wire::Bytes32;

/// A polynomial whose value at 0 is the secret. Wiped when dropped.
pub(crate) struct Polynomial(Vec<Scalar>);

impl Drop for Polynomial {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

impl Polynomial {
    /// Any `threshold` values give the secret away; fewer say nothing.
    pub(crate) fn new<R: CryptoRng + ?Sized>(secret: &Scalar, threshold: usize, rng: &mut R) -> Self {
        let mut coefficients = vec![*secret];
        coefficients.extend((1..threshold).map(|_| random(rng)));
        Self(coefficients)
    }

    /// The share of the holder with this index (its value at index + 1).
    pub(crate) fn share(&self, holder: u32) -> Scalar {
        let x = abscissa(holder);
        self.0.iter().rev().fold(Scalar::ZERO, |sum, coefficient| sum * x + coefficient)
    }
}

/// A uniform scalar.
pub(crate) fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Scalar {
    let mut wide = [0; 64];
    rng.fill_bytes(&mut wide);
    let scalar = Scalar::from_bytes_mod_order_wide(&wide);
    wide.zeroize();
    scalar
}

/// The scalar with these bytes, if they are its one encoding.
pub(crate) fn decode(bytes: &Bytes32) -> Option<Scalar> {
    Scalar::from_canonical_bytes(*bytes).into()
}

fn abscissa(holder: u32) -> Scalar {
    Scalar::from(u64::from(holder) + 1)
}

/// Recovers secrets; the weights of the last set of holders are kept, as many secrets have the same holders.
#[derive(Default)]
pub(crate) struct Recovery {
    holders: Vec<u32>,
    weights: Vec<Scalar>,
}

impl Recovery {
    /// The secret of which these are the shares: (holder, share), with as many distinct holders as the threshold.
    pub(crate) fn secret(&mut self, shares: &[(u32, Scalar)]) -> Scalar {
        if self.holders.len() != shares.len()
            || self.holders.iter().zip(shares).any(|(held, (holder, _))| held != holder)
        {
            self.holders = shares.iter().map(|(holder, _)| *holder).collect();
            self.weights = weights(&self.holders);
        }
        self.weights.iter().zip(shares).map(|(weight, (_, share))| weight * share).sum()
    }
}

/// Lagrange's weights at 0.
fn weights(holders: &[u32]) -> Vec<Scalar> {
    let xs: Vec<Scalar> = holders.iter().map(|&holder| abscissa(holder)).collect();
    let product: Scalar = xs.iter().product();
    let mut denominators: Vec<Scalar> = xs
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let others = xs.iter().enumerate().filter(|(j, _)| *j != i);
            others.fold(*x, |product, (_, other)| product * (other - x))
        })
        .collect();
    Scalar::invert_batch_alloc(&mut denominators);
    denominators.iter().map(|inverse| product * inverse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::seeded;

    #[test]
    fn any_threshold_of_shares_recovers_and_fewer_do_not() {
        let mut rng = seeded(1);
        let secret = random(&mut rng);
        let polynomial = Polynomial::new(&secret, 4, &mut rng);
        let shares = [0, 7, 3, 1_000_000, 12].map(|holder| (holder, polynomial.share(holder)));
        let mut recovery = Recovery::default();
        assert_eq!(recovery.secret(&shares[..4]), secret);
        assert_eq!(recovery.secret(&shares[1..]), secret);
        assert_ne!(recovery.secret(&shares[..3]), secret);
    }
}
