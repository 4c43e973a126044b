"""Sizes that cannot be meant are refused alike by every arithmetic; large steps cost no time."""

from __future__ import annotations

import numpy as np
import pytest

import support
from byhand import kernels
from byhand.errors import InputError, ShapeError
from byhand.kernels import Lanes, Rows, compiled

PICTURE = np.arange(1, 17, dtype=np.float32).reshape(1, 1, 4, 4)
LINE = PICTURE.reshape(1, 1, 16)
ONE = np.ones((1, 1, 1, 1), np.float32)
ARITHMETICS = [np.asarray] if compiled.core is None else [np.asarray, Lanes.pack, Rows.of]
BEYOND = (2**30 - 2, 2**31 - 2, 2**31 - 1, 2**31, 2**32, 2**61, 2**63, 2**64 + 1, 10**30)

# name: the call, given the arithmetic and a size
PADDED = {
    "conv2d": lambda of, p: kernels.conv2d(of(PICTURE), ONE, None, 1, p),
    "conv2d, one way": lambda of, p: kernels.conv2d(of(PICTURE), ONE, None, 1, (0, p)),
    "conv2d_relu": lambda of, p: kernels.conv2d_relu(of(PICTURE), ONE, None, 1, p),
    "conv2d_relu_pool2d": lambda of, p: kernels.conv2d_relu_pool2d(of(PICTURE), ONE, None, 1, p),
    "conv1d": lambda of, p: kernels.conv1d(of(LINE), ONE[0], None, 1, p),
    "im2col": lambda of, p: kernels.im2col(of(PICTURE), 1, 1, p),
    "max_pool2d": lambda of, p: kernels.max_pool2d(of(PICTURE), 2, 1, p),
    "avg_pool2d": lambda of, p: kernels.avg_pool2d(of(PICTURE), 1, 1, p),
    "avg_pool2d, kernel too": lambda of, p: kernels.avg_pool2d(of(PICTURE), 2 * p, 1, p),
    "max_pool1d": lambda of, p: kernels.max_pool1d(of(LINE), 2, 1, p),
    "avg_pool1d": lambda of, p: kernels.avg_pool1d(of(LINE), 1, 1, p),
    "avg_pool1d, kernel too": lambda of, p: kernels.avg_pool1d(of(LINE), 2 * p, 1, p),
}


def one_sentence(call, *sizes):
    """See that every arithmetic refuses the call, all in the same words."""
    said = set()
    for of in ARITHMETICS:
        with pytest.raises((InputError, ShapeError)) as caught:
            call(of, *sizes)
        said.add(str(caught.value))
    assert len(said) == 1


@pytest.mark.parametrize("padding", BEYOND)
@pytest.mark.parametrize("name", PADDED)
def test_padding_that_cannot_be_meant_is_refused_in_one_sentence(name, padding):
    one_sentence(PADDED[name], padding)


@pytest.mark.parametrize("size", [*BEYOND[3:], -1, 0, 2.0, "2", True, None])
def test_a_stride_or_kernel_that_is_no_size_is_refused_in_one_sentence(size):
    one_sentence(lambda of: kernels.conv2d(of(PICTURE), ONE, None, size))
    one_sentence(lambda of: kernels.conv2d_relu(of(PICTURE), ONE, None, (1, size)))
    one_sentence(lambda of: kernels.conv1d(of(LINE), ONE[0], None, size))
    one_sentence(lambda of: kernels.max_pool2d(of(PICTURE), size))
    one_sentence(lambda of: kernels.avg_pool2d(of(PICTURE), (1, size)))
    one_sentence(lambda of: kernels.avg_pool1d(of(LINE), size))
    if size is not None:  # which is the kernel's size
        one_sentence(lambda of: kernels.max_pool2d(of(PICTURE), 2, size))


@pytest.mark.parametrize("kernel", [2**20, 2**31 - 1])
def test_a_window_far_larger_than_the_picture_is_refused_padded_or_not(kernel):
    one_sentence(lambda of: kernels.avg_pool2d(of(PICTURE), kernel))
    one_sentence(lambda of: kernels.avg_pool2d(of(PICTURE), kernel, 1, kernel // 2))
    one_sentence(lambda of: kernels.max_pool2d(of(PICTURE), kernel, 1, "same"))


@pytest.mark.parametrize("equal", [2.0, True, np.float32(2), (2.0, 2), (2, True)])
def test_what_only_equals_a_stride_is_refused_also_after_the_stride_itself(equal):
    x = np.ones((2, 1, 5, 5), np.float32)
    for of in ARITHMETICS:
        for stride in (2, 1, (2, 2), (2, 1)):
            kernels.conv2d(of(x), ONE, None, stride)
            kernels.max_pool2d(of(x), 2, stride)
    one_sentence(lambda of: kernels.conv2d(of(x), ONE, None, equal))
    one_sentence(lambda of: kernels.conv2d(of(x), ONE, None, 1, equal))
    one_sentence(lambda of: kernels.max_pool2d(of(x), equal))
    one_sentence(lambda of: kernels.max_pool2d(of(x), 2, equal))


@pytest.mark.parametrize("stride", [4, 7, 100_000, (2**31 - 1, 3), 2**31 - 1])
@pytest.mark.parametrize(("kernel", "padding"), [(1, 0), (2, 1), (1, 3), (3, (0, 2))])
def test_a_stride_beyond_the_picture_gives_what_the_reference_gives_at_once(
    stride, kernel, padding
):
    x = np.random.default_rng(1).standard_normal((2, 3, 6, 5)).astype(np.float32)
    weight = np.random.default_rng(2).standard_normal((4, 3, kernel, kernel)).astype(np.float32)
    y, cache = kernels.conv2d(x, weight, None, stride, padding)
    dy = np.random.default_rng(3).standard_normal(y.shape).astype(np.float32)
    expected = (y, *kernels.conv2d_backward(dy, cache))
    pooled, cache = kernels.avg_pool2d(x, kernel, stride, padding)
    shares = kernels.avg_pool2d_backward(np.ones_like(pooled), cache)
    for of in ARITHMETICS[1:]:
        got, cache = kernels.conv2d(of(x), weight, None, stride, padding)
        found = (got, *kernels.conv2d_backward(of(dy), cache))
        for a, b in zip(found, expected, strict=True):
            assert np.allclose(kernels.as_numpy(a), b, rtol=1e-5, atol=1e-5)
        got, cache = kernels.avg_pool2d(of(x), kernel, stride, padding)
        assert np.allclose(kernels.as_numpy(got), pooled, rtol=1e-5, atol=1e-6)
        back = kernels.avg_pool2d_backward(of(np.ones_like(pooled)), cache)
        assert np.allclose(kernels.as_numpy(back), shares, rtol=1e-5, atol=1e-6)


def test_a_kernel_of_the_pictures_size_has_its_gradient():
    """Which, turned round, would be padded far more than a picture may be."""
    rng = np.random.default_rng(4)
    x, weight = rng.standard_normal((2, 1, 513, 513))
    y, cache = kernels.conv2d(x[None], weight[None], None)
    dx, _, _ = kernels.conv2d_backward(np.full_like(y, 2.0), cache)
    assert np.allclose(dx, 2 * weight)


@pytest.mark.parametrize(
    "sizes",
    [
        (1, 4, 4, 1, 1, 1, 1, 1, 2**30 - 2, 2**30 - 2, 2**31, 2**31),
        (2**40, 2**40, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1),
        (-1, 4, 4, 1, 1, 1, 1, 1, 0, 0, 4, 4),
        (1, 4, 4, 1, 1, 1, 0, 1, 0, 0, 4, 4),
        (1, 4, 4, 2**32, 2**16, 2**16, 1, 1, 0, 0, 4, 4),
    ],
)
def test_the_core_refuses_sizes_that_come_to_too_much(sizes):
    support.require_core()
    with pytest.raises(ShapeError, match="than memory can hold"):
        compiled.core.Conv(*sizes)


def test_the_core_refuses_counts_that_wrap_to_what_is_there():
    support.require_core()
    core = compiled.core
    nothing = core.Memory(0)
    for n, features in ((2**35, 2**26), (2**63 - 1, 1), (-8, 8), (2**61, 8)):
        with pytest.raises(ShapeError):
            core.unpack(nothing, n, features, np.zeros(0, np.float32))
        with pytest.raises(ShapeError):
            core.softmax(n, features, 1, nothing)
    with pytest.raises(ShapeError):
        core.global_avg_pool_backward(2**32, 2**32, nothing)
