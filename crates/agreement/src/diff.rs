//! What two agreements disclose, side by side.

use std::collections::BTreeMap;
use std::fmt;

use check::{Disclosure, Reason};
use ir::Op;
use serde::Serialize;

use crate::agreement::Agreement;

/// Which part of an agreement changed, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Who learns what.
    Disclosure,
    /// The readers that an owner allows.
    Readers,
    /// The operators between data and what is learned, and the rows that they combine.
    Operators,
    /// Programs that are not of the language.
    Modules,
    /// Where data goes, in which form, under which assumption.
    Placement,
    /// What is kept for later computations.
    Stored,
    /// Who compares key columns.
    Matching,
    /// Who plays whom.
    Roster,
    /// Datasets and their schemas.
    Dataset,
    /// Lengths of dimensions.
    Dim,
    /// When it may run, and how often.
    Terms,
    /// The text of the computation.
    Computation,
}

impl Part {
    /// Its name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Part::Disclosure => "disclosure",
            Part::Readers => "readers",
            Part::Operators => "operators",
            Part::Modules => "modules",
            Part::Placement => "placement",
            Part::Stored => "stored",
            Part::Matching => "matching",
            Part::Roster => "roster",
            Part::Dataset => "dataset",
            Part::Dim => "dim",
            Part::Terms => "terms",
            Part::Computation => "computation",
        }
    }
}

/// One difference between two agreements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// In which part.
    pub part: Part,
    /// Of what.
    pub subject: String,
    /// What the first says; nothing if it is new.
    pub before: Option<String>,
    /// What the second says; nothing if it is gone.
    pub after: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ", self.part.name(), self.subject)?;
        match (&self.before, &self.after) {
            (None, Some(after)) => write!(f, "is new: {after}"),
            (Some(before), None) => write!(f, "is gone: {before}"),
            (before, after) => {
                write!(
                    f,
                    "was {}, is {}",
                    before.as_deref().unwrap_or("nothing"),
                    after.as_deref().unwrap_or("nothing")
                )
            }
        }
    }
}

/// What changed from one agreement to another, in terms of what they disclose; nothing if they are the same.
pub fn diff(before: &Agreement, after: &Agreement) -> Vec<Change> {
    let (old, new) = (statements(before), statements(after));
    let change = |part: Part, subject: &str, before: Option<&String>, after: Option<&String>| Change {
        part,
        subject: subject.to_owned(),
        before: before.cloned(),
        after: after.cloned(),
    };
    let mut changes: Vec<Change> = Vec::new();
    for ((part, subject), text) in &old {
        let now = new.get(&(*part, subject.clone()));
        if now != Some(text) {
            changes.push(change(*part, subject, Some(text), now));
        }
    }
    let added = new.iter().filter(|(key, _)| !old.contains_key(*key));
    changes.extend(added.map(|((part, subject), text)| change(*part, subject, None, Some(text))));
    changes.sort_by(|a, b| (a.part, &a.subject).cmp(&(b.part, &b.subject)));
    changes
}

/// What an agreement says, by part and subject.
type Statements = BTreeMap<(Part, String), String>;

fn statements(a: &Agreement) -> Statements {
    let mut all = Statements::new();
    disclosed(a.checked().disclosure(), &mut all);
    operators(a, &mut all);
    for (name, member) in a.roster().iter() {
        let at = member.endpoint.as_ref().map(|e| format!(" at {e}")).unwrap_or_default();
        add(&mut all, Part::Roster, name.to_owned(), format!("{}{at}", member.identity));
        if let Some(policy) = &member.claims {
            add(&mut all, Part::Roster, format!("claims of {name}"), policy.in_words().join("; "));
        }
    }
    for d in a.datasets() {
        let keys: Vec<String> = d.keys.iter().map(|(dim, key)| format!(", {dim} by {key}")).collect();
        let text = format!("{} of shape {:?}{}", d.ty, d.shape, keys.concat());
        add(&mut all, Part::Dataset, format!("{} of {}", d.name, d.player), text);
    }
    for (name, n) in a.dims() {
        add(&mut all, Part::Dim, name.clone(), n.to_string());
    }
    let terms = a.terms();
    for (name, time) in [("not_before", terms.not_before), ("not_after", terms.not_after)] {
        if let Some(time) = time {
            add(&mut all, Part::Terms, name.to_owned(), time.to_string());
        }
    }
    add(&mut all, Part::Terms, "uses".to_owned(), terms.uses.to_string());
    add(&mut all, Part::Terms, "profile".to_owned(), terms.profile.name().to_owned());
    add(&mut all, Part::Computation, "its digest".to_owned(), a.computation_digest().to_string());
    all
}

/// Statements about one subject stand beside each other.
fn add(all: &mut Statements, part: Part, subject: String, text: String) {
    let entry = all.entry((part, subject)).or_default();
    if !entry.is_empty() {
        entry.push_str(" and ");
    }
    entry.push_str(&text);
}

fn disclosed(d: &Disclosure, all: &mut Statements) {
    for event in &d.events {
        let why = match event.reason {
            Reason::Release => format!("released by {}", names(&event.ratified_by)),
            Reason::Released => "from what was released before".to_owned(),
            Reason::Reader => "as the labels allow".to_owned(),
        };
        let times = match event.times {
            Some(1) => String::new(),
            Some(n) => format!(", {n} times"),
            None => ", once for every batch of rows".to_owned(),
        };
        let text = format!("{}{times}, computed from {}, {why}", event.amount, names(&event.from));
        for learner in &event.learners {
            add(all, Part::Disclosure, format!("\"{}\" for {learner}", event.name), text.clone());
        }
    }
    for given in d.owners.iter().flat_map(|o| &o.gives) {
        for (owner, readers) in &given.label {
            let subject = format!("of {}, owned by {owner}", given.name);
            all.insert((Part::Readers, subject), names(readers));
        }
        if given.label.is_empty() {
            all.insert((Part::Readers, format!("of {}", given.name)), "everyone: it is public".to_owned());
        }
        for form in &given.forms {
            let kind = if form.in_the_clear { "in the clear" } else { &form.scheme };
            let text = format!("{kind} at {}; {}", names(&form.players), form.assumption);
            all.insert((Part::Placement, format!("{} on {}", given.name, form.placement)), text);
        }
    }
    for stored in &d.stored {
        let text = format!("{} of {}, on {}", stored.amount, names(&stored.from), stored.form.placement);
        add(all, Part::Stored, format!("\"{}\"", stored.name), text);
    }
    for module in &d.modules {
        let told: Vec<String> = module.arguments.iter().map(|(name, text)| format!(", {name}={text}")).collect();
        let (on, limits) = (names(&module.from), format!("fuel {} and {} bytes of memory", module.fuel, module.memory));
        let text = format!("{} on {on}{}, within {limits}", module.digest, told.concat());
        add(all, Part::Modules, format!("{} inside {}", module.name, module.placement), text);
    }
    for matched in &d.matched {
        let text = format!("by {}, between {}", matched.key, names(&matched.players));
        add(all, Part::Matching, format!("of {}", matched.dim), text);
    }
}

/// The operators and rows between each owner's inputs and what others learn of them.
fn operators(a: &Agreement, all: &mut Statements) {
    let c = a.checked().computation();
    for owner in &a.checked().disclosure().owners {
        let Some(player) = c.player_named(&owner.player) else { continue };
        let Ok(learned) = check::learned(a.checked(), &[player], a.dims()) else {
            add(all, Part::Operators, format!("of {}", owner.player), "too many to follow".to_owned());
            continue;
        };
        for l in learned {
            for (input, ways) in l.ways {
                let computes = |op: &&Op| !matches!(op, Op::Move | Op::Classify | Op::Release);
                let operators: Vec<String> =
                    ways.operators.keys().filter(computes).map(|op| op.name().to_owned()).collect();
                let rows = if ways.rows == 1 { "1 row".to_owned() } else { format!("{} rows", ways.rows) };
                let text = format!("{}, combining at least {rows}", names(&operators));
                add(all, Part::Operators, format!("between {input} of {} and \"{}\"", owner.player, l.name), text);
            }
        }
    }
}

fn names(list: &[String]) -> String {
    if list.is_empty() { "nothing".to_owned() } else { list.join(", ") }
}
