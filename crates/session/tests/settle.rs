//! Every interleaving, loss, delay, repetition and crash of the conversation by which saves are settled, for up to
//! three players: no two ever decide differently, and whenever all can be asked, none stays in doubt.

use std::collections::{BTreeSet, VecDeque};

use session::settle::{Decision, InDoubt, Next, Standing, answer};

/// One participant: what is durable, and what a crash takes away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Participant {
    record: Option<Standing>,
    /// Whether its session still runs, so that it may prepare.
    runs: bool,
    doubt: Option<InDoubt<usize>>,
}

/// All participants, and all that was ever said: who stood where. A message may be lost, so nothing need be heard;
/// or late or repeated, so anything may be heard at any time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct World {
    players: Vec<Participant>,
    said: BTreeSet<(usize, Standing)>,
}

impl World {
    fn new(n: usize) -> World {
        let one = Participant { record: None, runs: true, doubt: None };
        World { players: vec![one; n], said: BTreeSet::new() }
    }

    fn others(&self, i: usize) -> Vec<usize> {
        (0..self.players.len()).filter(|j| *j != i).collect()
    }

    fn apply(&mut self, i: usize, next: Next<usize>) {
        let player = &mut self.players[i];
        assert_eq!(player.record, Some(Standing::Prepared), "only who is in doubt decides");
        match next {
            Next::Waiting(doubt) => player.doubt = Some(doubt),
            Next::Decided(decision) => {
                player.doubt = None;
                player.record = Some(decision.into());
            }
        }
    }

    /// The worlds that one step leads to.
    fn steps(&self) -> Vec<World> {
        let mut next = Vec::new();
        let mut step = |change: &dyn Fn(&mut World)| {
            let mut world = self.clone();
            change(&mut world);
            next.push(world);
        };
        for (i, player) in self.players.iter().enumerate() {
            if player.runs && player.record.is_none() {
                // Its record is durable before anything is said: a crash may come between.
                step(&|w| {
                    w.players[i].record = Some(Standing::Prepared);
                    w.apply(i, InDoubt::prepared(w.others(i)));
                });
            }
            if player.record == Some(Standing::Prepared) && player.runs {
                step(&|w| w.said.extend([(i, Standing::Prepared)]));
            }
            // A crash: what was heard is forgotten, and a session does not come back.
            step(&|w| {
                w.players[i].runs = false;
                w.players[i].doubt = None;
            });
            if player.record == Some(Standing::Prepared) && player.doubt.is_none() {
                step(&|w| w.apply(i, InDoubt::prepared(w.others(i))));
            }
            if player.doubt.is_some() {
                for (from, standing) in &self.said {
                    step(&|w| w.hear(i, *from, *standing));
                }
                // It asks, and the answer is on its way; whoever is asked makes its record durable first.
                for j in self.others(i) {
                    step(&|w| {
                        let standing = answer(w.players[j].record);
                        w.players[j].record = Some(standing);
                        w.said.insert((j, standing));
                    });
                }
            }
        }
        next
    }

    fn hear(&mut self, i: usize, from: usize, standing: Standing) {
        if let Some(doubt) = self.players[i].doubt.take() {
            self.apply(i, doubt.hear(&from, standing));
        }
    }

    fn assert_agreed(&self) {
        let stands = |s| self.players.iter().any(|p| p.record == Some(s));
        assert!(!(stands(Standing::Committed) && stands(Standing::Aborted)), "two decisions: {self:?}");
        if stands(Standing::Committed) {
            assert!(self.players.iter().all(|p| p.record.is_some()), "one had not prepared: {self:?}");
        }
    }

    /// All come back, and whoever is in doubt asks everyone once.
    fn assert_settles(&self) {
        let mut world = self.clone();
        for i in 0..world.players.len() {
            if world.players[i].record != Some(Standing::Prepared) {
                continue;
            }
            world.apply(i, InDoubt::prepared(world.others(i)));
            for j in world.others(i) {
                let standing = answer(world.players[j].record);
                world.players[j].record = Some(standing);
                world.hear(i, j, standing);
            }
            assert_ne!(world.players[i].record, Some(Standing::Prepared), "in doubt for ever: {self:?}");
        }
        world.assert_agreed();
    }
}

#[test]
fn no_interleaving_makes_two_decisions() {
    for n in 1..=3 {
        let mut seen = BTreeSet::from([World::new(n)]);
        let mut queue = VecDeque::from([World::new(n)]);
        let mut decided = BTreeSet::new();
        while let Some(world) = queue.pop_front() {
            world.assert_agreed();
            world.assert_settles();
            decided.extend(world.players.iter().filter_map(|p| p.record));
            for next in world.steps() {
                if seen.insert(next.clone()) {
                    queue.push_back(next);
                }
            }
        }
        // The search is not empty: every outcome was reached.
        assert!(decided.contains(&Standing::Committed), "{n}");
        assert_eq!(decided.contains(&Standing::Aborted), n > 1, "{n}");
        println!("{n} participants: {} states", seen.len());
    }
}

#[test]
fn a_stranger_has_no_say() {
    let Next::Waiting(doubt) = InDoubt::prepared(["b", "c"]) else { panic!("nobody was heard") };
    let Next::Waiting(doubt) = doubt.hear(&"x", Standing::Aborted) else { panic!("a stranger decided") };
    let Next::Waiting(doubt) = doubt.hear(&"b", Standing::Prepared) else { panic!("c was not heard") };
    assert_eq!(doubt.unheard().collect::<Vec<_>>(), [&"c"]);
    assert_eq!(doubt.hear(&"b", Standing::Aborted), Next::Decided(Decision::Abort));
}
