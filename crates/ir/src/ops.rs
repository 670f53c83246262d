//! The operator table: every operator's name, operands, attributes, rules and documentation, once.
//!
//! Text syntax, builder, Python functions, checker and the book's reference are made from it. To add
//! an operator, see "How to add an operator" in CONTRIBUTING.md.

/// What an attribute holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttrKind {
    /// A whole number.
    Int,
    /// A whole number or a list of them.
    Ints,
    /// `true` or `false`.
    Bool,
    /// A real number.
    Real,
    /// A string.
    Str,
    /// An element type.
    DType,
    /// A shape, as `[n, 3]`.
    Shape,
    /// An index expression, as `[0, 1:3]`.
    Index,
    /// A list of players.
    Players,
    /// Owners and their readers.
    Label,
    /// A public constant.
    Literal,
}

/// One attribute of an operator.
#[derive(Debug)]
pub struct AttrSpec {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: AttrKind,
    /// Whether it must be given.
    pub required: bool,
    /// What it means.
    pub doc: &'static str,
}

/// How many operands an operator takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// Exactly so many.
    Exactly(usize),
    /// At least so many.
    AtLeast(usize),
}

/// The rule for the type of the result. The rules themselves are in [`infer`](crate::infer()).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Given by the declaration or an attribute, not by the operands.
    Declared,
    /// The operand's type.
    Same,
    /// The operand's shape, with the type named by an attribute.
    Cast,
    /// One numeric operand, elementwise.
    Unary,
    /// One real (float or fixed) operand, elementwise.
    UnaryReal,
    /// Two numeric operands of one type, broadcast.
    Binary,
    /// Two real operands of one type, broadcast.
    BinaryReal,
    /// Two operands of one type, broadcast, giving `bool`.
    Compare,
    /// Two operands of one ordered type, broadcast, giving `bool`.
    Order,
    /// `bool` operands, broadcast.
    Logic,
    /// A `bool` and two operands of one type, broadcast.
    Select,
    /// A reduction over axes of a numeric operand.
    Reduce,
    /// A reduction over axes of a real operand.
    ReduceReal,
    /// A reduction over axes of a `bool` operand.
    ReduceBool,
    /// The position of an extreme along one axis.
    ArgReduce,
    /// Matrix product as in numpy.
    MatMul,
    /// Sum of products of two vectors.
    Dot,
    /// A real operand, changed along axes, in its own shape.
    Along,
    /// Real operands of one type that are broadcast to the first one's shape.
    Broadcast,
    /// Rows that are ordered, picked or gathered; each has its own rule.
    Rows,
    /// A convolution of numbers.
    Convolve,
    /// A reduction over windows of numbers.
    Pool,
    /// A reduction over windows of real numbers.
    PoolReal,
    /// A change of shape only; each has its own rule.
    Structural,
    /// Columns of tables that a module takes, and those that it gives.
    Module,
    /// What each member of a group holds, and a weight, to fixed point of 64 bits.
    Federated,
    /// Control flow; the builder types its regions.
    Control,
}

/// How labels pass through an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelRule {
    /// The join of the operands' labels.
    Join,
    /// Public: no owner.
    Public,
    /// As declared.
    Declared,
    /// Narrowed by the attribute `label`.
    Narrow,
    /// Widened to the attribute `to`; the owners must ratify.
    Widen,
    /// By interpreting a region.
    Region,
}

/// One operator.
#[derive(Debug)]
pub struct OpSpec {
    /// The operator.
    pub op: Op,
    /// Its name in text and in Python.
    pub name: &'static str,
    /// Number of operands.
    pub arity: Arity,
    /// Its operands' names, for documentation and Python signatures.
    pub operands: &'static [&'static str],
    /// Its attributes, in order.
    pub attrs: &'static [AttrSpec],
    /// Rule for the result's type.
    pub rule: Rule,
    /// Rule for the result's label.
    pub label: LabelRule,
    /// What it does; the first sentence stands alone.
    pub doc: &'static str,
}

const fn attr(name: &'static str, kind: AttrKind, required: bool, doc: &'static str) -> AttrSpec {
    AttrSpec { name, kind, required, doc }
}

const AXIS: AttrSpec = attr("axis", AttrKind::Ints, false, "the axis or axes to reduce; all if absent");
const KEEPDIMS: AttrSpec = attr("keepdims", AttrKind::Bool, false, "keep reduced axes with length 1");
const ONE_AXIS: AttrSpec = attr("axis", AttrKind::Int, false, "the axis; 0 if absent");
const LAST_AXIS: AttrSpec = attr("axis", AttrKind::Int, false, "the axis; the last if absent");
const NEW_AXIS: AttrSpec = attr("axis", AttrKind::Int, true, "the position of the axis");
const DDOF: AttrSpec = attr("ddof", AttrKind::Int, false, "what is taken off the count in the divisor; 0 if absent");
const FAST: AttrSpec = attr(
    "fast",
    AttrKind::Bool,
    false,
    "the fast form, with the larger error that is stated for it; precise if absent",
);
const EPSILON: AttrSpec =
    attr("epsilon", AttrKind::Real, false, "what is added to the variance, at least 0; 0.00001 if absent");
const DESCENDING: AttrSpec = attr("descending", AttrKind::Bool, false, "the greatest first");
const GROUPS: AttrSpec =
    attr("groups", AttrKind::Int, true, "how many groups there are: keys are 0, 1, … less than that");
const TYPE: AttrSpec = attr("type", AttrKind::DType, true, "the element type");
const FEDERATED: AttrSpec = attr(
    "type",
    AttrKind::DType,
    false,
    "`fixed<64, f>`, what each member's numbers become; that of x, or of the `on` block, if absent",
);
const BOUND_LOW: AttrSpec = attr(
    "low",
    AttrKind::Real,
    false,
    "with `high`: the least number of a member, which is checked; nothing is if absent",
);
const BOUND_HIGH: AttrSpec = attr("high", AttrKind::Real, false, "with `low`: the greatest number of a member");
const BOUND_LIGHTEST: AttrSpec = attr(
    "lightest",
    AttrKind::Real,
    false,
    "with `low`, `high` and a weight: the least weight of a member, which is checked, too",
);
const BOUND_HEAVIEST: AttrSpec = attr("heaviest", AttrKind::Real, false, "with `lightest`: the greatest weight");
const BOUND_NORM: AttrSpec = attr(
    "norm",
    AttrKind::Real,
    false,
    "instead of `low` and `high`: the greatest Euclidean norm of a member's whole value, which is checked",
);
const SHAPE: AttrSpec = attr("shape", AttrKind::Shape, true, "the new shape");
const TO: AttrSpec = attr("to", AttrKind::Players, true, "the players");
const CHECKPOINT: AttrSpec =
    attr("checkpoint", AttrKind::Int, false, "iterations between two checkpoints; no checkpoints if absent");
const STRIDE: AttrSpec =
    attr("stride", AttrKind::Ints, false, "distance between positions, for both axes or one for each; 1 if absent");
const PADDING: AttrSpec =
    attr("padding", AttrKind::Ints, false, "zeros added on both sides, for both axes or one for each; 0 if absent");
const CHANNEL_GROUPS: AttrSpec =
    attr("groups", AttrKind::Int, false, "groups of channels, each for itself; 1 if absent");
const SIZE: AttrSpec = attr("size", AttrKind::Ints, true, "rows and columns of the window; one number if equal");
const STEP: AttrSpec = attr(
    "stride",
    AttrKind::Ints,
    false,
    "distance between positions, for both axes or one for each; the size if absent",
);
const LOW: AttrSpec = attr("low", AttrKind::Real, true, "the least value");
const HIGH: AttrSpec = attr("high", AttrKind::Real, true, "the greatest value");
const NAME: AttrSpec = attr("name", AttrKind::Str, true, "the name");

macro_rules! operators {
    ($($op:ident $name:literal ($($operand:ident)* $(; $many:literal)?) [$($attr:expr),*] $rule:ident $label:ident $doc:literal;)*) => {
        /// An operator.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Op { $(#[doc = $doc] $op,)* }

        /// All operators, in the order of the reference.
        pub const OPS: &[OpSpec] = &[$(OpSpec {
            op: Op::$op,
            name: $name,
            arity: operators!(@arity [$($operand)*] $($many)?),
            operands: &[$(stringify!($operand)),*],
            attrs: &[$($attr),*],
            rule: Rule::$rule,
            label: LabelRule::$label,
            doc: $doc,
        },)*];
    };
    (@arity [$($operand:ident)*]) => { { const OPERANDS: &[&str] = &[$(stringify!($operand)),*]; Arity::Exactly(OPERANDS.len()) } };
    (@arity [$($operand:ident)*] $many:literal) => { Arity::AtLeast($many) };
}

operators! {
    // Where values come from and go to.
    Input "input" () [NAME, attr("label", AttrKind::Label, true, "owners and readers; no owner means public"),
        attr("low", AttrKind::Real, false, "the least value of its range"), attr("high", AttrKind::Real, false, "the greatest value of its range")] Declared Declared
        "A value that its owner's worker reads from its own data.";
    Const "const" () [attr("value", AttrKind::Literal, true, "the number or nested lists of numbers"), TYPE] Declared Public
        "A public constant, part of the program's text.";
    Fill "fill" () [attr("value", AttrKind::Literal, true, "the number"), SHAPE, TYPE] Declared Public
        "A tensor of one public number.";
    Eye "eye" () [attr("n", AttrKind::Int, true, "number of rows"), TYPE] Declared Public
        "The identity matrix.";
    Size "size" () [attr("dim", AttrKind::Str, true, "the dimension"), TYPE] Declared Public
        "The length that a named dimension is bound to, as a public number.";
    Move "move" (x) [attr("type", AttrKind::DType, false, "the element type at the destination")] Cast Join
        "The same value at another placement: shared, revealed or sent. Plaintext is encoded or decoded on the plaintext side.";
    Cast "cast" (x) [TYPE] Cast Join
        "The same numbers in another element type. In the clear, what does not fit is an error; on shares a program in which it might happen is refused.";
    Classify "classify" (x) [attr("label", AttrKind::Label, true, "owners and readers")] Same Narrow
        "The same value under a narrower label. Free.";
    Release "release" (x) [TO] Same Widen
        "The same value, which the named players may now read. Every owner concerned must ratify it.";
    Output "output" (x) [TO, NAME] Same Join
        "Delivers a value to players who may read it, under a name. Fixed point arrives as f64.";
    Load "load" () [NAME, attr("label", AttrKind::Label, true, "owners and readers; no owner means public"),
        attr("low", AttrKind::Real, false, "the least value of its range"), attr("high", AttrKind::Real, false, "the greatest value of its range")] Declared Declared
        "A value that an earlier computation saved under a name. Declared exactly as it is stored: type, shape, placement and label; a range holds that which it was saved with.";
    Save "save" (x) [NAME] Same Join
        "Keeps a value under a name when the computation has ended, where and as it is: on shares as shares, and under its label.";

    // Control.
    Repeat "repeat" (init; 1) [attr("times", AttrKind::Int, true, "number of iterations"), CHECKPOINT] Control Region
        "Runs a region a fixed number of times, carrying values from one iteration to the next.";
    Fold "fold" (x; 1) [attr("by", AttrKind::Int, true, "rows in a batch"), attr("carried", AttrKind::Int, true, "number of carried values, the last operands"),
        attr("drop", AttrKind::Bool, false, "leave out the last rows if they do not fill a batch; otherwise that is an error"), CHECKPOINT] Control Region
        "Runs a region on batch after batch of rows, carrying values along.";
    Call "call" (x; 0) [attr("function", AttrKind::Str, true, "the function")] Control Region
        "Runs a function of the program.";

    // Elementwise arithmetic.
    Add "add" (x y) [] Binary Join "Sum, elementwise with broadcasting. Infix `+`.";
    Sub "sub" (x y) [] Binary Join "Difference, elementwise with broadcasting. Infix `-`.";
    Mul "mul" (x y) [] Binary Join "Product, elementwise with broadcasting. Infix `*`.";
    Div "div" (x y) [] BinaryReal Join "Quotient, elementwise with broadcasting. Infix `/`.";
    Neg "neg" (x) [] Unary Join "The negative, elementwise. Prefix `-`.";
    Square "square" (x) [] Unary Join "The square, elementwise.";
    Abs "abs" (x) [] Unary Join "The absolute value, elementwise.";
    Sign "sign" (x) [] Unary Join "-1, 0 or 1 by the sign, elementwise.";
    Reciprocal "reciprocal" (x) [FAST] UnaryReal Join "One over x, elementwise.";
    Sqrt "sqrt" (x) [] UnaryReal Join "The square root, elementwise, for x ≥ 0.";
    InverseSqrt "inverse_sqrt" (x) [] UnaryReal Join "One over the square root, elementwise, for x > 0.";
    Exp "exp" (x) [FAST] UnaryReal Join "The exponential, elementwise.";
    Log "log" (x) [] UnaryReal Join "The natural logarithm, elementwise, for x > 0.";
    Sigmoid "sigmoid" (x) [FAST] UnaryReal Join "1 / (1 + exp(-x)), elementwise.";
    Tanh "tanh" (x) [FAST] UnaryReal Join "The hyperbolic tangent, elementwise.";
    Exp2 "exp2" (x) [] UnaryReal Join "Two to the power of x, elementwise.";
    Log2 "log2" (x) [] UnaryReal Join "The logarithm to base 2, elementwise, for x > 0.";
    Pow "pow" (x) [attr("exponent", AttrKind::Real, true, "the exponent")] UnaryReal Join
        "x to the power of a public number, elementwise; x > 0 unless that number is whole.";
    Power "power" (x y) [] BinaryReal Join "x to the power of y, elementwise with broadcasting, for x > 0.";
    Erf "erf" (x) [FAST] UnaryReal Join "The error function, elementwise.";
    Gelu "gelu" (x) [attr("approximate", AttrKind::Bool, false, "by the hyperbolic tangent instead of the error function"), FAST] UnaryReal Join
        "x times the normal distribution's function at x (the Gaussian error linear unit), elementwise.";
    Softplus "softplus" (x) [FAST] UnaryReal Join "log(1 + exp(x)), elementwise.";
    Relu "relu" (x) [] Unary Join "The greater of x and 0, elementwise.";
    Clip "clip" (x) [LOW, HIGH] Unary Join "x limited to the range from `low` to `high`, elementwise.";
    Assume "assume" (x) [LOW, HIGH] Unary Join
        "x, of which it is taken for granted that it lies between `low` and `high`. In the clear that is checked; on a protected placement nobody checks it, and the disclosure says so.";
    Minimum "minimum" (x y) [] Binary Join "The lesser of two, elementwise with broadcasting.";
    Maximum "maximum" (x y) [] Binary Join "The greater of two, elementwise with broadcasting.";

    // Comparison and logic.
    Equal "equal" (x y) [] Compare Join "Whether x equals y, elementwise. Infix `==`.";
    NotEqual "not_equal" (x y) [] Compare Join "Whether x differs from y, elementwise. Infix `!=`.";
    Less "less" (x y) [] Order Join "Whether x is less than y, elementwise. Infix `<`.";
    LessEqual "less_equal" (x y) [] Order Join "Whether x is at most y, elementwise. Infix `<=`.";
    Greater "greater" (x y) [] Order Join "Whether x is greater than y, elementwise. Infix `>`.";
    GreaterEqual "greater_equal" (x y) [] Order Join "Whether x is at least y, elementwise. Infix `>=`.";
    And "logical_and" (x y) [] Logic Join "Whether both hold, elementwise. Infix `and`.";
    Or "logical_or" (x y) [] Logic Join "Whether one or both hold, elementwise. Infix `or`.";
    Xor "logical_xor" (x y) [] Logic Join "Whether exactly one holds, elementwise.";
    Not "logical_not" (x) [] Logic Join "Whether x does not hold, elementwise. Prefix `not`.";
    Select "select" (condition x y) [] Select Join "x where the condition holds, else y, elementwise with broadcasting.";

    // Reductions.
    Sum "sum" (x) [AXIS, KEEPDIMS] Reduce Join "The sum over axes.";
    Mean "mean" (x) [AXIS, KEEPDIMS] ReduceReal Join "The mean over axes.";
    Variance "variance" (x) [AXIS, KEEPDIMS, DDOF] ReduceReal Join "The variance over axes.";
    Std "std" (x) [AXIS, KEEPDIMS, DDOF] ReduceReal Join "The standard deviation over axes.";
    Norm "norm" (x) [AXIS, KEEPDIMS] ReduceReal Join "The Euclidean norm over axes: the root of the sum of squares.";
    Min "min" (x) [AXIS, KEEPDIMS] Reduce Join "The least value over axes.";
    Max "max" (x) [AXIS, KEEPDIMS] Reduce Join "The greatest value over axes.";
    ArgMin "argmin" (x) [ONE_AXIS] ArgReduce Join "The position of the (first) least value along an axis, as i64.";
    ArgMax "argmax" (x) [ONE_AXIS] ArgReduce Join "The position of the (first) greatest value along an axis, as i64.";
    Any "any" (x) [AXIS, KEEPDIMS] ReduceBool Join "Whether any value over axes holds.";
    All "all" (x) [AXIS, KEEPDIMS] ReduceBool Join "Whether every value over axes holds.";

    // Normalisation.
    Softmax "softmax" (x) [LAST_AXIS] Along Join "exp(x) divided by its sum along an axis.";
    LogSoftmax "log_softmax" (x) [LAST_AXIS] Along Join "The logarithm of softmax along an axis.";
    LayerNorm "layer_norm" (x) [attr("axis", AttrKind::Ints, false, "the axis or axes; the last if absent"), EPSILON] Along Join
        "(x - mean) / sqrt(variance + epsilon), with the mean and variance over the given axes.";
    BatchNormTraining "batch_norm_training" (x) [attr("axis", AttrKind::Ints, false, "the axis or axes of the batch; the first if absent"), EPSILON] Along Join
        "(x - mean) / sqrt(variance + epsilon), with the mean and variance of the batch.";
    BatchNormInference "batch_norm_inference" (x mean variance) [EPSILON] Broadcast Join
        "(x - mean) / sqrt(variance + epsilon), with a mean and a variance that are given, broadcast to the shape of x.";

    // Products.
    MatMul "matmul" (x y) [] MatMul Join "The matrix product, as in numpy. Infix `@`.";
    Dot "dot" (x y) [] Dot Join "The sum of products of two vectors.";
    Conv1d "conv1d" (x kernel) [STRIDE, PADDING, CHANNEL_GROUPS] Convolve Join
        "The convolution of signals `[n, c, l]` with kernels `[o, c/groups, k]`, as in PyTorch and ONNX: `[n, o, positions]`.";
    Conv2d "conv2d" (x kernel) [STRIDE, PADDING, CHANNEL_GROUPS] Convolve Join
        "The convolution of images `[n, c, h, w]` with kernels `[o, c/groups, kh, kw]`, as in PyTorch and ONNX: `[n, o, rows, columns]`.";
    MaxPool2d "max_pool2d" (x) [SIZE, STEP] Pool Join
        "The greatest value in each window of images `[n, c, h, w]`. Rows and columns that fill no window are left out.";
    AvgPool2d "avg_pool2d" (x) [SIZE, STEP] PoolReal Join
        "The mean of each window of images `[n, c, h, w]`. Rows and columns that fill no window are left out.";

    // Shape.
    Reshape "reshape" (x) [SHAPE] Structural Join "The same elements in another shape, row-major.";
    Transpose "transpose" (x) [attr("axes", AttrKind::Ints, false, "the new order of axes; reversed if absent")] Structural Join
        "The axes in another order.";
    Index "index" (x) [attr("at", AttrKind::Index, true, "positions and ranges")] Structural Join
        "Elements at public positions and ranges, as `x[0, 1:3]`.";
    Concat "concat" (x; 1) [ONE_AXIS] Structural Join "Tensors joined along an axis.";
    Stack "stack" (x; 1) [ONE_AXIS] Structural Join "Tensors of one shape joined along a new axis.";
    Broadcast "broadcast" (x) [SHAPE] Structural Join "Repeated along axes of length 1 to fill a shape, as in numpy.";
    ExpandDims "expand_dims" (x) [NEW_AXIS] Structural Join "With a new axis of length 1.";
    Squeeze "squeeze" (x) [NEW_AXIS] Structural Join "Without an axis of length 1.";
    Diagonal "diagonal" (x) [] Structural Join "The diagonal of a square matrix.";
    CumSum "cumsum" (x) [ONE_AXIS] Structural Join "The running sum along an axis.";

    // Rows of data.
    Sort "sort" (x) [DESCENDING] Rows Join "The numbers of a vector in order.";
    ArgSort "argsort" (x) [DESCENDING] Rows Join "The positions that would sort a vector, as i64; equal numbers keep their order.";
    SortBy "sort_by" (x key) [DESCENDING] Rows Join "The rows of x in the order of a key, one number for each row; rows of equal keys keep their order.";
    Shuffle "shuffle" (x) [] Rows Join "The rows of x in a random order that nobody knows.";
    TopK "top_k" (x) [attr("k", AttrKind::Int, true, "how many")] Rows Join "The k greatest numbers of a vector, the greatest first.";
    Quantile "quantile" (x) [attr("q", AttrKind::Real, true, "from 0, the least, to 1, the greatest")] Rows Join
        "A quantile of a vector, linear between neighbours, as in numpy.";
    Median "median" (x) [] Rows Join "The middle number of a vector in order; the mean of the middle two if there is no single one.";
    Histogram "histogram" (x) [attr("edges", AttrKind::Literal, true, "the edges of the bins, increasing: one more than there are bins")] Rows Join
        "How many numbers of a vector are in each bin, as i64. A bin holds its lower edge; the last one also its upper, as in numpy.";
    Take "take" (x index) [] Rows Join "The rows of x at secret positions; zeros for a position that does not exist.";
    Put "put" (x index values) [] Rows Join
        "x, with the rows at secret positions replaced by those of values; by their sum where several go to one position. A position that does not exist is left out.";
    GroupSum "group_sum" (x key) [GROUPS] Rows Join "The sum of the rows of x of each group; rows with other keys are left out.";
    GroupCount "group_count" (key) [GROUPS] Rows Join "The number of rows of each group, as i64.";
    GroupMean "group_mean" (x key) [GROUPS] Rows Join "The mean of the rows of x of each group; 0 for a group without rows.";
    SegmentSum "segment_sum" (x key) [] Rows Join
        "For every row of x the sum of its run up to it, where a run is of neighbours with equal keys. After `sort_by`, a run's last row has the group's total.";
    SegmentLast "segment_last" (key) [] Rows Join "Whether a row is the last of a run of neighbours with equal keys.";

    // Over the members of a group.
    FederatedSum "federated_sum" (x) [FEDERATED, BOUND_LOW, BOUND_HIGH, BOUND_NORM] Federated Join
        "The sum of what the members of a group hold, each its own x, as shares or inside an enclave: it leaves a member only masked, and nobody sees a member's part. With bounds each part is checked there, and who breaks one is left out of all sums over the group.";
    FederatedMean "federated_mean" (x; 1) [FEDERATED, BOUND_LOW, BOUND_HIGH, BOUND_NORM, BOUND_LIGHTEST, BOUND_HEAVIEST] Federated Join
        "The mean of what the members of a group hold, or with a second operand, a positive number of each member, the mean weighted by it. Weights are as private as values. Bounds are as those of `federated_sum`; with a weight they are of numbers and of weights.";

    // Programs of the parties' own.
    Module "module" (columns; 1) [
        attr("name", AttrKind::Str, true, "what the module is called: letters, digits, `_`, `-` and `.`"),
        attr("digest", AttrKind::Str, true, "BLAKE3 of its bytes in hexadecimal, as `b3sum` prints it: no other bytes run"),
        attr("takes", AttrKind::Str, true, "its tables and their columns, which are the operands in order: `left(patient, bmi) right(patient, dose)`; the columns of a matrix `x` are `x.0`, `x.1`, …"),
        attr("gives", AttrKind::Str, true, "the table that it writes and the columns of it that are the result: `statistics(sum, mean)`"),
        attr("arguments", AttrKind::Str, false, "public texts that it is told, in the order of their names: `key=patient minimum=20`"),
        attr("type", AttrKind::DType, true, "the element type of the result"),
        attr("shape", AttrKind::Shape, true, "the shape of the result: rows, and columns if there are several"),
        attr("fuel", AttrKind::Int, true, "the most that it may compute, in millions of instructions or so"),
        attr("memory", AttrKind::Int, true, "the most memory that it may take, and the most that it may write, in MiB")] Module Join
        "What a WebAssembly module, named by its digest, gives for tables of these columns. It stands in the main program, outside of loops. That it was stopped is no secret.";
}

impl Op {
    /// Its row in the table.
    pub fn spec(self) -> &'static OpSpec {
        &OPS[self as usize]
    }

    /// Its name in text and in Python.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The operator of a name.
    pub fn parse(name: &str) -> Option<Op> {
        OPS.iter().find(|s| s.name == name).map(|s| s.op)
    }

    /// Whether it takes what the members of a group hold, at the group, to another placement.
    pub fn is_federated(self) -> bool {
        matches!(self, Op::FederatedSum | Op::FederatedMean)
    }

    /// Whether it is written as a statement of its own rather than as a function of its operands.
    pub fn is_statement(self) -> bool {
        matches!(
            self,
            Op::Input
                | Op::Load
                | Op::Move
                | Op::Classify
                | Op::Release
                | Op::Output
                | Op::Save
                | Op::Repeat
                | Op::Fold
                | Op::Call
        )
    }
}

impl OpSpec {
    /// The attribute of a name.
    pub fn attr(&self, name: &str) -> Option<&'static AttrSpec> {
        self.attrs.iter().find(|a| a.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum_and_names_are_unique() {
        for (i, spec) in OPS.iter().enumerate() {
            assert_eq!(spec.op as usize, i);
            assert_eq!(Op::parse(spec.name), Some(spec.op));
            assert!(spec.doc.ends_with('.'), "{}", spec.name);
        }
    }
}
