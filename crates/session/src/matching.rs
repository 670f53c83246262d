//! Comparing the order of rows before anything is computed.
//!
//! Owners of inputs along a matched dimension exchange, pair by pair, a digest of their key column, keyed
//! with a secret of that pair and session: whoever listens, and other players, learn nothing from it, and
//! the two owners learn only whether their columns are equal. The digest says whose it is, so that nobody passes by
//! sending back what it was sent.

use std::collections::BTreeMap;

use ir::PlayerId;

use crate::error::SessionError;
use crate::events::{Event, Progress};
use crate::plan::Plan;
use crate::stage::Stage;

/// For each matched dimension, the key column of this player's inputs along it.
pub type KeyColumns = BTreeMap<String, Vec<String>>;

/// Compares key columns with all other owners.
///
/// # Errors
/// If this player has no key column, or another one than some owner.
pub(crate) async fn compare(
    stage: &Stage,
    plan: &Plan,
    keys: &KeyColumns,
    progress: &Progress,
) -> Result<(), SessionError> {
    let c = plan.computation();
    let name = |p: PlayerId| c.player(p).name.clone();
    for matched in &c.matched {
        let along = c.players_along(&matched.name);
        if !along.contains(&plan.player) {
            continue;
        }
        let Some(column) = keys.get(&matched.name) else {
            return Err(SessionError::InputMisfit {
                player: name(plan.player),
                input: matched.key.clone(),
                what: format!("is missing: the program matches the rows along `{}` by this key column", matched.name),
            });
        };
        let scope = stage.scope().child("rows").child(&matched.name);
        let others: Vec<PlayerId> = along.iter().copied().filter(|p| *p != plan.player).collect();
        let said = |by: PlayerId, with: &PlayerId| {
            stage.row_key(net::PlayerId(with.0)).map(|key| told(by, &data::key_digest(key, column)))
        };
        for other in &others {
            if let Some(digest) = said(plan.player, other) {
                stage.exchange().post(net::PlayerId(other.0), scope.step(0), 1, digest.as_bytes().to_vec().into());
            }
        }
        for other in &others {
            let theirs = stage.exchange().take(net::PlayerId(other.0), scope.step(0)).await?;
            // `blake3::Hash` compares in constant time.
            let theirs = <[u8; 32]>::try_from(&theirs.payload[..]).ok().map(blake3::Hash::from_bytes);
            if theirs.is_none() || theirs != said(*other, other) {
                let (first, second) = (plan.player.min(*other), plan.player.max(*other));
                return Err(SessionError::RowsDiffer {
                    first: name(first),
                    second: name(second),
                    dim: matched.name.clone(),
                    key: matched.key.clone(),
                });
            }
        }
        progress.tell(Event::RowsMatch { dim: matched.name.clone() });
    }
    Ok(())
}

/// The digest of a key column as one player tells it.
fn told(by: PlayerId, digest: &[u8; 32]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key("privity 2026-11 key column as told v1");
    hasher.update(digest).update(&by.0.to_be_bytes()).finalize()
}
