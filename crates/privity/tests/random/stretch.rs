//! Some steps of a recipe in a function or in a loop, so that what holds of operators holds of them there too.
//!
//! Results of a stretch are those of a function's call, or of a loop's last iteration. A loop of `repeat` also gives what
//! its last iteration began with, and the last batch of a `fold` is known: so each step can be judged on the numbers that
//! it was given.

use std::collections::BTreeMap;
use std::ops::Range;

use privity::Plain;
use privity::ir::{
    Attr, Attrs, Builder, DType, Diagnostic, Literal, Number, Op, Operand, PlacementId, Span, Type, ValueId,
};

use crate::attrs;
use crate::judge::Seen;
use crate::numbers::Random;
use crate::recipe::{Arg, Recipe};

/// The output that says what the last iteration of a loop began with.
pub(crate) const BEGAN: &str = "began";

/// Neighbouring steps that are not in the main program.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    /// Which steps.
    pub(crate) steps: Range<usize>,
    form: Form,
}

/// Where they are.
#[derive(Clone, Debug)]
enum Form {
    /// A function that is called once.
    Function,
    /// A loop that carries one slot: its next value is another slot, within limits.
    Repeat { times: i64, carried: usize, next: usize, limits: (f64, f64) },
    /// A loop over two batches: in place of a slot its rows, then those of another.
    Fold { rows: usize, last: usize },
}

impl Stretch {
    /// A stretch of a recipe, if one is found.
    pub(crate) fn of(recipe: &Recipe, random: &mut Random) -> Option<Stretch> {
        let count = recipe.steps.len();
        let from = random.below(count);
        let to = from + 1 + random.below(count - from);
        let inputs = recipe.inputs.len();
        let before: Vec<usize> =
            (0..inputs + from).filter(|s| recipe.is_secret(*s) && recipe.types[*s].dtype.is_fixed()).collect();
        let alike = |of: usize, all: Range<usize>| -> Vec<usize> {
            all.filter(|s| recipe.types[*s] == recipe.types[of] && recipe.is_secret(*s)).collect()
        };
        let form = match random.below(3) {
            0 => Form::Function,
            _ if before.is_empty() => return None,
            1 => {
                let carried = random.of(&before);
                let mut next = alike(carried, inputs + from..inputs + to);
                if next.is_empty() {
                    next.push(carried);
                }
                let limits = random.of(&[(0.5, 100.0), (-4.0, 4.0), (1.0, 1000.0), (0.01, 3.0), (-1000.0, -0.25)]);
                Form::Repeat { times: 1 + random.below(3) as i64, carried, next: random.of(&next), limits }
            }
            _ => {
                let rows = random.of(&before);
                if recipe.types[rows].shape.is_empty() {
                    return None;
                }
                Form::Fold { rows, last: random.of(&alike(rows, 0..inputs + from)) }
            }
        };
        Some(Stretch { steps: from..to, form })
    }

    /// What it is, in the language's words.
    pub(crate) fn name(&self) -> &'static str {
        match self.form {
            Form::Function => Op::Call.name(),
            Form::Repeat { .. } => Op::Repeat.name(),
            Form::Fold { .. } => Op::Fold.name(),
        }
    }

    /// Which slot is another value inside, and which: that with which the last iteration began.
    pub(crate) fn inside(&self, seen: &[Seen], began: Option<&Plain>) -> Result<Option<(usize, Seen)>, String> {
        Ok(match (&self.form, began) {
            (Form::Function, _) => None,
            (Form::Fold { rows, last }, _) => Some((*rows, seen[*last].clone())),
            (Form::Repeat { times, carried, .. }, Some(began)) => {
                if *times == 1 && seen[*carried].value() != began {
                    return Err(format!("v{carried} is not what the loop's only iteration began with: {began:?}"));
                }
                Some((*carried, Seen::secret(began.clone())))
            }
            (Form::Repeat { .. }, None) => return Err("a loop without what it began with".to_owned()),
        })
    }

    /// Writes it. Adds the values of its steps, and gives what its last iteration began with.
    pub(crate) fn write(
        &self,
        recipe: &Recipe,
        b: &mut Builder,
        place: PlacementId,
        values: &mut Vec<ValueId>,
    ) -> Result<Option<ValueId>, Diagnostic> {
        let at = Span::default();
        let scope = Scope { recipe, steps: self.steps.clone() };
        match self.form {
            Form::Function => {
                let taken = scope.taken();
                let types = taken.iter().enumerate();
                let params: Vec<_> = types.map(|(i, s)| (format!("p{i}"), recipe.types[*s].clone(), place)).collect();
                let inner = b.begin_function("stretch", &params, &at)?;
                let results = scope.write(b, values, &taken.iter().copied().zip(inner).collect())?;
                b.end_function(&results, &at)?;
                let args: Vec<ValueId> = taken.iter().map(|s| values[*s]).collect();
                values.extend(b.call("stretch", &args, &at)?);
                Ok(None)
            }
            Form::Repeat { times, carried, next, limits: (low, high) } => {
                let mut init = vec![values[carried], values[carried]];
                init.extend(scope.zeros(b)?);
                let inner = b.begin_repeat(times, &init, &at)?;
                let results = scope.write(b, values, &BTreeMap::from([(carried, inner[0])]))?;
                let next = match next.checked_sub(recipe.inputs.len() + self.steps.start) {
                    Some(i) if next != carried => results[i],
                    _ => inner[0],
                };
                let next = b.op(Op::Clip, &[Operand::Value(next)], attrs::limits(low, high), &at)?;
                let after: Vec<ValueId> = [next, inner[0]].into_iter().chain(results).collect();
                let results = b.end_loop(&after, &at)?;
                values.extend(&results[2..]);
                Ok(Some(results[1]))
            }
            Form::Fold { rows, last } => {
                let both = [values[rows], values[last]].map(Operand::Value);
                let both = b.op(Op::Concat, &both, Attrs::new().with("axis", Attr::Int(0)), &at)?;
                let by = recipe.types[rows].shape[0].as_constant().unwrap_or(1) as i64;
                let init = scope.zeros(b)?;
                let inner = b.begin_fold(by, false, &[both], &init, &at)?;
                let results = scope.write(b, values, &BTreeMap::from([(rows, inner[0])]))?;
                values.extend(b.end_loop(&results, &at)?);
                Ok(None)
            }
        }
    }
}

/// The steps of a stretch as they are written.
struct Scope<'a> {
    recipe: &'a Recipe,
    steps: Range<usize>,
}

impl Scope<'_> {
    /// The slots from before it that it takes.
    fn taken(&self) -> Vec<usize> {
        let first = self.recipe.inputs.len() + self.steps.start;
        let args = self.recipe.steps[self.steps.clone()].iter().flat_map(|s| &s.args);
        let slots = args.filter_map(|a| if let Arg::Slot(s) = a { Some(*s) } else { None });
        let mut slots: Vec<usize> = slots.filter(|s| *s < first).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// The steps, with some slots replaced.
    fn write(
        &self,
        b: &mut Builder,
        values: &[ValueId],
        replaced: &BTreeMap<usize, ValueId>,
    ) -> Result<Vec<ValueId>, Diagnostic> {
        let mut inner = values.to_vec();
        for (slot, value) in replaced {
            inner[*slot] = *value;
        }
        let before = inner.len();
        for step in &self.recipe.steps[self.steps.clone()] {
            inner.push(step.write(b, &inner)?);
        }
        Ok(inner.split_off(before))
    }

    /// What a loop carries before its first iteration has given the results of its steps.
    fn zeros(&self, b: &mut Builder) -> Result<Vec<ValueId>, Diagnostic> {
        let first = self.recipe.inputs.len();
        let types = &self.recipe.types[first + self.steps.start..first + self.steps.end];
        types.iter().map(|ty| b.op(Op::Const, &[], zeros(ty), &Span::default())).collect()
    }
}

fn zeros(ty: &Type) -> Attrs {
    let shape: Vec<u64> = ty.shape.iter().map(|d| d.as_constant().unwrap_or(1)).collect();
    let zero = match ty.dtype {
        DType::Bool => Number::Bool(false),
        DType::I64 | DType::U64 => Number::Int(0),
        _ => Number::Real(0.0),
    };
    let values = vec![zero; shape.iter().product::<u64>() as usize];
    Attrs::new().with("value", Attr::Literal(Literal { shape, values })).with("type", Attr::DType(ty.dtype))
}
