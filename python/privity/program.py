"""Computations as Python functions."""

from __future__ import annotations

import functools
import inspect
import json
from typing import Any, Callable, Iterable, Mapping, Sequence

from . import _privity, _trace
from .errors import ProgramError
from .types import InputType, Placement, Player

Players = Player | Sequence[Player]


def _players(to: Players) -> list[Player]:
    return [to] if isinstance(to, Player) else list(to)


class Computation:
    """A program: whose values are whose, where each step runs, and who learns the results.

    Made by :func:`computation`, or from text by :func:`parse`. It is checked when it is made, so every mistake
    shows at once.
    """

    def __init__(self, native: Any, returns: Any = None) -> None:
        self._native = native
        self._returns = returns
        self._native.check()

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

    def disclose(self, corrupt: Iterable[Player | str] = ()) -> "Report":
        """What each party would disclose, to whom, and under which assumption.

        With ``corrupt``, what these players would learn if they were corrupt together.
        """
        names = [str(p) for p in corrupt]
        words, data = self._native.disclose(names)
        return Report(words, json.loads(data))

    def explain(self, player: Player | str | None = None, **dims: int) -> "Report":
        """The plan of a player, or of all, with predicted rounds and bytes (``explain(n=442)``)."""
        words, data = self._native.explain(str(player) if player else None, dims)
        return Report(words, json.loads(data))

    @property
    def inputs(self) -> dict[str, str]:
        """The inputs' names, and the players they start at."""
        return dict(self._native.inputs())

    def __repr__(self) -> str:
        return f"<computation {self.name} {self.digest[:12]}>"

    def __str__(self) -> str:
        return self.text()


class Report(str):
    """Words for people, and the same as data in ``data``."""

    data: Any

    def __new__(cls, words: str, data: Any) -> "Report":
        report = super().__new__(cls, words)
        report.data = data
        return report

    def __repr__(self) -> str:
        return str(self)


def parse(text: str) -> Computation:
    """A computation from its text form.

    Raises :class:`ProgramError` with all its mistakes, each with its line.
    """
    return Computation(_privity.parse(text))


def computation(fn: Callable | None = None, *, name: str | None = None) -> Any:
    """Makes a computation of a function.

    Its parameters are the inputs, declared by their annotations (``bmi: pv.f64["n"] @ clinic``); what it returns are
    released values, which are delivered under the name of the variable (or the key of a dictionary) that holds them.
    """
    if fn is None:
        return functools.partial(computation, name=name)
    return _trace_function(fn, name or fn.__name__)


def _trace_function(fn: Callable, name: str) -> Computation:
    scope = _trace.scope_of(fn)
    declared = inspect.get_annotations(fn, eval_str=True)
    parameters = list(inspect.signature(fn).parameters)
    for p in parameters:
        if not isinstance(declared.get(p), InputType):
            raise ProgramError(
                f"the parameter `{p}` of {name} does not say what it is and whose",
                code="python.annotation",
                help=f'annotate it, as `{p}: pv.f64["n"] @ clinic`',
            )
    with _trace.Tracer(name, scope) as tracer:
        _declare(tracer, scope, [declared[p] for p in parameters])
        args = {p: _input(tracer, p, declared[p]) for p in parameters}
        result, kept = _trace.call_and_keep_locals(fn, args)
        tracer.name_locals(kept)
        _deliver(tracer, result, name, kept)
        return Computation(tracer.builder.finish())


def _declare(tracer: _trace.Tracer, scope: Mapping[str, Any], inputs: Sequence[InputType]) -> None:
    """Players in the order of the inputs, then all others that the function can see."""
    players: list[Player] = []
    for i in inputs:
        players += [i.player] + [p for owner, readers in i.owners for p in (owner, *readers)]
    for value in scope.values():
        if isinstance(value, Player):
            players.append(value)
        elif isinstance(value, Placement):
            players += value.players
    tracer.declare(players)


def _input(tracer: _trace.Tracer, name: str, declared: InputType) -> _trace.Value:
    label = [(tracer.player(owner), [tracer.player(r) for r in readers]) for owner, readers in declared.owners]
    place = tracer.place(declared.player)
    shape = [str(d) for d in declared.type.shape]
    return _trace.Value(tracer, tracer.builder.input(name, declared.type.dtype.name, shape, place, label, _trace.caller()))


def _deliver(tracer: _trace.Tracer, result: Any, name: str, kept: Mapping[str, Any]) -> None:
    if result is None:
        return
    if isinstance(result, Mapping):
        named = list(result.items())
    elif isinstance(result, (tuple, list)):
        named = [(_variable(kept, v) or f"result{i + 1}", v) for i, v in enumerate(result)]
    else:
        named = [(_variable(kept, result) or name, result)]
    for output, value in named:
        if not isinstance(value, _trace.Value):
            raise ProgramError(f"the result `{output}` is no value of the computation", code="python.result")
        readers = tracer.released.get(value.id)
        if readers is None:
            raise ProgramError(
                f"the result `{output}` is not released to anyone",
                code="python.result",
                help="return pv.release(value, to=player)",
            )
        tracer.builder.output(value.id, readers, output, _trace.caller())


def _variable(kept: Mapping[str, Any], value: Any) -> str | None:
    return next((n for n, v in kept.items() if v is value), None)


def _tracer(what: str) -> _trace.Tracer:
    tracer = _trace.current()
    if tracer is None:
        raise ProgramError(f"`{what}` belongs into a @privity.computation", code="python.outside")
    return tracer


def release(x: _trace.Value, *, to: Players, name: str | None = None) -> _trace.Value:
    """The same value, which ``to`` may now read. Every owner concerned must ratify it.

    With a name it is delivered at once under that name; otherwise when it is returned from the computation.
    """
    if not isinstance(x, _trace.Value):
        return x.release(to=to)
    tracer = _tracer("release")
    readers = [tracer.player(p) for p in _players(to)]
    released = tracer.builder.release(tracer.value(x).id, readers, _trace.caller())
    if name is not None:
        tracer.builder.output(released, readers, name, _trace.caller())
    else:
        tracer.released[released] = readers
    return _trace.Value(tracer, released)


def output(x: _trace.Value, *, to: Players, name: str) -> None:
    """Delivers a value to players who may read it anyway, without widening its label."""
    tracer = _tracer("output")
    tracer.builder.output(tracer.value(x).id, [tracer.player(p) for p in _players(to)], name, _trace.caller())


def classify(x: _trace.Value, *, owner: Player, readers: Players = ()) -> _trace.Value:
    """The same value under a narrower label: ``owner`` owns it too, and allows only ``readers``."""
    tracer = _tracer("classify")
    label = [(tracer.player(owner), [tracer.player(p) for p in _players(readers)])]
    return _trace.Value(tracer, tracer.builder.classify(tracer.value(x).id, label, _trace.caller()))


def move(x: _trace.Value, to: Placement | Player, dtype: Any = None) -> _trace.Value:
    """The same value at another placement, as another element type if one is named."""
    tracer = _tracer("move")
    place = tracer.place(to)
    moved = tracer.builder.move_to(tracer.value(x).id, place, dtype.name if dtype else None, _trace.caller())
    return _trace.Value(tracer, moved)


def match_rows(dim: str, by: str) -> None:
    """The rows along ``dim`` are matched by the key column ``by``: its owners compare them before anything is computed."""
    _tracer("match_rows").builder.match_dim(dim, by, _trace.caller())


def repeat(times: int, body: Callable, *init: _trace.Value) -> Any:
    """Runs ``body`` a fixed number of times: it takes the carried values and returns their next ones.

    The loop stays a loop: a program of a million iterations is as long as one of two.
    """
    tracer = _tracer("repeat")
    ids = tracer.builder.begin_repeat(times, [tracer.value(v).id for v in init], _trace.caller())
    return _region(tracer, body, ids, len(init))


def fold(body: Callable, over: Sequence[_trace.Value], *init: _trace.Value, by: int, drop: bool = False) -> Any:
    """Runs ``body`` on batch after batch of ``by`` rows: it takes the batches, then the carried values, and returns the
    next ones. Rows that do not fill a batch are an error, unless ``drop`` leaves them out.
    """
    tracer = _tracer("fold")
    tensors = [tracer.value(v).id for v in over]
    ids = tracer.builder.begin_fold(by, drop, tensors, [tracer.value(v).id for v in init], _trace.caller())
    return _region(tracer, body, ids, len(init))


def _region(tracer: _trace.Tracer, body: Callable, ids: Sequence[int], carried: int) -> Any:
    names = list(inspect.signature(body).parameters)
    values = [_trace.Value(tracer, i) for i in ids]
    tracer.name_locals(dict(zip(names, values)))
    try:
        result, kept = _trace.call_and_keep_locals(body, dict(zip(names, values)))
        tracer.name_locals(kept)
        result = result if isinstance(result, tuple) else (result,)
        after = tracer.builder.end_loop([tracer.value(v).id for v in result], _trace.caller())
    except BaseException:
        tracer.builder.abandon()
        raise
    values = tuple(_trace.Value(tracer, i) for i in after)
    return values[0] if carried == 1 else values


def constant(value: Any, dtype: Any) -> _trace.Value:
    """A public constant of a given type."""
    from .types import number_text

    tracer = _tracer("constant")
    return _trace.Value(tracer, tracer.builder.constant(number_text(value), dtype.name, _trace.caller()))


__all__ = [
    "Computation", "Report", "classify", "computation", "constant", "fold", "match_rows", "move", "output", "parse", "release",
    "repeat",
]
