"""numpy arrays as the data of players: brought to the declared type if no number changes by it, refused otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _privity
from .errors import RunError
from .types import DType, bool_, f32, f64, i64, u64

Array = np.ndarray[Any, Any]

_BY_KIND = {"b": (np.bool_, bool_), "i": (np.int64, i64), "u": (np.uint64, u64), "f": (np.float64, f64)}
_NUMPY: dict[str, Any] = {"bool": np.bool_, "i64": np.int64, "u64": np.uint64, "f32": np.float32, "f64": np.float64}


def held(value: Any) -> tuple[Array, DType]:
    """An array with the element type that a player holds it as."""
    array = np.asarray(value)
    if array.dtype == np.float32:
        return array, f32
    if array.dtype.kind not in _BY_KIND or array.dtype.itemsize > 8:
        raise TypeError(
            f"arrays of {array.dtype} cannot be private values; use bool, int64, uint64, float32 or float64"
        )
    wanted, dtype = _BY_KIND[array.dtype.kind]
    return array.astype(wanted), dtype


@dataclass(frozen=True)
class Declared:
    """An input as the computation declares it."""

    name: str
    player: str
    dtype: str
    shape: list[str]

    def refuse(self, code: str, what: str, help: str) -> RunError:
        """The error for data that do not fit."""
        return RunError(f"the input `{self.name}` of {self.player} {what}", code, self.player, help)


def declarations(native: _privity.Computation) -> list[Declared]:
    """The inputs of a computation."""
    return [Declared(*declared) for declared in native.inputs()]


def as_declared(value: Any, declared: Declared) -> Array:
    """An input's data as its declaration has it.

    Raises :class:`RunError` if it has other axes, if there is a NaN or an infinity, or if a number would change; it
    says where, but never shows a number. Raises :class:`TypeError` for arrays of what is no number.
    """
    array, _ = held(value)
    if array.ndim != len(declared.shape):
        what = f"has {array.ndim} axes, and is declared with {len(declared.shape)}"
        raise declared.refuse("data.rank", what, "reshape it, or correct the declaration")
    if array.dtype.kind == "f" and not (finite := np.isfinite(array)).all():
        help = "fill in or leave out missing values, for all owners alike"
        raise declared.refuse("data.not-finite", f"has a NaN or an infinity{_first(~finite)}", help)
    # Fixed point is encoded at the owner, from a double or a whole number.
    wanted = np.dtype(_NUMPY.get(declared.dtype, np.int64 if array.dtype.kind in "iu" else np.float64))
    if array.dtype == wanted:
        return array
    kept = _unchanged(array, wanted)
    if not kept.all():
        what = f"is {array.dtype}, declared as {declared.dtype}, and does not fit{_first(~kept)}"
        help = f"convert it with `.astype(numpy.{wanted})`, if that is what you mean"
        raise declared.refuse("data.element-type", what, help)
    return array.astype(wanted)


def _unchanged(array: Array, wanted: np.dtype[Any]) -> Array:
    """Which numbers are the same in another type. Truth values are no numbers."""
    if "b" in (array.dtype.kind, wanted.kind):
        return np.zeros(array.shape, dtype=np.bool_)
    with np.errstate(all="ignore"):
        converted = array.astype(wanted)
        same: Array = (converted.astype(array.dtype) == array) & ((converted < 0) == (array < 0))
    return same


def _first(bad: Array) -> str:
    """The position of the first element, in words."""
    if bad.ndim == 0:
        return ""
    first = tuple(int(i[0]) for i in np.nonzero(bad))
    return f" at position {first[0] if len(first) == 1 else list(first)}"


def keys_of(column: Any, name: str, player: str) -> list[str]:
    """A key column as text: two owners' keys are equal if they are written equally."""
    array = np.asarray(column)
    if array.ndim != 1 or array.dtype.kind not in "iuSUOb":
        message = f"the key column of the input `{name}` of {player} is no list of keys"
        raise RunError(message, "data.no-key", player, "give one whole number or text for each row")
    return [k.decode() if isinstance(k, bytes) else str(k) for k in array.tolist()]
