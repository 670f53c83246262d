//! Checkpoints: what a loop carries, written down, so that a later attempt at the session goes on from there.
//!
//! A loop of the main program with `checkpoint n` writes a note after every n-th iteration and after the last: each
//! player its own parts, under agreement, session, attempt, loop and iteration. Before the next one it has heard from
//! all players of the loop that they have theirs, and then forgets the one before. So whenever a player has two, one
//! of them is at all players, and nobody keeps more than two.
//!
//! A later attempt (its number is in all keys and addresses, so no mask and no message of an earlier one comes again)
//! begins with every player telling all others which notes it has. For each loop the latest that all its players have,
//! of one and the same attempt, is taken; parts that different attempts wrote do not belong together. Then all
//! compare what they took. What stands before a loop is computed anew, and the loop is entered behind that iteration.
//! A player that lies about its notes can make the attempt fail, or begin earlier, and nothing else.
//!
//! The inputs must be those that the session was begun with: the first attempt keeps a commitment to each, and a later
//! one is refused if it does not open to what is there now. So a session cannot be used to compute on two versions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agreement::{Commitment, Opening};
use ir::{Instr, Op, PlayerId, ValueId};
use net::Scope;
use schemes::{Plain, Value, Wire};

use crate::error::SessionError;
use crate::held::Held;
use crate::keep::Keeper;
use crate::matching::KeyColumns;
use crate::plan::Plan;
use crate::stage::{Entropy, Stage};
use crate::vault::{Attempt, Note, Secret, Subject};

type Result<T> = std::result::Result<T, SessionError>;

/// A checkpoint of a loop: the iteration, and the attempt that wrote it. Later iterations are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    iteration: u64,
    attempt: u32,
}

/// The loops with checkpoints, and where this attempt enters them.
#[derive(Default)]
pub(crate) struct Checkpoints {
    /// Who has a part in each loop, by its position in the main program.
    players: BTreeMap<u32, Vec<PlayerId>>,
    /// Where each loop is entered; at its beginning if it is not here.
    entries: BTreeMap<u32, Mark>,
}

/// What a loop carries.
pub(crate) type State = Vec<(ValueId, Arc<Held>)>;

impl Checkpoints {
    /// The loops of a program, and who takes part in each: whose plan has it.
    pub(crate) fn of(keeper: &Keeper) -> Result<Checkpoints> {
        let instrs = &keeper.computation().graph.body.instrs;
        let loops: Vec<usize> = (0..instrs.len()).filter(|i| instrs[*i].attrs.int("checkpoint").is_some()).collect();
        let mut players: BTreeMap<u32, Vec<PlayerId>> = loops.iter().map(|i| (*i as u32, Vec::new())).collect();
        if !loops.is_empty() {
            for i in 0..keeper.computation().players.len() {
                let player = PlayerId(i as u16);
                let plan = Plan::project(&keeper.ratified, player)?;
                for step in plan.main.steps.iter().filter(|s| loops.contains(&s.index)) {
                    players.entry(step.index as u32).or_default().push(player);
                }
            }
        }
        Ok(Checkpoints { players, entries: BTreeMap::new() })
    }

    /// Whether there is none: then nothing is written, and a later attempt begins anew.
    pub(crate) fn is_empty(&self) -> bool {
        self.players.is_empty()
    }

    /// Compares the inputs with those that the session was begun with, or writes down which they are. Says whether
    /// the session was begun before.
    pub(crate) async fn same_inputs(
        keeper: &Keeper,
        inputs: &BTreeMap<String, Plain>,
        keys: &KeyColumns,
        entropy: &Entropy,
    ) -> Result<bool> {
        let notes = session_notes(keeper).await?;
        let Some(note) = notes.into_iter().find(|n| n.subject == Subject::Inputs) else {
            let opening = entropy.opening();
            let mut bytes = opening.as_bytes().to_vec();
            bytes.extend(commitments(keeper, inputs, keys, &opening).iter().flat_map(|(_, c)| c.0.0));
            let note = Note { attempt: keeper.attempt, subject: Subject::Inputs };
            let bytes = Secret::from(bytes);
            keeper.with_vault(move |vault| vault.write(&note, None, &bytes)).await?;
            return Ok(false);
        };
        let kept = keeper.with_vault(move |vault| vault.read(&note)).await?;
        let changed = |what: &str| {
            let player = keeper.name(keeper.player());
            Err(SessionError::InputsChanged { player, what: what.to_owned() })
        };
        let Some((opening, kept)) = kept.as_deref().and_then(|bytes| bytes.split_first_chunk::<32>()) else {
            return changed("what was kept of it");
        };
        let now = commitments(keeper, inputs, keys, &Opening::new(*opening));
        if kept.len() != 32 * now.len() {
            return changed("which inputs there are");
        }
        let other = now.iter().zip(kept.chunks_exact(32)).find(|((_, now), kept)| now.0.0 != **kept);
        other.map_or(Ok(true), |((what, _), _)| changed(what))
    }

    /// Agrees with all players where each loop is entered.
    pub(crate) async fn agree(mut self, keeper: &Keeper, stage: &Stage, begun: bool) -> Result<Checkpoints> {
        let mine = self.marks(keeper, begun).await?;
        let c = keeper.computation();
        let everyone = (0..c.players.len() as u16).map(PlayerId).filter(|p| c.player(*p).group.is_none());
        let others = keeper.others(everyone);
        let step = |part: &str| stage.scope().child("resume").child(part).step(0);
        let said = encode(begun, &mine);
        for other in &others {
            stage.exchange().post(net::PlayerId(other.0), step("marks"), 1, said.clone().into());
        }
        let mut all = vec![(begun, mine)];
        let mut who = vec![keeper.player()];
        for other in &others {
            let said = stage.exchange().take(net::PlayerId(other.0), step("marks")).await?;
            let decoded = decode(&said.payload).filter(|(_, marks)| self.allows(*other, marks, keeper.attempt.number));
            let Some(decoded) = decoded else {
                return Err(keeper.misbehaved(*other, "its checkpoints are not those of this program"));
            };
            all.push(decoded);
            who.push(*other);
        }
        // One that knows nothing of the session begins anew, and all others with it.
        if all.iter().all(|(begun, _)| *begun) {
            for (index, players) in &self.players {
                let of = all.iter().zip(&who).filter(|(_, p)| players.contains(p));
                let latest = of.map(|((_, marks), _)| marks.get(index).cloned().unwrap_or_default());
                let common = latest.reduce(|a, b| a.intersection(&b).copied().collect()).unwrap_or_default();
                self.entries.extend(common.last().map(|mark| (*index, *mark)));
            }
        }
        let taken = self.entries.iter().map(|(i, m)| (*i, BTreeSet::from([*m]))).collect();
        let taken = encode(true, &taken);
        for other in &others {
            stage.exchange().post(net::PlayerId(other.0), step("taken"), 2, taken.clone().into());
        }
        for other in &others {
            let theirs = stage.exchange().take(net::PlayerId(other.0), step("taken")).await?;
            if theirs.payload[..] != taken[..] {
                return Err(SessionError::CheckpointsDiffer);
            }
        }
        Ok(self)
    }

    /// The checkpoints that this player has.
    async fn marks(&self, keeper: &Keeper, begun: bool) -> Result<Marks> {
        let mut marks = Marks::new();
        let notes = if begun { session_notes(keeper).await? } else { Vec::new() };
        for note in notes.iter().filter(|n| n.attempt.number < keeper.attempt.number) {
            if let Subject::Loop { index, iteration } = note.subject {
                marks.entry(index).or_default().insert(Mark { iteration, attempt: note.attempt.number });
            }
        }
        Ok(marks)
    }

    /// Whether a player can have these checkpoints.
    fn allows(&self, player: PlayerId, marks: &Marks, attempt: u32) -> bool {
        marks.iter().all(|(index, marks)| {
            let part = self.players.get(index).is_some_and(|players| players.contains(&player));
            part && marks.iter().all(|m| m.attempt < attempt && m.iteration > 0)
        })
    }

    /// Where a loop is entered: iterations that are done, and what it carries behind them.
    pub(crate) async fn enter(
        &self,
        keeper: &Keeper,
        plan: &Plan,
        index: usize,
        state: State,
    ) -> Result<(usize, State)> {
        let Some(mark) = self.entries.get(&(index as u32)) else { return Ok((0, state)) };
        let lost = || SessionError::Internal { what: "a checkpoint is not what this loop carries".into() };
        let note = note(keeper, index, *mark);
        let bytes = keeper.with_vault(move |vault| vault.read(&note)).await?.ok_or_else(lost)?;
        let mut rest = &bytes[..];
        let mut restored = State::new();
        for (param, _) in &state {
            let value = keeper.computation().graph.value(*param);
            let held = keeper.held(plan, &value.ty, value.placement)?;
            let (part, behind) = rest.split_at_checked(held.size()).ok_or_else(lost)?;
            let value = Value::from_bytes(part, &held).ok_or_else(lost)?;
            restored.push((*param, Arc::new(Held { value, depth: 0 })));
            rest = behind;
        }
        let done = usize::try_from(mark.iteration).map_err(|_| lost())?;
        if rest.is_empty() { Ok((done, restored)) } else { Err(lost()) }
    }
}

/// One loop while it runs: when it writes, and what it wrote before.
pub(crate) struct Marker {
    index: usize,
    every: usize,
    times: usize,
    others: Vec<PlayerId>,
    scope: Scope,
    /// The last checkpoint, and whether it was written in this attempt, so that others tell of theirs.
    last: Option<(Mark, bool)>,
}

impl Marker {
    /// For a loop that writes checkpoints.
    pub(crate) fn new(
        checkpoints: &Checkpoints,
        keeper: &Keeper,
        (instr, index): (&Instr, usize),
        times: usize,
        scope: Scope,
    ) -> Option<Marker> {
        let every = usize::try_from(instr.attrs.int("checkpoint")?).ok().filter(|n| *n > 0)?;
        debug_assert!(matches!(instr.op, Op::Repeat | Op::Fold));
        let key = index as u32;
        let others = keeper.others(checkpoints.players.get(&key).into_iter().flatten().copied());
        let last = checkpoints.entries.get(&key).map(|mark| (*mark, false));
        Some(Marker { index, every, times, others, scope: scope.child("checkpoint"), last })
    }

    /// After so many iterations: writes a checkpoint if one is due.
    pub(crate) async fn done(&mut self, keeper: &Keeper, stage: &Stage, done: usize, state: &State) -> Result<()> {
        if !done.is_multiple_of(self.every) && done != self.times {
            return Ok(());
        }
        if let Some((mark, true)) = self.last {
            let step = self.scope.child(mark.iteration).step(0);
            for other in &self.others {
                stage.exchange().take(net::PlayerId(other.0), step).await?;
            }
        }
        let mut bytes = Vec::new();
        state.iter().for_each(|(_, held)| bytes.extend(held.value.to_bytes()));
        let bytes = Secret::from(bytes);
        let mark = Mark { iteration: done as u64, attempt: keeper.attempt.number };
        let written = note(keeper, self.index, mark);
        let beside = self.last.map(|(last, _)| note(keeper, self.index, last));
        keeper.with_vault(move |vault| vault.write(&written, beside.as_ref(), &bytes)).await?;
        let step = self.scope.child(mark.iteration).step(0);
        for other in &self.others {
            stage.exchange().post(net::PlayerId(other.0), step, 1, vec![].into());
        }
        self.last = Some((mark, true));
        Ok(())
    }
}

/// Forgets what was written for later attempts: there will be none.
pub(crate) async fn forget(keeper: &Keeper) -> Result<()> {
    let attempt = keeper.attempt;
    keeper.with_vault(move |vault| vault.forget(attempt.agreement, attempt.session)).await
}

async fn session_notes(keeper: &Keeper) -> Result<Vec<Note>> {
    let attempt = keeper.attempt;
    keeper.with_vault(move |vault| vault.notes(attempt.agreement, attempt.session)).await
}

fn note(keeper: &Keeper, index: usize, mark: Mark) -> Note {
    let attempt = Attempt { number: mark.attempt, ..keeper.attempt };
    Note { attempt, subject: Subject::Loop { index: index as u32, iteration: mark.iteration } }
}

/// A commitment to everything that this player brings, each with what it is, in order.
fn commitments(
    keeper: &Keeper,
    inputs: &BTreeMap<String, Plain>,
    keys: &KeyColumns,
    opening: &Opening,
) -> Vec<(String, Commitment)> {
    let commit = |what: String, dtype, shape: &[usize], bytes: &[u8]| {
        let commitment = Commitment::new(opening, &what, dtype, shape, bytes);
        (what, commitment)
    };
    let values = inputs.iter().map(|(name, value)| {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        commit(format!("the input `{name}`"), value.dtype(), value.shape(), &bytes)
    });
    let columns = keys.iter().map(|(dim, column)| {
        let mut bytes = Vec::new();
        for key in column {
            bytes.extend((key.len() as u64).to_le_bytes());
            bytes.extend(key.as_bytes());
        }
        commit(format!("the key column along `{dim}`"), ir::DType::Bytes, &[column.len()], &bytes)
    });
    let loaded = keeper.origins();
    let loaded =
        loaded.iter().map(|(name, handle)| commit(format!("the loaded `{name}`"), ir::DType::Bytes, &[1], handle));
    values.chain(columns).chain(loaded).collect()
}

/// The checkpoints of each loop.
type Marks = BTreeMap<u32, BTreeSet<Mark>>;

/// Bytes of one checkpoint: loop, iteration, attempt.
const MARK: usize = 16;

fn encode(begun: bool, marks: &Marks) -> Vec<u8> {
    let mut out = vec![u8::from(begun)];
    for (index, marks) in marks {
        for mark in marks {
            out.extend(index.to_le_bytes());
            out.extend(mark.iteration.to_le_bytes());
            out.extend(mark.attempt.to_le_bytes());
        }
    }
    out
}

fn decode(bytes: &[u8]) -> Option<(bool, Marks)> {
    let (begun, rest) = bytes.split_first()?;
    if *begun > 1 || !rest.len().is_multiple_of(MARK) {
        return None;
    }
    let mut marks = Marks::new();
    for mark in rest.chunks_exact(MARK) {
        let (index, mark) = mark.split_first_chunk::<4>()?;
        let (iteration, attempt) = mark.split_first_chunk::<8>()?;
        let attempt = u32::from_le_bytes(attempt.try_into().ok()?);
        let mark = Mark { iteration: u64::from_le_bytes(*iteration), attempt };
        marks.entry(u32::from_le_bytes(*index)).or_default().insert(mark);
    }
    Some((*begun == 1, marks))
}
