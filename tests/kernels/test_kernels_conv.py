"""Convolution held against loops, and unfolding against its own transpose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byhand import kernels
from kernels import loops
from kernels.drawing import close, steady, windows


@steady
@given(windows(), st.integers(1, 3), st.booleans())
def test_conv2d_and_its_gradients_equal_the_loops(drawn, filters, with_bias):
    rng, (_, stride, padding) = drawn.rng, drawn.said
    x = rng.standard_normal(drawn.shape)
    weight = rng.standard_normal((filters, drawn.shape[1], *drawn.kernel))
    bias = rng.standard_normal(filters) if with_bias else None
    y, cache = kernels.conv2d(x, weight, bias, stride, padding)
    close(y, loops.conv2d(x, weight, bias, drawn.stride, drawn.pads))

    dy = rng.standard_normal(y.shape)
    dx, dweight, dbias = kernels.conv2d_backward(dy, cache)
    expected = loops.conv2d_backward(dy, x, weight, drawn.stride, drawn.pads)
    for ours, theirs in zip((dx, dweight, dbias), expected, strict=True):
        close(ours, theirs)


@steady
@given(windows(rows=False), st.integers(1, 3), st.booleans())
def test_conv1d_and_its_gradients_equal_the_loops(drawn, filters, with_bias):
    rng = drawn.rng
    stride, padding = drawn.stride[1], "same" if drawn.said[2] == "same" else drawn.pads[1][0]
    n, c, _, length = drawn.shape
    x = rng.standard_normal((n, c, length))
    weight = rng.standard_normal((filters, c, drawn.kernel[1]))
    bias = rng.standard_normal(filters) if with_bias else None
    y, cache = kernels.conv1d(x, weight, bias, stride, padding)
    row, row_weight = x[:, :, None], weight[:, :, None]
    close(y, loops.conv2d(row, row_weight, bias, drawn.stride, drawn.pads)[:, :, 0])

    dy = rng.standard_normal(y.shape)
    dx, dweight, dbias = kernels.conv1d_backward(dy, cache)
    expected = loops.conv2d_backward(dy[:, :, None], row, row_weight, drawn.stride, drawn.pads)
    close(dx, expected[0][:, :, 0])
    close(dweight, expected[1][:, :, 0])
    close(dbias, expected[2])


@steady
@given(windows())
def test_im2col_has_a_window_in_each_column(drawn):
    x = drawn.rng.standard_normal(drawn.shape)
    n, c, *hw = drawn.shape
    oh, ow = drawn.output
    expected = np.zeros((c, *drawn.kernel, n, oh, ow))
    for i, j, u, v, r, s in loops.taps(hw, drawn.kernel, drawn.stride, drawn.pads):
        expected[:, u, v, :, i, j] = x[:, :, r, s].T
    cols = kernels.im2col(x, *drawn.said)
    close(cols, expected.reshape(c * drawn.kernel[0] * drawn.kernel[1], n * oh * ow))


@steady
@given(windows())
def test_col2im_is_the_transpose_of_im2col(drawn):
    x = drawn.rng.standard_normal(drawn.shape)
    cols = kernels.im2col(x, *drawn.said)
    c = drawn.rng.standard_normal(cols.shape)
    back = kernels.col2im(c, drawn.shape, *drawn.said)
    assert back.shape == x.shape
    # <im2col(x), c> = <x, col2im(c)> for all x and c says that one is the other's transpose.
    assert np.isclose((cols * c).sum(), (x * back).sum(), rtol=1e-10, atol=1e-10)


def test_unfolding_and_folding_counts_how_many_windows_see_a_pixel():
    ones = np.ones((1, 1, 3, 3))
    counts = kernels.col2im(kernels.im2col(ones, 2), ones.shape, 2)
    assert counts[0, 0].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unfolding_and_folding_keep_the_float_type(dtype):
    cols = kernels.im2col(np.ones((1, 2, 4, 4), dtype), 3)
    assert cols.dtype == dtype
    assert kernels.col2im(cols, (1, 2, 4, 4), 3).dtype == dtype


def test_conv2d_does_not_flip_its_kernel():
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    weight = np.array([[[[1.0, 0.0], [0.0, 0.0]]]])
    y, _ = kernels.conv2d(x, weight, None)
    assert y[0, 0].tolist() == [[0, 1], [3, 4]]


@pytest.mark.parametrize(("k", "expected"), [(2, (0, 1)), (3, (1, 1)), (4, (1, 2)), (5, (2, 2))])
def test_same_padding_puts_the_odd_zero_at_the_bottom_and_right(k, expected):
    assert kernels.window(k, 1, "same").padding == (expected, expected)


def test_a_window_may_be_written_as_a_list():
    assert kernels.window([3, 2], [1, 2], [0, 1]) == kernels.window((3, 2), (1, 2), (0, 1))


def test_without_need_dx_a_convolution_gives_the_same_parameter_gradients_and_no_dx():
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 2, 5, 5)), rng.standard_normal((3, 2, 3, 3))
    y, cache = kernels.conv2d(x, weight, np.zeros(3))
    dy = rng.standard_normal(y.shape)
    _, *full = kernels.conv2d_backward(dy, cache)
    nothing, *less = kernels.conv2d_backward(dy, cache, need_dx=False)
    assert nothing is None
    for a, b in zip(full, less, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, "same"), (2, 1), (1, (3, 0))])
@pytest.mark.parametrize("shape", [(90, 1, 50, 60), (2, 6, 150, 160)])
def test_a_batch_too_large_to_unfold_at_once_equals_its_images_one_by_one(shape, stride, padding):
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal(shape), rng.standard_normal((2, shape[1], 3, 3))
    bias = rng.standard_normal(2)
    y, cache = kernels.conv2d(x, weight, bias, stride, padding)
    dy = rng.standard_normal(y.shape)
    dx, dweight, dbias = kernels.conv2d_backward(dy, cache)
    sums = np.zeros_like(weight), np.zeros_like(bias)
    for i in range(len(x)):
        one, cache = kernels.conv2d(x[i : i + 1], weight, bias, stride, padding)
        one_dx, *gradients = kernels.conv2d_backward(dy[i : i + 1], cache)
        np.testing.assert_allclose(one[0], y[i], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(one_dx[0], dx[i], rtol=1e-9, atol=1e-12)
        for total, gradient in zip(sums, gradients, strict=True):
            total += gradient
    np.testing.assert_allclose(dweight, sums[0], rtol=1e-9)
    np.testing.assert_allclose(dbias, sums[1], rtol=1e-9)
