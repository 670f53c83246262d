"""Tables that owners bring to workers over Arrow Flight."""

from __future__ import annotations

import pytest

import privity as pv
from test_workers import PLAYERS, dataset, parties_of, slope

pytest.importorskip("pyarrow")


@pytest.fixture(scope="module")
def parties(tmp_path_factory):
    """The registry's worker has no data, and takes tables."""
    with parties_of(tmp_path_factory.mktemp("parties"), {"clinic": dataset("clinic", "bmi"), "registry": "[flight]\n"}) as folder:
        yield folder


def test_an_owner_uploads_its_input_once_and_nobody_else_does(parties):
    registry, guest = (pv.connect(parties / "ROSTER.toml", key=parties / f"{name}.key") for name in ("registry", "guest"))
    workers = pv.connect(parties / "ROSTER.toml", key=parties / "analyst.key")
    proposed = workers.propose(slope, dims={"n": 4})
    for player in PLAYERS:
        pv.operate(parties / f"{player}.toml").ratify(proposed)

    def refused(by: pv.Workers, values: list[float], to: str = "registry") -> pv.RunError:
        with pytest.raises(pv.RunError) as caught:
            by.upload(proposed, "target", {"target": values}, to=to)
        return caught.value

    target = [151.0, 75.0, 141.0, 206.0]
    error = refused(guest, target)
    assert error.code == "flight.unknown" and error.player == "registry" and error.help
    assert refused(registry, target[:3]).code == "flight.unfit"
    assert refused(registry, target, to="nobody").message
    registry.upload(proposed, "target", {"target": target}, to="registry")
    assert refused(registry, target).code == "flight.again"
    assert workers.run(proposed)["slope"] == pytest.approx(4.2, rel=0.1)
