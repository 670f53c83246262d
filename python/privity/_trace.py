"""Tracing: running a Python function once, on values that stand for data, to write down what it computes."""

from __future__ import annotations

import contextvars
import inspect
import os
import sys
from typing import TYPE_CHECKING, Any, Callable, Sequence

from . import _privity
from .errors import ProgramError

if TYPE_CHECKING:
    from .types import DType, Placement, Player

_HERE = os.path.dirname(os.path.abspath(__file__))
_tracer: contextvars.ContextVar["Tracer | None"] = contextvars.ContextVar("privity_tracer", default=None)
_eager: contextvars.ContextVar[tuple] = contextvars.ContextVar("privity_eager", default=())


def current() -> "Tracer | None":
    """The computation that is being traced, if one is."""
    return _tracer.get()


def caller() -> tuple[str, int]:
    """The user's line: the innermost frame outside of this package."""
    frame = sys._getframe(1)
    while frame and os.path.dirname(os.path.abspath(frame.f_code.co_filename)) == _HERE:
        frame = frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno) if frame else ("", 0)


def enter(place: "Placement | Player", dtype: "DType | None") -> None:
    """Opens a ``with`` block of a placement."""
    tracer = current()
    if tracer is None:
        _eager.set(_eager.get() + ((place, dtype),))
    else:
        tracer.on(place, dtype)


def leave() -> None:
    """Closes it."""
    tracer = current()
    if tracer is None:
        _eager.set(_eager.get()[:-1])
    else:
        tracer.builder.end_on()


def eager_context() -> tuple:
    """The ``with`` blocks that are open outside of any computation."""
    return _eager.get()


class Value:
    """A value of the computation that is being traced: it has a type and a place, but no data."""

    __slots__ = ("tracer", "id", "__weakref__")
    __array_priority__ = 1000  # numpy arrays beside it leave the operator to it
    __array_ufunc__ = None

    def __init__(self, tracer: "Tracer", id: int) -> None:
        self.tracer = tracer
        self.id = id

    @property
    def shape(self) -> tuple:
        """Lengths of the axes: numbers, or names as strings."""
        return tuple(self.tracer.builder.shape(self.id))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> str:
        """The element type, as in the text form."""
        return self.tracer.builder.dtype(self.id)

    @property
    def T(self) -> "Value":
        """The axes in reverse order."""
        return apply("transpose", [self], {})

    def __repr__(self) -> str:
        return f"<{self.tracer.builder.describe(self.id)}>"

    def __bool__(self) -> bool:
        raise ProgramError(
            "a private value cannot decide a Python `if` or `while`",
            code="python.branch",
            help="use pv.select(condition, a, b)",
        )

    def __iter__(self) -> Any:
        shape = self.shape
        if not shape or not isinstance(shape[0], int):
            raise TypeError("only a constant first axis can be iterated over")
        return (self[i] for i in range(shape[0]))

    def __len__(self) -> int:
        shape = self.shape
        if not shape or not isinstance(shape[0], int):
            raise TypeError("the length is not a constant")
        return shape[0]

    def __getitem__(self, at: Any) -> "Value":
        return apply("index", [self], {"at": index_items(at)})

    def release(self, to: "Player | Sequence[Player]", name: str | None = None) -> "Value":
        """See :func:`privity.release`."""
        from .program import release

        return release(self, to=to, name=name)


def index_items(at: Any) -> list:
    """An index expression in the form the builder takes."""
    items = []
    for item in at if isinstance(at, tuple) else (at,):
        if isinstance(item, slice):
            items.append((item.start, item.stop, 1 if item.step is None else item.step))
        elif isinstance(item, int) and not isinstance(item, bool):
            items.append(item)
        else:
            raise TypeError("an index is a number or a range; a secret index cannot be used like this")
    return items


def _operator(op: str, swapped: bool = False) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return apply(op, [other, self] if swapped else [self, other], {})

    method.__name__ = op
    return method


_INFIX = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "matmul": "matmul", "and": "logical_and", "or": "logical_or",
    "xor": "logical_xor",
}


def with_operators(cls: type) -> type:
    """Gives a class Python's operators, each as the operator of the language."""
    for python, op in _INFIX.items():
        setattr(cls, f"__{python}__", _operator(op))
        setattr(cls, f"__r{python}__", _operator(op, swapped=True))
    for python, op in {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal"}.items():
        setattr(cls, f"__{python}__", _operator(op))
    cls.__hash__ = object.__hash__  # type: ignore[method-assign]
    cls.__neg__ = lambda self: apply("neg", [self], {})  # type: ignore[attr-defined]
    cls.__invert__ = lambda self: apply("logical_not", [self], {})  # type: ignore[attr-defined]
    cls.__abs__ = lambda self: apply("abs", [self], {})  # type: ignore[attr-defined]

    def power(self: Any, exponent: int) -> Any:
        if exponent != 2:
            raise TypeError("only `x ** 2` is a power; use exp and log for others")
        return apply("square", [self], {})

    cls.__pow__ = power  # type: ignore[attr-defined]
    return cls


with_operators(Value)


def apply(op: str, operands: Sequence[Any], attrs: dict[str, Any]) -> Any:
    """Adds an operator to the computation being traced, or to an eager expression."""
    from . import eager

    if any(isinstance(x, eager.Private) for x in operands):
        return eager.apply(op, operands, attrs)
    tracer = current()
    if tracer is None:
        raise ProgramError(
            f"`{op}` has no computation to belong to",
            code="python.outside",
            help="call it inside a @privity.computation, or on values of privity.private(...)",
        )
    return tracer.apply(op, operands, attrs)


class Tracer:
    """Writes down one computation."""

    def __init__(self, name: str, scope: dict[str, Any]) -> None:
        self.builder = _privity.Builder(name)
        self.scope = scope
        self.places: dict[Any, int] = {}
        self.declared: list[str] = []
        self.released: dict[int, list[int]] = {}

    def __enter__(self) -> "Tracer":
        self._token = _tracer.set(self)
        return self

    def __exit__(self, *_: Any) -> None:
        _tracer.reset(self._token)

    def declare(self, players: Sequence["Player"]) -> None:
        """Declares players; the text form wants them before placements."""
        for p in players:
            self.player(p)

    def player(self, p: "Player") -> int:
        """The index of a player."""
        if p.name not in self.declared:
            if self.places:
                raise ProgramError(
                    f"the player `{p.name}` comes too late",
                    code="python.player",
                    help="players are known from the function's globals; define it beside the function",
                )
            self.builder.player(p.name, caller())
            self.declared.append(p.name)
        return self.declared.index(p.name)

    def place(self, p: "Placement | Player") -> int:
        """The index of a placement; that of a player is its own."""
        from .types import Player

        if isinstance(p, Player):
            return self.player(p)
        if p.key not in self.places:
            members = [self.player(q) for q in p.players]
            self.places[p.key] = self.builder.placement(self._name_of(p), p.scheme, members, caller())
        return self.places[p.key]

    def _name_of(self, p: "Placement") -> str:
        from .types import Placement

        if p.name:
            return p.name
        for name, value in self.scope.items():
            if isinstance(value, Placement) and value.key == p.key and self.builder.is_free(name):
                return name
        n = 1
        while not self.builder.is_free(f"{p.scheme}_{n}"):
            n += 1
        return f"{p.scheme}_{n}"

    def on(self, place: "Placement | Player", dtype: "DType | None") -> None:
        self.builder.on(self.place(place), dtype.name if dtype else None, caller())

    def value(self, x: Any) -> "Value":
        if not isinstance(x, Value):
            raise TypeError(f"expected a value of the computation, not {type(x).__name__}")
        if x.tracer is not self:
            raise ProgramError("this value belongs to another computation", code="python.foreign")
        return x

    def operand(self, x: Any) -> Any:
        from .types import number_text

        if isinstance(x, Value):
            return self.value(x).id
        return [number_text(x)]  # in a list, so that a number is not taken for an id

    def apply(self, op: str, operands: Sequence[Any], attrs: dict[str, Any]) -> Value:
        ids = [self.operand(x) for x in operands]
        return Value(self, self.builder.op(op, ids, attrs, caller()))

    def name_locals(self, values: dict[str, Any]) -> None:
        """Gives values the names of the variables that hold them, so that the text reads like the function."""
        seen: set[int] = set()
        for name, value in values.items():
            if isinstance(value, Value) and value.tracer is self and value.id not in seen and self.builder.is_free(name):
                if self.builder.is_named(value.id):
                    continue
                try:
                    self.builder.name(value.id, name, ("", 0))
                    seen.add(value.id)
                except ProgramError:
                    pass  # a word of the language: the printer finds another name


def scope_of(fn: Callable) -> dict[str, Any]:
    """The names that a function can see."""
    closure = inspect.getclosurevars(fn)
    return {**getattr(fn, "__globals__", {}), **closure.nonlocals}


def call_and_keep_locals(fn: Callable, args: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Calls a function, and returns its result and its local variables at the end."""
    kept: dict[str, Any] = {}
    previous = sys.getprofile()

    def watch(frame: Any, event: str, _: Any) -> None:
        if event == "return" and frame.f_code is fn.__code__:
            kept.update(frame.f_locals)

    sys.setprofile(watch)
    try:
        result = fn(**args)
    finally:
        sys.setprofile(previous)
    return result, kept
