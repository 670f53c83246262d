//! Operands: bringing values to where an operator runs, and giving literals a type.

use super::{Builder, Built};
use crate::attrs::{Attr, Attrs, Literal, Number};
use crate::diag::{Diagnostic, Span};
use crate::graph::ValueId;
use crate::ops::Op;
use crate::place::{PlacementId, Scheme};
use crate::types::{DType, Type};

/// What an operator is applied to.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A value.
    Value(ValueId),
    /// A public constant; it takes the element type of the operand beside it.
    Literal(Literal),
}

impl From<ValueId> for Operand {
    fn from(v: ValueId) -> Operand {
        Operand::Value(v)
    }
}

impl From<f64> for Operand {
    fn from(x: f64) -> Operand {
        Operand::Literal(Literal::number(Number::Real(x)))
    }
}

impl From<i64> for Operand {
    fn from(x: i64) -> Operand {
        Operand::Literal(Literal::number(Number::Int(x.into())))
    }
}

impl Builder {
    /// Where an operator runs: the innermost `on` block, or where all its operands are.
    pub(super) fn place_for(&self, op: Op, operands: &[Operand], span: &Span) -> Built<PlacementId> {
        for operand in operands {
            if let Operand::Value(v) = operand {
                self.visible(*v, span)?;
            }
        }
        if let Some(context) = self.context.last() {
            return Ok(context.placement);
        }
        let mut places = operands.iter().filter_map(|o| match o {
            Operand::Value(v) => Some(self.value(*v).placement),
            Operand::Literal(_) => None,
        });
        let first = places.next();
        match first {
            Some(place) if places.all(|p| p == place) => Ok(place),
            Some(_) => Err(Diagnostic::new(
                "placement.unclear",
                span.clone(),
                format!("the operands of `{}` are at different places", op.name()),
            )
            .help("say where it runs, in an `on …` block")),
            None => Err(Diagnostic::new(
                "placement.unclear",
                span.clone(),
                format!("it is not said where `{}` runs", op.name()),
            )
            .help("put it into an `on …` block")),
        }
    }

    /// All operands at `placement`, in order.
    pub(super) fn bring(
        &mut self,
        op: Op,
        operands: &[Operand],
        placement: PlacementId,
        span: &Span,
    ) -> Built<Vec<ValueId>> {
        let literal_type = self.literal_type(op, operands, placement, span)?;
        let mut args = Vec::with_capacity(operands.len());
        for operand in operands {
            args.push(match operand {
                Operand::Value(v) => self.bring_one(*v, placement, span)?,
                Operand::Literal(literal) => {
                    let Some(dtype) = literal_type else {
                        return Err(Diagnostic::new(
                            "type.literal",
                            span.clone(),
                            format!("the type of {} is not clear here", shown(literal)),
                        )
                        .help("write `const(…, type=…)`"));
                    };
                    let attrs =
                        Attrs::new().with("value", Attr::Literal(literal.clone())).with("type", Attr::DType(dtype));
                    self.push(Op::Const, Vec::new(), attrs, placement, span)?
                }
            });
        }
        Ok(args)
    }

    /// A sum over the members of a group: its operands stay at the group, and it runs at the innermost `on` block.
    pub(super) fn federated(&mut self, op: Op, operands: &[Operand], attrs: Attrs, span: &Span) -> Built<ValueId> {
        let wrong = |message: String| {
            Diagnostic::new("group.operand", span.clone(), message)
                .help("compute in an `on` block of the group's name, and sum what that gives")
        };
        let mut args = Vec::with_capacity(operands.len());
        for operand in operands {
            let Operand::Value(x) = operand else {
                return Err(wrong(format!("`{}` takes what the members of a group hold, not a constant", op.name())));
            };
            self.visible(*x, span)?;
            let place = self.computation.placement(self.value(*x).placement);
            if place.scheme != Scheme::Each {
                let text =
                    format!("`{}` takes what the members of a group hold, and this is at {}", op.name(), place.name);
                return Err(wrong(text));
            }
            args.push(*x);
        }
        let Some(context) = self.context.last() else {
            let text = format!("it is not said where the sum of `{}` is held", op.name());
            return Err(Diagnostic::new("placement.unclear", span.clone(), text).help("put it into an `on …` block"));
        };
        let (placement, named) = (context.placement, attrs.dtype("type").or(context.dtype));
        let own = args.first().map(|x| self.value(*x).ty.dtype);
        // What is fixed point already stays as it is; all else becomes what the `on` block says.
        let becomes = attrs.dtype("type").or(own.filter(|d| d.is_fixed())).or(named);
        let attrs = becomes.map_or(attrs.clone(), |dtype| attrs.with("type", Attr::DType(dtype)));
        self.push(op, args, attrs, placement, span)
    }

    /// The element type that a literal takes: that of the first value beside it (a condition does not
    /// count), or that of the `on` block.
    pub(super) fn literal_type(
        &self,
        op: Op,
        operands: &[Operand],
        placement: PlacementId,
        span: &Span,
    ) -> Built<Option<DType>> {
        let beside = if op == Op::Select { operands.get(1..).unwrap_or(&[]) } else { operands };
        for operand in beside {
            if let Operand::Value(v) = operand {
                return self.dtype_at(*v, placement, span).map(Some);
            }
        }
        Ok(self.context.last().and_then(|c| c.dtype))
    }

    /// The value at `placement`: itself, or an implicit move, which is made once in a block.
    pub(super) fn bring_one(&mut self, x: ValueId, placement: PlacementId, span: &Span) -> Built<ValueId> {
        self.visible(x, span)?;
        if self.value(x).placement == placement {
            return Ok(x);
        }
        let dtype = self.dtype_at(x, placement, span)?;
        let key = (x, placement, dtype);
        if let Some(moved) = self.frame().open.iter().rev().find_map(|b| b.moved.get(&key)) {
            return Ok(*moved);
        }
        let attrs = Attrs::new().with("type", Attr::DType(dtype));
        let moved = self.push(Op::Move, vec![x], attrs, placement, span)?;
        self.frame_mut().block().moved.insert(key, moved);
        Ok(moved)
    }

    /// The element type of a value once it is at `placement`: floats become the type of the `on` block
    /// where the placement holds no floats.
    fn dtype_at(&self, x: ValueId, placement: PlacementId, span: &Span) -> Built<DType> {
        let value = self.value(x);
        let place = self.computation.placement(placement);
        if value.placement == placement || place.scheme.is_plaintext() || !value.ty.dtype.is_float() {
            return Ok(value.ty.dtype);
        }
        self.context.last().filter(|c| c.placement == placement).and_then(|c| c.dtype).ok_or_else(|| {
            Diagnostic::new("type.placement", span.clone(), format!("{} cannot hold {}", place.name, value.ty.dtype))
                .help(format!("say what it becomes there, as `on {} as fixed<64, 16>`", place.name))
        })
    }

    /// Refuses values of closed regions and of other functions.
    pub(crate) fn visible(&self, x: ValueId, span: &Span) -> Built<()> {
        let frame = self.frame();
        let visible = frame.home.get(x.index()).is_some_and(|home| frame.open.iter().any(|b| b.serial == *home));
        if visible {
            return Ok(());
        }
        Err(Diagnostic::new("name.scope", span.clone(), "this value belongs to a loop or function that has ended")
            .help("carry it out of the loop, or return it from the function"))
    }

    /// Refuses types that a placement cannot hold.
    pub(super) fn check_held(&self, ty: &Type, placement: PlacementId, span: &Span) -> Built<()> {
        let place = self.computation.placement(placement);
        if place.scheme.is_plaintext() || !(ty.dtype.is_float() || ty.dtype == DType::Bytes) {
            return Ok(());
        }
        Err(Diagnostic::new("type.placement", span.clone(), format!("{} cannot hold {}", place.name, ty.dtype))
            .help("name a fixed-point type, as `fixed<64, 16>`"))
    }
}

/// A constant as a message shows it.
pub(crate) fn shown(literal: &Literal) -> String {
    if literal.values.len() > 8 { "this constant".to_owned() } else { literal.to_string() }
}

/// Refuses constants that do not fit their type.
pub(super) fn check_literal(literal: &Literal, dtype: DType, span: &Span) -> Built<()> {
    let count = literal.shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d));
    if count == Some(0) {
        return Err(Diagnostic::new("literal.shape", span.clone(), "a constant has at least one number"));
    }
    if count != Some(literal.values.len() as u64) {
        return Err(Diagnostic::new(
            "literal.shape",
            span.clone(),
            "the inner lists of a constant must be equally long",
        ));
    }
    for value in &literal.values {
        let fits = match (dtype, value) {
            (DType::Bool, Number::Bool(_)) => true,
            (DType::I64, Number::Int(i)) => i64::try_from(*i).is_ok(),
            (DType::U64, Number::Int(i)) => u64::try_from(*i).is_ok(),
            (DType::F32, Number::Int(_) | Number::Real(_)) => (value.to_f64() as f32).is_finite(),
            (DType::F64, Number::Int(_) | Number::Real(_)) => value.to_f64().is_finite(),
            // One bit beside the sign stays free: truncation needs it.
            (DType::Fixed { ring, frac }, Number::Int(_) | Number::Real(_)) => {
                value.to_f64().abs() < 2f64.powi(ring.bits() as i32 - 2 - i32::from(frac))
            }
            _ => false,
        };
        if !fits {
            return Err(Diagnostic::new("literal.range", span.clone(), format!("{value} is no {dtype}")));
        }
    }
    Ok(())
}
