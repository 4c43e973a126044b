"""Infinite, huge and many numbers give what PyTorch gives, in every arithmetic and type."""

from __future__ import annotations

import math

import numpy as np
import pytest

from byhand import kernels
from byhand.kernels import Lanes, Rows, compiled

ARITHMETICS = [np.asarray] if compiled.core is None else [np.asarray, Lanes.pack, Rows.of]
INF = np.inf
of_each = pytest.mark.parametrize("of", ARITHMETICS)
one_hot_or_not = pytest.mark.parametrize("one_hot", [False, True])


def cross_entropy(of, logits, label, one_hot, smoothing=0.0):
    """The loss of one image, and its gradient."""
    z = np.array([logits], np.float32)
    labels = np.eye(len(logits), dtype=np.float32)[[label]] if one_hot else np.array([label])
    losses, cache = kernels.cross_entropy(of(z), labels, smoothing)
    value, share = kernels.mean_loss(losses)
    return value, kernels.as_numpy(kernels.cross_entropy_backward(share, cache))[0]


@of_each
@one_hot_or_not
@pytest.mark.parametrize("masked", [-INF, -3e38])
def test_a_class_that_is_masked_by_its_logit_costs_nothing(of, one_hot, masked):
    value, gradient = cross_entropy(of, [masked, 0, 0], 1, one_hot)
    assert value == pytest.approx(math.log(2), rel=1e-6)
    np.testing.assert_allclose(gradient, [0, -0.5, 0.5], atol=1e-6)


@of_each
@one_hot_or_not
def test_logits_whose_difference_overflows_have_a_loss_and_gradient(of, one_hot):
    value, gradient = cross_entropy(of, [3e38, -3e38, 0], 0, one_hot)
    assert value == 0
    assert gradient.tolist() == [0, 0, 0]
    value, gradient = cross_entropy(of, [3e38, -3e38, 0], 1, one_hot)
    assert value == INF
    assert gradient.tolist() == [1, -1, 0]


@of_each
@one_hot_or_not
def test_a_masked_class_with_label_smoothing_costs_without_end_but_has_a_gradient(of, one_hot):
    value, gradient = cross_entropy(of, [-INF, 0, 0], 1, one_hot, 0.3)
    assert value == INF
    np.testing.assert_allclose(gradient, [-0.1, 0.5 - 0.8, 0.5 - 0.1], atol=1e-6)


@of_each
def test_a_logit_that_is_no_number_makes_the_loss_none(of):
    for label in (0, 1):
        assert math.isnan(cross_entropy(of, [np.nan, 0, 0], label, False)[0])


@of_each
def test_binary_cross_entropy_of_infinite_logits(of):
    z = np.array([[-INF], [INF], [-INF], [INF], [3e38]], np.float32)
    targets = np.array([[0], [1], [1], [0], [0]], np.float32)
    losses, _ = kernels.binary_cross_entropy(of(z), targets)
    np.testing.assert_allclose(kernels.as_numpy(losses), [0, 0, INF, INF, 3e38], rtol=1e-6)


@of_each
@pytest.mark.parametrize("padding", [1, "same"])
def test_the_gradient_of_a_window_of_minus_infinity_stays_inside_of_the_picture(of, padding):
    x = np.full((1, 1, 3, 4), -INF, np.float32)
    x[0, 0, 2, 3] = 1
    y, cache = kernels.max_pool2d(of(x), 3, 1, padding)
    dx = kernels.as_numpy(kernels.max_pool2d_backward(of(np.ones(y.shape, np.float32)), cache))
    # To the first pixel of each window; four windows have the one number.
    expected = [[4, 1, 1, 0], [2, 0, 0, 0], [0, 0, 0, 4]]
    assert dx[0, 0].tolist() == expected
    y, cache = kernels.max_pool1d(of(x[:, :, 0]), 2, 1, 1)
    dx = kernels.as_numpy(kernels.max_pool1d_backward(of(np.ones(y.shape, np.float32)), cache))
    assert dx[0, 0].tolist() == [2, 1, 1, 1]


@of_each
def test_small_numbers_count_beside_many(of):
    """Each of 2^18 classes is 2^-25 of the largest: one by one, a float would lose them all."""
    classes = 2**18
    z = np.full((1, classes), -25 * math.log(2), np.float32)
    z[0, 0] = 0
    total = 1 + classes * 2.0**-25
    y, _ = kernels.softmax(of(z))
    assert kernels.as_numpy(y)[0].sum(dtype=np.float64) == pytest.approx(1, abs=2e-4)
    assert kernels.as_numpy(y)[0, 0] == pytest.approx(1 / total, abs=2e-4)
    y, _ = kernels.log_softmax(of(z))
    assert kernels.as_numpy(y)[0, 0] == pytest.approx(-math.log(total), abs=2e-4)
    losses, _ = kernels.cross_entropy(of(z), np.array([0]))
    assert kernels.as_numpy(losses)[0] == pytest.approx(math.log(total), abs=2e-4)


@of_each
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", [(3, 0), (0, 3), (0, 0), (2, 0, 4), (2, 3, 0)])
def test_softmax_of_nothing_is_nothing(of, name, shape):
    y, cache = getattr(kernels, name)(of(np.zeros(shape, np.float32)))
    assert y.shape == shape
    back = getattr(kernels, f"{name}_backward")(of(np.zeros(shape, np.float32)), cache)
    assert back.shape == shape


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_gelu_keeps_its_type_and_is_as_exact_as_that(dtype):
    x = np.array([-9, -3.3, -1.1, -0.01, 0.0, 0.4, 1.7, 5, 300, -300, 6e4], dtype)
    y, cache = kernels.gelu(x)
    dx = kernels.gelu_backward(np.full_like(x, 2), cache)
    assert y.dtype == dx.dtype == dtype
    p = [math.erfc(-float(v) / math.sqrt(2)) / 2 for v in x]
    density = [math.exp(-float(v) * float(v) / 2) / math.sqrt(2 * math.pi) for v in x]
    expected = [float(v) * a for v, a in zip(x, p, strict=True)]
    slopes = [2 * (a + float(v) * d) for v, a, d in zip(x, p, density, strict=True)]
    close = max(4 * float(np.finfo(dtype).eps), 1e-14)
    np.testing.assert_allclose(y.astype(float), expected, rtol=close, atol=close / 4)
    np.testing.assert_allclose(dx.astype(float), slopes, rtol=close, atol=close)


@of_each
def test_settings_that_make_no_sense_are_refused(of):
    from byhand.errors import InputError

    x = np.ones((2, 3), np.float32)
    some = np.ones(3, np.float32)
    for eps in (0, -1, math.nan, INF, "x", None):
        with pytest.raises(InputError, match="eps is"):
            kernels.batch_norm(of(x), some, some, some, some, False, eps)
    for rate in (1, 1.5, -0.5, math.nan, "x", None):
        with pytest.raises(InputError, match="rate of dropout is"):
            kernels.dropout(of(x), rate, kernels.Key(0))
    for slope in (math.nan, INF, "x", None):
        with pytest.raises(InputError, match="slope is"):
            kernels.leaky_relu(of(x), slope)
    for smoothing in (-0.1, 2, math.nan, "x", None):
        with pytest.raises(InputError, match="label smoothing is"):
            kernels.cross_entropy(of(x), [0, 1], smoothing)
    for target in (-0.5, 2, math.nan):
        with pytest.raises(InputError, match="0 to 1"):
            kernels.binary_cross_entropy(of(x), np.full((2, 3), target))
