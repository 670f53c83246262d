//! The same computation on plaintext doubles: what `--compare` measures the protected result against.

use std::collections::BTreeMap;

use ir::{Block, Computation, Contribution, DType, Graph, IndexItem, Instr, Op, PlacementId, Scheme, ValueId};
use schemes::{Env, Plain, Value};

use crate::bind::{self, concrete};
use crate::checked::Check;
use crate::error::{KernelError, SessionError};
use crate::federated::{self, Members};
use crate::module::Modules;
use crate::plan::Dims;

type Result<T> = std::result::Result<T, SessionError>;
type Values = BTreeMap<ValueId, Plain>;

/// Evaluates a computation on all inputs in the clear, with every fixed-point number as `f64`. Only for whoever holds
/// all data: tests, and runs on one machine.
///
/// # Errors
/// If an input or a module is missing, or an operator fails on the values.
pub fn evaluate(
    c: &Computation,
    dims: &Dims,
    inputs: &BTreeMap<String, Plain>,
    modules: &Modules,
) -> Result<BTreeMap<String, Plain>> {
    let mut reference = Reference { c, dims, inputs, modules, whole: true, outputs: BTreeMap::new() };
    let mut values = Values::new();
    for contribution in c.contributions() {
        reference.sums(&contribution, &mut values)?;
    }
    reference.block(&c.graph, &c.graph.body, &mut values)?;
    Ok(reference.outputs)
}

/// What one member of a group computes at its placement, from its own inputs, with every fixed-point number as `f64`.
pub(crate) fn at(
    c: &Computation,
    dims: &Dims,
    group: PlacementId,
    inputs: &BTreeMap<String, Plain>,
    modules: &Modules,
) -> Result<BTreeMap<ValueId, Plain>> {
    let mut reference = Reference { c, dims, inputs, modules, whole: false, outputs: BTreeMap::new() };
    let mut values = Values::new();
    for instr in c.graph.body.instrs.iter().filter(|i| i.placement == group) {
        reference.instr(&c.graph, instr, &mut values)?;
    }
    Ok(values)
}

struct Reference<'a> {
    c: &'a Computation,
    dims: &'a Dims,
    inputs: &'a BTreeMap<String, Plain>,
    modules: &'a Modules,
    /// Whether it is of all players, rather than of one member of a group.
    whole: bool,
    outputs: BTreeMap<String, Plain>,
}

impl Reference<'_> {
    /// Sums and means over a group, whose inputs have a row for each member.
    fn sums(&self, contribution: &Contribution, values: &mut Values) -> Result<()> {
        let group = self.c.host(contribution.group);
        let named = self.c.inputs().filter(|(i, _)| i.placement == group).filter_map(|(i, _)| i.attrs.str("name"));
        let inputs = named.filter_map(|name| Some((name.to_owned(), self.inputs.get(name)?.clone()))).collect();
        let members = Members::of(&self.c.placement(group).name, &inputs)?;
        let layout = federated::layout(self.c, contribution, self.dims)?;
        let (check, least) = (Check::of(contribution, &layout)?, self.c.player(contribution.group).group);
        let (mut sum, mut count) = (vec![0.0; layout.length], 0u32);
        for i in 0..members.count {
            let numbers = federated::numbers(self.c, self.dims, contribution, &members.inputs(i)?)?;
            if check.as_ref().is_some_and(|check| !check.keeps(&check.units(&numbers))) {
                continue;
            }
            count += 1;
            sum.iter_mut().zip(numbers.iter()).for_each(|(sum, x)| *sum += x);
        }
        if let (Some(_), Some(size)) = (&check, least.filter(|size| count < size.least)) {
            let group = self.c.player(contribution.group).name.clone();
            return Err(SessionError::GroupBounds { group, least: size.least });
        }
        for (part, (from, size)) in contribution.parts.iter().zip(layout.parts) {
            let mean = self.c.graph.body.instrs.iter().any(|i| i.op == Op::FederatedMean && i.results == [part.result]);
            let divisor = match part.weight {
                _ if !mean => 1.0,
                Some(_) => sum[from + size],
                None => f64::from(count),
            };
            let shape = concrete(&self.c.graph.value(part.result).ty, self.dims)?;
            let numbers = sum[from..from + size].iter().map(|x| x / divisor).collect();
            let tensor = algebra::Tensor::new(shape, numbers);
            values.insert(part.result, Plain::F64(tensor.map_err(|e| SessionError::Internal { what: e.to_string() })?));
        }
        Ok(())
    }

    fn block(&mut self, graph: &Graph, block: &Block, values: &mut Values) -> Result<()> {
        block.instrs.iter().try_for_each(|instr| self.instr(graph, instr, values))
    }

    fn instr(&mut self, graph: &Graph, instr: &Instr, values: &mut Values) -> Result<()> {
        // What members of a group compute is in the sums over them.
        let outermost = std::ptr::eq(graph, &self.c.graph);
        if instr.op.is_federated()
            || (outermost && self.whole && self.c.placement(instr.placement).scheme == Scheme::Each)
        {
            return Ok(());
        }
        let arg = |values: &Values, i: usize| values[&instr.args[i]].clone();
        let results = match instr.op {
            Op::Input => {
                let name = instr.attrs.str("name").unwrap_or_default();
                let plain = self.inputs.get(name).cloned().ok_or_else(|| SessionError::InputMissing {
                    player: self.c.placement(instr.placement).name.clone(),
                    input: name.to_owned(),
                })?;
                vec![self.cast(instr, &plain, real(graph.value(instr.results[0]).ty.dtype))?]
            }
            Op::Load => {
                let reason = "it loads saved values, and nobody has those in the clear to compare with".to_owned();
                return Err(SessionError::NotRunnable { reason });
            }
            Op::Save => Vec::new(),
            Op::Move | Op::Cast => {
                vec![self.cast(instr, &arg(values, 0), real(graph.value(instr.results[0]).ty.dtype))?]
            }
            Op::Classify | Op::Release => vec![arg(values, 0)],
            Op::Output => {
                let name = instr.attrs.str("name").unwrap_or_default();
                self.outputs.insert(name.to_owned(), arg(values, 0));
                Vec::new()
            }
            Op::Repeat | Op::Fold => self.repeat(graph, instr, values)?,
            Op::Call => self.call(instr, values)?,
            _ => vec![self.apply(graph, instr, values)?],
        };
        values.extend(instr.results.iter().copied().zip(results));
        Ok(())
    }

    fn apply(&self, graph: &Graph, instr: &Instr, values: &Values) -> Result<Plain> {
        let ty = &graph.value(instr.results[0]).ty;
        let shape = concrete(ty, self.dims)?;
        let args: Vec<&Plain> = instr.args.iter().map(|a| &values[a]).collect();
        let operand = instr.args.last().map_or(ty.dtype, |a| graph.value(*a).ty.dtype);
        let env = Env { dtype: real(ty.dtype), operand: real(operand), shape: &shape, dims: self.dims };
        if instr.op == Op::Module {
            return self.modules.run_here(instr, "the plaintext reference", &args, &env);
        }
        schemes::plain::apply(instr.op, &instr.attrs, &args, &env).map_err(|e| error(instr, &e))
    }

    fn cast(&self, instr: &Instr, x: &Plain, to: DType) -> Result<Plain> {
        schemes::plain::cast(x, to).map_err(|e| error(instr, &e))
    }

    fn repeat(&mut self, graph: &Graph, instr: &Instr, values: &mut Values) -> Result<Vec<Plain>> {
        let Some(block) = &instr.region else { return Ok(Vec::new()) };
        let batches = instr.args.len() - block.results.len();
        let times = match instr.op {
            Op::Fold => bind::batches(
                &graph.value(instr.args[0]).ty,
                instr.attrs.int("by"),
                instr.attrs.bool("drop"),
                self.dims,
            )?,
            _ => instr.attrs.int("times").and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
        };
        let by = instr.attrs.int("by").unwrap_or(0);
        let mut state: Vec<Plain> = instr.args[batches..].iter().map(|a| values[a].clone()).collect();
        for i in 0..times as i64 {
            for (param, arg) in block.params.iter().zip(&instr.args[..batches]) {
                let rows = IndexItem::Range { start: Some(i * by), end: Some((i + 1) * by), step: 1 };
                let batch = Value::Plain(values[arg].clone()).index(&[rows]).map_err(|e| error(instr, &e))?;
                if let Value::Plain(batch) = batch {
                    values.insert(*param, batch);
                }
            }
            values.extend(block.params[batches..].iter().copied().zip(state));
            self.block(graph, block, values)?;
            state = block.results.iter().map(|r| values[r].clone()).collect();
        }
        Ok(state)
    }

    fn call(&mut self, instr: &Instr, values: &Values) -> Result<Vec<Plain>> {
        let name = instr.attrs.str("function").unwrap_or_default();
        let c = self.c;
        let Some(function) = c.function(name) else { return Ok(Vec::new()) };
        let body = &function.graph.body;
        let mut inner: Values = body.params.iter().copied().zip(instr.args.iter().map(|a| values[a].clone())).collect();
        self.block(&function.graph, body, &mut inner)?;
        Ok(body.results.iter().map(|r| inner[r].clone()).collect())
    }
}

/// The type that stands for real numbers in the reference.
fn real(dtype: DType) -> DType {
    if dtype.is_fixed() { DType::F64 } else { dtype }
}

fn error(instr: &Instr, error: &schemes::Error) -> SessionError {
    KernelError::at(instr, "the plaintext reference", error)
}
