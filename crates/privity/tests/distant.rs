//! With the profile `wan` operators that have two forms give the same in fewer rounds.

use std::collections::BTreeMap;

use privity::agreement::{Agreement, Profile, Ratified, Roster, SessionId, Terms};
use privity::algebra::Tensor;
use privity::ir::PlayerId;
use privity::session::{Cost, Entropy, PlayerData, run_local, unobserved};
use privity::{Plain, Program};

const PROGRAM: &str = "
computation order
  player a, b, c
  placement trio = replicated(a, b, c)
  input x : f64[n] at a range -100..100
  on trio as fixed<64, 16>
    sorted = sort(x, descending=true)
    places = argsort(x)
  release sorted to c as \"sorted\"
  release places to c as \"places\"
";

/// The sorted numbers, their places, and what the first player's part cost.
fn run(profile: Profile, numbers: &[f64]) -> (Plain, Plain, Cost) {
    let program = Program::parse("order.pv", PROGRAM).unwrap_or_else(|e| panic!("{e}"));
    let roster = Roster::in_process(program.computation().players.iter().map(|p| p.name.as_str()));
    let dims = BTreeMap::from([("n".to_owned(), numbers.len() as u64)]);
    let terms = Terms { profile, ..Terms::default() };
    let agreement = Agreement::bind(program.checked().clone(), &roster, dims, terms).unwrap();
    let ratified = Ratified::local(agreement).unwrap();
    let inputs = BTreeMap::from([("x".to_owned(), Plain::F64(Tensor::from_vec(numbers.to_vec())))]);
    let data = BTreeMap::from([(PlayerId(0), PlayerData { inputs, ..PlayerData::default() })]);
    let mut players = 0;
    let entropy = || {
        players += 1;
        Entropy::new([players; 32])
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcomes = runtime.block_on(run_local(&ratified, SessionId([7; 16]), data, entropy, &unobserved())).unwrap();
    let mut outcomes: BTreeMap<PlayerId, _> = outcomes.into_iter().collect();
    let mut outputs = outcomes.remove(&PlayerId(2)).unwrap().outputs;
    (outputs.remove("sorted").unwrap(), outputs.remove("places").unwrap(), outcomes.remove(&PlayerId(0)).unwrap().cost)
}

#[test]
fn sorting_takes_fewer_rounds_where_players_are_far() {
    for n in [1, 2, 90] {
        let numbers: Vec<f64> = (0..n).map(|i| f64::from(i * 7919 % 1000) / 8.0 - 60.0).collect();
        let (near, far) = (run(Profile::Lan, &numbers), run(Profile::Wan, &numbers));
        let mut falling = numbers.clone();
        falling.sort_by(|a, b| b.total_cmp(a));
        let mut places: Vec<i64> = (0..i64::from(n)).collect();
        places.sort_by(|a, b| numbers[*a as usize].total_cmp(&numbers[*b as usize]));
        for (sorted, at, _) in [&near, &far] {
            assert_eq!(sorted.to_f64().data(), &falling[..], "{n} numbers");
            assert!(*at == Plain::I64(Tensor::from_vec(places.clone())), "the places of {n} numbers");
        }
        assert!(far.2.rounds * 4 < near.2.rounds * 3, "{} rounds and {}", far.2.rounds, near.2.rounds);
        assert!(far.2.bytes > near.2.bytes, "{} bytes and {}", far.2.bytes, near.2.bytes);
    }
}
