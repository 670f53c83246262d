"""Eager use, for exploring: expressions over private arrays that run when their result is asked for.

    x = privity.private(array, owner=alice)
    w = privity.private(weights, owner=bob)
    with privity.replicated(alice, bob, carol):
        y = x @ w
    print(y.release(to=alice).numpy())
"""

from __future__ import annotations

import itertools
from typing import Any, Iterator, Sequence

import numpy as np

from . import _arrays, _trace
from ._source import Line, caller, problem
from ._tensor import Tensor
from .program import Computation, Report
from .types import DType, Player, TensorType

_numbers = itertools.count(1)


class Private(Tensor):
    """An expression over private arrays. It runs, on secret shares, when :meth:`numpy` asks for its result."""

    def __init__(self, op: str, operands: Sequence[Any], attrs: dict[str, Any]) -> None:
        self._op = op
        self._operands = operands
        self._attrs = attrs
        self._context = _trace.eager_context()
        self._line: Line = caller()
        self._result: np.ndarray[Any, Any] | None = None

    def release(self, to: Player | Sequence[Player], name: str | None = None) -> Private:
        """The same value, which ``to`` may now read."""
        readers = [to] if isinstance(to, Player) else list(to)
        return Private("release", [self], {"to": readers, "name": name or "result"})

    def numpy(self) -> np.ndarray[Any, Any]:
        """The result, which must have been released. The expression runs when this is first asked for."""
        from .run import local

        if self._result is None:
            computation, inputs = self._computation()
            self._result = local().run(computation, inputs)[self._attrs["name"]]
        return self._result

    def disclose(self, corrupt: Sequence[Player] = ()) -> Report:
        """What running this expression would disclose."""
        return self._computation()[0].disclose(corrupt)

    def _apply(self, op: str, operands: Sequence[Any], attrs: dict[str, Any]) -> Private:
        for x in operands:
            if isinstance(x, _trace.Value):
                raise problem(
                    "python.foreign",
                    "a private array cannot be used inside a computation",
                    "make it an input, and give the array when it runs",
                )
        return Private(op, list(operands), attrs)

    def __repr__(self) -> str:
        return f"<private {self._op}>"

    def _computation(self) -> tuple[Computation, dict[str, np.ndarray[Any, Any]]]:
        """The expression as a computation, and its inputs."""
        if self._op != "release":
            raise problem("python.private", "this value is private", "release it first: x.release(to=player).numpy()")
        nodes = _in_order(self)
        with _trace.Tracer("eager", _players(nodes)) as tracer:
            values: dict[int, _trace.Value] = {}
            for node in nodes:
                for place, dtype in node._context:
                    tracer.on(place, dtype)
                values[id(node)] = node._build(tracer, values)
                for _ in node._context:
                    tracer.builder.end_on()
            readers = tracer.players(self._attrs["to"])
            tracer.builder.output(tracer.value(values[id(self)]), readers, self._attrs["name"], self._line)
            computation = Computation(tracer.builder.finish())
        return computation, {n.name: n.array for n in nodes if isinstance(n, Input)}

    def _build(self, tracer: _trace.Tracer, values: dict[int, _trace.Value]) -> _trace.Value:
        """This node as a step of a computation, after those it needs."""
        operands = [values[id(x)] if isinstance(x, Private) else x for x in self._operands]
        if self._op == "release":
            readers = tracer.players(self._attrs["to"])
            return _trace.Value(tracer, tracer.builder.release(tracer.value(operands[0]), readers, self._line))
        return tracer.apply(self._op, operands, self._attrs, self._line)


class Input(Private):
    """A private array of one owner."""

    def __init__(self, array: np.ndarray[Any, Any], owner: Player, dtype: DType) -> None:
        super().__init__("input", [], {})
        self.array = array
        self.owner = owner
        self.type = TensorType(dtype, array.shape)
        self.name = f"x{next(_numbers)}"

    def _build(self, tracer: _trace.Tracer, values: dict[int, _trace.Value]) -> _trace.Value:
        place = tracer.player(self.owner)
        shape = [str(n) for n in self.type.shape]
        made = tracer.builder.input(self.name, str(self.type.dtype), shape, place, [(place, [])], self._line)
        return _trace.Value(tracer, made)


def private(array: Any, *, owner: Player) -> Private:
    """A private array of one owner, for eager use: whatever ``numpy.asarray`` takes."""
    data, dtype = _arrays.held(array)
    # What is changed in the caller's array later must not change an expression that was written down.
    return Input(data.copy(), owner, dtype)


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


def _players(nodes: Sequence[Private]) -> Iterator[Player]:
    """All players of an expression, owners first."""
    yield from (node.owner for node in nodes if isinstance(node, Input))
    for node in nodes:
        for place, _ in node._context:
            yield from [place] if isinstance(place, Player) else place.players
        yield from node._attrs.get("to", [])


__all__ = ["Private", "private"]
