//! Degree and threshold from the number of clients and the bounds on corruption and drop-out.
//!
//! Bell et al. 2020, section 3.2 and lemmas 3.5 to 3.8, with the hypergeometric tails computed exactly (in the log
//! domain) instead of bounded. Three events must be unlikely, by a union bound over all clients:
//!
//! 1. the graph of honest survivors falls apart: in a shuffled Harary graph that needs two gaps of k/2 neighbouring
//!    places each, all of them corrupt or dropped: at most n(n − k − 1)/2 · C(n − k, b − k)/C(n, b) for b bad clients;
//! 2. a client has t corrupt neighbours (curious server), or so many that 2t ≤ k + corrupt (lying server);
//! 3. a client has fewer than t neighbours that survive.
//!
//! The first two are each given 2^-41, the third 2^-20.

use super::{Graph, Pairwise, Server};
use crate::error::Error;

/// log2 of the probability that privacy fails.
const SECURITY: f64 = -40.0;
/// log2 of the probability that a round fails although no bound was exceeded.
const FAILURE: f64 = -20.0;

/// The smallest k-regular graph for `clients` clients of which a fraction `corrupt` pools what it sees with the server
/// and a fraction `dropout` vanishes, and its least threshold; the complete graph where no smaller one will do.
///
/// # Errors
/// [`Error::Parameter`] if the bounds cannot be met even on the complete graph.
pub fn regular(clients: u32, corrupt: f64, dropout: f64, server: Server) -> Result<Pairwise, Error> {
    let (bad, gone) = bounds(clients, corrupt, dropout)?;
    let n = u64::from(clients);
    for degree in (2..n.saturating_sub(1)).step_by(2) {
        if let Some(threshold) = threshold(n, bad, gone, degree, server) {
            let graph = Graph::Regular { degree: degree as u32 };
            return Ok(Pairwise { graph, threshold, most: clients, server });
        }
    }
    complete(clients, corrupt, dropout, server)
}

/// The complete graph with the least threshold that is safe against the fraction `corrupt` and the server.
///
/// # Errors
/// [`Error::Parameter`] if with a fraction `dropout` gone that threshold could not be reached.
pub fn complete(clients: u32, corrupt: f64, dropout: f64, server: Server) -> Result<Pairwise, Error> {
    let (bad, gone) = bounds(clients, corrupt, dropout)?;
    let others = u64::from(clients) - 1;
    let threshold = match server {
        Server::Curious => bad + 1,
        Server::SemiMalicious => (others + bad) / 2 + 1,
    }
    .max(2);
    if threshold + gone > others {
        return Err(Error::parameter(format!(
            "of {clients} clients {bad} may be corrupt and {gone} vanish: no threshold is safe and reachable"
        )));
    }
    let parameters = Pairwise { graph: Graph::Complete, threshold: threshold as u32, most: clients, server };
    parameters.check()?;
    Ok(parameters)
}

/// The greatest numbers of corrupt clients and of clients that vanish.
fn bounds(clients: u32, corrupt: f64, dropout: f64) -> Result<(u64, u64), Error> {
    if clients < 3 {
        return Err(Error::parameter("pairwise masking is for 3 clients and more"));
    }
    if !(0.0..1.0).contains(&corrupt) || !(0.0..1.0).contains(&dropout) || corrupt + dropout >= 1.0 {
        return Err(Error::parameter("fractions of corrupt and vanishing clients lie in [0, 1), as does their sum"));
    }
    // A fraction such as 0.05 is a little less or more than it reads: round off what is surely an error of notation.
    let count = |fraction: f64| (fraction * f64::from(clients) + 1e-9).floor() as u64;
    Ok((count(corrupt), count(dropout)))
}

/// The least threshold with which this degree is safe and live, if there is one.
fn threshold(n: u64, bad: u64, gone: u64, degree: u64, server: Server) -> Option<u32> {
    let ln = |log2: f64| log2 * std::f64::consts::LN_2;
    let security = ln(SECURITY - 1.0);
    if ln_disconnected(n, bad + gone, degree) >= security {
        return None;
    }
    let each = (n as f64).ln();
    let corrupt = Tail::new(n, bad, degree);
    // The most corrupt neighbours that any client has, but for a negligible probability.
    let neighbours = (0..=degree).find(|&most| corrupt.at_least(most + 1) <= security - each)?;
    let threshold = match server {
        Server::Curious => neighbours + 1,
        Server::SemiMalicious => (degree + neighbours) / 2 + 1,
    }
    .max(2);
    let live = threshold <= degree && Tail::new(n, gone, degree).at_least(degree - threshold + 1) <= ln(FAILURE) - each;
    live.then_some(threshold as u32)
}

/// Event 1.
fn ln_disconnected(n: u64, bad: u64, degree: u64) -> f64 {
    if degree > bad {
        return f64::NEG_INFINITY;
    }
    let gaps = (n as f64).ln() + ((n - degree - 1) as f64).ln() - std::f64::consts::LN_2;
    gaps + ln_choose(n - degree, bad - degree) - ln_choose(n, bad)
}

/// The upper tail of the hypergeometric distribution: how many of `draws` out of `n` are marked.
struct Tail(Vec<f64>);

impl Tail {
    fn new(n: u64, marked: u64, draws: u64) -> Self {
        let total = ln_choose(n, draws);
        let least = (draws + marked).saturating_sub(n);
        let mut tail = vec![f64::NEG_INFINITY; draws as usize + 2];
        for hits in (0..=draws).rev() {
            let here = if hits < least || hits > marked {
                f64::NEG_INFINITY
            } else {
                ln_choose(marked, hits) + ln_choose(n - marked, draws - hits) - total
            };
            tail[hits as usize] = ln_add(tail[hits as usize + 1], here);
        }
        Self(tail)
    }

    /// ln Pr[hits ≥ `least`].
    fn at_least(&self, least: u64) -> f64 {
        self.0.get(least as usize).copied().unwrap_or(f64::NEG_INFINITY)
    }
}

/// ln(e^a + e^b).
fn ln_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

fn ln_choose(n: u64, k: u64) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// ln n!: a sum for small n, Stirling's series (error below 1e-15) above.
fn ln_factorial(n: u64) -> f64 {
    if n < 64 {
        return (2..=n).map(|i| (i as f64).ln()).sum();
    }
    let x = n as f64;
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    x * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI * x).ln() + series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_parameters_are_reproduced() {
        for (n, corrupt, dropout, server, degree, threshold) in [
            (1_000, 0.05, 0.05, Server::Curious, 30, 17),
            (1_000, 0.05, 0.33, Server::Curious, 72, 24),
            (10_000, 0.05, 0.33, Server::Curious, 86, 29),
            (1_000_000, 0.05, 0.33, Server::Curious, 102, 34),
            (1_000, 0.05, 0.33, Server::SemiMalicious, 398, 223),
        ] {
            let found = regular(n, corrupt, dropout, server).unwrap();
            assert_eq!((found.graph, found.threshold), (Graph::Regular { degree }, threshold), "n = {n}, {server:?}");
            found.check().unwrap();
        }
    }

    #[test]
    fn the_tail_is_that_of_the_distribution() {
        // 5 marked of 10, 3 drawn: Pr[≥ 2] = (10·5 + 10)/120.
        let tail = Tail::new(10, 5, 3);
        assert!((tail.at_least(2).exp() - 0.5).abs() < 1e-12);
        assert!((tail.at_least(0).exp() - 1.0).abs() < 1e-12);
        assert_eq!(Tail::new(10, 2, 5).at_least(3), f64::NEG_INFINITY);
        assert!((ln_factorial(64) - (1..=64).map(|i| f64::from(i).ln()).sum::<f64>()).abs() < 1e-11);
    }

    #[test]
    fn impossible_bounds_are_refused() {
        assert!(complete(10, 0.5, 0.4, Server::SemiMalicious).is_err());
        assert!(regular(100, 0.7, 0.4, Server::Curious).is_err());
        assert_eq!(regular(5, 0.2, 0.2, Server::Curious).unwrap().graph, Graph::Complete);
        assert_eq!(complete(100, 0.1, 0.2, Server::SemiMalicious).unwrap().threshold, 55);
    }
}
