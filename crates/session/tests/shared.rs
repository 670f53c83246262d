//! Owners that share numbers outside of the range that the program has room for, on placements that hold them to it.

mod common;

use common::{World, output};
use session::{SessionError, Vault};

const HEAD: &str = "computation c
  player a, b, c, lab, reader
  placement trio = replicated(a, b, c; malicious)
";

/// A world in whose owner's store is a value that is not what the store says of it: 5 in the range 0..1.
fn lying() -> World {
    let world = World::new(5);
    let kept = HEAD.to_owned() + "  input x : f64[3] at lab range 0..1\n  save x as \"rates\"\n";
    let world = world.input(3, "x", &[0.5, 0.25, 1.0]);
    world.run_once(&kept, 1).unwrap();
    world
}

fn alter(world: &World, rates: [f64; 3]) {
    let vault = &world.vaults[3];
    let mut stored = vault.fetch("rates").unwrap().unwrap();
    stored.bytes = rates.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>().into();
    vault.put(stored);
}

const LOADED: &str = "  load rates : f64[3] at lab owner lab range 0..1\n";

fn released(steps: &str) -> String {
    format!("{HEAD}{LOADED}{steps}  release r to reader as \"r\"\n")
}

#[test]
fn what_a_store_gives_is_held_to_its_range_on_the_shares() {
    let world = lying();
    let direct = released("  on trio as fixed<64, 16>\n    r = rates * rates\n");
    let outcomes = world.run_once(&direct, 2).unwrap();
    assert!((output(&outcomes, 4, "r")[1] - 0.0625).abs() < 1e-4);
    for (session, outside) in [(3, 5.0), (4, -0.001), (5, 1.0001)] {
        alter(&world, [0.5, outside, 0.5]);
        let error = world.run_once(&direct, session).unwrap_err();
        assert_eq!(error.code(), "session.shared-range", "{error}");
        assert_eq!(error.player().as_deref(), Some("lab"));
        assert_eq!(error.to_string(), "what lab shared as `rates` is not within its range, 0..1");
        assert!(matches!(error, SessionError::SharedRange { .. }));
    }
}

#[test]
fn what_an_owner_computes_first_is_held_to_what_follows_from_its_range() {
    let world = lying();
    let steps = "  on lab\n    high = rates * 2.0 + 1.0\n  on trio as fixed<64, 16>\n    r = high * high\n";
    world.run_once(&released(steps), 2).unwrap();
    alter(&world, [0.5, 1.5, 0.5]);
    let error = world.run_once(&released(steps), 3).unwrap_err();
    assert_eq!((error.code(), error.player().as_deref()), ("session.shared-range", Some("lab")), "{error}");
    assert!(error.to_string().contains("`high`"), "{error}");
}
