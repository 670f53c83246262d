//! The text form: parsing, printing, and the digest that parties sign.
//!
//! Blocks are indented, `#` begins a comment, and a statement may go on over lines inside brackets. A player's
//! name is also the placement of the player itself.
//!
//! ```text
//! computation NAME
//!   player a, b, c
//!   group g of at least 100
//!   placement P = replicated(a, b, c)
//!   dim n by KEY                                      rows along n are matched by a key column
//!   input x : TYPE at a owner a readers b, c owner b  without owners it is a's; `public` is nobody's
//!   input z : TYPE at a range 0..100                  a's worker refuses other numbers; of `load`, another saved range
//!   function f(x : TYPE at P)                         sees only its parameters
//!     …
//!     return y, z
//!   on P as fixed<64, 16>                             operators run at P; floats that come there become fixed point
//!     y = EXPRESSION                                  what is elsewhere moves to P by itself
//!   y, z = call f(x)                                  operands are where the parameters are
//!   v = repeat 18 with w = start, …                   carries values from one iteration to the next
//!     …
//!     next w2, …
//!   v = fold xb, yb of x, y by 32 drop with w = start on batch after batch of rows
//!     …
//!     next w2
//!   y = move x to a as f64
//!   y = classify x owner a readers b                  narrows who may read
//!   y = release x to a, b                             widens it; all owners must ratify
//!   release x to a as "result"                        and delivers it
//!   output y to a as "result"                         delivers what may be read already
//!
//! TYPE        bool, i64, u64, f32, f64, fixed<64, 16>, fixed<128, 40>, bytes; with a shape as f64[n, 2*m + 1]
//! EXPRESSION  names, 2, 0.5, true, [1.0, 2.0], sum(x, axis=0), x[0, 1:3], -x, * / @, + -, < <= > >= == !=,
//!             not, and, or; a number takes the type of what stands beside it, or of the `on` block
//! ```
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
mod visible;

use std::collections::HashSet;
use std::fmt;

use crate::diag::{Diagnostic, Span};
use crate::graph::{Computation, Graph, ValueId};
use crate::place::Placement;

pub use digest::{Digest, ParseDigestError};
pub use visible::{is_invisible, visible};

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
