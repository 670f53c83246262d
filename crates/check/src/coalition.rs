//! Coalitions: what players would learn together if they were corrupt.

use std::fmt;

use ir::{Op, PlacementId, PlayerId};
use serde::{Deserialize, Serialize};

use crate::Checked;
use crate::disclosure::{self, Event, Form, Given, Matched};
use crate::readers::list;
use crate::sites;

/// What corrupt players would learn together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coalition {
    /// The players.
    pub members: Vec<String>,
    /// Their own inputs.
    pub own: Vec<Given>,
    /// What reaches them anyway: outputs, and values in the clear at their machines.
    pub learned: Vec<Event>,
    /// The placements whose assumption no longer holds, with what is exposed on each.
    pub broken: Vec<Exposed>,
    /// The placements they take part in whose assumption still holds.
    pub intact: Vec<Form>,
    /// Key columns that they compare with others.
    pub matched: Vec<Matched>,
    /// Inputs of others that they learn nothing of, except lengths and whether keys match.
    pub safe: Vec<String>,
}

/// A placement whose assumption no longer holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposed {
    /// The placement.
    pub form: Form,
    /// Inputs of others that are on it as they are.
    pub inputs: Vec<Given>,
    /// Values that reach it computed elsewhere: name, amount and what they are computed from.
    pub values: Vec<Event>,
}

/// What `players` would learn if they were corrupt together.
///
/// Players that do not exist are left out.
pub fn if_corrupt(checked: &Checked, players: &[PlayerId]) -> Coalition {
    let c = checked.computation();
    let mut members: Vec<PlayerId> = players.iter().copied().filter(|p| p.index() < c.players.len()).collect();
    members.sort_unstable();
    members.dedup();
    let names = disclosure::names(c, &members);
    let given = |mine: bool| {
        // What several own is listed under each of them.
        let mut all: Vec<Given> = Vec::new();
        for g in checked.disclosure().owners.iter().flat_map(|o| &o.gives) {
            if names.contains(&g.at) == mine && !all.contains(g) {
                all.push(g.clone());
            }
        }
        all
    };
    let (own, others) = (given(true), given(false));
    let reaches = |e: &&Event| e.delivered && e.learners.iter().any(|l| names.contains(l));
    let learned: Vec<Event> = checked.disclosure().events.iter().filter(reaches).cloned().collect();
    let compares = |m: &&Matched| m.players.len() > 1 && m.players.iter().any(|p| names.contains(p));
    let matched = checked.disclosure().matched.iter().filter(compares).cloned().collect();
    let (mut broken, mut intact) = (Vec::new(), Vec::new());
    for (i, place) in c.placements.iter().enumerate().skip(c.players.len()) {
        let roles: Vec<usize> = members.iter().filter_map(|m| place.role(*m)).collect();
        let id = PlacementId(i as u16);
        if place.scheme.broken_by(&roles) {
            broken.push(exposed(checked, id, &names, &others));
        } else if !roles.is_empty() {
            intact.push(disclosure::form(c, id));
        }
    }
    let told = |g: &&Given| {
        learned.iter().chain(broken.iter().flat_map(|b| &b.values)).any(|e| e.from.contains(&g.name))
            || broken.iter().any(|b| b.inputs.contains(g))
            || g.label.is_empty()
    };
    let safe = others.iter().filter(|g| !told(g)).map(|g| g.name.clone()).collect();
    Coalition { members: names, own, learned, broken, intact, matched, safe }
}

/// What is moved to a placement or summed on it; all else there is computed from it.
fn exposed(checked: &Checked, id: PlacementId, members: &[String], others: &[Given]) -> Exposed {
    let c = checked.computation();
    let inputs = disclosure::inputs(c);
    let mut found = Exposed { form: disclosure::form(c, id), inputs: Vec::new(), values: Vec::new() };
    sites::visit(c, &checked.facts, &mut |site| {
        if let (Op::Load, [loaded]) = (site.instr.op, &site.instr.results[..])
            && site.instr.placement == id
        {
            let name = site.graph.value(*loaded).name.as_ref();
            found.inputs.extend(others.iter().filter(|g| Some(&g.name) == name).cloned());
        }
        if site.instr.op != Op::Move && !site.instr.op.is_federated() {
            return;
        }
        for arg in &site.instr.args {
            let (from, fact) = (site.graph.value(*arg), site.fact(*arg));
            let known = fact.inputs.iter().all(|i| members.contains(&c.placement(inputs[i].at).name));
            if site.instr.placement != id || from.placement == id || known {
                continue;
            }
            let whole = site.trail.copy_of(*arg).and_then(|id| site.graph.value(id).name.as_ref());
            match others.iter().find(|g| Some(&g.name) == whole) {
                Some(given) if !found.inputs.contains(given) => found.inputs.push(given.clone()),
                Some(_) => {}
                None => {
                    let event = disclosure::event(c, &inputs, &site, *arg, &[]);
                    // Several sums may be of one value.
                    let known = found.values.iter().any(|e| (&e.name, &e.from) == (&event.name, &event.from));
                    if !site.instr.op.is_federated() || !known {
                        found.values.push(event);
                    }
                }
            }
        }
    });
    found
}

impl fmt::Display for Coalition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (were, together) = if self.members.len() == 1 { ("was", "") } else { ("were", " together") };
        writeln!(f, "if {} {were} corrupt{together}:", list(&self.members))?;
        let own: Vec<&str> = self.own.iter().map(|g| g.name.as_str()).collect();
        if !own.is_empty() {
            writeln!(f, "  they have      {}", list(&own))?;
        }
        for event in &self.learned {
            let name = if event.output { format!("\"{}\"", event.name) } else { event.name.clone() };
            let from = if event.from.is_empty() { "no input".to_owned() } else { list(&event.from) };
            let how = if event.output { "as an output" } else { "in the clear" };
            writeln!(f, "  they learn     {name} ({}, computed from {from}), {how}", event.amount)?;
        }
        for broken in &self.broken {
            let form = &broken.form;
            writeln!(f, "  because the assumption of {} no longer holds ({}):", form.placement, form.assumption)?;
            for given in &broken.inputs {
                writeln!(f, "    they learn   all of {} of {}: {}", given.name, given.at, given.size)?;
            }
            for value in &broken.values {
                writeln!(f, "    they learn   {} ({}, computed from {})", value.name, value.amount, list(&value.from))?;
            }
            if broken.inputs.is_empty() && broken.values.is_empty() {
                writeln!(f, "    they learn   nothing that they have not got")?;
            }
        }
        for form in &self.intact {
            writeln!(f, "  {} still holds: {}", form.placement, form.assumption)?;
        }
        for m in &self.matched {
            let others: Vec<&String> = m.players.iter().filter(|p| !self.members.contains(p)).collect();
            if !others.is_empty() {
                writeln!(f, "  they learn     whether the `{}` columns of {} equal theirs", m.key, list(&others))?;
            }
        }
        if !self.safe.is_empty() {
            writeln!(f, "  they learn nothing of {} but lengths", list(&self.safe))?;
        }
        Ok(())
    }
}
