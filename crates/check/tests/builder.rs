//! Programs that are made with the builder: the sketch of the design, from declaration to disclosure.

use check::check;
use ir::{Attrs, Builder, Computation, DType, Dim, Op, OwnerPolicy, RingBits, Scheme, Span, Type};

fn here() -> Span {
    Span::default()
}

/// The slope of a regression over the data of two owners, on a committee of three.
fn slope() -> Computation {
    let at = here();
    let mut b = Builder::new("slope", here()).unwrap();
    let players: Vec<_> =
        ["clinic", "laboratory", "registry", "analyst"].iter().map(|n| b.player(n, &at).unwrap()).collect();
    let committee = b.placement("committee", Scheme::Replicated, &players[..3], &at).unwrap();
    b.match_dim("n", "patient", &at).unwrap();
    let mut input = |name: &str, i: usize| {
        let own = vec![OwnerPolicy { owner: players[i], readers: vec![players[i]] }];
        let host = b.declared().host(players[i]);
        b.input(name, Type::new(DType::F64, vec![Dim::named("n")]), host, own, &at).unwrap()
    };
    let (bmi, target) = (input("bmi", 0), input("target", 2));
    b.on(committee, DType::fixed(RingBits::B64, 16), &at).unwrap();
    let mean = b.op(Op::Mean, &[bmi.into()], Attrs::new(), &at).unwrap();
    let x = b.op(Op::Sub, &[bmi.into(), mean.into()], Attrs::new(), &at).unwrap();
    let over = b.op(Op::Dot, &[x.into(), target.into()], Attrs::new(), &at).unwrap();
    let under = b.op(Op::Dot, &[x.into(), x.into()], Attrs::new(), &at).unwrap();
    let under = b.op(Op::Maximum, &[under.into(), 0.001.into()], Attrs::new(), &at).unwrap();
    let slope = b.op(Op::Div, &[over.into(), under.into()], Attrs::new(), &at).unwrap();
    b.name(slope, "b", &at).unwrap();
    b.end_on();
    b.release_as(slope, &players[3..], "slope", &at).unwrap();
    b.finish().unwrap()
}

#[test]
fn the_sketch_of_the_design_is_disclosed_in_its_words() {
    let checked = check(slope()).unwrap();
    let text = checked.disclosure().to_string();
    println!("{text}");
    let clinic = "clinic    gives  bmi: n × f64
          as     shares on committee; safe unless two of clinic, laboratory, registry collude
          so that analyst learns \"slope\" (1 number, computed from bmi and target)
          if     clinic and registry ratify it
          and    clinic and registry learn whether their `patient` columns are equal and in the same order
          nobody else learns anything but n
";
    assert!(text.starts_with(clinic), "{text}");
    assert!(checked.not_runnable().is_empty());
}
