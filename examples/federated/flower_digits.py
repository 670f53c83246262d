"""Flower trains a small network on the digits of five nodes, and its server sees nothing of any single one.

The ClientApp is an ordinary one but for its mod, and the ServerApp but for its strategy. Runs in Flower's simulation.

    python examples/federated/flower_digits.py
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import parties
from federated import CLASSES, CLIENTS, PIXELS, digits_of
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.simulation import run_simulation

from privity.aggregate import Client
from privity.integrations.flower import FedAvg, SecureMod, Task

HIDDEN, ROUNDS, STEPS = 32, 4, 40
#: No loss or accuracy is beyond these.
METRICS = {"loss": 20.0, "accuracy": 1.0}
Model = dict[str, np.ndarray]


def fresh() -> Model:
    """A network that has not learned anything."""
    rng = np.random.default_rng(1)
    first, second = rng.normal(0, 0.2, (PIXELS, HIDDEN)), rng.normal(0, 0.2, (HIDDEN, CLASSES))
    return {"first": first, "first_bias": np.zeros(HIDDEN), "second": second, "second_bias": np.zeros(CLASSES)}


def forward(model: Model, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The hidden layer, and the probability of each digit."""
    hidden = np.maximum(pixels @ model["first"] + model["first_bias"], 0.0)
    scores = hidden @ model["second"] + model["second_bias"]
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return hidden, odds / odds.sum(axis=1, keepdims=True)


def step(model: Model, pixels: np.ndarray, digits: np.ndarray) -> Model:
    """One step of gradient descent over all of a node's digits."""
    hidden, odds = forward(model, pixels)
    wrong = (odds - np.eye(CLASSES)[digits]) / len(digits)
    back = (wrong @ model["second"].T) * (hidden > 0)
    slope = {
        "first": pixels.T @ back,
        "first_bias": back.sum(axis=0),
        "second": hidden.T @ wrong,
        "second_bias": wrong.sum(axis=0),
    }
    return {name: values - 0.5 * slope[name] for name, values in model.items()}


def measures(model: Model, pixels: np.ndarray, digits: np.ndarray) -> dict[str, float]:
    """Loss and accuracy."""
    _, odds = forward(model, pixels)
    loss = -np.log(np.maximum(odds[np.arange(len(digits)), digits], 1e-8)).mean()
    return {"loss": float(loss), "accuracy": float((odds.argmax(axis=1) == digits).mean())}


def model_of(arrays: ArrayRecord) -> Model:
    return {name: array.numpy() for name, array in arrays.items()}


def record_of(model: Model) -> ArrayRecord:
    return ArrayRecord({name: Array(values) for name, values in model.items()})


def task(folder: str, key: str) -> Task:
    """What both ends have to say alike. `folder` has the terms, and the keys, which elsewhere are in different places."""
    return Task(Client(Path(folder) / "network.toml", key=Path(folder) / f"{key}.key"), metrics=METRICS)


def client_app(folder: str) -> ClientApp:
    """What a node runs."""
    app = ClientApp(mods=[SecureMod(lambda context: task(folder, f"client{context.node_config['partition-id']}"))])

    @app.train()
    def train(message: Message, context: Context) -> Message:
        pixels, digits = digits_of(int(context.node_config["partition-id"]))
        model = model_of(message.content["arrays"])
        for _ in range(STEPS):
            model = step(model, pixels, digits)
        metrics = MetricRecord({**measures(model, pixels, digits), "num-examples": len(digits)})
        return Message(RecordDict({"arrays": record_of(model), "metrics": metrics}), reply_to=message)

    return app


def server_app(folder: str, final: Path) -> ServerApp:
    """What the server runs. Its model ends in a file."""
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        result = FedAvg(task(folder, "reader")).start(grid, record_of(fresh()), num_rounds=ROUNDS)
        np.savez(final, **model_of(result.arrays))

    return app


def main() -> float:
    """Runs everything, and gives the accuracy on digits that no node has."""
    length = sum(values.size for values in fresh().values()) + len(METRICS)
    # Flower's simulation runs nodes in processes of its own, which look for modules where this one did.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        terms = parties.Task(length, clip=8.0, rounds=ROUNDS, minimum=3)
        parties.prepare(folder, CLIENTS, {"network": terms})
        final = folder / "final.npz"
        with parties.running(folder):
            run_simulation(server_app(name, final), client_app(name), num_supernodes=CLIENTS)
        model = dict(np.load(final))
    pixels, digits = digits_of(None)
    reached = measures(model, pixels, digits)["accuracy"]
    print(f"{CLIENTS} nodes, {ROUNDS} rounds: {reached:.1%} of {len(digits)} held-out digits are read rightly")
    return reached


if __name__ == "__main__":
    main()
