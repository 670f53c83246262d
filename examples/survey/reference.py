"""The same figures in the clear, by numpy. Writes expected.json; with --split also the two owners' data."""

import csv
import json
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).parent
EDGES = [0, 300, 500, 700, 1000, 3000]


def split():
    """Rows of examples/breast_cancer, by turns, with the mean area, the mean texture and the diagnosis."""
    source = HERE.parent / "breast_cancer"
    with open(source / "hospital_a.csv", newline="") as file:
        features = list(csv.DictReader(file))
    with open(source / "pathology.csv", newline="") as file:
        diagnoses = list(csv.DictReader(file))
    for number, name in enumerate(["north", "south"]):
        with open(HERE / f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["area", "texture", "benign"])
            for i, (row, diagnosis) in enumerate(zip(features, diagnoses)):
                if i % 2 == number:
                    assert row["patient"] == diagnosis["patient"]
                    writer.writerow([row["mean_area"], row["mean_texture"], diagnosis["target"]])


def read(name):
    with open(HERE / name, newline="") as file:
        return np.array([row for row in csv.reader(file)][1:], dtype=float)


if "--split" in sys.argv:
    split()

rows = np.concatenate([read("north.csv"), read("south.csv")])
area, texture, benign = rows[:, 0], rows[:, 1], rows[:, 2].astype(int)

expected = {
    "quartiles": [float(np.quantile(area, q)) for q in (0.25, 0.5, 0.75)],
    "histogram": np.histogram(area, bins=EDGES)[0].tolist(),
    "counts": [int((benign == g).sum()) for g in (0, 1)],
    "means": [[float(area[benign == g].mean()), float(texture[benign == g].mean())] for g in (0, 1)],
}
(HERE / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")
