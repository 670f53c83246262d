"""What bad programs and bad data get: what, where, whose, and what to do."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import privity as pv
from conftest import alice, analyst, bob, carol, committee, line_of


@pv.computation
def total(x: pv.f64["n"] @ alice, y: pv.f64["n"] @ bob):
    with committee:
        z = pv.dot(x, y)
    return z.release(to=analyst)


def refused(fn) -> pv.ProgramError:
    with pytest.raises(pv.ProgramError) as caught:
        pv.computation(fn)
    return caught.value


def test_a_mismatch_of_shapes_shows_the_line():
    def wrong(x: pv.f64[3] @ alice, y: pv.f64[4] @ bob):
        with committee:
            z = x + y  # three and four
        return z.release(to=analyst)

    error = refused(wrong)
    assert error.code.startswith("shape.")
    assert "three and four" in line_of(error) and "z = x + y  # three and four" in str(error)
    assert "test_errors.py:" in str(error)


def test_a_label_violation_shows_the_line_and_what_to_do():
    def leak(x: pv.f64["n"] @ alice):
        with bob:
            y = x + 1.0  # alice's values at bob
        return y.release(to=bob)

    error = refused(leak)
    assert error.code.startswith("label.") and "alice's values at bob" in line_of(error)
    assert "bob" in error.message and error.help


def test_an_unreleased_result_is_refused():
    def kept(x: pv.f64["n"] @ alice):
        with committee:
            return pv.sum(x)

    assert refused(kept).code == "python.result"


def test_a_secret_decides_no_branch():
    def branch(x: pv.f64 @ alice):
        with committee:
            y = x * 2.0
            if y > 0:  # a branch
                y = y + 1.0
        return y.release(to=analyst)

    error = refused(branch)
    assert error.code == "python.branch" and "a branch" in line_of(error) and "select" in error.help

    for bad in (lambda x: x and x, lambda x: not x, lambda x: [v for v in x], lambda x: x**3, lambda x: x[x]):
        with pytest.raises((pv.ProgramError, TypeError)):

            @pv.computation
            def other(x: pv.f64[3] @ alice):
                return bad(x).release(to=analyst)


def test_a_value_has_no_data():
    def printing(x: pv.f64 @ alice):
        return x.numpy()

    assert refused(printing).code == "python.no-data"


def test_a_parameter_says_what_it_is():
    assert refused(lambda x: x).code == "python.annotation"
    # What is stored at a protected placement has such a type, and is loaded, not given.
    with pytest.raises(pv.ProgramError) as stored:

        @pv.computation
        def of_shares(x: pv.f64["n"] @ committee):
            return x.release(to=analyst)

    assert stored.value.code == "python.annotation"


def test_values_do_not_wander_between_computations():
    kept = []

    @pv.computation
    def first(x: pv.f64 @ alice):
        kept.append(x)
        return x.release(to=analyst)

    def second(y: pv.f64 @ alice):
        with alice:
            z = y + kept[0]
        return z.release(to=analyst)

    assert refused(second).code == "python.foreign"
    private = pv.private(1.0, owner=alice)

    def third(y: pv.f64 @ alice):
        with alice:
            z = y + private
        return z.release(to=analyst)

    assert refused(third).code == "python.foreign"


def test_text_reports_all_mistakes_with_their_lines():
    with pytest.raises(pv.ProgramError) as caught:
        pv.parse("computation c\n  player a\n  input x : f64 at b\n  y = nothing + 1\n", "mine.pv")
    error = caught.value
    assert len(error.diagnostics) >= 2 and [d.line for d in error.diagnostics] == [3, 4]
    assert "mine.pv:3" in str(error) and "input x : f64 at b" in str(error)
    assert error.diagnostics[0].file is None


def test_errors_can_be_pickled():
    with pytest.raises(pv.ProgramError) as program:
        pv.parse("computation")
    with pytest.raises(pv.RunError) as run:
        pv.local().run(total, x=[1.0])
    for error in (program.value, run.value):
        copy = pickle.loads(pickle.dumps(error))
        assert (str(copy), copy.code, copy.player, copy.help) == (str(error), error.code, error.player, error.help)


def fails(cluster, **data) -> pv.RunError:
    with pytest.raises(pv.RunError) as caught:
        cluster.run(total, **data)
    return caught.value


def test_missing_and_unknown_data(cluster):
    missing = fails(cluster, x=[1.0])
    assert (missing.player, missing.code) == ("bob", "session.input-missing") and "y=..." in missing.help
    unknown = fails(cluster, x=[1.0], y=[1.0], z=[1.0])
    assert unknown.code == "data.unknown-input" and "x, y" in unknown.help
    assert fails(cluster, x=[1.0], y=[1.0], keys={"xx": [1]}).code == "data.unknown-input"


def test_nan_and_infinity(cluster):
    for bad in (np.nan, np.inf):
        error = fails(cluster, x=[1.0, 2.0], y=[3.0, bad])
        assert (error.code, error.player) == ("data.not-finite", "bob") and "position 1" in error.message


def test_what_does_not_fit_the_fixed_point(cluster):
    error = fails(cluster, x=[1.0], y=[1e30])
    assert error.player == "bob" and "1e30" not in str(error) and "1e+30" not in str(error)
    assert "range" in error.code or "overflow" in error.code


def test_differing_rows(cluster):
    error = fails(cluster, x=[1.0, 2.0], y=[1.0])
    assert error.code == "data.dimension" and error.player == "bob" and "alice" in str(error)


def test_other_shapes_and_types(cluster):
    rank = fails(cluster, x=[[1.0]], y=[1.0])
    assert (rank.code, rank.player) == ("data.rank", "alice")
    with pytest.raises(TypeError, match="complex"):
        cluster.run(total, x=[1j], y=[1.0])
    with pytest.raises(TypeError, match="<U"):
        pv.private(["a"], owner=alice)
    assert fails(cluster, x=[True], y=[1.0]).code == "data.element-type"
    assert fails(cluster, x=[2**60 + 1], y=[1.0]).code == "data.element-type"

    @pv.computation
    def whole(i: pv.i64["n"] @ alice):
        return pv.release(i, to=bob)

    with pytest.raises(pv.RunError) as caught:
        cluster.run(whole, i=[1.0, 1.5])
    assert caught.value.code == "data.element-type" and "position 1" in caught.value.message
    assert (cluster.run(whole, i=[1.0, 2.0])["whole"] == [1, 2]).all()


def test_keys_are_whole_numbers_or_text(cluster):
    error = fails(cluster, x=[1.0], y=[1.0], keys={"x": [1.5]})
    assert (error.code, error.player) == ("data.no-key", "alice")


def test_an_enclave_runs_here_and_proves_nothing(cluster):
    machine = pv.player("machine")
    box = pv.enclave(machine)

    @pv.computation
    def inside(x: pv.f64["n"] @ alice):
        with box:
            y = pv.sum(x)
        return y.release(to=analyst)

    assert "placement box = enclave(machine)" in inside.text()
    result = cluster.run(inside, x=[1.0, 2.0])
    assert "proves nothing about box" in result.notes[0]


def test_disclosure_and_coalitions():
    assert "analyst learns" in total.disclose()
    assert total.disclose().data and "<pre>" in total.disclose()._repr_html_()
    together = total.disclose(corrupt=[alice, carol])
    assert "alice" in together and together.data["members"] == ["alice", "carol"]
    assert total.disclose(corrupt=alice).data["members"] == ["alice"]
    with pytest.raises(pv.RunError) as caught:
        total.disclose(corrupt=["nobody"])
    assert caught.value.code == "program.unknown-player" and "alice" in caught.value.help
    with pytest.raises(pv.RunError) as caught:
        total.explain()
    assert caught.value.code == "session.dim-unbound" and "`n=442`" in caught.value.help


def test_workers_that_cannot_be_asked(tmp_path):
    with pytest.raises(pv.RunError) as caught:
        pv.connect(tmp_path / "roster.toml").run(total)
    assert caught.value.help
    key = tmp_path / "me.key"
    key.write_text("no key")
    with pytest.raises(pv.RunError):
        pv.connect(tmp_path / "roster.toml", key).run(total)


def test_types_are_checked_when_they_are_written():
    with pytest.raises(ValueError, match="fixed<64, 40>"):
        pv.fixed(64, 40)
    with pytest.raises(ValueError):
        pv.fixed(32, 8)
