//! What other crates build on: JSON whose field names are stable, facts for policies, and bounded time.

use std::time::{Duration, Instant};

use check::{check, if_corrupt, releases};
use ir::{Op, PlayerId};

const PROGRAM: &str = r#"
computation slope
  player clinic, laboratory, registry, analyst
  placement committee = replicated(clinic, laboratory, registry)
  dim n by patient
  input bmi : f64[n] at clinic
  input target : f64[n] at registry owner registry readers clinic
  function centred(v : fixed<64, 16>[n] at committee)
    on committee
      c = v - mean(v)
    return c
  on committee as fixed<64, 16>
    u = move bmi to committee as fixed<64, 16>
  x = call centred(u)
  on committee as fixed<64, 16>
    b = dot(x, target) / dot(x, x)
  release b to analyst as "slope"
"#;

fn checked() -> check::Checked {
    let c = ir::text::parse(PROGRAM).unwrap_or_else(|e| panic!("{}", e[0]));
    check(c).unwrap_or_else(|e| panic!("{}", e[0]))
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
                "name": "bmi", "type": "f64[n]", "size": "n × f64", "at": "clinic",
                "label": {"clinic": ["clinic"]}, "forms": [form], "dims": ["n"],
            }]},
            {"player": "registry", "gives": [{
                "name": "target", "type": "f64[n]", "size": "n × f64", "at": "registry",
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

#[test]
fn a_release_knows_the_operators_between_it_and_each_input() {
    let found = releases(&checked());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].to, [PlayerId(3)]);
    assert_eq!(found[0].owners, [PlayerId(0), PlayerId(2)]);
    let of = |input: &str| found[0].operators[input].iter().map(|(op, n)| (*op, *n)).collect::<Vec<_>>();
    assert_eq!(of("bmi"), [(Op::Move, 1), (Op::Sub, 1), (Op::Div, 1), (Op::Mean, 1), (Op::Dot, 2)]);
    assert_eq!(of("target"), [(Op::Move, 1), (Op::Div, 1), (Op::Dot, 1)]);
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
    source += "  function f0(v0 : i64 at trio)\n    on trio\n      w0 = v0 + 1\n    return w0\n";
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
