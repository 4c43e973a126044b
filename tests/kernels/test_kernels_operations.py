"""Dispatch on the array's type, layouts, threads, and activations where numbers are extreme."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest

import support
from byhand import kernels
from byhand.errors import InputError, ShapeError


def test_the_type_of_the_first_argument_picks_the_arithmetic():
    class Marked:
        def __init__(self, value):
            self.value = value

    @kernels.operation
    def double(x):
        """Twice x."""
        return 2 * x

    @kernels.implements(double, Marked)
    def double_marked(x):
        return Marked(2 * x.value)

    assert double(np.array([1.5])).tolist() == [3.0]
    assert double(Marked(4)).value == 8
    assert double.__doc__ == "Twice x."
    with pytest.raises(ShapeError, match=r"double takes an array .* not tuple; wrap it"):
        double((1, 2))


def test_every_operation_has_its_backward_and_a_docstring():
    plain = {n.removesuffix("_backward") for n in kernels.__all__ if n.endswith("_backward")}
    assert {"conv2d", "max_pool2d", "linear", "batch_norm", "dropout", "cross_entropy"} <= plain
    for name in plain:
        for one in (name, f"{name}_backward"):
            assert getattr(kernels, one).__doc__, one
            with pytest.raises(ShapeError, match=one):
                getattr(kernels, one)(None)


@pytest.mark.parametrize("layout", kernels.LAYOUTS)
def test_every_layout_holds_the_same_numbers(layout):
    if layout == "lanes":
        support.require_core()
    x = np.random.default_rng(0).standard_normal((3, 2, 4, 4)).astype(np.float32)
    assert np.array_equal(kernels.as_numpy(kernels.as_layout(x, layout)), x)


def test_what_threads_come_to(monkeypatch):
    page = importlib.import_module("byhand.kernels.threads")
    monkeypatch.setattr(page, "_threads", None)
    monkeypatch.setattr(page, "_limit", None)
    monkeypatch.delenv("BYHAND_THREADS", raising=False)
    assert kernels.available_threads() == kernels.cores() >= 1
    monkeypatch.setenv("BYHAND_THREADS", "3")
    assert kernels.available_threads() == kernels.threads() == 3
    assert kernels.set_threads(1) == kernels.threads() == 1
    for wrong in ("0", "-1", "two", "1.5", "²", "٣", "5000", "9" * 20, "9" * 5000):
        monkeypatch.setenv("BYHAND_THREADS", wrong)
        with pytest.raises(InputError, match=f"BYHAND_THREADS is '?{wrong[:50]}"):
            kernels.available_threads()
    for wrong in (0, -1, 5000, 10**20, 2.0, True, "2"):
        with pytest.raises(InputError, match="threads is"):
            kernels.set_threads(wrong)


EXTREME = np.array([[-1e4, -800.0, -1.0, 0.0, 1.0, 800.0, 1e4]])
TYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@TYPES
def test_the_sigmoid_is_right_and_does_not_overflow(dtype):
    y, cache = kernels.sigmoid(EXTREME.astype(dtype))
    e = 1 / (1 + math.exp(-1))
    np.testing.assert_allclose(y, [[0, 0, 1 - e, 0.5, e, 1, 1]], rtol=1e-6, atol=1e-7)
    dx = kernels.sigmoid_backward(np.full_like(y, 3), cache)
    slope = 3 * e * (1 - e)
    np.testing.assert_allclose(dx, [[0, 0, slope, 0.75, slope, 0, 0]], rtol=1e-5, atol=1e-7)


@TYPES
def test_softmax_and_its_logarithm_do_not_overflow(dtype):
    x = EXTREME.astype(dtype)
    y, _ = kernels.softmax(x)
    assert y.tolist() == [[0, 0, 0, 0, 0, 0, 1]]
    logarithm, _ = kernels.log_softmax(x)
    np.testing.assert_allclose(logarithm, EXTREME - 1e4, rtol=1e-6)


def test_softmax_is_over_the_second_axis_and_logarithm_agrees():
    x = np.random.default_rng(0).standard_normal((3, 4, 2))
    y, _ = kernels.softmax(x)
    for n, i in np.ndindex(3, 2):
        e = [math.exp(v) for v in x[n, :, i]]
        np.testing.assert_allclose(y[n, :, i], np.array(e) / sum(e), rtol=1e-12)
    np.testing.assert_allclose(np.exp(kernels.log_softmax(x)[0]), y, rtol=1e-12)


def test_gelu_is_x_times_the_normal_distribution():
    x = np.array([-30.0, -2.0, -0.5, 0.0, 0.5, 2.0, 30.0])
    y, cache = kernels.gelu(x)
    p = [0.5 * math.erfc(-v / math.sqrt(2)) for v in x]
    np.testing.assert_allclose(y, x * p, rtol=1e-12, atol=1e-300)
    density = [math.exp(-v * v / 2) / math.sqrt(2 * math.pi) for v in x]
    np.testing.assert_allclose(
        kernels.gelu_backward(np.full_like(x, 2), cache), 2 * (p + x * density), rtol=1e-12
    )


def test_relu_has_no_slope_at_zero_and_the_leaky_one_has_its_own():
    x, dy = np.array([-2.0, -0.0, 0.0, 3.0]), np.array([5.0, 5.0, 5.0, 5.0])
    y, cache = kernels.relu(x)
    assert y.tolist() == [0, 0, 0, 3]
    assert kernels.relu_backward(dy, cache).tolist() == [0, 0, 0, 5]
    y, cache = kernels.leaky_relu(x, 0.1)
    np.testing.assert_allclose(y, [-0.2, 0, 0, 3])
    np.testing.assert_allclose(kernels.leaky_relu_backward(dy, cache), [0.5, 0.5, 0.5, 5])


@pytest.mark.parametrize("shape", [(8, 3), (4, 3, 5), (4, 3, 5, 2)])
def test_batch_norm_in_training_brings_each_channel_to_mean_0_and_spread_1(shape):
    x = np.random.default_rng(0).normal(3, 7, shape)
    weight, bias = np.array([1.0, 2.0, -3.0]), np.array([0.0, 5.0, 1.0])
    untouched = np.full(3, np.nan)  # the running statistics are not read
    y, cache = kernels.batch_norm(x, weight, bias, untouched, untouched, True)
    by_channel = np.moveaxis(y, 1, 0).reshape(3, -1)
    np.testing.assert_allclose(by_channel.mean(axis=1), bias, atol=1e-12)
    np.testing.assert_allclose(by_channel.std(axis=1), np.abs(weight), rtol=1e-5)
    plain = np.moveaxis(x, 1, 0).reshape(3, -1)
    np.testing.assert_allclose(cache.batch_mean, plain.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(cache.batch_var, plain.var(axis=1, ddof=1), rtol=1e-12)


def test_batch_norm_otherwise_uses_the_running_statistics_only():
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    weight, bias, mean, var = (np.array(v) for v in ([2.0] * 3, [1.0] * 3, [0.5] * 3, [4.0] * 3))
    y, _ = kernels.batch_norm(x, weight, bias, mean, var, False, eps=1e-15)
    np.testing.assert_allclose(y, (x - 0.5) / 2 * 2 + 1, rtol=1e-12)


def test_concat_puts_channels_in_order_and_gives_each_its_own_gradient():
    parts = [np.random.default_rng(i).standard_normal((2, c, 3)) for i, c in enumerate((1, 3, 2))]
    y, cache = kernels.concat(*parts)
    assert np.array_equal(y[:, 1:4], parts[1])
    back = kernels.concat_backward(y, cache)
    assert len(back) == 3
    for ours, part in zip(back, parts, strict=True):
        assert np.array_equal(ours, part)
