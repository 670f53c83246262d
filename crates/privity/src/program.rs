//! Programs: text or a built computation, checked, with what it discloses and how it would run.

use std::fmt;

use check::{Checked, Coalition};
use ir::{Computation, Diagnostic, PlayerId};
use session::{Dims, Plan, Prediction};

use crate::Error;

/// A computation that keeps all rules.
#[derive(Clone, Debug)]
pub struct Program {
    checked: Checked,
}

/// Everything that is wrong with a program, each with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The mistakes, in the order of the source; at least one.
    pub diagnostics: Vec<Diagnostic>,
    name: String,
    source: Option<String>,
}

impl Program {
    /// Parses and checks a program's text. `name` is what errors call it: a file's path.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn parse(name: &str, text: &str) -> Result<Program, Problems> {
        let problems = |diagnostics| Problems { diagnostics, name: name.to_owned(), source: Some(text.to_owned()) };
        let computation = ir::text::parse(text).map_err(problems)?;
        check::check(computation).map(|checked| Program { checked }).map_err(problems)
    }

    /// Checks a computation that was built.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn new(computation: Computation) -> Result<Program, Problems> {
        let name = computation.name.clone();
        check::check(computation).map(|checked| Program { checked }).map_err(|diagnostics| Problems {
            diagnostics,
            name,
            source: None,
        })
    }

    /// The computation, checked.
    pub fn checked(&self) -> &Checked {
        &self.checked
    }

    /// The computation.
    pub fn computation(&self) -> &Computation {
        self.checked.computation()
    }

    /// A player by name.
    ///
    /// # Errors
    /// If the program has none of that name.
    pub fn player(&self, name: &str) -> Result<PlayerId, Error> {
        let c = self.computation();
        c.player_named(name).ok_or_else(|| {
            let known: Vec<&str> = c.players.iter().map(|p| p.name.as_str()).collect();
            Error::UnknownPlayer { name: name.to_owned(), known: known.join(", ") }
        })
    }

    /// What players would learn if they were corrupt together.
    ///
    /// # Errors
    /// If the program has no player of a name.
    pub fn if_corrupt(&self, names: &[String]) -> Result<Coalition, Error> {
        let players = names.iter().map(|n| self.player(n)).collect::<Result<Vec<_>, _>>()?;
        Ok(check::if_corrupt(&self.checked, &players))
    }

    /// The plan of one player, for explaining.
    ///
    /// # Errors
    /// If a dimension has no length, or the program cannot be run by this version.
    pub fn plan(&self, player: PlayerId, dims: &Dims) -> Result<Plan, Error> {
        Ok(Plan::preview(&self.checked, player, dims)?)
    }

    /// What a run will cost: rounds, and bytes that each player sends. Found by rehearsing the run on made-up data.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub fn predict(&self, dims: &Dims) -> Result<Prediction, Error> {
        let runtime = crate::local::runtime()?;
        Ok(runtime.block_on(session::rehearse(&self.checked, dims))?)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, d) in self.diagnostics.iter().enumerate() {
            // A place in another file (of Python) is shown by whoever can read it.
            let source = if d.span.file.is_none() { self.source.as_deref() } else { None };
            write!(f, "{}{}", if i > 0 { "\n" } else { "" }, d.render(&self.name, source))?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
