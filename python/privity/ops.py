"""The operators of the language as functions.

Generated from the operator table by `cargo xtask gen`. Elementwise operators broadcast as in numpy; a public constant
takes the element type of what it meets.
"""

from __future__ import annotations

from typing import Sequence

from . import _trace
from ._tensor import Operand, Tensor
from .types import DType


def fill(value: Operand, shape: Sequence[int | str], type: DType) -> Tensor:
    """A tensor of one public number.

    ``value``: the number.
    ``shape``: the new shape.
    ``type``: the element type.
    """
    result: Tensor = _trace.apply("fill", [], {"value": value, "shape": shape, "type": type})
    return result


def eye(n: int, type: DType) -> Tensor:
    """The identity matrix.

    ``n``: number of rows.
    ``type``: the element type.
    """
    result: Tensor = _trace.apply("eye", [], {"n": n, "type": type})
    return result


def size(dim: str, type: DType) -> Tensor:
    """The length that a named dimension is bound to, as a public number.

    ``dim``: the dimension.
    ``type``: the element type.
    """
    result: Tensor = _trace.apply("size", [], {"dim": dim, "type": type})
    return result


def cast(x: Operand, *, type: DType) -> Tensor:
    """The same numbers in another element type. In the clear, what does not fit is an error; on shares a program in which it might happen is refused.

    ``type``: the element type.
    """
    result: Tensor = _trace.apply("cast", [x], {"type": type})
    return result


def add(x: Operand, y: Operand) -> Tensor:
    """Sum, elementwise with broadcasting. Infix `+`."""
    result: Tensor = _trace.apply("add", [x, y], {})
    return result


def sub(x: Operand, y: Operand) -> Tensor:
    """Difference, elementwise with broadcasting. Infix `-`."""
    result: Tensor = _trace.apply("sub", [x, y], {})
    return result


def mul(x: Operand, y: Operand) -> Tensor:
    """Product, elementwise with broadcasting. Infix `*`."""
    result: Tensor = _trace.apply("mul", [x, y], {})
    return result


def div(x: Operand, y: Operand) -> Tensor:
    """Quotient, elementwise with broadcasting. Infix `/`."""
    result: Tensor = _trace.apply("div", [x, y], {})
    return result


def neg(x: Operand) -> Tensor:
    """The negative, elementwise. Prefix `-`."""
    result: Tensor = _trace.apply("neg", [x], {})
    return result


def square(x: Operand) -> Tensor:
    """The square, elementwise."""
    result: Tensor = _trace.apply("square", [x], {})
    return result


def abs(x: Operand) -> Tensor:
    """The absolute value, elementwise."""
    result: Tensor = _trace.apply("abs", [x], {})
    return result


def sign(x: Operand) -> Tensor:
    """-1, 0 or 1 by the sign, elementwise."""
    result: Tensor = _trace.apply("sign", [x], {})
    return result


def reciprocal(x: Operand, *, fast: bool = False) -> Tensor:
    """One over x, elementwise.

    ``fast``: the fast form, with the larger error that is stated for it; precise if absent.
    """
    result: Tensor = _trace.apply("reciprocal", [x], {"fast": fast})
    return result


def sqrt(x: Operand) -> Tensor:
    """The square root, elementwise, for x ≥ 0."""
    result: Tensor = _trace.apply("sqrt", [x], {})
    return result


def inverse_sqrt(x: Operand) -> Tensor:
    """One over the square root, elementwise, for x > 0."""
    result: Tensor = _trace.apply("inverse_sqrt", [x], {})
    return result


def exp(x: Operand, *, fast: bool = False) -> Tensor:
    """The exponential, elementwise.

    ``fast``: the fast form, with the larger error that is stated for it; precise if absent.
    """
    result: Tensor = _trace.apply("exp", [x], {"fast": fast})
    return result


def log(x: Operand) -> Tensor:
    """The natural logarithm, elementwise, for x > 0."""
    result: Tensor = _trace.apply("log", [x], {})
    return result


def sigmoid(x: Operand, *, fast: bool = False) -> Tensor:
    """1 / (1 + exp(-x)), elementwise.

    ``fast``: the fast form, with the larger error that is stated for it; precise if absent.
    """
    result: Tensor = _trace.apply("sigmoid", [x], {"fast": fast})
    return result


def tanh(x: Operand, *, fast: bool = False) -> Tensor:
    """The hyperbolic tangent, elementwise.

    ``fast``: the fast form, with the larger error that is stated for it; precise if absent.
    """
    result: Tensor = _trace.apply("tanh", [x], {"fast": fast})
    return result


def exp2(x: Operand) -> Tensor:
    """Two to the power of x, elementwise."""
    result: Tensor = _trace.apply("exp2", [x], {})
    return result


def log2(x: Operand) -> Tensor:
    """The logarithm to base 2, elementwise, for x > 0."""
    result: Tensor = _trace.apply("log2", [x], {})
    return result


def pow(x: Operand, *, exponent: float) -> Tensor:
    """x to the power of a public number, elementwise; x > 0 unless that number is whole.

    ``exponent``: the exponent.
    """
    result: Tensor = _trace.apply("pow", [x], {"exponent": exponent})
    return result


def power(x: Operand, y: Operand) -> Tensor:
    """x to the power of y, elementwise with broadcasting, for x > 0."""
    result: Tensor = _trace.apply("power", [x, y], {})
    return result


def erf(x: Operand, *, fast: bool = False) -> Tensor:
    """The error function, elementwise.

    ``fast``: the fast form, with the larger error that is stated for it; precise if absent.
    """
    result: Tensor = _trace.apply("erf", [x], {"fast": fast})
    return result


def gelu(x: Operand, *, approximate: bool = False, fast: bool = False) -> Tensor:
    """x times the normal distribution's function at x (the Gaussian error linear unit), elementwise.

    ``approximate``: by the hyperbolic tangent instead of the error function.
    ``fast``: the fast form, with the larger error that is stated for it; precise if absent.
    """
    result: Tensor = _trace.apply("gelu", [x], {"approximate": approximate, "fast": fast})
    return result


def softplus(x: Operand, *, fast: bool = False) -> Tensor:
    """log(1 + exp(x)), elementwise.

    ``fast``: the fast form, with the larger error that is stated for it; precise if absent.
    """
    result: Tensor = _trace.apply("softplus", [x], {"fast": fast})
    return result


def relu(x: Operand) -> Tensor:
    """The greater of x and 0, elementwise."""
    result: Tensor = _trace.apply("relu", [x], {})
    return result


def clip(x: Operand, *, low: float, high: float) -> Tensor:
    """x limited to the range from `low` to `high`, elementwise.

    ``low``: the least value.
    ``high``: the greatest value.
    """
    result: Tensor = _trace.apply("clip", [x], {"low": low, "high": high})
    return result


def assume(x: Operand, *, low: float, high: float) -> Tensor:
    """x, of which it is taken for granted that it lies between `low` and `high`. In the clear that is checked; on a protected placement nobody checks it, and the disclosure says so.

    ``low``: the least value.
    ``high``: the greatest value.
    """
    result: Tensor = _trace.apply("assume", [x], {"low": low, "high": high})
    return result


def minimum(x: Operand, y: Operand) -> Tensor:
    """The lesser of two, elementwise with broadcasting."""
    result: Tensor = _trace.apply("minimum", [x, y], {})
    return result


def maximum(x: Operand, y: Operand) -> Tensor:
    """The greater of two, elementwise with broadcasting."""
    result: Tensor = _trace.apply("maximum", [x, y], {})
    return result


def equal(x: Operand, y: Operand) -> Tensor:
    """Whether x equals y, elementwise. Infix `==`."""
    result: Tensor = _trace.apply("equal", [x, y], {})
    return result


def not_equal(x: Operand, y: Operand) -> Tensor:
    """Whether x differs from y, elementwise. Infix `!=`."""
    result: Tensor = _trace.apply("not_equal", [x, y], {})
    return result


def less(x: Operand, y: Operand) -> Tensor:
    """Whether x is less than y, elementwise. Infix `<`."""
    result: Tensor = _trace.apply("less", [x, y], {})
    return result


def less_equal(x: Operand, y: Operand) -> Tensor:
    """Whether x is at most y, elementwise. Infix `<=`."""
    result: Tensor = _trace.apply("less_equal", [x, y], {})
    return result


def greater(x: Operand, y: Operand) -> Tensor:
    """Whether x is greater than y, elementwise. Infix `>`."""
    result: Tensor = _trace.apply("greater", [x, y], {})
    return result


def greater_equal(x: Operand, y: Operand) -> Tensor:
    """Whether x is at least y, elementwise. Infix `>=`."""
    result: Tensor = _trace.apply("greater_equal", [x, y], {})
    return result


def logical_and(x: Operand, y: Operand) -> Tensor:
    """Whether both hold, elementwise. Infix `&`."""
    result: Tensor = _trace.apply("logical_and", [x, y], {})
    return result


def logical_or(x: Operand, y: Operand) -> Tensor:
    """Whether one or both hold, elementwise. Infix `|`."""
    result: Tensor = _trace.apply("logical_or", [x, y], {})
    return result


def logical_xor(x: Operand, y: Operand) -> Tensor:
    """Whether exactly one holds, elementwise."""
    result: Tensor = _trace.apply("logical_xor", [x, y], {})
    return result


def logical_not(x: Operand) -> Tensor:
    """Whether x does not hold, elementwise. Prefix `~`."""
    result: Tensor = _trace.apply("logical_not", [x], {})
    return result


def select(condition: Operand, x: Operand, y: Operand) -> Tensor:
    """x where the condition holds, else y, elementwise with broadcasting."""
    result: Tensor = _trace.apply("select", [condition, x, y], {})
    return result


def sum(x: Operand, *, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """The sum over axes.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    """
    result: Tensor = _trace.apply("sum", [x], {"axis": axis, "keepdims": keepdims})
    return result


def mean(x: Operand, *, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """The mean over axes.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    """
    result: Tensor = _trace.apply("mean", [x], {"axis": axis, "keepdims": keepdims})
    return result


def variance(x: Operand, *, axis: int | Sequence[int] | None = None, keepdims: bool = False, ddof: int | None = None) -> Tensor:
    """The variance over axes.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    ``ddof``: what is taken off the count in the divisor; 0 if absent.
    """
    result: Tensor = _trace.apply("variance", [x], {"axis": axis, "keepdims": keepdims, "ddof": ddof})
    return result


def std(x: Operand, *, axis: int | Sequence[int] | None = None, keepdims: bool = False, ddof: int | None = None) -> Tensor:
    """The standard deviation over axes.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    ``ddof``: what is taken off the count in the divisor; 0 if absent.
    """
    result: Tensor = _trace.apply("std", [x], {"axis": axis, "keepdims": keepdims, "ddof": ddof})
    return result


def norm(x: Operand, *, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """The Euclidean norm over axes: the root of the sum of squares.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    """
    result: Tensor = _trace.apply("norm", [x], {"axis": axis, "keepdims": keepdims})
    return result


def min(x: Operand, *, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """The least value over axes.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    """
    result: Tensor = _trace.apply("min", [x], {"axis": axis, "keepdims": keepdims})
    return result


def max(x: Operand, *, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """The greatest value over axes.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    """
    result: Tensor = _trace.apply("max", [x], {"axis": axis, "keepdims": keepdims})
    return result


def argmin(x: Operand, *, axis: int | None = None) -> Tensor:
    """The position of the (first) least value along an axis, as i64.

    ``axis``: the axis; 0 if absent.
    """
    result: Tensor = _trace.apply("argmin", [x], {"axis": axis})
    return result


def argmax(x: Operand, *, axis: int | None = None) -> Tensor:
    """The position of the (first) greatest value along an axis, as i64.

    ``axis``: the axis; 0 if absent.
    """
    result: Tensor = _trace.apply("argmax", [x], {"axis": axis})
    return result


def any(x: Operand, *, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Whether any value over axes holds.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    """
    result: Tensor = _trace.apply("any", [x], {"axis": axis, "keepdims": keepdims})
    return result


def all(x: Operand, *, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Whether every value over axes holds.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    """
    result: Tensor = _trace.apply("all", [x], {"axis": axis, "keepdims": keepdims})
    return result


def softmax(x: Operand, *, axis: int | None = None) -> Tensor:
    """exp(x) divided by its sum along an axis.

    ``axis``: the axis; the last if absent.
    """
    result: Tensor = _trace.apply("softmax", [x], {"axis": axis})
    return result


def log_softmax(x: Operand, *, axis: int | None = None) -> Tensor:
    """The logarithm of softmax along an axis.

    ``axis``: the axis; the last if absent.
    """
    result: Tensor = _trace.apply("log_softmax", [x], {"axis": axis})
    return result


def layer_norm(x: Operand, *, axis: int | Sequence[int] | None = None, epsilon: float | None = None) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon), with the mean and variance over the given axes.

    ``axis``: the axis or axes; the last if absent.
    ``epsilon``: what is added to the variance, at least 0; 0.00001 if absent.
    """
    result: Tensor = _trace.apply("layer_norm", [x], {"axis": axis, "epsilon": epsilon})
    return result


def batch_norm_training(x: Operand, *, axis: int | Sequence[int] | None = None, epsilon: float | None = None) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon), with the mean and variance of the batch.

    ``axis``: the axis or axes of the batch; the first if absent.
    ``epsilon``: what is added to the variance, at least 0; 0.00001 if absent.
    """
    result: Tensor = _trace.apply("batch_norm_training", [x], {"axis": axis, "epsilon": epsilon})
    return result


def batch_norm_inference(x: Operand, mean: Operand, variance: Operand, *, epsilon: float | None = None) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon), with a mean and a variance that are given, broadcast to the shape of x.

    ``epsilon``: what is added to the variance, at least 0; 0.00001 if absent.
    """
    result: Tensor = _trace.apply("batch_norm_inference", [x, mean, variance], {"epsilon": epsilon})
    return result


def matmul(x: Operand, y: Operand) -> Tensor:
    """The matrix product, as in numpy. Infix `@`."""
    result: Tensor = _trace.apply("matmul", [x, y], {})
    return result


def dot(x: Operand, y: Operand) -> Tensor:
    """The sum of products of two vectors."""
    result: Tensor = _trace.apply("dot", [x, y], {})
    return result


def conv1d(x: Operand, kernel: Operand, *, stride: int | Sequence[int] | None = None, padding: int | Sequence[int] | None = None, groups: int | None = None) -> Tensor:
    """The convolution of signals `[n, c, l]` with kernels `[o, c/groups, k]`, as in PyTorch and ONNX: `[n, o, positions]`.

    ``stride``: distance between positions, for both axes or one for each; 1 if absent.
    ``padding``: zeros added on both sides, for both axes or one for each; 0 if absent.
    ``groups``: groups of channels, each for itself; 1 if absent.
    """
    result: Tensor = _trace.apply("conv1d", [x, kernel], {"stride": stride, "padding": padding, "groups": groups})
    return result


def conv2d(x: Operand, kernel: Operand, *, stride: int | Sequence[int] | None = None, padding: int | Sequence[int] | None = None, groups: int | None = None) -> Tensor:
    """The convolution of images `[n, c, h, w]` with kernels `[o, c/groups, kh, kw]`, as in PyTorch and ONNX: `[n, o, rows, columns]`.

    ``stride``: distance between positions, for both axes or one for each; 1 if absent.
    ``padding``: zeros added on both sides, for both axes or one for each; 0 if absent.
    ``groups``: groups of channels, each for itself; 1 if absent.
    """
    result: Tensor = _trace.apply("conv2d", [x, kernel], {"stride": stride, "padding": padding, "groups": groups})
    return result


def max_pool2d(x: Operand, *, size: int | Sequence[int], stride: int | Sequence[int] | None = None) -> Tensor:
    """The greatest value in each window of images `[n, c, h, w]`. Rows and columns that fill no window are left out.

    ``size``: rows and columns of the window; one number if equal.
    ``stride``: distance between positions, for both axes or one for each; the size if absent.
    """
    result: Tensor = _trace.apply("max_pool2d", [x], {"size": size, "stride": stride})
    return result


def avg_pool2d(x: Operand, *, size: int | Sequence[int], stride: int | Sequence[int] | None = None) -> Tensor:
    """The mean of each window of images `[n, c, h, w]`. Rows and columns that fill no window are left out.

    ``size``: rows and columns of the window; one number if equal.
    ``stride``: distance between positions, for both axes or one for each; the size if absent.
    """
    result: Tensor = _trace.apply("avg_pool2d", [x], {"size": size, "stride": stride})
    return result


def reshape(x: Operand, *, shape: Sequence[int | str]) -> Tensor:
    """The same elements in another shape, row-major.

    ``shape``: the new shape.
    """
    result: Tensor = _trace.apply("reshape", [x], {"shape": shape})
    return result


def transpose(x: Operand, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """The axes in another order.

    ``axes``: the new order of axes; reversed if absent.
    """
    result: Tensor = _trace.apply("transpose", [x], {"axes": axes})
    return result


def concat(x: Sequence[Operand], *, axis: int | None = None) -> Tensor:
    """Tensors joined along an axis.

    ``axis``: the axis; 0 if absent.
    """
    result: Tensor = _trace.apply("concat", list(x), {"axis": axis})
    return result


def stack(x: Sequence[Operand], *, axis: int | None = None) -> Tensor:
    """Tensors of one shape joined along a new axis.

    ``axis``: the axis; 0 if absent.
    """
    result: Tensor = _trace.apply("stack", list(x), {"axis": axis})
    return result


def broadcast(x: Operand, *, shape: Sequence[int | str]) -> Tensor:
    """Repeated along axes of length 1 to fill a shape, as in numpy.

    ``shape``: the new shape.
    """
    result: Tensor = _trace.apply("broadcast", [x], {"shape": shape})
    return result


def expand_dims(x: Operand, *, axis: int) -> Tensor:
    """With a new axis of length 1.

    ``axis``: the position of the axis.
    """
    result: Tensor = _trace.apply("expand_dims", [x], {"axis": axis})
    return result


def squeeze(x: Operand, *, axis: int) -> Tensor:
    """Without an axis of length 1.

    ``axis``: the position of the axis.
    """
    result: Tensor = _trace.apply("squeeze", [x], {"axis": axis})
    return result


def diagonal(x: Operand) -> Tensor:
    """The diagonal of a square matrix."""
    result: Tensor = _trace.apply("diagonal", [x], {})
    return result


def cumsum(x: Operand, *, axis: int | None = None) -> Tensor:
    """The running sum along an axis.

    ``axis``: the axis; 0 if absent.
    """
    result: Tensor = _trace.apply("cumsum", [x], {"axis": axis})
    return result


def sort(x: Operand, *, descending: bool = False) -> Tensor:
    """The numbers of a vector in order.

    ``descending``: the greatest first.
    """
    result: Tensor = _trace.apply("sort", [x], {"descending": descending})
    return result


def argsort(x: Operand, *, descending: bool = False) -> Tensor:
    """The positions that would sort a vector, as i64; equal numbers keep their order.

    ``descending``: the greatest first.
    """
    result: Tensor = _trace.apply("argsort", [x], {"descending": descending})
    return result


def sort_by(x: Operand, key: Operand, *, descending: bool = False) -> Tensor:
    """The rows of x in the order of a key, one number for each row; rows of equal keys keep their order.

    ``descending``: the greatest first.
    """
    result: Tensor = _trace.apply("sort_by", [x, key], {"descending": descending})
    return result


def shuffle(x: Operand) -> Tensor:
    """The rows of x in a random order that nobody knows."""
    result: Tensor = _trace.apply("shuffle", [x], {})
    return result


def top_k(x: Operand, *, k: int) -> Tensor:
    """The k greatest numbers of a vector, the greatest first.

    ``k``: how many.
    """
    result: Tensor = _trace.apply("top_k", [x], {"k": k})
    return result


def quantile(x: Operand, *, q: float) -> Tensor:
    """A quantile of a vector, linear between neighbours, as in numpy.

    ``q``: from 0, the least, to 1, the greatest.
    """
    result: Tensor = _trace.apply("quantile", [x], {"q": q})
    return result


def median(x: Operand) -> Tensor:
    """The middle number of a vector in order; the mean of the middle two if there is no single one."""
    result: Tensor = _trace.apply("median", [x], {})
    return result


def histogram(x: Operand, *, edges: Operand) -> Tensor:
    """How many numbers of a vector are in each bin, as i64. A bin holds its lower edge; the last one also its upper, as in numpy.

    ``edges``: the edges of the bins, increasing: one more than there are bins.
    """
    result: Tensor = _trace.apply("histogram", [x], {"edges": edges})
    return result


def take(x: Operand, index: Operand) -> Tensor:
    """The rows of x at secret positions; zeros for a position that does not exist."""
    result: Tensor = _trace.apply("take", [x, index], {})
    return result


def put(x: Operand, index: Operand, values: Operand) -> Tensor:
    """x, with the rows at secret positions replaced by those of values; by their sum where several go to one position. A position that does not exist is left out."""
    result: Tensor = _trace.apply("put", [x, index, values], {})
    return result


def group_sum(x: Operand, key: Operand, *, groups: int) -> Tensor:
    """The sum of the rows of x of each group; rows with other keys are left out.

    ``groups``: how many groups there are: keys are 0, 1, … less than that.
    """
    result: Tensor = _trace.apply("group_sum", [x, key], {"groups": groups})
    return result


def group_count(key: Operand, *, groups: int) -> Tensor:
    """The number of rows of each group, as i64.

    ``groups``: how many groups there are: keys are 0, 1, … less than that.
    """
    result: Tensor = _trace.apply("group_count", [key], {"groups": groups})
    return result


def group_mean(x: Operand, key: Operand, *, groups: int) -> Tensor:
    """The mean of the rows of x of each group; 0 for a group without rows.

    ``groups``: how many groups there are: keys are 0, 1, … less than that.
    """
    result: Tensor = _trace.apply("group_mean", [x, key], {"groups": groups})
    return result


def segment_sum(x: Operand, key: Operand) -> Tensor:
    """For every row of x the sum of its run up to it, where a run is of neighbours with equal keys. After `sort_by`, a run's last row has the group's total."""
    result: Tensor = _trace.apply("segment_sum", [x, key], {})
    return result


def segment_last(key: Operand) -> Tensor:
    """Whether a row is the last of a run of neighbours with equal keys."""
    result: Tensor = _trace.apply("segment_last", [key], {})
    return result


def federated_sum(x: Operand, *, type: DType | None = None, low: float | None = None, high: float | None = None, norm: float | None = None) -> Tensor:
    """The sum of what the members of a group hold, each its own x, as shares or inside an enclave: it leaves a member only masked, and nobody sees a member's part. With bounds each part is checked there, and who breaks one is left out of all sums over the group.

    ``type``: `fixed<64, f>`, what each member's numbers become; that of x, or of the `on` block, if absent.
    ``low``: with `high`: the least number of a member, which is checked; nothing is if absent.
    ``high``: with `low`: the greatest number of a member.
    ``norm``: instead of `low` and `high`: the greatest Euclidean norm of a member's whole value, which is checked.
    """
    result: Tensor = _trace.apply("federated_sum", [x], {"type": type, "low": low, "high": high, "norm": norm})
    return result


def federated_mean(x: Sequence[Operand], *, type: DType | None = None, low: float | None = None, high: float | None = None, norm: float | None = None, lightest: float | None = None, heaviest: float | None = None) -> Tensor:
    """The mean of what the members of a group hold, or with a second operand, a positive number of each member, the mean weighted by it. Weights are as private as values. Bounds are as those of `federated_sum`; with a weight they are of numbers and of weights.

    ``type``: `fixed<64, f>`, what each member's numbers become; that of x, or of the `on` block, if absent.
    ``low``: with `high`: the least number of a member, which is checked; nothing is if absent.
    ``high``: with `low`: the greatest number of a member.
    ``norm``: instead of `low` and `high`: the greatest Euclidean norm of a member's whole value, which is checked.
    ``lightest``: with `low`, `high` and a weight: the least weight of a member, which is checked, too.
    ``heaviest``: with `lightest`: the greatest weight.
    """
    result: Tensor = _trace.apply("federated_mean", list(x), {"type": type, "low": low, "high": high, "norm": norm, "lightest": lightest, "heaviest": heaviest})
    return result


def module(columns: Sequence[Operand], *, name: str, digest: str, takes: str, gives: str, arguments: str | None = None, type: DType, shape: Sequence[int | str], fuel: int, memory: int) -> Tensor:
    """What a WebAssembly module, named by its digest, gives for tables of these columns. It stands in the main program, outside of loops. That it was stopped is no secret.

    ``name``: what the module is called: letters, digits, `_`, `-` and `.`.
    ``digest``: BLAKE3 of its bytes in hexadecimal, as `b3sum` prints it: no other bytes run.
    ``takes``: its tables and their columns, which are the operands in order: `left(patient, bmi) right(patient, dose)`; the columns of a matrix `x` are `x.0`, `x.1`, ….
    ``gives``: the table that it writes and the columns of it that are the result: `statistics(sum, mean)`.
    ``arguments``: public texts that it is told, in the order of their names: `key=patient minimum=20`.
    ``type``: the element type of the result.
    ``shape``: the shape of the result: rows, and columns if there are several.
    ``fuel``: the most that it may compute, in millions of instructions or so.
    ``memory``: the most memory that it may take, and the most that it may write, in MiB.
    """
    result: Tensor = _trace.apply("module", list(columns), {"name": name, "digest": digest, "takes": takes, "gives": gives, "arguments": arguments, "type": type, "shape": shape, "fuel": fuel, "memory": memory})
    return result


__all__ = [
    "fill",
    "eye",
    "size",
    "cast",
    "add",
    "sub",
    "mul",
    "div",
    "neg",
    "square",
    "abs",
    "sign",
    "reciprocal",
    "sqrt",
    "inverse_sqrt",
    "exp",
    "log",
    "sigmoid",
    "tanh",
    "exp2",
    "log2",
    "pow",
    "power",
    "erf",
    "gelu",
    "softplus",
    "relu",
    "clip",
    "assume",
    "minimum",
    "maximum",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "logical_not",
    "select",
    "sum",
    "mean",
    "variance",
    "std",
    "norm",
    "min",
    "max",
    "argmin",
    "argmax",
    "any",
    "all",
    "softmax",
    "log_softmax",
    "layer_norm",
    "batch_norm_training",
    "batch_norm_inference",
    "matmul",
    "dot",
    "conv1d",
    "conv2d",
    "max_pool2d",
    "avg_pool2d",
    "reshape",
    "transpose",
    "concat",
    "stack",
    "broadcast",
    "expand_dims",
    "squeeze",
    "diagonal",
    "cumsum",
    "sort",
    "argsort",
    "sort_by",
    "shuffle",
    "top_k",
    "quantile",
    "median",
    "histogram",
    "take",
    "put",
    "group_sum",
    "group_count",
    "group_mean",
    "segment_sum",
    "segment_last",
    "federated_sum",
    "federated_mean",
    "module",
]
