//! The sum by clerks, some of whom vanish or lie.

use std::collections::BTreeSet;

use secagg::clerks::{
    Accepted, Clerks, Collecting, Collector, Frozen, Member, Memory, Recipient, Tallying, contribute,
};
use secagg::testing::{World, seeded};
use secagg::{Error, Identity, OpenKey, Ring, Signer, Task, Vector};

const CLIENTS: usize = 24;

struct Setup {
    world: World,
    task: Task,
    clerks: Clerks,
    secrets: Vec<([u8; 32], [u8; 32])>,
    recipient: [u8; 32],
    messages: Vec<Vec<u8>>,
}

/// Every client's unique digit: bit 2i of a 48-bit element.
fn digit(task: &Task, i: usize) -> Vector {
    let mut elements = vec![0u64; task.len as usize];
    elements[i % 5] = 1 << (2 * (i / 5));
    Vector::from_elements(task.ring, &elements).unwrap()
}

fn digits(sum: &Vector, clients: usize) -> Vec<u8> {
    let elements = sum.elements();
    (0..clients).map(|i| (elements[i % 5] >> (2 * (i / 5)) & 3) as u8).collect()
}

fn setup(n: usize, privacy: usize, packed: usize, quorum: usize) -> Setup {
    let mut world = World::with_seed(1, CLIENTS);
    let task = Task { agreement: [7; 32], round: 2, ring: Ring::new(48).unwrap(), len: 5, minimum: 3 };
    let mut secret = |tag: u8| {
        let mut bytes = [tag; 32];
        rand_core::Rng::fill_bytes(&mut world.rng, &mut bytes[..31]);
        bytes
    };
    let secrets: Vec<_> = (0..n).map(|_| (secret(1), secret(2))).collect();
    let recipient = secret(3);
    let members = secrets
        .iter()
        .map(|(sign, open)| Member {
            key: Signer::from_bytes(sign).public(),
            seal: OpenKey::from_bytes(open).unwrap().public(),
        })
        .collect();
    let key = OpenKey::from_bytes(&recipient).unwrap().public();
    let clerks = Clerks::new(members, key, (privacy, packed), quorum, 100).unwrap();
    let messages = world
        .clients
        .iter()
        .enumerate()
        .map(|(i, client)| contribute(&task, &clerks, client, &digit(&task, i), &mut world.rng).unwrap())
        .collect();
    Setup { world, task, clerks, secrets, recipient, messages }
}

impl Setup {
    fn clerk(&self, i: usize, memory: Memory) -> Collecting<&BTreeSet<Identity>> {
        let (sign, open) = &self.secrets[i];
        let (signer, open) = (Signer::from_bytes(sign), OpenKey::from_bytes(open).unwrap());
        Collecting::new(self.task, self.clerks.clone(), signer, open, &self.world.enrolled, memory).unwrap()
    }

    fn collector(&self) -> Collector<&BTreeSet<Identity>, Clerks> {
        Collector::new(self.task, self.clerks.clone(), &self.world.enrolled).unwrap()
    }

    fn recipient(&self, frozen: Frozen) -> Recipient {
        let open = OpenKey::from_bytes(&self.recipient).unwrap();
        Recipient::new(self.task, self.clerks.clone(), open, frozen).unwrap()
    }
}

/// Collects the first `clients` and freezes the list with the votes of all clerks.
fn frozen(setup: &Setup, clients: usize) -> (Frozen, Vec<Tallying>, Vec<Vec<Vec<u8>>>) {
    let mut collector = setup.collector();
    let mut clerks: Vec<_> = (0..setup.secrets.len()).map(|i| setup.clerk(i, Memory::default())).collect();
    let mut deposits = vec![];
    for message in &setup.messages[..clients] {
        let Accepted::New { deposits: made, .. } = collector.accept(message).unwrap() else { panic!("it is new") };
        clerks.iter_mut().zip(&made).for_each(|(clerk, deposit)| assert!(clerk.deposit(deposit).is_ok()));
        deposits.push(made);
    }
    let mut closed = collector.close().unwrap();
    let proposal = closed.proposal();
    let mut waiting = vec![];
    let mut frozen = None;
    for clerk in clerks {
        let approved = clerk.check_proposal(&proposal).unwrap();
        let (next, _, vote) = clerk.vote(approved);
        frozen = closed.vote(&vote).unwrap().or(frozen);
        waiting.push(next);
    }
    let frozen = frozen.unwrap();
    let bytes = frozen.encode(&setup.task, &setup.clerks);
    let tallying = waiting.into_iter().map(|clerk| clerk.frozen(&bytes).unwrap()).collect();
    (frozen, tallying, deposits)
}

fn tallies(tallying: Vec<Tallying>, deposits: &[Vec<Vec<u8>>]) -> Vec<Vec<u8>> {
    let one = |(i, mut clerk): (usize, Tallying)| {
        for deposit in deposits.iter().chain(deposits) {
            clerk.deposit(&deposit[i]).unwrap();
        }
        clerk.finish().unwrap()
    };
    tallying.into_iter().enumerate().map(one).collect()
}

#[test]
fn every_client_counts_once_and_clerks_may_vanish() {
    for (n, t, k, quorum) in [(9, 2, 4, 6), (5, 1, 1, 4), (3, 1, 2, 3), (26, 8, 10, 18)] {
        let setup = setup(n, t, k, quorum);
        let (frozen, tallying, deposits) = frozen(&setup, CLIENTS);
        let tallies = tallies(tallying, &deposits);
        for vanished in [0, n - t - k] {
            let mut recipient = setup.recipient(frozen.clone());
            deposits.iter().chain(&deposits).for_each(|made| recipient.deposit(&made[n]).unwrap());
            tallies.iter().skip(vanished).for_each(|tally| recipient.tally(tally).unwrap());
            assert_eq!(digits(&recipient.finish().unwrap(), CLIENTS), [1; CLIENTS]);
        }
        let mut recipient = setup.recipient(frozen.clone());
        deposits.iter().for_each(|made| recipient.deposit(&made[n]).unwrap());
        tallies.iter().skip(n - t - k + 1).for_each(|tally| recipient.tally(tally).unwrap());
        assert!(matches!(recipient.finish().err(), Some(Error::TooFew { what: "tallies", .. })));
    }
}

#[test]
fn late_and_altered_deposits_and_false_tallies_are_noticed() {
    let setup = setup(7, 2, 2, 5);
    let (frozen, mut tallying, deposits) = frozen(&setup, 20);
    // A client that came after the list was closed.
    let mut other = setup.collector();
    let Accepted::New { deposits: late, .. } = other.accept(&setup.messages[21]).unwrap() else { panic!("it is new") };
    let culprit = setup.world.clients[21].identity();
    let refused = Some(Error::Late { message: "contribution", culprit });
    assert_eq!(tallying[0].deposit(&late[0]).err(), refused);
    let mut recipient = setup.recipient(frozen.clone());
    assert_eq!(recipient.deposit(&late[7]).err(), refused);
    // Another contribution of a client on the list.
    let mut rng = seeded(5);
    let again =
        contribute(&setup.task, &setup.clerks, &setup.world.clients[0], &digit(&setup.task, 0), &mut rng).unwrap();
    let Accepted::New { deposits: second, .. } = setup.collector().accept(&again).unwrap() else { panic!("it is new") };
    let culprit = setup.world.clients[0].identity();
    let refused = Some(Error::Second { message: "contribution", culprit });
    assert_eq!(tallying[0].deposit(&second[0]).err(), refused);
    assert_eq!(recipient.deposit(&second[7]).err(), refused);
    // Altered boxes: neither clerk nor recipient takes them, nor one meant for another.
    for (i, deposit) in deposits[0].iter().enumerate() {
        let mut altered = deposit.clone();
        *altered.last_mut().unwrap() ^= 1;
        let noticed = if i == 7 { recipient.deposit(&altered).err() } else { tallying[i].deposit(&altered).err() };
        assert!(matches!(noticed, Some(Error::Coordinator { .. })));
    }
    assert!(tallying[0].deposit(&deposits[0][1]).is_err());
    // A clerk that leaves a client out cannot finish.
    let short = tallying.pop().unwrap();
    assert!(matches!(short.finish(), Err(Error::TooFew { have: 0, need: 20, .. })));

    let honest = tallies(tallying, &deposits);
    let mut altered = honest[5].clone();
    *altered.last_mut().unwrap() ^= 1;
    assert!(matches!(recipient.tally(&altered), Err(Error::Signature { .. })));
    honest.iter().chain(&honest).for_each(|tally| recipient.tally(tally).unwrap());
}

#[test]
fn a_clerk_supports_one_list() {
    let setup = setup(5, 1, 2, 4);
    let mut all = setup.collector();
    let mut less = setup.collector();
    let mut clerk = setup.clerk(0, Memory::default());
    let mut again = vec![];
    for (i, message) in setup.messages.iter().enumerate() {
        let Accepted::New { deposits, .. } = all.accept(message).unwrap() else { panic!("it is new") };
        clerk.deposit(&deposits[0]).unwrap();
        again.push(deposits[0].clone());
        if i > 0 {
            less.accept(message).unwrap();
        }
    }
    let (all, less) = (all.close().unwrap(), less.close().unwrap());
    let approved = clerk.check_proposal(&all.proposal()).unwrap();
    let (_, memory, _) = clerk.vote(approved);
    let memory = Memory::decode(&memory.encode(&setup.task, &setup.clerks), &setup.task, &setup.clerks).unwrap();
    let mut restarted = setup.clerk(0, memory);
    again.iter().for_each(|deposit| assert!(restarted.deposit(deposit).is_ok()));
    let refused = Some(Error::Equivocation { message: "inclusion list" });
    assert_eq!(restarted.check_proposal(&less.proposal()).err(), refused);
    assert!(restarted.check_proposal(&all.proposal()).is_ok());
}

#[test]
fn unsafe_parameters_are_refused() {
    let setup = setup(5, 1, 2, 4);
    let members: Vec<Member> = (0..5)
        .map(|i| Member {
            key: Signer::from_bytes(&setup.secrets[i].0).public(),
            seal: OpenKey::from_bytes(&setup.secrets[i].1).unwrap().public(),
        })
        .collect();
    let key = OpenKey::from_bytes(&setup.recipient).unwrap().public();
    let with = |t, k, quorum| Clerks::new(members.clone(), key.clone(), (t, k), quorum, 100);
    assert!(with(2, 3, 4).is_ok());
    assert!(with(3, 3, 5).is_err(), "more tallies than clerks");
    assert!(with(0, 3, 4).is_err());
    assert!(with(2, 2, 3).is_err(), "two quorums of 3 may meet in corrupt clerks only");
    assert!(with(2, 2, 6).is_err());
    assert!(setup.clerks.assumption().contains("at most 1 of the 5 clerks"));
    let wide = Task { ring: Ring::new(54).unwrap(), ..setup.task };
    let input = Vector::zeros(wide.ring, 5);
    let refused = contribute(&wide, &setup.clerks, &setup.world.clients[0], &input, &mut seeded(1));
    assert!(matches!(refused, Err(Error::Parameter { .. })), "54 + 7 bits exceed the field");
}
