//! Flow: the label of every value, by abstract interpretation.
//!
//! A [`Fact`] is what is known of a value: its label and the inputs it is computed from. Facts only grow
//! (`release` is monotone too, see the tests of `label`), so loops are swept until nothing changes. Control
//! flow is public, so there are no implicit flows.
//!
//! A function is interpreted once, with its parameters in the place of inputs. That is exact, because a
//! function cannot release: each of its values has the labels of some parameters, joined, and of what
//! `classify` adds.

use std::collections::BTreeMap;

use ir::{Block, Computation, Graph, Instr, Op, Placement, PlayerId, Scheme, Span, ValueId};

use crate::label::Label;

/// A set of small numbers: inputs, or parameters of a function.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Sources(Vec<u64>);

impl Sources {
    fn of(i: usize) -> Sources {
        let mut words = vec![0; i / 64 + 1];
        words[i / 64] = 1 << (i % 64);
        Sources(words)
    }

    fn join(&mut self, other: &Sources) -> bool {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        let mut changed = false;
        for (word, o) in self.0.iter_mut().zip(&other.0) {
            changed |= *word | o != *word;
            *word |= o;
        }
        changed
    }

    /// The numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let bits = |(i, word): (usize, &u64)| {
            let word = *word;
            (0..64).filter(move |b| word >> b & 1 == 1).map(move |b| i * 64 + b)
        };
        self.0.iter().enumerate().flat_map(bits)
    }

    /// Whether a number is in it.
    pub fn contains(&self, i: usize) -> bool {
        self.0.get(i / 64).is_some_and(|word| word >> (i % 64) & 1 == 1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

/// What is known of a value. Inputs, among which loaded values count, are numbered in the order of the program.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Fact {
    /// Its label.
    pub label: Label,
    /// The inputs it is computed from.
    pub inputs: Sources,
    /// Those of them that reach it on a way without a release.
    pub unreleased: Sources,
}

impl Fact {
    fn source(label: Label, i: usize) -> Fact {
        Fact { label, inputs: Sources::of(i), unreleased: Sources::of(i) }
    }

    pub(crate) fn join(&mut self, other: &Fact) -> bool {
        let label = self.label.join(&other.label);
        let inputs = self.inputs.join(&other.inputs);
        self.unreleased.join(&other.unreleased) | inputs | label
    }
}

/// The facts of one graph's values.
pub(crate) type Facts = Vec<Fact>;

/// What a caller needs to know of a function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    /// For each result: the parameters that reach it, and the label that the function adds.
    results: Vec<Fact>,
    /// For each parameter: the players that see something of it in the clear, and where.
    pub(crate) needs: Vec<BTreeMap<PlayerId, Span>>,
}

impl Summary {
    /// The parameters that reach a result.
    pub(crate) fn params_of(&self, result: usize) -> impl Iterator<Item = usize> + '_ {
        self.results.get(result).into_iter().flat_map(|fact| fact.inputs.iter())
    }
}

/// The player or group that reads what is at a placement.
pub(crate) fn reader(place: &Placement) -> Option<PlayerId> {
    place.players.first().copied().filter(|_| matches!(place.scheme, Scheme::Host | Scheme::Each))
}

/// The player on whose machine values of a placement are in the clear, whether it may read them or not: it notices where one
/// of them is not as assumed.
pub(crate) fn computes_in_clear(place: &Placement) -> Option<PlayerId> {
    place.players.first().copied().filter(|_| place.scheme.is_plaintext())
}

/// Interprets the graphs of one computation.
pub(crate) struct Flow<'a> {
    pub(crate) c: &'a Computation,
    summaries: BTreeMap<&'a str, Summary>,
}

/// One sweep over a graph.
struct Sweep<'a, 'f> {
    flow: &'f Flow<'a>,
    graph: &'a Graph,
    facts: Facts,
    inputs: usize,
}

impl<'a> Flow<'a> {
    /// With the summaries of all functions; each calls only earlier ones.
    pub(crate) fn new(c: &'a Computation) -> Flow<'a> {
        let mut flow = Flow { c, summaries: BTreeMap::new() };
        for function in &c.functions {
            let graph = &function.graph;
            let params = (0..graph.body.params.len()).map(|i| Fact::source(Label::public(), i)).collect();
            let facts = flow.facts(graph, params);
            let results = graph.body.results.iter().map(|r| facts[r.index()].clone()).collect();
            let needs = flow.needs(graph, &facts);
            flow.summaries.insert(&function.name, Summary { results, needs });
        }
        flow
    }

    pub(crate) fn summary(&self, call: &Instr) -> Option<&Summary> {
        // An attribute of this name makes no call of another operator.
        let function = call.attrs.str("function").filter(|_| call.op == Op::Call)?;
        self.summaries.get(function)
    }

    /// The facts of a graph whose parameters have the facts `params`.
    pub(crate) fn facts(&self, graph: &'a Graph, params: Vec<Fact>) -> Facts {
        let mut facts = vec![Fact::default(); graph.values.len()];
        for (id, fact) in graph.body.params.iter().zip(params) {
            facts[id.index()] = fact;
        }
        let mut sweep = Sweep { flow: self, graph, facts, inputs: 0 };
        sweep.block(&graph.body);
        sweep.facts
    }

    /// Who sees something of a function's parameters in the clear.
    fn needs(&self, graph: &Graph, facts: &Facts) -> Vec<BTreeMap<PlayerId, Span>> {
        let mut needs = vec![BTreeMap::new(); graph.body.params.len()];
        let mut add = |fact: &Fact, player: PlayerId, span: &Span| {
            for i in fact.inputs.iter() {
                needs[i].entry(player).or_insert_with(|| span.clone());
            }
        };
        graph.visit(&mut |instr| {
            for result in &instr.results {
                if let Some(player) = reader(self.c.placement(graph.value(*result).placement)) {
                    add(&facts[result.index()], player, &instr.span);
                }
            }
            let inner = self.summary(instr).into_iter().flat_map(|s| instr.args.iter().zip(&s.needs));
            for (arg, players) in inner {
                players.keys().for_each(|p| add(&facts[arg.index()], *p, &instr.span));
            }
        });
        needs
    }
}

impl<'a> Sweep<'a, '_> {
    fn fact(&self, id: ValueId) -> &Fact {
        &self.facts[id.index()]
    }

    fn block(&mut self, block: &'a Block) {
        for instr in &block.instrs {
            match instr.op {
                Op::Repeat | Op::Fold => self.looped(instr),
                Op::Call => self.call(instr),
                Op::Output | Op::Save => {}
                _ => {
                    let fact = self.transfer(instr);
                    self.facts[instr.results[0].index()] = fact;
                }
            }
        }
    }

    /// The label rule of an operator.
    fn transfer(&mut self, instr: &'a Instr) -> Fact {
        if matches!(instr.op, Op::Input | Op::Load) {
            let label = Label::of(instr.attrs.label("label").unwrap_or(&[]));
            self.inputs += 1;
            return Fact::source(label, self.inputs - 1);
        }
        let mut fact = Fact::default();
        for arg in &instr.args {
            fact.join(self.fact(*arg));
        }
        match instr.op {
            Op::Classify => {
                fact.label.join(&Label::of(instr.attrs.label("label").unwrap_or(&[])));
            }
            Op::Release => {
                fact.label = fact.label.widened(instr.attrs.players("to").unwrap_or(&[]));
                fact.unreleased = Sources::default();
            }
            _ => {
                // What each member of a group holds for itself is not for the other members.
                let from = instr.args.first().map(|a| self.flow.c.placement(self.graph.value(*a).placement));
                let each = from.filter(|p| p.scheme == Scheme::Each && *p != self.flow.c.placement(instr.placement));
                if let Some(group) = each.and_then(reader) {
                    fact.label.join(&Label::apart(group));
                }
            }
        }
        fact
    }

    /// Sweeps the region until what is carried no longer changes.
    fn looped(&mut self, instr: &'a Instr) {
        let Some(region) = &instr.region else { return };
        for (param, arg) in region.params.iter().zip(&instr.args) {
            let fact = self.fact(*arg).clone();
            self.facts[param.index()].join(&fact);
        }
        let carried = &region.params[region.params.len() - region.results.len()..];
        loop {
            self.block(region);
            let mut changed = false;
            for (param, next) in carried.iter().zip(&region.results) {
                let fact = self.fact(*next).clone();
                changed |= self.facts[param.index()].join(&fact);
            }
            if !changed {
                break;
            }
        }
        // A fold may have no batch at all, so the initial value counts as well; it is in the parameter.
        for (param, result) in carried.iter().zip(&instr.results) {
            self.facts[result.index()] = self.fact(*param).clone();
        }
    }

    fn call(&mut self, instr: &'a Instr) {
        let Some(summary) = self.flow.summary(instr) else { return };
        for (result, inner) in instr.results.iter().zip(&summary.results) {
            let mut fact = Fact { label: inner.label.clone(), ..Fact::default() };
            for i in inner.inputs.iter() {
                fact.join(self.fact(instr.args[i]));
            }
            self.facts[result.index()] = fact;
        }
    }
}
