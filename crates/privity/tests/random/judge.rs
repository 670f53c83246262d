//! One operator against plaintext, on the numbers that it was given.

use std::collections::BTreeMap;

use privity::Plain;
use privity::algebra::Tensor;
use privity::ir::{DType, Family, Op, Scheme, Type};
use privity::schemes::{Env, plain};

use crate::recipe::{Arg, Recipe, Step};
use crate::tolerance::{Given, tolerance};

/// A value as it was released, and if it is public as players hold it before they share it.
#[derive(Clone)]
pub(crate) struct Seen {
    value: Plain,
    exact: Option<Plain>,
}

impl Seen {
    /// A value that is shared.
    pub(crate) fn secret(value: Plain) -> Seen {
        Seen { value, exact: None }
    }

    /// The value as it was released.
    pub(crate) fn value(&self) -> &Plain {
        &self.value
    }
}

/// The type that stands for real numbers in plaintext.
fn real(dtype: DType) -> DType {
    if dtype.is_fixed() { DType::F64 } else { dtype }
}

fn lengths(ty: &Type) -> Vec<usize> {
    ty.shape.iter().map(|d| d.as_constant().unwrap_or(0) as usize).collect()
}

/// An operator on plaintext.
pub(crate) fn evaluate(step: &Step, args: &[Plain], ty: &Type, operand: DType) -> Result<Plain, String> {
    let (shape, dims) = (lengths(ty), BTreeMap::new());
    let env = Env { dtype: real(ty.dtype), operand: real(operand), shape: &shape, dims: &dims };
    let args: Vec<&Plain> = args.iter().collect();
    plain::apply(step.op, &step.attrs, &args, &env).map_err(|e| format!("in plaintext: {e}"))
}

/// Operators that players compute in the clear where all operands are public.
fn stays_public(op: Op) -> bool {
    match op.family() {
        Family::Local | Family::Keep | Family::Logic => true,
        Family::Linear => op != Op::CumSum,
        Family::Multiply => matches!(op, Op::Mul | Op::Square),
        Family::Compare => matches!(
            op,
            Op::Abs
                | Op::Sign
                | Op::Relu
                | Op::Clip
                | Op::Minimum
                | Op::Maximum
                | Op::Equal
                | Op::NotEqual
                | Op::Less
                | Op::LessEqual
                | Op::Greater
                | Op::GreaterEqual
                | Op::Select
                | Op::Min
                | Op::Max
                | Op::Cast
        ),
        Family::Real => matches!(op, Op::Div | Op::Reciprocal | Op::Sqrt),
        _ => false,
    }
}

/// The operands of a step, with constants as exact as players hold them, or as shares hold them.
fn operands(step: &Step, types: &[Type], seen: &[Seen], exact: bool) -> Result<Vec<Plain>, String> {
    let one = |(arg, ty): (&Arg, &Type)| match arg {
        Arg::Slot(slot) => {
            let Seen { value, exact: held } = &seen[*slot];
            Ok(held.clone().filter(|_| exact).unwrap_or_else(|| value.clone()))
        }
        Arg::Literal(literal) => {
            let constant = Step {
                op: Op::Const,
                args: Vec::new(),
                attrs: privity::ir::Attrs::new().with("value", privity::ir::Attr::Literal(literal.clone())),
            };
            let precise = evaluate(&constant, &[], ty, ty.dtype)?;
            if exact { Ok(precise) } else { on_grid(&precise, ty.dtype) }
        }
    };
    step.args.iter().zip(types).map(one).collect()
}

/// As shares of a type hold it.
fn on_grid(x: &Plain, dtype: DType) -> Result<Plain, String> {
    let held = plain::cast(x, dtype).map_err(|e| e.to_string())?;
    plain::cast(&held, real(dtype)).map_err(|e| e.to_string())
}

/// Judges the value of a slot, which is `result`.
pub(crate) fn judge(recipe: &Recipe, slot: usize, seen: &[Seen], result: &Plain) -> Result<Seen, String> {
    let Some(step) = slot.checked_sub(recipe.inputs.len()).map(|i| &recipe.steps[i]) else {
        return Ok(Seen::secret(result.clone()));
    };
    let ty = &recipe.types[slot];
    let types = recipe.operand_types(step);
    let operand = types.last().map_or(ty.dtype, |t| t.dtype);
    let rounded = operands(step, &types, seen, false)?;
    let precise = operands(step, &types, seen, true)?;
    let is_public = |a: &Arg| if let Arg::Slot(s) = a { seen[*s].exact.is_some() } else { true };
    let public = recipe.scheme == Scheme::Replicated && stays_public(step.op) && step.args.iter().all(is_public);
    let expected = evaluate(step, &rounded, ty, operand);
    let sharp = evaluate(step, &precise, ty, operand);
    let exact = if public { Some(sharp.clone()?) } else { None };
    let wanted: Vec<&Plain> = [&expected, &sharp].into_iter().filter_map(|w| w.as_ref().ok()).collect();
    let Some(first) = wanted.first() else { return Err(format!("{}: {}", step.op.name(), expected.unwrap_err())) };
    let given = Given { step, args: &rounded, types: &types, ty, any_public: step.args.iter().any(is_public) };
    let fault = match (step.op, ty.dtype) {
        (Op::Shuffle, _) => (rows(result) != rows(first)).then(|| "does not have the same rows".to_owned()),
        (Op::Cast, DType::I64 | DType::U64) if types[0].dtype.is_fixed() => nearest(&rounded[0], result),
        (_, dtype) if dtype.is_fixed() => real_numbers(&given, &wanted, result),
        _ => whole(&given, &wanted, result),
    };
    match fault {
        Some(fault) => Err(format!("= {}: {fault}", step.op.name())),
        None => Ok(Seen { value: result.clone(), exact }),
    }
}

/// The rows of a tensor in an order of their own.
fn rows(x: &Plain) -> Vec<Vec<u64>> {
    let all = x.to_f64();
    let width = all.len() / x.shape()[0].max(1);
    let mut rows: Vec<Vec<u64>> =
        all.data().chunks(width.max(1)).map(|r| r.iter().map(|v| (v + 0.0).to_bits()).collect()).collect();
    rows.sort_unstable();
    rows
}

/// Rounding to whole numbers: no further than a half.
fn nearest(x: &Plain, result: &Plain) -> Option<String> {
    let (x, result) = (x.to_f64(), result.to_f64());
    let far = |(x, r): &(&f64, &f64)| (*x - *r).abs() > 0.5 + x.abs() * 2f64.powi(-51);
    x.data().iter().zip(result.data()).find(far).map(|(x, r)| format!("{r:?} is not the whole number nearest to {x:?}"))
}

fn real_numbers(given: &Given<'_>, wanted: &[&Plain], result: &Plain) -> Option<String> {
    let result: Tensor<f64> = result.to_f64();
    let bounds: Vec<Vec<f64>> = wanted.iter().map(|w| tolerance(given, &w.to_f64())).collect();
    result.data().iter().enumerate().find_map(|(i, r)| {
        let holds = |(w, bound): (&&Plain, &Vec<f64>)| {
            let w = w.to_f64().data()[i];
            w.is_nan() || (w - r).abs() <= bound[i]
        };
        if wanted.iter().zip(&bounds).any(holds) {
            return None;
        }
        let w = wanted[0].to_f64().data()[i];
        let args: Vec<Vec<f64>> = given.args.iter().map(|a| a.to_f64().data().to_vec()).collect();
        Some(format!(
            "[{i}] {r:?} is not {w:?}, off by {:e} and allowed {:e}; operands {args:?}",
            (w - r).abs(),
            bounds[0][i]
        ))
    })
}

/// Truth values and whole numbers, exactly; unless doubles do not tell operands apart.
fn whole(given: &Given<'_>, wanted: &[&Plain], result: &Plain) -> Option<String> {
    if wanted.contains(&result) || given.is_blurred() {
        return None;
    }
    let (w, r) = (wanted[0].to_f64(), result.to_f64());
    // Each element for itself may be as either reading of public operands has it.
    let others: Vec<Tensor<f64>> = wanted.iter().map(|w| w.to_f64()).collect();
    let at = r.data().iter().enumerate().position(|(i, r)| !others.iter().any(|w| w.data()[i] == *r))?;
    let args: Vec<Vec<f64>> = given.args.iter().map(|a| a.to_f64().data().to_vec()).collect();
    Some(format!("[{at}] {:?} is not {:?}; operands {args:?}", r.data()[at], w.data()[at]))
}
