//! The graph: a computation as typed values in single static assignment, with structured regions.

use std::collections::{BTreeMap, BTreeSet};

use crate::attrs::Attrs;
use crate::diag::Span;
use crate::module::ModuleUse;
use crate::ops::Op;
use crate::place::{Placement, PlacementId, Player, PlayerId, Scheme};
use crate::types::Type;

/// Index of a value in [`Graph::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

impl ValueId {
    /// As an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A value: what is known of it before anything runs.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueInfo {
    /// Its name; a value without one is printed in place, where it is used.
    pub name: Option<String>,
    /// Its type.
    pub ty: Type,
    /// Where it is.
    pub placement: PlacementId,
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Instr {
    /// What is done.
    pub op: Op,
    /// The operands. For `repeat` the initial values; for `fold` the tensors, then the initial values.
    pub args: Vec<ValueId>,
    /// What else it is told.
    pub attrs: Attrs,
    /// Where it is done. For control flow it has no meaning and is that of the first result.
    pub placement: PlacementId,
    /// The values it makes: one, none (`output`), or those that control flow yields.
    pub results: Vec<ValueId>,
    /// The region of `repeat` and `fold`.
    pub region: Option<Block>,
    /// Where it is in the program.
    pub span: Span,
}

/// A sequence of instructions with parameters and results. It may use values of enclosing blocks.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Block {
    /// Values that it is given: batches (`fold`), then carried values.
    pub params: Vec<ValueId>,
    /// What it does, in order of definition.
    pub instrs: Vec<Instr>,
    /// The carried values of the next iteration, or the results of a function.
    pub results: Vec<ValueId>,
}

/// The values and instructions of the main program or of a function.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Graph {
    /// All values, of nested blocks too.
    pub values: Vec<ValueInfo>,
    /// The outermost block.
    pub body: Block,
}

impl Graph {
    /// A value.
    pub fn value(&self, id: ValueId) -> &ValueInfo {
        &self.values[id.index()]
    }

    /// Visits every instruction, those of regions after the one that holds them.
    pub fn visit<'a>(&'a self, f: &mut impl FnMut(&'a Instr)) {
        fn block<'a>(b: &'a Block, f: &mut impl FnMut(&'a Instr)) {
            for instr in &b.instrs {
                f(instr);
                if let Some(region) = &instr.region {
                    block(region, f);
                }
            }
        }
        block(&self.body, f);
    }
}

/// A function of the program. Its parameters are the parameters of its body.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What it does.
    pub graph: Graph,
}

/// A dimension whose rows are matched by a key column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedDim {
    /// The dimension.
    pub name: String,
    /// The key column that its owners compare before anything is computed.
    pub key: String,
}

/// A whole program: who takes part, where, and what is computed.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Computation {
    /// Its name.
    pub name: String,
    /// The players and groups.
    pub players: Vec<Player>,
    /// The placements. Those of the players themselves (`host`, `each`) come first, in the same order.
    pub placements: Vec<Placement>,
    /// Dimensions whose rows are matched by a key.
    pub matched: Vec<MatchedDim>,
    /// The functions; each calls only earlier ones.
    pub functions: Vec<Function>,
    /// The main program.
    pub graph: Graph,
}

impl Computation {
    /// A player.
    pub fn player(&self, id: PlayerId) -> &Player {
        &self.players[id.index()]
    }

    /// A placement.
    pub fn placement(&self, id: PlacementId) -> &Placement {
        &self.placements[id.index()]
    }

    /// The player of a name.
    pub fn player_named(&self, name: &str) -> Option<PlayerId> {
        self.players.iter().position(|p| p.name == name).map(|i| PlayerId(i as u16))
    }

    /// The placement of a name; a player's name is the placement of the player itself.
    pub fn placement_named(&self, name: &str) -> Option<PlacementId> {
        self.placements.iter().position(|p| p.name == name).map(|i| PlacementId(i as u16))
    }

    /// The placement of a player itself: `host`, or `each` for a group.
    pub fn host(&self, player: PlayerId) -> PlacementId {
        PlacementId(player.0)
    }

    /// The function of a name.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|f| f.name == name)
    }

    /// The names of players.
    pub fn names<'a>(&'a self, players: &'a [PlayerId]) -> Vec<&'a str> {
        players.iter().map(|p| self.player(*p).name.as_str()).collect()
    }

    /// The named dimensions, each with the first input or loaded value that has an axis of just that length.
    pub fn dims(&self) -> BTreeMap<String, Option<ValueId>> {
        let sources: BTreeSet<ValueId> = self.sources().map(|(_, v)| v).collect();
        let mut dims: BTreeMap<String, Option<ValueId>> = BTreeMap::new();
        for (i, value) in self.graph.values.iter().enumerate() {
            let id = ValueId(i as u32);
            for dim in &value.ty.shape {
                for name in dim.names() {
                    let first = dims.entry(name.to_owned()).or_insert(None);
                    if first.is_none() && dim.as_name().is_some() && sources.contains(&id) {
                        *first = Some(id);
                    }
                }
            }
        }
        dims
    }

    /// The inputs: instruction and value.
    pub fn inputs(&self) -> impl Iterator<Item = (&Instr, ValueId)> {
        self.graph.body.instrs.iter().filter(|i| i.op == Op::Input).map(|i| (i, i.results[0]))
    }

    /// Who brings an input to the worker that has it: the player that it is placed at, or the owner of one inside an enclave.
    pub fn brings(&self, input: &Instr) -> Option<PlayerId> {
        let place = self.placement(input.placement);
        match place.scheme {
            Scheme::Enclave => input.attrs.label("label")?.first().map(|policy| policy.owner),
            _ => place.players.first().copied(),
        }
    }

    /// The players that have an input with an axis of just this named length: along a matched dimension, those who compare
    /// their rows.
    pub fn players_along(&self, dim: &str) -> BTreeSet<PlayerId> {
        let along = |v: ValueId| self.graph.value(v).ty.shape.iter().any(|d| d.as_name() == Some(dim));
        self.inputs().filter(|(_, v)| along(*v)).map(|(i, _)| self.placement(i.placement).players[0]).collect()
    }

    /// The values that it loads: instruction and value. The attribute `name` is the name in the stores.
    pub fn loads(&self) -> impl Iterator<Item = (&Instr, ValueId)> {
        self.sources().filter(|(i, _)| i.op == Op::Load)
    }

    /// Inputs and loaded values, in order: all that comes from outside.
    pub fn sources(&self) -> impl Iterator<Item = (&Instr, ValueId)> {
        self.graph.body.instrs.iter().filter(|i| matches!(i.op, Op::Input | Op::Load)).map(|i| (i, i.results[0]))
    }

    /// The modules that it runs, each with what is said of it; what is said wrongly is left out.
    pub fn modules(&self) -> impl Iterator<Item = (&Instr, ModuleUse)> {
        let modules = self.graph.body.instrs.iter().filter(|i| i.op == Op::Module);
        modules.filter_map(|i| Some((i, ModuleUse::of(&i.attrs).ok()?)))
    }

    /// What it saves: instructions whose attribute `name` says under which name.
    pub fn saves(&self) -> impl Iterator<Item = &Instr> {
        self.graph.body.instrs.iter().filter(|i| i.op == Op::Save)
    }

    /// The outputs: instructions whose attributes `to` and `name` say who receives what.
    pub fn outputs(&self) -> impl Iterator<Item = &Instr> {
        self.graph.body.instrs.iter().filter(|i| i.op == Op::Output)
    }
}
