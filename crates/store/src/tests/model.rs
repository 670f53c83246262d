//! The store against a model of plain maps, in long runs of random operations.

use std::collections::{BTreeMap, BTreeSet};

use net::Identity;
use proptest::prelude::*;

use super::Home;
use crate::{
    Answer, Begin, Charge, Checkpoint, Counter, Kind, Meta, Phase, Proposal, SessionId, Standing, State, Store,
    StoreError, Verdict,
};

/// How often the agreement of all sessions here may run.
const LIMIT: u64 = 12;
const AGREEMENT: [u8; 32] = [3; 32];

/// An operation. Names, sessions and so on are small numbers, so that operations meet.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Put { name: u8, fill: u8, length: usize },
    Remove { name: u8 },
    Stage { session: u8, attempt: u32, names: Vec<u8>, fill: u8 },
    Prepare { session: u8, attempt: u32 },
    Commit { session: u8, attempt: u32 },
    Abort { session: u8, attempt: u32 },
    Begin { session: u8, attempt: u32 },
    End { session: u8, attempt: u32, well: bool },
    Answer { agreement: u8, by: u8, reason: u8 },
    Receipt { session: u8, by: u8 },
    Checkpoint { session: u8, of: u8, attempt: u32, iteration: u64, beside: u64, fill: u8 },
    GiveUp { session: u8 },
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let session = 0u8..5;
    let attempt = 0u32..3;
    let length = prop_oneof![20 => 0usize..3000, 1 => 1_000_000usize..2_200_000];
    prop_oneof![
        6 => (0u8..5, any::<u8>(), length).prop_map(|(name, fill, length)| Op::Put { name, fill, length }),
        2 => (0u8..5).prop_map(|name| Op::Remove { name }),
        4 => (session.clone(), attempt.clone(), prop::collection::vec(0u8..5, 0..3), any::<u8>())
            .prop_map(|(session, attempt, names, fill)| Op::Stage { session, attempt, names, fill }),
        3 => (session.clone(), attempt.clone()).prop_map(|(session, attempt)| Op::Prepare { session, attempt }),
        3 => (session.clone(), attempt.clone()).prop_map(|(session, attempt)| Op::Commit { session, attempt }),
        1 => (session.clone(), attempt.clone()).prop_map(|(session, attempt)| Op::Abort { session, attempt }),
        3 => (0u8..40, attempt.clone()).prop_map(|(session, attempt)| Op::Begin { session, attempt }),
        2 => (0u8..40, attempt.clone(), any::<bool>())
            .prop_map(|(session, attempt, well)| Op::End { session, attempt, well }),
        2 => (0u8..3, 0u8..4, any::<u8>()).prop_map(|(agreement, by, reason)| Op::Answer { agreement, by, reason }),
        1 => (session.clone(), 0u8..4).prop_map(|(session, by)| Op::Receipt { session, by }),
        3 => (session.clone(), 0u8..2, attempt, 0u64..4, 0u64..4, any::<u8>()).prop_map(
            |(session, of, attempt, iteration, beside, fill)| Op::Checkpoint {
                session, of, attempt, iteration, beside, fill
            }
        ),
        1 => session.prop_map(|session| Op::GiveUp { session }),
    ]
}

fn id(session: u8) -> SessionId {
    [session; 16]
}

pub(super) fn payload(fill: u8, length: usize) -> Vec<u8> {
    (0..length).map(|i| fill.wrapping_add((i % 251) as u8)).collect()
}

fn meta(name: u8) -> Meta {
    Meta {
        name: format!("value {name}"),
        kind: Kind::Plain,
        dtype: "f64".into(),
        shape: vec![],
        range: None,
        label: Default::default(),
        origin: None,
        when: 0,
    }
}

fn checkpoint(of: u8, attempt: u32, iteration: u64) -> Checkpoint {
    Checkpoint { of: format!("loop {of}"), attempt, iteration }
}

impl Op {
    /// Does it to a store; whether it was refused as something that cannot be done in this state.
    pub(super) fn apply(&self, store: &Store) -> bool {
        let outcome = match self {
            Op::Put { name, fill, length } => store.put(&meta(*name), &payload(*fill, *length)),
            Op::Remove { name } => store.remove(&meta(*name).name),
            Op::Stage { session, attempt, names, fill } => {
                let bytes = payload(*fill, 100);
                let values: Vec<(Meta, &[u8])> = names.iter().map(|n| (meta(*n), bytes.as_slice())).collect();
                store.stage(id(*session), *attempt, &values)
            }
            Op::Prepare { session, attempt } => store.prepare(id(*session), *attempt),
            Op::Commit { session, attempt } => store.commit(id(*session), *attempt),
            Op::Abort { session, attempt } => store.abort(id(*session), *attempt),
            Op::Begin { session, attempt } => {
                let charge = Charge { counter: Counter::Agreement(AGREEMENT), limit: Some(LIMIT), until: None };
                let (session, attempt) = (id(*session), *attempt);
                let charges = vec![charge];
                store.begin(&Begin { agreement: AGREEMENT, session, attempt, when: 1, expires: None, charges })
            }
            Op::End { session, attempt, well } => store.end(id(*session), *attempt, ending(*well)),
            Op::Answer { agreement, by, reason } => store.batch(|batch| {
                let agreement = [*agreement; 32];
                let from = Identity::from_bytes([0; 32]);
                batch.propose(&Proposal {
                    agreement,
                    text: "text".into(),
                    from,
                    when: 0,
                    standing: Standing::Open,
                    relayed: false,
                })?;
                batch.answer(agreement, &answer(*by, *reason))
            }),
            Op::Receipt { session, by } => {
                store.keep_receipt(id(*session), Identity::from_bytes([*by; 32]), &[*by; 200])
            }
            Op::Checkpoint { session, of, attempt, iteration, beside, fill } => {
                let (at, beside) = (checkpoint(*of, *attempt, *iteration), checkpoint(*of, *attempt, *beside));
                store.checkpoint(id(*session), &at, Some(&beside), &payload(*fill, 500))
            }
            Op::GiveUp { session } => {
                let given_up = store.batch(|batch| batch.give_up(id(*session), 3, "session.cancelled"));
                return !given_up.unwrap();
            }
        };
        match outcome {
            Ok(()) => false,
            Err(e) => match e.fault() {
                crate::Fault::Refused => true,
                _ if matches!(e, StoreError::NoValue { .. }) => true,
                _ => panic!("{self:?}: {e}"),
            },
        }
    }
}

fn ending(well: bool) -> State {
    if well { State::Finished { when: 2 } } else { State::Failed { when: 2, code: "peer.missing".into() } }
}

fn answer(by: u8, reason: u8) -> Answer {
    let verdict = match reason % 2 {
        0 => Verdict::Ratified(vec![reason; 64]),
        _ => Verdict::Declined { reason: format!("reason {reason}"), statement: vec![] },
    };
    Answer { by: Identity::from_bytes([by; 32]), when: 0, verdict }
}

/// All that a store holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Model {
    values: BTreeMap<String, Vec<u8>>,
    saves: BTreeMap<u8, (u32, Phase, BTreeMap<u8, u8>)>,
    sessions: BTreeMap<u8, (u32, State)>,
    used: u64,
    answers: BTreeMap<(u8, u8), Answer>,
    receipts: BTreeSet<(u8, u8)>,
    checkpoints: BTreeMap<(u8, u8), BTreeMap<(u32, u64), u8>>,
}

impl Model {
    /// Does the same to the model; whether it is refused.
    pub(super) fn apply(&mut self, op: &Op) -> bool {
        match op.clone() {
            Op::Put { name, fill, length } => {
                self.values.insert(meta(name).name, payload(fill, length));
            }
            Op::Remove { name } => return self.values.remove(&meta(name).name).is_none(),
            Op::Stage { session, attempt, names, fill } => {
                let mut staged = match self.saves.remove(&session) {
                    None => BTreeMap::new(),
                    Some((a, Phase::Staged, staged)) if a == attempt => staged,
                    Some((a, Phase::Staged | Phase::Aborted, _)) if a < attempt => BTreeMap::new(),
                    Some(old) => {
                        self.saves.insert(session, old);
                        return true;
                    }
                };
                staged.extend(names.into_iter().map(|name| (name, fill)));
                self.saves.insert(session, (attempt, Phase::Staged, staged));
            }
            Op::Prepare { session, attempt } => {
                let (a, phase, _) = self.saves.entry(session).or_insert((attempt, Phase::Staged, BTreeMap::new()));
                if *a != attempt || !matches!(phase, Phase::Staged | Phase::Prepared) {
                    return true;
                }
                *phase = Phase::Prepared;
            }
            Op::Commit { session, attempt } => match self.saves.get_mut(&session) {
                Some((a, Phase::Committed, _)) if *a == attempt => {}
                Some((a, phase, staged)) if *a == attempt && *phase == Phase::Prepared => {
                    *phase = Phase::Committed;
                    for (name, fill) in std::mem::take(staged) {
                        self.values.insert(meta(name).name, payload(fill, 100));
                    }
                }
                _ => return true,
            },
            Op::Abort { session, attempt } => match self.saves.get(&session) {
                Some((a, _, _)) if *a > attempt => return true,
                Some((_, Phase::Committed, _)) => return true,
                Some((a, Phase::Prepared, _)) if *a < attempt => return true,
                _ => {
                    self.saves.insert(session, (attempt, Phase::Aborted, BTreeMap::new()));
                }
            },
            Op::Begin { session, attempt } => {
                let old = self.sessions.get(&session);
                let replayed = old.is_some_and(|(a, s)| *a >= attempt || matches!(s, State::Finished { .. }));
                if replayed || self.used >= LIMIT {
                    return true;
                }
                self.used += 1;
                self.sessions.insert(session, (attempt, State::Running));
            }
            Op::End { session, attempt, well } => match self.sessions.get_mut(&session) {
                Some((a, state)) if *a == attempt => {
                    if *state == State::Running {
                        *state = ending(well);
                        if well {
                            self.checkpoints.retain(|(s, _), _| *s != session);
                        }
                    }
                }
                _ => return true,
            },
            Op::Answer { agreement, by, reason } => {
                self.answers.insert((agreement, by), answer(by, reason));
            }
            Op::Receipt { session, by } => {
                self.receipts.insert((session, by));
            }
            Op::Checkpoint { session, of, attempt, iteration, beside, fill } => {
                let kept = self.checkpoints.entry((session, of)).or_default();
                kept.retain(|at, _| *at == (attempt, beside));
                kept.insert((attempt, iteration), fill);
            }
            Op::GiveUp { session } => match self.sessions.get_mut(&session) {
                Some((_, state @ State::Failed { .. })) => {
                    *state = State::Failed { when: 3, code: "session.cancelled".into() };
                    self.checkpoints.retain(|(s, _), _| *s != session);
                }
                _ => return true,
            },
        }
        self.checkpoints.retain(|_, kept| !kept.is_empty());
        false
    }

    /// Reads a whole store.
    pub(super) fn of(store: &Store) -> Model {
        let mut model = Model::default();
        for (meta, _) in store.list().unwrap() {
            let (_, payload) = store.get(&meta.name).unwrap();
            model.values.insert(meta.name, payload.to_vec());
        }
        for session in 0..40 {
            model.read_session(store, session);
        }
        model.used = store.uses(&Counter::Agreement(AGREEMENT)).unwrap();
        for agreement in 0..3 {
            for answer in store.answers([agreement; 32]).unwrap() {
                model.answers.insert((agreement, answer.by.as_bytes()[0]), answer);
            }
        }
        model
    }

    fn read_session(&mut self, store: &Store, session: u8) {
        if let Some(save) = store.save_of(id(session)).unwrap() {
            // What is staged shows once it is committed; until then the number of staged values does.
            self.saves.insert(session, (save.attempt, save.phase, BTreeMap::new()));
        }
        if let Some(found) = store.session(id(session)).unwrap() {
            self.sessions.insert(session, (found.attempt, found.state));
        }
        for (by, _) in store.receipts(id(session)).unwrap() {
            self.receipts.insert((session, by.as_bytes()[0]));
        }
        for at in store.checkpoints(id(session)).unwrap() {
            let state = store.restore_checkpoint(id(session), &at).unwrap().unwrap();
            let of = if at.of == "loop 0" { 0 } else { 1 };
            self.checkpoints.entry((session, of)).or_default().insert((at.attempt, at.iteration), state[0]);
        }
    }

    /// Without what is staged, which a store does not show.
    pub(super) fn visible(&self) -> Model {
        let mut model = self.clone();
        model.saves.values_mut().for_each(|(_, _, staged)| staged.clear());
        model
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn the_store_does_as_the_model(ops in prop::collection::vec((op(), prop::bool::weighted(0.1)), 1..60)) {
        let home = Home::new();
        let mut store = home.create();
        let mut model = Model::default();
        for (op, reopen) in ops {
            prop_assert_eq!(op.apply(&store), model.apply(&op), "{:?}", op);
            if reopen {
                drop(store);
                store = home.open().unwrap();
                prop_assert_eq!(Model::of(&store), model.visible());
            }
        }
        prop_assert_eq!(Model::of(&store), model.visible());
        let found = store.verify().unwrap();
        prop_assert!(found.problems.is_empty(), "{:?}", found.problems);
        let staged: usize = model.saves.values().map(|(_, _, staged)| staged.len()).sum();
        let checkpoints: usize = model.checkpoints.values().map(BTreeMap::len).sum();
        prop_assert_eq!(found.payloads, model.values.len() + staged + checkpoints);
        // No key is left of what was replaced, dropped or removed.
        let keys = std::fs::read(home.path("store/keys.0")).unwrap();
        let used = keys.chunks(128).skip(1).filter(|slot| slot.iter().any(|b| *b != 0)).count();
        prop_assert_eq!(used, found.payloads);
    }
}
