//! From tokens to expressions, attributes, literals and types.
//!
//! Binding, from loosest to tightest: `or`, `and`, `not`, comparisons (which do not chain), `+ -`, `* / @`,
//! prefix `-`, and positions `x[…]`.

use super::ast::{Expr, ExprKind};
use super::lexer::{Tok, Token};
use super::names::nearest;
use super::parser::{Parsed, Parser, Reported};
use crate::attrs::{Attr, Attrs, IndexItem, Literal, Number};
use crate::diag::{Diagnostic, Span};
use crate::ops::{Arity, AttrKind, AttrSpec, Op, OpSpec};
use crate::types::{DType, Dim, RingBits, Shape, Type};

/// The deepest expression that is read.
const MAX_DEPTH: u32 = 100;

/// How tightly an infix operator binds, and its sign; the printer uses the same table.
pub(super) const INFIX: &[(&str, Op, u8)] = &[
    ("or", Op::Or, 1),
    ("and", Op::And, 2),
    ("==", Op::Equal, 4),
    ("!=", Op::NotEqual, 4),
    ("<", Op::Less, 4),
    ("<=", Op::LessEqual, 4),
    (">", Op::Greater, 4),
    (">=", Op::GreaterEqual, 4),
    ("+", Op::Add, 5),
    ("-", Op::Sub, 5),
    ("*", Op::Mul, 6),
    ("/", Op::Div, 6),
    ("@", Op::MatMul, 6),
];

/// How tightly prefix `not` binds.
pub(super) const NOT: u8 = 3;
/// How tightly comparisons bind.
pub(super) const COMPARE: u8 = 4;
/// How tightly prefix `-` binds.
pub(super) const MINUS: u8 = 7;
/// How tightly positions bind.
pub(super) const POSTFIX: u8 = 8;

impl<'a> Parser<'a> {
    /// An expression.
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        self.binding(1)
    }

    /// An expression whose operators bind at least so tightly.
    fn binding(&mut self, least: u8) -> Parsed<Expr> {
        self.deeper(|p| {
            let mut left = p.prefix()?;
            loop {
                let token = p.peek();
                let infix = INFIX.iter().find(|(sign, ..)| token.is(sign));
                let Some(&(_, op, strength)) = infix.filter(|(.., strength)| *strength >= least) else {
                    return Ok(left);
                };
                p.next();
                let right = p.binding(strength + 1)?;
                left = p.apply(op, token.span(), vec![left, right], Attrs::new())?;
                if strength == COMPARE && INFIX.iter().any(|(sign, _, s)| *s == COMPARE && p.peek().is(sign)) {
                    return Err(p.error_here("comparisons do not chain", "use `and`, or parentheses"));
                }
            }
        })
    }

    /// Counts one level of nesting while `f` reads it.
    fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err(self.too_deep());
        }
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        result
    }

    fn too_deep(&mut self) -> Reported {
        let span = self.peek().span();
        self.error(
            Diagnostic::new("limit.depth", span, "this expression is nested too deeply").help("give its parts names"),
        )
    }

    fn apply(&mut self, op: Op, span: Span, args: Vec<Expr>, attrs: Attrs) -> Parsed<Expr> {
        self.node(span, args, |args| ExprKind::Apply { op, args, attrs })
    }

    fn node(&mut self, span: Span, args: Vec<Expr>, kind: impl FnOnce(Vec<Expr>) -> ExprKind) -> Parsed<Expr> {
        let depth = 1 + args.iter().map(|a| a.depth).max().unwrap_or(0);
        if depth > MAX_DEPTH { Err(self.too_deep()) } else { Ok(Expr { span, kind: kind(args), depth }) }
    }

    fn prefix(&mut self) -> Parsed<Expr> {
        let token = self.peek();
        if token.is("not") {
            self.next();
            let x = self.binding(NOT)?;
            return self.apply(Op::Not, token.span(), vec![x], Attrs::new());
        }
        if token.is("-") && self.peek_second().tok != Tok::Number {
            self.next();
            let x = self.binding(MINUS)?;
            return self.apply(Op::Neg, token.span(), vec![x], Attrs::new());
        }
        let mut x = self.primary()?;
        while self.peek().is("[") {
            let span = self.peek().span();
            let at = self.index()?;
            x = self.apply(Op::Index, span, vec![x], Attrs::new().with("at", Attr::Index(at)))?;
        }
        Ok(x)
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.peek();
        match token.tok {
            Tok::Name if matches!(token.text, "true" | "false") => self.literal_expr(),
            Tok::Name if self.peek_second().is("(") => self.application(),
            Tok::Name => {
                let name = self.name("a value")?;
                Ok(Expr { span: name.span, kind: ExprKind::Name(name.text), depth: 1 })
            }
            Tok::Number => self.literal_expr(),
            Tok::Punct if matches!(token.text, "[" | "-") => self.literal_expr(),
            Tok::Punct if token.text == "(" => {
                self.next();
                let inner = self.expr()?;
                self.expect(")")?;
                Ok(inner)
            }
            _ => Err(self.expected("a value")),
        }
    }

    fn literal_expr(&mut self) -> Parsed<Expr> {
        let span = self.peek().span();
        Ok(Expr { span, kind: ExprKind::Literal(self.literal()?), depth: 1 })
    }

    /// `sum(x, axis=0)`.
    fn application(&mut self) -> Parsed<Expr> {
        let name = self.next();
        let spec = Op::parse(name.text).filter(|op| !op.is_statement()).map(Op::spec);
        self.next();
        let mut args = Vec::new();
        let mut attrs = Attrs::new();
        while !self.peek().is(")") {
            if self.peek().tok == Tok::Name && self.peek_second().is("=") {
                match spec {
                    Some(spec) => self.attribute(spec, &mut attrs)?,
                    None => self.skip_attribute(),
                }
            } else if let Some(first) = spec.and_then(leading_attribute).filter(|a| attrs.get(a.name).is_none()) {
                let value = self.attr_value(first.kind)?;
                attrs.set(first.name, value);
            } else {
                args.push(self.expr()?);
            }
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        match spec {
            Some(spec) => self.apply(spec.op, name.span(), args, attrs),
            None => {
                let name_text = name.text.to_owned();
                self.node(name.span(), args, |args| ExprKind::Unknown { name: name_text, args })
            }
        }
    }

    fn attribute(&mut self, spec: &OpSpec, attrs: &mut Attrs) -> Parsed<()> {
        let name = self.next();
        self.next();
        let Some(known) = spec.attr(name.text) else {
            let d = Diagnostic::new(
                "attribute.unknown",
                name.span(),
                format!("`{}` has no attribute `{}`", spec.name, name.text),
            );
            let names: Vec<&str> = spec.attrs.iter().map(|a| a.name).collect();
            return Err(self.error(if names.is_empty() { d } else { d.help(format!("it has: {}", names.join(", "))) }));
        };
        if attrs.get(known.name).is_some() {
            let message = format!("`{}` is given twice", known.name);
            return Err(self.error(Diagnostic::new("attribute.twice", name.span(), message)));
        }
        let value = self.attr_value(known.kind)?;
        attrs.set(known.name, value);
        Ok(())
    }

    /// Passes over an attribute of an operator that does not exist.
    fn skip_attribute(&mut self) {
        let mut open = 0u32;
        loop {
            let token = self.peek();
            match token.tok {
                Tok::Newline | Tok::End => return,
                Tok::Punct if matches!(token.text, "(" | "[") => open += 1,
                Tok::Punct if open == 0 && matches!(token.text, ")" | ",") => return,
                Tok::Punct if matches!(token.text, ")" | "]") => open = open.saturating_sub(1),
                _ => {}
            }
            self.next();
        }
    }

    fn attr_value(&mut self, kind: AttrKind) -> Parsed<Attr> {
        Ok(match kind {
            AttrKind::Int => Attr::Int(self.signed("a whole number")?),
            AttrKind::Ints if self.eat("[") => {
                let list = if self.peek().is("]") { Vec::new() } else { self.list(|p| p.signed("a whole number"))? };
                self.expect("]")?;
                Attr::Ints(list)
            }
            AttrKind::Ints => Attr::Ints(vec![self.signed("a whole number, or a list of them")?]),
            AttrKind::Bool => match self.peek() {
                t if t.is("true") || t.is("false") => Attr::Bool(self.next().text == "true"),
                _ => return Err(self.expected("`true` or `false`")),
            },
            AttrKind::Real => Attr::Real(self.signed_real()?),
            AttrKind::Str => match self.peek().tok {
                Tok::Name | Tok::Str => Attr::Str(self.next().text.to_owned()),
                _ => return Err(self.expected("a name")),
            },
            AttrKind::DType => Attr::DType(self.dtype()?),
            AttrKind::Shape => Attr::Shape(self.shape()?),
            AttrKind::Index => Attr::Index(self.index()?),
            AttrKind::Literal => Attr::Literal(self.literal()?),
            AttrKind::Players | AttrKind::Label => return Err(self.expected("another attribute")),
        })
    }

    // Numbers.

    fn number_token(&mut self, what: &str) -> Parsed<Token<'a>> {
        if self.peek().tok == Tok::Number { Ok(self.next()) } else { Err(self.expected(what)) }
    }

    fn real(&mut self, token: Token<'_>) -> Parsed<f64> {
        match token.text.parse::<f64>() {
            Ok(x) if x.is_finite() => Ok(x),
            _ => Err(self.error(Diagnostic::new("literal.range", token.span(), "this number is too large"))),
        }
    }

    /// A number, perhaps negative.
    pub(super) fn signed_real(&mut self) -> Parsed<f64> {
        let minus = self.eat("-");
        let token = self.number_token("a number")?;
        let x = self.real(token)?;
        Ok(if minus { -x } else { x })
    }

    fn digits<T: std::str::FromStr>(&mut self, minus: bool, what: &str) -> Parsed<T> {
        let token = self.peek();
        if token.tok != Tok::Number {
            return Err(self.expected(what));
        }
        self.next();
        let signed = format!("{}{}", if minus { "-" } else { "" }, token.text);
        signed.parse().map_err(|_| {
            let whole = token.text.bytes().all(|b| b.is_ascii_digit());
            let wrong = if whole { "is too large" } else { "is no whole number" };
            let message = format!("expected {what}, but {} {wrong}", token.text);
            self.error(Diagnostic::new("literal.range", token.span(), message))
        })
    }

    /// A whole number without a sign.
    pub(super) fn whole_number(&mut self, what: &str) -> Parsed<i64> {
        self.digits(false, what)
    }

    fn signed(&mut self, what: &str) -> Parsed<i64> {
        let minus = self.eat("-");
        self.digits(minus, what)
    }

    // Literals.

    fn literal(&mut self) -> Parsed<Literal> {
        let mut values = Vec::new();
        let shape = self.literal_level(&mut values)?;
        Ok(Literal { shape, values })
    }

    fn literal_level(&mut self, values: &mut Vec<Number>) -> Parsed<Vec<u64>> {
        if !self.peek().is("[") {
            values.push(self.literal_number()?);
            return Ok(Vec::new());
        }
        let open = self.next().span();
        self.deeper(|p| {
            let mut inner: Option<Vec<u64>> = None;
            let mut count = 0;
            while !p.peek().is("]") {
                let shape = p.literal_level(values)?;
                if inner.as_ref().is_some_and(|first| *first != shape) {
                    let message = "the inner lists of a constant must be equally long";
                    return Err(p.error(Diagnostic::new("literal.shape", open.clone(), message)));
                }
                inner = Some(shape);
                count += 1;
                if !p.eat(",") {
                    break;
                }
            }
            p.expect("]")?;
            let Some(inner) = inner else {
                return Err(p.error(Diagnostic::new(
                    "literal.shape",
                    open.clone(),
                    "a constant has at least one number",
                )));
            };
            Ok(std::iter::once(count).chain(inner).collect())
        })
    }

    fn literal_number(&mut self) -> Parsed<Number> {
        let token = self.peek();
        if token.is("true") || token.is("false") {
            self.next();
            return Ok(Number::Bool(token.text == "true"));
        }
        let minus = self.eat("-");
        let token = self.peek();
        if token.tok == Tok::Name {
            return Err(self.error_here("a list holds numbers only", "join values with `stack(a, b)`"));
        }
        if token.tok == Tok::Number && token.text.contains(['.', 'e', 'E']) {
            self.next();
            let x = self.real(token)?;
            return Ok(Number::Real(if minus { -x } else { x }));
        }
        Ok(Number::Int(self.digits(minus, "a number")?))
    }

    // Types.

    /// An element type.
    pub(super) fn dtype(&mut self) -> Parsed<DType> {
        let token = self.peek();
        let simple = match token.text {
            _ if token.tok != Tok::Name => None,
            "bool" => Some(DType::Bool),
            "i64" => Some(DType::I64),
            "u64" => Some(DType::U64),
            "f32" => Some(DType::F32),
            "f64" => Some(DType::F64),
            "bytes" => Some(DType::Bytes),
            _ => None,
        };
        if let Some(dtype) = simple {
            self.next();
            return Ok(dtype);
        }
        if token.is("fixed") {
            self.next();
            return self.fixed(token.span());
        }
        let found = self.expected("a type");
        Err(found)
    }

    fn fixed(&mut self, span: Span) -> Parsed<DType> {
        self.expect("<")?;
        let ring = self.whole_number("64 or 128")?;
        self.expect(",")?;
        let frac = self.whole_number("the number of fraction bits")?;
        self.expect(">")?;
        let ring_bits = match ring {
            64 => Some(RingBits::B64),
            128 => Some(RingBits::B128),
            _ => None,
        };
        let dtype = ring_bits.zip(u8::try_from(frac).ok()).and_then(|(ring, frac)| DType::fixed(ring, frac));
        dtype.ok_or_else(|| {
            let d = Diagnostic::new("type.fixed", span, format!("there is no type fixed<{ring}, {frac}>"));
            self.error(d.help("the ring has 64 bits and at most 30 of fraction, or 128 and at most 62"))
        })
    }

    /// An element type and a shape.
    pub(super) fn ty(&mut self) -> Parsed<Type> {
        let dtype = self.dtype()?;
        let shape = if self.peek().is("[") { self.shape()? } else { Vec::new() };
        Ok(Type::new(dtype, shape))
    }

    fn shape(&mut self) -> Parsed<Shape> {
        self.expect("[")?;
        let shape = if self.peek().is("]") { Vec::new() } else { self.list(Parser::dim_sum)? };
        self.expect("]")?;
        Ok(shape)
    }

    /// `n`, `30` or `2*n + m + 1`.
    fn dim_sum(&mut self) -> Parsed<Dim> {
        let mut sum = Dim::default();
        loop {
            let span = self.peek().span();
            let term = self.dim_term()?;
            sum = sum
                .checked_add(&term)
                .ok_or_else(|| self.error(Diagnostic::new("limit.shape", span, "this length is too large")))?;
            if !self.eat("+") {
                return Ok(sum);
            }
        }
    }

    fn dim_term(&mut self) -> Parsed<Dim> {
        if self.peek().tok != Tok::Number {
            return Ok(Dim::named(&self.name("a dimension's name or a number")?.text));
        }
        let count: u64 = self.digits(false, "a length")?;
        if !self.eat("*") {
            return Ok(Dim::constant(count));
        }
        Ok(Dim::named(&self.name("a dimension's name")?.text).times(count))
    }

    /// `[0, 1:3, :, ::2]`.
    fn index(&mut self) -> Parsed<Vec<IndexItem>> {
        self.expect("[")?;
        let items = self.list(Parser::index_item)?;
        self.expect("]")?;
        Ok(items)
    }

    fn index_item(&mut self) -> Parsed<IndexItem> {
        let bound = |p: &mut Self| match p.peek() {
            t if t.tok == Tok::Number || t.is("-") => p.signed("a position").map(Some),
            _ => Ok(None),
        };
        let start = bound(self)?;
        if !self.eat(":") {
            return match start {
                Some(at) => Ok(IndexItem::At(at)),
                None => {
                    let reported = self.expected("a position or a range");
                    Err(reported)
                }
            };
        }
        let end = bound(self)?;
        let step = if self.eat(":") { self.digits(false, "a step")? } else { 1 };
        Ok(IndexItem::Range { start, end, step })
    }
}

/// The attribute that an operator without operands takes first, without its name.
pub(super) fn leading_attribute(spec: &OpSpec) -> Option<&'static AttrSpec> {
    spec.attrs.first().filter(|_| spec.arity == Arity::Exactly(0))
}

/// The operator whose name is nearest.
pub(super) fn nearest_operator(name: &str) -> Option<&'static str> {
    nearest(name, crate::ops::OPS.iter().filter(|s| !s.op.is_statement()).map(|s| s.name))
}
