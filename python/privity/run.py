"""Running computations with all players in this process, and what a run leaves."""

from __future__ import annotations

import difflib
import html
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _privity
from ._arrays import Array, as_declared, declarations, keys_of
from .errors import RunError
from .progress import Callback, Progress
from .program import Computation


@dataclass(frozen=True)
class Comparison:
    """An output beside its plaintext value."""

    #: The plaintext value.
    plaintext: Array
    #: The largest absolute difference.
    absolute: float
    #: The largest difference relative to the plaintext value, where that is not zero.
    relative: float


class Result:
    """What a run left: outputs, cost, and the digest of its receipts.

    ``result["slope"]`` is an output; ``result.outputs["analyst"]["slope"]`` says whose.
    """

    def __init__(self, report: _privity.Report) -> None:
        #: The session's id, in hex.
        self.session: str = report["session"]
        #: The computation's digest, in hex.
        self.computation: str = report["computation"]
        #: For each player, the outputs that it received.
        self.outputs: dict[str, dict[str, Array]] = report["outputs"]
        #: Rounds of communication.
        self.rounds: int = report["rounds"]
        #: Bytes that each player sent.
        self.bytes: dict[str, int] = report["bytes"]
        #: Wall-clock time.
        self.seconds: float = report["seconds"]
        #: One digest over the receipts of all players, in hex.
        self.receipt: str = report["receipt"]
        #: Each output beside its plaintext value, if that was asked for.
        self.comparison: dict[str, Comparison] | None = None
        #: What this run does not show, in words.
        self.notes: list[str] = list(report.get("notes", []))
        if report["comparison"] is not None:
            self.comparison = {name: Comparison(*c) for name, c in report["comparison"].items()}

    def __getitem__(self, name: str) -> Array:
        for outputs in self.outputs.values():
            if name in outputs:
                return outputs[name]
        raise KeyError(f"no output {name!r} came here; there are: {', '.join(map(repr, self._names())) or 'none'}")

    def _names(self) -> list[str]:
        return [name for outputs in self.outputs.values() for name in outputs]

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """Player, output, value, and error where it was compared."""
        return [
            (player, name, np.array2string(value, threshold=20), self._error(name))
            for player, outputs in self.outputs.items()
            for name, value in outputs.items()
        ]

    def _error(self, name: str) -> str:
        return "" if self.comparison is None else f"{self.comparison[name].absolute:.1e}"

    def _cost(self) -> str:
        sent = ", ".join(f"{player} {n:,} bytes" for player, n in self.bytes.items())
        return f"{self.rounds} rounds, {self.seconds:.3f} s; sent: {sent}; receipt {self.receipt[:12]}"

    def __repr__(self) -> str:
        rows = [f"{p}: {name} = {value}" + (f"  (error {e})" if e else "") for p, name, value, e in self._rows()]
        return "\n".join([*rows, self._cost()])

    def _repr_html_(self) -> str:
        head = ["reader", "output", "value", *(["largest error"] if self.comparison else [])]
        rows = [row[: len(head)] for row in self._rows()]

        def line(cells: Any, tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

        body = "".join(line(row, "td") for row in rows)
        return f"<table>{line(head, 'th')}{body}</table><p><small>{html.escape(self._cost())}</small></p>"


class Local:
    """All players in this process, each with its own shares and keys, over links in memory.

    What a computation saves, later ones in the same cluster can load. It dies with the cluster.
    """

    def __init__(self, modules: str | os.PathLike[str] | None = None) -> None:
        self._vaults = _privity.Vaults()
        self._modules = modules

    def __enter__(self) -> Local:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @property
    def stored(self) -> dict[str, dict[str, str]]:
        """For each player what it has stored: names, and what each is, in words."""
        return self._vaults.stored()

    def run(
        self,
        computation: Computation,
        inputs: Mapping[str, Any] | None = None,
        /,
        *,
        keys: Mapping[str, Any] | None = None,
        dims: Mapping[str, int] | None = None,
        compare: bool = False,
        progress: bool | Callback | None = None,
        **arrays: Any,
    ) -> Result:
        """Runs a computation on numpy arrays (or whatever ``numpy.asarray`` takes).

        Data are given by the inputs' names, as arguments or in a mapping. ``keys`` gives, for each input along a
        dimension whose rows are matched, its key column. ``dims`` gives lengths that no input has. ``compare`` also
        computes in plaintext, and reports the largest error of each output. ``progress`` is shown in terminals and
        notebooks; ``False`` turns it off, a function gets every event.
        """
        data = _known(computation, {**(inputs or {}), **arrays}, "data")
        columns = _known(computation, dict(keys or {}), "keys")
        for name, player in computation.inputs.items():
            if name not in data:
                help = f"give it by name, as run({computation.name}, {name}=...)"
                raise RunError(f"{player} has no data for the input `{name}`", "session.input-missing", player, help)
        ready = {d.name: as_declared(data[d.name], d) for d in declarations(computation._native)}
        texts = {name: keys_of(column, name, computation.inputs[name]) for name, column in columns.items()}
        with Progress.of(progress, computation.name) as watch:
            lengths = dict(dims or {})
            report = _privity.run_local(
                computation._native, ready, texts, lengths, compare, self._vaults, self._modules, watch.callback
            )
        return Result(report)


def _known(computation: Computation, given: dict[str, Any], what: str) -> dict[str, Any]:
    """Refuses names that are no input's."""
    known = computation.inputs
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            help = f"did you mean `{near[0]}`?" if near else f"its inputs are: {', '.join(known)}"
            message = f"{computation.name} has no input `{name}`, for which there are {what}"
            raise RunError(message, "data.unknown-input", None, help)
    return given


def local(*, modules: str | os.PathLike[str] | None = None) -> Local:
    """Runs computations in this process: ``with privity.local() as cluster: cluster.run(...)``.

    ``modules`` is the folder with the WebAssembly modules that they name, each as ``NAME.wasm``.
    """
    return Local(modules)


def main() -> None:
    """The ``privity`` command."""
    # Python's own handler would wait for the command to return.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_privity.cli(sys.argv))


__all__ = ["Comparison", "Local", "Result", "local"]
