//! Rounds in which contributors add noise: sums are off by as much as the terms say, and nobody loses more than agreed.

mod common;

use std::sync::Arc;

use aggregator::board::InMemory;
use aggregator::{Aggregate, Draft, Input, NoiseBy, NoiseDraft, NoiseShape, Terms};
use common::{World, soon};

const CLIENTS: u32 = 5;
const LENGTH: u32 = 400;

fn noise(deviation: f64) -> NoiseDraft {
    let (by, shape) = (NoiseBy::Contributors, NoiseShape::Gaussian);
    NoiseDraft { by, shape, deviation, norm: 1.0, dishonest: 1, delta: 1e-6, epsilon: 10.0 }
}

/// Terms with noise: a round publishes with four contributions or more.
fn noisy(draft: &mut Draft) {
    draft.length = LENGTH;
    draft.minimum = 4;
    draft.noise = Some(noise(2.0));
}

async fn sum(world: &World) -> Aggregate {
    let service = world.serve(Arc::new(InMemory::default())).await;
    let folder = tempfile::tempdir().unwrap();
    let _members = world.start_members(&[0, 1], folder.path(), service.address());
    // Of norm 2, so that half of it is left.
    let values = vec![2.0 / f64::from(LENGTH).sqrt(); LENGTH as usize];
    for i in 0..CLIENTS as usize {
        let client = world.client(i, service.address());
        client.contribute(&Input { values: &values, weight: None }, None, soon()).await.unwrap();
    }
    world.result(1, service.address()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sum_has_the_noise_that_the_terms_say() {
    let world = World::committee(CLIENTS, (2, 2), noisy);
    let sum = sum(&world).await;
    let expected = f64::from(CLIENTS) / f64::from(LENGTH).sqrt();
    let squares = sum.sum.iter().map(|got| (got - expected).powi(2)).sum::<f64>();
    let deviation = (squares / f64::from(LENGTH)).sqrt();
    // Three honest parts have the deviation of the terms; five were added. 400 samples tell a deviation to a tenth.
    let told = sum.noise.unwrap();
    assert!((told - 2.0 * (5.0_f64 / 3.0).sqrt()).abs() < 1e-3, "{told}");
    assert!((0.8..1.2).contains(&(deviation / told)), "{deviation} where {told} was told");
}

/// Noise that aggregators add, of contributions within this norm.
fn added(shape: NoiseShape, norm: f64) -> impl FnOnce(&mut Draft) {
    move |draft| {
        noisy(draft);
        let noise = NoiseDraft { by: NoiseBy::Aggregators, shape, norm, dishonest: 0, epsilon: 20.0, ..noise(2.0) };
        draft.noise = Some(noise);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aggregators_add_the_noise_that_the_terms_say() {
    // Contributions have a norm of 2, and sizes of 40 together: both are halved.
    for (shape, norm) in [(NoiseShape::Gaussian, 1.0), (NoiseShape::Laplace, 20.0)] {
        let world = World::committee(CLIENTS, (2, 2), added(shape, norm));
        let sum = sum(&world).await;
        let expected = f64::from(CLIENTS) / f64::from(LENGTH).sqrt();
        let squares = sum.sum.iter().map(|got| (got - expected).powi(2)).sum::<f64>();
        let deviation = (squares / f64::from(LENGTH)).sqrt();
        // Each of two adds all of it, however many contribute.
        let told = sum.noise.unwrap();
        assert!((told - 2.0 * 2f64.sqrt()).abs() < 1e-3, "{told}");
        assert!((0.8..1.25).contains(&(deviation / told)), "{deviation} where {told} was told");
    }
}

#[test]
fn noise_of_aggregators_counts_on_one_of_them() {
    let gaussian = World::committee(CLIENTS, (2, 2), added(NoiseShape::Gaussian, 1.0));
    let loss = gaussian.terms.noise().unwrap().loss();
    assert!((0.125..0.126).contains(&loss.rho()), "{loss:?}");
    let words = gaussian.terms.assumption();
    assert!(words.contains("while one of the aggregators adds its part"), "{words}");
    // ε = Δ₁/b of each contribution, and no more at a δ of 0 in several rounds than all of them together.
    let laplace = World::committee(CLIENTS, (2, 2), added(NoiseShape::Laplace, 1.0));
    let noise = laplace.terms.noise().unwrap();
    assert!((0.707..0.75).contains(&noise.epsilon(1)), "{}", noise.epsilon(1));
    assert!((noise.epsilon(3) - 3.0 * noise.epsilon(1)).abs() < 1e-9);
    let refused = |shape, change: &dyn Fn(&mut Draft), why: &str| {
        let mut draft = World::committee(CLIENTS, (2, 2), added(shape, 1.0)).terms.draft().clone();
        change(&mut draft);
        let error = Terms::check(draft).err().unwrap().to_string();
        assert!(error.contains(why), "{error}");
    };
    let (gaussian, laplace) = (NoiseShape::Gaussian, NoiseShape::Laplace);
    refused(gaussian, &|draft| draft.noise.as_mut().unwrap().dishonest = 1, "`dishonest` counts contributors");
    refused(laplace, &|draft| draft.noise.as_mut().unwrap().by = NoiseBy::Contributors, "is for aggregators to add");
    let several = |draft: &mut Draft| {
        *draft = World::committee(CLIENTS, (3, 2), |_| {}).terms.draft().clone();
        added(gaussian, 1.0)(draft);
    };
    refused(gaussian, &several, "of which all have to answer");
}

#[test]
fn terms_say_what_a_contribution_loses() {
    let world = World::committee(CLIENTS, (2, 2), noisy);
    let loss = world.terms.noise().unwrap().loss();
    // ρ = Δ²/2σ², where rounding makes Δ a little greater than the norm.
    assert!((0.125..0.126).contains(&loss.rho()), "{loss:?}");
    let epsilon = loss.epsilon(1e-6);
    let words = world.terms.assumption();
    assert!(words.contains(&format!("loses ε = {epsilon:.3} at δ = 0.000001")), "{words}");
    assert!(words.contains("while all but 1 of the contributors add their part"), "{words}");
}

#[test]
fn terms_that_cost_more_than_they_allow_are_none() {
    let world = World::committee(CLIENTS, (2, 2), noisy);
    let refused = |change: &dyn Fn(&mut Draft)| {
        let mut draft = world.terms.draft().clone();
        change(&mut draft);
        Terms::check(draft).err().unwrap().to_string()
    };
    assert!(refused(&|draft| draft.rounds = 100).contains("100 rounds cost a contributor"));
    assert!(refused(&|draft| draft.noise = Some(noise(0.1))).contains("agree on more noise"));
    assert!(refused(&|draft| draft.weights = Some(2)).contains("[noise] has no weights"));
    let lying = |draft: &mut Draft| draft.noise = Some(NoiseDraft { dishonest: 4, ..noise(2.0) });
    assert!(refused(&lying).contains("at least one honest"));
    assert!(refused(&|draft| draft.noise = Some(noise(f64::NAN))).contains("above zero"));
    // Of levels that are as coarse, parts of the noise would be too small to add up.
    let coarse = |draft: &mut Draft| (draft.precision, draft.noise) = (Some(1), Some(noise(1.0)));
    assert!(refused(&coarse).contains("standard deviation"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contributor_keeps_to_its_own_budget() {
    let world = World::committee(CLIENTS, (2, 2), noisy);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.json");
    let values = vec![0.0; LENGTH as usize];
    let input = Input { values: &values, weight: None };
    let service = world.serve(Arc::new(InMemory::default())).await;
    // One contribution costs a little more than 1/8.
    let contributor = |i: usize, rho: f64| world.client(i, service.address()).within(rho, &file).unwrap();
    contributor(0, 0.2).contribute(&input, None, soon()).await.unwrap();
    // With another key of the same contributor, it would be in the sum twice.
    let refused = contributor(1, 0.2).contribute(&input, None, soon()).await.err().map(|e| e.code().to_owned());
    assert_eq!(refused.as_deref(), Some("secagg.budget"));
    // What was paid for is not paid for again; it is another contribution, which the service refuses.
    let refused = contributor(0, 0.2).contribute(&input, None, soon()).await.err().map(|e| e.code().to_owned());
    assert_eq!(refused.as_deref(), Some("secagg.second"));
    let other = World::committee(CLIENTS, (2, 2), |draft| {
        noisy(draft);
        draft.name = "another survey".into();
    });
    let service = other.serve(Arc::new(InMemory::default())).await;
    let contributor = |rho: f64| other.client(0, service.address()).within(rho, &file).unwrap();
    let refused = contributor(0.2).contribute(&input, None, soon()).await.err().map(|e| e.code().to_owned());
    assert_eq!(refused.as_deref(), Some("secagg.budget"));
    let spent = std::fs::read_to_string(&file).unwrap();
    assert!(spent.contains("digits") && !spent.contains("another survey"), "{spent}");
    contributor(0.3).contribute(&input, None, soon()).await.unwrap();
    // A ledger that cannot be read is not an empty one.
    std::fs::write(&file, "{}").unwrap();
    let refused = contributor(9.0).contribute(&input, None, soon()).await.err().map(|e| e.code().to_owned());
    assert_eq!(refused.as_deref(), Some("aggregator.system"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_wants_terms_with_noise() {
    let world = World::committee(CLIENTS, (2, 2), |_| {});
    let folder = tempfile::tempdir().unwrap();
    let service = world.serve(Arc::new(InMemory::default())).await;
    let file = folder.path().join("ledger.json");
    for none in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(world.client(0, service.address()).within(none, &file).is_err(), "{none} would allow everything");
    }
    let client = world.client(0, service.address()).within(1.0, &file).unwrap();
    let values = world.digit(0);
    let refused = client.contribute(&Input { values: &values, weight: None }, None, soon()).await.err().unwrap();
    assert!(refused.to_string().contains("add no noise"), "{refused}");
}
