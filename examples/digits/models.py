"""Trains the models of this example in the clear, by numpy; writes their weights, what they predict, and random weights."""

import csv
import json
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent
PIXELS, CLASSES = 64, 10


def read(name):
    with open(HERE / name, newline="") as file:
        rows = np.array(list(csv.reader(file))[1:], dtype=float)
    return rows[:, :PIXELS] / 16, rows[:, PIXELS].astype(int)


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def patches(images, k=3):
    """Every k × k window of images [n, 8, 8], as [n, rows, columns, k·k]."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (k, k), axis=(1, 2))
    return windows.reshape(*windows.shape[:3], k * k)


class Perceptron:
    """64 pixels, 32 hidden units, 10 classes."""

    def __init__(self, rng):
        self.w1, self.b1 = rng.normal(0, 0.2, (PIXELS, 32)), np.zeros(32)
        self.w2, self.b2 = rng.normal(0, 0.2, (32, CLASSES)), np.zeros(CLASSES)

    def forward(self, x):
        self.h = np.maximum(x @ self.w1 + self.b1, 0)
        return self.h @ self.w2 + self.b2

    def step(self, x, error, rate):
        back = (error @ self.w2.T) * (self.h > 0)
        self.w2 -= rate * self.h.T @ error
        self.b2 -= rate * error.sum(axis=0)
        self.w1 -= rate * x.T @ back
        self.b1 -= rate * back.sum(axis=0)


class Convolutional:
    """Eight 3 × 3 kernels, means of 2 × 2, 10 classes."""

    def __init__(self, rng):
        self.k, self.kb = rng.normal(0, 0.3, (9, 8)), np.zeros(8)
        self.w, self.b = rng.normal(0, 0.2, (72, CLASSES)), np.zeros(CLASSES)

    def forward(self, x):
        self.p = patches(x.reshape(-1, 8, 8))
        self.c = np.maximum(self.p @ self.k + self.kb, 0)  # [n, 6, 6, 8]
        pooled = self.c.reshape(-1, 3, 2, 3, 2, 8).mean(axis=(2, 4))
        # Channels first, as the language's operators have it.
        self.f = pooled.transpose(0, 3, 1, 2).reshape(-1, 72)
        return self.f @ self.w + self.b

    def step(self, x, error, rate):
        back = (error @ self.w.T).reshape(-1, 8, 3, 3).transpose(0, 2, 3, 1)
        back = np.repeat(np.repeat(back, 2, axis=1), 2, axis=2) / 4 * (self.c > 0)
        self.w -= rate * self.f.T @ error
        self.b -= rate * error.sum(axis=0)
        self.k -= rate * np.einsum("nrcp,nrco->po", self.p, back)
        self.kb -= rate * back.sum(axis=(0, 1, 2))


def train(model, x, labels, rng, epochs=60, batch=32, rate=0.2):
    wanted = np.eye(CLASSES)[labels]
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for at in range(0, len(x) - batch + 1, batch):
            rows = order[at : at + batch]
            error = softmax(model.forward(x[rows])) - wanted[rows]
            model.step(x[rows], error / batch, rate)


def main():
    sites = [read(f"site_{s}.csv") for s in "abc"]
    x, labels = (np.concatenate(part) for part in zip(*sites))
    test, truth = read("test.csv")
    expected = {}
    for name, kind, rate in [("mlp", Perceptron, 0.2), ("cnn", Convolutional, 0.3)]:
        rng = np.random.default_rng(7)
        model = kind(rng)
        train(model, x, labels, rng, rate=rate)
        said = model.forward(test).argmax(axis=1)
        expected[name] = {"predicted": said.tolist(), "accuracy": float((said == truth).mean())}
        weights = vars(model)
        if name == "mlp":
            keep = {"w1": weights["w1"], "b1": weights["b1"], "w2": weights["w2"], "b2": weights["b2"]}
        else:
            kernel = weights["k"].T.reshape(8, 1, 3, 3)
            keep = {"kernel": kernel, "kernel_bias": weights["kb"], "w": weights["w"], "b": weights["b"]}
        for part, value in keep.items():
            assert np.abs(value).max() < 8, (name, part, np.abs(value).max())
            np.save(HERE / f"{name}_{part}.npy", np.ascontiguousarray(value))
    # Where training.pv begins.
    rng = np.random.default_rng(11)
    np.save(HERE / "start1.npy", rng.normal(0, 0.2, (PIXELS, 32)).clip(-2, 2))
    np.save(HERE / "start2.npy", rng.normal(0, 0.3, (32, CLASSES)).clip(-2, 2))
    (HERE / "expected.json").write_text(json.dumps(expected) + "\n")
    print({name: e["accuracy"] for name, e in expected.items()})


if __name__ == "__main__":
    main()
