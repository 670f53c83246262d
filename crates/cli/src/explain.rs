//! `explain`: each player's plan, and what it will cost.

use privity::ir::PlayerId;
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
    if a.program.json {
        let plans: serde_json::Map<_, _> = plans.iter().map(|p| (name(p.player), json!(p.to_string()))).collect();
        let bytes: serde_json::Map<_, _> = cost.bytes.iter().map(|(p, n)| (name(*p), json!(n))).collect();
        say!("{}", json!({ "plans": plans, "rounds": cost.rounds, "bytes": bytes }));
        return Ok(());
    }
    for plan in &plans {
        say!("{plan}");
    }
    say!("predicted: {} rounds", cost.rounds);
    for (player, bytes) in &cost.bytes {
        say!("  {:<12} sends {bytes} bytes", name(*player));
    }
    Ok(())
}
