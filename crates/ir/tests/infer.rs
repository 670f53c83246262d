//! The types of results: broadcasting, products, reductions and shapes as in numpy, with named lengths.

use ir::{Attr, Attrs, DType, Dim, IndexItem, Op, RingBits, Type, canonical_attrs, infer};

/// A type from its text, such as `f64[n, 3]`.
fn ty(text: &str) -> Type {
    let program = format!("computation c\n  player a\n  input x : {text} at a\n");
    let computation = ir::text::parse(&program).unwrap();
    computation.graph.values[0].ty.clone()
}

/// The type of a result, or the code of what is wrong.
fn of(op: Op, args: &[&str], attrs: Attrs) -> String {
    let types: Vec<Type> = args.iter().map(|a| ty(a)).collect();
    let types: Vec<&Type> = types.iter().collect();
    let inferred = canonical_attrs(op, &types, &attrs).and_then(|attrs| infer(op, &types, &attrs));
    inferred.map_or_else(|p| p.code.to_owned(), |t| t.to_string())
}

fn plain(op: Op, args: &[&str]) -> String {
    of(op, args, Attrs::new())
}

fn axis(axis: i64) -> Attrs {
    Attrs::new().with("axis", Attr::Int(axis))
}

#[test]
fn elementwise_operators_broadcast_as_in_numpy() {
    let add = |x, y| plain(Op::Add, &[x, y]);
    assert_eq!(add("f64[n, 3]", "f64[3]"), "f64[n, 3]");
    assert_eq!(add("f64[4, 1, 3]", "f64[5, 1]"), "f64[4, 5, 3]");
    assert_eq!(add("f64", "f64[n]"), "f64[n]");
    assert_eq!(add("f64[n]", "f64[m]"), "shape.broadcast");
    assert_eq!(add("f64[n]", "f64[3]"), "shape.broadcast");
    assert_eq!(add("f64[n, 3]", "f64[n]"), "shape.broadcast");
    assert_eq!(add("f64[n + m]", "f64[m + n]"), "f64[m + n]");
    assert_eq!(add("f64[2*n]", "f64[n + n]"), "f64[2*n]");
    assert_eq!(add("f64", "i64"), "type.mismatch");
    assert_eq!(add("fixed<64, 16>", "fixed<64, 20>"), "type.mismatch");
    assert_eq!(add("bool", "bool"), "type.operand");
}

#[test]
fn element_types_are_kept_apart() {
    assert_eq!(plain(Op::Div, &["i64", "i64"]), "type.operand");
    assert_eq!(plain(Op::Div, &["fixed<64, 16>[n]", "fixed<64, 16>"]), "fixed<64, 16>[n]");
    assert_eq!(plain(Op::Neg, &["u64"]), "type.operand");
    assert_eq!(plain(Op::Less, &["f32[2]", "f32"]), "bool[2]");
    assert_eq!(plain(Op::Less, &["bool", "bool"]), "type.operand");
    assert_eq!(plain(Op::Equal, &["bool", "bool"]), "bool");
    assert_eq!(plain(Op::Equal, &["bytes", "bytes"]), "type.operand");
    assert_eq!(plain(Op::And, &["bool[n]", "bool"]), "bool[n]");
    assert_eq!(plain(Op::Not, &["i64"]), "type.operand");
    assert_eq!(plain(Op::Select, &["bool[n, 1]", "f64[3]", "f64"]), "f64[n, 3]");
    assert_eq!(plain(Op::Select, &["f64", "f64", "f64"]), "type.operand");
    let to = |dtype| Attrs::new().with("type", Attr::DType(dtype));
    assert_eq!(of(Op::Cast, &["bool[n]"], to(DType::I64)), "i64[n]");
    assert_eq!(of(Op::Cast, &["bytes"], to(DType::I64)), "type.cast");
    assert_eq!(DType::fixed(RingBits::B64, 31), None);
    assert!(DType::fixed(RingBits::B128, 62).is_some());
}

#[test]
fn products_need_equal_inner_lengths() {
    let matmul = |x, y| plain(Op::MatMul, &[x, y]);
    assert_eq!(matmul("f64[n, 3]", "f64[3, m]"), "f64[n, m]");
    assert_eq!(matmul("f64[3, n]", "f64[n]"), "f64[3]");
    assert_eq!(matmul("f64[n]", "f64[n, 3]"), "f64[3]");
    assert_eq!(matmul("f64[n]", "f64[n]"), "f64");
    assert_eq!(matmul("f64[7, 1, 2, n]", "f64[5, n, 4]"), "f64[7, 5, 2, 4]");
    assert_eq!(matmul("f64[n, 3]", "f64[n, 3]"), "shape.matmul");
    assert_eq!(matmul("f64", "f64[3]"), "shape.rank");
    assert_eq!(matmul("bool[2, 2]", "bool[2, 2]"), "type.operand");
    assert_eq!(plain(Op::Dot, &["f64[n]", "f64[n]"]), "f64");
    assert_eq!(plain(Op::Dot, &["f64[n]", "f64[m]"]), "shape.dot");
    assert_eq!(plain(Op::Dot, &["f64[n, 1]", "f64[n, 1]"]), "shape.dot");
}

#[test]
fn reductions_take_axes_from_either_end() {
    let sum = |attrs| of(Op::Sum, &["f64[n, 3, 4]"], attrs);
    let axes = |list: &[i64]| Attrs::new().with("axis", Attr::Ints(list.to_vec()));
    assert_eq!(sum(Attrs::new()), "f64");
    assert_eq!(sum(axis(0)), "f64[3, 4]");
    assert_eq!(sum(axis(-1)), "f64[n, 3]");
    assert_eq!(sum(axes(&[2, 0])), "f64[3]");
    assert_eq!(sum(axes(&[0, -3])), "shape.axis");
    assert_eq!(sum(axis(3)), "shape.axis");
    assert_eq!(sum(axis(1).with("keepdims", Attr::Bool(true))), "f64[n, 1, 4]");
    assert_eq!(sum(axis(1).with("ddof", Attr::Int(1))), "attribute.unknown");
    assert_eq!(of(Op::Std, &["f64[n]"], Attrs::new().with("ddof", Attr::Int(2))), "attribute.value");
    assert_eq!(plain(Op::Mean, &["i64[n]"]), "type.operand");
    assert_eq!(plain(Op::Max, &["f64[0]"]), "shape.empty");
    assert_eq!(of(Op::ArgMax, &["f64[n, 3]"], axis(-1)), "i64[n]");
    assert_eq!(plain(Op::ArgMin, &["f64"]), "shape.rank");
    assert_eq!(plain(Op::Any, &["bool[n, 2]"]), "bool");
}

#[test]
fn axes_are_written_from_the_front_in_increasing_order() {
    let x = ty("f64[n, 3, 4]");
    let attrs = canonical_attrs(Op::Sum, &[&x], &Attrs::new().with("axis", Attr::Ints(vec![-1, 0]))).unwrap();
    assert_eq!(attrs.ints("axis"), Some([0, 2].as_slice()));
    let attrs = canonical_attrs(Op::Sum, &[&x], &axis(0).with("keepdims", Attr::Bool(false))).unwrap();
    assert_eq!(attrs.get("keepdims"), None);
    let attrs = canonical_attrs(Op::Transpose, &[&x], &Attrs::new().with("axes", Attr::Ints(vec![-1, 0, 1]))).unwrap();
    assert_eq!(attrs.ints("axes"), Some([2, 0, 1].as_slice()));
}

#[test]
fn shapes_change_only_where_the_lengths_are_known() {
    let shape = |dims: &[Dim]| Attrs::new().with("shape", Attr::Shape(dims.to_vec()));
    let (n, c) = (Dim::named("n"), Dim::constant);
    let reshape = |x, dims: &[Dim]| of(Op::Reshape, &[x], shape(dims));
    assert_eq!(reshape("f64[n, 6]", &[c(2), n.clone(), c(3)]), "f64[2, n, 3]");
    assert_eq!(reshape("f64[n, 6]", &[n.clone(), c(5)]), "shape.reshape");
    assert_eq!(reshape("f64[n]", &[n.clone(), n.clone()]), "shape.reshape");
    assert_eq!(reshape("f64[4]", &[c(2), c(1 << 40), c(1 << 40)]), "shape.reshape");
    assert_eq!(of(Op::Broadcast, &["f64[1, 3]"], shape(&[n.clone(), c(3)])), "f64[n, 3]");
    assert_eq!(of(Op::Broadcast, &["f64[2, 3]"], shape(&[c(3)])), "shape.broadcast");
    assert_eq!(plain(Op::Transpose, &["f64[n, 3]"]), "f64[3, n]");
    assert_eq!(of(Op::Concat, &["f64[n, 3]", "f64[m, 3]"], axis(0)), "f64[m + n, 3]");
    assert_eq!(of(Op::Concat, &["f64[n, 3]", "f64[n, 4]"], axis(-1)), "f64[n, 7]");
    assert_eq!(of(Op::Concat, &["f64[n, 3]", "f64[n, 3]"], axis(0)), "f64[2*n, 3]");
    assert_eq!(of(Op::Concat, &["f64[n, 3]", "f64[m, 4]"], axis(0)), "shape.concat");
    assert_eq!(plain(Op::Concat, &["f64"]), "shape.rank");
    assert_eq!(of(Op::Stack, &["f64[n]", "f64[n]"], axis(-1)), "f64[n, 2]");
    assert_eq!(plain(Op::Stack, &["f64[n]", "f64[m]"]), "shape.stack");
    assert_eq!(of(Op::ExpandDims, &["f64[n]"], axis(1)), "f64[n, 1]");
    assert_eq!(of(Op::Squeeze, &["f64[n, 1]"], axis(1)), "f64[n]");
    assert_eq!(of(Op::Squeeze, &["f64[n, 1]"], axis(0)), "shape.squeeze");
    assert_eq!(plain(Op::Diagonal, &["f64[n, n]"]), "f64[n]");
    assert_eq!(plain(Op::Diagonal, &["f64[n, 3]"]), "shape.diagonal");
    assert_eq!(plain(Op::CumSum, &["f64"]), "type.operand");
}

#[test]
fn positions_and_ranges_are_those_of_python() {
    let range = |start, end, step| IndexItem::Range { start, end, step };
    let index =
        |items: &[IndexItem]| of(Op::Index, &["f64[n, 10]"], Attrs::new().with("at", Attr::Index(items.to_vec())));
    let all = range(None, None, 1);
    assert_eq!(index(&[IndexItem::At(-1)]), "f64[10]");
    assert_eq!(index(&[all, IndexItem::At(3)]), "f64[n]");
    assert_eq!(index(&[all, range(Some(2), Some(-2), 1)]), "f64[n, 6]");
    assert_eq!(index(&[all, range(None, None, 3)]), "f64[n, 4]");
    assert_eq!(index(&[all, range(Some(8), Some(99), 1)]), "f64[n, 2]");
    assert_eq!(index(&[all, range(Some(5), Some(2), 1)]), "f64[n, 0]");
    assert_eq!(index(&[range(Some(1), None, 1)]), "shape.index");
    assert_eq!(index(&[all, IndexItem::At(10)]), "shape.index");
    assert_eq!(index(&[all, IndexItem::At(-11)]), "shape.index");
    assert_eq!(index(&[all, IndexItem::At(i64::MIN)]), "shape.index");
    assert_eq!(index(&[all, range(Some(i64::MIN), Some(i64::MAX), 1)]), "f64[n, 10]");
    assert_eq!(index(&[all, range(None, None, 0)]), "shape.index");
    assert_eq!(index(&[all, all, all]), "shape.index");
}

#[test]
fn attributes_are_checked_against_the_table() {
    assert_eq!(plain(Op::Cast, &["f64"]), "attribute.missing");
    assert_eq!(of(Op::Cast, &["f64"], Attrs::new().with("type", Attr::Int(1))), "attribute.kind");
    assert_eq!(plain(Op::Add, &["f64"]), "type.arity");
    assert_eq!(plain(Op::Concat, &[]), "type.arity");
    let clip = |low: f64| of(Op::Clip, &["f64"], Attrs::new().with("low", Attr::Real(low)).with("high", Attr::Int(1)));
    assert_eq!(clip(0.0), "f64");
    assert_eq!(clip(f64::NAN), "attribute.value");
}
