//! Loading and saving: what comes out of a player's vault when a session begins, and goes into it when it ends.
//!
//! Cost: a load on a placement of several players is one message of 32 bytes between every two of them; all that is
//! saved together is one byte between every two players that save.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use agreement::{Agreement, Ratified};
use ir::{Computation, Instr, PlacementId, PlayerId, Scheme, ValueId};
use net::{Identity, NetError, Scope};
use schemes::Value;
use schemes::stored::Held;

use crate::bind;
use crate::error::SessionError;
use crate::federated::{Round, Sums};
use crate::plan::{Act, Dims, Plan};
use crate::settle::{Decision, InDoubt, Next, Standing};
use crate::stage::Stage;
use crate::vault::{Attempt, StoredLabel, StoredMeta, StoredValue, Vault, VaultError};

type Result<T> = std::result::Result<T, SessionError>;

/// One player's dealings with its vault in one session.
pub(crate) struct Keeper {
    pub(crate) ratified: Ratified,
    pub(crate) attempt: Attempt,
    vault: Arc<dyn Vault>,
    player: PlayerId,
    /// What was loaded, by the value that it becomes.
    loaded: Mutex<BTreeMap<ValueId, StoredValue>>,
    /// What will be saved.
    saved: Mutex<Vec<StoredValue>>,
    /// This player's parts of sums over groups.
    sums: Sums,
}

/// What a value of the main program is, as a player's store describes it. A loaded value has the range that it declares.
pub(crate) fn describe(
    agreement: &Agreement,
    player: PlayerId,
    dims: &Dims,
    (name, id): (&str, ValueId),
    origin: Attempt,
) -> Result<StoredMeta> {
    let c = agreement.checked().computation();
    let value = c.graph.value(id);
    let placement = c.placement(value.placement);
    let identity = |p: &PlayerId| agreement.roster().get(&c.player(*p).name).map(|m| m.identity);
    Ok(StoredMeta {
        name: name.to_owned(),
        dtype: value.ty.dtype,
        shape: bind::concrete(&value.ty, dims)?,
        scheme: placement.scheme,
        roles: placement.players.iter().filter_map(identity).collect(),
        role: placement.role(player).unwrap_or_default(),
        range: range(agreement, id),
        label: StoredLabel::of(agreement.checked().label(id), c, agreement.roster()),
        origin,
    })
}

/// The range that a value has, if one is known or declared.
fn range(agreement: &Agreement, id: ValueId) -> Option<(f64, f64)> {
    let declared = agreement.checked().computation().loads().find(|(_, loaded)| *loaded == id);
    match declared {
        Some((instr, _)) => instr.attrs.range(),
        None => Some(agreement.budget().range(id)).filter(|(low, high)| low.is_finite() && high.is_finite()),
    }
}

impl Keeper {
    /// Fetches everything that this player loads, and refuses what is not as declared.
    pub(crate) async fn open(
        ratified: Ratified,
        plan: &Plan,
        attempt: Attempt,
        vault: Arc<dyn Vault>,
        sums: Sums,
    ) -> Result<Keeper> {
        let (loaded, saved) = (Mutex::default(), Mutex::default());
        let mut keeper = Keeper { ratified, attempt, vault, player: plan.player, loaded, saved, sums };
        keeper.fetch_sums(plan).await?;
        let mut loaded = BTreeMap::new();
        for step in plan.main.steps.iter().filter(|s| matches!(s.act, Act::Load)) {
            let instr = &plan.computation().graph.body.instrs[step.index];
            let id = instr.results[0];
            loaded.insert(id, keeper.fetch(plan, instr, id).await?);
        }
        *keeper.loaded.lock().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(keeper)
    }

    /// Where what was loaded comes from, by the name that it has in the program.
    pub(crate) fn origins(&self) -> BTreeMap<String, [u8; 32]> {
        let c = self.computation();
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = |(id, v): (&ValueId, &StoredValue)| {
            (c.graph.value(*id).name.clone().unwrap_or_default(), v.meta.handle().0)
        };
        loaded.iter().map(origin).collect()
    }

    /// Fetches what this player holds of sums over groups, and refuses what is not as the agreement has it.
    async fn fetch_sums(&mut self, plan: &Plan) -> Result<()> {
        let agreement = Arc::clone(self.ratified.agreement());
        let c = agreement.checked().computation();
        let gathered = plan.main.steps.iter().filter(|s| matches!(s.act, Act::Gather));
        for group in gathered.filter_map(|s| c.summed_group(&c.graph.body.instrs[s.index])) {
            let Some(round) = Round::of(&agreement, group)? else { continue };
            let name = round.name();
            let stored = match self.sums.remove(&group) {
                Some(stored) => Some(stored),
                None => self.with_vault(move |vault| vault.fetch(&name)).await?,
            };
            let (player, group_name) = (self.name(self.player), round.group().to_owned());
            let Some(stored) = stored else { return Err(SessionError::SumMissing { player, group: group_name }) };
            let role = round.holders().iter().position(|(holder, _)| *holder == player).unwrap_or_default();
            let declared = StoredMeta { role, ..round.declared(&stored.meta, self.attempt) };
            if let Some(what) = stored.meta.difference(&declared) {
                return Err(SessionError::StoredMisfit { player, name: stored.meta.name, what });
            }
            self.sums.insert(group, stored);
        }
        Ok(())
    }

    /// What is kept of a group in this player's store: the sum, or each contribution. The holders compare where their parts
    /// come from, as of a loaded value.
    pub(crate) async fn kept(
        &self,
        stage: &Stage,
        scope: Scope,
        (placement, group): (PlacementId, PlayerId),
    ) -> Result<(Value, u32)> {
        let Some(StoredValue { meta, bytes }) = self.sums.get(&group) else {
            return Err(SessionError::Internal { what: "a sum over a group was not fetched".into() });
        };
        let depth = self.same_origin(stage, scope, placement, meta).await?;
        // Inside an enclave it is in the clear, as at a player.
        let scheme = if meta.scheme == Scheme::Enclave { Scheme::Host } else { meta.scheme };
        let held = Held { scheme, dtype: meta.dtype, shape: meta.shape.clone() };
        match Value::from_bytes(bytes, &held) {
            Some(value) => Ok((value, depth)),
            None => {
                let what = "its bytes are no such sum".into();
                Err(self.refused(VaultError::Damaged { name: meta.name.clone(), what }))
            }
        }
    }

    async fn fetch(&self, plan: &Plan, instr: &Instr, id: ValueId) -> Result<StoredValue> {
        let name = instr.attrs.str("name").unwrap_or_default().to_owned();
        let wanted = name.clone();
        let Some(stored) = self.with_vault(move |vault| vault.fetch(&wanted)).await? else {
            return Err(SessionError::StoredMissing { player: self.name(self.player), name });
        };
        let declared = self.describe(plan, &name, id)?;
        let what = match stored.meta.name == name {
            true => stored.meta.difference(&declared),
            false => Some(format!("it is \"{}\"", stored.meta.name)),
        };
        match what {
            None => Ok(stored),
            Some(what) => Err(SessionError::StoredMisfit { player: self.name(self.player), name, what }),
        }
    }

    fn describe(&self, plan: &Plan, name: &str, id: ValueId) -> Result<StoredMeta> {
        describe(self.ratified.agreement(), self.player, &plan.dims, (name, id), self.attempt)
    }

    /// The value that a load gives. The players of its placement compare where their parts come from: parts of two
    /// sharings together are no value.
    pub(crate) async fn load(&self, stage: &Stage, scope: Scope, instr: &Instr) -> Result<(Value, u32)> {
        let id = instr.results[0];
        let stored = self.loaded.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        let Some(StoredValue { meta, bytes }) = stored else {
            return Err(SessionError::Internal { what: "a value is loaded twice".into() });
        };
        let depth = self.same_origin(stage, scope, instr.placement, &meta).await?;
        let held = Held { scheme: meta.scheme, dtype: meta.dtype, shape: meta.shape };
        let damaged = || VaultError::Damaged { name: meta.name.clone(), what: "its bytes are no such value".into() };
        let value = Value::from_bytes(&bytes, &held).ok_or_else(|| self.refused(damaged()))?;
        Ok((value, depth))
    }

    /// Compares with the others of a placement where what they hold comes from. Gives the depth of what they said.
    async fn same_origin(&self, stage: &Stage, scope: Scope, at: PlacementId, meta: &StoredMeta) -> Result<u32> {
        let others = self.others(self.computation().placement(at).players.iter().copied());
        let handle = meta.handle().0;
        for other in &others {
            stage.exchange().post(net::PlayerId(other.0), scope.step(0), 1, handle.to_vec().into());
        }
        for other in &others {
            let theirs = stage.exchange().take(net::PlayerId(other.0), scope.step(0)).await?;
            if theirs.payload[..] != handle {
                let (first, second) = (self.player.min(*other), self.player.max(*other));
                let (first, second) = (self.name(first), self.name(second));
                return Err(SessionError::StoredDiffers { first, second, name: meta.name.clone() });
            }
        }
        Ok(u32::from(!others.is_empty()))
    }

    /// Sets a value aside until the session ends.
    pub(crate) fn save(&self, plan: &Plan, instr: &Instr, value: &Value) -> Result<()> {
        let meta = self.describe(plan, instr.attrs.str("name").unwrap_or_default(), instr.args[0])?;
        let value = StoredValue { meta, bytes: value.to_bytes().into() };
        self.saved.lock().unwrap_or_else(PoisonError::into_inner).push(value);
        Ok(())
    }

    /// Saves everything, at all players or at none: see [`settle`](crate::settle).
    pub(crate) async fn commit(&self, stage: &Stage) -> Result<()> {
        let Some(others) = self.partners() else { return Ok(()) };
        let values = std::mem::take(&mut *self.saved.lock().unwrap_or_else(PoisonError::into_inner));
        let identities: Vec<Identity> = others.iter().filter_map(|p| self.identity(*p)).collect();
        let attempt = self.attempt;
        let prepared = self.with_vault(move |vault| vault.prepare(&attempt, &identities, values)).await;
        let standing = match &prepared {
            Ok(()) => Standing::Prepared,
            // It is recorded before it is told.
            Err(_) => self.with_vault(move |vault| vault.answer(&attempt)).await?,
        };
        let step = stage.scope().child("save").step(0);
        for other in &others {
            stage.exchange().post(net::PlayerId(other.0), step, 1, vec![standing.to_byte()].into());
        }
        prepared?;
        let mut next = InDoubt::prepared(others.iter().copied());
        let mut rest = others.iter();
        let decision = loop {
            match (next, rest.next()) {
                (Next::Decided(decision), _) => break decision,
                (Next::Waiting(doubt), Some(other)) => {
                    let said = stage.exchange().take(net::PlayerId(other.0), step).await?;
                    let standing = self.standing(&said.payload, *other)?;
                    next = doubt.hear(other, standing);
                }
                (Next::Waiting(_), None) => {
                    return Err(SessionError::Internal { what: "all were heard, and nothing was decided".into() });
                }
            }
        };
        self.with_vault(move |vault| vault.settle(&attempt, decision)).await?;
        if decision == Decision::Abort { Err(self.refused(VaultError::Aborted)) } else { Ok(()) }
    }

    /// Settles what earlier attempts left in doubt. Every player that saves says where it stands in each of them, so
    /// none stays in doubt. If one of them has saved, the session is over.
    pub(crate) async fn settle_earlier(&self, stage: &Stage) -> Result<()> {
        let Some(others) = self.partners() else { return Ok(()) };
        let step = stage.scope().child("earlier").step(0);
        let earlier: Vec<Attempt> = (0..self.attempt.number).map(|number| Attempt { number, ..self.attempt }).collect();
        let asked = earlier.clone();
        let mine = self
            .with_vault(move |vault| asked.iter().map(|a| vault.answer(a)).collect::<std::result::Result<Vec<_>, _>>());
        let mine = mine.await?;
        let said: Vec<u8> = mine.iter().map(|s| s.to_byte()).collect();
        for other in &others {
            stage.exchange().post(net::PlayerId(other.0), step, 1, said.clone().into());
        }
        let mut doubts: Vec<Next<PlayerId>> =
            earlier.iter().map(|_| InDoubt::prepared(others.iter().copied())).collect();
        for other in &others {
            let said = stage.exchange().take(net::PlayerId(other.0), step).await?;
            if said.payload.len() != earlier.len() {
                return Err(self.misbehaved(*other, "it counts other attempts"));
            }
            for (next, byte) in doubts.iter_mut().zip(said.payload.iter()) {
                let standing = self.standing(&[*byte], *other)?;
                if let Next::Waiting(doubt) = next.clone() {
                    *next = doubt.hear(other, standing);
                }
            }
        }
        let mut saved = mine.contains(&Standing::Committed);
        for ((attempt, standing), next) in earlier.into_iter().zip(mine).zip(doubts) {
            if let (Standing::Prepared, Next::Decided(decision)) = (standing, next) {
                saved |= decision == Decision::Commit;
                self.with_vault(move |vault| vault.settle(&attempt, decision)).await?;
            }
        }
        if !saved {
            return Ok(());
        }
        // Everything was done but the farewell. To do it once more would disclose once more, and could not save. It ends
        // here as soon as nobody is in doubt any more.
        let done = stage.scope().child("settled").step(0);
        for other in &others {
            stage.exchange().post(net::PlayerId(other.0), done, 2, vec![].into());
        }
        for other in &others {
            stage.exchange().take(net::PlayerId(other.0), done).await?;
        }
        Err(SessionError::Saved)
    }

    /// The other players that save, if this one does.
    fn partners(&self) -> Option<Vec<PlayerId>> {
        let c = self.computation();
        let players: BTreeSet<PlayerId> =
            c.saves().flat_map(|i: &Instr| c.placement(i.placement).players.iter().copied()).collect();
        players.contains(&self.player).then(|| self.others(players.into_iter()))
    }

    pub(crate) fn others(&self, players: impl Iterator<Item = PlayerId>) -> Vec<PlayerId> {
        players.filter(|p| *p != self.player).collect()
    }

    fn standing(&self, said: &[u8], from: PlayerId) -> Result<Standing> {
        let standing = match said {
            [byte] => Standing::from_byte(*byte),
            _ => None,
        };
        standing.ok_or_else(|| self.misbehaved(from, "what it says of saved values has no meaning"))
    }

    pub(crate) fn misbehaved(&self, player: PlayerId, what: &str) -> SessionError {
        let player = net::Player { id: net::PlayerId(player.0), name: self.name(player).as_str().into() };
        NetError::PeerMisbehaved { player, what: what.to_owned() }.into()
    }

    /// Calls the vault away from the session's task: it may read and write disks.
    pub(crate) async fn with_vault<T: Send + 'static>(
        &self,
        f: impl FnOnce(&dyn Vault) -> std::result::Result<T, VaultError> + Send + 'static,
    ) -> Result<T> {
        let vault = Arc::clone(&self.vault);
        match tokio::task::spawn_blocking(move || f(&*vault)).await {
            Ok(done) => done.map_err(|e| self.refused(e)),
            Err(e) => Err(SessionError::Internal { what: format!("the vault: {e}") }),
        }
    }

    fn refused(&self, error: VaultError) -> SessionError {
        SessionError::Vault { player: self.name(self.player), error }
    }

    pub(crate) fn player(&self) -> PlayerId {
        self.player
    }

    pub(crate) fn computation(&self) -> &Computation {
        self.ratified.agreement().checked().computation()
    }

    pub(crate) fn name(&self, player: PlayerId) -> String {
        self.computation().player(player).name.clone()
    }

    fn identity(&self, player: PlayerId) -> Option<Identity> {
        self.ratified.agreement().roster().get(&self.computation().player(player).name).map(|m| m.identity)
    }

    /// The form of a value of the main program, as this player holds it.
    pub(crate) fn held(&self, plan: &Plan, ty: &ir::Type, placement: PlacementId) -> Result<Held> {
        let scheme = self.computation().placement(placement).scheme;
        Ok(Held { scheme, dtype: ty.dtype, shape: bind::concrete(ty, &plan.dims)? })
    }
}
