//! The auditor's crate: whether a computation keeps its promises, and what it discloses.
//!
//! [`check`] is the only way to a [`Checked`] computation, and every worker runs it again on what it is
//! about to run. It trusts nothing that it is given. These are the invariants it establishes; each names the
//! module that enforces it, and `tests/` has programs that keep and programs that break it.
//!
//! 1. *Tables.* The players' own placements come first; names are identifiers and unique, so that the
//!    text that people sign cannot be forged by a name. (`structure`)
//! 2. *Form.* Every reference leads somewhere. Every value is defined once, before its uses, and is used only
//!    where it is visible. Loops carry as many values as their regions; functions call only earlier ones,
//!    so there is no recursion. Attributes are those of the operator table, in canonical form. (`structure`, `types`)
//! 3. *Boundary.* Inputs, loads, saves and outputs stand in the main program, outside of loops, and so do loops with
//!    checkpoints; releases in the main program. (`structure`)
//! 4. *Size.* Counts and lengths are bounded, so checking is fast and no arithmetic on sizes overflows. (`structure`)
//! 5. *Types.* Every type is inferred again and equals the recorded one; what a loop carries keeps its type and
//!    place; constants fit their type. (`types`)
//! 6. *Dimensions.* Every named dimension is the length of an axis of some input or loaded value. (`types`)
//! 7. *Trust.* A protection has its scheme's number of players, all different; groups are not among them. (`places`)
//! 8. *Place.* Operands and results are where the operator runs; only a move crosses placements. (`places`)
//! 9. *Capability.* A scheme holds the types and can run the operators that it is given. (`places`, with the data in
//!    [`ir::Scheme::can`])
//! 10. *Labels.* A value's label is the join of all that it is computed from; `classify` only narrows, and only
//!     `release` widens, by exactly the players it names. (`label`, `flow`)
//! 11. *Readers.* A value in the clear at a player, or at each member of a group, is there only if that player
//!     is a reader in force. (`readers`)
//! 12. *Delivery.* An output goes only to readers in force. (`readers`)
//! 13. *Disclosure is complete.* Every way on which something of an input leaves its player is in the
//!     [`Disclosure`]: moves, outputs, releases, and the comparison of keys; and so is what is kept or was kept under
//!     which label. (`disclosure`)
//! 14. *Ranges.* On a protected placement no number arises that its ring does not hold, and no operand is outside of
//!     its operator's domain, as long as inputs keep their ranges and assumptions hold. (`range`, with the data in
//!     [`ir::Scheme::room`]; again by [`Checked::budget`] once lengths are known)
//! 15. *Groups.* What a member of a group holds leaves it in a sum over the group alone, of at least two members and at
//!     most a number that is known; members compute from their own inputs and constants. (`groups`)
//!
//! ```
//! let program = r#"
//! computation total
//!   player alice, bob, carol, analyst
//!   placement trio = replicated(alice, bob, carol)
//!   input a : i64 at alice
//!   input b : i64 at bob
//!   on trio
//!     total = a + b
//!   release total to analyst as "total"
//! "#;
//! let checked = check::check(ir::text::parse(program).unwrap()).unwrap();
//! assert!(checked.disclosure().to_string().contains("so that analyst learns \"total\""));
//!
//! let leak = program.replace("on trio", "on bob");
//! let errors = check::check(ir::text::parse(&leak).unwrap()).unwrap_err();
//! assert_eq!(errors[0].code, "label.not-a-reader");
//! ```
//!
//! What this crate does not know: how anything runs, who the players are in the world, and what their data is.

mod coalition;
mod disclosure;
mod facts;
mod flow;
mod groups;
mod label;
mod places;
mod range;
mod readers;
mod rows;
mod sites;
mod structure;
mod types;
mod unmatched;
mod words;

pub use coalition::{Coalition, Exposed, if_corrupt};
pub use disclosure::{
    Assumption, Crowd, Disclosure, Event, Form, Given, Matched, Module, Owner, Reason, Stored, Summed,
};
pub use facts::{Learned, TooLarge, Ways, learned};
pub use flow::{Fact, Sources};
pub use label::{Label, MAX_PLAYERS, PlayerSet};
pub use range::{Budget, InputRange};
pub use structure::limits;
pub use unmatched::Unmatched;

use std::collections::BTreeMap;

use ir::{Computation, Diagnostic, ValueId};

/// A computation that keeps the invariants of this crate, with what was found out about it.
///
/// There is no other way to one than [`check`].
#[derive(Clone, Debug)]
pub struct Checked {
    computation: Computation,
    /// Facts of the functions in order, joined over their calls, and at the end of the main program.
    facts: Vec<flow::Facts>,
    disclosure: Disclosure,
    not_runnable: Vec<String>,
}

impl Checked {
    /// The computation.
    pub fn computation(&self) -> &Computation {
        &self.computation
    }

    /// The computation, given up as checked.
    pub fn into_computation(self) -> Computation {
        self.computation
    }

    /// The label of a value of the main program.
    pub fn label(&self, value: ValueId) -> &Label {
        &self.fact(value).label
    }

    /// Label and origin of a value of the main program.
    pub fn fact(&self, value: ValueId) -> &Fact {
        &self.main()[value.index()]
    }

    /// Label and origin of every value of the main program.
    pub fn labels(&self) -> &[Fact] {
        self.main()
    }

    /// Who learns what, under which assumption.
    pub fn disclosure(&self) -> &Disclosure {
        &self.disclosure
    }

    /// What a person should look at, though it is no fault: rows of several players that no key matches.
    pub fn unmatched(&self) -> Vec<Unmatched> {
        unmatched::of(&self.computation)
    }

    /// Why this version cannot run it, in words; empty if it can.
    pub fn not_runnable(&self) -> &[String] {
        &self.not_runnable
    }

    /// The range of every value once the dimensions have lengths, and the ranges that inputs are held to.
    ///
    /// # Errors
    /// Every operator on a protected placement that may lack room under these lengths, with its budget.
    pub fn budget(&self, dims: &BTreeMap<String, u64>) -> Result<Budget, Vec<Diagnostic>> {
        range::of(&self.computation, dims)
    }

    fn main(&self) -> &flow::Facts {
        &self.facts[self.computation.functions.len()]
    }
}

/// Checks a computation. All problems are told, in the order of the source.
///
/// # Errors
/// Every invariant that is broken, with its place and advice. Where the structure itself is broken, only that
/// is told, since nothing else can be said with certainty.
///
/// Cost: close to linear in the number of instructions; nested loops are swept until labels no longer
/// change, which in practice is twice a level.
pub fn check(computation: Computation) -> Result<Checked, Vec<Diagnostic>> {
    let mut found = Found::default();
    structure::check(&computation, &mut found);
    if !found.is_empty() {
        return Err(found.sorted());
    }
    types::check(&computation, &mut found);
    places::check(&computation, &mut found);
    let facts = sites::labels(&computation, &mut found);
    if !found.is_empty() {
        return Err(found.sorted());
    }
    range::check(&computation).into_iter().for_each(|d| found.push(d));
    if !found.is_empty() {
        return Err(found.sorted());
    }
    let mut not_runnable = places::not_runnable(&computation);
    let disclosure = disclosure::of(&computation, &facts);
    not_runnable.extend(groups::saved(&disclosure));
    Ok(Checked { computation, facts, disclosure, not_runnable })
}

/// The problems found so far. Past [`limits::PROBLEMS`] they are no longer kept, so that a hostile program does
/// not fill the memory with them.
#[derive(Default)]
struct Found(Vec<Diagnostic>);

impl Found {
    fn push(&mut self, diagnostic: Diagnostic) {
        if !self.is_full() {
            self.0.push(diagnostic);
        }
    }

    fn is_full(&self) -> bool {
        self.0.len() >= limits::PROBLEMS
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order of the source, each once.
    fn sorted(mut self) -> Vec<Diagnostic> {
        let key = |d: &Diagnostic| (d.span.file.clone(), d.span.line, d.span.column, d.code, d.message.clone());
        self.0.sort_by_cached_key(key);
        self.0.dedup_by_key(|d| key(d));
        self.0
    }
}
