//! Noninterference: in a program that checks, an input does not change anything that a player sees in the
//! clear, unless the input's owners let that player read it, or something that depends on it was released
//! to that player.
//!
//! The programs are random. They are run by an interpreter of whole numbers that knows nothing of labels: once
//! as they are and once with one input changed. What the owners allow is read off the declarations.

use std::collections::BTreeMap;

use check::check;
use ir::{Attrs, Block, Builder, Computation, DType, Graph, Instr, Op, Operand, OwnerPolicy, PlacementId};
use ir::{PlayerId, Scheme, Span, Type, ValueId};
use proptest::prelude::*;

const PLAYERS: u16 = 5;
const TRIO: PlacementId = PlacementId(PLAYERS);

/// A step of a random program; numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Input { host: u16, owners: Vec<(u16, u8)> },
    Binary { product: bool, x: usize, y: usize, at: u16 },
    Move { x: usize, to: u16 },
    Classify { x: usize, owner: u16, readers: u8 },
    Release { x: usize, to: u16, at: u16 },
    Output { x: usize, to: u16 },
    Repeat { x: usize, y: usize, show: Option<u16>, release: Option<u16> },
    Call { x: usize, y: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let place = || prop_oneof![Just(PLAYERS), 0..=PLAYERS];
    let player = || 0..PLAYERS;
    let n = || any::<usize>();
    prop_oneof![
        1 => (player(), proptest::collection::vec((player(), any::<u8>()), 0..3))
            .prop_map(|(host, owners)| Step::Input { host, owners }),
        6 => (any::<bool>(), n(), n(), place()).prop_map(|(product, x, y, at)| Step::Binary { product, x, y, at }),
        2 => (n(), place()).prop_map(|(x, to)| Step::Move { x, to }),
        1 => (n(), player(), any::<u8>()).prop_map(|(x, owner, readers)| Step::Classify { x, owner, readers }),
        2 => (n(), player(), place()).prop_map(|(x, to, at)| Step::Release { x, to, at }),
        2 => (n(), player()).prop_map(|(x, to)| Step::Output { x, to }),
        2 => (n(), n(), proptest::option::of(player()), proptest::option::of(player()))
            .prop_map(|(x, y, show, release)| Step::Repeat { x, y, show, release }),
        1 => (n(), n()).prop_map(|(x, y)| Step::Call { x, y }),
    ]
}

fn policy(owner: u16, readers: u8) -> OwnerPolicy {
    let allowed = (0..PLAYERS).filter(|p| *p == owner || readers >> p & 1 == 1);
    OwnerPolicy { owner: PlayerId(owner), readers: allowed.map(PlayerId).collect() }
}

/// Builds the program of some steps. What the builder refuses is left out.
fn build(steps: &[Step]) -> Computation {
    let at = Span::default();
    let mut b = Builder::new("random", at.clone()).unwrap();
    let players: Vec<PlayerId> = (0..PLAYERS).map(|i| b.player(&format!("p{i}"), &at).unwrap()).collect();
    b.placement("trio", Scheme::Replicated, &players[..3], &at).unwrap();
    let params = [("x", TRIO), ("y", TRIO)].map(|(n, p)| (n.to_owned(), Type::scalar(DType::I64), p));
    let given = b.begin_function("shows", &params, &at).unwrap();
    b.move_to(given[0], PlacementId(3), None, &at).unwrap();
    let sum = b.op(Op::Add, &[given[0].into(), given[1].into()], Attrs::new(), &at).unwrap();
    b.end_function(&[sum], &at).unwrap();
    let mut values: Vec<ValueId> = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        add(&mut b, &mut values, i, step);
    }
    b.finish().unwrap()
}

fn add(b: &mut Builder, values: &mut Vec<ValueId>, i: usize, step: &Step) -> Option<()> {
    let at = Span::default();
    let pick = |n: usize| (!values.is_empty()).then(|| values[n % values.len()]);
    let new = match step {
        Step::Input { host, owners } => {
            let label = owners.iter().map(|(o, r)| policy(*o, r | 1 << host)).collect();
            b.input(&format!("i{i}"), Type::scalar(DType::I64), PlacementId(*host), label, &at).ok()?
        }
        Step::Binary { product, x, y, at: place } => {
            let operands = [Operand::Value(pick(*x)?), Operand::Value(pick(*y)?)];
            b.on(PlacementId(*place), None, &at).ok()?;
            let made = b.op(if *product { Op::Mul } else { Op::Add }, &operands, Attrs::new(), &at);
            b.end_on();
            made.ok()?
        }
        Step::Move { x, to } => b.move_to(pick(*x)?, PlacementId(*to), None, &at).ok()?,
        Step::Classify { x, owner, readers } => b.classify(pick(*x)?, vec![policy(*owner, *readers)], &at).ok()?,
        Step::Release { x, to, at: place } => {
            b.on(PlacementId(*place), None, &at).ok()?;
            let made = b.release(pick(*x)?, &[PlayerId(*to)], &at);
            b.end_on();
            made.ok()?
        }
        Step::Output { x, to } => return b.output(pick(*x)?, &[PlayerId(*to)], &format!("o{i}"), &at).ok(),
        Step::Repeat { x, y, show, release } => {
            let init = [pick(*x)?, pick(*y)?].map(|v| b.move_to(v, TRIO, None, &at));
            let [x, y] = init.map(Result::ok);
            let inner = b.begin_repeat(3, &[x?, y?], &at).ok()?;
            let mut next = b.op(Op::Add, &[inner[0].into(), inner[1].into()], Attrs::new(), &at).unwrap();
            if let Some(to) = release {
                next = b.release(next, &[PlayerId(*to)], &at).unwrap();
            }
            if let Some(to) = show {
                b.move_to(inner[0], PlacementId(*to), None, &at).unwrap();
            }
            let results = b.end_loop(&[inner[1], next], &at).unwrap();
            values.extend(results);
            return Some(());
        }
        Step::Call { x, y } => {
            let args = [pick(*x)?, pick(*y)?].map(|v| b.move_to(v, TRIO, None, &at));
            let [x, y] = args.map(Result::ok);
            b.call("shows", &[x?, y?], &at).ok()?[0]
        }
    };
    values.push(new);
    Some(())
}

/// The steps that keep the program acceptable, and a program that was refused on the way, if any.
fn acceptable(steps: Vec<Step>) -> (Vec<Step>, Vec<Computation>) {
    let (mut kept, mut refused) = (Vec::new(), Vec::new());
    for step in steps {
        kept.push(step);
        let c = build(&kept);
        if let Err(errors) = check(c.clone()) {
            assert!(errors.iter().all(|e| e.code.starts_with("label.")), "{errors:?}");
            refused.push(c);
            kept.pop();
        }
    }
    (kept, refused)
}

/// What players see in a run, in order.
#[derive(Default)]
struct Run {
    inputs: Vec<i64>,
    /// Values at each player, and its outputs.
    seen: BTreeMap<PlayerId, Vec<i64>>,
    /// Values released to each player.
    released: BTreeMap<PlayerId, Vec<i64>>,
}

fn run(c: &Computation, inputs: Vec<i64>) -> Run {
    let mut run = Run { inputs, ..Run::default() };
    let mut next_input = 0;
    graph(c, &c.graph, &[], &mut next_input, &mut run);
    run
}

fn graph(c: &Computation, g: &Graph, args: &[i64], input: &mut usize, run: &mut Run) -> Vec<i64> {
    let mut values = vec![0; g.values.len()];
    for (param, arg) in g.body.params.iter().zip(args) {
        values[param.index()] = *arg;
    }
    block(c, g, &g.body, &mut values, input, run);
    g.body.results.iter().map(|r| values[r.index()]).collect()
}

fn block(c: &Computation, g: &Graph, b: &Block, values: &mut Vec<i64>, input: &mut usize, run: &mut Run) {
    for instr in &b.instrs {
        let args: Vec<i64> = instr.args.iter().map(|a| values[a.index()]).collect();
        let results = instruction(c, g, instr, &args, values, input, run);
        for (id, value) in instr.results.iter().zip(results) {
            values[id.index()] = value;
            let place = c.placement(g.value(*id).placement);
            if place.scheme == Scheme::Host {
                run.seen.entry(place.players[0]).or_default().push(value);
            }
        }
    }
}

fn instruction(
    c: &Computation,
    g: &Graph,
    instr: &Instr,
    args: &[i64],
    values: &mut Vec<i64>,
    input: &mut usize,
    run: &mut Run,
) -> Vec<i64> {
    let readers = instr.attrs.players("to").unwrap_or(&[]);
    match instr.op {
        Op::Input => {
            *input += 1;
            return vec![run.inputs[*input - 1]];
        }
        Op::Add => return vec![args[0].wrapping_add(args[1])],
        Op::Mul => return vec![args[0].wrapping_mul(args[1])],
        Op::Release => readers.iter().for_each(|p| run.released.entry(*p).or_default().push(args[0])),
        Op::Output => readers.iter().for_each(|p| run.seen.entry(*p).or_default().push(args[0])),
        Op::Call => {
            let function = c.function(instr.attrs.str("function").unwrap()).unwrap();
            return graph(c, &function.graph, args, input, run);
        }
        Op::Repeat => {
            let region = instr.region.as_ref().unwrap();
            let mut carried = args.to_vec();
            for _ in 0..instr.attrs.int("times").unwrap() {
                for (param, value) in region.params.iter().zip(&carried) {
                    values[param.index()] = *value;
                }
                block(c, g, region, values, input, run);
                carried = region.results.iter().map(|r| values[r.index()]).collect();
            }
            return carried;
        }
        _ => {}
    }
    args.to_vec()
}

/// The first player that sees a forbidden input change, if any.
fn leak(c: &Computation) -> Option<(usize, PlayerId)> {
    let owners: Vec<Vec<OwnerPolicy>> = c.inputs().map(|(i, _)| i.attrs.label("label").unwrap().to_vec()).collect();
    // Odd numbers: a product with one keeps every difference.
    let base: Vec<i64> = (0..owners.len() as i64).map(|i| 1_000_003 * i + 7919 + (i & 1)).map(|x| x | 1).collect();
    let before = run(c, base.clone());
    for (i, policies) in owners.iter().enumerate() {
        let mut changed = base.clone();
        changed[i] ^= 0x5a5a_1234;
        let after = run(c, changed);
        for player in (0..PLAYERS).map(PlayerId) {
            let forbidden = policies.iter().any(|p| !p.readers.contains(&player));
            let told = before.released.get(&player) != after.released.get(&player);
            if forbidden && !told && before.seen.get(&player) != after.seen.get(&player) {
                return Some((i, player));
            }
        }
    }
    None
}

fn program() -> impl Strategy<Value = Vec<Step>> {
    let input = (0..PLAYERS, any::<u8>()).prop_map(|(host, r)| Step::Input { host, owners: vec![(host, r & r >> 3)] });
    (proptest::collection::vec(input, 3), proptest::collection::vec(step(), 4..16))
        .prop_map(|(inputs, steps)| inputs.into_iter().chain(steps).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_checks_does_not_leak(steps in program()) {
        let (kept, _) = acceptable(steps);
        let c = build(&kept);
        prop_assert_eq!(leak(&c), None, "{}", c);
    }

    #[test]
    fn what_anyone_learns_is_disclosed(steps in program()) {
        let (kept, _) = acceptable(steps);
        let c = build(&kept);
        let checked = check(c.clone()).unwrap();
        let count = c.inputs().count();
        let base: Vec<i64> = (0..count as i64).map(|i| 1_000_003 * i + 7919).map(|x| x | 1).collect();
        let before = run(&c, base.clone());
        for (i, (instr, id)) in c.inputs().enumerate() {
            let mut changed = base.clone();
            changed[i] ^= 0x5a5a_1234;
            let after = run(&c, changed);
            let name = c.graph.value(id).name.clone().unwrap();
            for player in (0..PLAYERS).map(PlayerId).filter(|p| c.host(*p) != instr.placement) {
                let learner = &c.player(player).name;
                let told = checked.disclosure().events.iter().any(|e| e.learners.contains(learner) && e.from.contains(&name));
                prop_assert!(told || before.seen.get(&player) == after.seen.get(&player), "{learner} {name}\n{c}");
            }
        }
    }
}

/// The property has teeth: among what is refused there are programs that do leak.
#[test]
fn what_is_refused_leaks_often() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut leaks, mut all, mut kept_steps) = (0, 0, 0);
    for _ in 0..100 {
        let steps = program().new_tree(&mut runner).unwrap().current();
        let (kept, refused) = acceptable(steps);
        kept_steps += kept.len();
        all += refused.len();
        leaks += refused.iter().filter(|c| leak(c).is_some()).count();
    }
    println!("{leaks} of {all} refused programs leak; {kept_steps} steps kept");
    assert!(kept_steps > 500 && leaks * 2 > all, "{leaks} of {all}, {kept_steps}");
}
