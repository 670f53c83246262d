"""Computations as Python functions."""

from __future__ import annotations

import html
import inspect
import json
import sys
from collections.abc import Mapping
from types import CodeType
from typing import Any, Callable, Iterable, Iterator, Sequence, overload

from . import _privity, _trace
from ._source import problem
from ._trace import Tracer, Value
from .statements import deliver
from .types import InputType, Placement, Player


class Report(str):
    """Words for people, and the same as data in ``data``."""

    data: Any

    def __new__(cls, words: str, data: Any) -> Report:
        report = super().__new__(cls, words)
        report.data = data
        return report

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self)}</pre>"


class Computation:
    """A program: whose values are whose, where each step runs, and who learns the results.

    Made by :func:`computation`, or from text by :func:`parse`. It is checked when it is made, so every mistake shows at
    once.
    """

    def __init__(self, native: _privity.Computation) -> None:
        self._native = native

    @property
    def name(self) -> str:
        """Its name."""
        return self._native.name

    def text(self) -> str:
        """The text that parties read and sign."""
        return self._native.text()

    @property
    def digest(self) -> str:
        """The digest of that text, in hex."""
        return self._native.digest()

    @property
    def inputs(self) -> dict[str, str]:
        """The inputs' names, and the players they start at."""
        return {name: player for name, player, _, _ in self._native.inputs()}

    def disclose(self, corrupt: Iterable[Player | str] | Player | str = ()) -> Report:
        """What each party would disclose, to whom, and under which assumption.

        With ``corrupt``, what these players would learn if they were corrupt together.
        """
        names = [corrupt] if isinstance(corrupt, (Player, str)) else corrupt
        words, data = self._native.disclose([str(p) for p in names])
        return Report(words, json.loads(data))

    def explain(self, player: Player | str | None = None, **dims: int) -> Report:
        """The plan of a player, or of all, with the rounds and bytes that it will take (``explain(n=442)``)."""
        words, data = self._native.explain(None if player is None else str(player), dims)
        return Report(words, json.loads(data))

    def __repr__(self) -> str:
        return f"<computation {self.name} {self.digest[:12]}>"

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.text())}</pre>"


def parse(text: str, name: str = "text") -> Computation:
    """A computation from its text form; ``name`` is what errors call it.

    Raises :class:`ProgramError` with all its mistakes, each with its line.
    """
    return Computation(_privity.parse(text, name))


@overload
def computation(fn: Callable[..., Any], /) -> Computation: ...
@overload
def computation(*, name: str | None = None) -> Callable[[Callable[..., Any]], Computation]: ...
def computation(fn: Callable[..., Any] | None = None, /, *, name: str | None = None) -> Any:
    """Makes a computation of a function.

    Its parameters are the inputs, declared by their annotations (``bmi: pv.f64["n"] @ clinic``). What it returns are
    released values: one is delivered under the computation's name, several under the names of the variables that hold
    them, those of a dictionary under its keys. The function runs once, here, to write down what it computes.
    """
    # What the decorated function's annotations may name besides its own closure.
    around = dict(sys._getframe(1).f_locals)

    def make(fn: Callable[..., Any]) -> Computation:
        return _Function(fn, name or fn.__name__, around).computation()

    return make if fn is None else make(fn)


class _Function:
    """A function that is to become a computation."""

    def __init__(self, fn: Callable[..., Any], name: str, around: dict[str, Any]) -> None:
        inner = inspect.unwrap(fn)
        if not inspect.isfunction(inner):
            raise TypeError(f"a computation is made of a function, not of {type(fn).__name__}")
        if inspect.isgeneratorfunction(inner) or inspect.iscoroutinefunction(inner):
            raise problem("python.function", f"{name} must be an ordinary function, without `yield` and `async`")
        self._fn = fn
        self._name = name
        self._code = inner.__code__
        self._line = (self._code.co_filename, self._code.co_firstlineno)
        closure = inspect.getclosurevars(inner).nonlocals
        self._scope: dict[str, Any] = {**inner.__globals__, **closure}
        declared = inspect.get_annotations(fn, eval_str=True, locals={**around, **closure})
        self._inputs: dict[str, InputType] = {}
        for p in inspect.signature(fn).parameters:
            if not isinstance(declared.get(p), InputType):
                message = f"the parameter `{p}` of {name} does not say what it is and whose"
                help = f'annotate it, as `{p}: privity.f64["n"] @ clinic`'
                raise problem("python.annotation", message, help, self._line)
            self._inputs[p] = declared[p]

    def computation(self) -> Computation:
        """Traces it."""
        players = list(self._players())
        while True:
            try:
                return self._trace(players)
            except _trace.LatePlayer as late:
                # Players are declared first; now it is known that there is one more.
                players.append(late.player)

    def _players(self) -> Iterator[Player]:
        """Players in the order of the inputs, then those that the function's code names."""
        for declared in self._inputs.values():
            yield from declared.players()
        for name in _names(self._code):
            value = self._scope.get(name)
            if isinstance(value, Player):
                yield value
            elif isinstance(value, Placement):
                yield from value.players

    def _trace(self, players: Sequence[Player]) -> Computation:
        with Tracer(self._name, players, self._scope) as tracer:
            args = [self._input(tracer, name, declared) for name, declared in self._inputs.items()]
            result, variables = tracer.call(self._fn, args)
            self._deliver(tracer, result, variables)
            return Computation(tracer.builder.finish())

    def _input(self, tracer: Tracer, name: str, declared: InputType) -> Value:
        label = [(tracer.player(owner), tracer.players(readers)) for owner, readers in declared.owners]
        shape = [str(d) for d in declared.type.shape]
        place = tracer.place(declared.player)
        made = tracer.builder.input(name, declared.type.dtype.name, shape, place, label, self._line)
        if declared.type.limits is not None:
            tracer.builder.range(made, *declared.type.limits, self._line)
        return Value(tracer, made)

    def _deliver(self, tracer: Tracer, result: Any, variables: Mapping[str, Any]) -> None:
        """Delivers what the function returned."""
        for name, value in self._named(tracer, result, variables):
            if isinstance(value, Value) and tracer.value(value) in tracer.delivered:
                continue
            if not isinstance(value, Value) or value._id not in tracer.released:
                message = f"the result `{name}` of {self._name} is not released to anyone"
                raise problem("python.result", message, "return privity.release(value, to=player)", self._line)
            deliver(value, name)

    def _named(self, tracer: Tracer, result: Any, variables: Mapping[str, Any]) -> list[tuple[str, Any]]:
        if result is None:
            return []
        if isinstance(result, Mapping):
            return [(str(name), value) for name, value in result.items()]
        if not isinstance(result, (tuple, list)):
            return [(self._name, result)]

        def variable(value: Any) -> str | None:
            return next((n for n, v in variables.items() if v is value), None)

        def name(i: int, value: Any) -> str:
            released = tracer.released.get(value._id) if isinstance(value, Value) else None
            return variable(value) or (variable(released[1]) if released else None) or f"result {i + 1}"

        return [(name(i, value), value) for i, value in enumerate(result)]


def _names(code: CodeType) -> Iterator[str]:
    """The names that a function's code mentions, also in the functions inside it."""
    yield from code.co_names
    yield from code.co_freevars
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


__all__ = ["Computation", "Report", "computation", "parse"]
