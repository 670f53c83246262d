"""Federated programs of TensorFlow Federated whose aggregations go through Privity (`tensorflow-federated` 0.87).

    keys = ["client0.key", "client1.key", "client2.key"]
    context = Context("terms.toml", reader="reader.key", keys=keys, bound=1000.0)
    tff.framework.set_default_context(context)

    process = tff.learning.algorithms.build_weighted_fed_avg(..., model_aggregator=tff.learning.secure_aggregator())
    state = process.initialize()
    for _ in range(rounds):
        state = process.next(state, data_of_clients).state

Each call with values of clients is one round of the terms: every client contributes all that the computation aggregates as one
vector, and the server reads the sums from Privity. `federated_secure_sum` and `federated_secure_sum_bitwidth` are exact, and so is
`federated_sum` of integers. `federated_sum`, `federated_mean` and its weighted form of floats are sums in fixed point, of values
between ``-bound`` and ``bound``. Any other aggregation is refused by name, before a client is asked for anything.

A list of clients' values in a call is simulated here, in this process: its i-th client has the i-th key. In the place of a value
there may be a `Member`, which brings the `Task` to wherever the client and its data are.

What this does not prevent: the server chooses the computation that each client runs, and could send different ones to different
clients, to learn more from a sum, or from who is missing in it, than an honest server would.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import gc
import hashlib
import io
import json
import logging
import threading
import tomllib
import zipfile
import zlib
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

try:
    import tensorflow_federated as tff
except ImportError as e:
    raise ImportError("privity.integrations.tff needs TensorFlow Federated 0.87; the book's page says how to install it") from e

from tensorflow_federated.proto.v0 import computation_pb2

from ..aggregate import Client, _Path
from ..errors import RunError
from ._tff_plan import Leaf, Plan, Refused, aggregates, flatten, unflatten

__all__ = ["CLIP", "PRECISION", "AsyncContext", "Context", "Member", "Plan", "Refused", "Task"]

#: The precision of terms, in bits, that holds all that TFF sums securely by default.
PRECISION = 32
#: The bound of terms of that precision: levels are one apart, so that integers are summed as they are.
CLIP = (2**PRECISION - 1) / 2

_Array = np.ndarray[Any, Any]
_log = logging.getLogger("privity.tff")


@dataclass(frozen=True)
class Task:
    """What a client is asked for in a round. Nothing in it is secret, but for what the server broadcasts."""

    #: The round of the terms.
    round: int
    #: The computation, as TFF serialises it.
    work: bytes
    #: What the server sends to every client.
    broadcast: tuple[_Array, ...]
    #: What of the work's result is contributed.
    leaves: tuple[Leaf, ...]
    #: The greatest absolute value of floats that are summed.
    bound: float | None

    @property
    def digest(self) -> str:
        """SHA-256 of all that it asks of clients: the same in every round of one computation, as long as its server runs."""
        said = json.dumps([[asdict(leaf) for leaf in self.leaves], self.bound])
        return hashlib.sha256(hashlib.sha256(self.work).digest() + said.encode()).hexdigest()

    def perform(
        self, client: Client, value: Any, *, only: Collection[str] | None = None, patience: float = 600.0
    ) -> None:
        """Runs the work on a client's own value, and contributes what it gives.

        For a computation that takes several values of a client, they are a tuple. With ``only`` a task whose digest is not among
        these is refused before anything of it runs.
        Raises `Refused`, without saying values, for one that is out of its range, and `RunError` if Privity refuses.
        """
        if only is not None and self.digest not in only:
            raise Refused("a task that this client has not agreed to")
        work = _read(self.work)
        _, sent = work.type_signature.parameter
        given = _run(work, tff.structure.Struct([(None, [value]), (None, unflatten(self.broadcast, sent))]))
        tensors = [
            tensor
            for part, type in zip(given, work.type_signature.result)
            for tensor in flatten(part if type.all_equal else part[0], type)
        ]
        client.contribute(self.encode(tensors, client.terms.clip), round=self.round, patience=patience)

    def encode(self, tensors: Sequence[Any], clip: float) -> _Array:
        """The vector of a contribution, for terms with this bound."""
        parts = [np.zeros(0)]
        for leaf in self.leaves:
            value = np.asarray(tensors[leaf.source])
            if value.shape != leaf.shape:
                raise Refused(f"`{leaf.intrinsic}` of a tensor of another shape than was said")
            if leaf.weight is not None:
                value = value.astype(np.float64) * np.asarray(tensors[leaf.weight], dtype=np.float64)
            parts.append(self._scaled(leaf, value, clip).ravel())
        return np.concatenate(parts)

    def _scaled(self, leaf: Leaf, value: _Array, clip: float) -> _Array:
        if leaf.real:
            if self.bound is None:
                raise Refused(f"`{leaf.intrinsic}` of floats has no bound")
            value = value.astype(np.float64)
            if not (np.abs(value) <= self.bound).all():
                raise Refused(f"a value of `{leaf.intrinsic}` is beyond the bound, or not a number")
            return value / self.bound * clip
        least, greatest = _range(leaf, clip)
        if value.size and (int(value.min()) < least or int(value.max()) > greatest):
            raise Refused(f"a value of `{leaf.intrinsic}` is not between {least} and {greatest}")
        return value.astype(np.int64) - least - clip

    def decode(self, sum: _Array, contributions: int, clip: float) -> list[_Array]:
        """The sums of the leaves, of the sum of vectors."""
        sums, at = [], 0
        for leaf in self.leaves:
            part = sum[at : at + leaf.size].reshape(leaf.shape)
            at += leaf.size
            if leaf.real:
                assert self.bound is not None, "was refused before clients were asked"
                sums.append(part / clip * self.bound)
            else:
                sums.append(np.rint(part + contributions * clip).astype(np.int64) + contributions * _range(leaf, clip)[0])
        return sums

    def to_bytes(self) -> bytes:
        """For another process or machine; see `from_bytes`."""
        said = {"round": self.round, "bound": self.bound, "leaves": [asdict(leaf) for leaf in self.leaves]}
        if any(array.dtype.hasobject for array in self.broadcast):
            raise Refused("a broadcast of other than numbers and strings of one length")
        packed = io.BytesIO()
        arrays = {f"sent{i}": array for i, array in enumerate(self.broadcast)}
        whole = {"work": np.frombuffer(self.work, np.uint8), "said": np.frombuffer(json.dumps(said).encode(), np.uint8)}
        np.savez(packed, **whole, **arrays)
        return packed.getvalue()

    @classmethod
    def from_bytes(cls, packed: bytes) -> Task:
        """What `to_bytes` gave. ``ValueError`` of anything else; nothing in it is executed by this."""
        try:
            with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
                said = json.loads(arrays["said"].tobytes())
                leaves = tuple(Leaf(**{**leaf, "shape": tuple(leaf["shape"])}) for leaf in said["leaves"])
                broadcast = tuple(arrays[f"sent{i}"] for i in range(len(arrays.files) - 2))
                return cls(said["round"], arrays["work"].tobytes(), broadcast, leaves, said["bound"])
        except (ValueError, TypeError, LookupError, AttributeError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as e:
            raise ValueError("these bytes are no task") from e


@runtime_checkable
class Member(Protocol):
    """A client whose data are elsewhere. It stands in the list of clients' values in the place of one."""

    def perform(self, task: Task) -> None:
        """Brings the task to the client, and returns when `Task.perform` has, there; raises if it has not."""


@dataclass(frozen=True)
class _Here:
    """A client that is simulated in this process."""

    client: Client
    value: Any
    patience: float

    def perform(self, task: Task) -> None:
        task.perform(self.client, self.value, patience=self.patience)


class Context(tff.framework.SyncContext):
    """Runs computations: what is the server's here, what is a client's at the client, and what is aggregated by Privity.

    ``terms`` is a TOML file, or one for each length of contributions that the program's computations have. They need no weights, and
    `PRECISION` and `CLIP`, or a smaller precision p with the bound (2^p − 1) / 2. ``reader`` is the key of one of their readers.
    ``keys`` are those of simulated clients. Without a ``bound`` sums of floats that are not secure in the program are refused.
    """

    def __init__(
        self,
        terms: _Path | Iterable[_Path],
        reader: _Path,
        keys: Iterable[_Path] = (),
        *,
        bound: float | None = None,
        patience: float = 600.0,
    ) -> None:
        files = [terms] if isinstance(terms, (str, Path)) else list(terms)
        if bound is not None and not 0.0 < bound < float("inf"):
            raise ValueError("a bound is positive and finite")
        #: By the names of the terms, the protocol by which they aggregate, in words.
        self.protocols = dict(_protocol(Path(file)) for file in files)
        readers = [(file, Client(file, key=reader)) for file in files]
        self._readers = {client.terms.length: (file, client) for file, client in readers}
        self._keys = list(keys)
        if len(set(map(str, self._keys))) != len(self._keys):
            raise ValueError("two clients with one key: each contributes once")
        self._bound, self._patience = bound, patience
        self._plans: dict[Any, Plan | None] = {}
        self._clients: dict[tuple[int, int], Client] = {}

    def invoke(self, comp: Any, arg: Any) -> Any:
        """Runs a computation, with a round of the terms if it aggregates.

        Raises `Refused` for what cannot be aggregated, and `RunError` if the round published nothing; no state has changed then.
        """
        if comp not in self._plans:
            self._plans[comp] = Plan(comp) if aggregates(comp) else None
        plan = self._plans[comp]
        if plan is None:
            return _run(comp, arg)
        if plan.plain and self._bound is None:
            raise Refused(f"`{plan.plain[0]}` of floats is refused without a bound: give the context one")
        file, reader = self._reader(plan)
        server, values = plan.split(arg)
        members = self._members(file, reader, values)
        prepared = tff.structure.from_container(_run(plan.prepare, server))
        task = self._task(plan, prepared, reader)
        self._ask(members, task)
        published = reader.result(task.round, patience=self._patience)
        sums = task.decode(published.sum, published.contributions, reader.terms.clip)
        finished = plan.finish(sums, published.contributions)
        result = _run(plan.result, tff.structure.Struct([(None, prepared[1]), (None, finished)]))
        return plan.returned(tff.structure.from_container(result))

    def _reader(self, plan: Plan) -> tuple[_Path, Client]:
        found = self._readers.get(plan.length)
        if found is None:
            need = f"length = {plan.length}, precision = {PRECISION} and clip = {CLIP}, without weights"
            raise Refused(f"no terms for {', '.join(sorted(set(plan.intrinsics)))}: it takes terms with {need}")
        return found

    def _members(self, file: _Path, reader: Client, values: list[tuple[Any, ...]]) -> list[Member]:
        if len(values) < reader.terms.minimum:
            raise Refused(f"{len(values)} clients, and the terms have a minimum of {reader.terms.minimum}")
        return [self._member(file, reader, number, of_one) for number, of_one in enumerate(values)]

    def _member(self, file: _Path, reader: Client, number: int, values: tuple[Any, ...]) -> Member:
        first = values[0]
        if any(isinstance(value, Member) for value in values):
            if not all(value is first for value in values):
                raise Refused("a `Member` stands in the place of all values of its client")
            return first
        if number >= len(self._keys):
            raise Refused(f"{len(self._keys)} keys, and a value for client {number}: each client has a key of its own")
        named = reader.terms.length, number
        if named not in self._clients:
            self._clients[named] = Client(file, key=self._keys[number])
        return _Here(self._clients[named], first if len(values) == 1 else values, self._patience)

    def _task(self, plan: Plan, prepared: Any, reader: Client) -> Task:
        leaves = plan.leaves(prepared)
        for leaf in leaves:
            if leaf.greatest is not None and not 0 <= leaf.greatest <= 2 * reader.terms.clip:
                bits = leaf.greatest.bit_length()
                raise Refused(f"`{leaf.intrinsic}` of integers of {bits} bits, which the precision of the terms does not hold")
        standing = reader.standing(patience=self._patience)
        # The next one opens as soon as one is over.
        round = standing.round + (1 if standing.phase in ("published", "failed") else 0)
        work = tff.framework.serialize_computation(plan.work).SerializeToString(deterministic=True)
        return Task(round, work, tuple(plan.broadcast(prepared)), leaves, self._bound)

    def _ask(self, members: list[Member], task: Task) -> None:
        """Lets all contribute. Who fails is missing from the sum, as one that never answers is."""
        failures: list[Exception] = []

        def ask(member: Member) -> None:
            try:
                member.perform(task)
            except Exception as e:
                failures.append(e)
                _log.warning("a client contributed nothing: %s", e.code if isinstance(e, RunError) else type(e).__name__)

        # All at once: in pairwise masking each waits for the others.
        with ThreadPoolExecutor(len(members)) as pool:
            list(pool.map(ask, members))
        if len(failures) == len(members):
            raise failures[0]


class AsyncContext(tff.framework.AsyncContext):
    """A context for `tff.program.NativeFederatedContext`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def invoke(self, comp: Any, arg: Any) -> Any:
        """As `Context.invoke`, which runs in a thread of its own."""
        return await asyncio.to_thread(self._context.invoke, comp, arg)


def _protocol(file: Path) -> tuple[str, str]:
    """The name of terms, and their protocol. Refuses those whose levels are no whole numbers."""
    said = tomllib.loads(file.read_text(encoding="utf-8"))
    precision, clip = said.get("precision"), said.get("clip")
    if said.get("weights") is not None:
        raise Refused(f"{file}: weights of TFF are values of the contribution; the terms must have none")
    if said.get("noise") is not None:
        raise Refused(f"{file}: integers are summed exactly; let the program add its noise, and the terms none")
    if not isinstance(precision, int) or not 0 < precision <= 32 or clip != (2**precision - 1) / 2:
        wanted = f"precision = {PRECISION} and clip = {CLIP}"
        raise Refused(f"{file}: whole numbers have to be levels: {wanted}, or clip = (2^precision - 1) / 2")
    committee = said.get("committee")
    if committee is None:
        return said["name"], "pairwise masking"
    return said["name"], f"committee sum, {committee['threshold']} of {len(committee['aggregators'])}"


def _range(leaf: Leaf, clip: float) -> tuple[int, int]:
    """The least and the greatest integer of a leaf: those of plain sums have a sign."""
    if leaf.greatest is not None:
        return 0, leaf.greatest
    half = int(clip + 0.5)
    return -half, half - 1


#: TFF's own runtime; one computation at a time, as simulated clients share it.
_one_at_a_time = threading.Lock()


@functools.cache
def _native() -> tff.framework.SyncContext:
    return tff.backends.native.create_sync_local_cpp_execution_context()


@atexit.register
def _stop() -> None:
    """Ends TFF's runtime, a process that outlives this one if it is first let go when modules are torn down already."""
    _native.cache_clear()
    gc.collect()


def _run(computation: tff.Computation, arg: Any) -> Any:
    with _one_at_a_time:
        return _native().invoke(computation, arg)


@functools.lru_cache(maxsize=8)
def _read(work: bytes) -> tff.Computation:
    return tff.framework.deserialize_computation(computation_pb2.Computation.FromString(work))
