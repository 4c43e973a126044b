"""Convolution on Lanes, alone and fused with what follows it, beside the reference in float64."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byhand import kernels
from byhand.kernels import Lanes
from kernels.drawing import windows
from lanes.helper import (
    SETS,
    THREADS,
    against,
    agree,
    compare,
    counts,
    machine,
    machines,
    numbers,
    reference,
    run,
    steady,
)

CHANNELS = st.sampled_from((1, 2, 3, 5, 8, 17))


def drawn_case(drawn, n, filters, with_bias, rows=True):
    """x, weight, bias, stride, padding of a drawn window for n images."""
    shape = (n, *drawn.shape[1:])
    x = numbers(1, shape if rows else (n, shape[1], shape[3]))
    kernel = drawn.kernel if rows else drawn.kernel[1:]
    weight = numbers(2, (filters, shape[1], *kernel))
    bias = numbers(3, filters) if with_bias else None
    if rows:
        return x, weight, bias, *drawn.said[1:]
    padding = "same" if drawn.said[2] == "same" else drawn.pads[1][0]
    return x, weight, bias, drawn.stride[1], padding


def settled(dy, z, pool):
    """dy, 0 where rounding could decide what the ReLU lets through or which pixel is largest.

    z is the convolution in float64.
    """
    near = 1e-4 * np.abs(z).max(initial=0)
    if not pool:
        return np.where(np.abs(z) > near, dy, np.float32(0))
    n, f, oh, ow = dy.shape
    windows = z[:, :, : 2 * oh, : 2 * ow].reshape(n, f, oh, 2, ow, 2).swapaxes(3, 4)
    second, first = np.sort(windows.reshape(n, f, oh, ow, 4))[..., 2:].transpose(4, 0, 1, 2, 3)
    clear = (np.abs(first) > near) & (first - second > near)
    return np.where(clear, dy, np.float32(0))


@steady
@given(windows(), counts, CHANNELS, CHANNELS, st.booleans(), st.booleans(), machines)
def test_conv2d(drawn, n, channels, filters, with_bias, need_dx, where):
    drawn = replace(drawn, shape=(n, channels, *drawn.shape[2:]))
    with machine(*where):
        compare("conv2d", *drawn_case(drawn, n, filters, with_bias), need_dx=need_dx)


@steady
@given(windows(rows=False), counts, CHANNELS, st.booleans(), st.booleans(), machines)
def test_conv1d(drawn, n, filters, with_bias, need_dx, where):
    case = drawn_case(drawn, n, filters, with_bias, rows=False)
    with machine(*where):
        compare("conv1d", *case, need_dx=need_dx)


@steady
@given(windows(), counts, CHANNELS, CHANNELS, st.booleans(), st.booleans(), machines)
def test_convolution_and_relu_in_one(drawn, n, channels, filters, with_bias, need_dx, where):
    drawn = replace(drawn, shape=(n, channels, *drawn.shape[2:]))
    case = drawn_case(drawn, n, filters, with_bias)
    z, _ = kernels.conv2d(*(a.astype(float) if isinstance(a, np.ndarray) else a for a in case))
    dy = settled(numbers(4, z.shape), z, pool=False)
    with machine(*where):
        compare("conv2d_relu", *case, dy=dy, need_dx=need_dx)


@steady
@given(windows(), counts, CHANNELS, CHANNELS, st.booleans(), st.booleans(), machines)
def test_convolution_relu_and_pooling_in_one(
    drawn, n, channels, filters, with_bias, need_dx, where
):
    high, wide = (h + 2 * s for h, s in zip(drawn.shape[2:], drawn.stride, strict=True))
    drawn = replace(drawn, shape=(n, channels, high, wide))  # so that 2x2 fit behind it
    case = drawn_case(drawn, n, filters, with_bias)
    z, _ = kernels.conv2d(*(a.astype(float) if isinstance(a, np.ndarray) else a for a in case))
    pooled = (n, filters, z.shape[2] // 2, z.shape[3] // 2)
    dy = settled(numbers(4, pooled), z, pool=True)
    with machine(*where):
        compare("conv2d_relu_pool2d", *case, dy=dy, need_dx=need_dx)


# (N, C, H, W), filters, padding: as in networks, some large enough for quicker ways to convolve.
LARGE = [
    ((9, 1, 28, 28), 8, 0),
    ((9, 1, 28, 28), 16, 1),
    ((8, 16, 28, 28), 16, 1),
    ((3, 64, 28, 28), 64, 1),
    ((17, 16, 14, 14), 32, 1),
    ((9, 32, 14, 14), 32, 2),
    ((9, 24, 13, 15), 40, 0),
    ((8, 64, 8, 8), 64, 1),
    ((25, 32, 8, 8), 64, "same"),
]


@functools.cache
def large_case(name, shape, filters, padding):
    """The arguments, the upstream gradient, and what the reference gives."""
    x, bias = numbers(5, shape), numbers(6, filters)
    weight = numbers(7, (filters, shape[1], 3, 3)) - np.float32(0.5)  # so that the ReLU shuts some
    case = x, weight, bias, 1, padding
    double = (a.astype(np.float64) for a in case[:3])
    z, _ = kernels.conv2d(*double, 1, padding)
    dy = numbers(8, z.shape)
    if name == "conv2d_relu":
        dy = settled(dy, z, pool=False)
    if name == "conv2d_relu_pool2d":
        dy = settled(dy[:, :, : z.shape[2] // 2, : z.shape[3] // 2], z, pool=True)
    return case, dy, reference(name, *case, dy=dy)


@pytest.mark.parametrize(("shape", "filters", "padding"), LARGE, ids=str)
@pytest.mark.parametrize("name", ["conv2d", "conv2d_relu", "conv2d_relu_pool2d"])
def test_convolutions_of_networks(name, shape, filters, padding):
    case, dy, expected = large_case(name, shape, filters, padding)
    for isa in SETS:
        for threads in THREADS:
            with machine(isa, threads):
                against(expected, name, *case, dy=dy)


@pytest.mark.parametrize("name", ["conv2d", "conv2d_relu", "conv2d_relu_pool2d"])
@pytest.mark.parametrize("isa", SETS)
def test_without_need_dx_the_parameters_gradients_are_the_same(name, isa):
    x, weight, bias = Lanes.pack(numbers(0, (9, 2, 6, 6))), numbers(1, (3, 2, 3, 3)), numbers(2, 3)

    def dy(y):
        return Lanes.pack(numbers(4, y.shape))

    with machine(isa, 1):
        _, dx, *full = run(name, x, weight, bias, dy=dy)
        _, nothing, *less = run(name, x, weight, bias, dy=dy, need_dx=False)
    assert isinstance(dx, Lanes)
    assert nothing is None
    for a, b in zip(full, less, strict=True):
        agree(a, b)


@steady
@given(windows(), counts, st.integers(0, 99), machines)
def test_of_equals_fused_layers_choose_as_layers_one_by_one(drawn, n, seed, where):
    # Small whole numbers: sums are exact, many are equal and many are 0.
    high, wide = (h + 2 * s for h, s in zip(drawn.shape[2:], drawn.stride, strict=True))
    shape = (n, drawn.shape[1], high, wide)
    rng = np.random.default_rng(seed)

    def whole(shape):
        return rng.integers(-1, 2, shape).astype(np.float32)

    case = Lanes.pack(whole(shape)), whole((3, shape[1], *drawn.kernel)), None, *drawn.said[1:]
    with machine(*where):
        for name in ("conv2d_relu", "conv2d_relu_pool2d"):
            y, cache = getattr(kernels, name)(*case)
            upstream = Lanes.pack(whole(y.shape))
            got = [y, *getattr(kernels, f"{name}_backward")(upstream, cache)]
            for mine, theirs in zip(got, one_by_one(name, case, upstream), strict=True):
                assert np.array_equal(kernels.as_numpy(mine), kernels.as_numpy(theirs))


def one_by_one(name, case, dy):
    """The same as the fused operation `name`, a layer after the other."""
    z, conv = kernels.conv2d(*case)
    y, relu = kernels.relu(z)
    if name.endswith("pool2d"):
        y, pool = kernels.max_pool2d(y, 2)
        dy = kernels.max_pool2d_backward(dy, pool)
    return [y, *kernels.conv2d_backward(kernels.relu_backward(dy, relu), conv)]


@steady
@given(windows(), counts)
def test_im2col_is_that_of_the_reference(drawn, n):
    x = numbers(1, (n, *drawn.shape[1:]))
    assert np.array_equal(
        kernels.im2col(Lanes.pack(x), *drawn.said), kernels.im2col(x, *drawn.said)
    )


def test_a_weight_of_any_order_in_memory_does():
    x, bias = Lanes.pack(numbers(1, (9, 4, 6, 6))), numbers(2, 6)[::2]
    weight = np.asfortranarray(numbers(3, (3, 4, 3, 3)))
    assert not weight.flags.c_contiguous
    got = run("conv2d", x, weight, bias, dy=lambda y: Lanes.pack(numbers(4, y.shape)))
    plain = run("conv2d", x, weight.copy("C"), bias.copy(),
                dy=lambda y: Lanes.pack(numbers(4, y.shape)))  # fmt: skip
    for a, b in zip(got, plain, strict=True):
        assert np.array_equal(kernels.as_numpy(a), kernels.as_numpy(b))
