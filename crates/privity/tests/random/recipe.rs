//! Recipes: what a random program is made of, from numbers that say every choice.

use std::collections::BTreeMap;
use std::iter::once;

use privity::ir::{
    Attrs, Builder, Computation, DType, Diagnostic, Dim, Literal, Number, OPS, Op, Operand, OwnerPolicy, Problem,
    RingBits, Scheme, Span, Type, ValueId,
};
use privity::{Plain, Program};

use crate::Values;
use crate::attrs;
use crate::numbers::Random;
use crate::stretch::{BEGAN, Stretch};

/// An input, and what it becomes where it is computed on.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) becomes: DType,
    pub(crate) shape: Vec<u64>,
    pub(crate) range: Option<(f64, f64)>,
}

/// An operand: an input or the result of an earlier step, or a constant.
#[derive(Clone, Debug)]
pub(crate) enum Arg {
    Slot(usize),
    Literal(Literal),
}

/// One operator.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) args: Vec<Arg>,
    pub(crate) attrs: Attrs,
}

/// A whole program, in which every value is released.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) scheme: Scheme,
    /// What real numbers are.
    pub(crate) real: DType,
    pub(crate) inputs: Vec<Input>,
    pub(crate) steps: Vec<Step>,
    /// The types of all slots.
    pub(crate) types: Vec<Type>,
    /// Steps that are in a function or a loop.
    pub(crate) stretch: Option<Stretch>,
}

impl Step {
    /// Writes it, on values by slot.
    pub(crate) fn write(&self, b: &mut Builder, values: &[ValueId]) -> Result<ValueId, Diagnostic> {
        let operand = |a: &Arg| match a {
            Arg::Slot(s) => Operand::Value(values[*s]),
            Arg::Literal(l) => Operand::Literal(l.clone()),
        };
        let operands: Vec<Operand> = self.args.iter().map(operand).collect();
        b.op(self.op, &operands, self.attrs.clone(), &Span::default())
    }
}

/// The operators that recipes are made of.
pub(crate) fn operators() -> impl Iterator<Item = Op> {
    // What is taken for granted is not known of random numbers; lengths and groups have tests of their own.
    let apart = |op: Op| op.is_statement() || op.is_federated() || matches!(op, Op::Assume | Op::Size);
    OPS.iter().map(|s| s.op).filter(move |op| !apart(*op))
}

const SHAPES: &[&[u64]] = &[
    &[6],
    &[2, 3],
    &[3, 3],
    &[],
    &[3],
    &[3, 2],
    &[1, 1, 3, 3],
    &[1, 2, 4],
    &[2, 1, 2],
    &[2, 1, 2, 2],
    &[1],
    &[2, 2, 2],
];

pub(crate) fn fixed(ring: RingBits, frac: u8) -> DType {
    DType::fixed(ring, frac).expect("a type that exists")
}

fn reals() -> Vec<DType> {
    let (small, large) = (RingBits::B64, RingBits::B128);
    vec![
        fixed(small, 16),
        fixed(small, 16),
        fixed(small, 20),
        fixed(large, 40),
        fixed(small, 8),
        fixed(small, 26),
        fixed(large, 20),
    ]
}

/// The element types that a cast may lead to.
pub(crate) fn types() -> Vec<DType> {
    reals().into_iter().chain([DType::I64, DType::I64, DType::Bool, DType::U64]).collect()
}

impl Recipe {
    /// The recipe of some numbers.
    pub(crate) fn of(kind: u64, inputs: &[u64], steps: &[u64]) -> Recipe {
        let mut random = Random::new(kind);
        let scheme =
            random.of(&[Scheme::Replicated, Scheme::Replicated, Scheme::Replicated, Scheme::Malicious, Scheme::Host]);
        let real = random.of(&reals());
        let mut recipe =
            Recipe { scheme, real, inputs: Vec::new(), steps: Vec::new(), types: Vec::new(), stretch: None };
        for gene in inputs {
            recipe.inputs.push(input(real, &mut Random::new(*gene)));
        }
        recipe.types = recipe.inputs.iter().map(|i| Type::new(i.becomes, dims(&i.shape))).collect();
        for gene in steps {
            recipe.grow(&mut Random::new(*gene));
        }
        // Half of the programs have a function or a loop, if the checker admits one.
        let tries = if recipe.steps.is_empty() || random.once_in(2) { 0 } else { 6 };
        for _ in 0..tries {
            recipe.stretch = Stretch::of(&recipe, &mut random);
            if recipe.stretch.is_some() && recipe.program().is_ok() {
                return recipe;
            }
        }
        recipe.stretch = None;
        recipe
    }

    /// Whether a slot's value depends on an input.
    pub(crate) fn is_secret(&self, slot: usize) -> bool {
        let Some(step) = slot.checked_sub(self.inputs.len()).map(|i| &self.steps[i]) else { return true };
        step.args.iter().any(|a| if let Arg::Slot(s) = a { self.is_secret(*s) } else { false })
    }

    pub(crate) fn is_clear(&self) -> bool {
        self.scheme == Scheme::Host
    }

    /// Adds one step that the checker admits, if one is found.
    fn grow(&mut self, random: &mut Random) {
        let all: Vec<Op> = operators().collect();
        for _ in 0..6 {
            let op = random.of(&all);
            let Some((step, ty)) = (0..8).find_map(|_| self.candidate(op, random)) else { continue };
            if self.admits(&[(step.clone(), ty.clone())]) {
                return;
            }
            // With its operands limited it may have room.
            let (low, high) =
                random.of(&[(0.5, 100.0), (-4.0, 4.0), (1.0, 1000.0), (0.01, 3.0), (-1000.0, -0.25), (0.0, 5.0)]);
            let mut more = Vec::new();
            let mut limited = step;
            for arg in &mut limited.args {
                if let Arg::Slot(slot) = arg
                    && self.types[*slot].dtype.is_numeric()
                    && self.types[*slot].dtype != DType::U64
                {
                    let attrs = attrs::limits(low, high);
                    more.push((Step { op: Op::Clip, args: vec![Arg::Slot(*slot)], attrs }, self.types[*slot].clone()));
                    *slot = self.types.len() + more.len() - 1;
                }
            }
            more.push((limited, ty));
            if self.admits(&more) {
                return;
            }
        }
    }

    /// Keeps further steps if the checker admits them.
    fn admits(&mut self, more: &[(Step, Type)]) -> bool {
        let (steps, slots) = (self.steps.len(), self.types.len());
        for (step, ty) in more {
            self.steps.push(step.clone());
            self.types.push(ty.clone());
        }
        let fits = self.program().is_ok();
        if !fits {
            self.steps.truncate(steps);
            self.types.truncate(slots);
        }
        fits
    }

    /// A well-typed step, on recent values more often than on old ones.
    fn candidate(&self, op: Op, random: &mut Random) -> Option<(Step, Type)> {
        let count = match op.spec().arity {
            privity::ir::Arity::Exactly(n) => n,
            privity::ir::Arity::AtLeast(n) => n + random.below(2),
        };
        let slots = self.types.len();
        let mut args: Vec<Arg> = (0..count)
            .map(|_| {
                Arg::Slot(if random.once_in(2) { random.below(slots) } else { slots - 1 - random.below(slots.min(3)) })
            })
            .collect();
        let first = args.iter().find_map(|a| if let Arg::Slot(s) = a { Some(self.types[*s].clone()) } else { None });
        if count >= 2 && random.once_in(4) {
            let at = count - 1 - random.below(2);
            let beside = first.as_ref()?;
            args[at] = Arg::Literal(literal(beside, random));
        }
        let step = Step { op, args, attrs: Attrs::new() };
        let attrs = attrs::random(op, self.operand_types(&step).first(), self.real, random);
        let (step, ty) = self.typed(Step { attrs, ..step }).ok()?;
        let small = ty.shape.iter().map(|d| d.as_constant().unwrap_or(u64::MAX)).product::<u64>() <= 36;
        let holds = self.scheme != Scheme::Host || !ty.dtype.is_float();
        (small && holds).then_some((step, ty))
    }

    /// Adds an operator on these operands; its value is the last slot.
    pub(crate) fn add(&mut self, op: Op, args: Vec<Arg>, attrs: &Attrs) -> Result<(), String> {
        let (step, ty) = self.typed(Step { op, args, attrs: attrs.clone() }).map_err(|p| p.message)?;
        self.steps.push(step);
        self.types.push(ty);
        Ok(())
    }

    /// A step with its attributes in their canonical form, and the type of its result.
    fn typed(&self, step: Step) -> Result<(Step, Type), Problem> {
        let types = self.operand_types(&step);
        let types: Vec<&Type> = types.iter().collect();
        let canonical = privity::ir::canonical_attrs(step.op, &types, &step.attrs)?;
        let ty = privity::ir::infer(step.op, &types, &canonical)?;
        Ok((Step { attrs: canonical, ..step }, ty))
    }

    /// Data for all inputs, within what the program has room for.
    pub(crate) fn data(&self, program: &Program, random: &mut Random) -> Result<BTreeMap<String, Plain>, String> {
        let none = || format!("checked, but no budget:\n{}", program.computation());
        let budget = program.checked().budget(&BTreeMap::new()).map_err(|_| none())?;
        let named = self.inputs.iter().enumerate().map(|(i, x)| (format!("x{i}"), x));
        Ok(named.map(|(name, x)| (name.clone(), x.data(budget.input(&name), random))).collect())
    }

    /// The types of a step's operands; a constant takes that of the first value beside it, as in a program.
    pub(crate) fn operand_types(&self, step: &Step) -> Vec<Type> {
        let beside = if step.op == Op::Select { &step.args[1..] } else { &step.args[..] };
        let taken = beside.iter().find_map(|a| if let Arg::Slot(s) = a { Some(self.types[*s].dtype) } else { None });
        let of = |a: &Arg| match a {
            Arg::Slot(s) => self.types[*s].clone(),
            Arg::Literal(l) => Type::new(taken.unwrap_or(self.real), dims(&l.shape)),
        };
        step.args.iter().map(of).collect()
    }

    /// The program, and its values in the order of slots.
    pub(crate) fn program(&self) -> Result<(Program, Values), String> {
        let (computation, values) = self.computation().map_err(|d| d.message)?;
        Ok((Program::new(computation).map_err(|p| p.to_string())?, values))
    }

    fn computation(&self) -> Result<(Computation, Values), Diagnostic> {
        let at = Span::default();
        let mut b = Builder::new("random", at.clone())?;
        let players = ["a", "b", "c", "reader"].into_iter().map(|n| b.player(n, &at)).collect::<Result<Vec<_>, _>>()?;
        let place = match self.scheme {
            Scheme::Host => b.declared().host(players[1]),
            scheme => b.placement("trio", scheme, &players[..3], &at)?,
        };
        // In the clear another player computes, so it has to be a reader.
        let readers = if self.is_clear() { vec![players[0], players[1]] } else { vec![players[0]] };
        let mut values = Values::new();
        for (i, input) in self.inputs.iter().enumerate() {
            let raw = if input.becomes.is_fixed() { DType::F64 } else { input.becomes };
            let label = vec![OwnerPolicy { owner: players[0], readers: readers.clone() }];
            let home = b.declared().host(players[0]);
            let x = b.input(&format!("x{i}"), Type::new(raw, dims(&input.shape)), home, label, &at)?;
            if let Some((low, high)) = input.range {
                b.range(x, low, high, &at)?;
            }
            values.push(b.move_to(x, place, Some(input.becomes), &at)?);
        }
        b.on(place, Some(self.real), &at)?;
        let mut began = None;
        for (i, step) in self.steps.iter().enumerate() {
            match self.stretch.as_ref().filter(|s| s.steps.contains(&i)) {
                Some(stretch) if stretch.steps.start == i => began = stretch.write(self, &mut b, place, &mut values)?,
                Some(_) => {}
                None => values.push(step.write(&mut b, &values)?),
            }
        }
        b.end_on();
        if let Some(began) = began {
            b.release_as(began, &players[3..], BEGAN, &at)?;
        }
        for (slot, value) in values.iter().enumerate() {
            b.release_as(*value, &players[3..], &format!("v{slot}"), &at)?;
        }
        Ok((b.finish()?, values))
    }
}

fn dims(shape: &[u64]) -> Vec<Dim> {
    shape.iter().map(|n| Dim::constant(*n)).collect()
}

fn input(real: DType, random: &mut Random) -> Input {
    let shape = random.of(SHAPES).to_vec();
    let becomes = match random.below(12) {
        0 => DType::Bool,
        1 | 2 => DType::I64,
        3 => DType::U64,
        _ => real,
    };
    let size = 2f64.powi(random.below(40) as i32 - 4);
    let range = match (becomes, random.below(6)) {
        (DType::Bool, _) | (_, 0) => None,
        (DType::U64, _) => Some((0.0, 2f64.powi(random.below(20) as i32))),
        (DType::I64, 1..=3) => Some((0.0, 4.0)),
        (DType::I64, _) => Some((-size.ceil(), size.ceil())),
        (_, 1) => Some((0.5, 100.0)),
        (_, 2) => Some((0.0, size)),
        (_, 3) => Some((-4.0, 4.0)),
        (_, 4) => Some((0.01, 3.0)),
        _ => Some((-size, size)),
    };
    Input { becomes, shape, range }
}

const NUMBERS: &[f64] = &[0.0, 1.0, 2.0, -1.0, 0.5, 0.001, -0.3, 3.0, 7.25, 1e-9, 100.0, -1234.5, 1e5, 0.1];

/// A constant beside a value.
fn literal(beside: &Type, random: &mut Random) -> Literal {
    let mut number = || match beside.dtype {
        DType::Bool => Number::Bool(random.once_in(2)),
        DType::I64 => Number::Int(random.of(&[0, 1, 2, 3, -1, 7, 100])),
        DType::U64 => Number::Int(random.of(&[0, 1, 2, 3, 7])),
        _ => Number::Real(random.of(NUMBERS)),
    };
    let first = number();
    match beside.shape.last().and_then(Dim::as_constant) {
        Some(n) if matches!(first, Number::Real(_) | Number::Bool(_)) && n > 1 => {
            let values = once(first).chain((1..n).map(|_| number())).collect();
            Literal { shape: vec![n], values }
        }
        _ => Literal::number(first),
    }
}
