//! The text form: parsing, printing, and the digest that parties sign.
//!
//! ```
//! let source = r#"
//! computation slope
//!   player clinic, laboratory, registry, analyst
//!   placement committee = replicated(clinic, laboratory, registry)
//!
//!   input bmi    : f64[n] at clinic
//!   input target : f64[n] at registry
//!
//!   on committee as fixed<64, 16>
//!     x = bmi - mean(bmi)
//!     b = dot(x, target) / dot(x, x)
//!
//!   release b to analyst as "slope"
//! "#;
//! let computation = ir::text::parse(source).unwrap();
//! let canonical = computation.to_string();
//! assert_eq!(ir::text::parse(&canonical).unwrap(), computation);
//! ```

mod ast;
mod digest;
mod expr;
mod inline;
mod lexer;
mod lower;
mod names;
mod parser;
mod print;
mod show;
mod steps;

use std::collections::HashSet;
use std::fmt;

use crate::diag::{Diagnostic, Span};
use crate::graph::{Computation, Graph, ValueId};
use crate::place::Placement;

pub use digest::{Digest, ParseDigestError};

/// The longest source that is read, in bytes.
pub const MAX_SOURCE: usize = 4 << 20;

/// The most errors that are reported at once.
const MAX_ERRORS: usize = 50;

/// Reads a program.
///
/// # Errors
/// Everything that is wrong with it, in the order of the source (the first 50 errors).
pub fn parse(source: &str) -> Result<Computation, Vec<Diagnostic>> {
    if source.len() > MAX_SOURCE {
        let message = format!("a program has at most {MAX_SOURCE} bytes, not {}", source.len());
        return Err(vec![Diagnostic::new("limit.source", Span::default(), message)]);
    }
    let lexed = lexer::lex(source, MAX_ERRORS);
    let (program, errors) = parser::Parser::new(lexed, MAX_ERRORS).program();
    lower::lower(&program, errors, MAX_ERRORS)
}

impl fmt::Display for Computation {
    /// The canonical text, which [`parse`] reads back as an equal computation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print::print(self))
    }
}

/// Gives a name to every value that cannot be printed in place.
pub(crate) fn name_values(computation: &mut Computation) {
    let Computation { functions, graph, placements, .. } = computation;
    for graph in functions.iter_mut().map(|f| &mut f.graph).chain([graph]) {
        // A name makes a line, and a line may part what stood together: until nothing is left to name.
        while name_once(graph, placements) {}
    }
}

/// Names what needs a name now. Returns whether there was anything.
fn name_once(graph: &mut Graph, placements: &[Placement]) -> bool {
    let forms = inline::decide(graph, placements);
    let nameless: Vec<ValueId> = (0..graph.values.len() as u32)
        .map(ValueId)
        .filter(|v| graph.value(*v).name.is_none() && forms.of(*v) == inline::Form::Named)
        .collect();
    let mut taken: HashSet<String> = graph.values.iter().filter_map(|v| v.name.clone()).collect();
    taken.extend(placements.iter().map(|p| p.name.clone()));
    let mut number = 0u32;
    for value in &nameless {
        let name = loop {
            number += 1;
            let name = format!("t{number}");
            if taken.insert(name.clone()) {
                break name;
            }
        };
        graph.values[value.index()].name = Some(name);
    }
    !nameless.is_empty()
}
