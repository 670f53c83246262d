"""Running computations: all players in this process, or on their own workers."""

from __future__ import annotations

import sys
from typing import Any, Callable, Mapping

import numpy as np

from . import _privity
from .progress import Progress
from .program import Computation


class Result:
    """What a run left: outputs, cost, and the digest of the receipt.

    ``result["slope"]`` is an output; ``result.outputs["analyst"]["slope"]`` says whose.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        #: The session's id, in hex.
        self.session: str = data["session"]
        #: The computation's digest, in hex.
        self.computation: str = data["computation"]
        #: For each player, the outputs that it received.
        self.outputs: dict[str, dict[str, np.ndarray]] = data["outputs"]
        #: ``rounds``, ``bytes`` sent by each player, ``seconds``.
        self.cost: dict[str, Any] = data["cost"]
        #: The digest of the run's receipts, in hex.
        self.receipt: str = data["receipt"]
        #: The largest error of each output against plaintext, if asked for.
        self.errors: dict[str, float] | None = data.get("errors")

    def __getitem__(self, name: str) -> np.ndarray:
        for outputs in self.outputs.values():
            if name in outputs:
                return outputs[name]
        raise KeyError(name)

    def __repr__(self) -> str:
        lines = [f"{player}: {name} = {np.array2string(value, threshold=20)}" for player, out in self.outputs.items() for name, value in out.items()]
        sent = ", ".join(f"{p} {n:,} B" for p, n in self.cost["bytes"].items())
        lines.append(f"{self.cost['rounds']} rounds, {self.cost['seconds']:.3f} s, sent: {sent}")
        return "\n".join(lines)


class Local:
    """All players in this process, each with its own shares and keys, over links in memory."""

    def __enter__(self) -> "Local":
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def run(
        self,
        computation: Computation,
        inputs: Mapping[str, Any] | None = None,
        /,
        *,
        keys: Mapping[str, Any] | None = None,
        dims: Mapping[str, int] | None = None,
        compare: bool = False,
        progress: bool | Callable[[str, str, int, int], None] | None = None,
        **arrays: Any,
    ) -> Result:
        """Runs a computation on numpy arrays (or whatever ``numpy.asarray`` takes).

        ``keys`` gives, for each input along a dimension whose rows are matched, its key column. ``compare`` also
        computes in plaintext and reports the largest error of each output. ``progress`` is shown in terminals and
        notebooks; ``False`` turns it off, a function gets every event.
        """
        data = {**(inputs or {}), **arrays}
        unknown = set(data) - set(computation.inputs)
        if unknown:
            raise TypeError(f"{computation.name} has no input {', '.join(sorted(unknown))}; it has {', '.join(computation.inputs)}")
        arrays_ = {name: np.ascontiguousarray(value) for name, value in data.items()}
        columns = {name: [str(k) for k in column] for name, column in (keys or {}).items()}
        with Progress.of(progress, computation.name) as watch:
            return Result(_privity.run_local(computation._native, arrays_, columns, dict(dims or {}), compare, watch))


def local() -> Local:
    """Runs computations in this process: ``with privity.local() as cluster: cluster.run(...)``."""
    return Local()


class Workers:
    """The workers of a roster. Inputs come from each owner's worker; outputs go to their readers."""

    def __init__(self, roster: str, key: str | None) -> None:
        self._roster = roster
        self._key = key

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def run(self, computation: Computation, *, dims: Mapping[str, int] | None = None, progress: Any = None) -> Result:
        """Runs a computation on the workers. Only outputs that this key may read are returned."""
        with Progress.of(progress, computation.name) as watch:
            return Result(_privity.run_workers(computation._native, self._roster, self._key, dict(dims or {}), watch))


def connect(roster: str, key: str | None = None) -> Workers:
    """Connects to the workers that a roster file names, with the key in a file."""
    return Workers(str(roster), None if key is None else str(key))


def main() -> None:
    """The ``privity`` command."""
    sys.exit(_privity.cli(sys.argv))


__all__ = ["Local", "Result", "Workers", "connect", "local"]

