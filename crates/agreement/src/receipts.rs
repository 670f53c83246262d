//! The receipts of all parties to one session, held against the agreement and against each other. No key is needed.

use std::collections::{BTreeMap, BTreeSet};

use check::Checked;
use ir::PlayerId;

use crate::agreement::Agreement;
use crate::id::{Digest, SessionId};
use crate::receipt::{Receipt, ReceiptError, SignedReceipt, session_digest};

/// One run, as all its parties state it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionReceipts {
    /// The session.
    pub session: SessionId,
    /// Which attempt at it ended it.
    pub attempt: u32,
    /// By player.
    pub receipts: BTreeMap<String, Receipt>,
    /// One digest over all of them, in the order of players.
    pub digest: Digest,
}

impl SessionReceipts {
    /// The players whose receipts do not name the end of an audit log.
    pub fn without_audit(&self) -> Vec<&str> {
        self.receipts.iter().filter(|(_, r)| r.audit.is_none()).map(|(name, _)| name.as_str()).collect()
    }
}

/// Verifies that these are the receipts of all players of one session of an agreement: signed by the workers of its
/// roster, of one attempt, within the agreement's time, with the proofs of machines that it asks for, and committing to just the inputs and outputs that it gives
/// each of them.
///
/// Commitments hide, each under its own opening: whether two readers received the same value shows when both open
/// theirs.
///
/// # Errors
/// [`ReceiptError`], naming the player concerned.
pub fn verify_session(agreement: &Agreement, receipts: &[SignedReceipt]) -> Result<SessionReceipts, ReceiptError> {
    let names: Vec<String> = agreement.roster().iter().map(|(name, _)| name.to_owned()).collect();
    let Some(first) = receipts.first().map(SignedReceipt::unverified) else {
        return Err(ReceiptError::Missing(names));
    };
    let (session, attempt) = (first.session, first.attempt);
    let mut verified: BTreeMap<String, Receipt> = BTreeMap::new();
    for signed in receipts {
        let receipt = verify_receipt(agreement, session, attempt, signed)?;
        let player = receipt.player.clone();
        match verified.insert(player.clone(), receipt.clone()) {
            Some(other) if other != *receipt => return Err(ReceiptError::Twice(player)),
            _ => {}
        }
    }
    let missing: Vec<String> = names.into_iter().filter(|n| !verified.contains_key(n)).collect();
    if !missing.is_empty() {
        return Err(ReceiptError::Missing(missing));
    }
    let digest = session_digest(verified.values());
    Ok(SessionReceipts { session, attempt, receipts: verified, digest })
}

/// Every machine that has to prove something has proved it to this player.
fn machines(agreement: &Agreement, receipt: &Receipt) -> Result<(), ReceiptError> {
    for (machine, member) in agreement.roster().iter().filter(|(name, _)| *name != receipt.player) {
        let Some(claims) = &member.claims else { continue };
        let agreed = Some(claims.digest().to_string());
        let proofs = receipt.machines.get(machine);
        if !proofs.is_some_and(|proofs| !proofs.is_empty() && proofs.iter().all(|p| p.claims == agreed)) {
            return Err(ReceiptError::Unproved { player: receipt.player.clone(), machine: machine.to_owned() });
        }
    }
    Ok(())
}

/// Verifies one receipt of an attempt at a session of an agreement, as [`verify_session`] does each.
///
/// # Errors
/// [`ReceiptError`]; whether others are missing is not looked at.
pub fn verify_receipt<'a>(
    agreement: &Agreement,
    session: SessionId,
    attempt: u32,
    signed: &'a SignedReceipt,
) -> Result<&'a Receipt, ReceiptError> {
    let receipt = signed.verify_for(agreement, session, &signed.unverified().player)?;
    let player = || receipt.player.clone();
    if receipt.attempt != attempt {
        return Err(ReceiptError::Attempt(player()));
    }
    if agreement.check_time(receipt.started_ms).is_err() {
        return Err(ReceiptError::Window(player()));
    }
    commitments(agreement.checked(), receipt)?;
    machines(agreement, receipt)?;
    Ok(receipt)
}

/// A receipt commits to its player's inputs and to the outputs that the player receives.
fn commitments(checked: &Checked, receipt: &Receipt) -> Result<(), ReceiptError> {
    let c = checked.computation();
    let player = c.player_named(&receipt.player);
    let mine = |to: &[PlayerId]| player.is_some_and(|p| to.contains(&p));
    let inputs = c.inputs().filter(|(i, _)| mine(&c.placement(i.placement).players));
    let inputs: BTreeSet<&str> = inputs.filter_map(|(_, v)| c.graph.value(v).name.as_deref()).collect();
    let outputs = c.outputs().filter(|o| mine(o.attrs.players("to").unwrap_or(&[])));
    let outputs: BTreeSet<&str> = outputs.filter_map(|o| o.attrs.str("name")).collect();
    for (what, agreed, stated) in [("inputs", inputs, &receipt.inputs), ("outputs", outputs, &receipt.outputs)] {
        if agreed != stated.keys().map(String::as_str).collect() {
            return Err(ReceiptError::Commitments { player: receipt.player.clone(), what });
        }
    }
    Ok(())
}
