"""The same figures in the clear, by numpy and scikit-learn. Writes expected.json."""

import csv
import json
import pathlib

import numpy as np
from sklearn.linear_model import LinearRegression

HERE = pathlib.Path(__file__).parent


def read(name):
    with open(HERE / name, newline="") as file:
        header, *rows = csv.reader(file)
    return header[1:], [row[0] for row in rows], np.array([row[1:] for row in rows], dtype=float)


tables = [read(name) for name in ("clinic.csv", "laboratory.csv", "registry.csv")]
assert tables[0][1] == tables[1][1] == tables[2][1], "the rows do not match"
names = [name for header, _, _ in tables for name in header]
columns = np.concatenate([values for _, _, values in tables], axis=1)

z = (columns - columns.mean(axis=0)) / columns.std(axis=0)
target = columns[:, 10]
model = LinearRegression().fit(z[:, :10], target)

expected = {
    "columns": names,
    "count": len(columns),
    "mean": columns.mean(axis=0).tolist(),
    "std": columns.std(axis=0).tolist(),
    "min": columns.min(axis=0).tolist(),
    "max": columns.max(axis=0).tolist(),
    "correlation with target": [float(np.corrcoef(columns[:, i], target)[0, 1]) for i in range(10)],
    "coefficients": model.coef_.tolist(),
    "intercept": float(model.intercept_),
}
(HERE / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")
