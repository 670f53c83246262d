"""What a computation does besides applying operators: release, classify, move, loops."""

from __future__ import annotations

import itertools
from typing import Any, Callable, Mapping, Sequence

from ._source import problem
from ._tensor import Tensor
from ._trace import Tracer, Value, constant as _numbers, needed
from .types import DType, InputType, Placement, Player, StoredType

#: One or several players.
Players = Player | Sequence[Player]
#: Owners, as a mapping with the readers that each allows besides itself.
Owners = Players | Mapping[Player, Players]


def release(x: Tensor, *, to: Players, name: str | None = None) -> Any:
    """The same value, which ``to`` may now read. Every owner concerned must ratify it.

    With a name it is delivered at once under that name; otherwise when it is returned from the computation.
    """
    if not isinstance(x, Value):
        if isinstance(x, Tensor):
            return x.release(to, name)
        raise TypeError(f"only a value of a computation can be released, not {type(x).__name__}")
    tracer = needed("release")
    readers = tracer.players(to)
    released = Value(tracer, tracer.builder.release(tracer.value(x), readers, tracer.here()))
    tracer.released[released._id] = (readers, x)
    if name is not None:
        deliver(released, name)
    return released


def deliver(x: Value, name: str) -> None:
    """Delivers a released value to those whom it was released to."""
    tracer = needed("release")
    readers, _ = tracer.released[tracer.value(x)]
    tracer.builder.output(x._id, readers, name, tracer.here())
    tracer.delivered.add(x._id)


def output(x: Tensor, *, to: Players, name: str) -> None:
    """Delivers a value to players who may read it anyway, without widening its label."""
    tracer = needed("output")
    tracer.builder.output(tracer.value(x), tracer.players(to), name, tracer.here())


def classify(x: Tensor, *, owner: Player, readers: Players = ()) -> Tensor:
    """The same value under a narrower label: ``owner`` owns it too, and allows only ``readers``."""
    tracer = needed("classify")
    label = [(tracer.player(owner), tracer.players(readers))]
    return Value(tracer, tracer.builder.classify(tracer.value(x), label, tracer.here()))


def move(x: Tensor, to: Placement | Player, dtype: DType | None = None) -> Tensor:
    """The same value at another placement, as another element type if one is named.

    Floats that are moved to a placement that holds none become that placement's ``dtype``.
    """
    tracer = needed("move")
    value, place = tracer.value(x), tracer.place(to)
    if dtype is None and isinstance(to, Placement) and tracer.builder.dtype(value) in ("f32", "f64"):
        dtype = to.dtype
    return Value(tracer, tracer.builder.move_to(value, place, dtype.name if dtype else None, tracer.here()))


def match_rows(dim: str, *, by: str) -> None:
    """The rows along ``dim`` are matched by the key column ``by``: owners compare theirs before anything is computed.

    A different order or a missing row ends the run with an error.
    """
    tracer = needed("match_rows")
    tracer.builder.match_dim(dim, by, tracer.here())


def const(value: Any, type: DType) -> Tensor:
    """A public constant of a given type, at the placement of the ``with`` block."""
    tracer = needed("const")
    return Value(tracer, tracer.builder.constant(_numbers(value), type.name, tracer.here()))


def load(name: str, declared: InputType | StoredType, *, owners: Owners | None = None) -> Tensor:
    """What an earlier computation saved as ``name``, declared as it is stored::

        weights = pv.load("model", pv.fixed(64, 16)[30].range(-9, 9) @ committee, owners=[clinic, registry])

    A range holds that which it was saved with; without one, any number of its type has to fit.

    ``owners`` says whose it is, and as a mapping which readers each of them allows besides itself. Nobody, ``()``,
    means that it is public. At a player it is that player's own if nothing is said.
    """
    tracer = needed("load")
    place = declared.player if isinstance(declared, InputType) else declared.place
    if owners is None and isinstance(declared, StoredType):
        raise problem("load.owner", f'it is not said whose "{name}" is', "say it, as owners=[alice, bob], or () for public")
    if owners is None and isinstance(declared, InputType):
        owners = dict(declared.owners)
    elif isinstance(owners, Player):
        owners = [owners]
    policies = owners.items() if isinstance(owners, Mapping) else ((owner, ()) for owner in owners or ())
    label = [(tracer.player(owner), tracer.players(readers)) for owner, readers in policies]
    shape, dtype = [str(d) for d in declared.type.shape], declared.type.dtype.name
    line, at = tracer.here(), tracer.place(place)
    named = itertools.chain([name], (f"loaded_{i}" for i in itertools.count(1)))
    free = next(n for n in named if n.isidentifier() and n.isascii() and tracer.builder.is_free(n))
    made = tracer.builder.load(free, name, dtype, shape, at, label, line)
    if declared.type.limits is not None:
        tracer.builder.range(made, *declared.type.limits, line)
    return Value(tracer, made)


def save(x: Tensor, name: str) -> None:
    """Keeps a value under a name when the computation has ended, where and as it is, for :func:`load` in later ones.

    On shares it is kept as shares, at no player whole, and its label stays. It is kept at all players of its placement
    or at none.
    """
    tracer = needed("save")
    tracer.builder.save(tracer.value(x), name, tracer.here())


def repeat(times: int, body: Callable[..., Any], *init: Tensor, checkpoint: int | None = None) -> Any:
    """Runs ``body`` a fixed number of times: it takes the carried values and returns their next ones.

    The loop stays a loop: a program of a million iterations is as long as one of two. Returns the values after the last
    iteration, a single one as itself. After every ``checkpoint`` iterations the workers seal what the loop carries, so
    that the session can be resumed from there.
    """
    tracer = needed("repeat")
    ids = tracer.builder.begin_repeat(times, [tracer.value(v) for v in init], tracer.here())
    return _region(tracer, body, ids, len(init), checkpoint)


def fold(
    over: Tensor | Sequence[Tensor],
    body: Callable[..., Any],
    *init: Tensor,
    by: int,
    drop: bool = False,
    checkpoint: int | None = None,
) -> Any:
    """Runs ``body`` on batch after batch of ``by`` rows: it takes the batches, then the carried values, and returns the
    next ones. Rows that do not fill a batch are an error, unless ``drop`` leaves them out. ``checkpoint`` is as in
    :func:`repeat`.
    """
    tracer = needed("fold")
    tensors = [tracer.value(v) for v in ([over] if isinstance(over, Tensor) else over)]
    ids = tracer.builder.begin_fold(by, drop, tensors, [tracer.value(v) for v in init], tracer.here())
    return _region(tracer, body, ids, len(init), checkpoint)


def _region(
    tracer: Tracer, body: Callable[..., Any], ids: Sequence[int], carried: int, checkpoint: int | None
) -> Any:
    """The body of a loop, traced once."""
    try:
        if checkpoint is not None:
            tracer.builder.checkpoint(checkpoint, tracer.here())
        result, _ = tracer.call(body, [Value(tracer, i) for i in ids])
        following = list(result) if isinstance(result, (tuple, list)) else [result]
        if not all(isinstance(v, Value) for v in following):
            message = "the body of a loop returns the next carried values"
            raise problem("python.loop", message, "return them, in their order")
        after = tracer.builder.end_loop([tracer.value(v) for v in following], tracer.here())
    except BaseException:
        tracer.builder.abandon()
        raise
    values = tuple(Value(tracer, i) for i in after)
    return values[0] if carried == 1 else values


__all__ = ["classify", "const", "fold", "load", "match_rows", "move", "output", "release", "repeat", "save"]
