"""Functions become the same programs as their text, with the names of their variables."""

from __future__ import annotations

import functools
import inspect
import sys

import numpy as np
import pytest

import privity as pv
from conftest import alice, analyst, bob, carol, committee, line_of

SLOPE = """
computation slope
  player alice, bob, carol, analyst
  placement committee = replicated(alice, bob, carol)

  input bmi    : f64[n] at alice
  input target : f64[n] at bob

  on committee as fixed<64, 16>
    x = bmi - mean(bmi)
    b = dot(x, target) / maximum(dot(x, x), 0.001)

  release b to analyst as "slope"
"""


@pv.computation
def slope(bmi: pv.f64["n"] @ alice, target: pv.f64["n"] @ bob):
    with committee:
        x = bmi - pv.mean(bmi)
        b = pv.dot(x, target) / pv.maximum(pv.dot(x, x), 0.001)
    return pv.release(b, to=analyst)


def test_a_function_and_its_text_are_one_computation():
    written = pv.parse(SLOPE)
    assert slope.inputs == written.inputs == {"bmi": "alice", "target": "bob"}
    assert "b = dot(x, target) / maximum(dot(x, x), 0.001)" in slope.text()
    assert pv.parse(slope.text()).digest == slope.digest == written.digest


def test_only_players_that_the_function_names_are_in_it():
    # `stranger` is a global as well, but the function does not mention it.
    @pv.computation
    def double(x: pv.f64["n"] @ alice):
        with alice:
            y = x + x
        return pv.release(y, to=bob)

    assert "player alice, bob\n" in double.text()
    assert "carol" not in double.text()


def helper_that_releases(x):
    return pv.release(x, to=analyst)


def test_players_that_only_a_helper_names_are_found_by_tracing_again():
    @pv.computation
    def doubled(x: pv.f64["n"] @ alice):
        with committee:
            y = pv.sum(x)
        return helper_that_releases(y)

    assert "player alice, bob, carol, analyst\n" in doubled.text()


def test_variables_name_values_also_when_they_are_assigned_anew():
    @pv.computation
    def sums(x: pv.f64["n"] @ alice):
        with committee:
            total = pv.sum(x)
            for _ in range(2):
                total = total + 1.0
        return pv.release(total, to=analyst)

    text = sums.text()
    assert "total = sum(x)" in text and "total_2 = total + 1.0" in text and "total_3 = total_2 + 1.0" in text
    assert pv.parse(text).digest == sums.digest


def test_names_that_are_words_of_the_language_or_players_are_not_taken():
    @pv.computation
    def odd(x: pv.f64["n"] @ alice):
        with committee:
            to = pv.sum(x)
            größe = to + 1.0
            bob = größe + to  # noqa: F841  shadows a player
        return pv.release(bob, to=analyst)

    assert pv.parse(odd.text()).digest == odd.digest


def test_functions_inside_helpers_and_comprehensions_trace():
    def standardise(v):
        centred = v - pv.mean(v)
        return centred

    @pv.computation
    def product(x: pv.f64["n"] @ alice, y: pv.f64["n"] @ bob):
        with committee:
            a, b = [standardise(v) for v in (x, y)]
            both = (lambda: pv.dot(a, b))()
        return both.release(to=analyst)

    assert "both = dot(a, b)" in product.text()


def test_a_tracer_or_profiler_is_left_alone():
    lines, calls = [], []

    def tracer(frame, event, arg):
        lines.append(event)
        return tracer

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(tracer)
    sys.setprofile(lambda *event: calls.append(event[1]))
    try:

        @pv.computation
        def traced(x: pv.f64["n"] @ alice):
            with committee:
                y = pv.sum(x)
            return pv.release(y, to=analyst)

        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    assert "y = sum(x)" in traced.text()
    assert "line" in lines and "return" in calls


def test_exceptions_pass_through_and_leave_nothing_open():
    with pytest.raises(ZeroDivisionError):

        @pv.computation
        def broken(x: pv.f64["n"] @ alice):
            with committee:
                return 1 / 0

    assert slope.name == "slope"
    with pytest.raises(pv.ProgramError) as caught:
        pv.sum(np.ones(3))
    assert caught.value.code == "python.outside"


def test_generators_and_coroutines_are_refused():
    def generator(x: pv.f64["n"] @ alice):
        yield x

    async def coroutine(x: pv.f64["n"] @ alice):
        return x

    for fn in (generator, coroutine):
        with pytest.raises(pv.ProgramError) as caught:
            pv.computation(fn)
        assert caught.value.code == "python.function"


def test_results_get_names():
    @pv.computation
    def several(x: pv.f64["n"] @ alice):
        with committee:
            total, mean = pv.sum(x), pv.mean(x)
        kept = pv.release(total, to=analyst)
        return kept, pv.release(mean, to=analyst)

    assert 'as "kept"' in several.text() and 'as "mean"' in several.text()

    @pv.computation
    def keyed(x: pv.f64["n"] @ alice):
        with committee:
            total = pv.sum(x)
        return {"sum of x": total.release(to=analyst)}

    assert 'as "sum of x"' in keyed.text()

    @pv.computation(name="renamed")
    def named(x: pv.f64["n"] @ alice):
        with committee:
            total = pv.sum(x)
        pv.release(total, to=analyst, name="at once")

    assert 'as "at once"' in named.text() and named.name == "renamed"


def test_labels_moves_and_matching():
    @pv.computation
    def labelled(
        x: pv.f64["n"] @ alice.readable_by(analyst),
        y: pv.i64["n"] @ bob.owned_by(bob, carol),
        z: pv.f64 @ carol.public(),
    ):
        pv.match_rows("n", by="patient")
        with committee.using(pv.fixed(128, 40)):
            narrow = pv.classify(pv.sum(x), owner=carol, readers=[alice, bob])
            moved = pv.move(z, committee)
            total = narrow + pv.cast(pv.sum(y), type=pv.fixed(128, 40)) + pv.const(2.5, pv.fixed(128, 40))
        pv.release(moved, to=analyst, name="z")
        return total.release(to=analyst)

    text = labelled.text()
    assert "dim n by patient" in text
    assert "classify" in text and "owner carol readers alice, bob" in text
    assert "fixed<64, 16>" in text, "what is moved explicitly becomes the placement's own type"
    assert pv.parse(text).digest == labelled.digest


def test_loops_stay_loops():
    @pv.computation
    def powers(x: pv.f64[2, 2] @ alice, rows: pv.f64[6, 2] @ bob):
        with committee:
            start = x * 0.5

            def step(w):
                grown = pv.clip(w @ x, low=-1, high=1)
                return grown

            power = pv.repeat(1_000_000, step, start)
            a, b = pv.repeat(3, lambda a, b: (b, a + b), start, start)
            total = pv.fold(rows, lambda batch, s: s + pv.sum(batch), pv.sum(b), by=2)
        return {"power": power.release(to=analyst), "sum": pv.release(a + total, to=analyst)}

    text = powers.text()
    assert "repeat 1000000" in text and "by 2" in text and "grown" in text
    assert len(text.splitlines()) < 40
    assert pv.parse(text).digest == powers.digest


def test_an_error_in_a_loop_names_its_line():
    with pytest.raises(pv.ProgramError) as caught:

        @pv.computation
        def looped(x: pv.f64[2] @ alice):
            with committee:
                start = x * 1.0
                end = pv.repeat(3, lambda w: pv.sum(w), start)  # another shape
            return end.release(to=analyst)

    assert caught.value.code == "loop.next"
    assert "another shape" in line_of(caught.value)


def test_constants_of_numpy():
    @pv.computation
    def weighted(x: pv.f64[2] @ alice, n: pv.i64 @ bob):
        with committee:
            y = np.array([1.5, 2.5]) * x + np.float64(0.5) + [1, 2]
            k = n * np.int64(3)
        return y.release(to=analyst), k.release(to=analyst)

    assert "[1.5, 2.5]" in weighted.text() and "n * 3" in weighted.text()


def test_values_tell_what_they_are():
    seen = {}

    @pv.computation
    def looked_at(x: pv.f64["n", 3] @ alice):
        with committee:
            y = x * 2.0
            seen.update(shape=y.shape, ndim=y.ndim, dtype=y.dtype, repr=repr(y), T=y.T.shape)
            seen.update(row=y[0].shape, range=y[:, 1:].shape, length=len(y.T))
            first = y.sum(axis=0)[0] + y.mean() + y.max() + y.min()
        return first.release(to=analyst)

    assert seen["shape"] == ("n", 3) and seen["ndim"] == 2 and seen["T"] == (3, "n")
    assert seen["dtype"] == "fixed<64, 16>" and seen["repr"] == "<fixed<64, 16>[n, 3] at committee>"
    assert seen["row"] == (3,) and seen["range"] == ("n", 2) and seen["length"] == 3


#: Arguments for the parameters of generated functions, by name.
ARGUMENTS = {
    "axis": 0, "low": -1.0, "high": 1.0, "shape": [2, 2], "type": pv.fixed(64, 16), "value": 1.5, "n": 2, "dim": "n",
    "axes": [1, 0], "keepdims": True, "ddof": 1, "fast": True, "approximate": True, "exponent": 2.0, "epsilon": 0.5,
    "descending": True, "size": 2, "stride": 1, "padding": 0, "k": 1, "q": 0.25, "edges": [0.0, 0.5, 2.0], "groups": 1,
}

#: Functions of vectors or rows.
ROWS = {
    "sort", "argsort", "sort_by", "shuffle", "top_k", "quantile", "median", "histogram", "take", "put", "group_sum",
    "group_count", "group_mean", "segment_sum", "segment_last",
}


#: Those that do not compute on shares, or not of what players hold.
ELSEWHERE = {"module", "federated_sum", "federated_mean"}


@pytest.mark.parametrize("name", sorted(set(pv.ops.__all__) - ELSEWHERE))
def test_every_generated_function_traces(name):
    function = getattr(pv, name)

    @pv.computation
    def traced(
        x: pv.f64[1, 2, 2].range(0.5, 4) @ alice,
        v: pv.f64["n"].range(0.5, 4) @ alice,
        flags: pv.bool_[1, 2, 2] @ bob,
        keys: pv.i64["n"] @ bob,
    ):
        operand = v if name in ROWS else {"dot": v, "squeeze": x, "diagonal": x[0], "conv1d": x}.get(name, x[0])
        if name.startswith("logical") or name in ("any", "all"):
            operand = flags
        with committee:
            if name == "conv2d" or name.endswith("pool2d"):
                operand = pv.expand_dims(x, axis=0)
            given = {}
            for p in inspect.signature(function).parameters.values():
                if p.name in ARGUMENTS:
                    given[p.name] = ARGUMENTS[p.name]
                elif p.name in ("key", "index"):
                    given[p.name] = keys
                elif p.annotation == "Sequence[Operand]":
                    given[p.name] = [operand, operand]
                else:
                    given[p.name] = flags[0] if p.name == "condition" else operand
            result = function(**given)
        return pv.release(result, to=analyst)

    assert pv.parse(traced.text()).digest == traced.digest
    assert function.__doc__ and function.__annotations__["return"] == "Tensor"


def test_a_module_runs_in_an_enclave_by_its_digest():
    vault = pv.enclave(bob, name="vault")

    @pv.computation
    def joined(keys: pv.i64["n"] @ alice, x: pv.f64["n", 2] @ bob):
        with vault:
            row = pv.module(
                [keys, x], name="intersect", digest="ab" * 32, takes="left(key, x)", gives="statistics(sum)",
                arguments="key=key", type=pv.f64, shape=[1], fuel=10, memory=4,
            )
        return row.release(to=analyst)

    assert "module" in joined.text() and "ab" * 32 in joined.text()
    assert pv.parse(joined.text()).digest == joined.digest


def test_operators_are_those_of_the_language():
    @pv.computation
    def operators(x: pv.f64[2] @ alice, b: pv.bool_[2] @ bob):
        with committee:
            y = -(+x) + abs(x) - 2 * x / 4.0 + (1 - x) ** 2
            c = (x < 1) & (x <= 2.0) | (x > 0) ^ ~b
            d = (x == y) & (x != y) & (x >= y)
            z = pv.select(c | d | (1 > x), x, y)
        return z.release(to=analyst)

    assert pv.parse(operators.text()).digest == operators.digest


def test_wrapped_functions_and_string_annotations():
    def doubled(fn):
        @functools.wraps(fn)
        def inner(*args):
            return fn(*args)

        return inner

    secret = pv.f64["n"] @ alice

    @pv.computation
    @doubled
    def wrapped(x: secret):
        with committee:
            y = pv.sum(x)
        return y.release(to=analyst)

    assert "y = sum(x)" in wrapped.text()
