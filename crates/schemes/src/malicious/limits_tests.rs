//! Owners that share what they must not.

use algebra::{Ring, Tensor};
use net::PlayerId;

use super::*;
use crate::error::Error;
use crate::testing::World;

/// What the three make of numbers that an owner shares and that are held to limits: the error, if there is one.
fn shared<R: Ring>(owner: PlayerId, numbers: &[R], (low, high): (i128, i128)) -> Option<Error> {
    let mut world = World::with_players(21, 4);
    let x = Tensor::from_vec(numbers.to_vec());
    let results = world.run_until_stuck(async |p| {
        let given = (p.me() == owner).then_some(&x);
        let Some(shared) = share(&p, owner, given, x.shape()).await? else { return Ok(()) };
        let promise = Promise { owner, value: "`x`".into(), range: "0..1".into() };
        let Some(limits) = Limits::new(low, high) else { return Ok(()) };
        let held = within(&p, shared, limits, promise);
        // What depends on it is not revealed before the test is over.
        let square = mul(&p, &held, &held).await?;
        reveal(&p, Some(&square), p.roles(), x.shape()).await.map(drop)
    });
    let mut told = results.into_iter().take(3).map(|r| r.expect("nobody waits for ever").err());
    let first = told.next().flatten();
    assert!(told.all(|e| e.map(|e| e.to_string()) == first.as_ref().map(ToString::to_string)), "all say the same");
    first
}

fn ends<R: Ring>(low: i128, high: i128) {
    let element = |x: i128| R::from_i128(x);
    let (least, greatest) = (element(low), element(high));
    for owner in [PlayerId(1), PlayerId(3)] {
        let inside = [least, greatest, least.wadd(R::ONE), greatest.wsub(R::ONE)];
        assert!(shared(owner, &inside, (low, high)).is_none(), "{low}..{high}");
        let far = greatest.wadd(least.wsub(greatest).lshr(1));
        for outside in [least.wsub(R::ONE), greatest.wadd(R::ONE), far] {
            let error = shared(owner, &[least, outside, greatest], (low, high)).expect("it is noticed");
            assert_eq!(error.code(), "scheme.out-of-range");
            assert_eq!(error.player().map(|p| p.id), Some(owner), "{low}..{high}");
        }
    }
}

#[test]
fn an_owner_outside_of_its_range_is_caught_and_named() {
    for (low, high) in
        [(0, 1), (-(1 << 62), (1 << 62) - 1), (-5, 1 << 40), (i128::from(i64::MIN), i128::from(i64::MAX) - 1)]
    {
        ends::<u64>(low, high);
    }
    // Without sign, and more than half of the ring.
    ends::<u64>(0, 3 << 62);
    ends::<u64>(1, i128::from(u64::MAX));
    for (low, high) in [(-(1 << 126), (1 << 126) - 1), (7, 1 << 90)] {
        ends::<u128>(low, high);
    }
}

#[test]
fn nothing_is_tested_of_what_may_be_anything() {
    assert_eq!(Limits::<u64>::new(i128::from(i64::MIN), i128::from(i64::MAX)), None);
    assert_eq!(Limits::<u64>::new(0, i128::from(u64::MAX)), None);
    assert!(shared::<u64>(PlayerId(3), &[], (0, 1)).is_none(), "no numbers are all within");
}

/// A player that lies about the outcome is not believed, and no owner is blamed for it.
#[test]
fn a_lie_about_the_test_names_its_two_witnesses() {
    let x = Tensor::from_vec(vec![3u64, 4, 5]);
    let run = |lie: bool| {
        let mut world = World::with_seed(8);
        let digests = std::sync::Mutex::new(0);
        world.intercept(move |sent| {
            let digest = lie && sent.from.0 == 2 && sent.payload.len() == 32;
            let mut count = digests.lock().unwrap();
            *count += usize::from(digest);
            digest.then(|| vec![0; 32].into())
        });
        world.run_until_stuck(async |p| {
            let Some(shared) = share(&p, PlayerId(0), (p.me().0 == 0).then_some(&x), &[3]).await? else {
                return Ok(());
            };
            let promise = Promise { owner: PlayerId(0), value: "`x`".into(), range: "3..5".into() };
            let held = within(&p, shared, Limits::new(3, 5).expect("not all"), promise);
            held.past().verified().await.map(drop)
        })
    };
    assert!(run(false).iter().all(|r| matches!(r, Some(Ok(())))));
    let told: Vec<_> = run(true).into_iter().take(2).flatten().filter_map(Result::err).collect();
    assert!(!told.is_empty() && told.iter().all(|e| e.code() == "scheme.deviation"), "{told:?}");
}
