"""The same computation on four workers over TLS, as the book's page shows it."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

import privity as pv
from test_documents import BOOK, command, fenced, privity

PLAYERS = ("clinic", "laboratory", "registry", "analyst")
BMI, TARGET = [32.1, 21.6, 30.5, 25.3], [151.0, 75.0, 141.0, 206.0]
clinic, laboratory, registry, analyst = pv.players(PLAYERS)
committee = pv.replicated(clinic, laboratory, registry)


@pv.computation
def slope(bmi: pv.f64["n"] @ clinic, target: pv.f64["n"] @ registry):
    with committee:
        x = bmi - pv.mean(bmi)
        b = pv.dot(x, target) / pv.maximum(pv.dot(x, x), 0.001)
    return pv.release(b, to=analyst)


def free_ports(count: int) -> list[int]:
    """Held together until all are chosen, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def identity(folder: Path, name: str) -> str:
    made = privity("keygen", f"{name}.key", "--json", cwd=folder)
    assert made.returncode == 0, made.stderr
    return str(json.loads(made.stdout)["identity"])


def dataset(player: str, name: str) -> str:
    return f'[data.{player}.{name}]\ncsv = "data.csv"\ncolumn = "{name}"\nkey = "patient"\n'


@pytest.fixture(scope="module")
def parties(tmp_path_factory):
    """Of whom the clinic and the registry have data."""
    data = {"clinic": dataset("clinic", "bmi"), "registry": dataset("registry", "target")}
    with parties_of(tmp_path_factory.mktemp("parties"), data) as folder:
        yield folder


@contextmanager
def parties_of(folder: Path, more: dict[str, str]) -> Iterator[Path]:
    """A folder with keys and a roster, and a worker for each player, from the command that the wheel brought."""
    rows = "".join(f"{i},{b},{t}\n" for i, (b, t) in enumerate(zip(BMI, TARGET)))
    (folder / "data.csv").write_text("patient,bmi,target\n" + rows)
    guest = identity(folder, "guest")
    ports = dict(zip(PLAYERS, free_ports(len(PLAYERS))))
    roster = ""
    for name, port in ports.items():
        roster += f'[players.{name}]\nidentity = "{identity(folder, name)}"\nendpoint = "127.0.0.1:{port}"\n\n'
        config = f'key = "{name}.key"\nlisten = "127.0.0.1:{port}"\nroster = "ROSTER.toml"\nsubmitters = ["{guest}"]\n\n'
        (folder / f"{name}.toml").write_text(config + more.get(name, ""))
    (folder / "ROSTER.toml").write_text(roster)
    workers = [start(folder, name) for name in PLAYERS]
    try:
        for worker, listening in workers:
            assert listening.wait(30) and worker.poll() is None, "a worker did not come up"
        yield folder
    finally:
        for worker, _ in workers:
            worker.kill()
            worker.wait()
            worker.stderr.close()


def start(folder: Path, name: str) -> tuple[subprocess.Popen[str], threading.Event]:
    """Starts a worker. The event is set once it listens, or has ended."""
    worker = subprocess.Popen(
        [command(), "worker", "--config", f"{name}.toml", "--ratify-all"], cwd=folder, stderr=subprocess.PIPE, text=True
    )
    listening = threading.Event()

    def read() -> None:
        # Its log is read on, or it would block on a full pipe.
        for line in worker.stderr:
            if "listening" in line:
                listening.set()
        listening.set()

    threading.Thread(target=read, daemon=True).start()
    return worker, listening


def test_the_analyst_gets_the_result_and_a_guest_does_not(parties):
    events = []
    workers = pv.connect(parties / "ROSTER.toml", key=parties / "analyst.key")
    result = workers.run(slope, progress=lambda *event: events.append(event))
    expected = np.polyfit(BMI, TARGET, 1)[0]
    assert result["slope"] == pytest.approx(expected, rel=1e-3)
    assert result.computation == slope.digest and set(result.bytes) == set(PLAYERS)
    assert "finished" in {event[0] for event in events}

    with pv.connect(parties / "ROSTER.toml", key=parties / "guest.key") as workers:
        result = workers.run(slope)
    assert result.outputs == {} and result.rounds > 0
    with pytest.raises(KeyError, match="none"):
        result["slope"]


def test_an_error_at_a_worker_says_whose(parties):
    @pv.computation
    def other(age: pv.f64["n"] @ clinic):
        with committee:
            total = pv.sum(age)
        return pv.release(total, to=analyst)

    with pytest.raises(pv.RunError) as caught:
        pv.connect(parties / "ROSTER.toml", key=parties / "analyst.key").run(other)
    assert caught.value.player == "clinic" and caught.value.code.startswith("data.") and caught.value.help


def test_an_agreement_is_declined_once_ratified_and_runs_as_often_as_it_says(parties):
    workers = pv.connect(parties / "ROSTER.toml", key=parties / "analyst.key")
    registry_worker = pv.operate(parties / "registry.toml")
    first = workers.propose(slope, uses=7)
    assert "uses = 7" in first.text and (set(first.reached), first.missed) == (set(PLAYERS), [])
    assert registry_worker.decline(first, "seven times is too often") == "declined"
    [seen] = [p for p in registry_worker.inbox() if p.digest == first.digest]
    assert seen.declined == {"registry": "seven times is too often"} and seen.computation == "slope"
    with pytest.raises(pv.RunError) as caught:
        workers.run(first)
    assert caught.value.code == "worker.declined" and caught.value.player == "registry"

    second = workers.propose(slope)
    for player in PLAYERS:
        pv.operate(parties / f"{player}.toml").ratify(second.digest)
    seen = workers.proposal(second.digest)
    assert seen.text == second.text and str(seen) == second.text
    assert workers.run(seen)["slope"] == pytest.approx(np.polyfit(BMI, TARGET, 1)[0], rel=1e-3)
    with pytest.raises(pv.RunError) as caught:
        workers.run(second)
    assert caught.value.code == "ledger.used-up"


def test_what_makes_no_sense_is_refused_before_anyone_is_asked(parties):
    workers = pv.connect(parties / "ROSTER.toml", key=parties / "analyst.key")
    with pytest.raises(ValueError, match="time zone"):
        workers.propose(slope, valid_until=datetime(2099, 1, 1))
    with pytest.raises(ValueError, match="at least one use"):
        workers.propose(slope, uses=0)
    with pytest.raises(pv.RunError) as caught:
        pv.connect(parties / "ROSTER.toml").propose(slope)
    assert caught.value.code == "client.no-key"
    for call in (workers.resume, workers.run):
        with pytest.raises(pv.RunError) as caught:
            call("0" * (32 if call == workers.resume else 64))
        assert caught.value.code in ("worker.unknown-session", "worker.unproposed") and caught.value.session is None


def test_what_the_book_shows_of_workers_runs(parties, monkeypatch):
    monkeypatch.chdir(parties)
    shown = fenced(BOOK, "python workers")
    assert len(shown) == 3
    around = {"pv": pv, "slope": slope}
    for block in shown:
        exec(compile(block, "python.md", "exec"), around)
        if block == shown[1]:
            for player in set(PLAYERS) - {"registry"}:
                pv.operate(f"{player}.toml").ratify(around["proposed"])
    assert around["result"]["slope"] == pytest.approx(np.polyfit(BMI, TARGET, 1)[0], rel=1e-3)
