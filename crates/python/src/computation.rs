//! Computations as Python sees them: checked, with what they disclose and how they would run.

use std::collections::BTreeMap;

use privity::ir::{self, PlayerId};
use privity::session::Dims;
use privity::{Error, Program};
use pyo3::prelude::*;
use serde_json::json;

use crate::error;
use crate::run::wait_for;

/// A computation that keeps all rules.
#[pyclass(module = "privity._privity", frozen)]
pub(crate) struct Computation {
    program: Program,
}

/// An input: its name, the player it starts at, its element type and its shape, as in the text form.
type Input = (String, String, String, Vec<String>);

impl Computation {
    /// Checks what was built.
    pub(crate) fn check(py: Python<'_>, built: ir::Computation) -> PyResult<Computation> {
        Program::new(built).map(|program| Computation { program }).map_err(|p| error::of_problems(py, &p, None))
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }
}

/// Parses and checks a program's text; `name` is what errors call it.
#[pyfunction]
pub(crate) fn parse(py: Python<'_>, text: &str, name: &str) -> PyResult<Computation> {
    let refused = |p| error::of_problems(py, &p, Some((name, text)));
    Program::parse(name, text).map(|program| Computation { program }).map_err(refused)
}

#[pymethods]
impl Computation {
    #[getter]
    fn name(&self) -> &str {
        &self.program.computation().name
    }

    fn text(&self) -> String {
        self.program.computation().to_string()
    }

    fn digest(&self) -> String {
        self.program.computation().digest().to_string()
    }

    fn inputs(&self) -> Vec<Input> {
        let c = self.program.computation();
        let input = |(instr, value): (&ir::Instr, ir::ValueId)| {
            let player = c.player(c.placement(instr.placement).players[0]).name.clone();
            let ty = privity::data::held_type(c, instr, value);
            let shape = ty.shape.iter().map(ToString::to_string).collect();
            (instr.attrs.str("name").unwrap_or_default().to_owned(), player, ty.dtype.to_string(), shape)
        };
        c.inputs().map(input).collect()
    }

    /// What is disclosed, or what `corrupt` players would learn together: in words, and as JSON.
    fn disclose(&self, py: Python<'_>, corrupt: Vec<String>) -> PyResult<(String, String)> {
        if corrupt.is_empty() {
            let disclosure = self.program.checked().disclosure();
            return Ok((disclosure.to_string(), json!(disclosure).to_string()));
        }
        let coalition = self.program.if_corrupt(&corrupt).map_err(|e| error::of_facade(py, &e))?;
        Ok((coalition.to_string(), json!(coalition).to_string()))
    }

    /// The plan of one player or of all, with predicted cost: in words, and as JSON.
    fn explain(&self, py: Python<'_>, player: Option<String>, dims: Dims) -> PyResult<(String, String)> {
        let program = self.program.clone();
        wait_for(py, None, move |_| explain(&program, player.as_deref(), &dims))?.map_err(|e| error::of_facade(py, &e))
    }
}

fn explain(program: &Program, player: Option<&str>, dims: &Dims) -> Result<(String, String), Error> {
    let c = program.computation();
    let players = match player {
        Some(name) => vec![program.player(name)?],
        None => (0..c.players.len()).map(|i| PlayerId(i as u16)).collect(),
    };
    let name = |p: PlayerId| c.player(p).name.clone();
    let plans: BTreeMap<String, String> =
        players.iter().map(|p| Ok((name(*p), program.plan(*p, dims)?.to_string()))).collect::<Result<_, Error>>()?;
    let cost = program.predict(dims)?;
    let bytes: BTreeMap<String, u64> = cost.bytes.iter().map(|(p, n)| (name(*p), *n)).collect();
    let mut words: String = players.iter().map(|p| format!("{}\n", plans[&name(*p)])).collect();
    words += &format!("predicted: {} rounds\n", cost.rounds);
    for (player, bytes) in &bytes {
        words += &format!("  {player:<12} sends {bytes} bytes\n");
    }
    Ok((words, json!({ "plans": plans, "rounds": cost.rounds, "bytes": bytes }).to_string()))
}
