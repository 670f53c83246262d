"""The same figures in the clear, by numpy. Writes expected.json."""

import csv
import json
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent


def read(name):
    with open(HERE / name, newline="") as file:
        header, *rows = csv.reader(file)
    return header[1:], [row[0] for row in rows], np.array([row[1:] for row in rows], dtype=float)


tables = [read(name) for name in ("hospital_a.csv", "hospital_b.csv", "pathology.csv")]
assert tables[0][1] == tables[1][1] == tables[2][1], "the rows do not match"
names = tables[0][0] + tables[1][0]
features = np.concatenate([tables[0][2], tables[1][2]], axis=1)
benign = tables[2][2][:, 0] == 1

means = features[benign].mean(axis=0), features[~benign].mean(axis=0)
area = names.index("worst_area")
threshold = (means[0][area] + means[1][area]) / 2

expected = {
    "features": names,
    "benign": int(benign.sum()),
    "malignant": int((~benign).sum()),
    "mean of benign": means[0].tolist(),
    "mean of malignant": means[1].tolist(),
    "difference in standard deviations": ((means[1] - means[0]) / features.std(axis=0)).tolist(),
    "threshold of worst_area": float(threshold),
    "share told apart": float(((features[:, area] > threshold) != benign).mean()),
}
(HERE / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")
