//! What an aggregator of a committee does in each phase.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use secagg::committee::{AwaitFrozen, Collecting, Committee, Frozen, Memory};
use secagg::{Identity, Vector};
use terms::Noise;

use super::{Member, unusable};
use crate::board::Phase;
use crate::enrolment::Selected;
use crate::error::Error;
use crate::kept::{Keeper, Kept};
use crate::keys;
use crate::round::{Stage, phases};

/// What it holds of a round.
pub(super) enum Held {
    Collecting(Collecting<Selected>),
    AwaitFrozen(AwaitFrozen),
    /// It has answered.
    Done,
}

/// Does what this phase asks of an aggregator. Safe to repeat.
pub(super) async fn act(
    member: &Member,
    committee: &Committee,
    round: u64,
    phase: Phase,
    held: &mut Option<Held>,
    until: Instant,
) -> Result<(), Error> {
    if !matches!(phase, phases::CHECK | phases::VOTE | phases::ANSWER | phases::KEEP) {
        return Ok(());
    }
    if held.is_none() {
        *held = Some(Held::Collecting(collect(member, committee, round, until).await?));
    }
    match (phase, held.take()) {
        (phases::CHECK, Some(Held::Collecting(machine))) => {
            let proposal = member.api.list(round, until).await;
            let review = proposal.and_then(|proposal| unusable(machine.check_proposal(&proposal)));
            *held = Some(Held::Collecting(machine));
            member.api.post(round, Stage::Review, &review?, until).await
        }
        (phases::VOTE, Some(Held::Collecting(machine))) => {
            let proposal = match member.api.list(round, until).await {
                Ok(proposal) => proposal,
                Err(error) => {
                    *held = Some(Held::Collecting(machine));
                    return Err(error);
                }
            };
            let approved = machine.check_proposal(&proposal)?;
            let (machine, memory, vote) = machine.vote(approved);
            member.remember(round, memory, committee)?;
            *held = Some(Held::AwaitFrozen(machine));
            member.api.post(round, Stage::Vote, &vote, until).await
        }
        (phases::ANSWER | phases::KEEP, Some(Held::Collecting(machine))) => {
            unmask(member, committee, round, machine.abstain(), held, until).await
        }
        (phases::ANSWER | phases::KEEP, Some(Held::AwaitFrozen(machine))) => {
            unmask(member, committee, round, machine, held, until).await
        }
        (_, rest) => {
            *held = rest;
            Ok(())
        }
    }
}

/// Joins a round with all deposits on the board.
async fn collect(
    member: &Member,
    committee: &Committee,
    round: u64,
    until: Instant,
) -> Result<Collecting<Selected>, Error> {
    let clients = member.enrolled.of_round(&member.terms, round);
    let (signer, open) = (keys::signer(&member.key), keys::open_key(&member.key)?);
    let memory = member.memory(round, committee)?;
    let mut machine = Collecting::new(member.terms.task(round), committee.clone(), signer, open, clients, memory)?;
    member.deposits(round, until, |message| machine.deposit(message)).await?;
    Ok(machine)
}

/// What an aggregator needs besides its own secrets to keep shares: masked vectors, which tell nothing.
enum Masked {
    /// Their packed sum.
    Sum(Vec<u8>),
    /// Each of them, packed.
    Each(BTreeMap<Identity, Vec<u8>>),
}

impl Masked {
    async fn fetch(member: &Member, round: u64, until: Instant) -> Result<Self, Error> {
        if !member.terms.keeps_each() {
            return member.api.masked_sum(round, until).await.map(Self::Sum);
        }
        let (task, most) = (member.terms.task(round), member.terms.draft().most as usize);
        let bytes = task.ring.packed_bytes(task.len as usize);
        let mut each = BTreeMap::new();
        loop {
            let after = each.last_key_value().map(|(client, _)| *client);
            let page = member.api.masked(round, after, until).await?;
            if page.is_empty() {
                return Ok(Self::Each(each));
            }
            // The terms bound what they are together.
            let ascending = page.first().map(|(client, _)| *client) > after;
            if !ascending || each.len() + page.len() > most || page.iter().any(|(_, masked)| masked.len() != bytes) {
                return Err(Error::Answer { what: "no page of masked vectors".into() });
            }
            each.extend(page);
        }
    }
}

/// Answers for the frozen list, or keeps it as shares: its sum, or each contribution on it.
async fn unmask(
    member: &Member,
    committee: &Committee,
    round: u64,
    machine: AwaitFrozen,
    held: &mut Option<Held>,
    until: Instant,
) -> Result<(), Error> {
    let keeper = member.keeper.as_ref().filter(|_| member.terms.draft().shares.is_some());
    let masked = async {
        match keeper {
            Some(_) => Masked::fetch(member, round, until).await.map(Some),
            None => Ok(None),
        }
    };
    let (list, masked) = match tokio::try_join!(member.api.list(round, until), masked) {
        Ok(both) => both,
        Err(error) => {
            *held = Some(Held::AwaitFrozen(machine));
            return Err(error);
        }
    };
    let frozen = machine.check_frozen(&list)?;
    let (stage, message) = match (keeper, masked) {
        (Some(keeper), Some(masked)) => {
            let (memory, part) = part(member, round, machine, &frozen, &masked)?;
            member.remember(round, memory, committee)?;
            (Stage::Kept, keep(Arc::clone(keeper), part).await?.to_vec())
        }
        _ => {
            let (memory, answer) = match member.terms.noise().and_then(Noise::of_aggregators) {
                Some(noise) => machine.answer_with(&frozen, noise)?,
                None => machine.answer(&frozen)?,
            };
            member.remember(round, memory, committee)?;
            (Stage::Answer, answer)
        }
    };
    member.api.post(round, stage, &message, until).await?;
    *held = Some(Held::Done);
    Ok(())
}

/// This aggregator's part of what is kept of the frozen list.
fn part(
    member: &Member,
    round: u64,
    machine: AwaitFrozen,
    frozen: &Frozen,
    masked: &Masked,
) -> Result<(Memory, Kept), Error> {
    let task = member.terms.task(round);
    let (memory, part) = match masked {
        Masked::Sum(sum) => machine.keep(frozen, &Vector::unpack(task.ring, task.len as usize, sum)?)?,
        Masked::Each(each) => machine.keep_each(frozen, each)?,
    };
    Ok((memory, Kept::new(&member.terms, round, frozen.list().len(), &part)?))
}

/// Puts a part where it is kept, and gives its origin.
async fn keep(keeper: Arc<dyn Keeper>, part: Kept) -> Result<[u8; 32], Error> {
    let origin = part.origin;
    let stored = tokio::task::spawn_blocking(move || keeper.keep(&part)).await;
    stored.map_err(|e| Error::System { what: e.to_string() })??;
    Ok(origin)
}
