//! Expressions as text, with as few parentheses as their binding allows.

use super::expr::{COMPARE, INFIX, MINUS, NOT, POSTFIX, leading_attribute};
use super::inline::{Form, Forms};
use crate::attrs::{Attr, Attrs};
use crate::builder::is_identifier;
use crate::graph::{Block, Graph, Instr, ValueId, ValueInfo};
use crate::ops::Op;
use crate::types::Dim;

/// Writes the expressions of one graph.
pub(super) struct Shower<'a> {
    graph: &'a Graph,
    /// The instruction that makes each value.
    made_by: Vec<Option<&'a Instr>>,
}

impl<'a> Shower<'a> {
    pub(super) fn new(graph: &'a Graph) -> Shower<'a> {
        fn index<'a>(block: &'a Block, made_by: &mut [Option<&'a Instr>]) {
            for instr in &block.instrs {
                for result in &instr.results {
                    made_by[result.index()] = Some(instr);
                }
                if let Some(region) = &instr.region {
                    index(region, made_by);
                }
            }
        }
        let mut made_by = vec![None; graph.values.len()];
        index(&graph.body, &mut made_by);
        Shower { graph, made_by }
    }

    pub(super) fn info(&self, value: ValueId) -> &'a ValueInfo {
        self.graph.value(value)
    }

    /// A value's name. The builder names whatever needs one.
    pub(super) fn name(&self, value: ValueId) -> String {
        self.info(value).name.clone().unwrap_or_else(|| format!("_v{}", value.0))
    }

    /// The expression that an instruction is.
    pub(super) fn expression(&self, instr: &Instr, forms: &Forms) -> String {
        self.instr(instr, forms).0
    }

    /// An operand's text and how tightly it binds.
    fn operand(&self, value: ValueId, forms: &Forms) -> (String, u8) {
        let made = self.made_by[value.index()];
        match (forms.of(value), made) {
            (Form::InPlace, Some(instr)) => self.instr(instr, forms),
            (Form::Moved, Some(instr)) => (self.name(instr.args[0]), u8::MAX),
            (Form::Literal, Some(instr)) => {
                (instr.attrs.literal("value").map(ToString::to_string).unwrap_or_default(), u8::MAX)
            }
            _ => (self.name(value), u8::MAX),
        }
    }

    /// An operand that must bind at least so tightly.
    fn bound(&self, value: ValueId, least: u8, forms: &Forms) -> String {
        let (text, strength) = self.operand(value, forms);
        if strength < least { format!("({text})") } else { text }
    }

    fn instr(&self, instr: &Instr, forms: &Forms) -> (String, u8) {
        let is_literal = |v: ValueId| forms.of(v) == Form::Literal;
        match (instr.op, instr.args.as_slice()) {
            (Op::Not, [x]) => (format!("not {}", self.bound(*x, NOT, forms)), NOT),
            // `-2` is a number, not the negative of one.
            (Op::Neg, [x]) if !is_literal(*x) => (format!("-{}", self.bound(*x, MINUS, forms)), MINUS),
            (Op::Index, [x]) => {
                let at: Vec<String> = instr.attrs.index("at").unwrap_or(&[]).iter().map(ToString::to_string).collect();
                if at.is_empty() {
                    return self.application(instr, forms);
                }
                (format!("{}[{}]", self.bound(*x, POSTFIX, forms), at.join(", ")), POSTFIX)
            }
            (op, [x, y]) => match INFIX.iter().find(|(_, infix, _)| *infix == op) {
                // Comparisons do not chain; the other operators group from the left.
                Some((sign, _, strength)) => {
                    let left = self.bound(*x, strength + u8::from(*strength == COMPARE), forms);
                    (format!("{left} {sign} {}", self.bound(*y, strength + 1, forms)), *strength)
                }
                None => self.application(instr, forms),
            },
            _ => self.application(instr, forms),
        }
    }

    /// `sum(x, axis=0)`.
    fn application(&self, instr: &Instr, forms: &Forms) -> (String, u8) {
        let operands = instr.args.iter().map(|a| self.operand(*a, forms).0);
        let parts: Vec<String> = operands.chain(attributes(instr.op, &instr.attrs)).collect();
        (format!("{}({})", instr.op.name(), parts.join(", ")), u8::MAX)
    }
}

fn attributes(op: Op, attrs: &Attrs) -> impl Iterator<Item = String> {
    let leading = leading_attribute(op.spec()).map(|a| a.name);
    attrs.iter().map(move |(name, value)| {
        let value = attribute(value);
        if Some(name) == leading { value } else { format!("{name}={value}") }
    })
}

fn attribute(value: &Attr) -> String {
    fn list<T: ToString>(items: &[T]) -> String {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        format!("[{}]", items.join(", "))
    }
    match value {
        Attr::Int(i) => i.to_string(),
        Attr::Ints(one) if one.len() == 1 => one[0].to_string(),
        Attr::Ints(many) => list(many),
        Attr::Bool(b) => b.to_string(),
        Attr::Real(x) => format!("{x:?}"),
        Attr::Str(s) if is_identifier(s) => s.clone(),
        Attr::Str(s) => format!("\"{s}\""),
        Attr::DType(d) => d.to_string(),
        Attr::Shape(shape) => list::<Dim>(shape),
        Attr::Index(items) => list(items),
        Attr::Literal(literal) => literal.to_string(),
        // Operators that are expressions have no such attributes.
        Attr::Players(_) | Attr::Label(_) => String::new(),
    }
}
