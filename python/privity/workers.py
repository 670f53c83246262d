"""Running computations on the workers of their players: proposing, answering, and running what all have ratified."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from . import _privity
from ._upload import send
from .errors import RunError
from .program import Computation
from .progress import Callback, Progress
from .run import Result

Path = str | os.PathLike[str]


@dataclass(frozen=True)
class Proposal:
    """An agreement in a worker's inbox."""

    #: The digest of its text, in hex: what is ratified.
    digest: str
    #: The player whose worker says so.
    worker: str
    #: The computation's name.
    computation: str
    #: ``open``, ``complete``, ``declined`` or ``expired``.
    standing: str
    #: Players whose operators have ratified.
    ratified: Sequence[str]
    #: Players that have not answered.
    missing: Sequence[str]
    #: For each player that declined, its reason.
    declined: Mapping[str, str]
    #: The rules of the worker's policy by which it was ratified without asking; empty if it was not.
    rule: str = ""
    #: What people read and sign; empty where many are listed.
    text: str = field(default="", repr=False)

    def __str__(self) -> str:
        return self.text or repr(self)


def _proposals(found: str) -> list[Proposal]:
    named: list[dict[str, Any]] = json.loads(found)
    return [Proposal(**{name: p[name] for name in Proposal.__dataclass_fields__ if name in p}) for p in named]


@dataclass(frozen=True)
class Proposed:
    """What was proposed."""

    #: The digest of the agreement's text, in hex.
    digest: str
    #: The agreement, as every party reads and signs it.
    text: str = field(repr=False)
    #: Players whose workers have it in their inboxes.
    reached: Sequence[str]
    #: Players whose workers were not reached; the others tell them.
    missed: Sequence[str]


class Workers:
    """The workers of a roster. Inputs come from each owner's worker; outputs go to their readers."""

    def __init__(self, roster: str, key: str | None) -> None:
        self._roster = roster
        self._key = key

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def propose(
        self,
        computation: Computation,
        *,
        uses: int = 1,
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
        dims: Mapping[str, int] | None = None,
    ) -> Proposed:
        """Makes an agreement of a computation, this roster and these terms, and puts it into every worker's inbox.

        Nothing runs before the operator of every player's worker has ratified it. ``uses`` is how many runs it may
        have, ``valid_from`` and ``valid_until`` when these may begin. Lengths that are not in ``dims`` are those of
        the workers' data.
        """
        if uses < 1:
            raise ValueError(f"an agreement has at least one use, not {uses}")
        terms = (uses, _time(valid_from), _time(valid_until))
        made = _privity.propose(computation._native, self._roster, self._need_key(), dict(dims or {}), *terms)
        return Proposed(*made)

    def inbox(self) -> list[Proposal]:
        """The agreements in the workers' inboxes that this key may see."""
        return _proposals(_privity.inbox((self._roster, self._need_key()), None))

    def proposal(self, digest: str) -> Proposal:
        """One agreement with its text, which is held against the digest."""
        return _proposals(_privity.inbox((self._roster, self._need_key()), digest))[0]

    def run(
        self,
        what: Computation | Proposed | Proposal | str,
        *,
        dims: Mapping[str, int] | None = None,
        progress: bool | Callback | None = None,
    ) -> Result:
        """Runs an agreement, given as it was proposed or by its digest. Only outputs that this key may read come back.

        Each worker checks the computation and all signatures again. A computation that nobody ratified runs only on
        workers that were started with ``--ratify-all``; lengths that are not in ``dims`` are then those of the
        workers' data.
        """
        if isinstance(what, Computation):
            with Progress.of(progress, what.name) as watch:
                lengths = dict(dims or {})
                return Result(_privity.run_workers(what._native, self._roster, self._key, lengths, watch.callback))
        if dims:
            raise ValueError("an agreement has its lengths already")
        digest = what if isinstance(what, str) else what.digest
        with Progress.of(progress, digest[:12]) as watch:
            return Result(_privity.run_agreement(digest, self._roster, self._need_key(), watch.callback))

    def resume(self, session: str, *, progress: bool | Callback | None = None) -> Result:
        """Attempts a session again that failed: from the last checkpoint that all have, else from the beginning."""
        with Progress.of(progress, session[:12]) as watch:
            return Result(_privity.resume(session, self._roster, self._need_key(), watch.callback))

    def upload(
        self,
        agreement: Proposed | Proposal | str,
        input: str,
        table: Any,
        *,
        to: str,
        policy: Path | None = None,
        collateral: Sequence[Path] = (),
        roots: Sequence[Path] = (),
    ) -> None:
        """Brings an input of an agreement to the worker of the player ``to``: once, and after that worker has ratified it.

        ``table`` is a ``pyarrow.Table`` or what makes one, such as a dict of columns or a data frame: the key that rows
        are matched by, if they are, and the input's columns in their order. Nothing is sent before the worker's machine
        has proved what the roster says that it has to, and ``policy``; ``collateral`` and ``roots`` are as those of
        ``privity flight-proxy``. Takes pyarrow.
        """
        digest = agreement if isinstance(agreement, str) else agreement.digest
        proxy = ["--to", to, "--roster", self._roster, "--key", self._need_key()]
        proxy += [] if policy is None else ["--policy", os.fspath(policy)]
        for flag, paths in [("--collateral", collateral), ("--root", roots)]:
            proxy += [word for path in paths for word in (flag, os.fspath(path))]
        send(proxy, f"{digest}/{input}", table, to)

    def _need_key(self) -> str:
        if self._key is None:
            help = "make one with `privity keygen`, and give it to connect(roster, key=...)"
            raise RunError("workers only talk to identities that they know", "client.no-key", None, help)
        return self._key


class Operator:
    """One's own worker, on its own machine: what was proposed to it, and what its operator says to that."""

    def __init__(self, config: str) -> None:
        self._config = config

    def inbox(self) -> list[Proposal]:
        """The agreements in its inbox."""
        return _proposals(_privity.inbox(self._config, None))

    def proposal(self, digest: str) -> Proposal:
        """One agreement with its text, which is held against the digest."""
        return _proposals(_privity.inbox(self._config, digest))[0]

    def ratify(self, agreement: Proposed | Proposal | str) -> str:
        """Has the worker sign an agreement with its key. Returns how it stands then: ``open`` until all have."""
        return self._answer(agreement, None)

    def decline(self, agreement: Proposed | Proposal | str, reason: str) -> str:
        """Declines an agreement, with a reason for the other parties: it does not run."""
        return self._answer(agreement, reason)

    def _answer(self, agreement: Proposed | Proposal | str, declined: str | None) -> str:
        digest = agreement if isinstance(agreement, str) else agreement.digest
        [(_, standing)] = _privity.answer(self._config, digest, declined)
        return standing


def connect(roster: Path, key: Path | None = None) -> Workers:
    """The workers that a roster file names, coming as the owner of the key in a file."""
    return Workers(os.fspath(roster), None if key is None else os.fspath(key))


def operate(config: Path) -> Operator:
    """One's own worker, by its configuration file."""
    return Operator(os.fspath(config))


def _time(moment: datetime | None) -> str | None:
    """To the second, in UTC. A moment without a zone could mean any."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone: use datetime(..., tzinfo=timezone.utc)")
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


__all__ = ["Operator", "Proposal", "Proposed", "Workers", "connect", "operate"]
