"""Flower through Privity, with a grid that serialises every message as Flower does and keeps all that the server receives."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Error, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.message_pb2 import Message as Proto
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity

from privity.aggregate import Client
from privity.integrations.flower import FedAvg, Refused, SecureMod, Task

sys.path.insert(0, str(Path(__file__).parents[3] / "examples/federated"))

import parties  # noqa: E402  (the example's own module)

NODES, LENGTH = 3, 6
#: What each node trains to, and says of it: nobody else may ever see these.
TRAINED = [np.array([0.734_21, -1.270_63, 2.101_77, 0.4, 0.5, 0.6]) * (i + 1) for i in range(NODES)]
LOSSES = [0.314_15, 2.718_28, 1.414_21]
EXAMPLES = [739_021, 521_377, 863_159]
METRICS = {"loss": 10.0}


class Recorded(Grid):
    """The nodes' apps in threads of this process. ``received`` is every byte that the server gets."""

    def __init__(self, apps: list[ClientApp]) -> None:
        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
        self.apps = apps
        self.received: list[bytes] = []
        self.replies: list[Message] = []

    def set_run(self, run: object) -> None: ...

    @property
    def run(self) -> object:
        return None

    def create_message(self, *args: object, **kwargs: object) -> Message:
        raise NotImplementedError

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        raise NotImplementedError

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        raise NotImplementedError

    def get_node_ids(self) -> Iterable[int]:
        return range(1, len(self.apps) + 1)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        messages = list(messages)
        if not messages:
            return []
        with ThreadPoolExecutor(len(messages)) as pool:
            sent = list(pool.map(self._answer, messages))
        self.received += sent
        replies = [self._parsed(reply) for reply in sent]
        self.replies += replies
        return replies

    def _answer(self, message: Message) -> bytes:
        message.metadata.__dict__["_message_id"] = "a message"
        arrived = self._parsed(bytes(message_to_proto(message).SerializeToString()))
        node = arrived.metadata.dst_node_id
        context = Context(1, node, {"number": node - 1}, RecordDict(), {})
        try:
            reply = self.apps[node - 1](arrived, context)
        except Exception as e:
            # As Flower's own runner tells the server.
            reply = Message(Error(code=0, reason=f"{type(e)}:<'{e}'>"), reply_to=arrived)
        return bytes(message_to_proto(reply).SerializeToString())

    @staticmethod
    def _parsed(message: bytes) -> Message:
        return message_from_proto(Proto.FromString(message))


@dataclass
class World:
    folder: Path
    mods: list[SecureMod] = field(default_factory=list)

    def task(self, key: str, terms: str) -> Task:
        client = Client(self.folder / f"{terms}.toml", key=self.folder / f"{key}.key")
        return Task(client, metrics=METRICS, patience=60.0)

    def mod(self) -> SecureMod:
        def of(terms: str):
            return lambda context: self.task(f"client{context.node_config['number']}", terms)

        return SecureMod(of("train"), of("evaluate"))

    def strategy(self, **kwargs: object) -> FedAvg:
        return FedAvg(self.task("reader", "train"), self.task("reader", "evaluate"), **kwargs)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    tasks = {
        "train": parties.Task(LENGTH + 1, clip=16.0, rounds=3, minimum=2, weights=1_000_000, collect_seconds=6.0),
        "evaluate": parties.Task(1, clip=16.0, rounds=3, minimum=2, weights=1_000_000, collect_seconds=6.0),
    }
    parties.prepare(tmp_path, NODES, tasks)
    with parties.running(tmp_path):
        yield World(tmp_path)


def app(mods: list[SecureMod], fails: str | None = None) -> ClientApp:
    """An ordinary Flower app: it trains to what is planted."""
    made = ClientApp(mods=mods)

    def metrics(number: int) -> MetricRecord:
        return MetricRecord({"loss": LOSSES[number], "num-examples": EXAMPLES[number], "accuracy": 0.987_65})

    @made.train()
    def train(message: Message, context: Context) -> Message:
        number = context.node_config["number"]
        if fails is not None:
            raise ValueError(f"{fails} {TRAINED[number][0]}")
        arrays = {"a": TRAINED[number][:4].reshape(2, 2), "b": TRAINED[number][4:].astype(np.float32)}
        arrays = ArrayRecord({name: Array(array) for name, array in arrays.items()})
        return Message(RecordDict({"arrays": arrays, "metrics": metrics(number)}), reply_to=message)

    @made.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        return Message(RecordDict({"metrics": metrics(context.node_config["number"])}), reply_to=message)

    @made.query()
    def query(message: Message, context: Context) -> Message:
        return Message(RecordDict({"metrics": metrics(context.node_config["number"])}), reply_to=message)

    return made


def initial() -> ArrayRecord:
    return ArrayRecord({"a": Array(np.full((2, 2), 0.25)), "b": Array(np.zeros(2, np.float32))})


def forms(value: float) -> list[bytes]:
    """How a number might appear in bytes."""
    packed = [struct.pack(form, value) for form in ("<d", ">d", "<f", ">f")]
    return [*packed, str(value).encode(), f"{value:.4f}".encode()]


def assert_unseen(seen: bytes) -> None:
    planted = [*np.concatenate(TRAINED), *(TRAINED[0].astype(np.float32)), *LOSSES, 0.987_65]
    # What training changed is as private as what it led to.
    planted += list((TRAINED[0] - 0.25)[:4])
    for value in planted:
        # Round numbers such as 0.5 are in other things as well.
        for form in forms(float(value)) if len(str(value)) > 6 else []:
            assert form not in seen, value
    for count in EXAMPLES:
        assert str(count).encode() not in seen and struct.pack("<d", count) not in seen


def mean(values: list[float], of: list[int] = EXAMPLES) -> float:
    return float(np.average(values, weights=of))


def test_a_program_of_flower_learns_means_and_the_server_nothing_else(world: World) -> None:
    grid = Recorded([app([world.mod()]) for _ in range(NODES)])
    result = world.strategy().start(grid, initial(), num_rounds=2)
    expected = np.average(TRAINED, axis=0, weights=EXAMPLES)
    np.testing.assert_allclose(result.arrays["a"].numpy().ravel(), expected[:4], atol=1e-3)
    np.testing.assert_allclose(result.arrays["b"].numpy(), expected[4:], atol=1e-3)
    assert result.arrays["b"].numpy().dtype == np.float32
    for metrics in (*result.train_metrics_clientapp.values(), *result.evaluate_metrics_clientapp.values()):
        assert list(metrics) == ["loss"] and metrics["loss"] == pytest.approx(mean(LOSSES), abs=1e-3)
    assert len(grid.replies) == 2 * 2 * NODES and not any(len(reply.content) for reply in grid.replies)
    assert_unseen(b"".join(grid.received))
    # Nor does whoever keeps the board and the logs see them.
    for kept in ("board.redb", "service.log", "north.log", "south.log"):
        assert_unseen((world.folder / kept).read_bytes())


def test_a_failing_client_says_nothing_and_the_others_go_on(world: World) -> None:
    grid = Recorded([app([world.mod()]), app([world.mod()]), app([world.mod()], fails="row 17 holds")])
    arrays, metrics = initial(), ConfigRecord()
    strategy = world.strategy()
    replies = list(grid.send_and_receive(strategy.configure_train(1, arrays, metrics, grid)))
    failed = {reply.metadata.src_node_id: reply for reply in replies if reply.has_error()}
    assert list(failed) == [3]
    assert failed[3].error.reason.count("see the log of the client") == 1
    assert_unseen(b"".join(grid.received))
    assert b"row 17" not in b"".join(grid.received)
    moved, means = strategy.aggregate_train(1, replies)
    assert moved is not None and means is not None
    expected = np.average(TRAINED[:2], axis=0, weights=EXAMPLES[:2])
    np.testing.assert_allclose(moved["a"].numpy().ravel(), expected[:4], atol=1e-3)
    assert means["loss"] == pytest.approx(mean(LOSSES[:2], EXAMPLES[:2]), abs=1e-3)


def test_a_curious_server_gets_nothing(world: World) -> None:
    grid = Recorded([app([world.mod()]) for _ in range(NODES)])
    strategy = world.strategy()

    def ask(kind: str, config: dict[str, int]) -> list[Message]:
        content = RecordDict({"arrays": initial(), "config": ConfigRecord(config)})
        messages = [Message(content, dst_node_id=1, message_type=kind)]
        return list(grid.send_and_receive(messages))

    # Kinds of messages that are not aggregated, and no round at all.
    for kind in ("query", "train.other"):
        assert ask(kind, {"privity-round": 1})[0].has_error()
    assert ask("train", {})[0].has_error()
    # The same round twice, to have two sums that differ by one client; and a round that is over.
    replies = list(grid.send_and_receive(strategy.configure_train(1, initial(), ConfigRecord(), grid)))
    again = ask("train", {"privity-round": 1})[0]
    assert again.has_error() and ("secagg.second" in again.error.reason or "late" in again.error.reason)
    assert strategy.aggregate_train(1, replies)[0] is not None
    assert ask("train", {"privity-round": 1})[0].has_error()
    assert_unseen(b"".join(grid.received))


def test_an_answer_in_the_clear_is_refused(world: World) -> None:
    grid = Recorded([app([world.mod()]), app([world.mod()]), app([])])
    strategy = world.strategy()
    replies = list(grid.send_and_receive(strategy.configure_train(1, initial(), ConfigRecord(), grid)))
    with pytest.raises(Refused, match="in the clear"):
        strategy.aggregate_train(1, replies)
    with pytest.raises(ValueError, match="single clients"):
        world.strategy(train_metrics_aggr_fn=lambda replies, key: MetricRecord())


def test_the_example_trains_in_flowers_simulation() -> None:
    example = Path(__file__).parents[3] / "examples/federated/flower_digits.py"
    ran = subprocess.run([sys.executable, example], capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout.split("rounds: ")[1].split("%")[0]) > 90.0, ran.stdout
