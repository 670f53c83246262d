//! Saved values: kept as they are held, loaded only as they were saved, everywhere or nowhere.

mod common;

use std::collections::BTreeMap;

use agreement::Digest;
use common::{Try, World, all, output, ratified};
use ir::PlayerId;
use session::settle::Standing;
use session::{Attempt, Event, MemoryVault, StoredValue, Vault, VaultError};

const HEAD: &str = "computation c
  player a, b, c, reader
  placement trio = replicated(a, b, c)
";

fn train() -> String {
    HEAD.to_owned()
        + "  input x : f64[3] at a
  input y : f64[3] at b
  on trio as fixed<64, 16>
    w = x * y
    positive = w > 0.0
  save w as \"model\"
  save positive as \"signs\"
"
}

fn predict() -> String {
    HEAD.to_owned()
        + "  load w : fixed<64, 16>[3] at trio owner a owner b from \"model\"
  load signs : bool[3] at trio owner a owner b
  input z : f64[3] at c
  on trio as fixed<64, 16>
    s = dot(assume(w, low=-100, high=100), z)
    some = select(signs, w, 0.0)
  release s to reader as \"s\"
  release some to reader as \"some\"
"
}

fn world() -> World {
    World::new(4).input(0, "x", &[1.0, 2.0, -3.0]).input(1, "y", &[0.5, -1.0, -4.0]).input(2, "z", &[1.0, 1.0, 2.0])
}

#[test]
fn a_model_is_saved_as_shares_and_used_by_a_later_session() {
    let world = world();
    world.run_once(&train(), 1).unwrap();
    let model: Vec<StoredValue> = (0..3).map(|i| world.vaults[i].fetch("model").unwrap().unwrap()).collect();
    // What each has is two components out of three: nowhere is the value itself.
    let whole: Vec<u64> = [0.5f64, -2.0, 12.0].iter().map(|x| ((x * 65536.0) as i64).cast_unsigned()).collect();
    for (role, value) in model.iter().enumerate() {
        assert_eq!((value.meta.role, value.bytes.len()), (role, 2 * 3 * 8));
        assert_eq!(value.meta.handle(), model[0].meta.handle());
        let words: Vec<u64> = value.bytes.chunks(8).map(|b| u64::from_le_bytes(b.try_into().unwrap())).collect();
        assert!(words.iter().all(|w| whole.iter().all(|x| w.abs_diff(*x) > 4)), "a component is no value");
    }
    assert!(world.vaults[3].list().is_empty(), "who holds no part keeps nothing");
    for session in 2..4 {
        let outcomes = world.run_once(&predict(), session).unwrap();
        assert!((output(&outcomes, 3, "s")[0] - 22.5).abs() < 1e-3);
        let some = output(&outcomes, 3, "some");
        assert!(some.iter().zip([0.5, 0.0, 12.0]).all(|(x, y)| (x - y).abs() < 1e-3), "{some:?}");
    }
}

#[test]
fn only_what_is_declared_just_as_it_is_stored_is_loaded() {
    let world = world();
    let missing = world.run_once(&predict(), 9).unwrap_err();
    assert_eq!(missing.code(), "store.missing");
    world.run_once(&train(), 1).unwrap();
    let changes = [
        ("fixed<64, 16>", "fixed<64, 20>", "its elements are fixed<64, 16>, not fixed<64, 20>"),
        ("load signs : bool[3]", "load signs : bool[3, 1]", "its shape is [3], not [3, 1]"),
        ("owner a owner b from", "owner a from", "its label is owner"),
        ("owner a owner b from", "owner a readers reader owner b readers reader from", "its label is owner"),
        ("owner a owner b from", "public from", "not public"),
        ("replicated(a, b, c)", "replicated(b, a, c)", "it is held by"),
        ("replicated(a, b, c)", "replicated(a, b, reader)", ""),
    ];
    for (i, (from, to, why)) in changes.into_iter().enumerate() {
        let changed = predict().replace(from, to);
        let result = world.run_once(&changed, 10 + i as u8);
        match (result, why) {
            (Ok(_), "") => {}
            (Err(e), _) => {
                assert!(["store.misfit", "store.missing"].contains(&e.code()), "{to}: {e}");
                assert!(e.to_string().contains(why) || e.code() == "store.missing", "{to}: {e}");
                assert!(e.player().is_some());
            }
            (Ok(_), _) => panic!("{to} was accepted"),
        }
    }
}

#[test]
fn parts_that_were_not_saved_together_are_refused() {
    let world = world();
    world.run_once(&train(), 1).unwrap();
    let old = world.vaults[1].fetch("model").unwrap().unwrap();
    world.run_once(&train(), 2).unwrap();
    // One store is set back to what it was before the second session.
    world.vaults[1].put(old);
    let error = world.run_once(&predict(), 3).unwrap_err();
    assert_eq!(error.code(), "store.differs", "{error}");
}

#[test]
fn nobody_puts_his_own_value_where_others_keep_theirs() {
    let world = world();
    world.run_once(&train(), 1).unwrap();
    let other = train().replace("input y : f64[3] at b", "input z : f64[3] at c").replace("x * y", "x * z");
    let error = world.run_once(&other, 2).unwrap_err();
    assert_eq!(error.code(), "store.taken", "{error}");
    let outcomes = world.run_once(&predict(), 3).unwrap();
    assert!((output(&outcomes, 3, "s")[0] - 22.5).abs() < 1e-3, "the old value is still there");
}

#[test]
fn a_value_in_the_clear_is_kept_at_its_player() {
    let text = HEAD.to_owned()
        + "  input x : f64[3] at a
  on a
    m = x + x
  save m as \"mine\"
";
    let again = HEAD.to_owned()
        + "  load mine : f64[n] at a
  output mine to a as \"mine\"
";
    let world = world();
    world.run_once(&text, 1).unwrap();
    let mut later = World::new(4).dim("n", 3);
    later.vaults = world.vaults;
    let outcomes = later.run_once(&again, 2).unwrap();
    assert_eq!(output(&outcomes, 0, "mine"), [2.0, 4.0, -6.0]);
}

fn attempt(text: &str, session: u8, number: u32) -> Attempt {
    let agreement: Digest = ratified(text, &BTreeMap::new()).agreement().digest();
    Attempt { agreement, session: agreement::SessionId([session; 16]), number }
}

#[test]
fn all_save_or_none_whoever_crashes_wherever() {
    // Every player at every one of its steps.
    for player in 0..4u16 {
        for step in 1..8 {
            let world = world();
            let crash = CRASHES[step - 1];
            let left = world.attempt(&train(), Try { crash: Some((player, crash)), ..Try::first(1) });
            settle_all(&world, &attempt(&train(), 1, 0));
            let have: Vec<bool> = (0..3).map(|i| world.vaults[i].fetch("model").unwrap().is_some()).collect();
            assert!(have.iter().all(|h| *h == have[0]), "player {player} at step {step}: {have:?}");
            let saved = left.iter().flatten().filter(|o| o.is_ok()).count();
            assert!(have[0] || left[..3].iter().flatten().all(|o| o.is_err()), "{saved} think that it was saved");
            // Nothing stays busy: the same can be saved by the next session.
            world.run_once(&train(), 2).unwrap();
        }
    }
}

/// The n-th step of a player.
const CRASHES: [fn(&Event) -> bool; 7] = [
    |e| matches!(e, Event::Started { .. }),
    |e| matches!(e, Event::Step { done: 1, .. }),
    |e| matches!(e, Event::Step { done: 2, .. }),
    |e| matches!(e, Event::Step { done: 4, .. }),
    |e| matches!(e, Event::Step { done: 5, .. }),
    |e| matches!(e, Event::Step { done: 6, .. }),
    |e| matches!(e, Event::Finished { .. }),
];

/// What workers do after a restart, over whatever transport they have.
fn settle_all(world: &World, attempt: &Attempt) {
    use session::settle::{InDoubt, Next};
    for i in 0..3 {
        if world.vaults[i].in_doubt().unwrap().is_empty() {
            continue;
        }
        let others: Vec<usize> = (0..3).filter(|j| *j != i).collect();
        let mut next = InDoubt::prepared(others.iter().copied());
        for j in others {
            let Next::Waiting(doubt) = next else { break };
            next = doubt.hear(&j, world.vaults[j].answer(attempt).unwrap());
        }
        let Next::Decided(decision) = next else { panic!("all answered") };
        world.vaults[i].settle(attempt, decision).unwrap();
    }
}

#[test]
fn who_was_asked_too_early_cannot_prepare_any_more() {
    let world = world();
    let attempt = attempt(&train(), 1, 0);
    assert_eq!(world.vaults[2].answer(&attempt), Ok(Standing::Aborted));
    let error = world.run_once(&train(), 1).unwrap_err();
    assert_eq!(error.code(), "store.aborted", "{error}");
    settle_all(&world, &attempt);
    for vault in &world.vaults {
        assert!(vault.list().is_empty() && vault.in_doubt().unwrap().is_empty());
    }
}

#[test]
fn a_name_in_doubt_is_busy_until_it_is_settled() {
    let world = world();
    world.run_once(&train(), 1).unwrap();
    let value = world.vaults[0].fetch("model").unwrap().unwrap();
    let vault = MemoryVault::default();
    let (first, second) = (attempt(&train(), 5, 0), attempt(&train(), 6, 0));
    vault.prepare(&first, &[], vec![value.clone()]).unwrap();
    let busy = vault.prepare(&second, &[], vec![value.clone()]).unwrap_err();
    assert_eq!(busy, VaultError::Busy { name: "model".into() });
    assert!(vault.fetch("model").unwrap().is_none(), "what is staged is not visible");
    vault.settle(&first, session::settle::Decision::Commit).unwrap();
    assert!(vault.settle(&first, session::settle::Decision::Abort).is_err());
    assert!(vault.fetch("model").unwrap().is_some());
    let player = PlayerId(0);
    assert_eq!(usize::from(player.0), value.meta.role);
}

#[test]
fn a_crash_of_a_reader_leaves_all_or_none() {
    let world = world();
    let left = world.attempt(&train(), Try { crash: Some((3, CRASHES[0])), ..Try::first(1) });
    assert!(all(left).is_err() || world.vaults[0].fetch("model").unwrap().is_some());
}
