//! Attributes: what an operator is told besides its operands.

use std::fmt;

use crate::place::PlayerId;
use crate::types::{DType, Shape};

/// A public number in a program.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// Any other finite number.
    Real(f64),
}

impl Number {
    /// As a double; whole numbers beyond 2^53 are rounded, truth values are 0 and 1.
    pub fn to_f64(self) -> f64 {
        match self {
            Number::Bool(b) => f64::from(u8::from(b)),
            Number::Int(i) => i as f64,
            Number::Real(x) => x,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Bool(b) => write!(f, "{b}"),
            Number::Int(i) => write!(f, "{i}"),
            // `{:?}` is the shortest text that reads back as the same number, always with a point or an exponent.
            Number::Real(x) => write!(f, "{x:?}"),
        }
    }
}

/// A range as programs write it, `0..100` or `-0.5..1e-9`: each bound in its shortest form.
pub fn show_range(low: f64, high: f64) -> String {
    let bound = |x: f64| if x.fract() == 0.0 && x.abs() < 1e15 { format!("{}", x as i64) } else { format!("{x:?}") };
    format!("{}..{}", bound(low), bound(high))
}

/// A public constant: a number, or nested lists of equal length.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    /// Lengths of the axes; empty for a number.
    pub shape: Vec<u64>,
    /// The numbers in row-major order.
    pub values: Vec<Number>,
}

impl Literal {
    /// A single number.
    pub fn number(n: Number) -> Literal {
        Literal { shape: Vec::new(), values: vec![n] }
    }

    /// The number, if it is a single one.
    pub fn as_number(&self) -> Option<Number> {
        (self.shape.is_empty()).then(|| self.values[0])
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn level(f: &mut fmt::Formatter<'_>, shape: &[u64], values: &[Number]) -> fmt::Result {
            let Some((&n, rest)) = shape.split_first() else {
                return write!(f, "{}", values[0]);
            };
            let stride = values.len() / (n.max(1) as usize);
            f.write_str("[")?;
            for i in 0..n as usize {
                if i > 0 {
                    f.write_str(", ")?;
                }
                level(f, rest, &values[i * stride..(i + 1) * stride])?;
            }
            f.write_str("]")
        }
        level(f, &self.shape, &self.values)
    }
}

/// One axis of an index expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexItem {
    /// One position; the axis disappears. Negative counts from the end.
    At(i64),
    /// A range `start:end:step`, as in Python; step is positive.
    Range {
        /// First position; default 0.
        start: Option<i64>,
        /// One past the last position; default the length.
        end: Option<i64>,
        /// Distance between positions, at least 1.
        step: u64,
    },
}

impl fmt::Display for IndexItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IndexItem::At(i) => write!(f, "{i}"),
            IndexItem::Range { start, end, step } => {
                if let Some(s) = start {
                    write!(f, "{s}")?;
                }
                f.write_str(":")?;
                if let Some(e) = end {
                    write!(f, "{e}")?;
                }
                if *step != 1 { write!(f, ":{step}") } else { Ok(()) }
            }
        }
    }
}

/// The readers that one owner allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerPolicy {
    /// The owner.
    pub owner: PlayerId,
    /// The readers it allows; it is always one itself.
    pub readers: Vec<PlayerId>,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attr {
    /// A whole number.
    Int(i64),
    /// A list of whole numbers, such as axes.
    Ints(Vec<i64>),
    /// A truth value.
    Bool(bool),
    /// A real number.
    Real(f64),
    /// A string or a name.
    Str(String),
    /// An element type.
    DType(DType),
    /// A shape.
    Shape(Shape),
    /// An index expression.
    Index(Vec<IndexItem>),
    /// Players.
    Players(Vec<PlayerId>),
    /// Owners and their readers.
    Label(Vec<OwnerPolicy>),
    /// A public constant.
    Literal(Literal),
}

/// The attributes of one instruction, in the order of the operator's specification.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Attrs(Vec<(&'static str, Attr)>);

macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident: $variant:ident -> $ty:ty = $conv:expr;)*) => {
        $($(#[$doc])*
        pub fn $name(&self, name: &str) -> Option<$ty> {
            match self.get(name)? {
                Attr::$variant(v) => Some($conv(v)),
                _ => None,
            }
        })*
    };
}

impl Attrs {
    /// No attributes.
    pub fn new() -> Attrs {
        Attrs::default()
    }

    /// With one more attribute; a second value of a name replaces the first.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Attr) -> Attrs {
        self.set(name, value);
        self
    }

    /// Sets an attribute.
    pub fn set(&mut self, name: &'static str, value: Attr) {
        match self.0.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// An attribute's value.
    pub fn get(&self, name: &str) -> Option<&Attr> {
        self.0.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// All attributes.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Attr)> {
        self.0.iter().map(|(n, v)| (*n, v))
    }

    getters! {
        /// A whole number.
        int: Int -> i64 = |v: &i64| *v;
        /// A list of whole numbers.
        ints: Ints -> &[i64] = |v| v;
        /// A truth value.
        bool: Bool -> bool = |v: &bool| *v;
        /// A real number.
        real: Real -> f64 = |v: &f64| *v;
        /// A string.
        str: Str -> &str = |v| v;
        /// An element type.
        dtype: DType -> DType = |v: &DType| *v;
        /// A shape.
        shape: Shape -> &Shape = |v| v;
        /// An index expression.
        index: Index -> &[IndexItem] = |v| v;
        /// Players.
        players: Players -> &[PlayerId] = |v| v;
        /// Owners and their readers.
        label: Label -> &[OwnerPolicy] = |v| v;
        /// A public constant.
        literal: Literal -> &Literal = |v| v;
    }

    /// The range from `low` to `high`, if both are given.
    pub fn range(&self) -> Option<(f64, f64)> {
        Some((self.real("low")?, self.real("high")?))
    }

    /// The axes named by `axis`, in increasing order; all of `rank` axes if there is none.
    pub fn axes(&self, rank: usize) -> Vec<usize> {
        match self.ints("axis") {
            Some(axes) => axes.iter().map(|a| *a as usize).collect(),
            None => (0..rank).collect(),
        }
    }

    /// The axes that an operator in the operand's own shape works along: those given, else its default.
    pub fn along(&self, op: crate::ops::Op, rank: usize) -> Vec<usize> {
        let default = if op == crate::ops::Op::BatchNormTraining { 0 } else { rank.saturating_sub(1) };
        match (self.ints("axis"), self.int("axis")) {
            (Some(axes), _) => axes.iter().map(|a| *a as usize).collect(),
            (None, Some(axis)) => vec![axis as usize],
            (None, None) => vec![default],
        }
    }

    /// The edges of a histogram's bins.
    pub fn edges(&self) -> Vec<f64> {
        let numbers = self.literal("edges").filter(|l| l.shape.len() == 1).map(|l| l.values.as_slice());
        numbers.unwrap_or_default().iter().map(|n| n.to_f64()).collect()
    }
}
