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


@pv.computation
def bounded(answer: pv.f64[2].range(-1e9, 1e9) @ people):
    with committee:
        total = pv.federated_sum(answer, low=-1, high=1)
        mean = pv.federated_mean([answer], norm=1.25)
    return {"total": pv.release(total, to=press), "mean": pv.release(mean, to=press)}


def test_who_breaks_a_bound_is_in_no_sum() -> None:
    answer = np.array([[0.5, 1], [1, -0.5], [-0.25, 0], [1, 1], [2, 0], [0, -1e8]])
    with pv.local() as cluster:
        found = cluster.run(bounded, answer=answer)
    np.testing.assert_allclose(found["total"], answer[:3].sum(axis=0), atol=1e-3)
    np.testing.assert_allclose(found["mean"], answer[:3].mean(axis=0), atol=1e-3)
    with pv.local() as cluster, pytest.raises(pv.RunError, match="fewer than 3 members of people"):
        cluster.run(bounded, answer=answer[1:])
    assert "left out of all sums over people" in str(bounded.disclose())


def test_a_weighted_mean_bounds_its_weights_too() -> None:
    with pytest.raises(pv.ProgramError, match="not the weights that they are multiplied by"):

        @pv.computation
        def unheld(answer: pv.f64.range(-1, 1) @ people, trust: pv.f64.range(1, 5) @ people):
            with committee:
                mean = pv.federated_mean([answer, trust], low=-1, high=1)
            return pv.release(mean, to=press)

    @pv.computation
    def weighted(answer: pv.f64.range(-10, 10) @ people, trust: pv.f64.range(0.1, 100) @ people):
        with committee:
            mean = pv.federated_mean([answer, trust], low=-1, high=1, lightest=1, heaviest=5)
        return {"mean": pv.release(mean, to=press)}

    answer, trust = np.array([0.5, -1, 0.25, 3, 1]), np.array([1, 5, 2, 1, 50])
    with pv.local() as cluster:
        found = cluster.run(weighted, answer=answer, trust=trust)
    np.testing.assert_allclose(found["mean"], (answer * trust)[:3].sum() / trust[:3].sum(), atol=1e-3)


inside = pv.enclave(north)


@pv.computation
def opened(answer: pv.f64[2].range(-10, 10) @ people):
    with inside:
        mean = pv.federated_mean([answer], type=pv.fixed(64, 16), low=-1, high=1)
        root = pv.sqrt(pv.cast(mean, type=pv.f64))
    return {"root": pv.release(root, to=press)}


def test_sums_inside_an_enclave_go_on_in_the_clear() -> None:
    answer = np.array([[0.5, 1], [1, 0.5], [0.25, 0], [2, 1]])
    with pv.local() as cluster:
        found = cluster.run(opened, answer=answer)
    np.testing.assert_allclose(found["root"], np.sqrt(answer[:3].mean(axis=0)), atol=1e-3)
    assert "contributions are opened inside" in str(opened.disclose())
