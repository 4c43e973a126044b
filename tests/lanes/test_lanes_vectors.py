"""The compiled core's steps on flat vectors are those of the definitions, to rounding."""

from __future__ import annotations

import numpy as np
import pytest

from byhand import kernels

STEPS = {
    "descent": ("sgd", 0, lambda: (None, 0.1, 0, 0, 0.01, False, True)),
    "first momentum": ("sgd", 1, lambda v: (v, 0.1, 0.9, 0.5, 0, False, True)),
    "momentum": ("sgd", 1, lambda v: (v, 0.1, 0.9, 0.5, 0.01, False, False)),
    "nesterov": ("sgd", 1, lambda v: (v, 0.1, 0.9, 0, 0, True, False)),
    "adagrad": ("adagrad", 1, lambda s: (s, 0.1, 1e-10, 0.01)),
    "rmsprop": ("rmsprop", 1, lambda s: (s, None, 0.1, 0.99, 1e-8, 0, 0)),
    "rmsprop's momentum": ("rmsprop", 2, lambda s, v: (s, v, 0.1, 0.9, 1e-8, 0.5, 0.01)),
    "adam": ("adam", 2, lambda m, s: (m, s, 0.1, 0.3, 0.9, 0.99, 1e-8, 0.01, 1)),
    "adamw": ("adam", 2, lambda m, s: (m, s, 0.1, 0.3, 0.9, 0.99, 1e-8, 0, 0.99)),
}


def vectors(count, n=1003):
    rng = np.random.default_rng(4)
    w, g = rng.standard_normal((2, n)).astype(np.float32)
    return w, g, [rng.random(n).astype(np.float32) for _ in range(count)]


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_that_of_the_definition(name):
    operation, count, settings = STEPS[name]
    results = []
    for way in ("compiled", "definition"):
        w, g, carried = vectors(count)
        before = g.copy()
        getattr(getattr(kernels, operation), way)(w, g, *settings(*carried))
        assert np.array_equal(g, before)
        results.append([w, *carried])
    for fast, slow in zip(*results, strict=True):
        np.testing.assert_allclose(fast, slow, rtol=2e-5, atol=2e-6)
    assert not np.allclose(results[0][0], vectors(count)[0])


def test_squares_are_those_of_each_part():
    vector, _, _ = vectors(0)
    ends = np.array([0, 5, 5, 700, 1003])
    expected = kernels.squares.definition(vector, ends)
    np.testing.assert_allclose(kernels.squares.compiled(vector, ends), expected, rtol=1e-12)
    assert expected.sum() == pytest.approx(np.square(vector, dtype=np.float64).sum())


def test_what_the_core_does_not_take_is_by_the_definition():
    w, g, _ = vectors(0)
    for x in (w.astype(np.float64), w[::2]):
        before = x.copy()
        kernels.sgd(x, g[: len(x)].astype(x.dtype), None, 0.5, 0, 0, 0, False, True)
        np.testing.assert_allclose(x, before - 0.5 * g[: len(x)], rtol=1e-6)
