//! The syntax tree: what was written, and where, before names are looked up.

use crate::attrs::{Attrs, Literal};
use crate::diag::Span;
use crate::ops::Op;
use crate::place::GroupSize;
use crate::types::{DType, Type};

/// A word in the source.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) span: Span,
}

/// The whole program.
pub(super) struct Program {
    pub(super) name: Word,
    pub(super) body: Vec<Statement>,
}

/// One statement, with its block if it has one.
pub(super) struct Statement {
    pub(super) span: Span,
    pub(super) kind: StatementKind,
}

/// What a statement says.
pub(super) enum StatementKind {
    Players(Vec<Word>),
    Group {
        name: Word,
        size: GroupSize,
    },
    Placement {
        name: Word,
        scheme: Word,
        players: Vec<Word>,
        option: Option<Word>,
    },
    Dim {
        name: Word,
        key: Word,
    },
    Input {
        name: Word,
        ty: Type,
        at: Word,
        owners: Owners,
        range: Option<(f64, f64)>,
    },
    Load {
        name: Word,
        ty: Type,
        at: Word,
        owners: Owners,
        range: Option<(f64, f64)>,
        /// The name in the stores, if another than its own.
        stored: Option<Word>,
    },
    Function {
        name: Word,
        params: Vec<Param>,
        body: Vec<Statement>,
    },
    On {
        place: Word,
        dtype: Option<DType>,
        body: Vec<Statement>,
    },
    Let {
        names: Vec<Word>,
        value: Right,
    },
    Output {
        value: Expr,
        to: Vec<Word>,
        name: Word,
    },
    Save {
        value: Expr,
        name: Word,
    },
    Next(Vec<Expr>),
    Return(Vec<Expr>),
    /// What could not be read: the words of its line, and its block.
    Failed {
        words: Vec<String>,
        body: Vec<Statement>,
    },
}

/// A parameter of a function.
pub(super) struct Param {
    pub(super) name: Word,
    pub(super) ty: Type,
    pub(super) at: Word,
}

/// Whose a value is.
pub(super) enum Owners {
    /// Nothing is said: the player's that it is at.
    Unsaid,
    /// Everybody's.
    Public,
    /// Owners, each with the readers that it allows besides itself.
    Owned(Vec<(Word, Vec<Word>)>),
}

/// What stands on the right of `=`, or alone.
pub(super) enum Right {
    Expr(Expr),
    Move {
        value: Expr,
        to: Word,
        dtype: Option<DType>,
    },
    Classify {
        value: Expr,
        owners: Vec<(Word, Vec<Word>)>,
    },
    Release {
        value: Expr,
        to: Vec<Word>,
        name: Option<Word>,
    },
    Call {
        function: Word,
        args: Vec<Expr>,
    },
    Repeat {
        times: i64,
        every: Option<i64>,
        with: Vec<(Word, Expr)>,
        body: Vec<Statement>,
    },
    Fold {
        batches: Vec<Word>,
        of: Vec<Expr>,
        by: i64,
        drop: bool,
        every: Option<i64>,
        with: Vec<(Word, Expr)>,
        body: Vec<Statement>,
    },
}

/// An expression.
pub(super) struct Expr {
    /// The name, operator sign or number that an error points at.
    pub(super) span: Span,
    pub(super) kind: ExprKind,
    /// Levels of the tree, bounded so that no walk over it can exhaust the stack.
    pub(super) depth: u32,
}

/// What an expression is.
pub(super) enum ExprKind {
    Name(String),
    Literal(Literal),
    Apply {
        op: Op,
        args: Vec<Expr>,
        attrs: Attrs,
    },
    /// Applied like an operator, but there is none of this name.
    Unknown {
        name: String,
        args: Vec<Expr>,
    },
}
