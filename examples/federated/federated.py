"""Federated averaging with scikit-learn and no framework: five hospitals' digits, one model, no data shared.

Each client, a process of its own, trains on its own digits from the common model, and contributes what changed, weighted by
how many digits it has. Only the weighted mean of a round is ever seen, by the clients alike; each makes the next common model
of it.

    python examples/federated/federated.py
"""

from __future__ import annotations

import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import parties
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier

from privity import aggregate

CLIENTS, ROUNDS, CLASSES, PIXELS = 5, 6, 10, 64
LENGTH = CLASSES * (PIXELS + 1)


def digits_of(client: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The pixels and digits of one client, or those that are held out. Parts differ in size: weights matter."""
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    held_out, rest = order[:360], order[360:]
    parts = np.split(rest, np.cumsum([120 + 80 * i for i in range(CLIENTS - 1)]))
    chosen = held_out if client is None else parts[client]
    return data.data[chosen] / 16.0, data.target[chosen]


def train(model: np.ndarray, pixels: np.ndarray, digits: np.ndarray, seed: int) -> np.ndarray:
    """One pass over a client's own digits, from the common model; gives what changed."""
    learner = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=0.05, random_state=seed)
    learner.partial_fit(pixels[:1], digits[:1], classes=np.arange(CLASSES))
    common = model.reshape(CLASSES, PIXELS + 1)
    learner.coef_, learner.intercept_ = common[:, :PIXELS].copy(), common[:, PIXELS].copy()
    learner.partial_fit(pixels, digits)
    trained = np.hstack([learner.coef_, learner.intercept_[:, None]])
    return trained.ravel() - model


def one_client(folder: Path, number: int) -> np.ndarray:
    """All rounds of one client; gives the model that it ends with."""
    client = aggregate.Client(folder / "digits.toml", key=folder / f"client{number}.key")
    pixels, digits = digits_of(number)
    model = np.zeros(LENGTH)
    for round in range(1, ROUNDS + 1):
        change = train(model, pixels, digits, seed=number)
        client.contribute(change, weight=len(digits), round=round)
        model = model + client.result(round).mean
    return model


def accuracy(model: np.ndarray, pixels: np.ndarray, digits: np.ndarray) -> float:
    """The share of digits that a model reads rightly."""
    weights = model.reshape(CLASSES, PIXELS + 1)
    return float(np.mean(np.argmax(pixels @ weights[:, :PIXELS].T + weights[:, PIXELS], axis=1) == digits))


def main() -> float:
    """Runs everything, and gives the accuracy on digits that no client has."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parties.prepare(folder, CLIENTS, {"digits": parties.Task(LENGTH, clip=4.0, rounds=ROUNDS, minimum=3)})
        processes = ProcessPoolExecutor(CLIENTS, mp_context=multiprocessing.get_context("spawn"))
        with parties.running(folder), processes as pool:
            models = list(pool.map(one_client, [folder] * CLIENTS, range(CLIENTS)))
    assert all(np.array_equal(models[0], model) for model in models), "all clients end with one model"
    pixels, digits = digits_of(None)
    reached = accuracy(models[0], pixels, digits)
    print(f"{CLIENTS} clients, {ROUNDS} rounds: {reached:.1%} of {len(digits)} held-out digits are read rightly")
    return reached


if __name__ == "__main__":
    main()
