//! Disclosure (invariant 13): for each owner what it gives, in which forms that leaves it, and who learns what
//! from it.
//!
//! It is data; `words` says it in words. Field names are stable: agreements store it as JSON.

use std::collections::{BTreeMap, BTreeSet};

use ir::{Computation, Dim, ModuleUse, Op, PlacementId, PlayerId, Scheme, Type, ValueId, show_range};
use serde::{Deserialize, Serialize};

use crate::flow::{Facts, computes_in_clear, reader};
use crate::label::Label;
use crate::sites::{self, Site};

/// Who learns what from a computation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disclosure {
    /// The computation's name.
    pub computation: String,
    /// Everyone who gives something, in the order of players.
    pub owners: Vec<Owner>,
    /// Everything that somebody learns, in the order of the main program, then of functions.
    pub events: Vec<Event>,
    /// What is kept when the computation has ended, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stored: Vec<Stored>,
    /// The modules that are run, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<Module>,
    /// Comparisons of key columns.
    pub matched: Vec<Matched>,
    /// The named lengths; everyone learns them.
    pub dims: Vec<String>,
    /// What is taken for granted on protected placements, where nobody checks it.
    #[serde(default)]
    pub assumptions: Vec<Assumption>,
    /// The groups that something is summed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Crowd>,
}

/// A group whose members contribute to sums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crowd {
    /// The group.
    pub group: String,
    /// No sum is over fewer members.
    pub least: u32,
    /// No sum is over more.
    pub most: u32,
    /// How the sums are held.
    pub form: Form,
    /// What is summed, in the order of the program.
    pub sums: Vec<Summed>,
}

impl Crowd {
    /// Whether each contribution is checked on shares before anything is summed.
    pub fn is_checked(&self) -> bool {
        self.sums.iter().any(|sum| sum.bound.is_some())
    }
}

/// Something that is summed over a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summed {
    /// The value of each member.
    pub name: String,
    /// How much of each member that is, as `10 numbers`.
    pub amount: String,
    /// The member's own number that it is weighted by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// What it is held to on shares, as `0..1` or `a norm of 2.5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<String>,
    /// The inputs that it is computed from.
    pub from: Vec<String>,
}

/// A range that a program takes for granted: where a number is outside of it, results may be wrong; or, where a player has
/// it in the clear, the run ends, which all learn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assumption {
    /// The value, in words.
    pub value: String,
    /// The range, as `0..100`.
    pub range: String,
    /// The player on whose machine it is in the clear, which checks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_by: Option<String>,
    /// The line of the program, if known.
    pub line: Option<u32>,
}

/// One who gives something: the player at which an input is, or an owner of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The player.
    pub player: String,
    /// The inputs.
    pub gives: Vec<Given>,
}

/// An input, or a loaded value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Its name.
    pub name: String,
    /// Its type, as in the program.
    #[serde(rename = "type")]
    pub ty: String,
    /// Its type in words, as `n × f64`.
    pub size: String,
    /// The range that its owner's worker holds it to, as `0..100`, if the program declares one.
    #[serde(default)]
    pub range: Option<String>,
    /// The player that has it, or the placement on which it is stored.
    pub at: String,
    /// For a loaded value, the name that it is stored under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
    /// For each owner the readers that it allows, itself included; empty if it is public.
    pub label: BTreeMap<String, Vec<String>>,
    /// Where it, or what is computed from it, goes without having been released.
    pub forms: Vec<Form>,
    /// The named lengths that its type tells.
    pub dims: Vec<String>,
}

/// How a value is held away from its player.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// The placement.
    pub placement: String,
    /// Its scheme.
    pub scheme: String,
    /// The players of it.
    pub players: Vec<String>,
    /// Whether its player reads it.
    pub in_the_clear: bool,
    /// What must hold for it to stay secret, in words.
    pub assumption: String,
}

impl Form {
    /// Whether it is in the clear inside an enclave.
    pub fn is_inside(&self) -> bool {
        self.scheme == Scheme::Enclave.spec().name
    }
}

/// Why somebody may learn something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It is released; the owners must ratify that.
    Release,
    /// It is computed from what was released to the learners, and from nothing else that is secret.
    Released,
    /// The owners' labels name the learners as readers.
    Reader,
}

/// Somebody learns something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Who.
    pub learners: Vec<String>,
    /// The name of the output or, for what only arrives, of the value.
    pub name: String,
    /// Whether it is an output of the computation.
    pub output: bool,
    /// Whether it is brought to them; if not, a release allows it and nothing in the program does it.
    pub delivered: bool,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: String,
    /// How much that is, as `10 numbers`.
    pub amount: String,
    /// The inputs that it is computed from.
    pub from: Vec<String>,
    /// Why they may.
    pub reason: Reason,
    /// Who must ratify it: all its owners, if it is a release.
    pub ratified_by: Vec<String>,
    /// How often; null if that depends on named lengths.
    pub times: Option<u64>,
    /// The line of the program, if known.
    pub line: Option<u32>,
}

/// A value that is kept for later computations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The name that it is stored under.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: String,
    /// How much that is, as `10 numbers`.
    pub amount: String,
    /// Where and how it is kept.
    pub form: Form,
    /// For each owner the readers that it allows, itself included; empty if it is public.
    pub label: BTreeMap<String, Vec<String>>,
    /// Those whom every owner allows to read it.
    pub readers: Vec<String>,
    /// The inputs that it is computed from.
    pub from: Vec<String>,
    /// The line of the program, if known.
    pub line: Option<u32>,
}

/// A WebAssembly module that is run on inputs. Everyone learns whether it comes to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// What it is called.
    pub name: String,
    /// BLAKE3 of its bytes, in hexadecimal.
    pub digest: String,
    /// The placement.
    pub placement: String,
    /// The players of it.
    pub players: Vec<String>,
    /// The inputs that its operands are computed from.
    pub from: Vec<String>,
    /// What it is told, by name.
    pub arguments: BTreeMap<String, String>,
    /// The most that it may compute, in units of fuel.
    pub fuel: u64,
    /// The most memory that it may take, in bytes.
    pub memory: u64,
    /// The line of the program, if known.
    pub line: Option<u32>,
}

/// A comparison of key columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matched {
    /// The dimension whose rows are matched.
    pub dim: String,
    /// The key column.
    pub key: String,
    /// The players that compare it with one another.
    pub players: Vec<String>,
}

/// The disclosure of a computation that was found in order.
pub(crate) fn of(c: &Computation, facts: &[Facts]) -> Disclosure {
    let mut tracer = Tracer::new(c);
    sites::visit(c, facts, &mut |site| tracer.site(&site));
    Disclosure {
        computation: c.name.clone(),
        owners: tracer.owners(),
        events: tracer.events.iter().map(|(_, e)| e.clone()).collect(),
        stored: tracer.stored,
        modules: tracer.modules,
        matched: matched(c),
        dims: c.dims().into_keys().collect(),
        assumptions: tracer.assumptions,
        groups: c.contributions().filter_map(|contribution| crowd(c, facts, &contribution)).collect(),
    }
}

/// What the members of a group contribute, and to whom.
fn crowd(c: &Computation, facts: &[Facts], contribution: &ir::Contribution) -> Option<Crowd> {
    let (main, inputs) = (facts.last()?, inputs(c));
    let player = c.player(contribution.group);
    let (size, first) = (player.group?, contribution.parts.first()?);
    let name = |id: ValueId| c.graph.value(id).name.clone().unwrap_or_else(|| "a value".to_owned());
    let sum = |part: &ir::Contributed| {
        let from = [Some(part.value), part.weight].into_iter().flatten().flat_map(|v| main[v.index()].inputs.iter());
        let from: BTreeSet<usize> = from.collect();
        Summed {
            name: name(part.value),
            amount: amount(&c.graph.value(part.value).ty),
            weight: part.weight.map(name),
            bound: part.bound.map(|bound| bound.to_string()),
            from: from.into_iter().map(|i| inputs[i].name.to_owned()).collect(),
        }
    };
    Some(Crowd {
        group: player.name.clone(),
        least: size.least,
        most: size.most.unwrap_or(u32::MAX),
        form: form(c, c.graph.value(first.result).placement),
        sums: contribution.parts.iter().map(sum).collect(),
    })
}

/// An input or a loaded value as the tracer sees it.
pub(crate) struct Input<'a> {
    pub(crate) name: &'a str,
    pub(crate) id: ValueId,
    pub(crate) at: PlacementId,
    stored: Option<&'a str>,
    label: Label,
    range: Option<(f64, f64)>,
}

impl Input<'_> {
    /// Whether it is listed under a player: its own, what it has, and what nobody owns under the first who holds it.
    pub(crate) fn concerns(&self, c: &Computation, player: PlayerId) -> bool {
        let holds = c.placement(self.at).players.first() == Some(&player);
        let plain = !c.placement(self.at).is_protected();
        self.label.owners().contains(&player) || holds && (plain || self.label.is_public())
    }
}

/// The inputs and loaded values, in the order of the program, which is how facts number them.
pub(crate) fn inputs(c: &Computation) -> Vec<Input<'_>> {
    fn input<'a>(c: &'a Computation, instr: &'a ir::Instr, id: ValueId) -> Input<'a> {
        Input {
            name: c.graph.value(id).name.as_deref().unwrap_or_default(),
            id,
            at: instr.placement,
            stored: instr.attrs.str("name").filter(|_| instr.op == Op::Load),
            label: Label::of(instr.attrs.label("label").unwrap_or(&[])),
            range: instr.attrs.range(),
        }
    }
    c.sources().map(|(instr, id)| input(c, instr, id)).collect()
}

pub(crate) fn names(c: &Computation, players: &[PlayerId]) -> Vec<String> {
    c.names(players).into_iter().map(str::to_owned).collect()
}

/// Gathers where each input goes and who learns what.
struct Tracer<'a> {
    c: &'a Computation,
    inputs: Vec<Input<'a>>,
    forms: Vec<BTreeSet<PlacementId>>,
    /// Events, each with the release that it delivers, if any.
    events: Vec<(Option<ValueId>, Event)>,
    stored: Vec<Stored>,
    modules: Vec<Module>,
    assumptions: Vec<Assumption>,
}

impl<'a> Tracer<'a> {
    fn new(c: &'a Computation) -> Tracer<'a> {
        let inputs = inputs(c);
        // A value that is loaded as shares is there as shares, whether or not it goes anywhere.
        let kept = |i: &Input<'_>| Some(i.at).filter(|at| c.placement(*at).is_protected());
        let forms = inputs.iter().map(|i| kept(i).into_iter().collect()).collect();
        let (events, stored, modules, assumptions) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Tracer { c, inputs, forms, events, stored, modules, assumptions }
    }

    fn site(&mut self, site: &Site<'_>) {
        for result in &site.instr.results {
            let placement = site.graph.value(*result).placement;
            for i in site.fact(*result).unreleased.iter() {
                if self.inputs[i].at != placement {
                    self.forms[i].insert(placement);
                }
            }
        }
        match site.instr.op {
            Op::Output => self.delivery(site, site.instr.attrs.players("to").unwrap_or(&[])),
            Op::Release => self.release(site),
            Op::Save => self.save(site),
            Op::Module => self.module(site),
            Op::Assume => self.assumption(site),
            Op::Move => {
                let from = site.graph.value(site.instr.args[0]).placement;
                let to = reader(self.c.placement(site.instr.placement));
                if let Some(player) = to.filter(|_| from != site.instr.placement)
                    && !site.fact(site.instr.args[0]).inputs.is_empty()
                {
                    self.delivery(site, &[player]);
                }
            }
            _ => {}
        }
    }

    /// A value arrives at players.
    fn delivery(&mut self, site: &Site<'_>, to: &[PlayerId]) {
        let value = site.instr.args[0];
        let mut event = event(self.c, &self.inputs, site, value, to);
        if let Some(name) = site.instr.attrs.str("name") {
            event.name = name.to_owned();
            event.output = true;
        }
        let released = site.trail.made_by(value).filter(|i| i.op == Op::Release);
        if released.is_some() {
            event.reason = Reason::Release;
            event.ratified_by = names(self.c, &site.fact(value).label.owners());
            self.absorb(value, &event);
        }
        self.events.push((None, event));
    }

    fn assumption(&mut self, site: &Site<'_>) {
        let (Some((low, high)), [value]) = (site.instr.attrs.range(), &site.instr.args[..]) else { return };
        let result = site.instr.results.first().and_then(|r| site.trail.name(*r));
        let value = result.map_or_else(|| site.trail.describe(*value), |name| format!("`{name}`"));
        let checked_by =
            computes_in_clear(self.c.placement(site.instr.placement)).map(|p| self.c.player(p).name.clone());
        let line = Some(site.instr.span.line).filter(|l| *l > 0);
        self.assumptions.push(Assumption { value, range: show_range(low, high), checked_by, line });
    }

    fn module(&mut self, site: &Site<'_>) {
        let (Ok(module), [result]) = (ModuleUse::of(&site.instr.attrs), &site.instr.results[..]) else { return };
        let place = self.c.placement(site.instr.placement);
        self.modules.push(Module {
            name: module.name,
            digest: module.digest,
            placement: place.name.clone(),
            players: names(self.c, &place.players),
            from: site.fact(*result).inputs.iter().map(|i| self.inputs[i].name.to_owned()).collect(),
            arguments: module.arguments.into_iter().collect(),
            fuel: module.fuel,
            memory: module.memory,
            line: Some(site.instr.span.line).filter(|l| *l > 0),
        });
    }

    /// A release is told on its own until a delivery tells it.
    fn release(&mut self, site: &Site<'_>) {
        let value = site.instr.results[0];
        let mut event = event(self.c, &self.inputs, site, value, site.instr.attrs.players("to").unwrap_or(&[]));
        event.reason = Reason::Release;
        event.delivered = false;
        event.ratified_by = names(self.c, &site.fact(value).label.owners());
        self.events.push((Some(value), event));
    }

    fn save(&mut self, site: &Site<'_>) {
        let value = site.instr.args[0];
        let (ty, fact) = (&site.graph.value(value).ty, site.fact(value));
        self.stored.push(Stored {
            name: site.instr.attrs.str("name").unwrap_or_default().to_owned(),
            ty: ty.to_string(),
            amount: amount(ty),
            form: form(self.c, site.instr.placement),
            label: label_names(self.c, &fact.label),
            readers: names(self.c, &fact.label.readers(self.c.players.len())),
            from: fact.inputs.iter().map(|i| self.inputs[i].name.to_owned()).collect(),
            line: Some(site.instr.span.line).filter(|l| *l > 0),
        });
    }

    /// Takes those out of a release's own event to whom `delivery` brings it.
    fn absorb(&mut self, value: ValueId, delivery: &Event) {
        if let Some((_, event)) = self.events.iter_mut().find(|(id, _)| *id == Some(value)) {
            event.learners.retain(|l| !delivery.learners.contains(l));
        }
        self.events.retain(|(_, e)| !e.learners.is_empty());
    }

    fn owners(&self) -> Vec<Owner> {
        let players = (0..self.c.players.len() as u16).map(PlayerId);
        let gives = |player: PlayerId| {
            let mine = |(i, input): (usize, &Input<'a>)| input.concerns(self.c, player).then(|| self.given(i, input));
            let gives: Vec<Given> = self.inputs.iter().enumerate().filter_map(mine).collect();
            (!gives.is_empty()).then(|| Owner { player: self.c.player(player).name.clone(), gives })
        };
        players.filter_map(gives).collect()
    }

    fn given(&self, i: usize, input: &Input<'a>) -> Given {
        let ty = &self.c.graph.value(input.id).ty;
        Given {
            name: input.name.to_owned(),
            ty: ty.to_string(),
            size: size(ty),
            range: input.range.map(|(low, high)| show_range(low, high)),
            at: self.c.placement(input.at).name.clone(),
            stored: input.stored.map(str::to_owned),
            label: label_names(self.c, &input.label),
            forms: self.forms[i].iter().map(|p| form(self.c, *p)).collect(),
            dims: ty
                .shape
                .iter()
                .flat_map(Dim::names)
                .map(str::to_owned)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
        }
    }
}

/// Each owner with the readers that it allows, by name.
fn label_names(c: &Computation, label: &Label) -> BTreeMap<String, Vec<String>> {
    let readers = |(owner, readers): (PlayerId, &crate::PlayerSet)| {
        (c.player(owner).name.clone(), names(c, &readers.iter().collect::<Vec<_>>()))
    };
    label.policies().map(readers).collect()
}

/// Somebody learns a value at a site, as its label allows.
pub(crate) fn event(c: &Computation, inputs: &[Input<'_>], site: &Site<'_>, value: ValueId, to: &[PlayerId]) -> Event {
    let ty = &site.graph.value(value).ty;
    let fact = site.fact(value);
    let secret = fact.unreleased.iter().any(|i| !inputs[i].label.is_public());
    Event {
        learners: names(c, to),
        name: site.trail.name(value).map_or_else(|| site.trail.describe(value), str::to_owned),
        output: false,
        delivered: true,
        ty: ty.to_string(),
        amount: amount(ty),
        from: fact.inputs.iter().map(|i| inputs[i].name.to_owned()).collect(),
        reason: if secret { Reason::Reader } else { Reason::Released },
        ratified_by: Vec::new(),
        times: site.times,
        line: Some(site.instr.span.line).filter(|l| *l > 0),
    }
}

pub(crate) fn form(c: &Computation, id: PlacementId) -> Form {
    let place = c.placement(id);
    Form {
        placement: place.name.clone(),
        scheme: place.scheme.spec().name.to_owned(),
        players: names(c, &place.players),
        in_the_clear: matches!(place.scheme, Scheme::Host | Scheme::Each),
        assumption: place.scheme.assumption(&c.names(&place.players)),
    }
}

/// A type in words: `n × f64`, or `f64` for a scalar.
fn size(ty: &Type) -> String {
    let lengths = ty.shape.iter().map(Dim::to_string);
    lengths.chain([ty.dtype.to_string()]).collect::<Vec<_>>().join(" × ")
}

/// How much a type tells: `1 number`, `n × 3 numbers`.
fn amount(ty: &Type) -> String {
    let unit = match ty.dtype {
        ir::DType::Bool => "truth value",
        ir::DType::Bytes => "string of bytes",
        _ => "number",
    };
    let lengths: Vec<String> = ty.shape.iter().map(Dim::to_string).collect();
    match &lengths[..] {
        [] => format!("1 {unit}"),
        _ if ty.dtype == ir::DType::Bytes => format!("{} strings of bytes", lengths.join(" × ")),
        lengths => format!("{} {unit}s", lengths.join(" × ")),
    }
}

/// Who compares which key columns: all who have an input along the dimension.
fn matched(c: &Computation) -> Vec<Matched> {
    let along = |name: &str| c.players_along(name).into_iter().collect::<Vec<_>>();
    let one =
        |m: &ir::MatchedDim| Matched { dim: m.name.clone(), key: m.key.clone(), players: names(c, &along(&m.name)) };
    c.matched.iter().map(one).collect()
}
