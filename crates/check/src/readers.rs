//! Readers (invariants 10 to 12): a plaintext is only where every owner allows it to be read, and a result
//! goes only to readers in force.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use ir::{Computation, Diagnostic, Graph, Instr, Op, PlayerId, Span, ValueId};

use crate::Found;
use crate::flow::{Fact, Facts, Flow, reader};

/// Checks every value at a player and every output of one graph.
pub(crate) fn check(flow: &Flow<'_>, graph: &Graph, facts: &Facts, out: &mut Found) {
    let trail = Trail::new(flow, graph);
    let mut readers = Readers { c: flow.c, graph, facts, trail: &trail, out };
    graph.visit(&mut |instr| match instr.op {
        Op::Output => readers.output(instr),
        Op::Call => readers.call(flow, instr),
        // What a loop yields was checked in its region or before it.
        Op::Repeat | Op::Fold => {}
        _ => readers.plaintext(instr),
    });
}

struct Readers<'a> {
    c: &'a Computation,
    graph: &'a Graph,
    facts: &'a Facts,
    trail: &'a Trail<'a>,
    out: &'a mut Found,
}

impl Readers<'_> {
    fn fact(&self, id: ValueId) -> &Fact {
        &self.facts[id.index()]
    }

    /// A value at `host(p)` or `each(p)` is in the clear there, so `p` must be a reader in force.
    fn plaintext(&mut self, instr: &Instr) {
        for result in &instr.results {
            let placement = self.graph.value(*result).placement;
            let Some(player) = reader(self.c.placement(placement)) else { continue };
            // Where an operand is refused already, its consequences are not told again.
            let told = instr
                .args
                .iter()
                .any(|a| self.graph.value(*a).placement == placement && !self.fact(*a).label.permits(player));
            if !told && !self.fact(*result).label.permits(player) {
                self.refuse(
                    "label.not-a-reader",
                    *result,
                    player,
                    &instr.span,
                    &format!("it would be in the clear at {}", self.c.player(player).name),
                );
            }
        }
    }

    fn output(&mut self, instr: &Instr) {
        let [arg] = instr.args[..] else { return };
        let host = reader(self.c.placement(self.graph.value(arg).placement));
        for player in instr.attrs.players("to").unwrap_or(&[]) {
            if host != Some(*player) && !self.fact(arg).label.permits(*player) {
                let name = instr.attrs.str("name").unwrap_or_default();
                self.refuse("label.output", arg, *player, &instr.span, &format!("it would receive \"{name}\""));
            }
        }
    }

    /// What a function would show of its operands is checked where it is called, since labels differ there.
    fn call(&mut self, flow: &Flow<'_>, instr: &Instr) {
        let Some(summary) = flow.summary(instr) else { return };
        let function = instr.attrs.str("function").unwrap_or_default();
        for (arg, needs) in instr.args.iter().zip(&summary.needs) {
            let host = reader(self.c.placement(self.graph.value(*arg).placement));
            for (player, span) in needs {
                if host == Some(*player) || self.fact(*arg).label.permits(*player) {
                    continue;
                }
                let name = &self.c.player(*player).name;
                let place = if span.is_known() { format!(" ({span})") } else { String::new() };
                self.refuse(
                    "label.not-a-reader",
                    *arg,
                    *player,
                    &instr.span,
                    &format!("inside `{function}`{place} something computed from it would be in the clear at {name}"),
                );
            }
        }
    }

    fn refuse(&mut self, code: &'static str, id: ValueId, player: PlayerId, span: &Span, why: &str) {
        if self.out.is_full() {
            return;
        }
        let fact = self.fact(id);
        let Some((owner, allowed)) = fact.label.refusals(player).next() else { return };
        let refusing: Vec<PlayerId> = fact.label.refusals(player).map(|(owner, _)| owner).collect();
        let allowed: Vec<PlayerId> = allowed.iter().filter(|p| *p != owner).collect();
        let allows = match &self.c.names(&allowed)[..] {
            _ if self.c.player(owner).group.is_some() => "each of whom keeps its own".to_owned(),
            [] => "who allows nobody else".to_owned(),
            names => format!("who allows only {}", list(names)),
        };
        let (name, owner_name) = (&self.c.player(player).name, &self.c.player(owner).name);
        let subject = self.trail.describe(id);
        let mut text = format!("{name} may not read {subject} (owned by {owner_name}, {allows}): {why}");
        let path = self.trail.back(self.facts, id, owner, player);
        if path.len() > 1 {
            text += &format!("; it comes from {}", path.join(" → "));
        }
        let help =
            format!("keep it on a protected placement, or let {} release it to {name}", list(&self.c.names(&refusing)));
        self.out.push(Diagnostic::new(code, span.clone(), text).help(help));
    }
}

/// Names as `a`, `a and b`, `a, b and c`.
pub(crate) fn list<S: AsRef<str>>(names: &[S]) -> String {
    match names {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}

/// Where each value comes from, to tell how a secret got to where it is.
pub(crate) struct Trail<'a> {
    graph: &'a Graph,
    made_by: HashMap<ValueId, &'a Instr>,
    /// Values that flow into a value: operands, and for what is carried its initial and next value.
    before: HashMap<ValueId, Vec<ValueId>>,
}

impl<'a> Trail<'a> {
    pub(crate) fn new(flow: &Flow<'_>, graph: &'a Graph) -> Trail<'a> {
        let mut trail = Trail { graph, made_by: HashMap::new(), before: HashMap::new() };
        graph.visit(&mut |instr| {
            for (i, result) in instr.results.iter().enumerate() {
                trail.made_by.insert(*result, instr);
                let before = match (&instr.region, flow.summary(instr)) {
                    (Some(region), _) => {
                        region.results.get(i).into_iter().chain(carried_init(instr, region, i)).collect()
                    }
                    (None, Some(summary)) => summary.params_of(i).filter_map(|p| instr.args.get(p)).collect::<Vec<_>>(),
                    (None, None) => instr.args.iter().collect(),
                };
                trail.before.insert(*result, before.into_iter().copied().collect());
            }
            let Some(region) = &instr.region else { return };
            let tensors = region.params.len().saturating_sub(region.results.len());
            for (i, (param, arg)) in region.params.iter().zip(&instr.args).enumerate() {
                let next = i.checked_sub(tensors).and_then(|i| region.results.get(i));
                trail.before.insert(*param, [arg].into_iter().chain(next).copied().collect());
            }
        });
        trail
    }

    /// Values that flow into a value directly.
    pub(crate) fn before(&self, id: ValueId) -> &[ValueId] {
        self.before.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The instruction that makes a value; none makes a parameter.
    pub(crate) fn made_by(&self, id: ValueId) -> Option<&'a Instr> {
        self.made_by.get(&id).copied()
    }

    /// A value in words: its name, or that of what it is a copy of, or what makes it.
    pub(crate) fn describe(&self, id: ValueId) -> String {
        match self.name(id) {
            Some(name) => format!("`{name}`"),
            None => match self.made_by(id) {
                Some(instr) => format!("the result of `{}`", instr.op.name()),
                None => "a value".to_owned(),
            },
        }
    }

    /// A value's name, or that of the value it is a copy of.
    pub(crate) fn name(&self, id: ValueId) -> Option<&'a str> {
        let mut id = id;
        loop {
            if let Some(name) = &self.graph.value(id).name {
                return Some(name);
            }
            match self.made_by(id) {
                Some(i) if matches!(i.op, Op::Move | Op::Classify | Op::Release | Op::Cast) => id = *i.args.first()?,
                _ => return None,
            }
        }
    }

    /// The input that a value is a copy of, if it is one.
    pub(crate) fn copy_of(&self, id: ValueId) -> Option<ValueId> {
        let mut id = id;
        loop {
            match self.made_by(id)? {
                i if matches!(i.op, Op::Input | Op::Load) => return Some(id),
                i if matches!(i.op, Op::Move | Op::Classify | Op::Release | Op::Cast) => id = *i.args.first()?,
                _ => return None,
            }
        }
    }

    /// The named values on a shortest way from the input (or `classify`) by which an owner
    /// forbids a player to a value.
    fn back(&self, facts: &Facts, id: ValueId, owner: PlayerId, player: PlayerId) -> Vec<String> {
        let mut came: HashMap<ValueId, ValueId> = HashMap::from([(id, id)]);
        let mut queue = VecDeque::from([id]);
        while let Some(at) = queue.pop_front() {
            let refuses = |v: &ValueId| facts[v.index()].label.refusals(player).any(|(o, _)| o == owner);
            let guilty = || self.before(at).iter().filter(|v| refuses(v));
            if guilty().next().is_none() {
                let mut names: Vec<String> = Vec::new();
                let mut step = at;
                loop {
                    names.extend(self.own_name(step).filter(|n| names.last() != Some(n)));
                    if step == id {
                        return names;
                    }
                    step = came[&step];
                }
            }
            for next in guilty() {
                if let Entry::Vacant(entry) = came.entry(*next) {
                    entry.insert(at);
                    queue.push_back(*next);
                }
            }
        }
        Vec::new()
    }

    fn own_name(&self, id: ValueId) -> Option<String> {
        let name = self.graph.value(id).name.as_ref()?;
        match self.made_by(id).map(|i| i.op) {
            Some(Op::Input) => Some(format!("input `{name}`")),
            Some(Op::Load) => Some(format!("loaded `{name}`")),
            Some(Op::Classify) => Some(format!("`{name}` (classified)")),
            _ => Some(format!("`{name}`")),
        }
    }
}

fn carried_init<'a>(instr: &'a Instr, region: &ir::Block, i: usize) -> Option<&'a ValueId> {
    instr.args.get(region.params.len() - region.results.len() + i)
}
