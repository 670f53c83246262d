//! Random attributes, by their names.

use privity::ir::{Attr, Attrs, DType, Dim, IndexItem, Literal, Number, Op, Type};

use crate::numbers::Random;
use crate::recipe;

/// The attributes of a limit.
pub(crate) fn limits(low: f64, high: f64) -> Attrs {
    Attrs::new().with("low", Attr::Real(low)).with("high", Attr::Real(high))
}

/// Attributes that may suit an operator on an operand of this type.
pub(crate) fn random(op: Op, x: Option<&Type>, real: DType, random: &mut Random) -> Attrs {
    let mut attrs = Attrs::new();
    let shape: Vec<u64> = x.map_or(vec![3], |t| t.shape.iter().map(|d| d.as_constant().unwrap_or(1)).collect());
    if op == Op::Clip {
        let (low, high) = random.of(&[(0.5, 100.0), (-4.0, 4.0), (-0.3, 0.1), (1.0, 1000.0), (-1e6, 1e6), (2.0, 2.0)]);
        return limits(low, high);
    }
    for spec in op.spec().attrs {
        if !spec.required && random.once_in(3) {
            continue;
        }
        if let Some(value) = value(op, spec.name, &shape, real, random) {
            attrs.set(spec.name, value);
        }
    }
    attrs
}

fn value(op: Op, name: &str, shape: &[u64], real: DType, random: &mut Random) -> Option<Attr> {
    let rank = shape.len();
    let whole = |n: usize| Attr::Int(n as i64);
    Some(match name {
        "axis" if matches!(op, Op::Stack | Op::ExpandDims) => whole(random.below(rank + 1)),
        "axis" if matches!(op, Op::LayerNorm | Op::BatchNormTraining) || is_reduction(op) => {
            let axes: Vec<i64> = (0..rank as i64).filter(|_| random.once_in(2)).collect();
            if axes.is_empty() {
                return None;
            }
            Attr::Ints(axes)
        }
        "axis" => whole(random.below(rank)),
        "axes" => {
            let mut axes: Vec<i64> = (0..rank as i64).collect();
            axes.rotate_left(random.below(rank));
            Attr::Ints(axes)
        }
        "keepdims" | "fast" | "approximate" | "descending" => Attr::Bool(random.once_in(2)),
        "ddof" => whole(random.below(2)),
        "epsilon" => Attr::Real(random.of(&[0.0, 1e-5, 0.1, 1e-3])),
        "exponent" => Attr::Real(random.of(&[0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 0.5, -0.5, 1.37, -0.7, 7.0, -4.0])),
        "q" => Attr::Real(random.of(&[0.0, 0.25, 0.3, 0.5, 0.77, 1.0])),
        "k" => whole(1 + random.below(shape.first().copied().unwrap_or(1) as usize)),
        "groups" if matches!(op, Op::Conv1d | Op::Conv2d) => whole(1 + random.below(2)),
        "groups" => whole(1 + random.below(5)),
        "n" => whole(1 + random.below(3)),
        "stride" => Attr::Ints(vec![1 + random.below(2) as i64]),
        "padding" => Attr::Ints(vec![random.below(3) as i64]),
        "size" => Attr::Ints(random.of(&[vec![2], vec![1, 2], vec![2, 1], vec![3]])),
        "edges" => {
            let numbers = [-100.0, -2.0, -0.3, 0.0, 0.001, 1.0, 2.0, 7.0, 1e4].map(Number::Real);
            let from = random.below(6);
            let values = numbers[from..from + 2 + random.below(numbers.len() - from - 1)].to_vec();
            Attr::Literal(Literal { shape: vec![values.len() as u64], values })
        }
        "value" => Attr::Literal(Literal::number(Number::Real(random.of(&[0.1, 0.0, -2.0, 3.0, 100.0])))),
        "type" if matches!(op, Op::Const | Op::Fill | Op::Eye) => Attr::DType(real),
        "type" => Attr::DType(random.of(&recipe::types())),
        "shape" => Attr::Shape(another(op, shape, random).into_iter().map(Dim::constant).collect()),
        "at" => Attr::Index(shape.iter().map(|n| item(*n, random)).collect()),
        _ => return None,
    })
}

fn is_reduction(op: Op) -> bool {
    op.spec().attr("keepdims").is_some()
}

/// Another shape of as many elements, or to broadcast to.
fn another(op: Op, shape: &[u64], random: &mut Random) -> Vec<u64> {
    let mut shape = shape.to_vec();
    let all: u64 = shape.iter().product();
    match op {
        Op::Reshape => match random.below(4) {
            0 => vec![all],
            1 if all.is_multiple_of(2) => vec![2, all / 2],
            2 => vec![1, all],
            _ => {
                shape.reverse();
                shape
            }
        },
        _ => {
            shape.insert(0, 1 + random.below(2) as u64);
            shape
        }
    }
}

fn item(n: u64, random: &mut Random) -> IndexItem {
    let at = |random: &mut Random| random.below(n as usize) as i64;
    match random.below(3) {
        0 => IndexItem::At(at(random)),
        1 => IndexItem::Range { start: Some(at(random)), end: None, step: 1 + random.below(2) as u64 },
        _ => IndexItem::Range { start: None, end: None, step: 1 },
    }
}
