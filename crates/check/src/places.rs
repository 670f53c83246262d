//! Placements (invariants 7 to 9): operators run where their operands are, on schemes that can run them,
//! and no player has two roles in one protection.

use ir::{Block, Computation, Diagnostic, Graph, Instr, Op, Placement, Scheme, Span};

use crate::Found;

/// Checks the placements themselves, then every instruction.
pub(crate) fn check(c: &Computation, out: &mut Found) {
    for place in &c.placements[c.players.len()..] {
        declared(c, place, out);
    }
    for graph in c.functions.iter().map(|f| &f.graph).chain([&c.graph]) {
        block(c, graph, &graph.body, out);
    }
}

/// Invariant 7: the scheme's number of roles, distinct players, and groups only in `each`.
fn declared(c: &Computation, place: &Placement, out: &mut Found) {
    let spec = place.scheme.spec();
    let mut error = |code, text: String| out.push(Diagnostic::new(code, Span::default(), text));
    if matches!(place.scheme, Scheme::Host | Scheme::Each) {
        error("placement.plain", format!("{}: only a player itself is a placement of `{}`", place.name, spec.name));
    }
    if place.players.len() != spec.roles.len() {
        let text =
            format!("{}: {} takes {} players ({})", place.name, spec.name, spec.roles.len(), spec.roles.join(", "));
        error("placement.roles", text);
    }
    for (i, player) in place.players.iter().enumerate() {
        let name = &c.player(*player).name;
        if place.players[..i].contains(player) {
            error(
                "placement.twice",
                format!("{name} has two roles in {}, and could read everything alone", place.name),
            );
        }
        if c.player(*player).group.is_some() {
            error("placement.group", format!("{name} is a group; {} takes single players", place.name));
        }
    }
}

fn block(c: &Computation, graph: &Graph, b: &Block, out: &mut Found) {
    for instr in &b.instrs {
        if crate::groups::instr(c, graph, (b, instr), out) {
            operands(c, graph, instr, out);
        }
        capable(c, graph, instr, out);
        if let Some(region) = &instr.region {
            block(c, graph, region, out);
        }
    }
}

/// Invariant 8: operands and results are where the operator runs; only a move crosses placements.
fn operands(c: &Computation, graph: &Graph, instr: &Instr, out: &mut Found) {
    let at = c.placement(instr.placement);
    let mut error = |text: String| {
        out.push(Diagnostic::new("placement.operand", instr.span.clone(), text).help("move it there first"));
    };
    match instr.op {
        Op::Repeat | Op::Fold | Op::Call => {
            if graph.value(instr.results[0]).placement != instr.placement {
                error(format!("`{}` is not at the placement of its first result", instr.op.name()));
            }
            return;
        }
        Op::Move | Op::FederatedSum | Op::FederatedMean => {}
        _ => {
            for arg in instr.args.iter().filter(|a| graph.value(**a).placement != instr.placement) {
                let from = c.placement(graph.value(*arg).placement);
                error(format!("`{}` runs on {at}, and an operand is at {from}", instr.op.name()));
            }
        }
    }
    if instr.results.iter().any(|r| graph.value(*r).placement != instr.placement) {
        error(format!("`{}` runs on {at}, and its result is recorded elsewhere", instr.op.name()));
    }
}

/// Invariant 9: the scheme holds the types and can run the operator.
fn capable(c: &Computation, graph: &Graph, instr: &Instr, out: &mut Found) {
    let at = c.placement(instr.placement);
    if matches!(instr.op, Op::Repeat | Op::Fold | Op::Call) {
        return checkpoints(c, graph, instr, out);
    }
    // The first operand decides, but what a choice is made between comes after the condition, and what is summed over a group
    // is not here.
    let decisive = instr.args.get(usize::from(instr.op == Op::Select)).filter(|_| !instr.op.is_federated());
    let decisive = decisive.or(instr.results.first());
    let Some(decisive) = decisive.map(|v| &graph.value(*v).ty) else { return };
    let scheme = at.scheme.spec().name;
    let names = |schemes: Vec<Scheme>| schemes.iter().map(|s| s.spec().name).collect::<Vec<_>>().join(", ");
    if !at.scheme.runs_operator(instr.op) {
        let text = format!("`{}` of {decisive} cannot run on {at}, which is {scheme}", instr.op.name());
        let help = format!("these can: {}", names(Scheme::that_can(instr.op, decisive.dtype)));
        out.push(Diagnostic::new("placement.operator", instr.span.clone(), text).help(help));
    } else if let Some(ty) = instr.results.iter().map(|r| &graph.value(*r).ty).find(|t| !at.scheme.holds(t.dtype)) {
        let text = format!("{at} cannot hold {ty}, since it is {scheme}");
        let help = format!("these can: {}", names(Scheme::that_can(Op::Move, ty.dtype)));
        out.push(Diagnostic::new("type.placement", instr.span.clone(), text).help(help));
    }
    protected_move(c, graph, instr, out);
}

/// A checkpoint keeps what a loop carries, so it is for placements that can keep values.
fn checkpoints(c: &Computation, graph: &Graph, instr: &Instr, out: &mut Found) {
    if instr.attrs.get("checkpoint").is_none() {
        return;
    }
    let places = instr.results.iter().map(|r| c.placement(graph.value(*r).placement));
    if let Some(place) = places.into_iter().find(|p| !p.scheme.runs_operator(Op::Save)) {
        let scheme = place.scheme.spec().name;
        let text = format!("a checkpoint would keep what the loop carries on {place}, and {scheme} keeps nothing");
        let help = "leave `checkpoint` out: such a loop begins anew in another session";
        out.push(Diagnostic::new("placement.checkpoint", instr.span.clone(), text).help(help));
    }
}

/// Between placements of shares nobody sees the number, so nobody could encode it anew.
fn protected_move(c: &Computation, graph: &Graph, instr: &Instr, out: &mut Found) {
    let (Op::Move, [arg], [result]) = (instr.op, &instr.args[..], &instr.results[..]) else { return };
    let (from, to) = (graph.value(*arg), graph.value(*result));
    let both = [from.placement, to.placement].iter().all(|p| !c.placement(*p).scheme.is_plaintext());
    if both && from.ty.dtype != to.ty.dtype {
        let text =
            format!("a move between protected placements keeps the type, and this makes {} of {}", to.ty, from.ty);
        out.push(Diagnostic::new("type.move", instr.span.clone(), text).help("use `cast` before or after it"));
    }
}

/// Why this version cannot run a computation, though it checks.
pub(crate) fn not_runnable(c: &Computation) -> Vec<String> {
    let mut why = std::collections::BTreeSet::new();
    for graph in c.functions.iter().map(|f| &f.graph).chain([&c.graph]) {
        graph.visit(&mut |i| {
            for id in i.args.iter().chain(&i.results) {
                let place = c.placement(graph.value(*id).placement);
                if !place.scheme.spec().runs {
                    why.insert(format!(
                        "{} is {}, which this version cannot run",
                        place.name,
                        place.scheme.spec().name
                    ));
                }
            }
            let mut to = i.attrs.players("to").unwrap_or(&[]).iter().map(|p| c.player(*p));
            if let Some(group) = to.find(|p| i.op == Op::Output && p.group.is_some()) {
                let name = &group.name;
                why.insert(format!("{name} is a group, and this version delivers nothing to the members of one"));
            }
            if let (Op::Move, [arg], [result]) = (i.op, &i.args[..], &i.results[..]) {
                let (from, to) = (graph.value(*arg).placement, graph.value(*result).placement);
                let (f, t) = (c.placement(from), c.placement(to));
                if from != to
                    && f.players != t.players
                    && f.scheme.spec().runs
                    && t.scheme.spec().runs
                    && !f.scheme.moves_to(t.scheme)
                {
                    why.insert(format!("this version cannot move values from {} to {}", f.name, t.name));
                }
            }
        });
    }
    why.into_iter().collect()
}
