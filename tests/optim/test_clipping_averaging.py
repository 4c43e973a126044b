"""Clipping by the global norm, and the moving average of the weights."""

from __future__ import annotations

import math

import numpy as np
import pytest

from byhand import optim
from byhand.errors import InputError


def test_a_long_gradient_is_shortened_to_the_norm_and_keeps_its_direction():
    g = np.array([3.0, 4.0], np.float32)
    assert optim.clip_by_global_norm(g, 1.0) == 5.0
    assert g.dtype == np.float32
    np.testing.assert_allclose(g, [0.6, 0.8], rtol=1e-6)


def test_a_short_gradient_is_left_as_it_is():
    g = np.array([3.0, 4.0])
    assert optim.clip_by_global_norm(g, 5.0) == 5.0
    assert g.tolist() == [3.0, 4.0]
    assert optim.clip_by_global_norm(np.zeros(3), 1.0) == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_norm_that_is_not_finite_is_returned_and_nothing_is_clipped(bad):
    g = np.array([1.0, bad, 2.0], np.float32)
    norm = optim.clip_by_global_norm(g, 0.5)
    assert not math.isfinite(norm)
    assert g[0] == 1.0
    assert g[2] == 2.0


def test_the_norm_is_summed_in_float64():
    assert optim.global_norm(np.full(4, 1e30, np.float32)) == pytest.approx(2e30)
    ones = np.ones(2**24 + 4, np.float32)  # float32 sums stop counting at 2**24
    ones[1:] = 2.0**-6
    expected = math.sqrt(1 + (2**24 + 3) * 2.0**-12)
    assert optim.global_norm(ones) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("norm", [0, -1.0, math.nan])
def test_a_limit_that_is_not_above_zero_is_an_error(norm):
    with pytest.raises(InputError, match="max_norm is"):
        optim.clip_by_global_norm(np.ones(2), norm)


def test_the_average_follows_the_formula():
    average_of = optim.ExponentialMovingAverage(0.5)
    w = np.array([1.0, 2.0], np.float32)
    average = w.copy()
    w += 1
    average_of.update(average, w, 0)  # decay 0.1
    np.testing.assert_allclose(average, [1.9, 2.9], rtol=1e-6)
    average_of.update(average, w + 1, 1000)  # decay 0.5
    np.testing.assert_allclose(average, [2.45, 3.45], rtol=1e-6)
    assert average.dtype == np.float32


def test_the_average_forgets_the_random_start_and_smooths_what_follows():
    rng = np.random.default_rng(0)
    average_of = optim.ExponentialMovingAverage(0.99)
    average = np.full(1000, 50.0)
    for step in range(1000):
        w = 1.0 + rng.standard_normal(1000)
        average_of.update(average, w, step)
    assert abs(average.mean() - 1) < 0.05
    assert average.std() < 0.15  # that of the noise is 1


@pytest.mark.parametrize("decay", [1.0, -0.1, "high"])
def test_a_decay_out_of_range_is_an_error(decay):
    with pytest.raises(InputError, match="ExponentialMovingAverage's decay is"):
        optim.ExponentialMovingAverage(decay)
