//! Rows that nobody matches: inputs of several players along a dimension without a key.
//!
//! This is no fault of a program, whose rows may be in order for other reasons; it is what a person should look at.

use std::fmt;

use ir::{Computation, Dim};
use serde::Serialize;

/// Inputs of several players along one dimension that has no `by`: their rows belong together by their order alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unmatched {
    /// The dimension.
    pub dim: String,
    /// The inputs along it, with their players, in the order of the program.
    pub inputs: Vec<(String, String)>,
}

impl Unmatched {
    /// A stable code for programs to match on.
    pub const CODE: &'static str = "rows.unmatched";

    /// What to do about it.
    pub fn help(&self) -> String {
        format!(
            "if the datasets have a key column, write `dim {} by KEY`: rows in another order, or missing, then end the run",
            self.dim
        )
    }
}

impl fmt::Display for Unmatched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inputs: Vec<String> = self.inputs.iter().map(|(player, input)| format!("`{input}` of {player}")).collect();
        write!(f, "the rows of {} along `{}` belong together by their order alone", inputs.join(", "), self.dim)
    }
}

/// The dimensions along which several players have inputs, and that no key is declared for; by name.
pub(crate) fn of(c: &Computation) -> Vec<Unmatched> {
    let mut found: Vec<Unmatched> = c.dims().into_keys().map(|dim| Unmatched { dim, inputs: Vec::new() }).collect();
    found.retain(|u| c.matched.iter().all(|m| m.name != u.dim));
    for (instr, value) in c.inputs() {
        let (value, players) = (c.graph.value(value), &c.placement(instr.placement).players);
        let (Some(player), Some(name)) = (players.first(), &value.name) else { continue };
        for unmatched in &mut found {
            if value.ty.shape.iter().any(|d: &Dim| d.as_name() == Some(&unmatched.dim)) {
                unmatched.inputs.push((c.player(*player).name.clone(), name.clone()));
            }
        }
    }
    let several = |u: &Unmatched| u.inputs.iter().any(|(player, _)| *player != u.inputs[0].0);
    found.retain(|u| !u.inputs.is_empty() && several(u));
    found
}
