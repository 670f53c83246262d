//! Types and shapes (invariant 5): every type is inferred again and compared with what is recorded.

use std::collections::BTreeMap;

use ir::{Attr, Block, Computation, DType, Diagnostic, Dim, Graph, Instr, Literal, Number, Op, Problem, Span, Type};
use ir::{ValueId, canonical_attrs, infer};

use crate::Found;

/// Checks all graphs, and that every named dimension is bound by an input or a loaded value.
pub(crate) fn check(c: &Computation, out: &mut Found) {
    let mut types = Types { c, graph: &c.graph, out };
    for function in &c.functions {
        types.graph = &function.graph;
        types.block(&function.graph.body);
    }
    types.graph = &c.graph;
    types.block(&c.graph.body);
    dims(c, out);
}

struct Types<'a> {
    c: &'a Computation,
    graph: &'a Graph,
    out: &'a mut Found,
}

impl<'a> Types<'a> {
    fn of(&self, id: ValueId) -> &'a Type {
        &self.graph.value(id).ty
    }

    fn error(&mut self, code: &'static str, span: &Span, message: String) {
        self.out.push(Diagnostic::new(code, span.clone(), message));
    }

    fn problem(&mut self, p: Problem, span: &Span) {
        self.out.push(Diagnostic { help: p.help, ..Diagnostic::new(p.code, span.clone(), p.message) });
    }

    fn block(&mut self, block: &'a Block) {
        for instr in &block.instrs {
            self.instr(instr);
            if let Some(region) = &instr.region {
                self.block(region);
            }
        }
    }

    fn instr(&mut self, instr: &'a Instr) {
        let args: Vec<&Type> = instr.args.iter().map(|a| self.of(*a)).collect();
        match canonical_attrs(instr.op, &args, &instr.attrs) {
            Err(p) => return self.problem(p, &instr.span),
            Ok(attrs) if attrs != instr.attrs => {
                let text = format!("the attributes of `{}` are not in canonical form", instr.op.name());
                return self.error("structure", &instr.span, text);
            }
            Ok(_) => {}
        }
        self.range(instr);
        match instr.op {
            Op::Input | Op::Load => self.arity(instr, 0),
            Op::Output | Op::Save => self.arity(instr, 1),
            Op::Repeat => self.carried(instr, 0),
            Op::Fold => self.fold(instr),
            Op::Call => self.call(instr),
            _ => self.ordinary(instr, &args),
        }
    }

    /// A range holds numbers, whole ones where there are no others, and an input or loaded value declares both ends of it or none.
    fn range(&mut self, instr: &'a Instr) {
        let source = matches!(instr.op, Op::Input | Op::Load);
        let half = source && instr.attrs.real("low").is_some() != instr.attrs.real("high").is_some();
        let numbers = instr.results.iter().all(|r| self.of(*r).dtype.is_numeric());
        let whole = matches!(instr.op, Op::Input | Op::Load | Op::Clip | Op::Assume)
            && instr.results.iter().any(|r| self.of(*r).dtype.is_integer());
        let empty = |low: f64, high: f64| low > high || (whole && low.ceil() > high.floor());
        let wrong = instr.attrs.range().is_some_and(|(low, high)| empty(low, high) || !numbers);
        if half || wrong {
            self.error("range.declared", &instr.span, format!("no number lies in the range of `{}`", instr.op.name()));
        }
    }

    fn arity(&mut self, instr: &Instr, n: usize) {
        if instr.args.len() != n {
            self.error("type.arity", &instr.span, format!("`{}` takes {n} operand(s)", instr.op.name()));
        }
    }

    fn ordinary(&mut self, instr: &'a Instr, args: &[&Type]) {
        let inferred = match infer(instr.op, args, &instr.attrs) {
            Ok(ty) => ty,
            Err(p) => return self.problem(p, &instr.span),
        };
        let recorded = self.of(instr.results[0]);
        if inferred != *recorded {
            let text = format!("`{}` makes {inferred}, not {recorded}", instr.op.name());
            self.error("type.mismatch", &instr.span, text);
        }
        if let Some(Attr::Literal(literal)) = instr.attrs.get("value")
            && !fits(literal, inferred.dtype)
        {
            self.error("literal.range", &instr.span, format!("a constant is no {}", inferred.dtype));
        }
    }

    /// What a loop carries keeps its type and place: initial value, parameter, next value and result.
    fn carried(&mut self, instr: &'a Instr, tensors: usize) {
        let Some(region) = &instr.region else { return };
        let graph = self.graph;
        let rows = instr.args[tensors..].iter().zip(&region.params[tensors..]).zip(&region.results).zip(&instr.results);
        for (((init, param), next), result) in rows {
            let init = graph.value(*init);
            for other in [param, next, result].map(|v| graph.value(*v)) {
                if (&init.ty, init.placement) != (&other.ty, other.placement) {
                    let at = |v: &ir::ValueInfo| format!("{} at {}", v.ty, self.c.placement(v.placement));
                    let text = format!("a carried value is {} and then {}", at(init), at(other));
                    self.error("loop.next", &instr.span, text);
                }
            }
        }
    }

    fn fold(&mut self, instr: &'a Instr) {
        let Some(region) = &instr.region else { return };
        // Structure has shown that both are positive and that at least one tensor is left.
        let (by, carried) =
            (instr.attrs.int("by").unwrap_or(1) as u64, instr.attrs.int("carried").unwrap_or(1) as usize);
        let tensors = instr.args.len() - carried;
        let first = self.of(instr.args[0]).shape.first().cloned();
        for (arg, param) in instr.args[..tensors].iter().zip(&region.params) {
            let mut ty = self.of(*arg).clone();
            let rows = ty.shape.first_mut().map(|d| std::mem::replace(d, Dim::constant(by)));
            let same_place = self.graph.value(*arg).placement == self.graph.value(*param).placement;
            if rows.is_none() || rows != first || ty != *self.of(*param) || !same_place {
                self.error("fold.rows", &instr.span, format!("the batches of a fold are not {by} rows of its tensors"));
            }
        }
        let drop = instr.attrs.bool("drop").unwrap_or(false);
        if first.and_then(|d| d.as_constant()).is_some_and(|n| n < by || (n % by != 0 && !drop)) {
            self.error("fold.rows", &instr.span, format!("the rows do not make batches of {by}"));
        }
        self.carried(instr, tensors);
    }

    fn call(&mut self, instr: &'a Instr) {
        let Some(function) = instr.attrs.str("function").and_then(|name| self.c.function(name)) else { return };
        let (inner, graph) = (&function.graph, self.graph);
        let args = instr.args.iter().zip(&inner.body.params);
        let results = instr.results.iter().zip(&inner.body.results);
        for (outside, inside) in args.chain(results) {
            let (have, want) = (graph.value(*outside), inner.value(*inside));
            if (&have.ty, have.placement) != (&want.ty, want.placement) {
                let at = |v: &ir::ValueInfo| format!("{} at {}", v.ty, self.c.placement(v.placement));
                let text = format!("`{}` takes or returns {}, not {}", function.name, at(want), at(have));
                self.error("function.operand", &instr.span, text);
            }
        }
    }
}

/// Whether every number of a constant is one of a type. Fixed point leaves one bit beside the sign free:
/// truncation needs it.
fn fits(literal: &Literal, dtype: DType) -> bool {
    literal.values.iter().all(|value| match (dtype, value) {
        (DType::Bool, Number::Bool(_)) => true,
        (DType::I64, Number::Int(i)) => i64::try_from(*i).is_ok(),
        (DType::U64, Number::Int(i)) => u64::try_from(*i).is_ok(),
        (DType::F32, Number::Int(_) | Number::Real(_)) => (value.to_f64() as f32).is_finite(),
        (DType::F64, Number::Int(_) | Number::Real(_)) => value.to_f64().is_finite(),
        (DType::Fixed { ring, frac }, Number::Int(_) | Number::Real(_)) => {
            value.to_f64().abs() < 2f64.powi(ring.bits() as i32 - 2 - i32::from(frac))
        }
        _ => false,
    })
}

/// Invariant 6: every dimension that is named anywhere is the length of an axis of some input or loaded value.
fn dims(c: &Computation, out: &mut Found) {
    let mut named: BTreeMap<String, Span> = c.matched.iter().map(|m| (m.name.clone(), Span::default())).collect();
    for graph in c.functions.iter().map(|f| &f.graph).chain([&c.graph]) {
        let params = graph.body.params.iter().map(|p| (*p, Span::default()));
        let mut values: Vec<(ValueId, Span)> = params.collect();
        graph.visit(&mut |instr| {
            let inner = instr.region.iter().flat_map(|r| &r.params);
            values.extend(instr.results.iter().chain(inner).map(|v| (*v, instr.span.clone())));
            if let Some(dim) = instr.attrs.str("dim") {
                named.entry(dim.to_owned()).or_insert_with(|| instr.span.clone());
            }
        });
        for (value, span) in values {
            for name in graph.value(value).ty.shape.iter().flat_map(Dim::names) {
                named.entry(name.to_owned()).or_insert_with(|| span.clone());
            }
        }
    }
    let bound = c.dims();
    for (name, span) in named.into_iter().filter(|(name, _)| bound.get(name).is_none_or(Option::is_none)) {
        let text =
            format!("nothing says how long `{name}` is: no input or loaded value has an axis of just that length");
        out.push(Diagnostic::new("dim.unbound", span, text));
    }
}
