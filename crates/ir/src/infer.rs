//! The rules of the operator table: which operands an operator takes, and the type of its result.

use std::collections::BTreeMap;

use crate::attrs::{Attr, Attrs, IndexItem};
use crate::ops::{Arity, AttrKind, Op, OpSpec, Rule};
use crate::types::{DType, Dim, Shape, Type, show_shape};

/// Why an operator does not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A stable code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// A problem without a line of help.
pub(crate) fn problem(code: &'static str, message: String) -> Problem {
    Problem { code, message, help: None }
}

impl Problem {
    pub(crate) fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }
}

type Result<T> = std::result::Result<T, Problem>;

/// Checks attributes against the operator's specification and brings them into canonical form:
/// in the order of the table, axes counted from the front and increasing.
pub fn canonical_attrs(op: Op, args: &[&Type], attrs: &Attrs) -> Result<Attrs> {
    let spec = op.spec();
    if let Some((name, _)) = attrs.iter().find(|(name, _)| spec.attr(name).is_none()) {
        let known: Vec<&str> = spec.attrs.iter().map(|a| a.name).collect();
        let p = problem("attribute.unknown", format!("`{}` has no attribute `{name}`", op.name()));
        return Err(if known.is_empty() { p } else { p.help(format!("it has: {}", known.join(", "))) });
    }
    let mut out = Attrs::new();
    for a in spec.attrs {
        match attrs.get(a.name) {
            None if a.required => {
                let (op, name) = (op.name(), a.name);
                let p = problem("attribute.missing", format!("`{op}` needs `{name}`: {}", a.doc));
                return Err(p.help(format!("it is given by its name: `{op}(.., {name}=..)`")));
            }
            None => {}
            Some(value) => {
                let value = convert(spec, a.name, a.kind, value)?;
                // What is the default is left out, so that one program has one text.
                let own = op.is_federated() && args.first().is_some_and(|x| value == Attr::DType(x.dtype));
                if value != Attr::Bool(false) && !own {
                    out.set(a.name, value);
                }
            }
        }
    }
    normalise_axes(op, args, &mut out)?;
    if crate::window::has_window(op) { crate::window::canonical(op, out) } else { Ok(out) }
}

fn convert(spec: &OpSpec, name: &str, kind: AttrKind, value: &Attr) -> Result<Attr> {
    Ok(match (kind, value) {
        (AttrKind::Real, Attr::Real(x)) if !x.is_finite() => {
            return Err(problem("attribute.value", format!("`{name}` of `{}` must be finite", spec.name)));
        }
        (AttrKind::Int, Attr::Int(_))
        | (AttrKind::Ints, Attr::Ints(_))
        | (AttrKind::Bool, Attr::Bool(_))
        | (AttrKind::Real, Attr::Real(_))
        | (AttrKind::Str, Attr::Str(_))
        | (AttrKind::DType, Attr::DType(_))
        | (AttrKind::Shape, Attr::Shape(_))
        | (AttrKind::Index, Attr::Index(_))
        | (AttrKind::Players, Attr::Players(_))
        | (AttrKind::Label, Attr::Label(_))
        | (AttrKind::Literal, Attr::Literal(_)) => value.clone(),
        (AttrKind::Ints, Attr::Int(i)) => Attr::Ints(vec![*i]),
        (AttrKind::Real, Attr::Int(i)) => Attr::Real(*i as f64),
        _ => {
            return Err(problem(
                "attribute.kind",
                format!("`{}` of `{}` must be {}", name, spec.name, kind_in_words(kind)),
            ));
        }
    })
}

fn kind_in_words(kind: AttrKind) -> &'static str {
    match kind {
        AttrKind::Int => "a whole number",
        AttrKind::Ints => "a whole number or a list of them",
        AttrKind::Bool => "true or false",
        AttrKind::Real => "a number",
        AttrKind::Str => "a string",
        AttrKind::DType => "a type, such as f64 or fixed<64, 16>",
        AttrKind::Shape => "a shape, such as [n, 3]",
        AttrKind::Index => "positions and ranges, such as [0, 1:3]",
        AttrKind::Players => "a list of players",
        AttrKind::Label => "owners and their readers",
        AttrKind::Literal => "a number, or nested lists of numbers",
    }
}

fn normalise_axes(op: Op, args: &[&Type], attrs: &mut Attrs) -> Result<()> {
    let Some(first) = args.first() else { return Ok(()) };
    // A new axis may also stand behind the last one.
    let rank = first.rank() + usize::from(matches!(op, Op::Stack | Op::ExpandDims));
    for name in ["axis", "axes"] {
        let fixed = match attrs.get(name) {
            Some(Attr::Int(a)) => Attr::Int(axis_from_front(op, *a, rank)?),
            Some(Attr::Ints(list)) => {
                let mut axes = list.iter().map(|a| axis_from_front(op, *a, rank)).collect::<Result<Vec<_>>>()?;
                if name == "axis" {
                    axes.sort_unstable();
                }
                let mut seen = axes.clone();
                seen.sort_unstable();
                if seen.windows(2).any(|w| w[0] == w[1]) {
                    return Err(problem("shape.axis", format!("`{}` names an axis twice", op.name())));
                }
                Attr::Ints(axes)
            }
            _ => continue,
        };
        let known = op.spec().attr(name).expect("converted above").name;
        attrs.set(known, fixed);
    }
    Ok(())
}

fn axis_from_front(op: Op, axis: i64, rank: usize) -> Result<i64> {
    let rank = rank as i64;
    let front = if axis < 0 { axis + rank } else { axis };
    if (0..rank).contains(&front) {
        return Ok(front);
    }
    Err(problem("shape.axis", format!("`{}`: there is no axis {axis} among {rank}", op.name())))
}

/// The type of an operator's result. `attrs` must be canonical (see [`canonical_attrs`]).
///
/// # Errors
/// What does not fit, with both types in the message.
pub fn infer(op: Op, args: &[&Type], attrs: &Attrs) -> Result<Type> {
    let spec = op.spec();
    let fits = match spec.arity {
        Arity::Exactly(n) => args.len() == n,
        Arity::AtLeast(n) => args.len() >= n,
    };
    if !fits {
        let wanted = match spec.arity {
            Arity::Exactly(1) => "1 operand".to_owned(),
            Arity::Exactly(n) => format!("{n} operands"),
            Arity::AtLeast(n) => format!("at least {n} operand(s)"),
        };
        return Err(problem("type.arity", format!("`{}` takes {wanted}, not {}", op.name(), args.len())));
    }
    match spec.rule {
        Rule::Declared => declared(op, attrs),
        Rule::Same => Ok(args[0].clone()),
        Rule::Cast => cast(op, args[0], attrs.dtype("type").unwrap_or(args[0].dtype)),
        Rule::Unary => unary(op, args[0], DType::is_numeric, "numbers"),
        Rule::UnaryReal => unary(op, args[0], DType::is_real, "real numbers (float or fixed point)"),
        Rule::Binary => binary(op, args[0], args[1], DType::is_numeric, "numbers"),
        Rule::BinaryReal => binary(op, args[0], args[1], DType::is_real, "real numbers (float or fixed point)"),
        Rule::Compare => Ok(as_bool(binary(op, args[0], args[1], |d| d != DType::Bytes, "numbers or truth values")?)),
        Rule::Order => Ok(as_bool(binary(op, args[0], args[1], DType::is_numeric, "numbers")?)),
        Rule::Logic if args.len() == 1 => unary(op, args[0], |d| d == DType::Bool, "truth values"),
        Rule::Logic => binary(op, args[0], args[1], |d| d == DType::Bool, "truth values"),
        Rule::Select => select(args),
        Rule::Reduce => reduce(op, args[0], attrs, DType::is_numeric, "numbers"),
        Rule::ReduceReal => reduce(op, args[0], attrs, DType::is_real, "real numbers (float or fixed point)"),
        Rule::ReduceBool => reduce(op, args[0], attrs, |d| d == DType::Bool, "truth values"),
        Rule::ArgReduce => arg_reduce(op, args[0], attrs),
        Rule::MatMul => matmul(args[0], args[1]),
        Rule::Dot => dot(args[0], args[1]),
        Rule::Along => along(op, args[0], attrs),
        Rule::Broadcast => broadcast_to_first(op, args),
        Rule::Rows => crate::rows::infer(op, args, attrs),
        Rule::Convolve => {
            same_dtype(op, args[0], args[1])?;
            accept(op, args[0], DType::is_numeric, "numbers")?;
            Ok(Type::new(args[0].dtype, crate::window::convolve(op, args[0], args[1], attrs)?))
        }
        Rule::Pool | Rule::PoolReal => {
            match spec.rule {
                Rule::Pool => accept(op, args[0], DType::is_numeric, "numbers")?,
                _ => accept(op, args[0], DType::is_real, "real numbers (float or fixed point)")?,
            }
            Ok(Type::new(args[0].dtype, crate::window::pool(op, args[0], attrs)?))
        }
        Rule::Structural => crate::shape::structural(op, args, attrs),
        Rule::Module => crate::module::infer(args, attrs),
        Rule::Federated => crate::federated::infer(op, args, attrs),
        Rule::Control => Err(problem("misuse", format!("`{}` is typed by its region", op.name()))),
    }
}

fn declared(op: Op, attrs: &Attrs) -> Result<Type> {
    let dtype =
        attrs.dtype("type").ok_or_else(|| problem("misuse", format!("`{}` is typed by its declaration", op.name())))?;
    if dtype == DType::Bytes {
        return Err(problem("type.operand", format!("`{}` makes no bytes", op.name())));
    }
    let shape: Shape = match op {
        Op::Const => attrs.literal("value").map(|l| l.shape.iter().map(|n| Dim::constant(*n)).collect()),
        Op::Fill if attrs.literal("value").is_some_and(|l| l.as_number().is_none()) => {
            return Err(problem("attribute.value", "`fill` takes a single number".to_owned()));
        }
        Op::Fill => attrs.shape("shape").cloned(),
        Op::Eye => match attrs.int("n") {
            Some(n) if n > 0 => Some(vec![Dim::constant(n as u64); 2]),
            _ => return Err(problem("shape.size", "`eye` needs a positive number of rows".to_owned())),
        },
        _ => Some(Vec::new()),
    }
    .unwrap_or_default();
    Ok(Type::new(dtype, shape))
}

/// Whether numbers of one element type can become those of another.
fn cast(op: Op, x: &Type, to: DType) -> Result<Type> {
    let ok = x.dtype == to || (x.dtype != DType::Bytes && to != DType::Bytes);
    if ok {
        return Ok(Type::new(to, x.shape.clone()));
    }
    Err(problem("type.cast", format!("`{}` cannot make {to} of {}", op.name(), x.dtype)))
}

/// That an operand has elements of some kind.
pub(crate) fn accept(op: Op, x: &Type, accepts: impl Fn(DType) -> bool, wanted: &str) -> Result<()> {
    if accepts(x.dtype) {
        return Ok(());
    }
    let p = problem("type.operand", format!("`{}` needs {wanted}, not {x}", op.name()));
    Err(match (op, x.dtype) {
        (Op::Div | Op::Mean, DType::I64 | DType::U64) => p.help("convert first, as `cast(x, type=fixed<64, 16>)`"),
        (_, DType::Bool) => p.help("turn truth values into numbers with `cast(x, type=…)`, or use `select`"),
        _ => p,
    })
}

fn unary(op: Op, x: &Type, accepts: impl Fn(DType) -> bool, wanted: &str) -> Result<Type> {
    accept(op, x, accepts, wanted)?;
    if matches!(op, Op::Neg | Op::Sign | Op::Abs) && x.dtype == DType::U64 {
        return Err(problem("type.operand", format!("`{}` needs signed numbers, not {x}", op.name())));
    }
    Ok(x.clone())
}

fn same_dtype(op: Op, x: &Type, y: &Type) -> Result<()> {
    if x.dtype == y.dtype {
        return Ok(());
    }
    Err(problem("type.mismatch", format!("`{}` of {x} and {y}: the element types differ", op.name()))
        .help(format!("convert one of them, as `cast(y, type={})`", x.dtype)))
}

fn binary(op: Op, x: &Type, y: &Type, accepts: impl Fn(DType) -> bool, wanted: &str) -> Result<Type> {
    same_dtype(op, x, y)?;
    accept(op, x, accepts, wanted)?;
    let shape = broadcast(op, &[&x.shape, &y.shape])?;
    Ok(Type::new(x.dtype, shape))
}

fn as_bool(t: Type) -> Type {
    Type::new(DType::Bool, t.shape)
}

/// The shape that all shapes broadcast to, by numpy's rule.
pub(crate) fn broadcast(op: Op, shapes: &[&Shape]) -> Result<Shape> {
    let rank = shapes.iter().map(|s| s.len()).max().unwrap_or(0);
    let mut out = vec![Dim::constant(1); rank];
    for shape in shapes {
        for (i, dim) in shape.iter().rev().enumerate() {
            let slot = &mut out[rank - 1 - i];
            if slot.is_one() {
                *slot = dim.clone();
            } else if !dim.is_one() && slot != dim {
                let all: Vec<String> =
                    shapes.iter().map(|s| format!("[{}]", show_shape(s).trim_matches(['[', ']']))).collect();
                return Err(problem(
                    "shape.broadcast",
                    format!(
                        "`{}`: the shapes {} do not go together: {slot} against {dim}",
                        op.name(),
                        all.join(" and ")
                    ),
                ));
            }
        }
    }
    Ok(out)
}

fn select(args: &[&Type]) -> Result<Type> {
    if args[0].dtype != DType::Bool {
        return Err(problem("type.operand", format!("`select` needs a condition of truth values, not {}", args[0])));
    }
    same_dtype(Op::Select, args[1], args[2])?;
    if args[1].dtype == DType::Bytes {
        return Err(problem("type.operand", "`select` does not choose between bytes".to_owned()));
    }
    let shape = broadcast(Op::Select, &[&args[0].shape, &args[1].shape, &args[2].shape])?;
    Ok(Type::new(args[1].dtype, shape))
}

fn reduce(op: Op, x: &Type, attrs: &Attrs, accepts: impl Fn(DType) -> bool, wanted: &str) -> Result<Type> {
    accept(op, x, accepts, wanted)?;
    let axes = attrs.axes(x.rank());
    let keep = attrs.bool("keepdims").unwrap_or(false);
    if attrs.int("ddof").is_some_and(|d| !(0..=1).contains(&d)) {
        return Err(problem("attribute.value", format!("`ddof` of `{}` is 0 or 1", op.name())));
    }
    if op != Op::Sum && axes.iter().any(|a| x.shape[*a].as_constant() == Some(0)) {
        return Err(problem("shape.empty", format!("`{}` over an axis of length 0", op.name())));
    }
    if let Some(few) = too_few(op, x, attrs, &BTreeMap::new()) {
        return Err(problem("shape.ddof", few));
    }
    let shape = x.shape.iter().enumerate().filter_map(|(i, d)| match (axes.contains(&i), keep) {
        (true, true) => Some(Dim::constant(1)),
        (true, false) => None,
        (false, _) => Some(d.clone()),
    });
    Ok(Type::new(x.dtype, shape.collect()))
}

/// Why there are too few values: for the divisor of a variance or standard deviation, or for the greatest of a vector, as
/// far as `dims` tells the lengths of their axes.
pub fn too_few(op: Op, x: &Type, attrs: &Attrs, dims: &BTreeMap<String, u64>) -> Option<String> {
    let attr = |name| u64::try_from(attrs.int(name).unwrap_or(0)).unwrap_or(0);
    let axes = match op {
        Op::Variance | Op::Std => attrs.axes(x.rank()),
        Op::TopK => vec![0],
        _ => return None,
    };
    let lengths = axes.iter().map(|a| x.shape.get(*a)?.eval(dims)).collect::<Option<Vec<u64>>>()?;
    let values = lengths.iter().fold(1u64, |n, length| n.saturating_mul(*length));
    if op == Op::TopK {
        let k = attr("k");
        return (values < k).then(|| format!("`top_k` with k={k} of {values} number(s): there are too few"));
    }
    let ddof = attr("ddof");
    (values <= ddof).then(|| format!("`{}` over {values} row(s) with ddof={ddof} has no divisor", op.name()))
}

fn arg_reduce(op: Op, x: &Type, attrs: &Attrs) -> Result<Type> {
    accept(op, x, DType::is_numeric, "numbers")?;
    let axis = attrs.int("axis").unwrap_or(0) as usize;
    if axis >= x.rank() {
        return Err(problem("shape.rank", format!("`{}` needs an axis, and {x} has none", op.name())));
    }
    let mut shape = x.shape.clone();
    shape.remove(axis);
    Ok(Type::new(DType::I64, shape))
}

fn matmul(x: &Type, y: &Type) -> Result<Type> {
    same_dtype(Op::MatMul, x, y)?;
    accept(Op::MatMul, x, DType::is_numeric, "numbers")?;
    if x.rank() == 0 || y.rank() == 0 {
        return Err(problem("shape.rank", format!("`matmul` of {x} and {y}: a scalar has no rows; use `*`")));
    }
    // As in numpy: a vector on the left is a row, one on the right a column, and their axis then disappears.
    let (mut xs, mut ys) = (x.shape.clone(), y.shape.clone());
    if x.rank() == 1 {
        xs.insert(0, Dim::constant(1));
    }
    if y.rank() == 1 {
        ys.push(Dim::constant(1));
    }
    let (inner_x, inner_y) = (&xs[xs.len() - 1], &ys[ys.len() - 2]);
    if inner_x != inner_y {
        return Err(problem(
            "shape.matmul",
            format!("`matmul` of {x} and {y}: {inner_x} columns against {inner_y} rows"),
        ));
    }
    let mut shape = broadcast(Op::MatMul, &[&xs[..xs.len() - 2].to_vec(), &ys[..ys.len() - 2].to_vec()])?;
    if x.rank() > 1 {
        shape.push(xs[xs.len() - 2].clone());
    }
    if y.rank() > 1 {
        shape.push(ys[ys.len() - 1].clone());
    }
    Ok(Type::new(x.dtype, shape))
}

fn dot(x: &Type, y: &Type) -> Result<Type> {
    same_dtype(Op::Dot, x, y)?;
    accept(Op::Dot, x, DType::is_numeric, "numbers")?;
    if x.rank() != 1 || x.shape != y.shape {
        return Err(problem("shape.dot", format!("`dot` needs two vectors of one length, not {x} and {y}"))
            .help("use `matmul` (`@`) for matrices"));
    }
    Ok(Type::scalar(x.dtype))
}

/// Changed along axes, in its own shape.
fn along(op: Op, x: &Type, attrs: &Attrs) -> Result<Type> {
    accept(op, x, DType::is_real, "real numbers (float or fixed point)")?;
    epsilon(op, attrs)?;
    if x.rank() == 0 {
        return Err(problem("shape.rank", format!("`{}` needs an axis, and {x} has none", op.name())));
    }
    if attrs.along(op, x.rank()).iter().any(|a| x.shape[*a].as_constant() == Some(0)) {
        return Err(problem("shape.empty", format!("`{}` over an axis of length 0", op.name())));
    }
    Ok(x.clone())
}

fn broadcast_to_first(op: Op, args: &[&Type]) -> Result<Type> {
    let x = args[0];
    accept(op, x, DType::is_real, "real numbers (float or fixed point)")?;
    for other in &args[1..] {
        same_dtype(op, x, other)?;
        if broadcast(op, &[&x.shape, &other.shape])? != x.shape {
            return Err(problem("shape.broadcast", format!("`{}`: {other} does not go into {x}", op.name())));
        }
    }
    Ok(x.clone())
}

fn epsilon(op: Op, attrs: &Attrs) -> Result<()> {
    match attrs.real("epsilon") {
        Some(e) if e < 0.0 => Err(problem("attribute.value", format!("`epsilon` of `{}` is at least 0", op.name()))),
        _ => Ok(()),
    }
}

/// The number of positions that a range takes of an axis, and its first position; `None` if it does not fit.
pub(crate) fn range_length(item: &IndexItem, dim: &Dim) -> Option<Dim> {
    match item {
        IndexItem::At(i) => {
            let n = dim.as_constant();
            let ok = match n {
                Some(n) => (-i128::from(n)..i128::from(n)).contains(&i128::from(*i)),
                // A named axis may be indexed near its ends; the worker checks it when the length is known.
                None => true,
            };
            ok.then(|| Dim::constant(1))
        }
        IndexItem::Range { start: None, end: None, step: 1 } => Some(dim.clone()),
        IndexItem::Range { start, end, step } => {
            let n = i128::from(dim.as_constant()?);
            let at = |x: i128| if x < 0 { (x + n).max(0) } else { x.min(n) };
            let (s, e) = (at(start.map_or(0, i128::from)), at(end.map_or(n, i128::from)));
            Some(Dim::constant(((e - s).max(0) as u64).div_ceil(*step)))
        }
    }
}
