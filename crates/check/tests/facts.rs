//! What other crates build on: JSON whose field names are stable, facts for policies, and bounded time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use check::{Learned, check, if_corrupt, learned};
use ir::{Op, PlayerId};

const PROGRAM: &str = r#"
computation slope
  player clinic, laboratory, registry, analyst
  placement committee = replicated(clinic, laboratory, registry)
  dim n by patient
  input bmi : f64[n] at clinic
  input target : f64[n] at registry owner registry readers clinic range 0..500
  function centred(v : fixed<64, 16>[n] at committee)
    on committee
      c = v - mean(v)
    return c
  on committee as fixed<64, 16>
    u = move bmi to committee as fixed<64, 16>
  x = call centred(u)
  on committee as fixed<64, 16>
    b = dot(x, target) / maximum(dot(x, x), 0.001)
  release b to analyst as "slope"
"#;

fn checked() -> check::Checked {
    let c = ir::text::parse(PROGRAM).unwrap_or_else(|e| panic!("{}", e[0]));
    check(c).unwrap_or_else(|e| panic!("{}", e[0]))
}

#[test]
fn a_test_of_values_in_the_clear_is_learned_by_all() {
    let text = r#"
computation probe
  player clinic, analyst
  input bmi : f64[10] at clinic
  on clinic
    m = mean(bmi)
    odd = assume(bmi, low=0, high=31.5)
  release m to analyst as "m"
"#;
    let checked = check(ir::text::parse(text).unwrap()).unwrap_or_else(|e| panic!("{}", e[0]));
    let clinic = checked.computation().player_named("clinic").unwrap();
    let all = learned(&checked, &[clinic], &BTreeMap::new()).unwrap();
    let test = all.iter().find(|l| l.name.contains("odd")).expect("although nothing uses it");
    assert_eq!(test.name, "whether odd is as assumed");
    assert_eq!(test.to, [checked.computation().player_named("analyst").unwrap()]);
    assert!(!test.released && test.ways["bmi"].operators.contains_key(&Op::Assume), "{test:?}");
    assert_eq!(test.ways["bmi"].rows, 1);
    let words = checked.disclosure().to_string();
    assert!(
        words.contains("clinic checks that `odd` is within 0..31.5; if not, the run ends, and all learn that"),
        "{words}"
    );
}

#[test]
fn the_disclosure_has_stable_field_names() {
    let form = serde_json::json!({
        "placement": "committee", "scheme": "replicated", "players": ["clinic", "laboratory", "registry"],
        "in_the_clear": false, "assumption": "safe unless two of clinic, laboratory, registry collude",
    });
    let expected = serde_json::json!({
        "computation": "slope",
        "owners": [
            {"player": "clinic", "gives": [{
                "name": "bmi", "type": "f64[n]", "size": "n × f64", "range": null, "at": "clinic",
                "label": {"clinic": ["clinic"]}, "forms": [form], "dims": ["n"],
            }]},
            {"player": "registry", "gives": [{
                "name": "target", "type": "f64[n]", "size": "n × f64", "range": "0..500", "at": "registry",
                "label": {"registry": ["clinic", "registry"]}, "forms": [form], "dims": ["n"],
            }]},
        ],
        "events": [{
            "learners": ["analyst"], "name": "slope", "output": true, "delivered": true, "type": "fixed<64, 16>",
            "amount": "1 number", "from": ["bmi", "target"], "reason": "release",
            "ratified_by": ["clinic", "registry"], "times": 1, "line": 17,
        }],
        "matched": [{"dim": "n", "key": "patient", "players": ["clinic", "registry"]}],
        "dims": ["n"],
        "assumptions": [],
    });
    assert_eq!(serde_json::to_value(checked().disclosure()).unwrap(), expected);
}

#[test]
fn a_coalition_has_stable_field_names() {
    let value = serde_json::to_value(if_corrupt(&checked(), &[PlayerId(0), PlayerId(1), PlayerId(77)])).unwrap();
    let fields: Vec<&String> = value.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["members", "own", "learned", "broken", "intact", "matched", "safe"]);
    assert_eq!(value["members"], serde_json::json!(["clinic", "laboratory"]));
    assert_eq!(value["broken"][0]["inputs"][0]["name"], "target");
}

/// What others learn of a player's inputs, with 100 rows.
fn of(checked: &check::Checked, player: u16) -> Vec<Learned> {
    learned(checked, &[PlayerId(player)], &BTreeMap::from([("n".to_owned(), 100)])).unwrap()
}

#[test]
fn what_is_learned_has_the_operators_between_it_and_each_input() {
    let expected = [
        // Rows are not followed inside of functions.
        (
            0,
            "bmi",
            &[
                (Op::Move, 1),
                (Op::Release, 1),
                (Op::Sub, 1),
                (Op::Div, 1),
                (Op::Maximum, 1),
                (Op::Mean, 1),
                (Op::Dot, 2),
            ][..],
            1,
        ),
        (2, "target", &[(Op::Move, 1), (Op::Release, 1), (Op::Div, 1), (Op::Dot, 1)], 100),
    ];
    for (player, input, operators, rows) in expected {
        let found = of(&checked(), player);
        let [slope] = &found[..] else { panic!("{found:?}") };
        assert_eq!((&*slope.name, &*slope.to, slope.released, slope.elements), ("slope", &[PlayerId(3)][..], true, 1));
        assert_eq!(slope.owners, [PlayerId(0), PlayerId(2)]);
        let ways: Vec<_> = slope.ways[input].operators.iter().map(|(op, n)| (*op, *n)).collect();
        assert_eq!((slope.ways.len(), &ways[..], slope.ways[input].rows), (1, operators, rows));
    }
    // The laboratory gives nothing, the analyst neither.
    assert!(of(&checked(), 1).is_empty() && of(&checked(), 3).is_empty());
}

/// A program on three parties' shares, of which `released` is released to the analyst.
fn program(inputs: &str, steps: &str) -> check::Checked {
    let source = format!(
        "computation c\n  player a, b, c, analyst, other\n  placement trio = replicated(a, b, c)\n{inputs}\n{steps}\n"
    );
    check(ir::text::parse(&source).unwrap_or_else(|e| panic!("{}\n{source}", e[0])))
        .unwrap_or_else(|e| panic!("{}\n{source}", e[0]))
}

/// The least rows of `x` behind each element of what is released, for `n` = 100.
fn rows(steps: &str) -> u64 {
    let inputs = "  input x : f64[n, 3] at a\n  input y : f64[n] at b\n  input w : f64[5, 3] at a";
    let steps: String = steps.lines().map(|l| format!("    {}\n", l.trim())).collect();
    let program = program(inputs, &format!("  on trio as fixed<64, 16>\n{steps}  release r to analyst as \"r\""));
    of(&program, 0)[0].ways["x"].rows
}

#[test]
fn rows_are_counted_through_what_is_combined() {
    let cases = [
        ("r = mean(x, axis=0)", 100),
        ("r = sum(x)", 100),
        ("r = sum(x, axis=1)", 1),
        ("r = sum(sum(x, axis=1))", 100),
        ("r = x * 2.0", 1),
        ("r = x[:, 0]", 1),
        ("r = x[0, :]", 1),
        ("r = mean(x[:, 1])", 100),
        ("r = dot(x[:, 0], y)", 100),
        ("r = dot(x[:, 0] - mean(x[:, 0]), y)", 100),
        ("r = transpose(x) @ y", 100),
        ("r = transpose(x) @ x", 100),
        ("r = x @ transpose(x)", 1),
        ("r = x - mean(x, axis=0)", 1),
        ("r = mean(x[:, 0] - mean(x[:, 0]))", 100),
        ("r = max(x, axis=0)", 100),
        ("r = cumsum(x, axis=0)", 1),
        ("r = mean(concat(x[:, 0], y))", 100),
        ("r = mean(concat(x[:, 0], x[:, 1]))", 1),
        ("r = concat(mean(x, axis=0), x[0, :])", 1),
        ("r = stack(mean(x[:, 0]), sum(y))", 100),
        ("m = reshape(mean(x, axis=0), shape=[1, 3])\nr = sum(m + w)", 100),
        ("r = sum(expand_dims(x, axis=0), axis=1)", 100),
        ("r = mean(transpose(x), axis=1)", 100),
    ];
    for (steps, expected) in cases {
        assert_eq!(rows(steps), expected, "{steps}");
    }
}

#[test]
fn rows_of_a_constant_length_can_be_cut() {
    let of_cut = |steps: &str| {
        let checked = program(
            "  input x : f64[40] at a",
            &format!("  on trio as fixed<64, 16>\n    r = {steps}\n  release r to analyst as \"r\""),
        );
        of(&checked, 0)[0].ways["x"].rows
    };
    for (steps, expected) in [
        ("sum(x[10:30])", 20),
        ("sum(x[-5:])", 5),
        ("sum(x[7:8])", 1),
        ("sum(x[0:30:2])", 1),
        ("sum(x[:20] + x[20:])", 1),
        ("sum(x[:20] + x[:20])", 20),
        ("x[3]", 1),
        ("sum(concat(x[:3], x[:3]))", 1),
    ] {
        assert_eq!(of_cut(steps), expected, "{steps}");
    }
}

#[test]
fn rows_are_followed_through_loops() {
    let run = |steps: &str| {
        let start =
            "  on trio as fixed<64, 16>\n    m = mean(x[:, 0])\n    one = x[0, 0] * 1.0\n    column = x[:, 0] * 1.0\n";
        let checked =
            program("  input x : f64[100, 3] at a", &format!("{start}{steps}  release r to analyst as \"r\""));
        of(&checked, 0)[0].ways["x"].rows
    };
    let repeat = |init: &str, step: &str| {
        run(&format!("  r = repeat 3 with v = {init}\n    on trio as fixed<64, 16>\n      u = {step}\n    next u\n"))
    };
    assert_eq!(repeat("m", "v * 0.5"), 100);
    assert_eq!(repeat("one", "v * 0.5 + m"), 1);
    assert_eq!(repeat("m", "(v + m) * 0.5"), 100);
    assert_eq!(repeat("m", "one + 0.0"), 1);
    let fold = |step: &str| {
        run(&format!(
            "  r = fold xb of column by 20 with v = m\n    on trio as fixed<64, 16>\n      u = {step}\n    next u\n"
        ))
    };
    assert_eq!(fold("v + sum(xb)"), 20);
    assert_eq!(fold("sum(xb)"), 20);
    assert_eq!(fold("sum(xb[0:5])"), 5);
    assert_eq!(fold("xb[0] * 1.0"), 1);
}

#[test]
fn labels_and_other_readers_are_told_as_well() {
    // The label names a reader: nothing is released, and the analyst learns it.
    let labelled = program("  input x : f64[3] at a owner a readers analyst", "  output x to analyst as \"x\"");
    let found = of(&labelled, 0);
    assert_eq!((found.len(), found[0].released, found[0].elements, found[0].ways["x"].rows), (1, false, 3, 1));

    // The release is to the analyst, but the label lets another have it too.
    let twice = program(
        "  input x : f64[n] at a owner a readers other",
        "  on trio as fixed<64, 16>\n    m = mean(x)\n  release m to analyst as \"m\"\n  output m to other as \"again\"",
    );
    let found = of(&twice, 0);
    let told: Vec<_> = found.iter().map(|l| (&*l.name, &*l.to, l.released)).collect();
    assert_eq!(told, [("m", &[PlayerId(3)][..], true), ("again", &[PlayerId(4)], false)]);

    // What the owner alone learns is no disclosure of its own.
    let own =
        program("  input x : f64[n] at a", "  on trio as fixed<64, 16>\n    m = mean(x)\n  output m to a as \"m\"");
    assert!(of(&own, 0).is_empty());
}

/// Labels that creep through a rotation of carried values, one place an iteration, in nested loops: the worst
/// case for a fixed point. And a tower of functions, each calling the one before twice.
#[test]
fn a_program_made_to_be_slow_is_checked_in_time() {
    const WIDTH: usize = 100;
    let mut source = String::from("computation slow\n  player a, b, c\n  placement trio = replicated(a, b, c)\n");
    for i in 0..WIDTH {
        source += &format!("  input x{i} : i64 at a\n");
    }
    source += "  function f0(v0 : i64 at trio)\n    on trio\n      w0 = clip(v0 + 1, low=0, high=9)\n    return w0\n";
    for i in 1..60 {
        let (p, s) = (i - 1, i);
        source += &format!(
            "  function f{s}(v{s} : i64 at trio)\n    p{s} = call f{p}(v{s})\n    w{s} = call f{p}(p{s})\n    return w{s}\n"
        );
    }
    source += "  on trio\n";
    for i in 0..WIDTH {
        source += &format!("    s{i} = x{i} + 0\n");
    }
    let list = |prefix: &str, shift: usize| {
        (0..WIDTH).map(|i| format!("{prefix}{}", (i + shift) % WIDTH)).collect::<Vec<_>>().join(", ")
    };
    let carried =
        |to: &str, from: &str| (0..WIDTH).map(|i| format!("{to}{i} = {from}{i}")).collect::<Vec<_>>().join(", ");
    source += &format!("  {} = repeat 5 with {}\n", list("r", 0), carried("m", "s"));
    source += &format!("    {} = repeat 5 with {}\n", list("q", 0), carried("k", "m"));
    source += &format!("      next {}\n    next {}\n", list("k", 1), list("q", 1));
    source += "  on trio\n    top = call f59(r0)\n";
    let c = ir::text::parse(&source).unwrap_or_else(|e| panic!("{}", e[0]));
    let start = Instant::now();
    let checked = check(c).unwrap_or_else(|e| panic!("{}", e[0]));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // Everything that is carried mixes with everything else.
    let top = checked.computation().graph.values.iter().position(|v| v.name.as_deref() == Some("top")).unwrap();
    assert_eq!(checked.labels()[top].inputs.iter().count(), WIDTH);
}
