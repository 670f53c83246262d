//! The builder refuses what would not be a whole program: values out of scope, names given twice, types
//! that a placement cannot hold, and programs without bounds.

use ir::{
    Attr, Attrs, Builder, DType, Dim, Literal, Number, Op, Operand, OwnerPolicy, PlacementId, PlayerId, RingBits,
    Scheme, Span, Type, ValueId,
};

const FIXED: DType = DType::Fixed { ring: RingBits::B64, frac: 16 };
const A: PlacementId = PlacementId(0);
const TRIO: PlacementId = PlacementId(3);

fn at() -> Span {
    Span::text(7, 3, 2)
}

/// Three players, a placement of all of them, and an input `x : f64[n]` at the first.
fn begun() -> (Builder, ValueId) {
    let mut b = Builder::new("test", at()).unwrap();
    let players: Vec<PlayerId> = ["a", "b", "c"].map(|p| b.player(p, &at()).unwrap()).into();
    assert_eq!(b.placement("trio", Scheme::Replicated, &players, &at()), Ok(TRIO));
    let label = vec![OwnerPolicy { owner: players[0], readers: vec![] }];
    let x = b.input("x", Type::new(DType::F64, vec![Dim::named("n")]), A, label, &at()).unwrap();
    (b, x)
}

fn code<T: std::fmt::Debug>(result: Result<T, ir::Diagnostic>) -> &'static str {
    let error = result.unwrap_err();
    assert_eq!((error.span.line, error.span.column), (7, 3), "{error}");
    error.code
}

#[test]
fn values_of_a_closed_loop_or_function_are_out_of_reach() {
    let (mut b, x) = begun();
    let inner = b.begin_repeat(2, &[x], &at()).unwrap()[0];
    let doubled = b.op(Op::Add, &[inner.into(), x.into()], Attrs::new(), &at()).unwrap();
    let after = b.end_loop(&[doubled], &at()).unwrap()[0];
    for lost in [inner, doubled] {
        assert_eq!(code(b.op(Op::Neg, &[lost.into()], Attrs::new(), &at())), "name.scope");
        assert_eq!(code(b.release(lost, &[PlayerId(1)], &at())), "name.scope");
        assert_eq!(code(b.move_to(lost, TRIO, Some(FIXED), &at())), "name.scope");
        assert_eq!(code(b.begin_repeat(2, &[lost], &at())), "name.scope");
    }
    assert!(b.op(Op::Neg, &[after.into()], Attrs::new(), &at()).is_ok());

    let param = b.begin_function("f", &[("p".into(), Type::scalar(DType::F64), A)], &at()).unwrap()[0];
    assert_eq!(param.index(), 0);
    assert_eq!(code(b.op(Op::Neg, &[after.into()], Attrs::new(), &at())), "name.scope");
    b.end_function(&[param], &at()).unwrap();
}

#[test]
fn a_loop_keeps_types_and_places() {
    let (mut b, x) = begun();
    b.begin_repeat(2, &[x], &at()).unwrap();
    let sum = b.op(Op::Sum, &[x.into()], Attrs::new(), &at()).unwrap();
    assert_eq!(code(b.end_loop(&[sum], &at())), "loop.next");
    assert!(b.finish().is_err(), "a program of which a part was given up is not whole");

    let (mut b, x) = begun();
    assert_eq!(code(b.begin_repeat(0, &[x], &at())), "repeat.times");
    assert_eq!(code(b.begin_repeat(2, &[], &at())), "loop.carried");
    assert_eq!(code(b.end_loop(&[x], &at())), "misuse");
    b.begin_repeat(2, &[x], &at()).unwrap();
    assert_eq!(code(b.input("late", Type::scalar(DType::F64), A, vec![], &at())), "input.nested");
    assert_eq!(code(b.output(x, &[PlayerId(0)], "o", &at())), "output.nested");
    assert_eq!(code(b.begin_function("f", &[], &at())), "function.nested");
}

#[test]
fn batches_need_equal_rows() {
    let (mut b, x) = begun();
    let ty = |rows| Type::new(DType::F64, vec![rows, Dim::constant(2)]);
    let y = b.input("y", ty(Dim::constant(10)), A, vec![], &at()).unwrap();
    let s = b.input("s", Type::scalar(DType::F64), A, vec![], &at()).unwrap();
    assert_eq!(code(b.begin_fold(3, false, &[y], &[s], &at())), "fold.rows");
    assert_eq!(code(b.begin_fold(11, true, &[y], &[s], &at())), "fold.rows");
    assert_eq!(code(b.begin_fold(2, false, &[x, y], &[s], &at())), "fold.rows");
    assert_eq!(code(b.begin_fold(2, false, &[s], &[s], &at())), "fold.rows");
    assert_eq!(code(b.begin_fold(0, false, &[y], &[s], &at())), "fold.rows");
    let params = b.begin_fold(3, true, &[y], &[s], &at()).unwrap();
    assert_eq!(b.value(params[0]).ty, ty(Dim::constant(3)));
}

#[test]
fn outputs_have_names_that_can_be_read() {
    let (mut b, x) = begun();
    for bad in ["", "a\"b", "a\\b", "a\nb", "a\u{202e}b", "a\u{200b}b"] {
        assert_eq!(code(b.output(x, &[PlayerId(0)], bad, &at())), "name.invalid", "{bad:?}");
    }
    b.output(x, &[PlayerId(0)], "größe, in cm", &at()).unwrap();
    assert_eq!(code(b.output(x, &[PlayerId(0)], "größe, in cm", &at())), "name.taken");
    assert_eq!(code(b.output(x, &[], "to nobody", &at())), "release.to");
    let computation = b.finish().unwrap();
    assert_eq!(ir::text::parse(&computation.to_string()).unwrap(), computation);
}

#[test]
fn names_are_given_once() {
    let (mut b, x) = begun();
    let y = b.op(Op::Neg, &[x.into()], Attrs::new(), &at()).unwrap();
    assert_eq!(code(b.name(y, "x", &at())), "name.taken");
    assert_eq!(code(b.name(y, "trio", &at())), "name.taken");
    assert_eq!(code(b.name(y, "next", &at())), "name.reserved");
    assert_eq!(code(b.name(y, "2y", &at())), "name.invalid");
    assert_eq!(code(b.name(y, &"y".repeat(65), &at())), "name.invalid");
    b.name(y, "y", &at()).unwrap();
    assert!(!b.is_free("y") && b.is_free("z"));
    let players = [PlayerId(0), PlayerId(1)];
    assert_eq!(code(b.placement("y", Scheme::Yao, &players, &at())), "name.taken");
    let param = b.begin_function("f", &[("p".into(), Type::scalar(DType::F64), A)], &at()).unwrap()[0];
    b.end_function(&[param], &at()).unwrap();
    assert_eq!(code(b.placement("p", Scheme::Yao, &players, &at())), "name.taken");
    assert_eq!(code(b.begin_function("f", &[], &at())), "name.taken");
    assert_eq!(code(b.begin_function("mean", &[], &at())), "name.taken");
    assert_eq!(code(b.player("late", &at())), "order.players");
}

#[test]
fn placements_hold_what_they_can() {
    let (mut b, x) = begun();
    assert_eq!(code(b.on(TRIO, Some(DType::F64), &at())), "type.placement");
    assert_eq!(code(b.move_to(x, TRIO, None, &at())), "type.placement");
    let float = Type::scalar(DType::F32);
    assert_eq!(code(b.begin_function("f", &[("p".into(), float, TRIO)], &at())), "type.placement");
    b.on(TRIO, None, &at()).unwrap();
    assert_eq!(code(b.op(Op::Neg, &[x.into()], Attrs::new(), &at())), "type.placement");
    b.end_on();
    let shared = b.move_to(x, TRIO, Some(FIXED), &at()).unwrap();
    assert_eq!(code(b.op(Op::Add, &[x.into(), shared.into()], Attrs::new(), &at())), "placement.unclear");
    assert_eq!(code(b.op(Op::Add, &[1i64.into(), 2i64.into()], Attrs::new(), &at())), "placement.unclear");
}

#[test]
fn an_implicit_move_is_made_once_in_a_block() {
    let (mut b, x) = begun();
    b.on(TRIO, Some(FIXED), &at()).unwrap();
    for _ in 0..3 {
        b.op(Op::Square, &[x.into()], Attrs::new(), &at()).unwrap();
    }
    b.end_on();
    let computation = b.finish().unwrap();
    let moves = computation.graph.body.instrs.iter().filter(|i| i.op == Op::Move).count();
    assert_eq!(moves, 1);
}

#[test]
fn constants_fit_their_type() {
    let (mut b, x) = begun();
    b.on(A, None, &at()).unwrap();
    let constant =
        |value: Literal, dtype| Attrs::new().with("value", Attr::Literal(value)).with("type", Attr::DType(dtype));
    let int = |i| Literal::number(Number::Int(i));
    let mut make = |value, dtype| b.op(Op::Const, &[], constant(value, dtype), &at()).map_err(|e| e.code);
    assert!(make(int(i128::from(i64::MIN)), DType::I64).is_ok());
    assert_eq!(make(int(-1), DType::U64), Err("literal.range"));
    assert_eq!(make(int(1 << 46), FIXED), Err("literal.range"));
    assert!(make(int((1 << 46) - 1), FIXED).is_ok());
    assert_eq!(make(Literal::number(Number::Real(f64::NAN)), DType::F64), Err("literal.range"));
    assert_eq!(make(Literal::number(Number::Real(0.5)), DType::I64), Err("literal.range"));
    assert_eq!(make(Literal::number(Number::Bool(true)), DType::I64), Err("literal.range"));
    assert_eq!(make(Literal { shape: vec![0], values: vec![] }, DType::I64), Err("literal.shape"));
    let ragged = Literal { shape: vec![2, 2], values: vec![Number::Int(1); 3] };
    assert_eq!(make(ragged, DType::I64), Err("literal.shape"));
    let huge = Literal { shape: vec![1 << 40, 1 << 40], values: vec![Number::Int(1)] };
    assert_eq!(make(huge, DType::I64), Err("literal.shape"));
    let list = Literal { shape: vec![2], values: vec![Number::Int(1); 2] };
    let fill = constant(list, DType::F64).with("shape", Attr::Shape(vec![]));
    assert_eq!(code(b.op(Op::Fill, &[], fill, &at())), "attribute.value");
    let literal: Operand = 0.5.into();
    assert!(b.op(Op::Mul, &[x.into(), literal], Attrs::new(), &at()).is_ok());
}

#[test]
fn what_one_program_may_ask_for_is_bounded() {
    let (mut b, mut x) = begun();
    let ty = |dim| Type::new(DType::F64, vec![dim]);
    assert_eq!(code(b.input("big", ty(Dim::constant(u64::MAX)), A, vec![], &at())), "limit.shape");
    assert_eq!(code(b.input("odd", ty(Dim::named("a b")), A, vec![], &at())), "name.invalid");
    let deeper = || Attrs::new().with("axis", Attr::Int(0));
    let grown = (0..100).try_for_each(|_| b.op(Op::ExpandDims, &[x.into()], deeper(), &at()).map(|y| x = y));
    assert_eq!(code(grown), "limit.shape");
    let nested = (0..100).try_for_each(|_| b.begin_repeat(1, &[x], &at()).map(|_| ()));
    assert_eq!(code(nested), "limit.depth");
    let endless = (0..100_000).try_for_each(|_| b.op(Op::Neg, &[x.into()], Attrs::new(), &at()).map(|_| ()));
    assert_eq!(code(endless), "limit.values");
}

#[test]
fn doubling_a_length_does_not_double_its_text() {
    let (mut b, mut x) = begun();
    for _ in 0..60 {
        x = b.op(Op::Concat, &[x.into(), x.into()], Attrs::new(), &at()).unwrap();
    }
    assert_eq!(b.value(x).ty.to_string(), format!("f64[{}*n]", 1u64 << 60));
    let computation = b.finish().unwrap();
    assert_eq!(ir::text::parse(&computation.to_string()).unwrap(), computation);
}

#[test]
fn a_program_whose_text_could_not_be_read_is_refused() {
    let (mut b, x) = begun();
    b.on(A, None, &at()).unwrap();
    let many: Vec<Operand> = vec![x.into(); 2 << 20];
    b.op(Op::Stack, &many, Attrs::new(), &at()).unwrap();
    b.end_on();
    assert_eq!(b.finish().unwrap_err().code, "limit.source");
}
