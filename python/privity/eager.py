"""Eager use, for exploring: expressions over private arrays that run when their result is asked for.

    x = privity.private(array, owner=alice)
    w = privity.private(weights, owner=bob)
    with privity.replicated(alice, bob, carol):
        y = x @ w
    print(y.release(to=alice).numpy())
"""

from __future__ import annotations

import itertools
from typing import Any, Sequence

import numpy as np

from . import _trace
from .errors import ProgramError
from .program import Computation
from .types import DType, Player, TensorType, bool_, f32, f64, i64, u64

_numbers = itertools.count(1)
_DTYPES = {"b": bool_, "i": i64, "u": u64, "f": f64}


class Private:
    """An expression over private arrays. It runs, on secret shares, when :meth:`numpy` asks for its result."""

    __array_priority__ = 1000
    __array_ufunc__ = None

    def __init__(self, op: str, operands: Sequence[Any], attrs: dict[str, Any], context: tuple, line: tuple[str, int]) -> None:
        self._op = op
        self._operands = operands
        self._attrs = attrs
        self._context = context
        self._line = line

    def release(self, to: Player | Sequence[Player]) -> "Private":
        """The same value, which ``to`` may now read."""
        readers = [to] if isinstance(to, Player) else list(to)
        return Private("release", [self], {"to": readers}, _trace.eager_context(), _trace.caller())

    def numpy(self) -> np.ndarray:
        """Runs the expression and returns the result, which must have been released."""
        from .run import local

        if self._op != "release":
            raise ProgramError(
                "this value is private", code="python.private", help="release it first: x.release(to=player).numpy()"
            )
        computation, inputs = self._computation()
        return local().run(computation, inputs)["result"]

    def disclose(self) -> str:
        """What running this expression would disclose."""
        return self._computation()[0].disclose()

    def __getitem__(self, at: Any) -> "Private":
        return apply("index", [self], {"at": _trace.index_items(at)})

    @property
    def T(self) -> "Private":
        """The axes in reverse order."""
        return apply("transpose", [self], {})

    def __bool__(self) -> bool:
        raise ProgramError("a private value cannot decide a Python `if`", code="python.branch", help="use pv.select(...)")

    def __repr__(self) -> str:
        return f"<private {self._op}>"

    def _computation(self) -> tuple[Computation, dict[str, np.ndarray]]:
        nodes = list(_in_order(self))
        inputs = {n.name: n.array for n in nodes if isinstance(n, Input)}
        with _trace.Tracer("eager", {}) as tracer:
            tracer.declare(_players(nodes))
            values: dict[int, _trace.Value] = {}
            for node in nodes:
                values[id(node)] = node._build(tracer, values)
            readers = [tracer.player(p) for p in self._attrs["to"]]
            tracer.builder.output(values[id(self)].id, readers, "result", self._line)
            return Computation(tracer.builder.finish()), inputs

    def _build(self, tracer: _trace.Tracer, values: dict[int, _trace.Value]) -> _trace.Value:
        for place, dtype in self._context:
            tracer.on(place, dtype)
        try:
            operands = [values[id(x)] if isinstance(x, Private) else x for x in self._operands]
            if self._op == "release":
                readers = [tracer.player(p) for p in self._attrs["to"]]
                return _trace.Value(tracer, tracer.builder.release(operands[0].id, readers, self._line))
            return tracer.apply(self._op, operands, self._attrs)
        finally:
            for _ in self._context:
                tracer.builder.end_on()


_trace.with_operators(Private)


class Input(Private):
    """A private array of one owner."""

    def __init__(self, array: np.ndarray, owner: Player, dtype: DType) -> None:
        super().__init__("input", [], {}, (), _trace.caller())
        self.array = array
        self.owner = owner
        self.type = TensorType(dtype, array.shape)
        self.name = f"x{next(_numbers)}"

    def _build(self, tracer: _trace.Tracer, values: dict[int, _trace.Value]) -> _trace.Value:
        place = tracer.player(self.owner)
        shape = [str(n) for n in self.type.shape]
        return _trace.Value(tracer, tracer.builder.input(self.name, str(self.type.dtype), shape, place, [(place, [])], self._line))


def private(array: Any, *, owner: Player) -> Private:
    """A private array of one owner, for eager use."""
    data = np.asarray(array)
    dtype = f32 if data.dtype == np.float32 else _DTYPES.get(data.dtype.kind)
    if dtype is None:
        raise TypeError(f"arrays of {data.dtype} cannot be private values")
    if dtype is not f32:
        data = data.astype({"b": np.bool_, "i": np.int64, "u": np.uint64, "f": np.float64}[data.dtype.kind])
    return Input(data, owner, dtype)


def apply(op: str, operands: Sequence[Any], attrs: dict[str, Any]) -> Private:
    """An operator on private arrays and public constants."""
    return Private(op, list(operands), attrs, _trace.eager_context(), _trace.caller())


def _in_order(root: Private) -> list[Private]:
    """The nodes of an expression, operands first, each once; without recursion, since expressions may be deep."""
    order: list[Private] = []
    seen: set[int] = set()
    stack: list[tuple[Private, bool]] = [(root, False)]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack += [(x, False) for x in reversed(node._operands) if isinstance(x, Private)]
    return order


def _players(nodes: Sequence[Private]) -> list[Player]:
    players: list[Player] = []
    for node in nodes:
        if isinstance(node, Input):
            players.append(node.owner)
        for place, _ in node._context:
            players += [place] if isinstance(place, Player) else list(place.players)
        players += node._attrs.get("to", [])
    return players


__all__ = ["Private", "private"]
