//! Control flow: `repeat`, `fold` and functions, kept as regions.

use super::{Builder, Built, Frame, OpenBlock, close, signature};
use crate::attrs::{Attr, Attrs};
use crate::diag::{Diagnostic, Span};
use crate::graph::{Block, Function, ValueId};
use crate::infer::canonical_attrs;
use crate::ops::Op;
use crate::place::PlacementId;
use crate::types::{Dim, Type};

/// A control-flow instruction whose region is open.
pub(super) struct Pending {
    op: Op,
    args: Vec<ValueId>,
    carried: usize,
    attrs: Attrs,
    span: Span,
}

impl Builder {
    /// Opens a loop of `times` iterations. Returns the carried values as the region sees them.
    ///
    /// # Errors
    /// If `times` is not positive or nothing is carried.
    pub fn begin_repeat(&mut self, times: i64, init: &[ValueId], span: &Span) -> Built<Vec<ValueId>> {
        if times < 1 {
            return Err(Diagnostic::new("repeat.times", span.clone(), "a loop repeats at least once"));
        }
        let attrs = Attrs::new().with("times", Attr::Int(times));
        self.open(Op::Repeat, init.to_vec(), init.len(), attrs, span)
    }

    /// Opens a loop over batches of `by` rows of `tensors`, carrying values. Returns the batches, then the
    /// carried values, as the region sees them.
    ///
    /// # Errors
    /// If the tensors have different numbers of rows, or `by` does not divide a constant number.
    pub fn begin_fold(
        &mut self,
        by: i64,
        drop: bool,
        tensors: &[ValueId],
        init: &[ValueId],
        span: &Span,
    ) -> Built<Vec<ValueId>> {
        let refuse = |text: String| Diagnostic::new("fold.rows", span.clone(), text);
        let by =
            u64::try_from(by).ok().filter(|b| *b > 0).ok_or_else(|| refuse("a batch has at least one row".into()))?;
        for x in tensors {
            self.visible(*x, span)?;
        }
        let rows: Vec<Option<Dim>> = tensors.iter().map(|x| self.value(*x).ty.shape.first().cloned()).collect();
        let first = rows.first().cloned().flatten().ok_or_else(|| refuse("`fold` needs a tensor with rows".into()))?;
        if rows.iter().any(|r| r.as_ref() != Some(&first)) {
            return Err(refuse("the tensors of a `fold` have the same number of rows".into()));
        }
        if let Some(n) = first.as_constant()
            && (n < by || (n % by != 0 && !drop))
        {
            return Err(
                refuse(format!("{n} rows do not make batches of {by}")).help("add `drop` to leave out the last rows")
            );
        }
        let mut attrs = Attrs::new().with("by", Attr::Int(by as i64)).with("carried", Attr::Int(init.len() as i64));
        if drop {
            attrs.set("drop", Attr::Bool(true));
        }
        let args = tensors.iter().chain(init).copied().collect();
        self.open(Op::Fold, args, init.len(), attrs, span)
    }

    fn open(&mut self, op: Op, args: Vec<ValueId>, carried: usize, attrs: Attrs, span: &Span) -> Built<Vec<ValueId>> {
        if carried == 0 {
            return Err(Diagnostic::new(
                "loop.carried",
                span.clone(),
                format!("`{}` must carry at least one value", op.name()),
            ));
        }
        super::limits::nesting(self.frame().open.len(), span)?;
        for arg in &args {
            self.visible(*arg, span)?;
        }
        let attrs = canonical_attrs(op, &[], &attrs).map_err(|p| Diagnostic::new(p.code, span.clone(), p.message))?;
        let batches = args.len() - carried;
        let by = attrs.int("by").unwrap_or(0) as u64;
        let params: Vec<(Type, PlacementId)> = args
            .iter()
            .enumerate()
            .map(|(i, v)| {
                let value = self.value(*v);
                let mut ty = value.ty.clone();
                if i < batches {
                    ty.shape[0] = Dim::constant(by);
                }
                (ty, value.placement)
            })
            .collect();
        let frame = self.frame_mut();
        frame.serial += 1;
        let control = Some(Pending { op, args, carried, attrs, span: span.clone() });
        frame.open.push(OpenBlock {
            serial: frame.serial,
            block: Block::default(),
            moved: Default::default(),
            control,
        });
        let ids: Vec<ValueId> = params.into_iter().map(|(ty, place)| frame.define(ty, place)).collect();
        frame.block().block.params = ids.clone();
        Ok(ids)
    }

    /// Seals what the innermost open loop carries after every so many iterations, so that a later attempt at the
    /// session can go on from there.
    ///
    /// # Errors
    /// If the number is not positive, or the loop stands in another loop or in a function.
    pub fn checkpoint(&mut self, every: i64, span: &Span) -> Built<()> {
        if every < 1 {
            let message = "there is at least one iteration between two checkpoints";
            return Err(Diagnostic::new("checkpoint.every", span.clone(), message));
        }
        if self.frames.len() > 1 || self.frame().open.len() != 2 {
            let message = "checkpoints are for loops of the main program, outside of other loops and of functions";
            return Err(Diagnostic::new("checkpoint.nested", span.clone(), message)
                .help("put `checkpoint` on the outermost loop"));
        }
        match &mut self.frame_mut().block().control {
            Some(pending) => pending.attrs.set("checkpoint", Attr::Int(every)),
            None => return Err(Diagnostic::new("misuse", span.clone(), "no loop is open")),
        }
        Ok(())
    }

    /// Closes the innermost loop: `next` are the carried values of the next iteration. Returns the values
    /// after the last one.
    ///
    /// # Errors
    /// If a carried value changes its type or place.
    pub fn end_loop(&mut self, next: &[ValueId], span: &Span) -> Built<Vec<ValueId>> {
        let block = self.frame_mut().block();
        let Some(pending) = block.control.take() else {
            return Err(Diagnostic::new("misuse", span.clone(), "no loop is open"));
        };
        let params = block.block.params.clone();
        let checked = self.check_next(&pending, &params[params.len() - pending.carried..], next, span);
        let mut open = self.frame_mut().open.pop().expect("a loop is open");
        self.abandoned |= checked.is_err();
        checked?;
        open.block.results = next.to_vec();
        let inits = pending.args[pending.args.len() - pending.carried..].to_vec();
        let infos: Vec<(Type, PlacementId)> =
            inits.iter().map(|v| (self.value(*v).ty.clone(), self.value(*v).placement)).collect();
        let placement = infos[0].1;
        let types = infos.iter().map(|(ty, _)| ty.clone()).collect();
        let results =
            self.append(pending.op, pending.args, pending.attrs, placement, types, Some(open.block), &pending.span);
        for (id, (_, place)) in results.iter().zip(infos) {
            self.frame_mut().graph.values[id.index()].placement = place;
        }
        Ok(results)
    }

    fn check_next(&self, pending: &Pending, carried: &[ValueId], next: &[ValueId], span: &Span) -> Built<()> {
        if next.len() != pending.carried {
            return Err(Diagnostic::new(
                "loop.next",
                span.clone(),
                format!("the loop carries {} value(s), and `next` gives {}", pending.carried, next.len()),
            ));
        }
        for (param, v) in carried.iter().zip(next) {
            self.visible(*v, span)?;
            let (old, new) = (self.value(*param), self.value(*v));
            let name = |p: PlacementId| &self.computation.placement(p).name;
            if (&old.ty, old.placement) != (&new.ty, new.placement) {
                return Err(Diagnostic::new(
                    "loop.next",
                    span.clone(),
                    format!(
                        "a carried value is {} at {}, and its next one {} at {}",
                        old.ty,
                        name(old.placement),
                        new.ty,
                        name(new.placement)
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Gives up the innermost loop or function after an error inside it.
    pub fn abandon(&mut self) {
        self.abandoned = true;
        let frame = self.frame_mut();
        if frame.open.len() > 1 {
            frame.open.pop();
        } else if self.frames.len() > 1 {
            self.frames.pop();
        }
    }

    /// Opens a function. Returns its parameters.
    ///
    /// # Errors
    /// If the name is taken, or another function or a loop is open.
    pub fn begin_function(
        &mut self,
        name: &str,
        params: &[(String, Type, PlacementId)],
        span: &Span,
    ) -> Built<Vec<ValueId>> {
        super::declare::identifier(name, span)?;
        if self.frames.len() > 1 || self.frame().open.len() > 1 {
            return Err(Diagnostic::new("function.nested", span.clone(), "functions stand in the main program"));
        }
        if self.computation.function(name).is_some() || Op::parse(name).is_some() {
            return Err(Diagnostic::new(
                "name.taken",
                span.clone(),
                format!("there is a function or operator `{name}` already"),
            ));
        }
        super::limits::count("limit.functions", "functions", self.computation.functions.len(), span)?;
        for (_, ty, place) in params {
            super::limits::shape(&ty.shape, span)?;
            self.check_held(ty, *place, span)?;
        }
        self.frames.push(Frame::new(name));
        let mut ids = Vec::new();
        for (name, ty, place) in params {
            let id = self.frame_mut().define(ty.clone(), *place);
            if let Err(e) = self.name(id, name, span) {
                self.frames.pop();
                return Err(e);
            }
            ids.push(id);
        }
        self.frame_mut().block().block.params = ids.clone();
        Ok(ids)
    }

    /// Closes the function.
    ///
    /// # Errors
    /// If it returns nothing, or a loop in it is open.
    pub fn end_function(&mut self, results: &[ValueId], span: &Span) -> Built<()> {
        if self.frames.len() < 2 {
            return Err(Diagnostic::new("misuse", span.clone(), "no function is open"));
        }
        let checked = results.iter().try_for_each(|v| self.visible(*v, span));
        let mut frame = self.frames.pop().expect("a function is open");
        let whole = checked.is_ok() && frame.open.len() == 1 && !results.is_empty();
        self.abandoned |= !whole;
        checked?;
        if frame.open.len() != 1 {
            return Err(Diagnostic::new("misuse", span.clone(), "a loop in the function is not closed"));
        }
        if results.is_empty() {
            return Err(Diagnostic::new("function.result", span.clone(), "a function returns at least one value"));
        }
        frame.block().block.results = results.to_vec();
        self.closed_names.extend(frame.names.keys().cloned());
        self.computation.functions.push(Function { name: frame.name.clone(), graph: close(frame) });
        Ok(())
    }

    /// Calls a function of the program. Operands must be where its parameters are.
    ///
    /// # Errors
    /// If there is no such function, or an operand does not fit.
    pub fn call(&mut self, name: &str, args: &[ValueId], span: &Span) -> Built<Vec<ValueId>> {
        let Some(function) = self.computation.function(name) else {
            return Err(Diagnostic::new("function.unknown", span.clone(), format!("there is no function `{name}`")));
        };
        let (params, results) = signature(function);
        if params.len() != args.len() {
            return Err(Diagnostic::new(
                "type.arity",
                span.clone(),
                format!("`{name}` takes {} operand(s), not {}", params.len(), args.len()),
            ));
        }
        for (arg, (ty, place)) in args.iter().zip(&params) {
            self.visible(*arg, span)?;
            let value = self.value(*arg);
            if (&value.ty, value.placement) != (ty, *place) {
                let at = |p: PlacementId| &self.computation.placement(p).name;
                return Err(Diagnostic::new(
                    "function.operand",
                    span.clone(),
                    format!("`{name}` takes {ty} at {}, not {} at {}", at(*place), value.ty, at(value.placement)),
                ));
            }
        }
        self.check_size(span)?;
        let placement = results[0].1;
        let attrs = Attrs::new().with("function", Attr::Str(name.to_owned()));
        let types = results.iter().map(|(ty, _)| ty.clone()).collect();
        let ids = self.append(Op::Call, args.to_vec(), attrs, placement, types, None, span);
        for (id, (_, place)) in ids.iter().zip(results) {
            self.frame_mut().graph.values[id.index()].placement = place;
        }
        Ok(ids)
    }
}
