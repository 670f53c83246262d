"""Runs in this process, beside numpy."""

from __future__ import annotations

import signal
import sys
import types

import numpy as np
import pytest

import privity as pv
from conftest import alice, analyst, bob, carol, committee

RNG = np.random.default_rng(7)


@pv.computation
def products(x: pv.f64["n", 3] @ alice, y: pv.f64[3, 2] @ bob, v: pv.f64["n"] @ carol):
    with committee:
        z = x @ y - 0.5
        d = pv.dot(v, v)
        m = pv.mean(x, axis=0)
        s = (2 * x + 1).sum()
    return {
        "matmul": z.release(to=analyst),
        "dot": d.release(to=analyst),
        "mean": m.release(to=[analyst, alice]),
        "sum": s.release(to=analyst),
    }


def test_products_and_sums_are_those_of_numpy(cluster):
    x, y, v = RNG.normal(size=(5, 3)), RNG.normal(size=(3, 2)), RNG.normal(size=5)
    result = cluster.run(products, x=x, y=y, v=v)
    # Each number is within a few units of 2^-16, times the terms of a product.
    np.testing.assert_allclose(result["matmul"], x @ y - 0.5, atol=2e-4)
    np.testing.assert_allclose(result["dot"], v @ v, atol=2e-4)
    np.testing.assert_allclose(result["mean"], x.mean(axis=0), atol=2e-4)
    np.testing.assert_allclose(result["sum"], (2 * x + 1).sum(), atol=2e-3)
    assert set(result.outputs) == {"alice", "analyst"} and set(result.outputs["alice"]) == {"mean"}
    assert result["matmul"].dtype == np.float64 and result["dot"].shape == ()


def test_a_result_tells_its_cost_and_receipt(cluster):
    x, y, v = np.ones((2, 3)), np.ones((3, 2)), np.ones(2)
    result = cluster.run(products, {"x": x, "y": y}, v=v)
    again = cluster.run(products, x=x, y=y, v=v)
    assert result.rounds > 0 and result.seconds > 0 and set(result.bytes) == {"alice", "bob", "carol", "analyst"}
    assert result.computation == products.digest
    assert len(result.session) == 32 and result.session != again.session and result.receipt != again.receipt
    assert "analyst: dot = 2." in repr(result) and f"{result.rounds} rounds" in repr(result)
    assert "<td>matmul</td>" in result._repr_html_() and "error" not in result._repr_html_()
    with pytest.raises(KeyError, match="matmul"):
        result["product"]
    predicted = products.explain(n=2).data
    assert (predicted["rounds"], predicted["bytes"]) == (result.rounds, result.bytes)


def test_comparing_with_plaintext(cluster):
    x, y, v = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2)), RNG.normal(size=4)
    result = cluster.run(products, x=x, y=y, v=v, compare=True)
    assert result.comparison is not None
    compared = result.comparison["matmul"]
    np.testing.assert_allclose(compared.plaintext, x @ y - 0.5)
    assert compared.absolute == pytest.approx(np.abs(result["matmul"] - compared.plaintext).max())
    assert compared.absolute < 2e-4 and "largest error" in result._repr_html_()


def test_integers_and_truth_values_are_exact(cluster):
    @pv.computation
    def exact(i: pv.i64["n"] @ alice, u: pv.u64["n"] @ bob, b: pv.bool_["n"] @ carol):
        with committee:
            total, product, opposite = pv.sum(i), u * u, ~b
        return total.release(to=analyst), product.release(to=analyst), opposite.release(to=analyst)

    i, u, b = np.array([-5, 7, 1 << 40]), np.array([1, 2, 3], dtype=np.uint64), np.array([True, False, True])
    result = cluster.run(exact, i=i, u=u, b=b)
    assert result["total"] == i.sum() and result["total"].dtype == np.int64
    assert (result["product"] == u * u).all() and result["product"].dtype == np.uint64
    assert (result["opposite"] == ~b).all() and result["opposite"].dtype == np.bool_


def test_data_of_other_types_and_layouts_are_brought_to_the_declared_one(cluster):
    @pv.computation
    def shapes(x: pv.f64[2, 3] @ alice, s: pv.f32[3] @ bob, one: pv.f64 @ carol, f: pv.fixed(64, 16)[2] @ carol):
        with committee:
            y = x * one
            t = pv.sum(s)
            g = pv.sum(f)
        return y.release(to=analyst), t.release(to=analyst), g.release(to=analyst)

    x = np.arange(12, dtype=np.int16).reshape(3, 4).T[1:3]  # integers, neither row-major nor contiguous
    result = cluster.run(shapes, x=x, s=np.array([1, 2, 3], dtype=np.float32), one=2, f=[0.5, 0.25])
    np.testing.assert_allclose(result["y"], 2.0 * x, atol=1e-4)
    assert result["t"] == pytest.approx(6.0) and result["g"] == pytest.approx(0.75)


def test_loops_run(cluster):
    @pv.computation
    def loops(w: pv.f64[2, 2] @ alice, rows: pv.f64["n", 2] @ bob):
        with committee:
            start = w * 1.0
            power = pv.repeat(3, lambda v: v @ w, start)
            total = pv.fold(rows, lambda batch, s: s + pv.sum(batch, axis=0), w[0] * 0.0, by=2)
        return power.release(to=analyst), total.release(to=analyst)

    w, rows = np.array([[0.5, 1.0], [0.0, 0.5]]), RNG.normal(size=(6, 2))
    result = cluster.run(loops, w=w, rows=rows)
    np.testing.assert_allclose(result["power"], np.linalg.matrix_power(w, 4), atol=1e-3)
    np.testing.assert_allclose(result["total"], rows.sum(axis=0), atol=1e-3)


@pv.computation
def matched(x: pv.f64["n"] @ alice, y: pv.f64["n"] @ bob):
    pv.match_rows("n", by="patient")
    with committee:
        d = pv.dot(x, y)
    return d.release(to=analyst)


def test_rows_are_matched_by_key(cluster):
    x, y = [1.0, 2.0], [3.0, 4.0]
    result = cluster.run(matched, x=x, y=y, keys={"x": [10, 11], "y": ["10", "11"]})
    assert result["matched"] == pytest.approx(11.0, abs=1e-3)
    with pytest.raises(pv.RunError) as caught:
        cluster.run(matched, x=x, y=y, keys={"x": [10, 11], "y": [11, 10]})
    assert caught.value.code == "session.rows-differ" and "sort" in caught.value.help
    with pytest.raises(pv.RunError) as caught:
        cluster.run(matched, x=x, y=y, keys={"x": [10, 11]})
    assert caught.value.player == "bob"


def test_progress_reaches_a_function_and_its_exception_ends_the_run(cluster):
    events = []
    cluster.run(matched, x=[1.0], y=[1.0], keys={"x": [1], "y": [1]}, progress=lambda *event: events.append(event))
    kinds = {event[0] for event in events}
    assert {"started", "rows", "step", "finished"} <= kinds
    assert {e[1] for e in events if e[0] == "finished"} == {"alice", "bob", "carol", "analyst"}

    def stop(*event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cluster.run(matched, x=[1.0], y=[1.0], keys={"x": [1], "y": [1]}, progress=stop)
    assert cluster.run(matched, x=[1.0], y=[1.0], keys={"x": [1], "y": [1]})["matched"] == pytest.approx(1.0, abs=1e-3)


@pv.computation
def endless(x: pv.f64[2, 2] @ alice):
    with committee:
        y = pv.repeat(1_000_000_000, lambda v: pv.clip(v @ v * 0.5, low=-1, high=1), x * 1.0)
    return y.release(to=analyst)


def test_a_signal_ends_a_long_run(cluster):
    def alarm(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(TimeoutError):
            cluster.run(endless, x=np.eye(2), progress=False)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_ctrl_c_ends_a_long_run(cluster):
    def interrupt(kind, *_):
        # As the terminal does it, once the run is under way.
        if kind == "iteration":
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        cluster.run(endless, x=np.eye(2), progress=interrupt)


def test_progress_in_a_terminal(cluster, capsys):
    cluster.run(matched, x=[1.0], y=[1.0], keys={"x": [1], "y": [1]}, progress=True)
    shown = capsys.readouterr().err
    assert "matched: " in shown and shown.endswith("\r"), "the line is removed at the end"
    cluster.run(matched, x=[1.0], y=[1.0], keys={"x": [1], "y": [1]})
    assert capsys.readouterr().err == "", "nothing where output is redirected"


def test_progress_in_a_notebook(cluster, monkeypatch):
    drawn = []

    class Handle:
        def update(self, html):
            drawn.append(html)

    def display(html, display_id):
        drawn.append(html)
        return Handle()

    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(HTML=str, display=display))
    cluster.run(matched, x=[1.0], y=[1.0], keys={"x": [1], "y": [1]})
    assert "<progress" in drawn[0] and drawn[-1] == ""


def test_eager_expressions_run_when_their_result_is_asked_for():
    x, w = RNG.normal(size=(4, 3)), RNG.normal(size=3)
    secret, weights = pv.private(x, owner=alice), pv.private(w, owner=bob)
    with committee:
        y = 2 * (secret @ weights) + 1
        total = pv.sum(y)
    np.testing.assert_allclose(y.release(to=analyst).numpy(), 2 * (x @ w) + 1, atol=1e-3)
    released = total.release(to=analyst)
    assert released.numpy() is released.numpy(), "it runs once"
    assert 'analyst learns "result"' in released.disclose()
    with pytest.raises(pv.ProgramError) as caught:
        y.numpy()
    assert caught.value.code == "python.private"
    with pytest.raises(pv.ProgramError):
        y.disclose()
    assert repr(secret) == "<private input>" and "0." not in repr(y)


def test_eager_needs_a_placement_where_owners_differ():
    x, y = pv.private([1.0], owner=alice), pv.private([2.0], owner=bob)
    with pytest.raises(pv.ProgramError) as caught:
        (x + y).release(to=analyst).numpy()
    assert caught.value.code == "placement.unclear" and "a `with` block" in caught.value.help


def test_an_eager_array_is_as_it_was_written_down():
    array = np.ones(3)
    x = pv.private(array, owner=alice)
    array[:] = 7.0
    with committee:
        total = x.sum()
    assert total.release(to=analyst).numpy() == pytest.approx(3.0)


def test_rows_are_those_of_numpy(cluster):
    @pv.computation
    def survey(x: pv.f64["n"] @ alice, key: pv.i64["n"] @ bob):
        with committee:
            ordered, order = pv.sort(x), pv.argsort(x)
            quartile, bins = pv.quantile(x, q=0.25), pv.histogram(x, edges=[-1.0, 0.0, 1.0])
            means, picked = pv.group_mean(x, key, groups=3), pv.take(x, key)
        return {
            "ordered": ordered.release(to=analyst),
            "order": order.release(to=analyst),
            "quartile": quartile.release(to=analyst),
            "bins": bins.release(to=analyst),
            "means": means.release(to=analyst),
            "picked": picked.release(to=analyst),
        }

    x, key = np.round(RNG.normal(size=12) * 256) / 256, np.arange(12) % 3
    result = cluster.run(survey, x=x, key=key)
    np.testing.assert_array_equal(result["ordered"], np.sort(x))
    np.testing.assert_array_equal(result["order"], np.argsort(x, kind="stable"))
    np.testing.assert_allclose(result["quartile"], np.quantile(x, 0.25), atol=1e-4)
    np.testing.assert_array_equal(result["bins"], np.histogram(x, bins=[-1.0, 0.0, 1.0])[0])
    np.testing.assert_allclose(result["means"], [x[key == g].mean() for g in range(3)], atol=1e-4)
    np.testing.assert_array_equal(result["picked"], x[key])


def test_functions_are_those_of_numpy(cluster):
    @pv.computation
    def functions(x: pv.f64[2, 4] @ alice):
        with committee:
            shares, quick, power = pv.softmax(x), pv.sigmoid(x, fast=True), pv.pow(x, exponent=2)
        return shares.release(to=analyst), quick.release(to=analyst), power.release(to=analyst)

    x = np.round(RNG.normal(size=(2, 4)) * 256) / 256
    result = cluster.run(functions, x=x)
    e = np.exp(x - x.max(axis=1, keepdims=True))
    np.testing.assert_allclose(result["shares"], e / e.sum(axis=1, keepdims=True), atol=1e-4)
    np.testing.assert_allclose(result["quick"], 1 / (1 + np.exp(-x)), atol=1e-3)
    np.testing.assert_allclose(result["power"], x**2, atol=1e-4)
