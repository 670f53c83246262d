//! Packed Shamir sharing (Franklin and Yung 1992): a polynomial of degree t + k − 1 that is the k secrets at −1, ..., −k
//! and random at t of the clerks' points 1, ..., n.

use super::field::{P, add, invert, mul, sub};

/// How vectors are shared.
pub(super) struct Packing {
    clerks: usize,
    privacy: usize,
    packed: usize,
    /// For each clerk after the first t, the weights of the k secrets and the t random shares in its share.
    weights: Vec<Vec<u64>>,
}

/// The point of a clerk.
fn clerk(i: usize) -> u64 {
    i as u64 + 1
}

/// The point of a secret.
fn secret(j: usize) -> u64 {
    P - 1 - j as u64
}

/// Lagrange's weights of the values at `points` in the value at `at`.
fn weights(points: &[u64], at: u64) -> Vec<u64> {
    points
        .iter()
        .map(|&own| {
            let others = points.iter().filter(|&&other| other != own);
            let (above, below) =
                others.fold((1, 1), |(above, below), &other| (mul(above, sub(at, other)), mul(below, sub(own, other))));
            mul(above, invert(below))
        })
        .collect()
}

fn dot(weights: &[u64], values: impl Iterator<Item = u64>) -> u64 {
    weights.iter().zip(values).fold(0, |sum, (weight, value)| add(sum, mul(*weight, value)))
}

impl Packing {
    pub(super) fn new(clerks: usize, privacy: usize, packed: usize) -> Self {
        let known: Vec<u64> = (0..packed).map(secret).chain((0..privacy).map(clerk)).collect();
        let weights = (privacy..clerks).map(|i| weights(&known, clerk(i))).collect();
        Self { clerks, privacy, packed, weights }
    }

    /// Random elements that sharing `len` values takes.
    pub(super) fn randoms(&self, len: usize) -> usize {
        len.div_ceil(self.packed) * self.privacy
    }

    /// How many tallies recover the values.
    pub(super) fn needed(&self) -> usize {
        self.privacy + self.packed
    }

    /// The shares of all clerks.
    ///
    /// Cost: (n − t)(t + k)/k multiplications for each value.
    pub(super) fn share(&self, values: &[u64], randoms: &[u64]) -> Vec<Vec<u64>> {
        let batches = values.len().div_ceil(self.packed);
        let mut shares: Vec<Vec<u64>> = vec![Vec::with_capacity(batches); self.clerks];
        for (values, randoms) in values.chunks(self.packed).zip(randoms.chunks(self.privacy)) {
            let padding = std::iter::repeat_n(0, self.packed - values.len());
            let known: Vec<u64> = values.iter().copied().chain(padding).chain(randoms.iter().copied()).collect();
            let (drawn, computed) = shares.split_at_mut(self.privacy);
            drawn.iter_mut().zip(randoms).for_each(|(share, random)| share.push(*random));
            for (share, weights) in computed.iter_mut().zip(&self.weights) {
                share.push(dot(weights, known.iter().copied()));
            }
        }
        shares
    }

    /// The values of `len` from the shares of as many clerks as are needed: (clerk, share).
    pub(super) fn recover(&self, shares: &[(usize, &[u64])], len: usize) -> Vec<u64> {
        let points: Vec<u64> = shares.iter().map(|(i, _)| clerk(*i)).collect();
        let rows: Vec<Vec<u64>> = (0..self.packed).map(|j| weights(&points, secret(j))).collect();
        let batches = len.div_ceil(self.packed);
        let mut values = Vec::with_capacity(batches * self.packed);
        for batch in 0..batches {
            values.extend(rows.iter().map(|row| dot(row, shares.iter().map(|(_, share)| share[batch]))));
        }
        values.truncate(len);
        values
    }

    /// Whether another clerk's share lies on the polynomials of the shares that are needed.
    pub(super) fn fits(&self, shares: &[(usize, &[u64])], other: (usize, &[u64])) -> bool {
        let points: Vec<u64> = shares.iter().map(|(i, _)| clerk(*i)).collect();
        let weights = weights(&points, clerk(other.0));
        other
            .1
            .iter()
            .enumerate()
            .all(|(batch, said)| dot(&weights, shares.iter().map(|(_, share)| share[batch])) == *said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clerks::field::expand;
    use crate::mask::Seed;

    #[test]
    fn any_enough_shares_recover_and_false_ones_do_not_fit() {
        for (n, t, k, len) in [(5, 2, 3, 10), (26, 10, 8, 100), (2, 1, 1, 3), (9, 1, 7, 1)] {
            let packing = Packing::new(n, t, k);
            let values = expand(&Seed([1; 32]), &[0; 32], len);
            let randoms = expand(&Seed([2; 32]), &[0; 32], packing.randoms(len));
            let mut shares = packing.share(&values, &randoms);
            for start in 0..n {
                let chosen: Vec<(usize, &[u64])> =
                    (0..t + k).map(|i| ((start + i) % n, &shares[(start + i) % n][..])).collect();
                assert_eq!(packing.recover(&chosen, len), values);
                assert!((0..n).all(|i| packing.fits(&chosen, (i, &shares[i]))));
            }
            if t + k < n {
                shares[n - 1][0] = add(shares[n - 1][0], 1);
                let chosen: Vec<(usize, &[u64])> = (0..t + k).map(|i| (i, &shares[i][..])).collect();
                assert!(!packing.fits(&chosen, (n - 1, &shares[n - 1])));
            }
        }
    }

    /// With the secrets changed, there are random shares that leave what t clerks see as it was.
    #[test]
    fn t_shares_fit_any_secret() {
        let packing = Packing::new(6, 2, 3);
        let randoms = expand(&Seed([3; 32]), &[0; 32], 2);
        let one = packing.share(&[1, 2, 3], &randoms);
        let two = packing.share(&[9, 9, 9], &randoms);
        assert_eq!(one[..2], two[..2]);
        assert!((2..6).all(|i| one[i] != two[i]));
    }
}
