//! Quantised, weighted and noisy values through whole rounds.

use secagg::dp::{Distributed, Noise, Rational};
use secagg::pairwise::{Server, complete};
use secagg::quantise::Quantiser;
use secagg::testing::{CommitteeRound, Faultless, World};
use secagg::{Task, Vector};

#[test]
fn a_weighted_mean_with_private_weights() {
    let mut world = World::with_seed(1, 8);
    let quantiser = Quantiser::new(2.0, 20, 8).unwrap().weighted(500).unwrap();
    let task = Task { agreement: [1; 32], round: 3, ring: quantiser.ring(), len: 4, minimum: 3 };
    let weights = [10u32, 500, 0, 77, 1, 320, 99, 250];
    let values = |i: usize| [i as f64 / 4.0, -1.9, 0.3 * i as f64 - 1.0];
    let inputs: Vec<Vector> =
        (0..8).map(|i| quantiser.encode_weighted(&values(i), weights[i], &mut world.rng).unwrap()).collect();
    let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
    let expected: Vec<f64> =
        (0..3).map(|j| (0..8).map(|i| f64::from(weights[i]) * values(i)[j]).sum::<f64>() / total).collect();

    let round = CommitteeRound::new(task, 3, 2, 2, 0, &mut world.rng);
    let committee = world.run_committee(&round, &inputs, &mut Faultless, &[0, 2]).unwrap().sum.unwrap();
    let parameters = complete(8, 0.0, 0.2, Server::SemiMalicious).unwrap();
    let pairwise = world.run_pairwise(task, parameters, &inputs, &mut Faultless).unwrap().published.unwrap().sum;
    assert_eq!(committee.elements(), pairwise.elements(), "the protocol is only the placement");
    let (mean, weight) = quantiser.decode_weighted_mean(&committee, 8).unwrap();
    assert_eq!(weight, total);
    for (got, expected) in mean.iter().zip(expected) {
        assert!((got - expected).abs() < 2.0 * quantiser.step(), "{got} {expected}");
    }
}

#[test]
fn clients_add_noise_together() {
    let (clients, len) = (20, 2000);
    let mut world = World::with_seed(2, clients);
    let total = Rational::new(400, 1).unwrap();
    let noise = Distributed::new(total, clients as u32).unwrap();
    let quantiser = Quantiser::new(1.0, 10, clients as u32).unwrap().noisy(20.0).unwrap();
    let task = Task { agreement: [1; 32], round: 3, ring: quantiser.ring(), len, minimum: clients as u32 };
    let inputs: Vec<Vector> = (0..clients)
        .map(|_| {
            let mut input = quantiser.encode(&vec![-1.0; len as usize], &mut world.rng).unwrap();
            noise.add(&mut input, &mut world.rng).unwrap();
            input
        })
        .collect();
    let round = CommitteeRound::new(task, 2, 2, 2, 1, &mut world.rng);
    let sum = world.run_committee(&round, &inputs, &mut Faultless, &[0, 1]).unwrap().sum.unwrap();
    // All values are at level 0, so that half of the sums are negative noise.
    let noise: Vec<f64> =
        quantiser.decode_sum(&sum, clients).unwrap().iter().map(|x| (x + 20.0) / quantiser.step()).collect();
    let mean = noise.iter().sum::<f64>() / f64::from(len);
    let variance = noise.iter().map(|x| x * x).sum::<f64>() / f64::from(len);
    assert!(mean.abs() < 3.0, "{mean}");
    assert!((variance / 400.0 - 1.0).abs() < 0.2, "{variance}");
}

#[test]
fn noise_is_added_centrally() {
    let mut rng = secagg::testing::seeded(3);
    let quantiser = Quantiser::new(1.0, 10, 5).unwrap().noisy(50.0).unwrap();
    for noise in [
        Noise::Laplace { scale: Rational::new(20, 1).unwrap() },
        Noise::Gaussian { variance: Rational::at_least(800.0).unwrap() },
    ] {
        let mut sum = Vector::zeros(quantiser.ring(), 2000);
        noise.add(&mut sum, &mut rng).unwrap();
        let variance = sum.signed().iter().map(|&x| (x * x) as f64).sum::<f64>() / 2000.0;
        assert!((variance / 800.0 - 1.0).abs() < 0.3, "{variance}");
        assert!(quantiser.decode_sum(&sum, 5).is_ok());
    }
}
