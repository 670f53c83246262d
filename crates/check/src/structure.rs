//! Structure (invariants 1 to 4): every reference leads somewhere, every value is defined once and used
//! where it is visible, regions and calls have the right number of values, and sizes are bounded.
//!
//! Nothing here trusts the builder: the graph may have been written by hand, to deceive. The passes that
//! follow index freely, because this one came first.

use std::collections::{BTreeMap, HashSet};

use ir::{Attr, Block, Computation, DType, Diagnostic, Dim, Graph, IndexItem, Instr, Number, Op, Scheme, Span, Type};
use ir::{PlayerId, ValueId};

use crate::Found;
use crate::label::MAX_PLAYERS;

/// Limits on size (invariant 4): checking stays fast, and no arithmetic on sizes overflows.
pub mod limits {
    /// Values in one graph, and instructions in all.
    pub const VALUES: usize = 1 << 20;
    /// Inputs.
    pub const INPUTS: usize = 4096;
    /// Functions.
    pub const FUNCTIONS: usize = 1024;
    /// Placements, those of players included.
    pub const PLACEMENTS: usize = 4096;
    /// Loops inside one another.
    pub const DEPTH: usize = 16;
    /// Values that one loop carries, or one call passes.
    pub const CARRIED: usize = 256;
    /// Axes of a tensor.
    pub const RANK: usize = 16;
    /// Constant lengths, counts and positions.
    pub const SIZE: u64 = 1 << 40;
    /// Names in the sum that an axis's length is.
    pub const DIM_TERMS: u64 = 256;
    /// Numbers in one constant.
    pub const LITERAL: usize = 1 << 20;
    /// Problems that are told at once.
    pub const PROBLEMS: usize = 500;
    /// Characters of a string.
    pub const STRING: usize = 256;
}

/// Checks tables, functions and the main program.
pub(crate) fn check(c: &Computation, out: &mut Found) {
    tables(c, out);
    if !out.is_empty() {
        return;
    }
    let mut functions = HashSet::new();
    for (i, function) in c.functions.iter().enumerate() {
        if !is_name(&function.name) || Op::parse(&function.name).is_some() || !functions.insert(&function.name) {
            out.push(wrong(&Span::default(), format!("`{}` cannot name a function", shown(&function.name))));
        }
        Scope::check(c, &function.graph, Some(i), out);
    }
    Scope::check(c, &c.graph, None, out);
}

fn wrong(span: &Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new("structure", span.clone(), message)
}

fn limit(what: &str, found: usize, most: usize, out: &mut Found) {
    if found > most {
        out.push(Diagnostic::new("limit", Span::default(), format!("{found} {what}; at most {most} are allowed")));
    }
}

/// A name from outside, safe to show.
fn shown(name: &str) -> String {
    name.chars().take(64).collect::<String>().escape_debug().to_string()
}

/// Whether a name is an identifier, so that the text that people sign cannot be forged by it.
fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_text(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= limits::STRING
        && !text.chars().any(|c| ir::text::is_invisible(c) || c == '"' || c == '\\')
}

/// Players, placements, matched dimensions (invariant 1).
fn tables(c: &Computation, out: &mut Found) {
    let here = Span::default();
    limit("players", c.players.len(), MAX_PLAYERS, out);
    limit("placements", c.placements.len(), limits::PLACEMENTS, out);
    limit("functions", c.functions.len(), limits::FUNCTIONS, out);
    let instrs = c.functions.iter().map(|f| f.graph.body.instrs.len()).sum::<usize>() + c.graph.body.instrs.len();
    limit("instructions", instrs, limits::VALUES, out);
    if !is_name(&c.name) {
        out.push(wrong(&here, format!("`{}` cannot name a computation", shown(&c.name))));
    }
    let mut names = HashSet::new();
    for place in &c.placements {
        if !is_name(&place.name) || !names.insert(&place.name) {
            out.push(wrong(
                &here,
                format!("`{}` cannot name a player or placement, or does so twice", shown(&place.name)),
            ));
        }
        if let Some(p) = place.players.iter().find(|p| p.index() >= c.players.len()) {
            out.push(wrong(&here, format!("{} names a player that does not exist: {}", shown(&place.name), p.0)));
        }
    }
    for (i, player) in c.players.iter().enumerate() {
        let scheme = if player.group.is_some() { Scheme::Each } else { Scheme::Host };
        let own = c
            .placements
            .get(i)
            .is_some_and(|p| p.scheme == scheme && p.name == player.name && p.players == [PlayerId(i as u16)]);
        let sized = player.group.is_none_or(|g| g.least > 0 && g.most.is_none_or(|most| g.least <= most));
        if !own || !sized {
            out.push(wrong(&here, format!("the placement of {} itself is missing or wrong", shown(&player.name))));
        }
    }
    let mut matched = HashSet::new();
    for m in &c.matched {
        if !is_name(&m.name) || !is_name(&m.key) || !matched.insert(&m.name) {
            out.push(wrong(&here, format!("`{}` is matched twice, or is not a name", shown(&m.name))));
        }
    }
}

/// Where a value is in its life while its graph is read from top to bottom.
#[derive(Clone, Copy, PartialEq)]
enum Life {
    Undefined,
    Visible,
    Ended,
}

/// One graph under inspection.
struct Scope<'a> {
    c: &'a Computation,
    graph: &'a Graph,
    /// The index of the function; `None` in the main program.
    function: Option<usize>,
    life: Vec<Life>,
    outputs: HashSet<&'a str>,
    saves: HashSet<&'a str>,
    inputs: usize,
    out: &'a mut Found,
}

impl<'a> Scope<'a> {
    fn check(c: &'a Computation, graph: &'a Graph, function: Option<usize>, out: &'a mut Found) {
        limit("values", graph.values.len(), limits::VALUES, out);
        let life = vec![Life::Undefined; graph.values.len()];
        let mut scope =
            Scope { c, graph, function, life, outputs: HashSet::new(), saves: HashSet::new(), inputs: 0, out };
        scope.values();
        let here = Span::default();
        scope.count("values", graph.body.params.len(), function.is_some(), limits::CARRIED, &here);
        scope.define(&graph.body.params, &here);
        scope.block(&graph.body, 0, &here);
        if function.is_none() != graph.body.results.is_empty() {
            scope.error(&here, "a function returns values, and the main program does not");
        }
        if scope.life.contains(&Life::Undefined) {
            scope.error(&here, "a value is listed but never defined");
        }
        let inputs = scope.inputs;
        limit("inputs", inputs, limits::INPUTS, out);
    }

    fn error(&mut self, span: &Span, message: impl Into<String>) {
        self.out.push(wrong(span, message));
    }

    fn count(&mut self, what: &str, n: usize, some: bool, most: usize, span: &Span) {
        if (!some && n > 0) || n > most {
            self.error(span, format!("{n} {what}, where {} are allowed", if some { most } else { 0 }));
        }
    }

    /// What is recorded of each value: placement, type, name.
    fn values(&mut self) {
        let here = Span::default();
        let mut names: HashSet<&str> = self.c.placements.iter().map(|p| p.name.as_str()).collect();
        for value in &self.graph.values {
            if value.placement.index() >= self.c.placements.len() {
                self.error(&here, format!("a value is at a placement that does not exist: {}", value.placement.0));
            }
            if let Some(problem) = type_problem(&value.ty) {
                self.error(&here, problem);
            }
            let Some(name) = &value.name else { continue };
            if !is_name(name) || !names.insert(name) {
                self.error(&here, format!("`{}` cannot name a value, or does so twice", shown(name)));
            }
        }
    }

    fn define(&mut self, ids: &[ValueId], span: &Span) {
        for id in ids {
            match self.life.get_mut(id.index()) {
                Some(life @ Life::Undefined) => *life = Life::Visible,
                Some(_) => self.error(span, "a value is defined twice"),
                None => self.error(span, format!("a value that does not exist is defined: {}", id.0)),
            }
        }
    }

    fn use_all(&mut self, ids: &[ValueId], span: &Span) {
        for id in ids {
            let message = match self.life.get(id.index()) {
                Some(Life::Visible) => continue,
                Some(Life::Undefined) => "a value is used before it is defined",
                Some(Life::Ended) => "a value is used outside of the loop that it belongs to",
                None => "a value that does not exist is used",
            };
            self.error(span, message);
        }
    }

    /// The body of a graph or region; what it defines ends with it.
    fn block(&mut self, block: &'a Block, depth: usize, span: &Span) {
        for instr in &block.instrs {
            self.instr(instr, depth);
        }
        self.use_all(&block.results, span);
        let results = block.instrs.iter().flat_map(|i| &i.results);
        for id in block.params.iter().chain(results) {
            if let Some(life) = self.life.get_mut(id.index()) {
                *life = Life::Ended;
            }
        }
    }

    fn instr(&mut self, instr: &'a Instr, depth: usize) {
        let span = &instr.span;
        self.use_all(&instr.args, span);
        if instr.placement.index() >= self.c.placements.len() {
            self.error(span, format!("a placement does not exist: {}", instr.placement.0));
        }
        for (name, attr) in instr.attrs.iter() {
            if let Some(problem) = attr_problem(self.c, attr) {
                self.error(span, format!("`{name}` of `{}` {problem}", instr.op.name()));
            }
        }
        match instr.op {
            Op::Repeat | Op::Fold => self.looped(instr, depth),
            Op::Call => self.call(instr),
            op => {
                if instr.region.is_some() {
                    self.error(span, format!("`{}` has no region", op.name()));
                }
                if instr.results.len() != usize::from(!matches!(op, Op::Output | Op::Save)) {
                    self.error(span, format!("`{}` makes another number of values", op.name()));
                }
                self.stands_here(instr, depth);
            }
        }
        self.define(&instr.results, span);
    }

    /// Invariant 3: what crosses the boundary of the computation is seen in the main program.
    fn stands_here(&mut self, instr: &'a Instr, depth: usize) {
        let outermost = self.function.is_none() && depth == 0;
        let name = instr.attrs.str("name").unwrap_or_default();
        match instr.op {
            Op::Input => {
                self.inputs += 1;
                let known = instr.results.first().and_then(|v| self.graph.values.get(v.index()));
                if !outermost || known.is_none_or(|v| v.name.as_deref() != Some(name)) {
                    self.error(&instr.span, "an input stands in the main program and has its value's name");
                }
                if self.inside(instr) && instr.attrs.label("label").is_none_or(|owners| owners.len() != 1) {
                    let text = format!("`{name}` has another number of owners than one, and lies inside an enclave");
                    let help = "an input inside an enclave is brought there by its owner";
                    self.out.push(Diagnostic::new("input.owner", instr.span.clone(), text).help(help));
                }
            }
            Op::Output if !outermost || !is_text(name) || !self.outputs.insert(name) => {
                self.error(
                    &instr.span,
                    "an output stands in the main program, outside of loops, under a name of its own",
                );
            }
            Op::Load => {
                self.inputs += 1;
                let each = self.c.placements.get(instr.placement.index()).is_some_and(|p| p.scheme == Scheme::Each);
                let known = instr.results.first().and_then(|v| self.graph.values.get(v.index()));
                if !outermost || each || !is_text(name) || known.is_none_or(|v| v.name.is_none()) {
                    self.error(
                        &instr.span,
                        "a load stands in the main program, outside of loops, names what is stored, and has a name",
                    );
                }
            }
            Op::Save => {
                let each = self.c.placements.get(instr.placement.index()).is_some_and(|p| p.scheme == Scheme::Each);
                if !outermost || each || !is_text(name) || !self.saves.insert(name) {
                    self.error(
                        &instr.span,
                        "a save stands in the main program, outside of loops, under a name of its own",
                    );
                }
            }
            Op::Module if !outermost => {
                let text = "a module runs in the main program, outside of loops, where those who sign see how often";
                let help = "give it all rows at once, or run it on what the loop leaves";
                self.out.push(Diagnostic::new("module.nested", instr.span.clone(), text).help(help));
            }
            Op::FederatedSum | Op::FederatedMean if !outermost => {
                let text =
                    "a sum over a group stands in the main program, outside of loops: its members contribute once";
                let help = "sum before the loop, and go on with the sum inside it";
                self.out.push(Diagnostic::new("group.nested", instr.span.clone(), text).help(help));
            }
            Op::Release if self.function.is_some() => {
                let text = "a release stands in the main program, where those who ratify it see it";
                let help = "return the value from the function and release what the call gives";
                self.out.push(Diagnostic::new("release.function", instr.span.clone(), text).help(help));
            }
            _ => {}
        }
    }

    /// Whether it is placed inside an enclave.
    fn inside(&self, instr: &Instr) -> bool {
        self.c.placements.get(instr.placement.index()).is_some_and(|p| p.scheme == Scheme::Enclave)
    }

    /// Invariant 2: as many parameters, results and initial values as the loop has.
    fn looped(&mut self, instr: &'a Instr, depth: usize) {
        let span = &instr.span;
        let Some(region) = &instr.region else { return self.error(span, "a loop has no region") };
        if depth >= limits::DEPTH {
            return self.error(span, format!("more than {} loops inside one another", limits::DEPTH));
        }
        let positive = |name| instr.attrs.int(name).filter(|n| *n > 0);
        if instr.attrs.get("checkpoint").is_some() {
            if positive("checkpoint").is_none() {
                self.error(span, "there is at least one iteration between two checkpoints");
            }
            if depth > 0 || self.function.is_some() {
                let text = "checkpoints are for loops of the main program, outside of other loops and of functions";
                self.out.push(Diagnostic::new("checkpoint.nested", span.clone(), text));
            }
            if self.c.graph.body.instrs.iter().any(|i| i.op == Op::Input && self.inside(i)) {
                let text =
                    "checkpoints keep notes about all inputs at the workers, and some inputs are inside an enclave";
                let help = "leave `checkpoint` out, or have the owners give these inputs at their own workers";
                self.out.push(Diagnostic::new("checkpoint.enclave", span.clone(), text).help(help));
            }
        }
        let carried = match instr.op {
            Op::Repeat => positive("times").map(|_| instr.args.len()),
            _ => positive("by").and(positive("carried")).map(|n| n as usize).filter(|n| *n < instr.args.len()),
        };
        let fits = carried.is_some_and(|n| {
            (1..=limits::CARRIED).contains(&n) && region.results.len() == n && instr.results.len() == n
        });
        if !fits || region.params.len() != instr.args.len() || instr.args.len() > 2 * limits::CARRIED {
            self.error(span, format!("`{}` carries another number of values than its region", instr.op.name()));
        }
        self.define(&region.params, span);
        self.block(region, depth + 1, span);
    }

    fn call(&mut self, instr: &'a Instr) {
        let name = instr.attrs.str("function").unwrap_or_default();
        let found = self.c.functions.iter().position(|f| f.name == name);
        // Each calls only earlier ones, so there is no recursion.
        let Some(callee) = found.filter(|i| *i < self.function.unwrap_or(usize::MAX)) else {
            let text = format!("there is no function `{}` before this one", shown(name));
            return self.error(&instr.span, text);
        };
        let body = &self.c.functions[callee].graph.body;
        if instr.args.len() != body.params.len() || instr.results.len() != body.results.len() || instr.region.is_some()
        {
            self.error(&instr.span, format!("`{name}` takes or returns another number of values"));
        }
    }
}

fn dim_problem(dim: &Dim) -> Option<&'static str> {
    let bound = |n: u64| dim.names().map(|name| (name.to_owned(), n)).collect::<BTreeMap<_, _>>();
    let fits = match (dim.eval(&bound(0)), dim.eval(&bound(1))) {
        (Some(constant), Some(sum)) => constant <= limits::SIZE && sum - constant <= limits::DIM_TERMS,
        _ => false,
    };
    match fits {
        false => Some("a length is too large"),
        true => dim.names().any(|n| !is_name(n)).then_some("a dimension is not a name"),
    }
}

fn dtype_problem(dtype: DType) -> Option<&'static str> {
    match dtype {
        DType::Fixed { ring, frac } if DType::fixed(ring, frac).is_none() => Some("a fixed-point type has no room"),
        _ => None,
    }
}

fn type_problem(ty: &Type) -> Option<&'static str> {
    if ty.rank() > limits::RANK {
        return Some("a tensor has too many axes");
    }
    dtype_problem(ty.dtype).or_else(|| ty.shape.iter().find_map(dim_problem))
}

/// Invariant 4, for attributes: bounded, finite, and naming players that exist.
fn attr_problem(c: &Computation, attr: &Attr) -> Option<&'static str> {
    let exists = |p: &PlayerId| p.index() < c.players.len();
    let increasing = |list: &[PlayerId]| list.windows(2).all(|w| w[0] < w[1]);
    let small = |i: &i64| i.unsigned_abs() <= limits::SIZE;
    let ok = match attr {
        Attr::Int(i) => small(i),
        Attr::Ints(list) => list.len() <= limits::RANK && list.iter().all(small),
        Attr::Bool(_) => true,
        Attr::Real(x) => x.is_finite(),
        Attr::Str(s) => is_text(s),
        Attr::DType(d) => return dtype_problem(*d),
        Attr::Shape(s) if s.len() > limits::RANK => return Some("has too many axes"),
        Attr::Shape(s) => return s.iter().find_map(dim_problem),
        Attr::Index(items) => items.len() <= limits::RANK && items.iter().all(|item| index_is_small(item, small)),
        Attr::Players(list) => !list.is_empty() && increasing(list) && list.iter().all(exists),
        Attr::Label(policies) => {
            let ordered = policies.windows(2).all(|w| w[0].owner < w[1].owner);
            let own = policies.iter().all(|p| p.readers.contains(&p.owner) && exists(&p.owner));
            ordered && own && policies.iter().all(|p| increasing(&p.readers) && p.readers.iter().all(exists))
        }
        Attr::Literal(l) => {
            let count = l.shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d));
            let finite = l.values.iter().all(|v| !matches!(v, Number::Real(x) if !x.is_finite()));
            l.shape.len() <= limits::RANK
                && l.shape.iter().all(|d| *d <= limits::SIZE)
                && l.values.len() <= limits::LITERAL
                && count == Some(l.values.len() as u64)
                && finite
        }
    };
    (!ok).then_some("is out of range or order, or names a player that does not exist")
}

fn index_is_small(item: &IndexItem, small: impl Fn(&i64) -> bool) -> bool {
    match item {
        IndexItem::At(i) => small(i),
        IndexItem::Range { start, end, step } => {
            [start, end].into_iter().flatten().all(small) && (1..=limits::SIZE).contains(step)
        }
    }
}
