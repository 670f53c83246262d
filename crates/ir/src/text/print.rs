//! From the graph to its canonical text: declarations, inputs, and paragraphs of the body in order.

use std::collections::{BTreeMap, HashMap};

use super::inline::{Form, Forms, decide, is_expression, releases_as};
use super::show::Shower;
use crate::attrs::{OwnerPolicy, show_range};
use crate::graph::{Block, Computation, Function, Graph, Instr, ValueId};
use crate::ops::Op;
use crate::place::{GroupSize, PlacementId, Scheme};
use crate::types::{DType, Dim};

/// The canonical text of a computation.
pub(super) fn print(computation: &Computation) -> String {
    let mut text = format!("computation {}\n", computation.name);
    declarations(computation, &mut text);
    let main = Printer::new(computation, &computation.graph);
    let functions = functions_before(computation);
    let body = main.block(&computation.graph.body, 1, &functions);
    paragraphs(&body, &mut text);
    text
}

/// Spaces of an indentation.
fn pad(level: usize) -> String {
    "  ".repeat(level)
}

fn declarations(computation: &Computation, text: &mut String) {
    let mut previous_single = false;
    for player in &computation.players {
        match player.group {
            Some(GroupSize { least, most }) => {
                let most = most.map(|most| format!(" at most {most}")).unwrap_or_default();
                *text += &format!("  group {} of at least {least}{most}\n", player.name);
            }
            None if previous_single => {
                text.pop();
                *text += &format!(", {}\n", player.name);
            }
            None => *text += &format!("  player {}\n", player.name),
        }
        previous_single = player.group.is_none();
    }
    for place in computation.placements.iter().filter(|p| !matches!(p.scheme, Scheme::Host | Scheme::Each)) {
        let players = computation.names(&place.players).join(", ");
        *text += &format!("  placement {} = {}\n", place.name, place.scheme.call(&players));
    }
    for dim in &computation.matched {
        *text += &format!("  dim {} by {}\n", dim.name, dim.key);
    }
}

/// A part of a block that is set apart from others by blank lines in the main program.
struct Paragraph {
    kind: Kind,
    lines: String,
}

#[derive(PartialEq)]
enum Kind {
    Input,
    Line,
    Block,
}

fn paragraphs(body: &[Paragraph], text: &mut String) {
    let mut previous = &Kind::Block;
    for paragraph in body {
        if *previous != paragraph.kind || paragraph.kind == Kind::Block {
            text.push('\n');
        }
        *text += &paragraph.lines;
        previous = &paragraph.kind;
    }
}

/// The functions to print before each instruction of the main program: behind the inputs and loads that it starts
/// with, and behind those whose dimensions a function names.
fn functions_before(computation: &Computation) -> BTreeMap<usize, Vec<&Function>> {
    let instrs = &computation.graph.body.instrs;
    let mut first: HashMap<&str, usize> = HashMap::new();
    let is_source = |instr: &Instr| matches!(instr.op, Op::Input | Op::Load);
    for (i, instr) in instrs.iter().enumerate().filter(|(_, instr)| is_source(instr)) {
        let shapes = instr.results.iter().flat_map(|r| &computation.graph.value(*r).ty.shape);
        for name in shapes.flat_map(Dim::names) {
            first.entry(name).or_insert(i + 1);
        }
    }
    let mut before: BTreeMap<usize, Vec<&Function>> = BTreeMap::new();
    let mut at = instrs.iter().take_while(|instr| is_source(instr)).count();
    for function in &computation.functions {
        function.graph.visit(&mut |instr| {
            let shape = instr.attrs.shape("shape").into_iter().flatten().flat_map(Dim::names);
            let named = shape.chain(instr.attrs.str("dim"));
            at = named.filter_map(|name| first.get(name).copied()).fold(at, usize::max);
        });
        before.entry(at).or_default().push(function);
    }
    before
}

/// Consecutive expressions of one `on` block.
struct Group {
    place: PlacementId,
    dtype: Option<DType>,
    lines: Vec<String>,
}

struct Printer<'a> {
    computation: &'a Computation,
    forms: Forms,
    show: Shower<'a>,
}

impl<'a> Printer<'a> {
    fn new(computation: &'a Computation, graph: &'a Graph) -> Printer<'a> {
        let forms = decide(graph, &computation.placements);
        Printer { computation, forms, show: Shower::new(graph) }
    }

    fn place(&self, id: PlacementId) -> &'a str {
        &self.computation.placement(id).name
    }

    fn names(&self, values: &[ValueId]) -> String {
        let names: Vec<String> = values.iter().map(|v| self.show.name(*v)).collect();
        names.join(", ")
    }

    fn block(&self, block: &Block, level: usize, functions: &BTreeMap<usize, Vec<&Function>>) -> Vec<Paragraph> {
        let mut out = Vec::new();
        let mut group: Option<Group> = None;
        let mut inputs: Vec<&Instr> = Vec::new();
        let mut skip = false;
        for (i, instr) in block.instrs.iter().enumerate() {
            if let Some(functions) = functions.get(&i) {
                self.close(&mut inputs, &mut group, level, &mut out);
                out.extend(functions.iter().map(|f| self.function(f, level)));
            }
            if instr.op == Op::Input {
                self.close(&mut Vec::new(), &mut group, level, &mut out);
                inputs.push(instr);
                continue;
            }
            let in_place = instr.results.first().is_some_and(|r| self.forms.of(*r) != Form::Named);
            if is_expression(instr) || (instr.op == Op::Move && in_place) {
                self.close(&mut inputs, &mut None, level, &mut out);
                if !in_place {
                    self.expression(instr, level, &mut group, &mut out);
                }
                continue;
            }
            self.close(&mut inputs, &mut group, level, &mut out);
            if !std::mem::take(&mut skip) {
                skip = in_place && releases_as(instr, block.instrs.get(i + 1));
                let as_name = if skip { block.instrs[i + 1].attrs.str("name") } else { None };
                out.push(self.line(instr, as_name, level));
            }
        }
        self.close(&mut inputs, &mut group, level, &mut out);
        for function in functions.get(&block.instrs.len()).into_iter().flatten() {
            out.push(self.function(function, level));
        }
        out
    }

    /// Writes what has been collected.
    fn close(&self, inputs: &mut Vec<&Instr>, group: &mut Option<Group>, level: usize, out: &mut Vec<Paragraph>) {
        if !inputs.is_empty() {
            out.push(Paragraph { kind: Kind::Input, lines: self.inputs(inputs) });
            inputs.clear();
        }
        if let Some(group) = group.take() {
            let dtype = group.dtype.map(|d| format!(" as {d}")).unwrap_or_default();
            let mut lines = format!("{}on {}{dtype}\n", pad(level), self.place(group.place));
            for line in group.lines {
                lines += &format!("{}{line}\n", pad(level + 1));
            }
            out.push(Paragraph { kind: Kind::Block, lines });
        }
    }

    fn expression(&self, instr: &Instr, level: usize, group: &mut Option<Group>, out: &mut Vec<Paragraph>) {
        let result = instr.results[0];
        let needs = self.forms.needs(result);
        let fits = group
            .as_ref()
            .is_some_and(|g| g.place == instr.placement && (g.dtype.is_none() || needs.is_none() || g.dtype == needs));
        if !fits {
            self.close(&mut Vec::new(), group, level, out);
        }
        let group = group.get_or_insert_with(|| Group { place: instr.placement, dtype: None, lines: Vec::new() });
        group.dtype = group.dtype.or(needs);
        group.lines.push(format!("{} = {}", self.show.name(result), self.show.expression(instr, &self.forms)));
    }

    /// Inputs in columns.
    fn inputs(&self, inputs: &[&Instr]) -> String {
        let rows: Vec<[String; 5]> = inputs
            .iter()
            .map(|instr| {
                let value = self.show.info(instr.results[0]);
                let label = instr.attrs.label("label").unwrap_or(&[]);
                let owners = if label.is_empty() { "public".to_owned() } else { self.owners(label) };
                let range = instr.attrs.range().map(|(low, high)| format!("range {}", show_range(low, high)));
                let place = self.place(instr.placement).to_owned();
                [self.show.name(instr.results[0]), value.ty.to_string(), place, owners, range.unwrap_or_default()]
            })
            .collect();
        let width = |column: usize| rows.iter().map(|r| r[column].len()).max().unwrap_or(0);
        let (w0, w1, w2, w3) = (width(0), width(1), width(2), width(3));
        let line = |[name, ty, at, owners, range]: &[String; 5]| {
            let line = format!("  input {name:w0$} : {ty:w1$} at {at:w2$} {owners:w3$} {range}");
            format!("{}\n", line.trim_end())
        };
        rows.iter().map(line).collect()
    }

    /// `owner alice readers bob owner carol`.
    fn owners(&self, label: &[OwnerPolicy]) -> String {
        let policies: Vec<String> = label
            .iter()
            .map(|policy| {
                let readers: Vec<&str> = policy
                    .readers
                    .iter()
                    .filter(|r| **r != policy.owner)
                    .map(|r| self.computation.player(*r).name.as_str())
                    .collect();
                let owner = &self.computation.player(policy.owner).name;
                if readers.is_empty() {
                    format!("owner {owner}")
                } else {
                    format!("owner {owner} readers {}", readers.join(", "))
                }
            })
            .collect();
        policies.join(" ")
    }

    /// A line that is no expression, with its block if it has one.
    fn line(&self, instr: &Instr, as_name: Option<&str>, level: usize) -> Paragraph {
        let left = match instr.results.as_slice() {
            [] => String::new(),
            _ if instr.op == Op::Load => String::new(),
            _ if as_name.is_some() => String::new(),
            results => format!("{} = ", self.names(results)),
        };
        let args = self.names(&instr.args);
        let to = || self.computation.names(instr.attrs.players("to").unwrap_or(&[])).join(", ");
        let text = match instr.op {
            Op::Move => {
                let (from, to) = (self.show.info(instr.args[0]), self.show.info(instr.results[0]));
                let dtype = if from.ty.dtype == to.ty.dtype { String::new() } else { format!(" as {}", to.ty.dtype) };
                format!("move {args} to {}{dtype}", self.place(instr.placement))
            }
            Op::Classify => format!("classify {args} {}", self.owners(instr.attrs.label("label").unwrap_or(&[]))),
            Op::Release => {
                let name = as_name.map(|n| format!(" as \"{n}\"")).unwrap_or_default();
                format!("release {args} to {}{name}", to())
            }
            Op::Output => format!("output {args} to {} as \"{}\"", to(), instr.attrs.str("name").unwrap_or_default()),
            Op::Load => self.load(instr),
            Op::Save => format!("save {args} as \"{}\"", instr.attrs.str("name").unwrap_or_default()),
            Op::Call => format!("call {}({args})", instr.attrs.str("function").unwrap_or_default()),
            _ => return self.looped(instr, &left, level),
        };
        Paragraph { kind: Kind::Line, lines: format!("{}{left}{text}\n", pad(level)) }
    }

    /// `load w : f64[3] at committee owner alice range -9..9 from "model"`.
    fn load(&self, instr: &Instr) -> String {
        let (name, value) = (self.show.name(instr.results[0]), self.show.info(instr.results[0]));
        let label = instr.attrs.label("label").unwrap_or(&[]);
        let owners = if label.is_empty() { "public".to_owned() } else { self.owners(label) };
        let stored = instr.attrs.str("name").unwrap_or_default();
        let from = if stored == name { String::new() } else { format!(" from \"{stored}\"") };
        let range = instr.attrs.range().map(|(low, high)| format!(" range {}", show_range(low, high)));
        let range = range.unwrap_or_default();
        format!("load {name} : {} at {} {owners}{range}{from}", value.ty, self.place(instr.placement))
    }

    /// `repeat` or `fold` with its region.
    fn looped(&self, instr: &Instr, left: &str, level: usize) -> Paragraph {
        let empty = Block::default();
        let region = instr.region.as_ref().unwrap_or(&empty);
        let batches = match instr.op {
            Op::Fold => instr.args.len() - (instr.attrs.int("carried").unwrap_or(0) as usize).min(instr.args.len()),
            _ => 0,
        };
        let (of, inits) = instr.args.split_at(batches);
        let (batch, carried) = region.params.split_at(batches.min(region.params.len()));
        let with: Vec<String> = carried
            .iter()
            .zip(inits)
            .map(|(p, v)| format!("{} = {}", self.show.name(*p), self.show.name(*v)))
            .collect();
        let with = with.join(", ");
        let every = instr.attrs.int("checkpoint").map(|n| format!(" checkpoint {n}")).unwrap_or_default();
        let head = match instr.op {
            Op::Fold => {
                let by = instr.attrs.int("by").unwrap_or(0);
                let drop = if instr.attrs.bool("drop") == Some(true) { " drop" } else { "" };
                format!("fold {} of {} by {by}{drop}{every} with {with}", self.names(batch), self.names(of))
            }
            _ => format!("repeat {}{every} with {with}", instr.attrs.int("times").unwrap_or(0)),
        };
        let mut lines = format!("{}{left}{head}\n", pad(level));
        for paragraph in self.block(region, level + 1, &BTreeMap::new()) {
            lines += &paragraph.lines;
        }
        lines += &format!("{}next {}\n", pad(level + 1), self.names(&region.results));
        Paragraph { kind: Kind::Block, lines }
    }

    fn function(&self, function: &Function, level: usize) -> Paragraph {
        let inner = Printer::new(self.computation, &function.graph);
        let body = &function.graph.body;
        let params: Vec<String> = body
            .params
            .iter()
            .map(|p| {
                let value = inner.show.info(*p);
                format!("{} : {} at {}", inner.show.name(*p), value.ty, self.place(value.placement))
            })
            .collect();
        let mut lines = format!("{}function {}({})\n", pad(level), function.name, params.join(", "));
        for paragraph in inner.block(body, level + 1, &BTreeMap::new()) {
            lines += &paragraph.lines;
        }
        lines += &format!("{}return {}\n", pad(level + 1), inner.names(&body.results));
        Paragraph { kind: Kind::Block, lines }
    }
}
