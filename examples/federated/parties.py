"""All parties of an aggregation on this machine, as processes of their own: a service, two aggregators, and keys for clients.

Elsewhere each party makes its own key, and these processes run at different organisations; see the book's page on secure
aggregation.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COMMAND = [sys.executable, "-c", "import sys; from privity.run import main; sys.exit(main())"]
AGGREGATORS = ("north", "south")


@dataclass(frozen=True)
class Task:
    """What one set of terms is about."""

    #: Values in a contribution.
    length: int
    #: Each is clipped to between ``-clip`` and ``clip``.
    clip: float
    rounds: int
    #: The fewest contributions that are published as one sum.
    minimum: int
    #: The greatest weight of a contribution; without one all weigh the same.
    weights: int | None = 1000
    #: How long a round waits for clients once the first has come.
    collect_seconds: float = 60.0
    #: Values are rounded to 2^precision levels.
    precision: int = 20


def prepare(folder: Path, clients: int, tasks: dict[str, Task]) -> None:
    """Keys of everyone, ``NAME.toml`` with the terms of each task, the enroller's lists, and configurations."""
    address = f"127.0.0.1:{free_port()}"
    service, enroller, reader = (keys(folder, name) for name in ("service", "enroller", "reader"))
    aggregators = {name: keys(folder, name) for name in AGGREGATORS}
    enrolled = [keys(folder, f"client{i}")["identity"] for i in range(clients)]
    listed = ""
    for name, task in tasks.items():
        weights = "" if task.weights is None else f"weights = {task.weights}"
        terms = f"""
name = "{name}"
length = {task.length}
clip = {task.clip}
precision = {task.precision}
minimum = {task.minimum}
most = {clients}
{weights}
rounds = {task.rounds}
collect_seconds = {task.collect_seconds}
enroller = "{enroller['key']}"
readers = ["{reader['identity']}"]
[service]
identity = "{service['identity']}"
address = "{address}"
[committee]
threshold = 2
quorum = 2
corrupt = 1
"""
        for aggregator, public in aggregators.items():
            entry = f'name = "{aggregator}"\nkey = "{public["key"]}"\nseal = "{public["seal"]}"\n'
            terms += f"[[committee.aggregators]]\n{entry}"
        (folder / f"{name}.toml").write_text(terms)
        signed = privity(folder, "enrol", "--terms", f"{name}.toml", "--key", "enroller.key", *enrolled)
        (folder / f"{name}.list").write_text(signed)
        listed += f'[[task]]\nterms = "{name}.toml"\nenrolment = "{name}.list"\n'
    for name in AGGREGATORS:
        config = f'[aggregator]\nkey = "{name}.key"\nfolder = "{name}.rounds"\n{listed}'
        (folder / f"{name}.config").write_text(config)
    config = f'[service]\nkey = "service.key"\nlisten = "{address}"\nboard = "board.redb"\n{listed}'
    (folder / "service.config").write_text(config)


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """The service and the aggregators, while the block runs."""

    def start(name: str) -> subprocess.Popen[bytes]:
        command = [*COMMAND, "aggregator", "--config", f"{name}.config"]
        with open(folder / f"{name}.log", "wb") as log:
            return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    processes = [start(name) for name in ("service", *AGGREGATORS)]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def keys(folder: Path, name: str) -> dict[str, str]:
    """Makes a key, and gives its public parts."""
    privity(folder, "keygen", f"{name}.key")
    return dict(json.loads(privity(folder, "aggregator", "--keys", f"{name}.key", "--json")))


def privity(folder: Path, *args: str) -> str:
    """What the command prints."""
    done = subprocess.run([*COMMAND, *args], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
