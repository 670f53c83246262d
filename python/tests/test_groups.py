"""Sums over groups, from Python: each member is a row."""

import numpy as np
import pytest

import privity as pv

north, east, west, press = pv.players("north east west press")
people = pv.group("people", at_least=3, at_most=50)
committee = pv.replicated(north, east, west)


@pv.computation
def pulse(answer: pv.f64[2].range(-10, 10) @ people, trust: pv.f64.range(1, 5) @ people):
    with people:
        doubled = answer * 2
    with committee:
        total = pv.federated_sum(doubled)
        mean = pv.federated_mean([answer, trust])
    return {"total": pv.release(total, to=press), "mean": pv.release(mean, to=press)}


def test_sums_and_means_are_those_of_numpy() -> None:
    rng = np.random.default_rng(5)
    answer, trust = rng.uniform(-10, 10, (20, 2)), rng.uniform(1, 5, 20)
    with pv.local() as cluster:
        found = cluster.run(pulse, answer=answer, trust=trust)
    np.testing.assert_allclose(found["total"], 2 * answer.sum(axis=0), atol=1e-2)
    np.testing.assert_allclose(found["mean"], (answer * trust[:, None]).sum(axis=0) / trust.sum(), atol=1e-2)


def test_too_few_members_are_refused() -> None:
    with pv.local() as cluster, pytest.raises(pv.RunError, match="at least 3"):
        cluster.run(pulse, answer=np.zeros((2, 2)), trust=np.ones(2))


def test_the_disclosure_tells_the_thresholds() -> None:
    assert "at least 3 - k" in str(pulse.disclose())
