"""TensorFlow Federated through Privity: the same results as in TFF's own runtime, and nothing of a client where it may not be."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import tensorflow as tf  # noqa: E402
import tensorflow_federated as tff  # noqa: E402

from privity.aggregate import Client  # noqa: E402
from privity.errors import RunError  # noqa: E402
from privity.integrations.tff import CLIP, PRECISION, AsyncContext, Context, Leaf, Plan, Refused, Task  # noqa: E402

EXAMPLES = Path(__file__).parents[3] / "examples/federated"
sys.path.insert(0, str(EXAMPLES))

import parties  # noqa: E402  (the example's own module)

CLIENTS, BOUND = 3, 1000.0
#: What clients hold: nobody else may ever see these.
COUNTS = [739_021_113, 521_377_457, 863_159_339]
VALUES = [(31.415_926, (-271.828_18, 141.421_35)), (-57.721_566, (161.803_39, 0.0)), (91.596_559, (-5.772_1, 83.462_68))]
#: The greatest that is in a secure sum.
MOST = 900_000_000


def at_clients(type: Any) -> tff.FederatedType:
    return tff.FederatedType(type, tff.CLIENTS)


def at_server(type: Any) -> tff.FederatedType:
    return tff.FederatedType(type, tff.SERVER)


PAIR = tff.StructType([("a", np.float32), ("b", (np.float32, (2,)))])


@tff.tensorflow.computation(np.int32, np.float32)
def weight(count: Any, factor: Any) -> Any:
    return tf.cast(count, tf.float32) / 1e9 * factor


@tff.tensorflow.computation(np.int32)
def widened(count: Any) -> Any:
    """What needs all 32 bits."""
    return tf.cast(count, tf.int64) + 2**31


@tff.tensorflow.computation(np.int32)
def negative(count: Any) -> Any:
    return count - 1_000_000_000


@tff.federated_computation(at_server(np.float32), at_clients(np.int32), at_clients(PAIR))
def everything(factor: Any, counts: Any, values: Any) -> Any:
    """One of each aggregation, with something broadcast, and results in containers."""
    weights = tff.federated_map(weight, (counts, tff.federated_broadcast(factor)))
    wide = tff.federated_map(widened, counts)
    return {
        "secure": tff.federated_secure_sum(wide, 2**32 - 1),
        "bits": tff.federated_secure_sum_bitwidth(wide, 32),
        "counts": tff.federated_sum(tff.federated_map(negative, counts)),
        "sums": tff.federated_sum(values),
        "mean": tff.federated_mean(values),
        "weighted": tff.federated_mean(values, weights),
        "factor": factor,
    }


@tff.federated_computation(at_clients(np.int32))
def total(counts: Any) -> Any:
    return tff.federated_secure_sum(counts, MOST)


@dataclass
class World:
    folder: Path

    def key(self, client: int) -> Path:
        return self.folder / f"client{client}.key"

    def context(self, **kwargs: Any) -> Context:
        given: dict[str, Any] = {"keys": [self.key(i) for i in range(CLIENTS)], "bound": BOUND, "patience": 120.0}
        terms = [self.folder / f"{name}.toml" for name in ("everything", "total")]
        return Context(terms, self.folder / "reader.key", **{**given, **kwargs})

    def round(self, computation: tff.Computation, *args: Any, **kwargs: Any) -> Any:
        tff.framework.set_default_context(self.context(**kwargs))
        return computation(*args)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("parties")
    lengths = {"everything": Plan(everything).length, "total": 1}
    terms = {name: task(length) for name, length in lengths.items()}
    parties.prepare(folder, CLIENTS, terms)
    with parties.running(folder):
        yield World(folder)


def task(length: int, **kwargs: Any) -> parties.Task:
    given = {"clip": CLIP, "rounds": 20, "minimum": 2, "weights": None, "precision": PRECISION, "collect_seconds": 8.0}
    return parties.Task(length, **{**given, **kwargs})


def own(computation: tff.Computation, *args: Any) -> Any:
    """What TFF's runtime for tests gives: its secure sums are in the clear."""
    tff.backends.test.set_sync_test_cpp_execution_context()
    return computation(*args)


def holdings() -> list[Any]:
    return [{"a": np.float32(a), "b": np.array(b, np.float32)} for a, b in VALUES]


@dataclass
class Spied:
    """A client after whose contribution the service's files are read. Contributes after those that it waits for."""

    world: World
    client: int
    value: Any
    after: Future[bytes]
    done: Future[bytes]

    def perform(self, task: Task) -> None:
        try:
            self.after.result(timeout=120)
            task.perform(Client(self.world.folder / "everything.toml", key=self.world.key(self.client)), self.value)
        finally:
            kept = ("board.redb", "service.log", "north.log", "south.log")
            self.done.set_result(b"".join((self.world.folder / name).read_bytes() for name in kept))


def test_all_aggregations_give_what_tff_gives_and_the_service_sees_nothing(world: World) -> None:
    args = (np.float32(0.5), [np.int32(count) for count in COUNTS], holdings())
    expected = own(everything, *args)
    turns: list[Future[bytes]] = [Future() for _ in range(CLIENTS + 1)]
    turns[0].set_result(b"")
    spied = [Spied(world, i, value, turns[i], turns[i + 1]) for i, value in enumerate(zip(args[1], args[2]))]
    result = world.round(everything, args[0], spied, spied)
    assert list(result) == list(expected) and type(result) is type(expected)
    for name in ("secure", "bits", "counts", "factor"):
        assert result[name] == expected[name], name
        assert np.asarray(result[name]).dtype == np.asarray(expected[name]).dtype
    assert result["secure"] == sum(COUNTS) + 3 * 2**31 and result["counts"] == sum(COUNTS) - 3_000_000_000
    for name in ("sums", "mean", "weighted"):
        # A step of the fixed point is 2 * BOUND / 2^32.
        np.testing.assert_allclose(result[name]["a"], expected[name]["a"], atol=2e-5, rtol=1e-6)
        np.testing.assert_allclose(result[name]["b"], expected[name]["b"], atol=2e-5, rtol=1e-6)
        assert result[name]["b"].dtype == np.float32
    simulated = world.round(everything, *args)
    assert all(simulated[name] == expected[name] for name in ("secure", "bits", "counts"))
    # While contributions are on the board, and when they were erased.
    for turn in turns[1:]:
        assert_unseen(turn.result())
    with pytest.raises(AssertionError):
        assert_unseen(turns[1].result() + (COUNTS[0] + 2**31).to_bytes(8, "little"))


def assert_unseen(seen: bytes) -> None:
    """That bytes hold no client's values, as themselves or as they are before a mask is put over them."""
    whole = [number for count in COUNTS for number in (count, count + 2**31, count - 1_000_000_000)]
    levels = [number + 2**31 for number in whole]
    reals = [x for a, b in VALUES for x in (a, *b) if x]
    for x in reals:
        levels += [int(np.floor(x / BOUND * CLIP + CLIP)) + up for up in (0, 1)]
    for number in (*whole, *levels):
        for size in (4, 8):
            for order in ("little", "big"):
                if -(2 ** (8 * size - 1)) <= number < 2 ** (8 * size):
                    assert number.to_bytes(size, order, signed=number < 0) not in seen, number
        assert str(number).encode() not in seen
    for x in reals:
        for form in ("<f4", ">f4", "<f8", ">f8"):
            assert np.array(x, form).tobytes() not in seen, x
        assert str(x).encode() not in seen


def refused() -> dict[str, tuple[tff.Computation, str]]:
    """What does not go through Privity, and the words of its refusal."""
    one, made = np.int32, tff.federated_computation
    add = tff.tensorflow.computation(lambda x, y: x + y, (one, one))
    same = tff.tensorflow.computation(lambda x: x, one)
    modular = tff.backends.mapreduce.federated_secure_modular_sum

    def twice(x: Any) -> Any:
        first = tff.federated_broadcast(tff.federated_sum(x))
        return tff.federated_sum(tff.federated_map(add, (x, first)))

    def picked(x: Any) -> Any:
        three, table = tff.federated_value(3, tff.SERVER), tff.federated_value(5, tff.SERVER)
        keys = tff.federated_map(tff.tensorflow.computation(lambda x: tf.reshape(x, [1]), one), x)
        tff.federated_select(keys, three, table, tff.tensorflow.computation(lambda value, key: value, (one, one)))
        return tff.federated_sum(x)

    of_clients = {
        "greatest": (lambda x: tff.federated_max(x), "`federated_max`"),
        "least": (lambda x: tff.federated_min(x), "`federated_min`"),
        "aggregate": (lambda x: tff.federated_aggregate(x, one(0), add, add, same), "`federated_aggregate`"),
        "modular": (lambda x: modular(x, 1000), "`federated_secure_modular_sum`"),
        "select": (picked, "`federated_select`"),
        "returned": (lambda x: tff.federated_map(same, x), "returns what clients hold"),
        "ignored": (lambda x: tff.federated_value(1, tff.SERVER), "aggregates nothing"),
        "twice": (twice, "one aggregation"),
    }
    all = {name: (made(body, at_clients(one)), words) for name, (body, words) in of_clients.items()}
    nobody = made(lambda: tff.federated_sum(tff.federated_value(1, tff.CLIENTS)))
    return {**all, "nobody": (nobody, "nothing of clients|arguments")}


REFUSED = ["greatest", "least", "aggregate", "modular", "select", "returned", "ignored", "twice", "nobody"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_sum_is_refused_by_name(world: World, name: str) -> None:
    what, words = refused()[name]
    args = [] if what.type_signature.parameter is None else [[np.int32(count) for count in COUNTS]]
    with pytest.raises(Refused, match=words):
        world.round(what, *args)


def test_nobody_is_asked_for_what_the_terms_do_not_hold(world: World) -> None:
    counts = [np.int32(count) for count in COUNTS]
    before = Client(world.folder / "total.toml", key=world.folder / "reader.key").standing().round

    @tff.federated_computation(at_clients(np.float32))
    def floats(x: Any) -> Any:
        return tff.federated_sum(x)

    with pytest.raises(Refused, match="`federated_sum` of floats is refused without a bound"):
        world.round(floats, [1.0, 2.0, 3.0], bound=None)
    with pytest.raises(Refused, match="length = 2, precision = 32 and clip = 2147483647.5"):
        world.round(tff.federated_computation(lambda x: (total(x), total(x)), at_clients(np.int32)), counts)
    with pytest.raises(Refused, match="integers of 33 bits"):
        wide = tff.federated_computation(lambda x: tff.federated_secure_sum_bitwidth(x, 33), at_clients(np.int64))
        world.round(wide, counts)
    with pytest.raises(Refused, match="minimum of 2"):
        world.round(total, counts[:1])
    with pytest.raises(Refused, match="a key of its own"):
        world.round(total, counts, keys=[world.key(0)])
    with pytest.raises(ValueError, match="one key"):
        world.context(keys=[world.key(0), world.key(0)])
    after = Client(world.folder / "total.toml", key=world.folder / "reader.key").standing()
    assert (after.round, after.phase) == (before, "waiting") or after.phase == "published"


def test_terms_whose_levels_are_no_whole_numbers_are_refused(tmp_path: Path) -> None:
    wrong = {"coarse": {"clip": 8.0}, "finer": {"precision": 31}, "weighted": {"weights": 10}}
    parties.prepare(tmp_path, 2, {name: task(1, **kwargs) for name, kwargs in wrong.items()})
    for name in wrong:
        with pytest.raises(Refused, match="terms must have none" if name == "weighted" else "levels"):
            Context(tmp_path / f"{name}.toml", tmp_path / "reader.key")


def test_a_client_that_is_out_of_range_is_missing_and_says_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    counts = [np.int32(COUNTS[0]), np.int32(2_000_000_001), np.int32(COUNTS[2])]
    assert world.round(total, counts) == COUNTS[0] + COUNTS[2]
    assert "contributed nothing: Refused" in caplog.text and "2000000001" not in caplog.text


class Elsewhere:
    """A client in a process of its own, which has its value in a file that the server's never reads."""

    def __init__(self, world: World, client: int) -> None:
        self.command = [sys.executable, "-c", CLIENT, world.folder / "total.toml", world.key(client), str(client)]

    def perform(self, task: Task) -> None:
        ran = subprocess.run(self.command, input=task.to_bytes(), capture_output=True, timeout=300)
        if ran.returncode:
            raise RuntimeError(ran.stderr.decode().strip().splitlines()[-1])


CLIENT = f"""
import sys
from privity.aggregate import Client
from privity.integrations.tff import Task
client = Client(sys.argv[1], key=sys.argv[2])
Task.from_bytes(sys.stdin.buffer.read()).perform(client, {COUNTS}[int(sys.argv[3])])
"""


def test_clients_elsewhere_and_one_that_comes_twice(world: World, caplog: pytest.LogCaptureFixture) -> None:
    first, second = Elsewhere(world, 0), Elsewhere(world, 1)
    assert world.round(total, [first, first, second], keys=[]) == COUNTS[0] + COUNTS[1]
    assert caplog.text.count("contributed nothing") == 1


def test_a_program_of_the_platform(world: World) -> None:
    async def program() -> Any:
        context = tff.program.NativeFederatedContext(AsyncContext(world.context()))
        tff.framework.set_default_context(context)
        return await tff.program.materialize_value(total([np.int32(count) for count in COUNTS]))

    assert asyncio.run(program()) == sum(COUNTS)


def test_whole_numbers_are_exact_up_to_their_ends() -> None:
    rng = np.random.default_rng(7)
    secure = Leaf("federated_secure_sum", (5,), "int64", 0, greatest=2**32 - 1)
    signed = Leaf("federated_sum", (5,), "int64", 1)
    real = Leaf("federated_sum", (2,), "float32", 2)
    asked = Task(1, b"", (), (secure, signed, real), bound=10.0)
    for clients in (1, 2, 1000):
        low = rng.integers(0, 2**32, (clients, 5))
        high = rng.integers(-(2**31), 2**31, (clients, 5))
        low[0], high[0] = [0, 2**32 - 1, 1, 2, 3], [-(2**31), 2**31 - 1, 0, -1, 1]
        reals = np.tile([10.0, -10.0], (clients, 1))
        vectors = [asked.encode(tensors, CLIP) for tensors in zip(low, high, reals)]
        assert all((np.abs(vector) <= CLIP).all() for vector in vectors)
        # On the levels, exactly: nothing is left to rounding.
        assert all((vector[:10] + CLIP == np.rint(vector[:10] + CLIP)).all() for vector in vectors)
        sums = asked.decode(np.sum(vectors, axis=0), clients, CLIP)
        np.testing.assert_array_equal(sums[0], low.sum(axis=0))
        np.testing.assert_array_equal(sums[1], high.sum(axis=0))
        np.testing.assert_allclose(sums[2], [10.0 * clients, -10.0 * clients])
    within = [np.zeros(5, np.int64), np.zeros(5, np.int64), np.zeros(2)]
    for place, value in [(0, -1), (0, 2**32), (1, 2**31), (1, -(2**31) - 1), (2, 10.01), (2, np.nan), (2, np.inf)]:
        beyond = [part.copy() for part in within]
        beyond[place][1] = value
        with pytest.raises(Refused) as said:
            asked.encode(beyond, CLIP)
        assert place != 2 or str(value) not in str(said.value)
    with pytest.raises(Refused, match="another shape"):
        asked.encode([np.zeros(4), *within[1:]], CLIP)
    with pytest.raises(Refused, match="no bound"):
        replace(asked, bound=None).encode(within, CLIP)


def test_a_task_travels_as_bytes_that_execute_nothing(tmp_path: Path) -> None:
    leaf = Leaf("federated_mean", (2,), "float32", 0, weight=1)
    sent = Task(3, b"work", (np.arange(3.0), np.array(b"words")), (leaf,), 2.0)
    got = Task.from_bytes(sent.to_bytes())
    assert (got.round, got.work, got.leaves, got.bound) == (3, b"work", (leaf,), 2.0)
    np.testing.assert_array_equal(got.broadcast[0], sent.broadcast[0])
    # The digest is of what runs, not of a round and its model; a client can hold a server to it.
    assert got.digest == sent.digest == replace(sent, round=4, broadcast=()).digest
    for other in (replace(sent, work=b"other"), replace(sent, bound=1.0), replace(sent, leaves=(leaf, leaf))):
        assert other.digest != sent.digest
        with pytest.raises(Refused, match="not agreed"):
            other.perform(None, None, only={sent.digest})  # type: ignore[arg-type]
    with pytest.raises(Refused):
        replace(sent, broadcast=(np.array([object()]),)).to_bytes()
    np.savez(tmp_path / "pickled.npz", said=np.array([object()]))
    for hostile in (b"", b"PK", (tmp_path / "pickled.npz").read_bytes(), sent.to_bytes()[:-30]):
        with pytest.raises(ValueError, match="no task"):
            Task.from_bytes(hostile)


def test_a_round_that_publishes_nothing_is_an_error(world: World) -> None:
    counts = [np.int32(COUNTS[0]), np.int32(2_000_000_001), np.int32(2_000_000_002)]
    with pytest.raises(RunError):
        world.round(total, counts)
    with pytest.raises(Refused, match="not between 0 and 900000000"):
        world.round(total, [np.int32(2_000_000_001)] * 3)


def averaging(name: str) -> tff.learning.templates.LearningProcess:
    """Federated averaging of a small model, with one of TFF's own aggregators."""
    spec = (tf.TensorSpec([None, 2], tf.float32), tf.TensorSpec([None, 1], tf.float32))

    def model() -> tff.learning.models.VariableModel:
        layer = tf.keras.layers.Dense(1, input_shape=(2,))
        return tff.learning.models.from_keras_model(
            tf.keras.Sequential([layer]), loss=tf.keras.losses.MeanSquaredError(), input_spec=spec
        )

    optimizer = tff.learning.optimizers.build_sgdm(0.1)
    if name == "dp":
        aggregator = tff.learning.dp_aggregator(noise_multiplier=0.1, clients_per_round=100)
        return tff.learning.algorithms.build_unweighted_fed_avg(model, optimizer, model_aggregator=aggregator)
    aggregators = {"robust": tff.learning.robust_aggregator, "compression": tff.learning.compression_aggregator}
    aggregator = aggregators[name]() if name in aggregators else None
    return tff.learning.algorithms.build_weighted_fed_avg(model, optimizer, model_aggregator=aggregator)


@pytest.mark.parametrize("name", ["default", "robust", "dp"])
def test_aggregators_of_tff_that_are_plain_sums(name: str) -> None:
    process = averaging(name)
    plan = Plan(process.next)
    assert set(plan.intrinsics) == {"federated_sum"} and plan.plain == ["federated_sum"]
    # Three values of the model, and at least the loss, the numbers of examples and batches.
    assert plan.length >= 6


def test_an_aggregator_of_tff_that_is_no_sum_is_refused() -> None:
    with pytest.raises(Refused, match="`federated_aggregate`"):
        Plan(averaging("compression").next)


def test_the_example_trains_as_in_tffs_own_context(tmp_path: Path) -> None:
    # Files and no pipes: these would end only with the last process that TFF has started.
    printed, errors = tmp_path / "printed", tmp_path / "errors"
    with printed.open("wb") as out, errors.open("wb") as err:
        ran = subprocess.run([sys.executable, EXAMPLES / "tff_digits.py"], stdout=out, stderr=err, timeout=1800)
    assert ran.returncode == 0, errors.read_text()
    said = printed.read_text()
    apart = float(said.split("at most ")[1].split()[0])
    clear, private = (float(part.split("%")[0].split()[-1]) for part in said.split("in the clear")[1].split(",")[:2])
    assert apart < 1e-5, said
    assert private > 85.0 and abs(private - clear) < 0.5, said
