"""TensorFlow Federated trains a classifier on the digits of five clients, and nobody sees anything of any single one.

The program, `train`, is an ordinary one: federated averaging with TFF's secure aggregation. It runs twice: in TFF's own context for
tests, where secure sums are taken in the clear (that for use runs none), and in Privity's.

    python examples/federated/tff_digits.py
"""

from __future__ import annotations

import collections
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import parties  # noqa: E402
import tensorflow as tf  # noqa: E402
import tensorflow_federated as tff  # noqa: E402
from federated import CLASSES, CLIENTS, PIXELS, digits_of  # noqa: E402

from privity.integrations.tff import CLIP, PRECISION, Context, Plan  # noqa: E402

ROUNDS, EPOCHS, BATCH = 4, 3, 20
#: Metrics are sums of floats over a client's digits: none is beyond this.
BOUND = 1e5


def dataset_of(client: int) -> tf.data.Dataset:
    """A client's digits, in batches."""
    pixels, digits = digits_of(client)
    whole = collections.OrderedDict(x=pixels.astype(np.float32), y=digits.astype(np.int32))
    return tf.data.Dataset.from_tensor_slices(whole).repeat(EPOCHS).batch(BATCH)


def model() -> tff.learning.models.VariableModel:
    """Logistic regression."""
    layer = tf.keras.layers.Dense(CLASSES, kernel_initializer="zeros", input_shape=(PIXELS,))
    return tff.learning.models.from_keras_model(
        tf.keras.Sequential([layer]),
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        input_spec=dataset_of(0).element_spec,
        metrics=[tf.keras.metrics.SparseCategoricalAccuracy()],
    )


def process() -> tff.learning.templates.LearningProcess:
    """Federated averaging, weighted by the number of examples."""
    return tff.learning.algorithms.build_weighted_fed_avg(
        model,
        client_optimizer_fn=tff.learning.optimizers.build_sgdm(0.2),
        model_aggregator=tff.learning.secure_aggregator(),
    )


def train(averaging: tff.learning.templates.LearningProcess) -> list[np.ndarray]:
    """The weights after all rounds. Nothing in here knows of Privity."""
    state = averaging.initialize()
    for round in range(1, ROUNDS + 1):
        output = averaging.next(state, [dataset_of(client) for client in range(CLIENTS)])
        state = output.state
        metrics = output.metrics["client_work"]["train"]
        print(f"  round {round}: accuracy in training {metrics['sparse_categorical_accuracy']:.3f}")
    return list(averaging.get_model_weights(state).trainable)


def accuracy(weights: list[np.ndarray]) -> float:
    """The share of digits that no client has, and that are read rightly."""
    pixels, digits = digits_of(None)
    return float((np.argmax(pixels @ weights[0] + weights[1], axis=1) == digits).mean())


def main() -> None:
    """Trains in the clear and through Privity, and compares."""
    averaging = process()
    print("in TFF's own context:")
    tff.backends.test.set_sync_test_cpp_execution_context()
    clear = train(averaging)
    plan = Plan(averaging.next)
    print(f"in Privity's: {len(plan.intrinsics)} aggregations, {plan.length} values in a contribution")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        terms = parties.Task(plan.length, CLIP, rounds=ROUNDS, minimum=3, weights=None, precision=PRECISION)
        parties.prepare(folder, CLIENTS, {"digits": terms})
        keys = [folder / f"client{client}.key" for client in range(CLIENTS)]
        context = Context(folder / "digits.toml", reader=folder / "reader.key", keys=keys, bound=BOUND)
        tff.framework.set_default_context(context)
        print(f"  protocol: {context.protocols['digits']}")
        with parties.running(folder):
            private = train(averaging)
    apart = max(float(np.abs(a - b).max()) for a, b in zip(clear, private))
    print(f"weights are at most {apart:.1e} apart; held-out digits that are read rightly:")
    print(f"in the clear {accuracy(clear):.1%}, through Privity {accuracy(private):.1%}")


if __name__ == "__main__":
    main()
