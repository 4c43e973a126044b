"""Pooling held against loops; who wins among equals and NaNs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byhand import kernels
from kernels import loops
from kernels.drawing import close, steady, windows


def picture(drawn, whole):
    # Small whole numbers tie in nearly every window.
    if whole:
        return drawn.rng.integers(-1, 2, drawn.shape).astype(np.float64)
    return drawn.rng.standard_normal(drawn.shape)


@steady
@given(windows(pooling=True), st.booleans())
def test_max_pool2d_and_its_gradient_equal_the_loops_also_with_ties(drawn, whole):
    x = picture(drawn, whole)
    y, cache = kernels.max_pool2d(x, *drawn.said)
    expected, winner = loops.max_pool2d(x, drawn.kernel, drawn.stride, drawn.pads)
    close(y, expected)
    dy = drawn.rng.standard_normal(y.shape)
    close(kernels.max_pool2d_backward(dy, cache), loops.max_pool2d_backward(dy, winner, x.shape))


@steady
@given(windows(pooling=True))
def test_avg_pool2d_and_its_gradient_equal_the_loops(drawn):
    x = picture(drawn, whole=False)
    y, cache = kernels.avg_pool2d(x, *drawn.said)
    window = (drawn.kernel, drawn.stride, drawn.pads)
    close(y, loops.avg_pool2d(x, *window))
    dy = drawn.rng.standard_normal(y.shape)
    close(kernels.avg_pool2d_backward(dy, cache), loops.avg_pool2d_backward(dy, x.shape, *window))


@steady
@given(windows(pooling=True, rows=False), st.booleans())
def test_pooling_of_sequences_equals_the_loops(drawn, whole):
    row = picture(drawn, whole)
    x = row[:, :, 0]
    said = (drawn.kernel[1], drawn.stride[1],
            "same" if drawn.said[2] == "same" else drawn.pads[1][0])  # fmt: skip
    window = (drawn.kernel, drawn.stride, drawn.pads)

    y, cache = kernels.max_pool1d(x, *said)
    expected, winner = loops.max_pool2d(row, *window)
    close(y, expected[:, :, 0])
    dy = drawn.rng.standard_normal(y.shape)
    dx = loops.max_pool2d_backward(dy[:, :, None], winner, row.shape)
    close(kernels.max_pool1d_backward(dy, cache), dx[:, :, 0])

    y, cache = kernels.avg_pool1d(x, *said)
    close(y, loops.avg_pool2d(row, *window)[:, :, 0])
    dx = loops.avg_pool2d_backward(dy[:, :, None], row.shape, *window)
    close(kernels.avg_pool1d_backward(dy, cache), dx[:, :, 0])


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 7), (1, 1, 1, 1)])
def test_global_average_pooling_is_the_mean_over_all_places(shape):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    y, cache = kernels.global_avg_pool(x)
    places = shape[2:]
    close(y, x.reshape(*shape[:2], -1).sum(axis=2) / np.prod(places))
    dy = rng.standard_normal(y.shape)
    share = np.zeros(shape)
    for where in np.ndindex(shape):
        share[where] = dy[where[:2]] / np.prod(places)
    close(kernels.global_avg_pool_backward(dy, cache), share)


def test_of_equal_values_the_first_in_row_major_order_gets_the_gradient():
    y, cache = kernels.max_pool2d(np.zeros((1, 1, 4, 4)), 2)
    dx = kernels.max_pool2d_backward(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), cache)
    assert dx[0, 0].tolist() == [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]
    tie = np.array([[[[0.0, 7.0], [7.0, 7.0]]]])  # a row comes before the next
    y, cache = kernels.max_pool2d(tie, 2)
    assert y.item() == 7
    assert kernels.max_pool2d_backward(np.ones_like(y), cache)[0, 0].tolist() == [[0, 1], [0, 0]]


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_nan_wins_over_every_number_and_gets_the_gradient(place):
    x = np.array([1.0, np.inf, -2.0, 3.0])
    x[place] = np.nan
    y, cache = kernels.max_pool2d(x.reshape(1, 1, 2, 2), 2)
    assert np.isnan(y).all()
    dx = kernels.max_pool2d_backward(np.ones_like(y), cache)
    assert np.flatnonzero(dx).tolist() == [place]


@pytest.mark.parametrize("padding", [1, "same"])
def test_padding_never_wins_over_a_number(padding):
    x = np.full((1, 1, 3, 3), -1e300)
    y, cache = kernels.max_pool2d(x, 3, 1, padding)
    assert (y == -1e300).all()
    # So all of the gradient arrives: none of it is lost in the padding.
    assert kernels.max_pool2d_backward(np.ones_like(y), cache).sum() == y.size


def test_rows_and_columns_that_no_window_reaches_are_left_out_and_get_no_gradient():
    x = np.random.default_rng(0).standard_normal((1, 1, 5, 5))
    for forward, backward in (
        (kernels.max_pool2d, kernels.max_pool2d_backward),
        (kernels.avg_pool2d, kernels.avg_pool2d_backward),
    ):
        y, cache = forward(x, 2)
        assert y.shape == (1, 1, 2, 2)
        dx = backward(np.ones_like(y), cache)
        assert not dx[:, :, 4].any()
        assert not dx[:, :, :, 4].any()
        assert dx.sum() == pytest.approx(4)


@pytest.mark.parametrize("kernel_size", [15, 16, 17, 20])
def test_a_large_window_remembers_its_place(kernel_size):
    # 16×16 places just fit into a byte.
    x = np.zeros((1, 1, kernel_size, kernel_size))
    x[0, 0, -1, -1] = 1
    y, cache = kernels.max_pool2d(x, kernel_size)
    assert np.array_equal(kernels.max_pool2d_backward(y, cache), x)
