//! Lowering of what stands on the right of `=`: expressions, moves, releases, loops and calls.

use super::ast::{Expr, ExprKind, Right, Statement, Word};
use super::expr::nearest_operator;
use super::lower::{Ends, Lower, Place, all};
use super::parser::{Parsed, Reported};
use crate::attrs::{Attr, Attrs};
use crate::builder::{Operand, shown};
use crate::diag::{Diagnostic, Span};
use crate::graph::ValueId;
use crate::ops::Op;

impl Lower {
    /// Lowers a statement that gives names to values.
    pub(super) fn assign(&mut self, names: &[Word], right: &Right, span: &Span) {
        let made = match right {
            Right::Expr(e) => self.value_here(e).map(|v| vec![v]),
            Right::Move { value, to, dtype } => {
                let (value, to) = (self.value_anywhere(value), self.placement(to));
                self.step(value.and_then(|v| Ok((v, to?))), |l, (v, to)| l.builder.move_to(v, to, *dtype, span))
            }
            Right::Classify { value, owners } => {
                let (value, label) = (self.value_anywhere(value), self.policies(owners));
                self.step(value.and_then(|v| Ok((v, label?))), |l, (v, label)| l.builder.classify(v, label, span))
            }
            Right::Release { value, to, name } => {
                if names.is_empty() && name.is_none() {
                    let d = Diagnostic::new("syntax", span.clone(), "what is released needs a name");
                    self.report(d.help("write `release x to p as \"name\"`, or `y = release x to p`"));
                }
                let (value, to) = (self.value_anywhere(value), self.players(to));
                self.step(value.and_then(|v| Ok((v, to?))), |l, (v, to)| match name {
                    Some(name) => l.builder.release_as(v, &to, &name.text, span),
                    None => l.builder.release(v, &to, span),
                })
            }
            Right::Call { function, args } => self.call(function, args, span),
            Right::Repeat { times, every, with, body } => self.repeat(*times, *every, with, body, span),
            Right::Fold { batches, of, by, drop, every, with, body } => {
                let of = all(of.iter().map(|e| self.value_here(e)).collect::<Vec<_>>());
                let inits = all(with.iter().map(|(_, e)| self.value_here(e)).collect::<Vec<_>>());
                let params: Vec<&Word> = batches.iter().chain(with.iter().map(|(name, _)| name)).collect();
                let begun = of.and_then(|of| {
                    let inits = inits?;
                    if self.is_lost() {
                        return Err(Reported);
                    }
                    let begun = self.builder.begin_fold(*by, *drop, &of, &inits, span);
                    self.built(begun)
                });
                self.region(begun, *every, &params, body, span)
            }
        };
        match made {
            // `release x to a as "name"` need not name what it releases.
            Ok(_) if names.is_empty() => {}
            Ok(values) => {
                let _ = self.define_all(names, &values, what(right));
            }
            Err(Reported) => self.poison(names),
        }
    }

    /// A step of the builder that makes one value, if its operands are known.
    fn step<T>(
        &mut self,
        operands: Parsed<T>,
        f: impl FnOnce(&mut Lower, T) -> Result<ValueId, Diagnostic>,
    ) -> Parsed<Vec<ValueId>> {
        let operands = operands?;
        if self.is_lost() {
            return Err(Reported);
        }
        let made = f(self, operands);
        self.built(made).map(|v| vec![v])
    }

    fn call(&mut self, function: &Word, args: &[Expr], span: &Span) -> Parsed<Vec<ValueId>> {
        let known = self.known_function(function);
        let args = all(args.iter().map(|a| self.value_anywhere(a)).collect::<Vec<_>>());
        known?;
        let made = self.builder.call(&function.text, &args?, span);
        self.built(made)
    }

    fn repeat(
        &mut self,
        times: i64,
        every: Option<i64>,
        with: &[(Word, Expr)],
        body: &[Statement],
        span: &Span,
    ) -> Parsed<Vec<ValueId>> {
        let inits = all(with.iter().map(|(_, e)| self.value_here(e)).collect::<Vec<_>>());
        let params: Vec<&Word> = with.iter().map(|(name, _)| name).collect();
        let begun = inits.and_then(|inits| {
            if self.is_lost() {
                return Err(Reported);
            }
            let begun = self.builder.begin_repeat(times, &inits, span);
            self.built(begun)
        });
        self.region(begun, every, &params, body, span)
    }

    /// The body of a loop, of which `begun` are the parameters, with a checkpoint after `every` so many iterations.
    fn region(
        &mut self,
        begun: Parsed<Vec<ValueId>>,
        every: Option<i64>,
        params: &[&Word],
        body: &[Statement],
        span: &Span,
    ) -> Parsed<Vec<ValueId>> {
        if let (Ok(_), Some(every)) = (&begun, every) {
            let set = self.builder.checkpoint(every, span);
            let _ = self.built(set);
        }
        match &begun {
            // The builder refuses what would make these differ in number, except batches without a name.
            Ok(values) if values.len() != params.len() => {
                let message = format!("{} name(s) for {} batch(es) and carried values", params.len(), values.len());
                self.report(Diagnostic::new("name.count", span.clone(), message));
                self.poison(params.iter().copied());
            }
            Ok(values) => {
                for (param, value) in params.iter().zip(values) {
                    if self.define(param, *value).is_err() {
                        self.poison([*param]);
                    }
                }
            }
            Err(Reported) => {
                self.poison(params.iter().copied());
                self.context.push(Place::Unknown);
            }
        }
        let end = self.block(body, Ends::Loop);
        let next = match end {
            Some((values, at)) => all(values.iter().map(|v| self.value_here(v)).collect::<Vec<_>>()).map(|v| (v, at)),
            None => {
                let d = Diagnostic::new("loop.next", span.clone(), "a loop ends with `next` and its carried values");
                Err(self.report(d))
            }
        };
        if begun.is_err() {
            self.context.pop();
            return Err(Reported);
        }
        match next {
            Ok((next, at)) => {
                let ended = self.builder.end_loop(&next, at);
                self.built(ended)
            }
            Err(Reported) => {
                self.builder.abandon();
                Err(Reported)
            }
        }
    }

    // Expressions.

    /// The value of an expression, where it is.
    pub(super) fn value_anywhere(&mut self, e: &Expr) -> Parsed<ValueId> {
        match self.operand(e)? {
            Operand::Value(v) => Ok(v),
            Operand::Literal(_) => self.value_here(e),
        }
    }

    /// The value of an expression, in the innermost `on` block if there is one.
    pub(super) fn value_here(&mut self, e: &Expr) -> Parsed<ValueId> {
        let operand = self.operand(e)?;
        let context = self.context.last().copied();
        if let Some(Place::Unknown) = context {
            return Err(Reported);
        }
        let made = match (operand, context) {
            (Operand::Value(v), Some(Place::At(place, dtype))) if self.builder.value(v).placement != place => {
                let float = self.builder.value(v).ty.dtype.is_float();
                let plaintext = self.builder.declared().placement(place).scheme.is_plaintext();
                let dtype = if float && !plaintext { dtype } else { None };
                self.builder.move_to(v, place, dtype, &e.span)
            }
            (Operand::Value(v), _) => return Ok(v),
            (Operand::Literal(literal), Some(Place::At(_, Some(dtype)))) => {
                let attrs = Attrs::new().with("value", Attr::Literal(literal)).with("type", Attr::DType(dtype));
                self.builder.op(Op::Const, &[], attrs, &e.span)
            }
            (Operand::Literal(literal), _) => {
                let message = format!("the type of {} is not clear here", shown(&literal));
                let d = Diagnostic::new("type.literal", e.span.clone(), message);
                Err(d.help("write `const(…, type=…)` in an `on …` block"))
            }
        };
        self.built(made)
    }

    fn operand(&mut self, e: &Expr) -> Parsed<Operand> {
        match &e.kind {
            ExprKind::Name(name) => self.lookup(name, &e.span).map(Operand::Value),
            ExprKind::Literal(literal) => Ok(Operand::Literal(literal.clone())),
            ExprKind::Unknown { name, args } => {
                for arg in args {
                    let _ = self.operand(arg);
                }
                Err(self.unknown_operator(name, &e.span))
            }
            ExprKind::Apply { op, args, attrs } => {
                let operands = all(args.iter().map(|a| self.operand(a)).collect::<Vec<_>>())?;
                if self.is_lost() {
                    return Err(Reported);
                }
                let made = self.builder.op(*op, &operands, attrs.clone(), &e.span);
                self.built(made).map(Operand::Value)
            }
        }
    }

    fn unknown_operator(&mut self, name: &str, span: &Span) -> Reported {
        if self.builder.declared().function(name).is_some() {
            let d = Diagnostic::new("syntax", span.clone(), format!("`{name}` is a function of this program"));
            return self.report(d.help(format!("call it in a statement of its own: `y = call {name}(…)`")));
        }
        if self.failed.contains(name) {
            return Reported;
        }
        if Op::parse(name).is_some() {
            let d = Diagnostic::new("syntax", span.clone(), format!("`{name}` is a statement, not an operator"));
            return self.report(d.help(format!("write `y = {name} x …` in a line of its own")));
        }
        let d = Diagnostic::new("name.operator", span.clone(), format!("there is no operator `{name}`"));
        match nearest_operator(name) {
            Some(near) => self.report(d.help(format!("did you mean `{near}`?"))),
            None => self.report(d),
        }
    }
}

/// What a statement is called when it makes another number of values than there are names.
fn what(right: &Right) -> &'static str {
    match right {
        Right::Expr(_) => "an expression",
        Right::Move { .. } => "`move`",
        Right::Classify { .. } => "`classify`",
        Right::Release { .. } => "`release`",
        Right::Call { .. } => "this function",
        Right::Repeat { .. } => "this `repeat`",
        Right::Fold { .. } => "this `fold`",
    }
}
