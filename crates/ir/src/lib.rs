//! The language: types, the operator table, the graph, its text form and its builder.
//!
//! A program (text, Rust or Python) becomes a [`Computation`] through the [`Builder`]; its text is its
//! `Display`, and what parties sign is the [digest](Computation::digest) of that text.
//!
//! What this crate does not know: who may read what (that is `check`), and how anything runs.

mod attrs;
mod bounds;
mod builder;
mod capability;
mod diag;
mod domain;
mod federated;
mod graph;
mod infer;
mod module;
mod ops;
mod place;
mod rows;
mod shape;
pub mod text;
mod types;
mod window;

pub use attrs::{Attr, Attrs, IndexItem, Literal, Number, OwnerPolicy, show_range};
pub use bounds::{Bound, CHECKED_BITS, Limit, Limits, MOST_CHECKED};
pub use builder::{Builder, Operand};
pub use capability::{Family, Room};
pub use diag::{Diagnostic, Span};
pub use domain::{Domain, Outside, STATED, Tolerance, domain};
pub use federated::{Contributed, Contribution, Layout};
pub use graph::{Block, Computation, Function, Graph, Instr, MatchedDim, ValueId, ValueInfo};
pub use infer::{Problem, canonical_attrs, infer, too_few};
pub use module::{ModuleTable, ModuleUse};
pub use ops::{Arity, AttrKind, AttrSpec, LabelRule, OPS, Op, OpSpec, Rule};
pub use place::{GroupSize, Placement, PlacementId, Player, PlayerId, SCHEMES, Scheme, SchemeSpec};
pub use types::{DType, Dim, RingBits, Shape, Type, show_shape};
pub use window::{WindowAttrs, window};
