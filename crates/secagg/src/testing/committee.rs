//! Whole rounds of the committee sum.

use std::collections::BTreeSet;

use rand_core::CryptoRng;

use super::{Network, Stage, World};
use crate::committee::{
    Accepted, AwaitFrozen, Closed, Collecting, Collector, Combiner, Committee, Frozen, Member, Memory, contribute,
};
use crate::error::Error;
use crate::identity::{Identity, Signer};
use crate::seal::OpenKey;
use crate::task::Task;
use crate::vector::Vector;

/// A committee with the secrets of its members.
pub struct CommitteeRound {
    /// What is summed.
    pub task: Task,
    /// The committee, as everyone knows it.
    pub committee: Committee,
    /// Secrets of each aggregator: signing and opening, as bytes, so that it can be started again.
    pub secrets: Vec<([u8; 32], [u8; 32])>,
}

/// How a round ended.
pub struct CommitteeOutcome {
    /// The sum, if one was published.
    pub sum: Result<Vector, Error>,
    /// Which clients are in it.
    pub included: Vec<usize>,
    /// Everything that was refused on the way.
    pub refused: Vec<Error>,
}

impl CommitteeRound {
    /// `n` fresh aggregators.
    ///
    /// # Panics
    /// If the thresholds are not those of a committee of `n`.
    pub fn new<R: CryptoRng>(
        task: Task,
        n: usize,
        threshold: usize,
        quorum: usize,
        corrupt: usize,
        rng: &mut R,
    ) -> Self {
        let mut secret = || {
            let mut bytes = [0; 32];
            rng.fill_bytes(&mut bytes);
            bytes
        };
        let secrets: Vec<_> = (0..n).map(|_| (secret(), secret())).collect();
        let member = |(sign, open): &([u8; 32], [u8; 32])| Member {
            key: Signer::from_bytes(sign).public(),
            seal: OpenKey::from_bytes(open).expect("any 32 bytes are a key").public(),
        };
        let committee = match &secrets[..] {
            [one] => Committee::alone(member(one)),
            all => {
                let members = all.iter().map(member).collect();
                Committee::new(members, threshold, quorum, corrupt).expect("valid thresholds")
            }
        };
        Self { task, committee, secrets }
    }

    /// Starts aggregator `i`, as for the first time or after a crash.
    ///
    /// # Errors
    /// As [`Collecting::new`].
    pub fn aggregator<'w>(
        &self,
        i: usize,
        world: &'w World,
        memory: Memory,
    ) -> Result<Collecting<&'w BTreeSet<Identity>>, Error> {
        let (sign, open) = &self.secrets[i];
        let open = OpenKey::from_bytes(open).ok_or(Error::Misuse { what: "not a key" })?;
        Collecting::new(self.task, self.committee.clone(), Signer::from_bytes(sign), open, &world.enrolled, memory)
    }
}

impl World {
    /// Plays a round: clients contribute `inputs`, the aggregators `alive` take part to the end.
    ///
    /// # Errors
    /// Of our own side only; what went wrong in the round is in the outcome.
    pub fn run_committee(
        &mut self,
        round: &CommitteeRound,
        inputs: &[Vector],
        network: &mut dyn Network,
        alive: &[usize],
    ) -> Result<CommitteeOutcome, Error> {
        let mut messages = Vec::with_capacity(inputs.len());
        for (client, input) in self.clients.iter().zip(inputs) {
            messages.push(contribute(&round.task, &round.committee, client, input, &mut self.rng)?);
        }
        let mut refused = vec![];
        let mut board = vec![];
        let mut collector = Collector::new(round.task, round.committee.clone(), &self.enrolled)?;
        let mut aggregators = vec![];
        for &i in alive {
            aggregators.push((i, round.aggregator(i, self, Memory::default())?));
        }
        for (client, message) in messages.into_iter().enumerate() {
            for arrived in network.carry(Stage::Contribution, client, message) {
                match collector.accept(&arrived) {
                    Ok(Accepted::New { deposits, .. }) => {
                        for (i, aggregator) in &mut aggregators {
                            for deposit in network.carry(Stage::Deposit, client, deposits[*i].clone()) {
                                refused.extend(aggregator.deposit(&deposit).err());
                            }
                        }
                        board.push(arrived);
                    }
                    Ok(Accepted::Repeated { .. }) => {}
                    Err(error) => refused.push(error),
                }
            }
        }
        let closed = match collector.close() {
            Ok(closed) => closed,
            Err(error) => return Ok(CommitteeOutcome { sum: Err(error), included: vec![], refused }),
        };
        refused.extend(network.late(Stage::Contribution).iter().map(|message| closed.late(message)));
        let frozen = self.freeze(closed, aggregators, &mut refused);
        let (frozen, aggregators) = match frozen {
            Ok(frozen) => frozen,
            Err(error) => return Ok(CommitteeOutcome { sum: Err(error), included: vec![], refused }),
        };
        let included = frozen.list().entries().filter_map(|(client, _)| self.index(client)).collect();
        let sum = combine(round, frozen, aggregators, &board, &mut refused);
        Ok(CommitteeOutcome { sum, included, refused })
    }

    /// Proposes, leaving out what an aggregator does not have, and lets all vote.
    fn freeze(
        &self,
        mut closed: Closed,
        aggregators: Vec<(usize, Collecting<&BTreeSet<Identity>>)>,
        refused: &mut Vec<Error>,
    ) -> Result<(Frozen, Vec<AwaitFrozen>), Error> {
        for (_, aggregator) in &aggregators {
            if let Err(Error::Unaccepted { missing }) = aggregator.check_proposal(&closed.proposal()) {
                closed = closed.without(&missing)?;
            }
        }
        let proposal = closed.proposal();
        let mut waiting = vec![];
        let mut frozen = None;
        for (_, aggregator) in aggregators {
            match aggregator.check_proposal(&proposal) {
                Ok(approved) => {
                    let (next, _, vote) = aggregator.vote(approved);
                    waiting.push(next);
                    frozen = closed.vote(&vote)?.or(frozen);
                }
                Err(error) => refused.push(error),
            }
        }
        let frozen = frozen.ok_or(Error::TooFew { what: "votes for the list", have: waiting.len(), need: 0 })?;
        Ok((frozen, waiting))
    }
}

/// Adds up the board and the answers.
fn combine(
    round: &CommitteeRound,
    frozen: Frozen,
    aggregators: Vec<AwaitFrozen>,
    board: &[Vec<u8>],
    refused: &mut Vec<Error>,
) -> Result<Vector, Error> {
    let bytes = frozen.encode(&round.task, &round.committee);
    let mut combiner = Combiner::new(round.task, round.committee.clone(), frozen)?;
    for message in board {
        refused.extend(combiner.contribution(message).err());
    }
    for aggregator in aggregators {
        let frozen = aggregator.check_frozen(&bytes)?;
        let (_, answer) = aggregator.answer(&frozen)?;
        combiner.answer(&answer)?;
    }
    combiner.finish()
}
