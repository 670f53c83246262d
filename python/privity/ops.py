"""The operators of the language as functions.

Generated from the operator table by `cargo xtask gen`.
"""

from __future__ import annotations

from typing import Any, Sequence

from . import _trace
from .types import DType


def fill(value: Any, shape: Sequence[int | str], type: DType) -> Any:
    """A tensor of one public number.

    ``value``: the number.
    ``shape``: the new shape.
    ``type``: the element type.
    """
    return _trace.apply("fill", [], {"value": value, "shape": shape, "type": type})


def eye(n: int, type: DType) -> Any:
    """The identity matrix.

    ``n``: number of rows.
    ``type``: the element type.
    """
    return _trace.apply("eye", [], {"n": n, "type": type})


def size(dim: str, type: DType) -> Any:
    """The length that a named dimension is bound to, as a public number.

    ``dim``: the dimension.
    ``type``: the element type.
    """
    return _trace.apply("size", [], {"dim": dim, "type": type})


def cast(x: Any, *, type: DType) -> Any:
    """The same numbers in another element type. What does not fit is an error, never a wrap.

    ``type``: the element type.
    """
    return _trace.apply("cast", [x], {"type": type})


def add(x: Any, y: Any) -> Any:
    """Sum, elementwise with broadcasting. Infix `+`."""
    return _trace.apply("add", [x, y], {})


def sub(x: Any, y: Any) -> Any:
    """Difference, elementwise with broadcasting. Infix `-`."""
    return _trace.apply("sub", [x, y], {})


def mul(x: Any, y: Any) -> Any:
    """Product, elementwise with broadcasting. Infix `*`."""
    return _trace.apply("mul", [x, y], {})


def div(x: Any, y: Any) -> Any:
    """Quotient, elementwise with broadcasting. Infix `/`."""
    return _trace.apply("div", [x, y], {})


def neg(x: Any) -> Any:
    """The negative, elementwise. Prefix `-`."""
    return _trace.apply("neg", [x], {})


def square(x: Any) -> Any:
    """The square, elementwise."""
    return _trace.apply("square", [x], {})


def abs(x: Any) -> Any:
    """The absolute value, elementwise."""
    return _trace.apply("abs", [x], {})


def sign(x: Any) -> Any:
    """-1, 0 or 1 by the sign, elementwise."""
    return _trace.apply("sign", [x], {})


def reciprocal(x: Any) -> Any:
    """One over x, elementwise."""
    return _trace.apply("reciprocal", [x], {})


def sqrt(x: Any) -> Any:
    """The square root, elementwise, for x ≥ 0."""
    return _trace.apply("sqrt", [x], {})


def inverse_sqrt(x: Any) -> Any:
    """One over the square root, elementwise, for x > 0."""
    return _trace.apply("inverse_sqrt", [x], {})


def exp(x: Any) -> Any:
    """The exponential, elementwise."""
    return _trace.apply("exp", [x], {})


def log(x: Any) -> Any:
    """The natural logarithm, elementwise, for x > 0."""
    return _trace.apply("log", [x], {})


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), elementwise."""
    return _trace.apply("sigmoid", [x], {})


def tanh(x: Any) -> Any:
    """The hyperbolic tangent, elementwise."""
    return _trace.apply("tanh", [x], {})


def relu(x: Any) -> Any:
    """The greater of x and 0, elementwise."""
    return _trace.apply("relu", [x], {})


def clip(x: Any, *, low: float, high: float) -> Any:
    """x limited to the range from `low` to `high`, elementwise.

    ``low``: the least value.
    ``high``: the greatest value.
    """
    return _trace.apply("clip", [x], {"low": low, "high": high})


def minimum(x: Any, y: Any) -> Any:
    """The lesser of two, elementwise with broadcasting."""
    return _trace.apply("minimum", [x, y], {})


def maximum(x: Any, y: Any) -> Any:
    """The greater of two, elementwise with broadcasting."""
    return _trace.apply("maximum", [x, y], {})


def equal(x: Any, y: Any) -> Any:
    """Whether x equals y, elementwise. Infix `==`."""
    return _trace.apply("equal", [x, y], {})


def not_equal(x: Any, y: Any) -> Any:
    """Whether x differs from y, elementwise. Infix `!=`."""
    return _trace.apply("not_equal", [x, y], {})


def less(x: Any, y: Any) -> Any:
    """Whether x is less than y, elementwise. Infix `<`."""
    return _trace.apply("less", [x, y], {})


def less_equal(x: Any, y: Any) -> Any:
    """Whether x is at most y, elementwise. Infix `<=`."""
    return _trace.apply("less_equal", [x, y], {})


def greater(x: Any, y: Any) -> Any:
    """Whether x is greater than y, elementwise. Infix `>`."""
    return _trace.apply("greater", [x, y], {})


def greater_equal(x: Any, y: Any) -> Any:
    """Whether x is at least y, elementwise. Infix `>=`."""
    return _trace.apply("greater_equal", [x, y], {})


def logical_and(x: Any, y: Any) -> Any:
    """Whether both hold, elementwise. Infix `and`."""
    return _trace.apply("logical_and", [x, y], {})


def logical_or(x: Any, y: Any) -> Any:
    """Whether one or both hold, elementwise. Infix `or`."""
    return _trace.apply("logical_or", [x, y], {})


def logical_xor(x: Any, y: Any) -> Any:
    """Whether exactly one holds, elementwise."""
    return _trace.apply("logical_xor", [x, y], {})


def logical_not(x: Any) -> Any:
    """Whether x does not hold, elementwise. Prefix `not`."""
    return _trace.apply("logical_not", [x], {})


def select(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, else y, elementwise with broadcasting."""
    return _trace.apply("select", [condition, x, y], {})


def sum(x: Any, *, axis: int | Sequence[int] | None = None, keepdims: bool | None = None) -> Any:
    """The sum over axes.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    """
    return _trace.apply("sum", [x], {"axis": axis, "keepdims": keepdims})


def mean(x: Any, *, axis: int | Sequence[int] | None = None, keepdims: bool | None = None) -> Any:
    """The mean over axes.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    """
    return _trace.apply("mean", [x], {"axis": axis, "keepdims": keepdims})


def variance(x: Any, *, axis: int | Sequence[int] | None = None, keepdims: bool | None = None, ddof: int | None = None) -> Any:
    """The variance over axes.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    ``ddof``: what is taken off the count in the divisor; 0 if absent.
    """
    return _trace.apply("variance", [x], {"axis": axis, "keepdims": keepdims, "ddof": ddof})


def std(x: Any, *, axis: int | Sequence[int] | None = None, keepdims: bool | None = None, ddof: int | None = None) -> Any:
    """The standard deviation over axes.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    ``ddof``: what is taken off the count in the divisor; 0 if absent.
    """
    return _trace.apply("std", [x], {"axis": axis, "keepdims": keepdims, "ddof": ddof})


def min(x: Any, *, axis: int | Sequence[int] | None = None, keepdims: bool | None = None) -> Any:
    """The least value over axes.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    """
    return _trace.apply("min", [x], {"axis": axis, "keepdims": keepdims})


def max(x: Any, *, axis: int | Sequence[int] | None = None, keepdims: bool | None = None) -> Any:
    """The greatest value over axes.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    """
    return _trace.apply("max", [x], {"axis": axis, "keepdims": keepdims})


def argmin(x: Any, *, axis: int | None = None) -> Any:
    """The position of the (first) least value along an axis, as i64.

    ``axis``: the axis; 0 if absent.
    """
    return _trace.apply("argmin", [x], {"axis": axis})


def argmax(x: Any, *, axis: int | None = None) -> Any:
    """The position of the (first) greatest value along an axis, as i64.

    ``axis``: the axis; 0 if absent.
    """
    return _trace.apply("argmax", [x], {"axis": axis})


def any(x: Any, *, axis: int | Sequence[int] | None = None, keepdims: bool | None = None) -> Any:
    """Whether any value over axes holds.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    """
    return _trace.apply("any", [x], {"axis": axis, "keepdims": keepdims})


def all(x: Any, *, axis: int | Sequence[int] | None = None, keepdims: bool | None = None) -> Any:
    """Whether every value over axes holds.

    ``axis``: the axis or axes to reduce; all if absent.
    ``keepdims``: keep reduced axes with length 1.
    """
    return _trace.apply("all", [x], {"axis": axis, "keepdims": keepdims})


def matmul(x: Any, y: Any) -> Any:
    """The matrix product, as in numpy. Infix `@`."""
    return _trace.apply("matmul", [x, y], {})


def dot(x: Any, y: Any) -> Any:
    """The sum of products of two vectors."""
    return _trace.apply("dot", [x, y], {})


def reshape(x: Any, *, shape: Sequence[int | str]) -> Any:
    """The same elements in another shape, row-major.

    ``shape``: the new shape.
    """
    return _trace.apply("reshape", [x], {"shape": shape})


def transpose(x: Any, *, axes: int | Sequence[int] | None = None) -> Any:
    """The axes in another order.

    ``axes``: the new order of axes; reversed if absent.
    """
    return _trace.apply("transpose", [x], {"axes": axes})


def concat(x: Sequence[Any], *, axis: int | None = None) -> Any:
    """Tensors joined along an axis.

    ``axis``: the axis; 0 if absent.
    """
    return _trace.apply("concat", list(x), {"axis": axis})


def stack(x: Sequence[Any], *, axis: int | None = None) -> Any:
    """Tensors of one shape joined along a new axis.

    ``axis``: the axis; 0 if absent.
    """
    return _trace.apply("stack", list(x), {"axis": axis})


def broadcast(x: Any, *, shape: Sequence[int | str]) -> Any:
    """Repeated along axes of length 1 to fill a shape, as in numpy.

    ``shape``: the new shape.
    """
    return _trace.apply("broadcast", [x], {"shape": shape})


def expand_dims(x: Any, *, axis: int) -> Any:
    """With a new axis of length 1.

    ``axis``: the position of the axis.
    """
    return _trace.apply("expand_dims", [x], {"axis": axis})


def squeeze(x: Any, *, axis: int) -> Any:
    """Without an axis of length 1.

    ``axis``: the position of the axis.
    """
    return _trace.apply("squeeze", [x], {"axis": axis})


def diagonal(x: Any) -> Any:
    """The diagonal of a square matrix."""
    return _trace.apply("diagonal", [x], {})


def cumsum(x: Any, *, axis: int | None = None) -> Any:
    """The running sum along an axis.

    ``axis``: the axis; 0 if absent.
    """
    return _trace.apply("cumsum", [x], {"axis": axis})


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
