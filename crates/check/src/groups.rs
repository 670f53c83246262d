//! Groups (invariant 15): what a member of a group holds leaves it in a sum over the whole group alone, of at least two
//! members and at most a number that is known, and is computed from its own inputs and constants.

use std::collections::BTreeMap;

use ir::{
    Block, Computation, Contribution, Diagnostic, Graph, Instr, MOST_CHECKED, Op, Placement, PlayerId, Scheme, ValueId,
};

use crate::Found;
use crate::disclosure::{Disclosure, Stored};

/// What can be done instead of taking a member's own value.
const SUM: &str = "sum it with `federated_sum` or `federated_mean`; for a least, greatest or middle number sum a `histogram` of what each \
                   member holds, and go on from that";

/// Checks an instruction of a block that has to do with a group. Says whether it is in order.
pub(crate) fn instr(c: &Computation, graph: &Graph, (block, instr): (&Block, &Instr), out: &mut Found) -> bool {
    let place = |id: &ValueId| c.placement(graph.value(*id).placement);
    let here = c.placement(instr.placement);
    let of_group = |p: &Placement| p.scheme == Scheme::Each;
    if instr.op.is_federated() {
        return federated(c, graph, instr, out);
    }
    let region = instr.region.iter().flat_map(|r| &r.params);
    let Some(group) = instr.args.iter().chain(region).map(place).chain([here]).find(|p| of_group(p)) else {
        return true;
    };
    let mut error = |code, text: String, help: &str| {
        out.push(Diagnostic::new(code, instr.span.clone(), text).help(help));
        false
    };
    let main = std::ptr::eq(graph, &c.graph) && std::ptr::eq(block, &c.graph.body);
    match instr.op {
        Op::Move if of_group(here) => {
            let text = format!("{group} is a group, whose members compute before all others and are given nothing");
            error("group.given", text, "write it into the program as a constant, or make it an input of each member")
        }
        // Of what was released wrongly it was said there.
        Op::Output if released(block, instr) => false,
        Op::Move | Op::Release | Op::Output | Op::Save => {
            error("group.leaves", format!("`{}` would take what each member of {group} holds", instr.op.name()), SUM)
        }
        Op::Repeat | Op::Fold | Op::Call => {
            let text = format!("`{}` would run at the members of {group}", instr.op.name());
            error(
                "group.nested",
                text,
                "what members compute stands in the main program, outside of loops and functions",
            )
        }
        _ if !main => {
            let text = format!("`{}` would run at the members of {group} in a loop or function", instr.op.name());
            error(
                "group.nested",
                text,
                "what members compute stands in the main program, outside of loops and functions",
            )
        }
        Op::Input => matched(c, graph, instr, group, out),
        _ => true,
    }
}

/// Whether an output is of a release in the same block.
fn released(block: &Block, output: &Instr) -> bool {
    let of = |i: &Instr| i.op == Op::Release && i.results.iter().any(|r| output.args.contains(r));
    block.instrs.iter().any(of)
}

/// Rows are matched among single players, once for all.
fn matched(c: &Computation, graph: &Graph, instr: &Instr, group: &Placement, out: &mut Found) -> bool {
    let dims = instr.results.iter().flat_map(|r| &graph.value(*r).ty.shape);
    let Some(dim) = dims.filter_map(|d| d.as_name()).find(|d| c.matched.iter().any(|m| m.name == *d)) else {
        return true;
    };
    let text = format!("rows along `{dim}` are matched by a key, and each member of {group} would have its own");
    let help = format!("give the input at {group} another dimension, or leave `dim {dim} by …` out");
    out.push(Diagnostic::new("group.matched", instr.span.clone(), text).help(help));
    false
}

/// A sum over a group: of one group, whose size is known, as all others over it.
fn federated(c: &Computation, graph: &Graph, instr: &Instr, out: &mut Found) -> bool {
    let name = instr.op.name();
    let mut error = |code, text: String, help: String| {
        out.push(Diagnostic::new(code, instr.span.clone(), text).help(help));
        false
    };
    let group = std::ptr::eq(graph, &c.graph).then(|| c.summed_group(instr)).flatten();
    let same = |id: &ValueId| group.is_some_and(|g| graph.value(*id).placement == c.host(g));
    let Some(group) = group.filter(|_| instr.args.iter().all(same)) else {
        let text = format!("`{name}` takes what the members of one group hold");
        return error(
            "group.operand",
            text,
            "compute in an `on` block of the group's name, and sum what that gives".into(),
        );
    };
    let player = c.player(group);
    let Some(size) = player.group else { return true };
    if size.least < 2 {
        let text = format!("a sum over {} may be of one member, and be what that one holds", player.name);
        return error(
            "group.alone",
            text,
            format!("declare `group {} of at least 10`, or some other number", player.name),
        );
    }
    if size.most.is_none() {
        let text = format!("it is not said how many members of {} there are at most: a sum might not fit", player.name);
        let help =
            format!("declare `group {} of at least {} at most 10000`, or some other number", player.name, size.least);
        return error("group.most", text, help);
    }
    match odd(c, graph, group, instr) {
        Some(first) => {
            let what = |i: &Instr| {
                let ty = i.results.first().map(|r| graph.value(*r).ty.dtype.to_string()).unwrap_or_default();
                format!("{ty} on {}", c.placement(i.placement))
            };
            let text = format!(
                "members of {} contribute once, and this sum is {}, another {}",
                player.name,
                what(instr),
                what(first)
            );
            error("group.once", text, "have all sums over a group in one type and at one placement".into())
        }
        None => true,
    }
}

/// Groups whose contributions are checked and more than their holders can have in memory, as far as lengths are known.
pub(crate) fn oversized(c: &Computation, dims: &BTreeMap<String, u64>) -> Vec<Diagnostic> {
    let checked = c.contributions().filter(Contribution::is_checked);
    let oversized = checked.filter_map(|contribution| {
        let player = c.player(contribution.group);
        let (length, most) = (contribution.layout(c, dims).ok()?.length, player.group?.most?);
        let numbers = (length as u64).saturating_mul(most.into());
        let first = contribution.parts.iter().find(|part| part.bound.is_some())?;
        let instr = c.graph.body.instrs.iter().find(|i| i.results == [first.result])?;
        let name = &player.name;
        let text = format!("{most} members of {name} contribute {numbers} numbers, and {MOST_CHECKED} can be checked");
        let help = format!("let {name} be fewer, let each contribute less, or sum without bounds");
        (numbers > MOST_CHECKED).then(|| Diagnostic::new("group.checked", instr.span.clone(), text).help(help))
    });
    oversized.collect()
}

/// An earlier sum over a group that is of another type or elsewhere.
fn odd<'a>(c: &'a Computation, graph: &Graph, group: PlayerId, instr: &Instr) -> Option<&'a Instr> {
    let mut sums = c.graph.body.instrs.iter().filter(|i| i.op.is_federated() && c.summed_group(i) == Some(group));
    let kind = |i: &Instr| (i.placement, i.results.first().map(|r| graph.value(*r).ty.dtype));
    sums.next().filter(|first| kind(first) != kind(instr))
}

/// What is computed of a group and saved: a later program could not say whose it is.
pub(crate) fn saved(disclosure: &Disclosure) -> Vec<String> {
    let why = |s: &Stored| {
        let group = disclosure.groups.iter().find(|g| s.label.contains_key(&g.group))?;
        Some(format!("\"{}\" is computed of {}, and this version saves nothing of a group", s.name, group.group))
    };
    disclosure.stored.iter().filter_map(why).collect()
}
