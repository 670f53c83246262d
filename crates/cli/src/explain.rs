//! `explain`: each player's plan, and what it will cost.

use privity::ir::{self, PlayerId};
use serde_json::json;

use crate::{Failure, args, static_checks};

pub(crate) fn explain(a: &args::Explain) -> Result<(), Failure> {
    let program = static_checks::load(&a.program.file)?;
    let c = program.computation();
    let players: Vec<PlayerId> = match &a.player {
        Some(name) => vec![program.player(name)?],
        None => (0..c.players.len()).map(|i| PlayerId(i as u16)).collect(),
    };
    let dims = a.dims.dims.iter().cloned().collect();
    let plans = players.iter().map(|p| program.plan(*p, &dims)).collect::<Result<Vec<_>, _>>()?;
    let cost = program.predict(&dims)?;
    let name = |p: PlayerId| c.player(p).name.clone();
    let most = |g: &ir::Contribution| c.player(g.group).group?.most.filter(|_| g.is_checked());
    let layout = |g: &ir::Contribution| Some((g.group, g.layout(c, &dims).ok()?.length, most(g)));
    let groups: Vec<(PlayerId, usize, Option<u32>)> = c.contributions().filter_map(|g| layout(&g)).collect();
    if a.program.json {
        let plans: serde_json::Map<_, _> = plans.iter().map(|p| (name(p.player), json!(p.to_string()))).collect();
        let bytes: serde_json::Map<_, _> = cost.bytes.iter().map(|(p, n)| (name(*p), json!(n))).collect();
        let told = |(group, numbers, checked): &(PlayerId, usize, Option<u32>)| match checked {
            Some(members) => (name(*group), json!({ "numbers": numbers, "checked": members })),
            None => (name(*group), json!({ "numbers": numbers })),
        };
        let groups: serde_json::Map<_, _> = groups.iter().map(told).collect();
        say!("{}", json!({ "plans": plans, "rounds": cost.rounds, "bytes": bytes, "contributions": groups }));
        return Ok(());
    }
    for plan in &plans {
        say!("{plan}");
    }
    say!("predicted: {} rounds", cost.rounds);
    for (player, bytes) in &cost.bytes {
        say!("  {:<12} sends {bytes} bytes", name(*player));
    }
    for (group, numbers, checked) in groups {
        let group = name(group);
        say!("before it each member of {group} contributes {numbers} numbers: {} bytes, masked", 8 * numbers);
        if let Some(members) = checked {
            say!("what {members} members of {group} contribute is checked, as many as there may be: fewer cost less");
        }
    }
    Ok(())
}
