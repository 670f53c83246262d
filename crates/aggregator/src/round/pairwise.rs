//! Pairwise masking on a board.
//!
//! The server's state machine is a function of the board: of the messages of each stage that is over, and of the seed that
//! the round was opened with. It is kept in memory between messages, and made again from the board where it is not there, or
//! holds something that the board did not take.

use std::collections::{BTreeMap, BTreeSet};

use secagg::pairwise::{CollectAgreed, CollectKeys, CollectMasked, CollectReveals, CollectShares, Letters, Pairwise};
use secagg::{Enrolment as _, Identity, Stream};

use super::{Next, Published, Round, Stage, phases};
use crate::board::{Phase, Slot, Status};
use crate::enrolment::Selected;
use crate::error::Error;

/// What the seed of a round is for: the graph of neighbours.
const LOT: &str = "privity aggregator v1 stream of a seed";

/// The server's machine in the phase of the same name.
enum Machine {
    Keys(CollectKeys<Selected>),
    Shares(CollectShares),
    Masked(CollectMasked),
    Agreed(CollectAgreed),
    Reveals(CollectReveals),
}

/// A machine, and what it was given.
pub(super) struct Live {
    round: u64,
    phase: Phase,
    machine: Machine,
    applied: BTreeSet<Identity>,
    letters: BTreeMap<Identity, Vec<u8>>,
}

impl Live {
    fn start(round: &Round<'_>, parameters: Pairwise) -> Result<Self, Error> {
        let machine = Machine::Keys(CollectKeys::new(round.task, parameters, round.clients.clone())?);
        let letters = BTreeMap::new();
        Ok(Self { round: round.id.round, phase: phases::KEYS, machine, applied: BTreeSet::new(), letters })
    }

    fn apply(&mut self, from: Identity, message: &[u8]) -> Result<(), Error> {
        let sender = match &mut self.machine {
            Machine::Keys(machine) => Some(machine.keys(message)?),
            Machine::Shares(machine) => Some(machine.shares(message)?),
            Machine::Masked(machine) => Some(machine.masked(message)?),
            Machine::Agreed(machine) => Some(machine.agreed(message)?),
            Machine::Reveals(machine) => {
                // Which shares of others were bad is theirs to settle; good ones of the same message count.
                machine.reveal(message)?;
                None
            }
        };
        self.applied.insert(from);
        match sender {
            Some(sender) if sender != from => {
                Err(Error::Forbidden { who: from.to_string(), what: "speak in the name of another" })
            }
            _ => Ok(()),
        }
    }

    /// Ends the phase.
    fn close(self, seed: &[u8; 32]) -> Result<Self, Error> {
        let (phase, (machine, letters)) = match self.machine {
            Machine::Keys(machine) => {
                (phases::SHARES, wrap(machine.close(&mut Stream::new(LOT, seed))?, Machine::Shares))
            }
            Machine::Shares(machine) => (phases::MASKED, wrap(machine.close()?, Machine::Masked)),
            Machine::Masked(machine) => (phases::AGREED, wrap(machine.close()?, Machine::Agreed)),
            Machine::Agreed(machine) => (phases::REVEAL, wrap(machine.close()?, Machine::Reveals)),
            Machine::Reveals(_) => return Err(Error::Unknown { what: "phase of a pairwise round" }),
        };
        let letters = letters.into_iter().collect();
        Ok(Self { round: self.round, phase, machine, applied: BTreeSet::new(), letters })
    }
}

fn wrap<M>((machine, letters): (M, Letters), into: fn(M) -> Machine) -> (Machine, Letters) {
    (into(machine), letters)
}

fn slot(phase: Phase) -> Result<Slot, Error> {
    Stage::of(phase).map(Stage::slot).ok_or(Error::Unknown { what: "phase of a pairwise round" })
}

/// Brings the machine to `phase`, with everything that earlier phases took and nothing else.
async fn catch_up(
    round: &Round<'_>,
    parameters: Pairwise,
    seed: &[u8; 32],
    phase: Phase,
    live: &mut Option<Live>,
) -> Result<(), Error> {
    let mut at = match live.take() {
        Some(known) if known.round == round.id.round && known.phase <= phase => known,
        _ => fill(round, Live::start(round, parameters)?).await?,
    };
    while at.phase < phase {
        let senders: BTreeSet<Identity> = round.board.senders(round.id, slot(at.phase)?).await?.into_iter().collect();
        if !at.applied.is_subset(&senders) {
            at = Live::start(round, parameters)?;
            continue;
        }
        at = fill(round, fill(round, at).await?.close(seed)?).await?;
    }
    *live = Some(at);
    Ok(())
}

/// Gives the machine what is on the board and it does not have.
async fn fill(round: &Round<'_>, mut live: Live) -> Result<Live, Error> {
    let slot = slot(live.phase)?;
    for sender in round.board.senders(round.id, slot).await? {
        if live.applied.contains(&sender) {
            continue;
        }
        let message = round.board.read(round.id, slot, sender).await?;
        live.apply(sender, &message.ok_or_else(|| Error::board("a message is missing"))?)?;
    }
    Ok(live)
}

/// How many messages of a phase there are, and how many there can be.
pub(super) async fn count(round: &Round<'_>, phase: Phase) -> Result<(u64, u64), Error> {
    let Some(stage) = Stage::of(phase) else { return Ok((0, round.clients.count())) };
    let have = round.board.count(round.id, stage.slot()).await?;
    // Those who sent what the phase before took may send what this one takes.
    let of = match Stage::of(Phase(phase.0 - 1)) {
        Some(before) => round.board.count(round.id, before.slot()).await?,
        None => round.clients.count(),
    };
    Ok((have, of))
}

/// Verifies a message by giving it to the machine.
pub(super) async fn examine(
    round: &Round<'_>,
    parameters: Pairwise,
    status: &Status,
    phase: Phase,
    live: &mut Option<Live>,
    from: Identity,
    message: &[u8],
) -> Result<Vec<(Slot, Vec<u8>)>, Error> {
    if !round.clients.admits(&from) {
        return Err(secagg::Error::NotEnrolled { culprit: from }.into());
    }
    catch_up(round, parameters, &status.seed, phase, live).await?;
    let Some(machine) = live else { return Err(Error::board("a machine is missing")) };
    let applied = machine.apply(from, message);
    if matches!(applied, Err(Error::Forbidden { .. })) {
        *live = None;
    }
    applied?;
    Ok(vec![(slot(phase)?, message.to_vec())])
}

/// Whether a phase is to end: because all is there, or because its time is up.
pub(super) async fn is_due(
    round: &Round<'_>,
    parameters: Pairwise,
    status: &Status,
    live: &mut Option<Live>,
    time_is_up: bool,
) -> Result<bool, Error> {
    if time_is_up {
        return Ok(true);
    }
    let (have, of) = count(round, status.phase).await?;
    if have == 0 {
        return Ok(false);
    }
    if status.phase == phases::KEYS {
        return Ok(have >= of.min(u64::from(parameters.most)));
    }
    match catch_up(round, parameters, &status.seed, status.phase, live).await {
        // What the phase before gave is not enough: the round is to fail.
        Err(Error::Protocol(_)) => return Ok(true),
        caught_up => caught_up?,
    }
    let Some(live) = live else { return Ok(false) };
    Ok(match &live.machine {
        Machine::Reveals(machine) => machine.ready() || have >= live.letters.len() as u64,
        _ => have >= live.letters.len() as u64,
    })
}

/// What follows a phase that ends. A protocol's error fails the round.
pub(super) async fn next(
    round: &Round<'_>,
    parameters: Pairwise,
    status: &Status,
    live: &mut Option<Live>,
) -> Result<Next, Error> {
    catch_up(round, parameters, &status.seed, status.phase, live).await?;
    if status.phase != phases::REVEAL {
        let (have, _) = count(round, status.phase).await?;
        let need = round.task.minimum as usize;
        if status.phase <= phases::MASKED && (have as usize) < need {
            return Err(secagg::Error::TooFew { what: "clients that are left", have: have as usize, need }.into());
        }
        return Ok(Next::Phase(Phase(status.phase.0 + 1)));
    }
    let Some(at) = live.take() else { return Err(Error::board("a machine is missing")) };
    let at = fill(round, at).await?;
    let Machine::Reveals(machine) = at.machine else { return Err(Error::board("another machine")) };
    let published = machine.finish()?;
    Ok(Next::Published(Published { contributions: published.included.len() as u32, sum: published.sum.pack() }))
}

/// The letter for a client in the phase that the round is in.
pub(super) async fn letter(
    round: &Round<'_>,
    parameters: Pairwise,
    status: &Status,
    live: &mut Option<Live>,
    client: Identity,
) -> Result<Vec<u8>, Error> {
    if !(phases::SHARES..=phases::REVEAL).contains(&status.phase) {
        return Err(Error::Early { what: "readers of letters" });
    }
    catch_up(round, parameters, &status.seed, status.phase, live).await?;
    let letter = live.as_ref().and_then(|live| live.letters.get(&client).cloned());
    letter.ok_or(Error::Unknown { what: "letter for this client: it, or its neighbours, came too late" })
}
