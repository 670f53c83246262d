"""Values that one computation saves and another loads, and loops with checkpoints."""

from __future__ import annotations

import numpy as np
import pytest

import privity as pv
from conftest import alice, analyst, bob, committee


@pv.computation
def train(x: pv.f64[3] @ alice, y: pv.f64[3] @ bob):
    with committee:
        start = x * 0.0
        model = pv.repeat(4, lambda w: w + x * y, start, checkpoint=2)
        total = pv.fold(model, lambda row, s: s + pv.sum(row), model[0] * 0.0, by=1, checkpoint=1)
    pv.save(model, "model")
    pv.save(total, "the total")


@pv.computation
def use():
    with committee:
        model = pv.load("model", pv.fixed(64, 16)[3] @ committee, owners=[alice, bob])
        scale = pv.load("the total", pv.fixed(64, 16) @ committee, owners=(alice, bob))
        scaled = pv.clip(model, low=-100, high=100) * pv.clip(scale, low=-100, high=100)
    return pv.release(scaled, to=analyst)


def test_what_is_saved_is_loaded_in_the_same_cluster(cluster):
    x, y = np.array([1.0, -2.0, 0.5]), np.array([0.5, 1.0, 4.0])
    cluster.run(train, x=x, y=y)
    assert cluster.stored["alice"] == {
        "model": "3 × fixed<64, 16>, replicated",
        "the total": "fixed<64, 16>, replicated",
    }
    assert "analyst" not in cluster.stored or not cluster.stored["analyst"]
    result = cluster.run(use)
    np.testing.assert_allclose(result["use"], 4 * x * y * (4 * (x @ y)), atol=1e-2)
    with pytest.raises(pv.RunError) as missing:
        pv.local().run(use)
    assert missing.value.code == "store.missing"


def test_the_text_says_what_is_saved_and_loaded():
    text = train.text()
    assert "repeat 4 checkpoint 2 with" in text and "by 1 checkpoint 1 with" in text
    assert 'save model as "model"' in text and 'save total as "the total"' in text
    text = use.text()
    assert "load model : fixed<64, 16>[3] at committee owner alice owner bob\n" in text
    assert 'load loaded_1 : fixed<64, 16> at committee owner alice owner bob from "the total"' in text
    assert 'stored at committee as "model"' in str(use.disclose())


def test_a_load_says_whose_it_is():
    with pytest.raises(pv.ProgramError) as unsaid:

        @pv.computation
        def loads():
            model = pv.load("model", pv.fixed(64, 16)[3] @ committee)
            return pv.release(model, to=analyst)

    assert unsaid.value.diagnostics[0].code == "load.owner"

    @pv.computation
    def own():
        mine = pv.load("mine", pv.f64[3] @ alice.readable_by(bob))
        shared = pv.load("ours", pv.i64 @ committee, owners={alice: bob, bob: alice})
        free = pv.load("free", pv.i64 @ committee, owners=())
        with committee:
            s = pv.clip(shared, low=-100, high=100) + pv.clip(free, low=-100, high=100)
        return {"mine": pv.release(mine, to=analyst), "s": pv.release(s, to=analyst)}

    text = own.text()
    assert "load mine : f64[3] at alice owner alice readers bob" in text
    assert "load ours : i64 at committee owner alice readers bob owner bob readers alice" in text
    assert "load free : i64 at committee public" in text


def test_checkpoints_are_for_outermost_loops():
    with pytest.raises(pv.ProgramError) as nested:

        @pv.computation
        def loops(x: pv.i64 @ alice):
            with committee:
                y = pv.repeat(2, lambda v: pv.repeat(2, lambda w: w + x, v, checkpoint=1), x * 1)
            return pv.release(y, to=analyst)

    assert nested.value.diagnostics[0].code == "checkpoint.nested"
