//! Prio3 of the `prio` crate, in bytes: one face for all statistics.

use std::sync::Arc;

use prio::codec::{Encode, ParameterizedDecode};
use prio::field::{Field64, Field128};
use prio::flp::Type;
use prio::flp::gadgets::{Mul, ParallelSum};
use prio::flp::types::{Count, Histogram, Sum, SumVec};
use prio::vdaf::prio3::{Prio3, Prio3InputShare, Prio3PublicShare, Prio3VerifierShare, Prio3VerifyState};
use prio::vdaf::test_utils::TestVectorClient;
use prio::vdaf::xof::XofTurboShake128;
use prio::vdaf::{Aggregatable, AggregateShare, Aggregator, Collector, OutputShare, VdafError, VerifyTransition};
use zeroize::Zeroizing;

use super::sizes::chunk;
use super::{Statistic, Validation};
use crate::error::Error;
use crate::task::Task;
use crate::wire::Bytes32;

/// Bytes of a seed.
const SEED: usize = 32;
/// The most randomness that sharing takes: two seeds for each aggregator.
pub(super) const RANDOMNESS: usize = 4 * SEED;

/// A secret in bytes.
pub(super) type Secret = Zeroizing<Vec<u8>>;

/// A vector in shares, with the proof that it may be contributed.
pub(super) struct Shares {
    pub(super) public: Vec<u8>,
    /// Of leader and helper.
    pub(super) inputs: Vec<Secret>,
}

/// What an aggregator makes of its input share.
pub(super) struct Query {
    /// What it keeps.
    pub(super) state: Secret,
    /// What it tells the other one.
    pub(super) verifier: Vec<u8>,
}

/// A statistic of the draft with two aggregators. `None` stands for bytes that are not what they should be.
pub(super) trait Vdaf: Send + Sync {
    fn shard(&self, context: &Bytes32, elements: &[u64], nonce: &[u8; 16], random: &[u8; RANDOMNESS])
    -> Option<Shares>;

    fn query(
        &self,
        key: &Bytes32,
        context: &Bytes32,
        position: usize,
        nonce: &[u8; 16],
        public: &[u8],
        input: &[u8],
    ) -> Option<Query>;

    /// The output share, if the verifier shares of leader and helper say that the vector may be contributed.
    fn output(&self, context: &Bytes32, position: usize, state: &[u8], verifiers: [&[u8]; 2]) -> Option<Secret>;

    /// The sum of output shares.
    fn aggregate(&self, outputs: &mut dyn Iterator<Item = &[u8]>) -> Option<Vec<u8>>;

    /// The sum of as many vectors from both shares of it.
    fn result(&self, shares: [&[u8]; 2], contributions: usize) -> Option<Vec<u64>>;
}

/// The statistic of a round.
///
/// # Errors
/// [`Error::Parameter`] if it does not fit the task.
pub(super) fn of(validation: &Validation, task: &Task) -> Result<Arc<dyn Vdaf>, Error> {
    validation.check(task)?;
    made(validation.statistic, task.len as usize).map_err(|error| Error::parameter(error.to_string()))
}

fn made(statistic: Statistic, len: usize) -> Result<Arc<dyn Vdaf>, VdafError> {
    let greatest = statistic.greatest();
    let one = |sum: u64| Some(vec![sum]);
    let several = |sums: Vec<u128>| sums.into_iter().map(|sum| sum.try_into().ok()).collect();
    Ok(match statistic {
        Statistic::Count => engine(1, Count::<Field64>::new(), |elements| elements[0] == 1, one)?,
        Statistic::Sum { .. } => engine(2, Sum::<Field64>::new(greatest)?, |elements| elements[0], one)?,
        Statistic::SumVector { .. } => {
            let vectors = SumVec::<Field128, ParallelSum<Field128, Mul>>::new(
                greatest.into(),
                len,
                chunk(len * statistic.bits()),
            )?;
            engine(3, vectors, |elements| elements.iter().map(|&element| element.into()).collect(), several)?
        }
        Statistic::Histogram => {
            let chosen = |elements: &[u64]| elements.iter().position(|&element| element == 1).unwrap_or(elements.len());
            let buckets = Histogram::<Field128, ParallelSum<Field128, Mul>>::new(len, chunk(len))?;
            engine(4, buckets, chosen, several)?
        }
    })
}

/// Prio3 for vectors that a circuit checks.
struct Engine<T: Type> {
    prio3: Prio3<T, XofTurboShake128, SEED>,
    measurement: fn(&[u64]) -> T::Measurement,
    sums: fn(T::AggregateResult) -> Option<Vec<u64>>,
    /// Whether client and aggregators draw randomness from the shares, for the circuit.
    joint: bool,
}

fn engine<T: Type + Send + Sync + 'static>(
    number: u32,
    circuit: T,
    measurement: fn(&[u64]) -> T::Measurement,
    sums: fn(T::AggregateResult) -> Option<Vec<u64>>,
) -> Result<Arc<dyn Vdaf>, VdafError> {
    let joint = circuit.joint_rand_len() > 0;
    Ok(Arc::new(Engine { prio3: Prio3::new(2, 1, number, circuit)?, measurement, sums, joint }))
}

impl<T: Type + Send + Sync> Vdaf for Engine<T> {
    fn shard(
        &self,
        context: &Bytes32,
        elements: &[u64],
        nonce: &[u8; 16],
        random: &[u8; RANDOMNESS],
    ) -> Option<Shares> {
        let random = if self.joint { &random[..] } else { &random[..2 * SEED] };
        let measurement = (self.measurement)(elements);
        let (public, inputs) = self.prio3.shard_with_random(context, &measurement, nonce, random).ok()?;
        let inputs: Option<Vec<Secret>> = inputs.iter().map(secret).collect();
        Some(Shares { public: public.get_encoded().ok()?, inputs: inputs? })
    }

    fn query(
        &self,
        key: &Bytes32,
        context: &Bytes32,
        position: usize,
        nonce: &[u8; 16],
        public: &[u8],
        input: &[u8],
    ) -> Option<Query> {
        let public = Prio3PublicShare::get_decoded_with_param(&self.prio3, public).ok()?;
        let input = Prio3InputShare::get_decoded_with_param(&(&self.prio3, position), input).ok()?;
        let (state, verifier) = self.prio3.verify_init(key, context, position, &(), nonce, &public, &input).ok()?;
        Some(Query { state: secret(&state)?, verifier: verifier.get_encoded().ok()? })
    }

    fn output(&self, context: &Bytes32, position: usize, state: &[u8], verifiers: [&[u8]; 2]) -> Option<Secret> {
        let state = Prio3VerifyState::get_decoded_with_param(&(&self.prio3, position), state).ok()?;
        let [leader, helper] = verifiers.map(|verifier| Prio3VerifierShare::get_decoded_with_param(&state, verifier));
        let message = self.prio3.verifier_shares_to_message(context, &(), [leader.ok()?, helper.ok()?]).ok()?;
        match self.prio3.verify_next(context, state, message).ok()? {
            VerifyTransition::Finish(output) => secret(&output),
            VerifyTransition::Continue(..) => None,
        }
    }

    fn aggregate(&self, outputs: &mut dyn Iterator<Item = &[u8]>) -> Option<Vec<u8>> {
        let mut sum = self.prio3.aggregate_init(&());
        for output in outputs {
            sum.accumulate(&OutputShare::get_decoded_with_param(&(&self.prio3, &()), output).ok()?).ok()?;
        }
        sum.get_encoded().ok()
    }

    fn result(&self, shares: [&[u8]; 2], contributions: usize) -> Option<Vec<u64>> {
        let [leader, helper] = shares.map(|share| AggregateShare::get_decoded_with_param(&(&self.prio3, &()), share));
        (self.sums)(self.prio3.unshard(&(), [leader.ok()?, helper.ok()?], contributions).ok()?)
    }
}

fn secret(made: &impl Encode) -> Option<Secret> {
    made.get_encoded().ok().map(Zeroizing::new)
}
