"""Tracing: running a Python function once, on values that stand for data, to write down what it computes."""

from __future__ import annotations

import contextvars
import inspect
import itertools
import math
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Callable, Iterable, Sequence

import numpy as np

from . import _privity
from ._source import Line, caller, frame_of, problem, visible
from ._tensor import Operand, Tensor

if TYPE_CHECKING:
    from .types import DType, Placement, Player

_tracer: contextvars.ContextVar[Tracer | None] = contextvars.ContextVar("privity_tracer", default=None)
#: The ``with`` blocks that are open outside of any computation.
Context = tuple[tuple["Placement | Player", "DType | None"], ...]
_eager: contextvars.ContextVar[Context] = contextvars.ContextVar("privity_eager", default=())


def current() -> Tracer | None:
    """The computation that is being traced, if one is."""
    return _tracer.get()


def needed(what: str) -> Tracer:
    """The computation that is being traced, for what belongs into one."""
    tracer = current()
    if tracer is None:
        raise problem(
            "python.outside",
            f"`{what}` has no computation to belong to",
            "call it inside a @privity.computation, or use operators on values of privity.private(...)",
        )
    return tracer


def enter(place: Placement | Player, dtype: DType | None) -> None:
    """Opens a ``with`` block of a placement."""
    tracer = current()
    if tracer is None:
        _eager.set((*_eager.get(), (place, dtype)))
    else:
        tracer.on(place, dtype)


def leave() -> None:
    """Closes it."""
    tracer = current()
    if tracer is None:
        _eager.set(_eager.get()[:-1])
    else:
        tracer.builder.end_on()


def eager_context() -> Context:
    """The ``with`` blocks that are open outside of any computation."""
    return _eager.get()


def apply(op: str, operands: Sequence[Any], attrs: dict[str, Any]) -> Any:
    """An operator: a step of the computation that is being traced, or part of an eager expression."""
    for x in operands:
        if isinstance(x, Tensor):
            return x._apply(op, operands, attrs)
    return needed(op).apply(op, operands, attrs)


class Value(Tensor):
    """A value of the computation that is being traced: it has a type and a place, but no data."""

    __slots__ = ("_id", "_tracer")

    def __init__(self, tracer: Tracer, id: int) -> None:
        self._tracer = tracer
        self._id = id

    @property
    def shape(self) -> tuple[int | str, ...]:
        """Lengths of the axes: numbers, or names."""
        return tuple(self._tracer.builder.shape(self._id))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> str:
        """The element type, as in the text form."""
        return self._tracer.builder.dtype(self._id)

    def release(self, to: Player | Sequence[Player], name: str | None = None) -> Value:
        """See :func:`privity.release`."""
        from .statements import release

        released: Value = release(self, to=to, name=name)
        return released

    def numpy(self) -> np.ndarray[Any, Any]:
        """Raises: while a computation is written down there is no data."""
        raise problem(
            "python.no-data",
            "a value of a computation has no data: the function only writes down what will be computed",
            "return it released, and run the computation",
        )

    def _apply(self, op: str, operands: Sequence[Any], attrs: dict[str, Any]) -> Value:
        return needed(op).apply(op, operands, attrs)

    def __len__(self) -> int:
        shape = self.shape
        if not shape or isinstance(shape[0], str):
            raise TypeError("its length is no constant; privity.size(name, type=...) is the length of a dimension")
        return shape[0]

    def __repr__(self) -> str:
        return f"<{self._tracer.builder.describe(self._id)}>"


class LatePlayer(BaseException):
    """A player was found after placements were declared: the trace begins anew, and knows it from the start.

    No `Exception`, so that functions that are traced do not catch it.
    """

    def __init__(self, player: Player) -> None:
        super().__init__(player)
        self.player = player


class Tracer:
    """Writes down one computation."""

    def __init__(self, name: str, players: Iterable[Player] = (), scope: dict[str, Any] | None = None) -> None:
        self.builder = _privity.Builder(name)
        self.scope = scope or {}
        #: Values that were released, each with its readers and what was released, to be delivered when returned.
        self.released: dict[int, tuple[list[int], Value]] = {}
        #: Values that were delivered already.
        self.delivered: set[int] = set()
        self._players: list[str] = []
        self._places: dict[Any, int] = {}
        self._named: set[int] = set()
        #: How often each variable has named a value.
        self._times: dict[str, int] = {}
        self._watched: list[Watched] = []
        for p in players:
            self.player(p)

    def __enter__(self) -> Tracer:
        self._token = _tracer.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _tracer.reset(self._token)

    def here(self) -> Line:
        """The user's line. On the way, variables that hold values give them their names."""
        if self._watched:
            self._watched[-1].look(self)
        return caller()

    def player(self, p: Player) -> int:
        """The index of a player or group, declared where it is new."""
        from .types import Group

        if p.name not in self._players:
            if self._places:
                raise LatePlayer(p)
            if isinstance(p, Group):
                self.builder.group(p.name, p.at_least, p.at_most, caller())
            else:
                self.builder.player(p.name, caller())
            self._players.append(p.name)
        return self._players.index(p.name)

    def players(self, to: Player | Iterable[Player]) -> list[int]:
        """The indices of one or several players."""
        from .types import Player

        return [self.player(p) for p in ([to] if isinstance(to, Player) else to)]

    def place(self, p: Placement | Player) -> int:
        """The index of a placement; that of a player is its own."""
        from .types import Player

        if isinstance(p, Player):
            return self.player(p)
        if p.key not in self._places:
            members = [self.player(q) for q in p.players]
            self._places[p.key] = self.builder.placement(self._name_of(p), p.scheme, members, caller())
        return self._places[p.key]

    def _name_of(self, p: Placement) -> str:
        """The name of a placement: its own, or that of a variable that holds it."""
        from .types import Placement

        def same(value: Any) -> bool:
            return isinstance(value, Placement) and value.key == p.key

        if p.name:
            return p.name
        variables = (name for name, value in self.scope.items() if same(value))
        numbered = (f"{p.scheme.replace('-', '_')}_{i}" for i in itertools.count(1))
        return next(n for n in itertools.chain(variables, visible(same), numbered) if self.builder.is_free(n))

    def on(self, place: Placement | Player, dtype: DType | None) -> None:
        """Operators run there, until ``builder.end_on()``."""
        self.builder.on(self.place(place), dtype.name if dtype else None, self.here())

    def value(self, x: Any) -> int:
        """The number of a value of this computation."""
        if not isinstance(x, Value):
            raise TypeError(f"expected a value of the computation, not {type(x).__name__}")
        if x._tracer is not self:
            raise problem("python.foreign", "this value belongs to another computation", "make it an input of this one")
        return x._id

    def name(self, value: Value, name: str) -> None:
        """Names a value after a variable, unless it has a name. A variable that is assigned anew gives x, x_2, x_3."""
        if value._id in self._named:
            return
        self._named.add(value._id)
        first = self._times.get(name, 0) + 1
        # Some of these may be other variables' names; names that are no names in the text are given up.
        for times in range(first, first + 100):
            self._times[name] = times
            if self.builder.try_name(value._id, name if times == 1 else f"{name}_{times}"):
                return

    def apply(self, op: str, operands: Sequence[Any], attrs: dict[str, Any], line: Line | None = None) -> Value:
        """Adds an operator, as the user's line, or another, has it."""
        args = [self._operand(x) for x in operands]
        given = {name: constant(value) if name == "value" else value for name, value in attrs.items()}
        return Value(self, self.builder.op(op, args, given, line or self.here()))

    def _operand(self, x: Operand) -> int | list[Any]:
        """The number of a value; a constant in a list, so that it is not taken for one."""
        if isinstance(x, Value):
            return self.value(x)
        if isinstance(x, Tensor):
            raise problem(
                "python.foreign",
                "a private array cannot be used inside a computation",
                "make it an input, and give the array when it runs",
            )
        return [constant(x)]

    def call(self, fn: Callable[..., Any], args: Sequence[Any]) -> tuple[Any, dict[str, Any]]:
        """Calls a function whose variables name values. Returns its result, and its variables at the end."""
        watched = Watched(getattr(inspect.unwrap(fn), "__code__", None))
        self._watched.append(watched)
        try:
            result = fn(*args)
            return result, watched.look(self)
        finally:
            self._watched.pop()


class Watched:
    """A function that is being traced, whose variables name values, so that the text reads like the function.

    Its frame is found on the stack when a step is added, and then held: so its variables can be read as they are
    assigned and after it has returned, without a hook that debuggers, profilers or coverage would have to share.
    """

    def __init__(self, code: CodeType | None) -> None:
        self._code = code
        self._frame: FrameType | None = None

    def look(self, tracer: Tracer) -> dict[str, Any]:
        """Names values after the variables that hold them now, and returns the variables."""
        if self._frame is None and self._code is not None:
            self._frame = frame_of(self._code)
        variables = dict(self._frame.f_locals) if self._frame is not None else {}
        for name, value in variables.items():
            if isinstance(value, Value) and value._tracer is tracer:
                tracer.name(value, name)
        return variables


def constant(x: Any) -> Any:
    """A public constant as nested lists of Python numbers."""
    if isinstance(x, (np.ndarray, np.generic)):
        x = x.tolist()
    if isinstance(x, (list, tuple)):
        return [constant(i) for i in x]
    if isinstance(x, (bool, int)):
        return x
    if not isinstance(x, float):
        raise TypeError(f"a constant is a number or nested lists of numbers, not {type(x).__name__}")
    if not math.isfinite(x):
        raise problem("literal.range", "a constant must be finite")
    return x
