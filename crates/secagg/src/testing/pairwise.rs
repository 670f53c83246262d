//! Whole rounds of pairwise masking.

use std::collections::BTreeMap;

use super::{Network, Stage, World};
use crate::error::Error;
use crate::identity::Identity;
use crate::pairwise::{CollectKeys, Letters, Pairwise, Published, start};
use crate::task::Task;
use crate::vector::Vector;

/// How a round ended.
pub struct PairwiseOutcome {
    /// The sum, if one was published.
    pub published: Result<Published, Error>,
    /// Everything that clients and server refused on the way.
    pub refused: Vec<Error>,
}

/// The clients that are still there, in one state.
type Clients<S> = BTreeMap<usize, S>;

impl World {
    /// Plays a round in which the clients contribute `inputs`.
    ///
    /// # Errors
    /// Of our own side only; what went wrong in the round is in the outcome.
    pub fn run_pairwise(
        &mut self,
        task: Task,
        parameters: Pairwise,
        inputs: &[Vector],
        network: &mut dyn Network,
    ) -> Result<PairwiseOutcome, Error> {
        let mut refused = vec![];
        let published = self.pairwise(task, parameters, inputs, network, &mut refused);
        Ok(PairwiseOutcome { published, refused })
    }

    fn pairwise(
        &mut self,
        task: Task,
        parameters: Pairwise,
        inputs: &[Vector],
        network: &mut dyn Network,
        refused: &mut Vec<Error>,
    ) -> Result<Published, Error> {
        let mut states = Clients::new();
        let mut messages = vec![];
        for (i, signer) in self.clients.iter().enumerate().take(inputs.len()) {
            let (state, message) = start(task, parameters, signer.clone(), &mut self.rng)?;
            states.insert(i, state);
            messages.push((i, message));
        }
        let mut server = CollectKeys::new(task, parameters, &self.enrolled)?;
        upload(network, Stage::Keys, messages, refused, |message| server.keys(message).map(drop));
        let (mut server, letters) = server.close(&mut self.rng)?;
        let index: BTreeMap<Identity, usize> =
            self.clients.iter().enumerate().map(|(i, client)| (client.identity(), i)).collect();
        refuse_late(network, Stage::Keys, refused, |message| server.shares(message).map(drop));

        let post = |letters: Letters| letters.into_iter().filter_map(|(to, letter)| Some((*index.get(&to)?, letter)));
        let (states, messages) =
            step(network, Stage::Neighbours, post(letters), states, refused, |_, state, letter| {
                state.neighbours(letter, &self.enrolled, &mut self.rng)
            });
        upload(network, Stage::Shares, messages, refused, |message| server.shares(message).map(drop));
        let (mut server, letters) = server.close()?;
        refuse_late(network, Stage::Shares, refused, |message| server.masked(message).map(drop));

        let (states, messages) = step(network, Stage::Delivered, post(letters), states, refused, |i, state, letter| {
            state.delivered(letter, &inputs[i])
        });
        upload(network, Stage::Masked, messages, refused, |message| server.masked(message).map(drop));
        let (mut server, letters) = server.close()?;
        refuse_late(network, Stage::Masked, refused, |message| server.agreed(message).map(drop));

        let (states, messages) =
            step(network, Stage::Survivors, post(letters), states, refused, |_, state, letter| state.survivors(letter));
        upload(network, Stage::Agreed, messages, refused, |message| server.agreed(message).map(drop));
        let (mut server, letters) = server.close()?;
        refuse_late(network, Stage::Agreed, refused, |message| server.reveal(message).map(drop));

        let (_, messages) = step(network, Stage::Agreements, post(letters), states, refused, |_, state, letter| {
            Ok(((), state.agreements(letter)?))
        });
        upload(network, Stage::Reveal, messages, refused, |message| server.reveal(message).map(drop));
        server.finish()
    }
}

/// Carries clients' messages to the server.
fn upload(
    network: &mut dyn Network,
    stage: Stage,
    messages: Vec<(usize, Vec<u8>)>,
    refused: &mut Vec<Error>,
    mut receive: impl FnMut(&[u8]) -> Result<(), Error>,
) {
    for (client, message) in messages {
        for arrived in network.carry(stage, client, message) {
            refused.extend(receive(&arrived).err());
        }
    }
}

/// Carries to the server's next state what was delayed beyond the end of a stage.
fn refuse_late(
    network: &mut dyn Network,
    stage: Stage,
    refused: &mut Vec<Error>,
    mut receive: impl FnMut(&[u8]) -> Result<(), Error>,
) {
    for message in network.late(stage) {
        refused.extend(receive(&message).err());
    }
}

/// Carries the server's letters to the clients, each of which takes its step on the first that arrives.
fn step<S, T>(
    network: &mut dyn Network,
    stage: Stage,
    letters: impl Iterator<Item = (usize, Vec<u8>)>,
    mut states: Clients<S>,
    refused: &mut Vec<Error>,
    mut take: impl FnMut(usize, S, &[u8]) -> Result<(T, Vec<u8>), Error>,
) -> (Clients<T>, Vec<(usize, Vec<u8>)>) {
    let mut next = Clients::new();
    let mut messages = vec![];
    for (client, letter) in letters {
        let Some(letter) = network.carry(stage, client, letter).into_iter().next() else { continue };
        let Some(state) = states.remove(&client) else { continue };
        match take(client, state, &letter) {
            Ok((state, message)) => {
                next.insert(client, state);
                messages.push((client, message));
            }
            Err(error) => refused.push(error),
        }
    }
    (next, messages)
}
