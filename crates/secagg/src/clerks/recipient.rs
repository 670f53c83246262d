//! The recipient: recovers the masked sum from the tallies and takes off the masks of those on the list.

use std::collections::{BTreeMap, BTreeSet};

use super::messages::{Tally, decode_deposit};
use super::{Clerks, field};
use crate::ballot::{Electorate, Frozen};
use crate::error::Error;
use crate::identity::Identity;
use crate::mask::Seed;
use crate::seal::OpenKey;
use crate::task::Task;
use crate::vector::Vector;
use crate::wire::Bytes32;

/// The recipient of one round. Its memory is O(d), and 8d/k bytes for each tally.
pub struct Recipient {
    task: Task,
    clerks: Clerks,
    context: Bytes32,
    open: OpenKey,
    frozen: Frozen,
    masks: Vec<u64>,
    added: BTreeSet<Identity>,
    tallies: BTreeMap<usize, Vec<u64>>,
}

impl Recipient {
    /// # Errors
    /// [`Error::Parameter`] if the task is unusable or the key is not the recipient's; [`Error::Coordinator`] if the list is too long;
    /// [`Error::OtherRound`] if it was frozen in another round.
    pub fn new(task: Task, clerks: Clerks, open: OpenKey, frozen: Frozen) -> Result<Self, Error> {
        clerks.check(&task)?;
        clerks.check_list(frozen.list())?;
        if open.public() != clerks.recipient {
            return Err(Error::parameter("this key is not the recipient's"));
        }
        let context = clerks.context(&task);
        frozen.check_round(&context)?;
        let masks = vec![0; task.len as usize];
        Ok(Self { task, clerks, context, open, frozen, masks, added: BTreeSet::new(), tallies: BTreeMap::new() })
    }

    /// Takes the seed of a client on the list, each once.
    ///
    /// # Errors
    /// [`Error::Late`] if it is not on the list, [`Error::Second`], [`Error::Sealed`], or what makes the message no
    /// deposit of this round. The state is unchanged.
    pub fn deposit(&mut self, message: &[u8]) -> Result<(), Error> {
        let receiver = self.clerks.members.len();
        let (header, sealed) = decode_deposit(message, &self.context, &self.clerks, receiver)?;
        let culprit = header.identity();
        match self.frozen.list().get(&culprit) {
            None => return Err(Error::Late { message: "contribution", culprit }),
            Some(listed) if *listed != header.digest(&self.context) => {
                return Err(Error::Second { message: "contribution", culprit });
            }
            Some(_) if self.added.contains(&culprit) => return Ok(()),
            Some(_) => {}
        }
        let seed: Option<Bytes32> = self
            .open
            .open(&Clerks::recipient_info(&self.context, &culprit), sealed)
            .and_then(|content| content.try_into().ok());
        let seed = Seed(seed.ok_or(Error::Sealed { message: "mask", culprit })?);
        let mask = zeroize::Zeroizing::new(field::expand(&seed, &self.context, self.masks.len()));
        self.masks.iter_mut().zip(mask.iter()).for_each(|(sum, mask)| *sum = field::add(*sum, *mask));
        self.added.insert(culprit);
        Ok(())
    }

    /// Takes a clerk's tally.
    ///
    /// # Errors
    /// [`Error::Contradiction`] if it does not fit those that came before, once there are enough; [`Error::Second`]; or
    /// what makes the message no tally of this round. The state is unchanged.
    pub fn tally(&mut self, message: &[u8]) -> Result<(), Error> {
        let tally = Tally::decode(message, &self.context, &self.task, &self.clerks, &self.frozen)?;
        let culprit = self.clerks.members[tally.clerk].key.identity();
        match self.tallies.get(&tally.clerk) {
            Some(known) if *known == tally.sums => return Ok(()),
            Some(_) => return Err(Error::Second { message: "tally", culprit }),
            None => {}
        }
        let packing = self.clerks.packing();
        let first: Vec<(usize, &[u64])> =
            self.tallies.iter().map(|(clerk, sums)| (*clerk, &sums[..])).take(packing.needed()).collect();
        if first.len() == packing.needed() && !packing.fits(&first, (tally.clerk, &tally.sums)) {
            return Err(Error::Contradiction { culprit, others: self.tallies.len() });
        }
        self.tallies.insert(tally.clerk, tally.sums);
        Ok(())
    }

    /// The sum over the frozen list.
    ///
    /// # Errors
    /// [`Error::TooFew`] if a client's deposit or tallies are missing; [`Error::Vector`] if the contributions exceeded
    /// their range.
    pub fn finish(self) -> Result<Vector, Error> {
        let (have, need) = (self.added.len(), self.frozen.list().len());
        if have < need {
            return Err(Error::TooFew { what: "deposits of the frozen list", have, need });
        }
        let packing = self.clerks.packing();
        let (have, need) = (self.tallies.len(), packing.needed());
        if have < need {
            return Err(Error::TooFew { what: "tallies", have, need });
        }
        let tallies: Vec<(usize, &[u64])> =
            self.tallies.iter().map(|(clerk, sums)| (*clerk, &sums[..])).take(need).collect();
        let masked = packing.recover(&tallies, self.masks.len());
        let limit = u128::from(self.task.ring.max()) * self.added.len() as u128;
        let mut elements = Vec::with_capacity(masked.len());
        for (masked, mask) in masked.iter().zip(&self.masks) {
            let sum = field::sub(*masked, *mask);
            if u128::from(sum) > limit {
                return Err(Error::Vector { what: "a sum that no honest contributions give".into() });
            }
            elements.push(sum & self.task.ring.max());
        }
        Vector::from_elements(self.task.ring, &elements)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Accepted, Collecting, Collector, Member, Memory, contribute};
    use super::*;
    use crate::domain;
    use crate::identity::Signer;
    use crate::testing::{World, seeded};
    use crate::vector::Ring;

    /// A clerk that signs a false tally is noticed as soon as there is one tally more than is needed.
    #[test]
    fn a_false_tally_contradicts_the_others() {
        let world = World::with_seed(1, 3);
        let mut rng = seeded(2);
        let task = Task { agreement: [7; 32], round: 2, ring: Ring::new(8).unwrap(), len: 4, minimum: 2 };
        let keys: Vec<(Signer, [u8; 32])> = (0..4).map(|i| (Signer::generate(&mut rng), [i + 1; 32])).collect();
        let open = |i: usize| OpenKey::from_bytes(&keys[i].1).unwrap();
        let members = (0..4).map(|i| Member { key: keys[i].0.public(), seal: open(i).public() }).collect();
        let recipient = || OpenKey::from_bytes(&[9; 32]).unwrap();
        let clerks = Clerks::new(members, recipient().public(), (1, 2), 3, 10).unwrap();
        let mut collector = Collector::new(task, clerks.clone(), &world.enrolled).unwrap();
        let mut deposits = vec![];
        for client in &world.clients {
            let input = Vector::from_elements(task.ring, &[1, 2, 3, 4]).unwrap();
            let message = contribute(&task, &clerks, client, &input, &mut rng).unwrap();
            let Accepted::New { deposits: made, .. } = collector.accept(&message).unwrap() else { panic!("new") };
            deposits.push(made);
        }
        let mut closed = collector.close().unwrap();
        let (mut waiting, mut frozen) = (vec![], None);
        for (i, (signer, _)) in keys.iter().enumerate() {
            let memory = Memory::default();
            let mut clerk =
                Collecting::new(task, clerks.clone(), signer.clone(), open(i), &world.enrolled, memory).unwrap();
            deposits.iter().for_each(|made| assert!(clerk.deposit(&made[i]).is_ok()));
            let approved = clerk.check_proposal(&closed.proposal()).unwrap();
            let (next, _, vote) = clerk.vote(approved);
            frozen = closed.vote(&vote).unwrap().or(frozen);
            waiting.push(next);
        }
        let frozen = frozen.unwrap();
        let mut receiver = Recipient::new(task, clerks.clone(), recipient(), frozen.clone()).unwrap();
        deposits.iter().for_each(|made| receiver.deposit(&made[4]).unwrap());
        let context = clerks.context(&task);
        for (i, clerk) in waiting.into_iter().enumerate() {
            let mut clerk = clerk.frozen(&frozen.encode(&task, &clerks)).unwrap();
            deposits.iter().for_each(|made| assert!(clerk.deposit(&made[i]).is_ok()));
            let honest = clerk.finish().unwrap();
            if i == 3 {
                let tally = Tally::decode(&honest, &context, &task, &clerks, &frozen).unwrap();
                let sums = super::super::messages::encode_elements(&[tally.sums[0] ^ 1, tally.sums[1]]);
                let signed = Tally::signed(&context, &frozen.digest(), &sums);
                let signature = keys[3].0.sign(domain::SIGN_TALLY, &signed);
                let lie = Tally::encode(&context, 3, &frozen.digest(), &signature, &sums);
                let culprit = keys[3].0.identity();
                assert_eq!(receiver.tally(&lie).err(), Some(Error::Contradiction { culprit, others: 3 }));
            }
            receiver.tally(&honest).unwrap();
        }
        assert_eq!(receiver.finish().unwrap().elements(), [3, 6, 9, 12]);
    }
}
