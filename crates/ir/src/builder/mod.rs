//! The builder: the one way to make a [`Computation`], used by the text parser, Rust and Python.
//!
//! It types every operator as it is added, moves operands to where an operator runs, and gives
//! literals the element type of what they meet. So a computation is well typed by construction; `check`
//! verifies that again on what a worker receives.

mod control;
mod declare;
mod limits;
mod operands;

use std::collections::{HashMap, HashSet};

use crate::attrs::{Attr, Attrs, Literal, OwnerPolicy};
use crate::diag::{Diagnostic, Span};
use crate::graph::{Block, Computation, Function, Graph, Instr, ValueId, ValueInfo};
use crate::infer::{Problem, canonical_attrs, infer};
use crate::ops::Op;
use crate::place::{PlacementId, PlayerId};
use crate::types::{DType, Type};

pub(crate) use declare::{RESERVED, is_identifier};
pub use operands::Operand;
pub(crate) use operands::shown;

/// Result of a builder's step.
pub(crate) type Built<T> = Result<T, Diagnostic>;

/// Builds a computation step by step.
///
/// Every step names its place in the source, so that errors can point at it.
pub struct Builder {
    computation: Computation,
    /// The main program, and above it the function under construction, if any.
    frames: Vec<Frame>,
    /// Where operators run: the `on` blocks that are open.
    context: Vec<Context>,
    /// Names of players and placements.
    places: HashSet<String>,
    /// Names of values in functions that are closed.
    closed_names: HashSet<String>,
    /// Names of outputs.
    outputs: HashSet<String>,
    /// Names that something is saved under.
    saves: HashSet<String>,
    /// A loop or function was given up, so that nothing whole can come of this.
    abandoned: bool,
}

/// Where operators run, and what floats become when they are moved there.
#[derive(Clone, Copy)]
struct Context {
    placement: PlacementId,
    dtype: Option<DType>,
}

/// A graph under construction.
struct Frame {
    name: String,
    graph: Graph,
    /// The open blocks, outermost first.
    open: Vec<OpenBlock>,
    /// The block (by serial) that each value was defined in.
    home: Vec<u32>,
    serial: u32,
    names: HashMap<String, ValueId>,
    /// The dimensions that occur in its values.
    dims: HashSet<String>,
}

/// A block under construction.
struct OpenBlock {
    serial: u32,
    block: Block,
    /// Implicit moves made so far: what was moved, where to, as what.
    moved: HashMap<(ValueId, PlacementId, DType), ValueId>,
    control: Option<control::Pending>,
}

impl Frame {
    fn new(name: &str) -> Frame {
        let open = OpenBlock { serial: 0, block: Block::default(), moved: HashMap::new(), control: None };
        let graph = Graph::default();
        Frame {
            name: name.to_owned(),
            graph,
            open: vec![open],
            home: Vec::new(),
            serial: 0,
            names: HashMap::new(),
            dims: HashSet::new(),
        }
    }

    fn define(&mut self, ty: Type, placement: PlacementId) -> ValueId {
        let id = ValueId(self.graph.values.len() as u32);
        for name in ty.shape.iter().flat_map(|d| d.names()) {
            if !self.dims.contains(name) {
                self.dims.insert(name.to_owned());
            }
        }
        self.graph.values.push(ValueInfo { name: None, ty, placement });
        self.home.push(self.open.last().expect("a frame has a block").serial);
        id
    }

    fn block(&mut self) -> &mut OpenBlock {
        self.open.last_mut().expect("a frame has a block")
    }
}

impl Builder {
    /// Starts a computation.
    ///
    /// # Errors
    /// If the name is not an identifier.
    pub fn new(name: &str, span: Span) -> Built<Builder> {
        declare::identifier(name, &span)?;
        let computation = Computation { name: name.to_owned(), ..Computation::default() };
        Ok(Builder {
            computation,
            frames: vec![Frame::new("")],
            context: Vec::new(),
            places: HashSet::new(),
            closed_names: HashSet::new(),
            outputs: HashSet::new(),
            saves: HashSet::new(),
            abandoned: false,
        })
    }

    /// The computation so far: its players and placements.
    pub fn declared(&self) -> &Computation {
        &self.computation
    }

    /// A value of the graph under construction.
    pub fn value(&self, id: ValueId) -> &ValueInfo {
        self.frame().graph.value(id)
    }

    fn frame(&self) -> &Frame {
        self.frames.last().expect("there is a main program")
    }

    fn frame_mut(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("there is a main program")
    }

    /// Opens an `on` block: operators run at `placement`, and floats that are moved there become `dtype`.
    ///
    /// # Errors
    /// If `dtype` is not a type that the placement can hold.
    pub fn on(&mut self, placement: PlacementId, dtype: Option<DType>, span: &Span) -> Built<()> {
        let place = self.computation.placement(placement);
        if let Some(d) = dtype
            && !place.scheme.is_plaintext()
            && (d.is_float() || d == DType::Bytes)
        {
            return Err(Diagnostic::new("type.placement", span.clone(), format!("{} cannot hold {d}", place.name))
                .help("name a fixed-point type, as `fixed<64, 16>`"));
        }
        self.context.push(Context { placement, dtype });
        Ok(())
    }

    /// Closes the innermost `on` block.
    pub fn end_on(&mut self) {
        self.context.pop();
    }

    /// Adds an operator. It runs at the innermost `on` block or, outside of one, where its operands are.
    ///
    /// # Errors
    /// Whatever does not fit: types, shapes, attributes, placement.
    pub fn op(&mut self, op: Op, operands: &[Operand], attrs: Attrs, span: &Span) -> Built<ValueId> {
        if op.is_statement() {
            let text = format!("`{}` is not a function; it has a step of its own", op.name());
            return Err(Diagnostic::new("misuse", span.clone(), text));
        }
        if op.is_federated() {
            return self.federated(op, operands, attrs, span);
        }
        let placement = self.place_for(op, operands, span)?;
        let args = self.bring(op, operands, placement, span)?;
        self.push(op, args, attrs, placement, span)
    }

    /// Types an operator on operands that are in place, and appends it.
    fn push(
        &mut self,
        op: Op,
        args: Vec<ValueId>,
        attrs: Attrs,
        placement: PlacementId,
        span: &Span,
    ) -> Built<ValueId> {
        let types: Vec<&Type> = args.iter().map(|a| &self.value(*a).ty).collect();
        let at = |p: Problem| Diagnostic { help: p.help, ..Diagnostic::new(p.code, span.clone(), p.message) };
        let attrs = canonical_attrs(op, &types, &attrs).map_err(at)?;
        let ty = infer(op, &types, &attrs).map_err(at)?;
        limits::shape(&ty.shape, span)?;
        self.check_size(span)?;
        self.check_held(&ty, placement, span)?;
        self.check_dims(&attrs, span)?;
        if let (Some(literal), Some(dtype)) = (attrs.literal("value"), attrs.dtype("type")) {
            operands::check_literal(literal, dtype, span)?;
        }
        Ok(self.append(op, args, attrs, placement, vec![ty], None, span)[0])
    }

    #[allow(clippy::too_many_arguments, reason = "these are the fields of an instruction")]
    fn append(
        &mut self,
        op: Op,
        args: Vec<ValueId>,
        attrs: Attrs,
        placement: PlacementId,
        results: Vec<Type>,
        region: Option<Block>,
        span: &Span,
    ) -> Vec<ValueId> {
        let frame = self.frame_mut();
        let results: Vec<ValueId> = results.into_iter().map(|ty| frame.define(ty, placement)).collect();
        let instr = Instr { op, args, attrs, placement, results: results.clone(), region, span: span.clone() };
        frame.block().block.instrs.push(instr);
        results
    }

    /// Gives a value a name.
    ///
    /// # Errors
    /// If it is no identifier, or taken.
    pub fn name(&mut self, value: ValueId, name: &str, span: &Span) -> Built<()> {
        if self.frame().names.get(name) != Some(&value) {
            self.check_name(name, span)?;
        }
        let frame = self.frame_mut();
        frame.names.insert(name.to_owned(), value);
        frame.graph.values[value.index()].name = Some(name.to_owned());
        Ok(())
    }

    /// Refuses a name that is no identifier, or taken.
    pub(crate) fn check_name(&self, name: &str, span: &Span) -> Built<()> {
        declare::identifier(name, span)?;
        if self.places.contains(name) {
            return Err(Diagnostic::new(
                "name.taken",
                span.clone(),
                format!("`{name}` is the name of a player or placement"),
            ));
        }
        if self.frame().names.contains_key(name) {
            return Err(Diagnostic::new("name.taken", span.clone(), format!("`{name}` is already defined"))
                .help("each name is given once; choose another"));
        }
        Ok(())
    }

    /// Whether a name is free for a value of the graph under construction.
    pub fn is_free(&self, name: &str) -> bool {
        !self.frame().names.contains_key(name) && !self.places.contains(name)
    }

    /// Moves a value to a placement, as another element type if one is named.
    ///
    /// # Errors
    /// If the placement cannot hold it.
    pub fn move_to(&mut self, x: ValueId, to: PlacementId, dtype: Option<DType>, span: &Span) -> Built<ValueId> {
        self.visible(x, span)?;
        let dtype = dtype.unwrap_or(self.value(x).ty.dtype);
        self.push(Op::Move, vec![x], Attrs::new().with("type", Attr::DType(dtype)), to, span)
    }

    /// The same value under a narrower label.
    ///
    /// # Errors
    /// If an owner or reader is unknown.
    pub fn classify(&mut self, x: ValueId, label: Vec<OwnerPolicy>, span: &Span) -> Built<ValueId> {
        let (x, placement) = self.here(x, span)?;
        if label.is_empty() {
            return Err(Diagnostic::new("label.empty", span.clone(), "`classify` needs an owner"));
        }
        self.push(
            Op::Classify,
            vec![x],
            Attrs::new().with("label", Attr::Label(declare::merge(label))),
            placement,
            span,
        )
    }

    /// The same value, which `to` may now read.
    ///
    /// # Errors
    /// If no reader is named.
    pub fn release(&mut self, x: ValueId, to: &[PlayerId], span: &Span) -> Built<ValueId> {
        let (x, placement) = self.here(x, span)?;
        let to = self.readers("release", to, span)?;
        self.push(Op::Release, vec![x], Attrs::new().with("to", to), placement, span)
    }

    /// Delivers a value to readers under a name.
    ///
    /// # Errors
    /// If the name is taken, or the step is inside a region or function.
    pub fn output(&mut self, x: ValueId, to: &[PlayerId], name: &str, span: &Span) -> Built<()> {
        let (x, placement) = self.here(x, span)?;
        let to = self.readers("output", to, span)?;
        if self.frames.len() > 1 || self.frame().open.len() > 1 {
            return Err(Diagnostic::new(
                "output.nested",
                span.clone(),
                "outputs stand in the main program, outside of loops and functions",
            ));
        }
        declare::text_name("an output", name, span)?;
        if !self.outputs.insert(name.to_owned()) {
            return Err(Diagnostic::new("name.taken", span.clone(), format!("there is an output \"{name}\" already")));
        }
        let attrs = Attrs::new().with("to", to).with("name", Attr::Str(name.to_owned()));
        self.append(Op::Output, vec![x], attrs, placement, Vec::new(), None, span);
        Ok(())
    }

    /// Releases a value and delivers it: `release x to a as "name"`.
    ///
    /// # Errors
    /// As [`release`](Self::release) and [`output`](Self::output).
    pub fn release_as(&mut self, x: ValueId, to: &[PlayerId], name: &str, span: &Span) -> Built<ValueId> {
        let released = self.release(x, to, span)?;
        self.output(released, to, name, span)?;
        Ok(released)
    }

    fn readers(&self, op: &str, to: &[PlayerId], span: &Span) -> Built<Attr> {
        let mut to = to.to_vec();
        to.sort_unstable();
        to.dedup();
        if to.is_empty() {
            return Err(Diagnostic::new("release.to", span.clone(), format!("`{op}` must say to whom")));
        }
        Ok(Attr::Players(to))
    }

    /// The value at the current placement: where it is, or moved to the innermost `on` block.
    fn here(&mut self, x: ValueId, span: &Span) -> Built<(ValueId, PlacementId)> {
        self.visible(x, span)?;
        let placement = self.context.last().map_or(self.value(x).placement, |c| c.placement);
        Ok((self.bring_one(x, placement, span)?, placement))
    }

    /// The finished computation.
    ///
    /// # Errors
    /// If a block is still open, or one was given up after an error, or the text would be too long to read.
    pub fn finish(mut self) -> Built<Computation> {
        let frame = self.frames.pop().expect("there is a main program");
        if !self.frames.is_empty() || frame.open.len() != 1 {
            return Err(Diagnostic::new("misuse", Span::default(), "a function or loop is not closed"));
        }
        if self.abandoned {
            let message = "a function or loop was given up after an error, so the program is not whole";
            return Err(Diagnostic::new("misuse", Span::default(), message));
        }
        self.computation.graph = close(frame);
        crate::text::name_values(&mut self.computation);
        // What people sign must read back.
        let length = self.computation.to_string().len();
        if length > crate::text::MAX_SOURCE {
            let message = format!("the program's text has {length} bytes, more than {}", crate::text::MAX_SOURCE);
            return Err(Diagnostic::new("limit.source", Span::default(), message)
                .help("large constants belong into inputs, and repeated steps into loops or functions"));
        }
        Ok(self.computation)
    }
}

/// The graph of a frame whose blocks are all closed but the outermost.
fn close(mut frame: Frame) -> Graph {
    let mut graph = frame.graph;
    graph.body = frame.open.pop().expect("a frame has a block").block;
    graph
}

/// The type and place of a parameter or result.
type Slot = (Type, PlacementId);

/// What a function's caller needs to know of it: parameters and results.
fn signature(function: &Function) -> (Vec<Slot>, Vec<Slot>) {
    let of = |ids: &[ValueId]| {
        ids.iter().map(|v| (function.graph.value(*v).ty.clone(), function.graph.value(*v).placement)).collect()
    };
    (of(&function.graph.body.params), of(&function.graph.body.results))
}

impl Builder {
    /// Dimensions that an attribute names must belong to some input, or nothing binds them.
    fn check_dims(&self, attrs: &Attrs, span: &Span) -> Built<()> {
        let named: Vec<&str> = match (attrs.shape("shape"), attrs.str("dim")) {
            (Some(shape), _) => shape.iter().flat_map(|d| d.names()).collect(),
            (None, Some(dim)) => vec![dim],
            (None, None) => return Ok(()),
        };
        match named.iter().find(|n| !self.frames.iter().any(|f| f.dims.contains(**n))) {
            None => Ok(()),
            Some(name) => {
                Err(Diagnostic::new("dim.unknown", span.clone(), format!("no input has a dimension `{name}`")))
            }
        }
    }
}

/// A literal as an operand.
impl From<Literal> for Operand {
    fn from(literal: Literal) -> Operand {
        Operand::Literal(literal)
    }
}
