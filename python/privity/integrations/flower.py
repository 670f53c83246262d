"""Flower's federated averaging, with an aggregation that no server sees into (`flwr` 1.41, message API).

    # The ClientApp: first among its mods, so that nothing leaves but through it.
    app = ClientApp(mods=[SecureMod(lambda context: Task(Client("terms.toml", key=...), metrics={"loss": 10.0}))])

    # The ServerApp: its key is that of a reader in the terms.
    strategy = FedAvg(Task(Client("terms.toml", key="reader.key"), metrics={"loss": 10.0}))
    strategy.start(grid, initial_arrays, num_rounds=3)

Each client contributes what training changed in the arrays, and its metrics, weighted by its number of examples, as one vector
to a round of the terms; its answer to the server is empty. The server reads the weighted mean of the round from Privity. It
learns which nodes answered, and sums over at least the terms' minimum; no arrays, weight, number of examples or metric of
one client. A failure of a client is told without its words, which could quote data.

What this does not prevent: the server chooses the model and the configuration that each node gets, and could send different
ones to different nodes, to learn more from a sum than an honest server would.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

try:
    from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MessageType, MetricRecord, RecordDict
    from flwr.clientapp.typing import ClientAppCallable
    from flwr.serverapp import Grid
    from flwr.serverapp.strategy import FedAvg as PlainFedAvg
except ImportError as e:
    raise ImportError("privity.integrations.flower needs Flower: pip install 'flwr>=1.41,<1.42'") from e

from ..aggregate import Client
from ..errors import RunError

__all__ = ["FedAvg", "Refused", "SecureMod", "Task"]

#: The configuration's entry that names the round of the terms.
ROUND = "privity-round"

_log = logging.getLogger("privity.flower")


class Refused(Exception):
    """Something that would have shown a client's values, or cannot be aggregated. Its message holds no values."""


@dataclass(frozen=True)
class Task:
    """Terms, and which metrics a contribution to them ends with. Both ends must have the same.

    The terms' length is the number of values in all arrays (none for evaluation) and one for each metric.
    """

    client: Client
    #: Names of metrics, each with the greatest absolute value it can have. Others do not leave the client.
    metrics: Mapping[str, float] = field(default_factory=dict)
    #: Seconds to wait for the service, and for a round to be published.
    patience: float = 600.0

    def encode(self, change: list[np.ndarray[Any, Any]], metrics: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        """The vector of a contribution."""
        parts = [np.asarray(part, dtype=np.float64).ravel() for part in change]
        for name, greatest in self.metrics.items():
            value = metrics.get(name)
            if not isinstance(value, (int, float)):
                raise Refused(f"the metric `{name}` is missing, or no single number")
            if not abs(value) <= greatest:
                raise Refused(f"the metric `{name}` is beyond the range that the task gives it")
            parts.append(np.array([value / greatest * self.client.terms.clip]))
        vector = np.concatenate(parts) if parts else np.zeros(0)
        if len(vector) != self.client.terms.length:
            raise Refused(f"the terms are of {self.client.terms.length} values, not of {len(vector)}")
        if not np.isfinite(vector).all():
            raise Refused("a value is not finite")
        return vector

    def decode(self, mean: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], MetricRecord]:
        """The mean of what arrays changed by, and that of metrics."""
        values, last = np.split(mean, [len(mean) - len(self.metrics)])
        clip = self.client.terms.clip
        named = zip(self.metrics.items(), last)
        return values, MetricRecord({name: float(value / clip * greatest) for (name, greatest), value in named})


class SecureMod:
    """A mod of a `ClientApp`: what its functions answer is contributed to a round, and the server gets an empty message.

    ``train`` and ``evaluate`` make the task of a node from its context; messages of a kind without a task, and all others,
    are refused before the app sees them. Put it first in ``mods``.
    """

    def __init__(
        self,
        train: Callable[[Context], Task],
        evaluate: Callable[[Context], Task] | None = None,
        *,
        weighted_by_key: str = "num-examples",
    ) -> None:
        self._tasks = {MessageType.TRAIN: train, MessageType.EVALUATE: evaluate}
        self._weighted_by_key = weighted_by_key

    def __call__(self, message: Message, context: Context, call_next: ClientAppCallable) -> Message:
        try:
            self._contribute(message, context, call_next)
        except Exception as e:
            _log.exception("nothing was contributed")
            # Flower sends an exception's words to the server: a code of Privity, or what `Refused` says, tells no values.
            code = e.code if isinstance(e, RunError) else str(e) if isinstance(e, Refused) else "see the log of the client"
            raise Refused(f"nothing was contributed: {code}") from None
        return Message(RecordDict(), reply_to=message)

    def _contribute(self, message: Message, context: Context, call_next: ClientAppCallable) -> None:
        kind = message.metadata.message_type.split(".")[0]
        make = self._tasks.get(kind)
        if make is None:
            raise Refused("a message of a kind that is not aggregated")
        round = _round_of(message.content)
        # The app may change what it got in place.
        before = _arrays_of(message.content) if kind == MessageType.TRAIN else {}
        answer = call_next(message, context)
        if answer.has_error():
            raise Refused("the app answered with an error")
        metrics = dict(_only(answer.content.metric_records))
        change = []
        if kind == MessageType.TRAIN:
            after = _arrays_of(answer.content)
            if {name: array.shape for name, array in before.items()} != {name: array.shape for name, array in after.items()}:
                raise Refused("the app answered with other arrays than it got")
            change = [after[name].astype(np.float64) - old for name, old in before.items()]
        task = make(context)
        weight = None
        if task.client.terms.weights is not None:
            said = metrics.get(self._weighted_by_key)
            if not isinstance(said, (int, float)) or said != int(said):
                raise Refused(f"the metric `{self._weighted_by_key}` is missing, or no whole number")
            weight = int(said)
        vector = task.encode(change, metrics)
        task.client.contribute(vector, weight=weight, round=round, patience=task.patience)


class FedAvg(PlainFedAvg):
    """Flower's `FedAvg`, whose means come from Privity.

    ``train`` and ``evaluate`` are tasks whose clients are readers of the terms; without ``evaluate``, no evaluation is asked
    of clients. All else is as in Flower; at least the terms' minimum of nodes are asked. A round that fails changes nothing:
    the arrays stay, as when aggregation fails in Flower.
    """

    def __init__(self, train: Task, evaluate: Task | None = None, **kwargs: Any) -> None:
        for name in ("train_metrics_aggr_fn", "evaluate_metrics_aggr_fn"):
            if kwargs.get(name) is not None:
                raise ValueError(f"{name} would need the metrics of single clients; name them in the task instead")
        minimum = train.client.terms.minimum
        for name in ("min_train_nodes", "min_available_nodes"):
            kwargs[name] = max(minimum, kwargs.get(name, 0))
        if evaluate is None:
            kwargs["fraction_evaluate"] = 0.0
        else:
            kwargs["min_evaluate_nodes"] = max(evaluate.client.terms.minimum, kwargs.get("min_evaluate_nodes", 0))
        super().__init__(**kwargs)
        self._train, self._evaluate = train, evaluate
        self._arrays = ArrayRecord()
        #: By kind of message, the round of the terms that clients were asked to contribute to.
        self._rounds: dict[str, int] = {}

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """As in Flower; the configuration also names the round that clients contribute to."""
        self._arrays = arrays
        self._open(MessageType.TRAIN, self._train, config)
        return super().configure_train(server_round, arrays, config, grid)

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """As in Flower; the configuration also names the round that clients contribute to."""
        if self._evaluate is None:
            return []
        self._open(MessageType.EVALUATE, self._evaluate, config)
        return super().configure_evaluate(server_round, arrays, config, grid)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """The arrays, moved by the weighted mean of the round, and the weighted means of its metrics."""
        published = self._published(MessageType.TRAIN, self._train, replies)
        if published is None:
            return None, None
        values, metrics = published
        return _moved(self._arrays, values), metrics

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        """The weighted means of the round's metrics."""
        if self._evaluate is None:
            return None
        published = self._published(MessageType.EVALUATE, self._evaluate, replies)
        return None if published is None else published[1]

    def _open(self, kind: str, task: Task, config: ConfigRecord) -> None:
        standing = task.client.standing(patience=task.patience)
        # The next one opens as soon as one is over.
        over = standing.phase in ("published", "failed")
        self._rounds[kind] = config[ROUND] = standing.round + (1 if over else 0)

    def _published(
        self, kind: str, task: Task, replies: Iterable[Message]
    ) -> tuple[np.ndarray[Any, Any], MetricRecord] | None:
        answered, _ = self._check_and_log_replies(list(replies), is_train=kind == MessageType.TRAIN, validate=False)
        for reply in answered:
            if len(reply.content):
                node = reply.metadata.src_node_id
                raise Refused(f"node {node} answered in the clear: its ClientApp has no `SecureMod`, or not as its first mod")
        if not answered:
            return None
        try:
            result = task.client.result(self._rounds[kind], patience=task.patience)
        except RunError as e:
            _log.warning("round %d of the terms published nothing: %s", self._rounds[kind], e)
            return None
        return task.decode(result.mean)


def _round_of(content: RecordDict) -> int:
    for config in content.config_records.values():
        round = config.get(ROUND)
        if isinstance(round, int):
            return round
    raise Refused("the server names no round: its strategy is not `privity.integrations.flower.FedAvg`")


def _only(records: Mapping[str, Any]) -> Any:
    """The one record of a kind; a second one would be left out unnoticed."""
    if len(records) != 1:
        raise Refused(f"{len(records)} records of one kind, where there should be one")
    return next(iter(records.values()))


def _arrays_of(content: RecordDict) -> dict[str, np.ndarray[Any, Any]]:
    """A copy of the arrays, by name."""
    arrays = {name: array.numpy().copy() for name, array in _only(content.array_records).items()}
    if not all(np.issubdtype(array.dtype, np.floating) for array in arrays.values()):
        raise Refused("only arrays of floats are averaged")
    return arrays


def _moved(arrays: ArrayRecord, change: np.ndarray[Any, Any]) -> ArrayRecord:
    """The arrays plus a change, in their own types."""
    moved, at = {}, 0
    for name, array in arrays.items():
        old = array.numpy()
        part = change[at : at + old.size].reshape(old.shape)
        moved[name] = Array((old + part).astype(old.dtype))
        at += old.size
    return ArrayRecord(moved)
