"""Secure aggregation: contribute a vector to a round of which only the sum may be seen.

    from privity import aggregate

    client = aggregate.Client("terms.toml", key="mine.key")
    round = client.contribute(update, weight=len(examples))
    model = client.result(round).mean

Values are clipped, rounded, masked and sealed in this process; the service sees no value, no weight and no count.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

import numpy as np

from ._privity import AggregationClient

__all__ = ["Client", "Result", "Standing", "Terms"]

_Path = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class Result:
    """What a round published."""

    round: int
    #: How many contributions are in it.
    contributions: int
    #: The sum of the values; with weights, of each value times its weight.
    sum: np.ndarray[Any, np.dtype[np.float64]]
    #: The mean; with weights, the weighted mean.
    mean: np.ndarray[Any, np.dtype[np.float64]]
    #: The total weight, where the terms have weights.
    weight: float | None
    #: The standard deviation of the noise in each element of the sum, where terms have some.
    noise: float | None = None
    #: Who contributed and is not in it, because an aggregator could not use what they sent: out of range, or made up.
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Terms:
    """What a client needs to know of the terms."""

    #: Values in a contribution.
    length: int
    #: Each value is clipped to between ``-clip`` and ``clip``.
    clip: float
    #: The greatest weight, where the terms have weights.
    weights: int | None
    #: The fewest contributions that are published as one sum.
    minimum: int


@dataclass(frozen=True)
class Standing:
    """How a round stands."""

    round: int
    #: ``waiting``, ``collect``, … ``published`` or ``failed``.
    phase: str
    #: How many messages of the phase there are.
    have: int
    #: How many there can be.
    of: int
    #: Why it failed, or nothing.
    reason: str


class Client:
    """One client of one set of terms (a TOML file).

    ``at`` (``host:port``) overrides the service's address; it must prove the same identity. With ``resume``, a file, what is
    sent is kept there until it was accepted, so that a client that is started again sends the very same. With ``ledger``, a file,
    and ``budget``, contributions lose no more than that together, to whatever terms, as the ρ of zero-concentrated differential
    privacy; terms that add no noise are refused then. Where terms ask for aggregators whose machines prove themselves, each
    contribution appraises these first; ``collateral`` (files or folders of vendors' certificates, CRLs and collateral) and ``roots``
    (of TPM manufacturers) are what it does so with.
    """

    def __init__(
        self,
        terms: _Path,
        key: _Path,
        *,
        at: str | None = None,
        resume: _Path | None = None,
        ledger: _Path | None = None,
        budget: float | None = None,
        collateral: Sequence[_Path] = (),
        roots: Sequence[_Path] = (),
    ) -> None:
        if (ledger is None) != (budget is None):
            raise ValueError("a ledger and a budget go together")
        text = Path(terms).read_text(encoding="utf-8")
        kept = None if resume is None else os.fspath(resume)
        spent = None if ledger is None or budget is None else (os.fspath(ledger), float(budget))
        vendors = [os.fspath(path) for path in collateral], [os.fspath(path) for path in roots]
        self._client = AggregationClient(text, os.fspath(key), at, kept, spent, vendors)
        self.terms = Terms(*self._client.terms())

    def appraise(self) -> dict[str, dict[str, Any]]:
        """Appraise the machines of aggregators that the terms ask to prove themselves, by name; each as ``privity attest verify --json``
        says it. Contributing does so as well, each time. A machine that is refused is an error.
        """
        return {name: json.loads(record) for name, record in self._client.appraise()}

    def contribute(
        self, values: Any, *, weight: int | None = None, round: int | None = None, patience: float = 600.0
    ) -> int:
        """Contribute to a round, by default the first one that takes contributions, and return its number.

        ``values`` has one axis, of the terms' length. Waits up to ``patience`` seconds.
        """
        vector = np.ascontiguousarray(values, dtype=np.float64)
        if vector.ndim != 1:
            raise ValueError(f"values have one axis, not {vector.ndim}")
        return self._client.contribute(vector, weight, round, patience)

    def result(self, round: int, *, patience: float = 600.0) -> Result:
        """What a round published, once it has."""
        *published, left_out = self._client.result(round, patience)
        return Result(*published, left_out=tuple(left_out))

    def standing(self, round: int | None = None, *, patience: float = 60.0) -> Standing:
        """How a round stands, by default the one under way."""
        return Standing(*self._client.standing(round, patience))
