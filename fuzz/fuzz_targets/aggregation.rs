//! Whole rounds of aggregation in which any messages are lost, repeated, altered or replaced: nobody panics, and what is published is
//! the sum of those that it says, each once.

#![no_main]

use libfuzzer_sys::fuzz_target;
use secagg::pairwise::{Server, complete};
use secagg::testing::{CommitteeRound, Stage, World, digit, digits, task};

const CLIENTS: usize = 4;

/// What happens to the messages of a round, one after the other: input decides, and what it leaves is carried as it is.
struct Fate<'a>(&'a [u8]);

impl Fate<'_> {
    fn next<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn carry(&mut self, mut message: Vec<u8>) -> Vec<Vec<u8>> {
        let [deed] = self.next().unwrap_or([0]);
        match deed % 8 {
            1 => return Vec::new(),
            2 => return vec![message.clone(), message],
            3 | 4 => {
                let [low, high, change] = self.next().unwrap_or_default();
                let length = message.len().max(1);
                if let Some(byte) = message.get_mut(usize::from(u16::from_le_bytes([low, high])) % length) {
                    *byte ^= change;
                }
            }
            5 => {
                let [low, high] = self.next().unwrap_or_default();
                message.truncate(usize::from(u16::from_le_bytes([low, high])));
            }
            6 => {
                let [at, count] = self.next().unwrap_or_default().map(usize::from);
                let count = count.min(self.0.len());
                let (put, rest) = self.0.split_at(count);
                self.0 = rest;
                // Beyond what names version, kind and round.
                let at = (34 + at).min(message.len());
                message.splice(at..(at + count).min(message.len()), put.iter().copied());
            }
            7 => {
                let [count] = self.next().unwrap_or_default();
                message.extend(std::iter::repeat_n(count, usize::from(count)));
            }
            _ => {}
        }
        vec![message]
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((protocol, fate)) = input.split_first() else { return };
    let mut fate = Fate(fate);
    let mut network = |_: Stage, _: usize, message: Vec<u8>| fate.carry(message);
    let mut world = World::with_seed(1, CLIENTS);
    let task = task(64, 1, 2);
    let inputs: Vec<_> = (0..CLIENTS).map(|i| digit(&task, i)).collect();
    let (sum, included) = if protocol % 2 == 0 {
        let round = CommitteeRound::new(task, 2, 2, 2, 1, &mut world.rng);
        let outcome = world.run_committee(&round, &inputs, &mut network, &[0, 1]);
        let outcome = outcome.expect("our own side does nothing wrong");
        let Ok(sum) = outcome.sum else { return };
        (sum, outcome.included)
    } else {
        let parameters = complete(CLIENTS as u32, 0.0, 0.2, Server::SemiMalicious).expect("parameters of a small round");
        let outcome = world.run_pairwise(task, parameters, &inputs, &mut network);
        let Ok(published) = outcome.expect("our own side does nothing wrong").published else { return };
        (published.sum, published.included.iter().filter_map(|identity| world.index(identity)).collect())
    };
    let mut expected = [0; CLIENTS];
    included.iter().for_each(|client| expected[*client] = 1);
    assert_eq!(digits(&sum, CLIENTS), expected, "nobody twice, nobody half");
});
