//! Executing a plan: every step is a future that waits for what it takes, runs its kernel, and puts what
//! it gives. All steps of a block are polled together; see [`drive`](crate::drive) for when messages leave.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use ir::{Block, Graph, IndexItem, Instr, Op, PlacementId, PlayerId, ValueId};
use net::{NetError, Scope};
use schemes::{Error as SchemeError, Party, Plain, Value};

use crate::bind;
use crate::checked::{Check, Checked};
use crate::checkpoint::{Checkpoints, Marker};
use crate::drive::breathe;
use crate::error::{KernelError, SessionError};
use crate::events::{Event, Progress};
use crate::federated::Round;
use crate::held::{Held, Operands};
use crate::keep::Keeper;
use crate::module::Modules;
use crate::pace::{Pace, Place};
use crate::plan::{Act, Part, Plan, Step};
use crate::stage::Stage;

/// A block's values that are given from outside, or that it leaves behind.
type Values = Vec<(ValueId, Arc<Held>)>;

type Result<T> = std::result::Result<T, SessionError>;

/// One run of one plan.
pub(crate) struct Run<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) stage: &'a Stage,
    pub(crate) progress: &'a Progress,
    pub(crate) inputs: Mutex<BTreeMap<String, Plain>>,
    pub(crate) outputs: Mutex<BTreeMap<String, Plain>>,
    pub(crate) keeper: &'a Keeper,
    pub(crate) checkpoints: &'a Checkpoints,
    pub(crate) modules: &'a Modules,
    pub(crate) pace: Pace,
    pub(crate) checked: Checked,
}

/// Where in the program a block is, and in which frame it runs.
#[derive(Clone)]
struct Frame<'a> {
    graph: &'a Graph,
    /// The function that it is in, by its index.
    function: Option<usize>,
    block: &'a Block,
    part: &'a Part,
    scope: Scope,
    place: Arc<Place>,
}

impl Frame<'_> {
    /// Where a step of the block is.
    fn place(&self, step: &Step) -> Place {
        let mut place = Place::clone(&self.place);
        place.push(step.index as u64);
        place
    }
}

impl<'a> Run<'a> {
    /// Runs the main program.
    pub(crate) async fn main(&'a self) -> Result<()> {
        let graph = &self.plan.computation().graph;
        let scope = self.stage.scope().child("main");
        let (block, part, place) = (&graph.body, &self.plan.main, Arc::default());
        let frame = Frame { graph, function: None, block, part, scope, place };
        self.block(frame, Vec::new()).await.map(drop)
    }

    /// Runs a block and returns those of its results that this player holds.
    fn block(&'a self, frame: Frame<'a>, given: Values) -> BoxFuture<'a, Result<Values>> {
        Box::pin(async move {
            let slots = crate::slots::Slots::new(&frame.part.uses);
            for (id, value) in given {
                slots.put(id, value);
            }
            let mut steps: FuturesUnordered<_> =
                frame.part.steps.iter().map(|step| self.step(frame.clone(), step, &slots)).collect();
            while let Some(done) = steps.next().await {
                done?;
            }
            drop(steps);
            let mut results = Values::new();
            for id in &frame.block.results {
                if self.holds(frame.graph, *id) {
                    results.push((*id, slots.take(*id).await));
                }
            }
            Ok(results)
        })
    }

    fn holds(&self, graph: &Graph, id: ValueId) -> bool {
        let placement = self.plan.computation().placement(graph.value(id).placement);
        placement.role(self.plan.player).is_some()
    }

    async fn step(&'a self, frame: Frame<'a>, step: &'a Step, slots: &crate::slots::Slots) -> Result<()> {
        let instr = &frame.block.instrs[step.index];
        let mut taken = Values::new();
        for id in &step.takes {
            taken.push((*id, slots.take(*id).await));
        }
        let scope = frame.scope.child(step.index as u64);
        let place = frame.place(step);
        if !matches!(step.act, Act::Loop(_) | Act::Call { .. }) {
            self.pace.admit(self.stage.exchange(), place.clone()).await;
        }
        let given = match &step.act {
            Act::Input => vec![self.input(frame.graph, instr)?],
            Act::Load => {
                let (value, depth) = self.keeper.load(self.stage, scope, instr).await?;
                vec![(instr.results[0], Arc::new(Held { value, depth }))]
            }
            Act::Save => {
                let Some((_, held)) = taken.first() else { return Err(internal("nothing to save")) };
                self.verified(instr, &taken).await?;
                let held = self.settled(frame.graph, instr, instr.args[0], Arc::clone(held))?;
                self.keeper.save(self.plan, instr, &held.value)?;
                Vec::new()
            }
            Act::Contribute => return Err(internal("members of a group compute before a session")),
            Act::Gather => vec![self.gather(frame.graph, instr, scope).await?],
            Act::Compute => vec![self.compute(frame.graph, instr, scope, taken).await?],
            Act::Transfer { from } => self.transfer(&frame, instr, *from, scope, taken).await?.into_iter().collect(),
            Act::Deliver => {
                self.deliver(frame.graph, instr, scope, taken).await?;
                Vec::new()
            }
            Act::Loop(part) => self.repeat(&frame, (instr, step.index), part, (scope, place), taken).await?,
            Act::Call { function } => self.call(frame.graph, instr, *function, (scope, place), taken).await?,
        };
        let pasts: Vec<_> = given.iter().filter_map(|(_, held)| held.value.past().cloned()).collect();
        for (id, value) in given {
            slots.put(id, value);
        }
        // Others go on with the results meanwhile; what is revealed waits for itself.
        for past in pasts {
            past.verified().await.map_err(|e| self.error(instr, e))?;
        }
        if !matches!(step.act, Act::Loop(_) | Act::Call { .. }) {
            self.progress.step_done(instr);
        }
        Ok(())
    }

    /// Waits until what values depend on is verified, before they are kept.
    async fn verified(&self, instr: &Instr, values: &Values) -> Result<()> {
        for past in values.iter().filter_map(|(_, held)| held.value.past()) {
            past.verified().await.map_err(|e| self.error(instr, e))?;
        }
        Ok(())
    }

    fn input(&self, graph: &Graph, instr: &Instr) -> Result<(ValueId, Arc<Held>)> {
        let id = instr.results[0];
        let name = instr.attrs.str("name").unwrap_or_default();
        let plain = self.inputs.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        let c = self.plan.computation();
        let player = || c.player(self.plan.player).name.clone();
        let Some(plain) = plain else {
            return Err(SessionError::InputMissing { player: player(), input: name.to_owned() });
        };
        bind::check_input(c, id, name, plain.shape(), &self.plan.dims)?;
        if let Some(range) = self.plan.budget().input(name) {
            let held = bind::check_range(name, &player(), &plain, range);
            let inside = c.placement(instr.placement).scheme == ir::Scheme::Enclave;
            held.map_err(|e| if inside { e.inside() } else { e })?;
        }
        let wanted = graph.value(id).ty.dtype;
        // Data files hold floats; what is declared as fixed point is encoded here, at its owner.
        let plain = schemes::plain::cast_owned(plain, wanted).map_err(|e| self.error(instr, e))?;
        Ok((id, Arc::new(Held { value: Value::Plain(plain), depth: 0 })))
    }

    async fn compute(&self, graph: &Graph, instr: &Instr, scope: Scope, taken: Values) -> Result<(ValueId, Arc<Held>)> {
        let id = instr.results[0];
        let ty = &graph.value(id).ty;
        let shape = bind::concrete(ty, &self.plan.dims)?;
        let party = self.party(&self.players(instr.placement), scope, &taken);
        let scheme = self.plan.computation().placement(instr.placement).scheme;
        // One value may be several operands: `x * x` takes it twice, and the plan lists it twice.
        let mut operands = Operands::new(taken.into_iter().map(|(_, held)| held));
        let operand = instr.args.last().map_or(ty.dtype, |a| graph.value(*a).ty.dtype);
        let env = schemes::Env { dtype: ty.dtype, operand, shape: &shape, dims: &self.plan.dims };
        if instr.op == Op::Module {
            let value = self.module(&party, instr, &operands.values(), &env).await?;
            return Ok((id, Arc::new(Held { value, depth: party.depth() })));
        }
        let value = schemes::apply(&party, scheme, instr.op, &instr.attrs, operands.values(), &env).await;
        let value = value.map_err(|e| self.error(instr, e))?;
        Ok((id, Arc::new(Held { value, depth: party.depth() })))
    }

    /// A sum over a group is there already; a mean is divided.
    async fn gather(&self, graph: &Graph, instr: &Instr, scope: Scope) -> Result<(ValueId, Arc<Held>)> {
        let id = instr.results[0];
        let ty = &graph.value(id).ty;
        let shape = bind::concrete(ty, &self.plan.dims)?;
        let group = self.plan.computation().summed_group(instr);
        let round =
            group.and_then(|group| Some((group, Round::of(self.keeper.ratified.agreement(), group).transpose()?)));
        let Some((group, round)) = round else { return Err(internal("a sum over no group")) };
        let round = round?;
        let (whole, depth) = match round.check()? {
            None => self.keeper.kept(self.stage, scope, (instr.placement, group)).await?,
            Some(check) => {
                let checked = self.checked.sum(group, || self.check(instr, group, &round, check)).await?;
                (checked.value.clone(), checked.depth)
            }
        };
        let Some((value, divisor)) = round.take(&whole, id, &shape) else {
            return Err(internal("a sum over a group has another length"));
        };
        let Some(divisor) = divisor else { return Ok((id, Arc::new(Held { value, depth }))) };
        let party = self.stage.party(&self.players(instr.placement), scope.child("mean"), depth);
        let env = schemes::Env { dtype: ty.dtype, operand: ty.dtype, shape: &shape, dims: &self.plan.dims };
        let operands = vec![Cow::Owned(value), Cow::Owned(divisor)];
        let scheme = self.plan.computation().placement(instr.placement).scheme;
        let mean = Box::pin(schemes::apply(&party, scheme, Op::Div, &ir::Attrs::new(), operands, &env)).await;
        let value = mean.map_err(|e| self.error(instr, e))?;
        Ok((id, Arc::new(Held { value, depth: party.depth() })))
    }

    /// The sum over the members of a group that keep its bounds.
    async fn check(&self, instr: &Instr, group: PlayerId, round: &Round<'_>, check: Check) -> Result<Held> {
        // The same wherever it is asked for first.
        let scope = self.stage.scope().child("checked").child(u64::from(group.0));
        let place = (instr.placement, group);
        let (each, depth) = self.keeper.kept(self.stage, scope.child("origin"), place).await?;
        let party = self.stage.party(&self.players(instr.placement), scope, depth);
        let within = Box::pin(check.within(&party, &each)).await.map_err(|e| self.error(instr, e))?;
        let members: Vec<usize> = (1..).zip(&within).filter(|(_, kept)| !**kept).map(|(member, _)| member).collect();
        let (kept, (least, _)) = (within.len() - members.len(), round.size());
        if !members.is_empty() {
            let (player, group, of) = (self.progress.player.clone(), round.group().to_owned(), within.len());
            self.progress.tell(Event::LeftOut { player, group, members, of });
        }
        if kept < least as usize {
            return Err(SessionError::GroupBounds { group: round.group().to_owned(), least });
        }
        let role = party.role().ok_or_else(|| internal("contributions are checked by their holders"))?;
        let value = check.sum(role, &each, &within).map_err(|e| self.error(instr, e))?;
        Ok(Held { value, depth: party.depth() })
    }

    async fn module(
        &self,
        party: &Party,
        instr: &Instr,
        operands: &[Cow<'_, Value>],
        env: &schemes::Env<'_>,
    ) -> Result<Value> {
        let clear = operands.iter().map(|value| if let Value::Plain(plain) = &**value { Some(plain) } else { None });
        let clear: Option<Vec<_>> = clear.collect();
        let clear = clear.ok_or_else(|| internal("a module takes shares"))?;
        let player = &self.plan.computation().player(self.plan.player).name;
        self.modules.run(party, instr, player, &clear, env).await.map(Value::Plain)
    }

    async fn transfer(
        &self,
        frame: &Frame<'_>,
        instr: &Instr,
        from: PlacementId,
        scope: Scope,
        taken: Values,
    ) -> Result<Option<(ValueId, Arc<Held>)>> {
        let id = instr.results[0];
        let (source, ty) = (frame.graph.value(instr.args[0]), &frame.graph.value(id).ty);
        let value = source.name.as_ref().map_or_else(|| "a value".to_owned(), |name| format!("`{name}`"));
        let range = self.plan.budget().shared(frame.function, id);
        let shape = bind::concrete(ty, &self.plan.dims)?;
        let c = self.plan.computation();
        let (from, to) = (c.placement(from), c.placement(instr.placement));
        let route = schemes::Route {
            from: (from.scheme, &self.players_of(&from.players)),
            to: (to.scheme, &self.players_of(&to.players)),
            dtype: (source.ty.dtype, ty.dtype),
            shape: &shape,
            within: range.map(|(low, high)| schemes::Within { value: &value, low, high }),
        };
        let party = self.party(&route.players(), scope, &taken);
        let mut operands = Operands::new(taken.into_iter().map(|(_, held)| held));
        let value = operands.values().pop();
        let moved = schemes::transfer(&party, &route, value).await.map_err(|e| self.error(instr, e))?;
        Ok(moved.map(|value| (id, Arc::new(Held { value, depth: party.depth() }))))
    }

    async fn deliver(&self, graph: &Graph, instr: &Instr, scope: Scope, taken: Values) -> Result<()> {
        let c = self.plan.computation();
        let source = graph.value(instr.args[0]);
        let from = c.placement(source.placement);
        let shape = bind::concrete(&source.ty, &self.plan.dims)?;
        // Fixed point arrives as f64: that is what people compute on with.
        let dtype = if source.ty.dtype.is_fixed() { ir::DType::F64 } else { source.ty.dtype };
        let readers = instr.attrs.players("to").unwrap_or_default();
        let name = instr.attrs.str("name").unwrap_or_default();
        let value = taken.first().map(|(_, held)| &held.value);
        for reader in readers {
            if from.role(self.plan.player).is_none() && *reader != self.plan.player {
                continue;
            }
            let route = schemes::Route {
                from: (from.scheme, &self.players_of(&from.players)),
                to: (ir::Scheme::Host, &self.players_of(&[*reader])),
                dtype: (source.ty.dtype, dtype),
                shape: &shape,
                within: None,
            };
            let party = self.party(&route.players(), scope.child(u64::from(reader.0)), &taken);
            let got =
                schemes::transfer(&party, &route, value.map(Cow::Borrowed)).await.map_err(|e| self.error(instr, e))?;
            if let Some(Value::Plain(plain)) = got {
                self.outputs.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), plain);
            }
        }
        Ok(())
    }

    async fn repeat(
        &'a self,
        outer: &Frame<'a>,
        (instr, index): (&'a Instr, usize),
        part: &'a Part,
        (scope, place): (Scope, Place),
        taken: Values,
    ) -> Result<Values> {
        let (graph, function) = (outer.graph, outer.function);
        let Some(block) = &instr.region else { return Err(internal("a loop without a region")) };
        let carried = block.results.len();
        let batches = instr.args.len() - carried;
        let times = match instr.op {
            Op::Fold => bind::batches(
                &graph.value(instr.args[0]).ty,
                instr.attrs.int("by"),
                instr.attrs.bool("drop"),
                &self.plan.dims,
            )?,
            _ => instr.attrs.int("times").and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
        };
        let by = instr.attrs.int("by").unwrap_or(0);
        // The plan takes operands first, then what the region captures.
        let held = instr.args.iter().filter(|v| self.holds(graph, **v)).count();
        let (operands, captured) = taken.split_at(held);
        let mut operands = operands.iter().map(|(_, v)| Arc::clone(v));
        let mut tensors = Vec::new();
        let mut state = Vec::new();
        for (i, arg) in instr.args.iter().enumerate() {
            if self.holds(graph, *arg) {
                let Some(value) = operands.next() else { return Err(internal("an operand is missing")) };
                if i < batches {
                    tensors.push((block.params[i], value));
                } else {
                    state.push((block.params[i], self.settled(graph, instr, *arg, value)?));
                }
            }
        }
        let captured: Values = captured.to_vec();
        let mut marker = Marker::new(self.checkpoints, self.keeper, (instr, index), times, scope);
        let (entry, mut state) = match &marker {
            Some(_) => self.checkpoints.enter(self.keeper, self.plan, index, state).await?,
            None => (0, state),
        };
        for i in entry..times {
            let mut given = captured.clone();
            for (param, tensor) in &tensors {
                let rows = IndexItem::Range { start: Some(i as i64 * by), end: Some((i as i64 + 1) * by), step: 1 };
                let value = tensor.value.index(&[rows]).map_err(|e| self.error(instr, e))?;
                given.push((*param, Arc::new(Held { value, depth: tensor.depth })));
            }
            given.append(&mut state);
            let mut place = place.clone();
            place.push(i as u64);
            let frame = Frame { graph, function, block, part, scope: scope.child(i as u64), place: Arc::new(place) };
            let results = self.block(frame, given).await?;
            let next = block.params[batches..].iter().zip(&block.results);
            let next = next.filter(|(param, _)| self.holds(graph, **param));
            for ((param, id), (_, value)) in next.zip(results) {
                state.push((*param, self.settled(graph, instr, *id, value)?));
            }
            if let Some(marker) = &mut marker {
                self.verified(instr, &state).await?;
                marker.done(self.keeper, self.stage, i + 1, &state).await?;
            }
            self.progress.iteration_done(instr, i + 1, times);
            breathe().await;
            // Who only sends waits for nobody, and so would hear of nothing.
            if let Some(error) = self.stage.exchange().failed() {
                return Err(error.into());
            }
        }
        let held = instr.results.iter().filter(|v| self.holds(graph, **v));
        Ok(held.copied().zip(state.into_iter().map(|(_, v)| v)).collect())
    }

    async fn call(
        &'a self,
        graph: &'a Graph,
        instr: &'a Instr,
        function: usize,
        (scope, place): (Scope, Place),
        taken: Values,
    ) -> Result<Values> {
        let part = &self.plan.functions[function];
        let callee = &self.plan.computation().functions[function].graph;
        let params = callee.body.params.iter().filter(|v| self.holds(callee, **v));
        let given = params.copied().zip(taken.into_iter().map(|(_, v)| v)).collect();
        let (function, block, place) = (Some(function), &callee.body, Arc::new(place));
        let results = self.block(Frame { graph: callee, function, block, part, scope, place }, given).await?;
        let held = instr.results.iter().filter(|v| self.holds(graph, **v));
        Ok(held.copied().zip(results.into_iter().map(|(_, v)| v)).collect())
    }

    /// A value in the form in which it is carried from one iteration to the next, or saved: a public value at a placement
    /// of shares becomes a trivial sharing.
    fn settled(&self, graph: &Graph, instr: &Instr, id: ValueId, held: Arc<Held>) -> Result<Arc<Held>> {
        let info = graph.value(id);
        let placement = self.plan.computation().placement(info.placement);
        let Some(role) = placement.role(self.plan.player) else { return Ok(held) };
        let settled = schemes::settled(&held.value, placement.scheme, role, info.ty.dtype);
        let settled = settled.map_err(|e| self.error(instr, e))?;
        Ok(settled.map_or(Arc::clone(&held), |value| Arc::new(Held { value, depth: held.depth })))
    }

    fn players(&self, placement: PlacementId) -> Vec<net::PlayerId> {
        self.players_of(&self.plan.computation().placement(placement).players)
    }

    fn players_of(&self, players: &[ir::PlayerId]) -> Vec<net::PlayerId> {
        players.iter().map(|p| net::PlayerId(p.0)).collect()
    }

    /// This player's view of one operator instance, starting at the depth of what it takes.
    fn party(&self, players: &[net::PlayerId], scope: Scope, taken: &[(ValueId, Arc<Held>)]) -> Party {
        let depth = taken.iter().map(|(_, held)| held.depth).max().unwrap_or(0);
        self.stage.party(players, scope, depth)
    }

    fn error(&self, instr: &Instr, error: SchemeError) -> SessionError {
        match error {
            SchemeError::Net(net) => SessionError::Net(*net),
            SchemeError::Misbehaved { player, kernel, what } => {
                SessionError::Net(NetError::PeerMisbehaved { player, what: format!("in `{kernel}`, {what}") })
            }
            SchemeError::OutOfRange { player, value, range } => {
                SessionError::SharedRange { player: player.name.to_string(), value, range }
            }
            error => {
                let player = &self.plan.computation().player(self.plan.player).name;
                KernelError::at(instr, player, &error)
            }
        }
    }
}

fn internal(what: &str) -> SessionError {
    SessionError::Internal { what: what.to_owned() }
}
