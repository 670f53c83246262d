"""Secure aggregation from Python: federated averaging as the example does it, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import privity as pv
from privity import aggregate

EXAMPLES = Path(__file__).parents[2] / "examples/federated"
sys.path.insert(0, str(EXAMPLES))

import parties  # noqa: E402  (the example's own module)


def test_federated_averaging_reads_digits() -> None:
    ran = subprocess.run([sys.executable, EXAMPLES / "federated.py"], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    reached = float(ran.stdout.split("rounds: ")[1].split("%")[0])
    assert reached > 90.0, ran.stdout


def test_a_weighted_mean_and_its_weights(tmp_path: Path) -> None:
    task = parties.Task(length=3, clip=8.0, rounds=1, minimum=2)
    parties.prepare(tmp_path, 2, {"pair": task})
    clients = [aggregate.Client(tmp_path / "pair.toml", key=tmp_path / f"client{i}.key") for i in range(2)]
    reader = aggregate.Client(tmp_path / "pair.toml", key=tmp_path / "reader.key")
    assert clients[0].terms == aggregate.Terms(length=3, clip=8.0, weights=1000, minimum=2)
    with parties.running(tmp_path):
        assert reader.standing().phase == "waiting"
        # The round waits for everyone who is enrolled: the second contribution is not late.
        round = clients[0].contribute([1.0, -2.0, 100.0], weight=1)
        with pytest.raises(pv.RunError) as refused:
            clients[0].contribute([5.0, 5.0, 5.0], weight=1, round=round)
        assert refused.value.code == "secagg.second"
        assert clients[1].contribute([3.0, 2.0, 8.0], weight=3) == round
        result = reader.result(round)
        assert (result.round, result.contributions, result.weight) == (1, 2, 4.0)
        np.testing.assert_allclose(result.mean, [2.5, 1.0, 8.0], atol=1e-4)
        np.testing.assert_allclose(result.sum, [10.0, 4.0, 32.0], atol=1e-3)
        assert result.left_out == ()
        assert reader.standing(round).phase == "published"


def test_terms_and_values_are_checked_before_anything_leaves(tmp_path: Path) -> None:
    parties.prepare(tmp_path, 2, {"pair": parties.Task(length=3, clip=8.0, rounds=1, minimum=2)})
    client = aggregate.Client(tmp_path / "pair.toml", key=tmp_path / "client0.key")
    assert client.appraise() == {}, "nothing is asked of machines"
    with pytest.raises(ValueError, match="one axis"):
        client.contribute(np.zeros((2, 2)))
    # Nobody listens.
    with pytest.raises(pv.RunError) as unreachable:
        client.standing(patience=0.2)
    assert unreachable.value.help
    (tmp_path / "wrong.toml").write_text("name = 1")
    with pytest.raises(pv.RunError) as refused:
        aggregate.Client(tmp_path / "wrong.toml", key=tmp_path / "client0.key")
    assert refused.value.code == "aggregator.terms"
    with pytest.raises(ValueError, match="seconds"):
        client.standing(patience=-1.0)


def test_what_machines_are_appraised_with_is_read_before_anything_leaves(tmp_path: Path) -> None:
    parties.prepare(tmp_path, 2, {"pair": parties.Task(length=3, clip=8.0, rounds=1, minimum=2)})
    text = (tmp_path / "pair.toml").read_text()

    def client(policy: str, **given: list[Path]) -> aggregate.Client:
        machine = f"[[committee.aggregators]]\npolicy = '''{policy}'''\nevidence = '{{}}'"
        (tmp_path / "proved.toml").write_text(text.replace("[[committee.aggregators]]", machine, 1))
        return aggregate.Client(tmp_path / "proved.toml", key=tmp_path / "client0.key", **given)

    with pytest.raises(pv.RunError, match="policy") as refused:
        client("technologies = 'any'")
    assert refused.value.code == "aggregator.terms"
    policy = "name = 'survey'\ntechnologies = ['snp']\n[measurements]\nmeasurement = ['ab']\n"
    with pytest.raises(pv.RunError) as unproved:
        client(policy).appraise()
    assert unproved.value.code == "aggregator.unproved" and "the machine of" in str(unproved.value)
    with pytest.raises(pv.RunError, match="no-such-root"):
        client(policy, roots=[tmp_path / "no-such-root.der"])
