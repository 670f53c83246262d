//! What an aggregator of validated sums does in each phase.

use std::time::Instant;

use secagg::validated::{AwaitFrozen, AwaitProposal, AwaitVerifiers, Collecting, Validation};

use super::{Member, unusable};
use crate::board::Phase;
use crate::error::Error;
use crate::keys;
use crate::round::{Stage, phases};

/// What it holds of a round.
pub(super) enum Held {
    /// Its own verifier shares, for the other one.
    AwaitVerifiers(AwaitVerifiers, Vec<u8>),
    AwaitProposal(AwaitProposal),
    AwaitFrozen(AwaitFrozen),
    /// It has answered.
    Done,
}

/// Does what this phase asks of an aggregator. Safe to repeat: after an error or a restart all is computed anew from the
/// board, and comes out the same.
pub(super) async fn act(
    member: &Member,
    validation: &Validation,
    round: u64,
    phase: Phase,
    held: &mut Option<Held>,
    until: Instant,
) -> Result<(), Error> {
    match phase {
        phases::VERIFY => {
            let (machine, message) = match held.take() {
                Some(Held::AwaitVerifiers(machine, message)) => (machine, message),
                _ => collect(member, validation, round, until).await?,
            };
            let posted = member.api.post(round, Stage::Verifiers, &message, until).await;
            *held = Some(Held::AwaitVerifiers(machine, message));
            posted
        }
        phases::CHECK => {
            let machine = verified(member, validation, round, held, until).await?;
            let proposal = member.api.list(round, until).await;
            let review = proposal.and_then(|proposal| unusable(machine.check_proposal(&proposal)));
            *held = Some(Held::AwaitProposal(machine));
            member.api.post(round, Stage::Review, &review?, until).await
        }
        phases::VOTE if matches!(held, Some(Held::AwaitFrozen(_))) => Ok(()),
        phases::VOTE => {
            let machine = verified(member, validation, round, held, until).await?;
            let approved = machine.check_proposal(&member.api.list(round, until).await?)?;
            let (machine, memory, vote) = machine.vote(approved);
            member.remember(round, memory, validation)?;
            *held = Some(Held::AwaitFrozen(machine));
            member.api.post(round, Stage::Vote, &vote, until).await
        }
        phases::ANSWER if matches!(held, Some(Held::Done)) => Ok(()),
        phases::ANSWER => {
            let machine = match held.take() {
                Some(Held::AwaitFrozen(machine)) => machine,
                mut other => verified(member, validation, round, &mut other, until).await?.abstain(),
            };
            let (memory, answer) = machine.answer(&member.api.list(round, until).await?)?;
            member.remember(round, memory, validation)?;
            member.api.post(round, Stage::Answer, &answer, until).await?;
            *held = Some(Held::Done);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Joins a round with all deposits on the board.
async fn collect(
    member: &Member,
    validation: &Validation,
    round: u64,
    until: Instant,
) -> Result<(AwaitVerifiers, Vec<u8>), Error> {
    let clients = member.enrolled.of_round(&member.terms, round);
    let (signer, open) = (keys::signer(&member.key), keys::open_key(&member.key)?);
    let memory = member.memory(round, validation)?;
    let mut machine = Collecting::new(member.terms.task(round), validation.clone(), signer, open, clients, memory)?;
    member.deposits(round, until, |message| machine.deposit(message)).await?;
    Ok(machine.close())
}

/// Verifies with what the other aggregator said.
async fn verified(
    member: &Member,
    validation: &Validation,
    round: u64,
    held: &mut Option<Held>,
    until: Instant,
) -> Result<AwaitProposal, Error> {
    let machine = match held.take() {
        Some(Held::AwaitProposal(machine)) => return Ok(machine),
        Some(Held::AwaitVerifiers(machine, _)) => machine,
        _ => collect(member, validation, round, until).await?.0,
    };
    let (machine, refused) = machine.verifiers(&member.api.verifiers(round, until).await?)?;
    for error in refused {
        tracing::warn!(round, %error, "a contribution is left out");
    }
    Ok(machine)
}
