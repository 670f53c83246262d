"""What values of a computation and private arrays have in common: Python's operators, as operators of the language."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Iterator, Sequence, TypeVar, Union

import numpy as np

from ._source import problem

if TYPE_CHECKING:
    from .types import DType, Player

Self = TypeVar("Self", bound="Tensor")

#: What an operator takes: a tensor, or a public constant.
Operand = Union["Tensor", bool, int, float, "np.ndarray[Any, Any]", "np.generic", Sequence[Any]]
#: One position or range of an axis, or several.
Index = Union[int, slice, tuple[Union[int, slice], ...]]
#: An axis, or several.
Axis = Union[int, Sequence[int], None]


class Tensor(ABC):
    """A tensor whose elements are secret: a value of a computation, or an eager private array."""

    __slots__ = ("__weakref__",)
    __array_ufunc__ = None  # numpy arrays leave operators to it
    __hash__ = object.__hash__

    @abstractmethod
    def _apply(self: Self, op: str, operands: Sequence[Any], attrs: dict[str, Any]) -> Self:
        """An operator of the language."""

    @abstractmethod
    def release(self: Self, to: Player | Sequence[Player], name: str | None = None) -> Self:
        """The same value, which ``to`` may now read. Every owner concerned must ratify it."""

    @abstractmethod
    def numpy(self) -> np.ndarray[Any, Any]:
        """The elements, once they are released."""

    def __add__(self: Self, other: Operand) -> Self:
        return self._apply("add", [self, other], {})

    def __radd__(self: Self, other: Operand) -> Self:
        return self._apply("add", [other, self], {})

    def __sub__(self: Self, other: Operand) -> Self:
        return self._apply("sub", [self, other], {})

    def __rsub__(self: Self, other: Operand) -> Self:
        return self._apply("sub", [other, self], {})

    def __mul__(self: Self, other: Operand) -> Self:
        return self._apply("mul", [self, other], {})

    def __rmul__(self: Self, other: Operand) -> Self:
        return self._apply("mul", [other, self], {})

    def __truediv__(self: Self, other: Operand) -> Self:
        return self._apply("div", [self, other], {})

    def __rtruediv__(self: Self, other: Operand) -> Self:
        return self._apply("div", [other, self], {})

    def __matmul__(self: Self, other: Operand) -> Self:
        return self._apply("matmul", [self, other], {})

    def __rmatmul__(self: Self, other: Operand) -> Self:
        return self._apply("matmul", [other, self], {})

    def __and__(self: Self, other: Operand) -> Self:
        return self._apply("logical_and", [self, other], {})

    def __rand__(self: Self, other: Operand) -> Self:
        return self._apply("logical_and", [other, self], {})

    def __or__(self: Self, other: Operand) -> Self:
        return self._apply("logical_or", [self, other], {})

    def __ror__(self: Self, other: Operand) -> Self:
        return self._apply("logical_or", [other, self], {})

    def __xor__(self: Self, other: Operand) -> Self:
        return self._apply("logical_xor", [self, other], {})

    def __rxor__(self: Self, other: Operand) -> Self:
        return self._apply("logical_xor", [other, self], {})

    def __lt__(self: Self, other: Operand) -> Self:
        return self._apply("less", [self, other], {})

    def __le__(self: Self, other: Operand) -> Self:
        return self._apply("less_equal", [self, other], {})

    def __gt__(self: Self, other: Operand) -> Self:
        return self._apply("greater", [self, other], {})

    def __ge__(self: Self, other: Operand) -> Self:
        return self._apply("greater_equal", [self, other], {})

    def __eq__(self: Self, other: Operand) -> Self:  # type: ignore[override]
        return self._apply("equal", [self, other], {})

    def __ne__(self: Self, other: Operand) -> Self:  # type: ignore[override]
        return self._apply("not_equal", [self, other], {})

    def __neg__(self: Self) -> Self:
        return self._apply("neg", [self], {})

    def __pos__(self: Self) -> Self:
        return self

    def __invert__(self: Self) -> Self:
        return self._apply("logical_not", [self], {})

    def __abs__(self: Self) -> Self:
        return self._apply("abs", [self], {})

    def __pow__(self: Self, exponent: int) -> Self:
        if exponent != 2:
            raise TypeError("only `x ** 2` is a power here; write products, or use exp and log")
        return self._apply("square", [self], {})

    def __getitem__(self: Self, at: Index) -> Self:
        return self._apply("index", [self], {"at": _index(at)})

    def __bool__(self) -> bool:
        raise problem(
            "python.branch",
            "a secret cannot decide a Python `if`, `while`, `and`, `or` or `not`",
            "choose with privity.select(condition, x, y); combine with `&`, `|` and `~`",
        )

    def __iter__(self: Self) -> Iterator[Self]:
        # Without this Python would try one index after the other, for ever.
        raise TypeError("a secret tensor cannot be iterated over; take rows as x[0], x[1], or use its operators")

    @property
    def T(self: Self) -> Self:
        """The axes in reverse order."""
        return self._apply("transpose", [self], {})

    def sum(self: Self, axis: Axis = None, keepdims: bool = False) -> Self:
        """The sum over axes."""
        return self._apply("sum", [self], {"axis": axis, "keepdims": keepdims})

    def mean(self: Self, axis: Axis = None, keepdims: bool = False) -> Self:
        """The mean over axes."""
        return self._apply("mean", [self], {"axis": axis, "keepdims": keepdims})

    def min(self: Self, axis: Axis = None, keepdims: bool = False) -> Self:
        """The least value over axes."""
        return self._apply("min", [self], {"axis": axis, "keepdims": keepdims})

    def max(self: Self, axis: Axis = None, keepdims: bool = False) -> Self:
        """The greatest value over axes."""
        return self._apply("max", [self], {"axis": axis, "keepdims": keepdims})

    def reshape(self: Self, *shape: int | str) -> Self:
        """The same elements in another shape, row-major."""
        return self._apply("reshape", [self], {"shape": shape})

    def astype(self: Self, dtype: DType) -> Self:
        """The same numbers in another element type."""
        return self._apply("cast", [self], {"type": dtype})


def _index(at: Index) -> list[int | tuple[int | None, int | None, int]]:
    """An index expression in the form that the builder takes."""
    items: list[int | tuple[int | None, int | None, int]] = []
    for item in at if isinstance(at, tuple) else (at,):
        if isinstance(item, slice):
            items.append((item.start, item.stop, 1 if item.step is None else item.step))
        elif isinstance(item, (int, np.integer)) and not isinstance(item, bool):
            items.append(int(item))
        else:
            raise TypeError(f"an index is a public number or a range, not {type(item).__name__}")
    return items
