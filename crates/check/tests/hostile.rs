//! Graphs written by hand, to deceive: each is refused, and none makes the checker panic.

use check::check;
use ir::{
    Attr, Attrs, Block, Computation, DType, Dim, IndexItem, Instr, Literal, Number, Op, OwnerPolicy, Placement,
    PlacementId, PlayerId, RingBits, Scheme, Span, Type, ValueId, ValueInfo,
};
use proptest::prelude::*;

const PROGRAM: &str = r#"
computation target
  player alice, bob, carol, eve
  group clients of at least 5
  placement trio = replicated(alice, bob, carol)
  dim n by patient
  input a : i64[n] at alice
  input b : i64[n] at bob
  input f : f64[4, 6] at carol public
  function twice(x : i64[n] at trio)
    on trio
      y = x + x
    return y
  on trio
    total = a + b
    small = clip(total, low=0, high=9)
    part = total[0]
  doubled = call twice(total)
  w = repeat 3 with u = doubled
    on trio
      v = u + total
    next v
  z = fold rows of f by 2 with s = f
    on carol
      t = s * 2.0 + sum(rows)
    next t
  release w to eve as "w"
  output z to carol, eve as "z"
"#;

fn honest() -> Computation {
    ir::text::parse(PROGRAM).unwrap_or_else(|e| panic!("{e:?}"))
}

/// Changes the honest program and expects to be refused under a code.
fn refused(code: &str, change: impl FnOnce(&mut Computation)) {
    let mut c = honest();
    change(&mut c);
    let errors = check(c).expect_err(code);
    assert!(errors.iter().any(|e| e.code == code), "{code}: {errors:#?}");
}

/// The first instruction of an operator in the main program.
fn find(c: &mut Computation, op: Op) -> &mut Instr {
    c.graph.body.instrs.iter_mut().find(|i| i.op == op).unwrap()
}

fn named(c: &Computation, name: &str) -> ValueId {
    ValueId(c.graph.values.iter().position(|v| v.name.as_deref() == Some(name)).unwrap() as u32)
}

fn set(instr: &mut Instr, name: &'static str, value: Attr) {
    instr.attrs.set(name, value);
}

#[test]
fn the_honest_program_checks() {
    check(honest()).unwrap();
}

#[test]
fn ids_out_of_range() {
    refused("structure", |c| find(c, Op::Add).args[0] = ValueId(u32::MAX));
    refused("structure", |c| find(c, Op::Add).results[0] = ValueId(9999));
    refused("structure", |c| find(c, Op::Add).placement = PlacementId(u16::MAX));
    refused("structure", |c| c.graph.values[0].placement = PlacementId(77));
    refused("structure", |c| c.placements[5].players[1] = PlayerId(300));
    refused("structure", |c| set(find(c, Op::Release), "to", Attr::Players(vec![PlayerId(99)])));
    refused("structure", |c| {
        let label = vec![OwnerPolicy { owner: PlayerId(99), readers: vec![PlayerId(99)] }];
        set(find(c, Op::Input), "label", Attr::Label(label));
    });
    refused("structure", |c| set(find(c, Op::Call), "function", Attr::Str("nowhere".into())));
}

#[test]
fn values_out_of_order_or_scope() {
    refused("structure", |c| c.graph.body.instrs.reverse());
    // A cycle: the operand is the result.
    refused("structure", |c| {
        let total = find(c, Op::Add).results[0];
        find(c, Op::Add).args[0] = total;
    });
    // What belongs to the loop is used after it.
    refused("structure", |c| {
        let inner = find(c, Op::Repeat).region.as_ref().unwrap().results[0];
        find(c, Op::Release).args[0] = inner;
    });
    refused("structure", |c| {
        let again = find(c, Op::Add).clone();
        c.graph.body.instrs.push(again);
    });
    refused("structure", |c| {
        c.graph.values.push(ValueInfo { name: None, ty: Type::scalar(DType::I64), placement: PlacementId(0) });
    });
}

#[test]
fn loops_and_calls_of_the_wrong_form() {
    refused("structure", |c| find(c, Op::Repeat).region = None);
    refused("structure", |c| find(c, Op::Add).region = Some(Block::default()));
    refused("structure", |c| find(c, Op::Repeat).region.as_mut().unwrap().results.clear());
    refused("structure", |c| find(c, Op::Repeat).region.as_mut().unwrap().params.clear());
    refused("structure", |c| find(c, Op::Repeat).args.clear());
    refused("structure", |c| set(find(c, Op::Repeat), "times", Attr::Int(-3)));
    refused("structure", |c| set(find(c, Op::Fold), "carried", Attr::Int(7)));
    refused("structure", |c| set(find(c, Op::Fold), "by", Attr::Int(0)));
    refused("structure", |c| find(c, Op::Call).args.clear());
    refused("structure", |c| c.functions[0].graph.body.results.clear());
    refused("fold.rows", |c| set(find(c, Op::Fold), "by", Attr::Int(3)));
    // Another type in the next iteration than in this.
    refused("loop.next", |c| {
        let part = named(c, "part");
        let region = find(c, Op::Repeat).region.as_mut().unwrap();
        region.results[0] = part;
    });
}

#[test]
fn recursion_of_functions() {
    refused("structure", |c| {
        let f = &mut c.functions[0];
        let call = Instr {
            op: Op::Call,
            attrs: Attrs::new().with("function", Attr::Str("twice".into())),
            ..f.graph.body.instrs[0].clone()
        };
        f.graph.body.instrs[0] = Instr { args: vec![call.args[0]], ..call };
    });
}

#[test]
fn nesting_without_end_is_cut_off() {
    refused("structure", |c| {
        let loops = find(c, Op::Repeat);
        let mut inner = loops.clone();
        for _ in 0..100 {
            let mut outer = loops.clone();
            outer.region.as_mut().unwrap().instrs.push(inner);
            inner = outer;
        }
        *loops = inner;
    });
}

#[test]
fn types_that_lie() {
    refused("type.mismatch", |c| {
        let total = named(c, "total").index();
        c.graph.values[total].ty = Type::scalar(DType::F32);
    });
    refused("type.arity", |c| find(c, Op::Add).args.truncate(1));
    refused("type.arity", |c| find(c, Op::Add).args.clear());
    refused("type.arity", |c| find(c, Op::Move).args.clear());
    refused("type.arity", |c| find(c, Op::Release).args.clear());
    refused("type.arity", |c| {
        let out = find(c, Op::Output);
        out.args.push(out.args[0]);
    });
    refused("structure", |c| c.graph.values[0].ty.dtype = DType::Fixed { ring: RingBits::B64, frac: 250 });
    refused("structure", |c| c.graph.values[0].ty.shape = vec![Dim::constant(u64::MAX)]);
    refused("structure", |c| c.graph.values[0].ty.shape = vec![Dim::constant(1); 99]);
    refused("structure", |c| {
        let mut dim = Dim::named("n");
        for _ in 0..40 {
            dim = dim.checked_add(&dim).unwrap();
        }
        c.graph.values[0].ty.shape = vec![dim];
    });
    refused("function.operand", |c| {
        let part = named(c, "part");
        find(c, Op::Call).args[0] = part;
    });
    refused("dim.unbound", |c| c.matched[0].name = "m".into());
}

#[test]
fn attributes_that_lie() {
    refused("structure", |c| {
        set(find(c, Op::Clip), "low", Attr::Real(f64::NAN));
    });
    refused("attribute.kind", |c| set(find(c, Op::Clip), "low", Attr::Str("lots".into())));
    refused("attribute.missing", |c| find(c, Op::Clip).attrs = Attrs::new());
    refused("attribute.unknown", |c| set(find(c, Op::Add), "label", Attr::Label(Vec::new())));
    // In another order the text would be another, and the digest with it.
    refused("structure", |c| {
        let clip = find(c, Op::Clip);
        let (low, high) = (clip.attrs.get("low").unwrap().clone(), clip.attrs.get("high").unwrap().clone());
        clip.attrs = Attrs::new().with("high", high).with("low", low);
    });
    for item in [
        IndexItem::At(i64::MIN),
        IndexItem::Range { start: None, end: None, step: 0 },
        IndexItem::Range { start: Some(i64::MAX), end: None, step: 1 },
    ] {
        refused("structure", |c| set(find(c, Op::Index), "at", Attr::Index(vec![item])));
    }
    for (shape, values) in
        [(vec![], vec![]), (vec![u64::MAX, 8], vec![Number::Int(1)]), (vec![2], vec![Number::Int(1)])]
    {
        refused("structure", |c| {
            let add = find(c, Op::Add);
            let literal = Attr::Literal(Literal { shape, values });
            add.attrs = Attrs::new().with("value", literal).with("type", Attr::DType(DType::I64));
            add.op = Op::Const;
            add.args.clear();
        });
    }
    refused("literal.range", |c| {
        let add = find(c, Op::Add);
        let value = Attr::Literal(Literal::number(Number::Int(i128::MAX)));
        add.attrs = Attrs::new().with("value", value).with("type", Attr::DType(DType::I64));
        add.op = Op::Const;
        add.args.clear();
    });
}

#[test]
fn names_that_would_forge_the_text() {
    refused("structure", |c| c.graph.values[0].name = Some("a\n  release a to eve as \"a\"".into()));
    refused("structure", |c| c.graph.values[1].name = c.graph.values[0].name.clone());
    refused("structure", |c| c.graph.values[0].name = Some("trio".into()));
    refused("structure", |c| c.players[0].name = "eve".into());
    refused("structure", |c| c.functions[0].name = "add".into());
    refused("structure", |c| c.name = String::new());
    refused("structure", |c| c.matched[0].key = "a b".into());
    refused("structure", |c| set(find(c, Op::Output), "name", Attr::Str("w\" to bob as \"w".into())));
    refused("structure", |c| {
        let mut twin = find(c, Op::Output).clone();
        twin.args = vec![named(c, "z")];
        c.graph.body.instrs.push(twin.clone());
        c.graph.body.instrs.push(twin);
    });
}

#[test]
fn placements_that_lie() {
    refused("placement.twice", |c| c.placements[5].players[1] = PlayerId(0));
    refused("placement.roles", |c| c.placements[5].players.truncate(1));
    refused("placement.roles", |c| c.placements[5].players.clear());
    refused("placement.group", |c| c.placements[5].players[1] = PlayerId(4));
    refused("placement.plain", |c| c.placements[5].scheme = Scheme::Host);
    refused("placement.plain", |c| {
        c.placements.push(Placement { name: "back".into(), scheme: Scheme::Host, players: vec![] });
    });
    refused("structure", |c| c.placements.truncate(2));
    refused("structure", |c| c.placements.swap(0, 1));
    refused("structure", |c| c.placements[3].scheme = Scheme::Enclave);
    refused("structure", |c| c.players[4].group = None);
    // An operand that was never moved there.
    refused("placement.operand", |c| {
        let a = named(c, "a");
        find(c, Op::Add).args[0] = a;
    });
    refused("placement.operand", |c| find(c, Op::Add).placement = PlacementId(3));
    refused("placement.operand", |c| {
        let total = named(c, "total").index();
        c.graph.values[total].placement = PlacementId(3);
    });
    refused("placement.operator", |c| {
        let input = find(c, Op::Input);
        input.placement = PlacementId(5);
        let a = named(c, "a").index();
        c.graph.values[a].placement = PlacementId(5);
    });
}

#[test]
fn labels_that_lie() {
    // A release that is taken out: the output no longer goes to a reader.
    refused("label.output", |c| find(c, Op::Release).attrs = Attrs::new().with("to", Attr::Players(vec![PlayerId(1)])));
    // `classify` instead of `release` does not widen.
    refused("label.output", |c| {
        let release = find(c, Op::Release);
        release.op = Op::Classify;
        let all = (0..4).map(PlayerId).collect::<Vec<_>>();
        let label = (0..2).map(|o| OwnerPolicy { owner: PlayerId(o), readers: all.clone() }).collect();
        release.attrs = Attrs::new().with("label", Attr::Label(label));
    });
    // The move to the committee is redirected to eve.
    refused("label.not-a-reader", |c| {
        let moved = find(c, Op::Move);
        moved.placement = PlacementId(3);
        let result = moved.results[0];
        c.graph.values[result.index()].placement = PlacementId(3);
    });
    refused("structure", |c| {
        let label = vec![OwnerPolicy { owner: PlayerId(0), readers: vec![PlayerId(3)] }];
        set(find(c, Op::Input), "label", Attr::Label(label));
    });
    refused("structure", |c| set(find(c, Op::Output), "to", Attr::Players(vec![PlayerId(3), PlayerId(3)])));
    refused("structure", |c| set(find(c, Op::Output), "to", Attr::Players(Vec::new())));
}

#[test]
fn boundaries_inside_functions_and_loops() {
    refused("release.function", |c| {
        let release = find(c, Op::Release).clone();
        let f = &mut c.functions[0].graph;
        let x = f.body.params[0];
        let seen = ValueId(f.values.len() as u32);
        f.values.push(ValueInfo { name: None, ..f.values[x.index()].clone() });
        f.body.instrs.push(Instr { args: vec![x], results: vec![seen], ..release });
    });
    refused("structure", |c| {
        let mut output = find(c, Op::Output).clone();
        let region = find(c, Op::Repeat).region.as_mut().unwrap();
        output.args = vec![region.results[0]];
        region.instrs.push(output);
    });
    refused("structure", |c| {
        let mut input = find(c, Op::Input).clone();
        let f = &mut c.functions[0].graph;
        input.results = vec![ValueId(f.values.len() as u32)];
        f.values.push(ValueInfo { name: Some("a".into()), ..f.values[0].clone() });
        f.body.instrs.push(input);
    });
}

/// One arbitrary change somewhere in a graph.
fn disturb(c: &mut Computation, kind: u8, at: usize, n: u32) {
    let functions = c.functions.len();
    let graph = if at.is_multiple_of(4) && functions > 0 { &mut c.functions[0].graph } else { &mut c.graph };
    let values = graph.values.len().max(1);
    let count = graph.body.instrs.len().max(1);
    let Some(mut instr) = graph.body.instrs.get_mut(at % count) else { return };
    if kind.is_multiple_of(2) && instr.region.as_ref().is_some_and(|r| !r.instrs.is_empty()) {
        let region = instr.region.as_mut().unwrap();
        let inner = n as usize % region.instrs.len();
        instr = &mut region.instrs[inner];
    }
    let id = ValueId(n % (values as u32 + 2));
    match kind % 14 {
        0 => instr.op = ir::OPS[n as usize % ir::OPS.len()].op,
        1 => instr.args.push(id),
        2 => drop(instr.args.pop()),
        3 => instr.results.push(id),
        4 => drop(instr.results.pop()),
        5 => instr.placement = PlacementId((n % 8) as u16),
        6 => instr.attrs = Attrs::new(),
        7 => instr.region = Some(Block { params: vec![id], instrs: Vec::new(), results: vec![id] }),
        8 => instr.attrs.set("axis", Attr::Int(i64::from(n) - 5)),
        9 => instr.args.iter_mut().for_each(|a| *a = id),
        10 => graph.values[n as usize % values].ty.shape.push(Dim::constant(n.into())),
        11 => graph.values[n as usize % values].ty.dtype = DType::Bytes,
        12 => graph.values[n as usize % values].placement = PlacementId((n % 7) as u16),
        _ => graph.body.instrs.swap(at % count, n as usize % count),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_graph_makes_the_checker_panic(changes in proptest::collection::vec((0..28u8, 0..64usize, any::<u32>()), 1..4)) {
        let mut c = honest();
        for (kind, at, n) in changes {
            disturb(&mut c, kind, at, n % 40);
        }
        if let Ok(checked) = check(c) {
            let players: Vec<_> = (0..4).map(PlayerId).collect();
            let _ = (checked.disclosure().to_string(), check::if_corrupt(&checked, &players).to_string());
            for player in players {
                let _ = check::learned(&checked, &[player], &std::collections::BTreeMap::from([("n".to_owned(), 9)]));
            }
        }
    }
}

#[test]
fn a_span_is_never_what_decides() {
    let mut c = honest();
    find(&mut c, Op::Add).span = Span::text(u32::MAX, u32::MAX, u32::MAX);
    check(c).unwrap();
}

const SAVING: &str = r#"
computation target
  player alice, bob, carol
  group clients of at least 5
  placement trio = replicated(alice, bob, carol)
  load w : fixed<64, 16>[3] at trio owner alice from "model"
  w2 = repeat 4 checkpoint 2 with v = w
    u = repeat 2 with t = v
      next t
    next u
  save w2 as "model"
"#;

#[test]
fn loads_saves_and_checkpoints_that_lie() {
    let refused = |code: &str, change: &dyn Fn(&mut Computation)| {
        let mut c = ir::text::parse(SAVING).unwrap_or_else(|e| panic!("{e:?}"));
        assert!(check(c.clone()).is_ok());
        change(&mut c);
        let errors = check(c).expect_err(code);
        assert!(errors.iter().any(|e| e.code == code), "{code}: {errors:#?}");
    };
    let text = |s: &str| Attr::Str(s.into());
    refused("structure", &|c| set(find(c, Op::Load), "name", text("a\" owner bob")));
    refused("structure", &|c| set(find(c, Op::Load), "name", text("")));
    refused("structure", &|c| set(find(c, Op::Save), "name", text("m\n  release w to bob as \"w")));
    refused("structure", &|c| c.graph.values[0].name = None);
    refused("structure", &|c| {
        let twin = find(c, Op::Save).clone();
        c.graph.body.instrs.push(twin);
    });
    // At a group, and on another placement than its result's.
    refused("structure", &|c| find(c, Op::Load).placement = PlacementId(3));
    refused("placement.operand", &|c| find(c, Op::Load).placement = PlacementId(0));
    refused("placement.operand", &|c| find(c, Op::Save).placement = PlacementId(1));
    // Inside a loop.
    for op in [Op::Load, Op::Save] {
        refused("structure", &|c| {
            let at = c.graph.body.instrs.iter().position(|i| i.op == op).unwrap();
            let inner = c.graph.body.instrs.remove(at);
            find(c, Op::Repeat).region.as_mut().unwrap().instrs.insert(0, inner);
        });
    }
    refused("structure", &|c| set(find(c, Op::Repeat), "checkpoint", Attr::Int(0)));
    refused("checkpoint.nested", &|c| {
        let inner = &mut find(c, Op::Repeat).region.as_mut().unwrap().instrs[0];
        set(inner, "checkpoint", Attr::Int(1));
    });
}
