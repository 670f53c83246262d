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
    """The same numbers in another element type. What does not fit is an error, never a wrap.

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


def reciprocal(x: Operand) -> Tensor:
    """One over x, elementwise."""
    result: Tensor = _trace.apply("reciprocal", [x], {})
    return result


def sqrt(x: Operand) -> Tensor:
    """The square root, elementwise, for x ≥ 0."""
    result: Tensor = _trace.apply("sqrt", [x], {})
    return result


def inverse_sqrt(x: Operand) -> Tensor:
    """One over the square root, elementwise, for x > 0."""
    result: Tensor = _trace.apply("inverse_sqrt", [x], {})
    return result


def exp(x: Operand) -> Tensor:
    """The exponential, elementwise."""
    result: Tensor = _trace.apply("exp", [x], {})
    return result


def log(x: Operand) -> Tensor:
    """The natural logarithm, elementwise, for x > 0."""
    result: Tensor = _trace.apply("log", [x], {})
    return result


def sigmoid(x: Operand) -> Tensor:
    """1 / (1 + exp(-x)), elementwise."""
    result: Tensor = _trace.apply("sigmoid", [x], {})
    return result


def tanh(x: Operand) -> Tensor:
    """The hyperbolic tangent, elementwise."""
    result: Tensor = _trace.apply("tanh", [x], {})
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


def matmul(x: Operand, y: Operand) -> Tensor:
    """The matrix product, as in numpy. Infix `@`."""
    result: Tensor = _trace.apply("matmul", [x, y], {})
    return result


def dot(x: Operand, y: Operand) -> Tensor:
    """The sum of products of two vectors."""
    result: Tensor = _trace.apply("dot", [x, y], {})
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
    "relu",
    "clip",
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
    "min",
    "max",
    "argmin",
    "argmax",
    "any",
    "all",
    "matmul",
    "dot",
    "reshape",
    "transpose",
    "concat",
    "stack",
    "broadcast",
    "expand_dims",
    "squeeze",
    "diagonal",
    "cumsum",
]
