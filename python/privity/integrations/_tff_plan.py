"""A computation of TensorFlow Federated, cut at its aggregations: what a server and what a client runs, and what is summed.

TFF brings a computation into the *distribute-aggregate form*: the server prepares, broadcasts, each client works, values are
aggregated, the server makes the result. All aggregations stand in one list of calls of intrinsics; nothing else of what clients
work out reaches the server. Here each value of that list gets its places in the one vector that a client contributes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np
import tensorflow_federated as tff
from tensorflow_federated.python.core.impl.types import type_conversions

__all__ = ["Leaf", "Plan", "Refused"]

_Array = np.ndarray[Any, Any]
#: Where a value comes from: a place among the tensors of a structure, or a constant.
_Source = Union[int, np.generic, _Array]

SECURE = ("federated_secure_sum", "federated_secure_sum_bitwidth")
PLAIN = ("federated_sum", "federated_mean", "federated_weighted_mean")
#: Why the others are refused, where it is not only that they are no sums.
_WHY = {
    "federated_secure_modular_sum": "a sum over all clients would show how often it wraps, which the sum modulo does not",
    "federated_select": "the server would see which keys a client asks for",
    "federated_secure_select": "which keys a client asks for is not hidden by a sum",
}


class Refused(Exception):
    """Something that would have shown a client's values, or cannot be aggregated. Its message holds no values."""


@dataclass(frozen=True)
class Leaf:
    """One tensor of an aggregation: how a client puts it into its vector."""

    intrinsic: str
    shape: tuple[int, ...]
    dtype: str
    #: Which of the tensors that the client's work gives.
    source: int
    #: Which tensor it is multiplied by, in a weighted mean.
    weight: int | None = None
    #: The greatest value, of the integers of secure sums; they begin at nothing.
    greatest: int | None = None

    @property
    def size(self) -> int:
        """How many places it takes in the vector."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def real(self) -> bool:
        """Whether it is summed as fixed point. Integers are summed exactly."""
        return np.issubdtype(np.dtype(self.dtype), np.floating)


@dataclass(frozen=True)
class _Aggregation:
    """One call of an intrinsic. Its leaves are a range of all; the weights of a weighted mean come last."""

    intrinsic: str
    first: int
    end: int
    type: tff.Type
    #: What bounds the leaves of a secure sum.
    bounds: list[_Source]


class Plan:
    """The parts of a computation, of which only those of clients see what clients have.

    ``prepare`` and ``result`` are the server's, ``work`` is each client's. Making one takes up to a minute for federated averaging:
    make it once.
    """

    def __init__(self, computation: tff.Computation) -> None:
        check(computation)
        self.type = computation.type_signature
        form = _form(computation)
        self.prepare, self.work, self.result = form.server_prepare, form.client_work, form.server_result
        self._sent = _broadcast(form.server_to_client_broadcast, self.prepare.type_signature.result[0])
        calls = form.client_to_server_aggregation.to_building_block()
        roots = {0: _numbered(self.prepare.type_signature.result[1]), 1: _numbered(self.work.type_signature.result)}
        given = _tensors_of(self.work.type_signature.result)
        self._leaves: list[Leaf] = []
        self._aggregations: list[_Aggregation] = []
        for _, call in calls.result.locals:
            self._add(call, lambda block: _sources(block, roots), given)

    def _add(self, call: Any, sources: Callable[[Any], Any], given: list[tff.TensorType]) -> None:
        name, argument, type = call.function.uri, call.argument, call.type_signature.member
        first = len(self._leaves)
        bounds: list[_Source] = []
        weight: int | None = None
        value = argument
        if name in (*SECURE, "federated_weighted_mean"):
            value, other = argument
            if name in SECURE:
                bounds = list(_flat(sources(other)))
            else:
                (weight,) = _flat(sources(other))
        picked = list(_flat(sources(value)))
        if len(bounds) == 1:
            bounds *= len(picked)
        for source in picked:
            self._leaves.append(_leaf(name, given[source], source, weight))
        if weight is not None:
            self._leaves.append(_leaf(name, given[weight], weight, None))
        self._aggregations.append(_Aggregation(name, first, len(self._leaves), type, bounds))

    @property
    def length(self) -> int:
        """Values in the vector of a contribution."""
        return sum(leaf.size for leaf in self._leaves)

    @property
    def intrinsics(self) -> list[str]:
        """What is aggregated, in order."""
        return [aggregation.intrinsic for aggregation in self._aggregations]

    @property
    def plain(self) -> list[str]:
        """Those intrinsics that sum floats: they need a bound."""
        return sorted({leaf.intrinsic for leaf in self._leaves if leaf.real})

    def split(self, arg: Any) -> tuple[Any, list[tuple[Any, ...]]]:
        """The server's argument, and those of each client."""
        parameter = self.type.parameter
        if isinstance(parameter, tff.FederatedType):
            return tff.structure.Struct([]), [(value,) for value in arg]
        parts = list(tff.structure.from_container(arg))
        if len(parts) != len(parameter):
            raise TypeError(f"{len(parameter)} arguments, not {len(parts)}")
        server = [part for part, type in zip(parts, parameter) if type.placement is tff.SERVER]
        clients = [list(part) for part, type in zip(parts, parameter) if type.placement is tff.CLIENTS]
        if len({len(part) for part in clients}) != 1:
            raise TypeError("arguments for different numbers of clients")
        return server[0] if len(server) == 1 else _unnamed(server), list(zip(*clients))

    def broadcast(self, prepared: Any) -> list[_Array]:
        """What every client gets, of what the server prepared."""
        tensors = flatten(prepared[0], self.prepare.type_signature.result[0])
        return [np.asarray(tensors[source] if isinstance(source, int) else source) for source in self._sent]

    def leaves(self, prepared: Any) -> tuple[Leaf, ...]:
        """What a contribution consists of, with the bounds of secure sums, which the server's state may set."""
        state = flatten(prepared[1], self.prepare.type_signature.result[1])
        bounded = list(self._leaves)
        for aggregation in self._aggregations:
            for at, bound in enumerate(aggregation.bounds, aggregation.first):
                number = int(np.asarray(state[bound] if isinstance(bound, int) else bound))
                greatest = (1 << number) - 1 if aggregation.intrinsic.endswith("bitwidth") else number
                leaf = bounded[at]
                bounded[at] = Leaf(leaf.intrinsic, leaf.shape, leaf.dtype, leaf.source, leaf.weight, greatest)
        return tuple(bounded)

    def finish(self, sums: Sequence[_Array], contributions: int) -> Any:
        """What the aggregations give, of the sums of leaves: the second argument of ``result``."""
        results = []
        for aggregation in self._aggregations:
            values = [np.asarray(sum) for sum in sums[aggregation.first : aggregation.end]]
            if aggregation.intrinsic == "federated_weighted_mean":
                *values, weight = values
                with np.errstate(divide="ignore", invalid="ignore"):
                    values = [np.divide(value, weight) for value in values]
            elif aggregation.intrinsic == "federated_mean":
                values = [value / contributions for value in values]
            types = _tensors_of(aggregation.type)
            values = [_fitted(value, type.dtype.type) for value, type in zip(values, types)]
            results.append(unflatten(values, aggregation.type))
        return _unnamed(results)

    def returned(self, result: Any) -> Any:
        """What the computation returns, in its own containers."""
        tensors = flatten(result[1], self.result.type_signature.result[1])
        type = self.type.result
        return type_conversions.type_to_py_container(unflatten(tensors, type), type)


def aggregates(computation: tff.Computation) -> bool:
    """Whether clients have a part in a computation. If not, the server runs it alone."""
    type = computation.type_signature
    return bool(_moved(computation)) or any(_of_clients(part) for part in (type.parameter, type.result) if part is not None)


def check(computation: tff.Computation) -> None:
    """Refuses what a sum cannot do, by name."""
    moved = _moved(computation)
    for uri in moved:
        if uri not in (*SECURE, *PLAIN):
            why = _WHY.get(uri, "it is not a sum or a mean")
            raise Refused(f"`{uri}` is refused: {why}; Privity aggregates {', '.join((*SECURE, *PLAIN))}")
    if _of_clients(computation.type_signature.result):
        raise Refused("a computation that returns what clients hold is refused: nothing of it is aggregated")
    if not moved:
        raise Refused("a computation that takes what clients hold, and aggregates nothing, is refused")


def _moved(computation: tff.Computation) -> list[str]:
    """The intrinsics by which a computation brings something of clients to the server, or of the server to some clients."""
    found: dict[str, None] = {}

    def visit(block: Any) -> tuple[Any, bool]:
        if isinstance(block, tff.framework.Intrinsic) and block.uri != "federated_broadcast":
            # Raises for one that is not known, which could do anything.
            known = block.intrinsic_def()
            if known.aggregation_kind or known.broadcast_kind:
                found[block.uri] = None
        return block, False

    tff.framework.transform_postorder(computation.to_building_block(), visit)
    return list(found)


def flatten(value: Any, type: tff.Type) -> list[Any]:
    """The tensors of a value, in the order of its type."""
    if isinstance(type, tff.FederatedType):
        return flatten(value, type.member)
    if isinstance(type, tff.StructType):
        parts = tff.structure.from_container(value)
        return [tensor for part, below in zip(parts, type) for tensor in flatten(part, below)]
    return [value]


def unflatten(tensors: Sequence[Any], type: tff.Type) -> Any:
    """The value of a type that has these tensors, all of them."""
    rest = iter(tensors)

    def build(type: tff.Type) -> Any:
        if isinstance(type, tff.FederatedType):
            return build(type.member)
        if isinstance(type, tff.StructType):
            return tff.structure.Struct([(name, build(below)) for name, below in tff.structure.iter_elements(type)])
        return next(rest)

    return build(type)


def _form(computation: tff.Computation) -> Any:
    """The distribute-aggregate form, which wants exactly a state and clients' values, and a state and a result."""
    parameter = computation.type_signature.parameter
    parts = [parameter] if isinstance(parameter, tff.FederatedType) else list(parameter or [])
    if not parts or not all(isinstance(part, tff.FederatedType) and not _same(part) for part in parts):
        raise Refused("the computation's arguments have to be values of the server, and lists of values of clients")
    server = [part.member for part in parts if part.placement is tff.SERVER]
    clients = [part.member for part in parts if part.placement is tff.CLIENTS]
    if not clients:
        raise Refused("the computation takes nothing of clients, so there is nobody to ask")

    def taken(value: Any, members: list[tff.Type]) -> Iterator[Any]:
        return iter([value]) if len(members) == 1 else (value[i] for i in range(len(members)))

    def shaped(of_server: Any, of_clients: Any) -> Any:
        left = {tff.SERVER: taken(of_server, server), tff.CLIENTS: taken(of_clients, clients)}
        args = [next(left[part.placement]) for part in parts]
        result = computation(*args)
        return of_server, result if isinstance(result.type_signature, tff.FederatedType) else tff.federated_zip(result)

    placed = tff.FederatedType(_one(server), tff.SERVER), tff.FederatedType(_one(clients), tff.CLIENTS)
    whole = tff.federated_computation(shaped, *placed)
    try:
        return tff.backends.mapreduce.get_distribute_aggregate_form_for_computation(whole)
    except (TypeError, ValueError) as e:
        raise Refused(f"the computation is not one broadcast, clients' work, and one aggregation: {e}") from e


def _one(types: list[tff.Type]) -> tff.Type:
    return types[0] if len(types) == 1 else tff.StructType(types)


def _same(type: tff.FederatedType) -> bool:
    return type.placement is tff.CLIENTS and type.all_equal


def _of_clients(type: tff.Type) -> bool:
    """Whether anything in a type is placed at clients."""
    if isinstance(type, tff.StructType):
        return any(_of_clients(part) for part in type)
    return isinstance(type, tff.FederatedType) and type.placement is tff.CLIENTS


def _unnamed(parts: Any) -> Any:
    return tff.structure.Struct([(None, part) for part in parts])


def _tensors_of(type: tff.Type) -> list[tff.TensorType]:
    """The types of the tensors of a type."""
    return flatten(_mapped(type, lambda tensor: tensor), type)


def _numbered(type: tff.Type) -> Any:
    """A value of the type whose tensors are their places."""
    return unflatten(range(len(_tensors_of(type))), type)


def _mapped(type: tff.Type, of: Callable[[tff.Type], Any]) -> Any:
    if isinstance(type, tff.FederatedType):
        return _mapped(type.member, of)
    if isinstance(type, tff.StructType):
        return _unnamed(_mapped(part, of) for part in type)
    return of(type)


def _sources(block: Any, roots: dict[int, Any] | Any) -> Any:
    """Where an argument comes from: a selection of the parameter, whose elements are `roots`, or a constant."""
    framework = tff.framework
    if isinstance(block, framework.Literal):
        return np.asarray(block.value)
    if isinstance(block, framework.Struct):
        return _unnamed(_sources(part, roots) for part in block)
    if isinstance(block, framework.Reference):
        return roots
    if isinstance(block, framework.Selection):
        source = _sources(block.source, roots)
        return source[block.index] if block.index is not None else getattr(source, block.name)
    raise Refused(f"an argument of an aggregation that is no selection: {type(block).__name__}")


def _flat(sources: Any) -> Iterator[Any]:
    if isinstance(sources, tff.structure.Struct):
        for part in sources:
            yield from _flat(part)
    else:
        yield sources


def _broadcast(computation: Any, type: tff.Type) -> list[_Source]:
    """Of which tensors that the server prepared a client gets a copy."""
    roots = _numbered(type)
    calls = computation.to_building_block().result.locals
    return [source for _, call in calls for source in _flat(_sources(call.argument, roots))]


def _leaf(name: str, type: tff.TensorType, source: int, weight: int | None) -> Leaf:
    dtype = np.dtype(type.dtype.type)
    if type.shape is None or any(size is None for size in type.shape):
        raise Refused(f"`{name}` of a tensor whose shape is not known beforehand")
    if not (np.issubdtype(dtype, np.floating) or np.issubdtype(dtype, np.integer)):
        raise Refused(f"`{name}` of `{dtype}`: only integers and floats are summed")
    return Leaf(name, tuple(type.shape), dtype.name, source, weight)


def _fitted(value: _Array, dtype: type[np.generic]) -> _Array:
    """A sum in the type of the computation, which it has to fit."""
    if np.issubdtype(dtype, np.integer):
        range = np.iinfo(dtype)
        if value.size and (value.min() < range.min or value.max() > range.max):
            raise Refused(f"a sum does not fit `{np.dtype(dtype)}`")
    return value.astype(dtype)
