"""numpy arrays as the data of players: brought to the declared type where no number changes, refused where one would."""

from __future__ import annotations

from typing import Any

import numpy as np

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


def as_declared(value: Any, name: str, player: str, dtype: str) -> Array:
    """An input's data as its declaration has it.

    Raises :class:`RunError` if there is a NaN or an infinity, or if a number would change; it says where, but never
    shows a number. Raises :class:`TypeError` for arrays of what is no number.
    """
    array, _ = held(value)

    def refuse(bad: Array, code: str, what: str, help: str) -> None:
        if bad.any():
            first = [int(i[0]) for i in np.nonzero(bad)] if bad.ndim else []
            where = f" at position {first[0] if len(first) == 1 else first}" if first else ""
            raise RunError(f"the input `{name}` of {player} {what}{where}", code, player, help)

    if array.dtype.kind == "f":
        refuse(~np.isfinite(array), "data.not-finite", "has a NaN or an infinity", "fill in or leave out missing values, for all owners alike")
    # Fixed point is encoded at the owner, from a double or a whole number.
    wanted = _NUMPY.get(dtype, np.int64 if array.dtype.kind in "iu" else np.float64)
    if array.dtype == wanted:
        return array
    with np.errstate(all="ignore"):
        converted = array.astype(wanted)
        kept = (converted.astype(array.dtype) == array) & ((converted < 0) == (array < 0))
    if array.dtype.kind == "b" or np.dtype(wanted).kind == "b":
        kept = np.zeros_like(kept)
    help = f"convert it with `.astype(numpy.{np.dtype(wanted)})` if that is what you mean"
    refuse(~np.atleast_1d(kept) if array.ndim == 0 else ~kept, "data.element-type", f"is {array.dtype}, and declared as {dtype}: it does not fit", help)
    return converted


def keys_of(column: Any, name: str, player: str) -> list[str]:
    """A key column as text: two owners' keys are equal if they are written equally."""
    array = np.asarray(column)
    if array.ndim != 1 or array.dtype.kind not in "iuSUOb":
        help = "give one whole number or text for each row"
        raise RunError(f"the key column of the input `{name}` of {player} is no list of keys", "data.no-key", player, help)
    return [k.decode() if isinstance(k, bytes) else str(k) for k in array.tolist()]
