"""Pooling on Lanes beside the reference: draws, ties, and large windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byhand import kernels
from byhand.kernels import Lanes
from kernels.drawing import windows
from lanes.helper import SETS, agree, compare, counts, machine, machines, numbers, run, steady


def picture(seed, shape, whole):
    """Pictures; of whole numbers nearly every window has a tie."""
    if whole:
        return np.random.default_rng(seed).integers(-1, 2, shape).astype(np.float32)
    return numbers(seed, shape)


@steady
@given(windows(pooling=True), counts, st.booleans(), machines)
@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_pooling_of_pictures(name, drawn, n, whole, where):
    with machine(*where):
        compare(name, picture(1, (n, *drawn.shape[1:]), whole), *drawn.said)


@steady
@given(windows(pooling=True, rows=False), counts, st.booleans(), machines)
@pytest.mark.parametrize("name", ["max_pool1d", "avg_pool1d"])
def test_pooling_of_sequences(name, drawn, n, whole, where):
    padding = "same" if drawn.said[2] == "same" else drawn.pads[1][0]
    x = picture(1, (n, drawn.shape[1], drawn.shape[3]), whole)
    with machine(*where):
        compare(name, x, drawn.kernel[1], drawn.stride[1], padding)


@steady
@given(counts, st.integers(1, 5), st.lists(st.integers(1, 6), min_size=1, max_size=3), machines)
def test_global_average_pooling(n, channels, places, where):
    with machine(*where):
        compare("global_avg_pool", numbers(1, (n, channels, *places)))


@pytest.mark.parametrize("isa", SETS)
@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_the_pooling_of_networks(name, isa):
    # Large enough for two threads.
    for size, *said in ((28, 2), (27, 2), (14, 3, 2, 1), (13, 3, 1, "same")):
        for whole in (False, True):
            with machine(isa, 2):
                compare(name, picture(2, (17, 16, size, size), whole), *said)


@pytest.mark.parametrize("size", [15, 16, 17, 20])
@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_a_large_window(name, size):
    # 15x17 places are the most that fit into a byte beside the mark for none.
    x = numbers(3, (9, 2, size + 2, size + 3))
    compare(name, x, size, 2)
    compare(name, x, (15, size), 1)
    last = np.zeros((9, 1, size, size), np.float32)
    last[:, :, -1, -1] = 1
    _, dx = run(name, Lanes.pack(last), size, dy=lambda y: Lanes.pack(np.ones(y.shape)))
    agree(dx, last if name == "max_pool2d" else np.full(last.shape, 1 / size**2))


@pytest.mark.parametrize("isa", SETS)
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_nan_wins_over_every_number_and_gets_the_gradient(place, isa):
    x = np.array([1.0, np.inf, -2.0, 3.0], np.float32)
    x[place] = np.nan
    pictures = np.zeros((9, 1, 2, 2), np.float32)
    pictures[8] = x.reshape(1, 2, 2)
    with machine(isa, 1):
        y, dx = run("max_pool2d", Lanes.pack(pictures), 2,
                    dy=lambda y: Lanes.pack(np.ones(y.shape)))  # fmt: skip
    assert np.isnan(y.numpy()).ravel().tolist() == 8 * [False] + [True]
    assert np.flatnonzero(dx.numpy()[8]).tolist() == [place]
    assert np.flatnonzero(dx.numpy()[7]).tolist() == [0]


@pytest.mark.parametrize("padding", [1, "same"])
def test_padding_never_wins_over_a_number(padding):
    x = np.full((9, 1, 3, 3), -1e30, np.float32)
    y, dx = run("max_pool2d", Lanes.pack(x), 3, 1, padding,
                dy=lambda y: Lanes.pack(np.ones(y.shape)))  # fmt: skip
    assert (y.numpy() == np.float32(-1e30)).all()
    assert kernels.as_numpy(dx).sum() == y.size
