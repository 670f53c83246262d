//! Bounds on what one program may ask for: programs come from strangers.

use super::{Builder, Built};
use crate::diag::{Diagnostic, Span};
use crate::types::Dim;

/// The most axes of a tensor.
const MAX_RANK: usize = 16;
/// The longest constant axis.
const MAX_LENGTH: u64 = 1 << 48;
/// The most names in one shape.
const MAX_NAMES: usize = 64;
/// The most values of the main program or of a function.
const MAX_VALUES: usize = 1 << 16;
/// The most players and placements, and the most functions.
const MAX_DECLARED: usize = 1 << 10;
/// The deepest nesting of loops.
const MAX_LOOPS: usize = 12;

/// Refuses shapes that are too large, or whose dimensions could not be written.
pub(super) fn shape(shape: &[Dim], span: &Span) -> Built<()> {
    let too_large = |message: String| Err(Diagnostic::new("limit.shape", span.clone(), message));
    if shape.len() > MAX_RANK {
        return too_large(format!("a tensor has at most {MAX_RANK} axes"));
    }
    if shape.iter().any(|d| d.constant_part() > MAX_LENGTH) {
        return too_large("an axis has at most 2^48 positions".to_owned());
    }
    if shape.iter().map(|d| d.names().count()).sum::<usize>() > MAX_NAMES {
        return too_large(format!("a shape has at most {MAX_NAMES} named dimensions"));
    }
    shape.iter().flat_map(Dim::names).try_for_each(|name| super::declare::identifier(name, span))
}

/// Refuses one more declaration than there may be.
pub(super) fn count(code: &'static str, what: &str, have: usize, span: &Span) -> Built<()> {
    if have < MAX_DECLARED {
        return Ok(());
    }
    Err(Diagnostic::new(code, span.clone(), format!("a program has at most {MAX_DECLARED} {what}")))
}

/// Refuses a loop inside too many others.
pub(super) fn nesting(open: usize, span: &Span) -> Built<()> {
    if open <= MAX_LOOPS {
        return Ok(());
    }
    Err(Diagnostic::new("limit.depth", span.clone(), format!("loops are nested at most {MAX_LOOPS} deep")))
}

impl Builder {
    /// Refuses one more value than there may be.
    pub(super) fn check_size(&self, span: &Span) -> Built<()> {
        if self.frame().graph.values.len() < MAX_VALUES {
            return Ok(());
        }
        let message = format!("a program or function makes at most {MAX_VALUES} values");
        Err(Diagnostic::new("limit.values", span.clone(), message).help("loops and functions are not unrolled"))
    }
}
