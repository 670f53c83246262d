//! Sessions that survive: whoever crashes in whichever iteration, a later attempt gives the same result, from the same
//! inputs, with fresh masks.

mod common;

use common::{Crash, Try, World, all, output};
use session::{Event, Subject, Vault};

const LOOP: &str = "computation c
  player a, b, c, reader
  placement trio = replicated(a, b, c)
  input x : f64[3] at a
  input y : f64[3] at b
  on trio as fixed<64, 16>
    start = x + y
  grown = repeat 6 checkpoint 2 with v = start
    on trio as fixed<64, 16>
      e = v * x + 1.0
    next e
  total = fold batch of y by 1 checkpoint 2 with s = grown
    on trio as fixed<64, 16>
      t = s + batch * x
    next t
  release total to reader as \"total\"
  save total as \"total\"
";

fn world() -> World {
    World::new(4).input(0, "x", &[0.5, -1.0, 1.25]).input(1, "y", &[2.0, 1.0, -0.5])
}

fn program() -> String {
    // A fold's batch has one row, which is broadcast.
    LOOP.replace("batch of y", "batch of shared")
        .replace("  grown =", "  shared = move y to trio as fixed<64, 16>\n  grown =")
}

fn expected() -> Vec<f64> {
    let (x, y) = ([0.5, -1.0, 1.25], [2.0, 1.0, -0.5]);
    let one = |i: usize| {
        let mut v: f64 = x[i] + y[i];
        for _ in 0..6 {
            v = v * x[i] + 1.0;
        }
        v + y.iter().sum::<f64>() * x[i]
    };
    (0..3).map(one).collect()
}

fn assert_close(left: common::Left, what: &str) {
    assert_right(&all(left).unwrap_or_else(|e| panic!("{what}: {e}")), what);
}

fn assert_right(outcomes: &[session::Outcome], what: &str) {
    let total = output(outcomes, 3, "total");
    let near = total.iter().zip(expected()).all(|(x, y)| (x - y).abs() < 0.01);
    assert!(near, "{what}: {total:?} and not {:?}", expected());
}

const CRASHES: [fn(&Event) -> bool; 6] = [
    |e| matches!(e, Event::Started { .. }),
    |e| matches!(e, Event::Iteration { done: 1, of: 6, .. }),
    |e| matches!(e, Event::Iteration { done: 2, of: 6, .. }),
    |e| matches!(e, Event::Iteration { done: 5, of: 6, .. }),
    |e| matches!(e, Event::Iteration { done: 2, of: 3, .. }),
    |e| matches!(e, Event::Iteration { done: 3, of: 3, .. }),
];

fn attempt(number: u32, crash: Option<Crash>) -> Try {
    Try { session: 1, attempt: number, seed: 1 + number as u8, crash }
}

#[test]
fn whoever_is_lost_wherever_the_next_attempt_gives_the_same() {
    assert_close(world().attempt(&program(), attempt(0, None)), "undisturbed");
    for player in 0..3u16 {
        for (i, crash) in CRASHES.into_iter().enumerate() {
            let world = world();
            let left = world.attempt(&program(), attempt(0, Some((player, crash))));
            assert!(left[usize::from(player)].is_none(), "{player} did not crash at {i}");
            // Behind the last iteration the others may have everything already.
            assert!(all(left).is_err() || i == 5, "{player} at {i}");
            match all(world.attempt(&program(), attempt(1, None))) {
                // Then the first attempt did everything, and is not done again.
                Err(error) if i == 5 => assert_eq!(error.code(), "session.saved", "{error}"),
                Err(error) => panic!("{player} lost at {i}: {error}"),
                Ok(outcomes) => assert_right(&outcomes, &format!("{player} lost at {i}")),
            }
            assert!(world.vaults[0].fetch("total").unwrap().is_some());
            for vault in &world.vaults {
                assert!(vault.in_doubt().unwrap().is_empty());
            }
        }
    }
}

#[test]
fn a_session_may_be_lost_again_and_again() {
    let world = world();
    for (i, crash) in CRASHES.into_iter().take(5).enumerate() {
        let player = (i % 3) as u16;
        assert!(all(world.attempt(&program(), attempt(i as u32, Some((player, crash))))).is_err());
        // Nobody keeps more than two checkpoints of a loop.
        for vault in &world.vaults[..3] {
            let notes = notes(vault.as_ref());
            assert!(notes.iter().filter(|n| matches!(n, Subject::Loop { .. })).count() <= 4, "{notes:?}");
        }
    }
    assert_close(world.attempt(&program(), attempt(5, None)), "after five crashes");
    assert!(notes(world.vaults[0].as_ref()).is_empty(), "what is over is forgotten");
}

fn notes(vault: &dyn Vault) -> Vec<Subject> {
    let agreement = common::ratified(&program(), &Default::default()).agreement().digest();
    vault.notes(agreement, agreement::SessionId([1; 16])).unwrap().iter().map(|n| n.subject).collect()
}

#[test]
fn later_iterations_are_not_computed_again() {
    let world = world();
    assert!(all(world.attempt(&program(), attempt(0, Some((1, CRASHES[3]))))).is_err());
    // Every player has the checkpoint after the fourth iteration, so the third is not run by anyone.
    let third: Crash = (1, |e| matches!(e, Event::Iteration { done: 3, of: 6, .. }));
    assert_close(world.attempt(&program(), attempt(1, Some(third))), "the third iteration was run again");
}

#[test]
fn other_inputs_are_refused() {
    let world = world();
    assert!(all(world.attempt(&program(), attempt(0, Some((1, CRASHES[3]))))).is_err());
    let mut changed = World::new(4).input(0, "x", &[0.5, -1.0, 1.25]).input(1, "y", &[2.0, 1.0, -0.25]);
    changed.vaults = world.vaults.clone();
    let error = all(changed.attempt(&program(), attempt(1, None))).unwrap_err();
    assert_eq!((error.code(), error.player().as_deref()), ("session.inputs-changed", Some("b")), "{error}");
    assert!(error.to_string().contains("`y`"), "{error}");
    assert_close(world.attempt(&program(), attempt(2, None)), "with the old inputs again");
}

#[test]
fn a_worker_that_lost_its_notes_makes_all_begin_anew() {
    let mut world = world();
    assert!(all(world.attempt(&program(), attempt(0, Some((1, CRASHES[3]))))).is_err());
    world.vaults[2] = Default::default();
    assert_close(world.attempt(&program(), attempt(1, None)), "from the beginning");
}

#[test]
fn attempts_have_masks_of_their_own_even_if_randomness_repeats() {
    // The same randomness at all players, which is against the rules: only the attempt's number differs. Truncation
    // errors come from the masks, so over many elements they differ if the masks do.
    let text = "computation c
  player a, b, c, reader
  placement trio = replicated(a, b, c)
  input x : f64[64] at a
  on trio as fixed<64, 16>
    start = x + 0.0
  y = repeat 3 checkpoint 1 with v = start
    on trio as fixed<64, 16>
      e = v * x
    next e
  release y to reader as \"y\"
";
    let values: Vec<f64> = (0..64).map(|i| 1.0 + f64::from(i) / 70.0).collect();
    let run = |number| {
        let world = World::new(4).input(0, "x", &values);
        let how = Try { session: 1, attempt: number, seed: 7, crash: None };
        output(&all(world.attempt(text, how)).unwrap(), 3, "y")
    };
    assert_eq!(run(0), run(0), "the same masks");
    assert_ne!(run(0), run(1));
}
