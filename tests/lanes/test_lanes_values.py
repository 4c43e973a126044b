"""Activations, linear layers, batch norm, dropout and joining on Lanes beside the reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byhand import kernels
from byhand.kernels import Key, Lanes
from lanes.helper import (
    COUNTS,
    SETS,
    agree,
    compare,
    counts,
    is_gradient,
    machine,
    machines,
    numbers,
    seeds,
    steady,
)

shapes = st.lists(st.integers(1, 7), min_size=1, max_size=3).map(tuple)
ACTIVATIONS = ("relu", "leaky_relu", "sigmoid", "tanh", "gelu", "softmax", "log_softmax")


@steady
@given(counts, shapes, st.sampled_from((0.1, 1.0, 10.0, 100.0)), seeds, machines)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name, n, features, scale, seed, where):
    x = np.random.default_rng(seed).normal(0, scale, (n, *features)).astype(np.float32)
    x.flat[:: 3 + seed] = 0
    # Where one class has it all, softmax's gradient is what is left of terms of about 1.
    with machine(*where):
        compare(name, x, floor=0.05 if name == "softmax" else 0.0)


@pytest.mark.parametrize("isa", SETS)
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "gelu"])
def test_smooth_activations_are_right_everywhere(name, isa):
    # Value by value, and not only beside the largest: with the rounding of float32 near each.
    x = np.concatenate([np.linspace(-12, 12, 4001), [-1e4, -90, -45, -20, 20, 45, 90, 1e4],
                        [-1e-3, -1e-6, 1e-6, 1e-3]]).astype(np.float32)  # fmt: skip
    with machine(isa, 1):
        y, _ = getattr(kernels, name)(Lanes.pack(x[:, None]))
    expected, _ = getattr(kernels, name)(x[:, None].astype(np.float64))
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-5, atol=2e-7)


@pytest.mark.parametrize("isa", SETS)
def test_activations_of_much_data_on_threads(isa):
    x = np.random.default_rng(0).normal(0, 2, (33, 16, 24, 24)).astype(np.float32)
    for name in ACTIVATIONS:
        with machine(isa, 2):
            compare(name, x)


def test_leaky_relu_has_the_slope_that_it_is_given():
    for slope in (0.0, 0.3, 1.0):
        compare("leaky_relu", np.random.default_rng(0).normal(0, 1, (9, 5)).astype("f4"), slope)


SIZES = st.sampled_from((1, 2, 3, 7, 8, 9, 16, 31, 64, 100))


@steady
@given(counts, SIZES, SIZES, st.booleans(), st.booleans(), machines)
def test_linear(n, inputs, outputs, with_bias, need_dx, where):
    x, weight = numbers(1, (n, inputs)), numbers(2, (outputs, inputs))
    with machine(*where):
        compare("linear", x, weight, numbers(3, outputs) if with_bias else None, need_dx=need_dx)


@steady
@given(counts, SIZES, SIZES, st.booleans(), st.booleans(), machines)
def test_linear_and_relu_in_one(n, inputs, outputs, with_bias, need_dx, where):
    x, weight = numbers(1, (n, inputs)), numbers(2, (outputs, inputs)) - np.float32(0.5)
    bias = numbers(3, outputs) if with_bias else None
    z = x.astype(np.float64) @ weight.T + (0 if bias is None else bias)
    # Rounding must not decide what the ReLU lets through.
    dy = np.where(np.abs(z) > 1e-4 * np.abs(z).max(), numbers(4, z.shape), np.float32(0))
    with machine(*where):
        compare("linear_relu", x, weight, bias, dy=dy, need_dx=need_dx)


@pytest.mark.parametrize("isa", SETS)
@pytest.mark.parametrize(("n", "i", "o"), [(64, 1152, 10), (100, 784, 64), (33, 1024, 50)])
def test_the_linear_layers_of_networks(n, i, o, isa):
    for threads in (1, 2, 3):
        with machine(isa, threads):
            compare("linear", numbers(1, (n, i)), numbers(2, (o, i)), numbers(3, o))


@steady
@given(
    counts.filter(lambda n: n > 2),
    st.integers(1, 9),
    st.lists(st.integers(1, 6), max_size=2),
    st.booleans(),
    st.booleans(),
    seeds,
    machines,
)
def test_batch_norm(n, channels, places, train, need_dx, seed, where):
    rng = np.random.default_rng(seed)
    x = rng.normal(rng.normal(0, 2), rng.uniform(0.5, 3), (n, channels, *places)).astype("f4")
    weight, bias, mean = (rng.normal(0.5, 1, channels).astype("f4") for _ in range(3))
    var = rng.uniform(0.1, 2, channels).astype("f4")
    said = x, weight, bias, mean, var, train
    with machine(*where):
        compare("batch_norm", *said, need_dx=need_dx)
        _, lanes = kernels.batch_norm(Lanes.pack(x), *said[1:])
    _, exact = kernels.batch_norm(*(a.astype(float) for a in said[:5]), train)
    agree(lanes.batch_mean, exact.batch_mean)
    agree(lanes.batch_var, exact.batch_var)


@pytest.mark.parametrize("isa", SETS)
def test_batch_norm_of_much_data_far_from_zero(isa):
    # A mean 50 times the deviation: the sum of the squares alone would lose the variance.
    x = np.random.default_rng(0).normal(50, 1, (33, 5, 20, 20)).astype(np.float32)
    said = x, *[np.full(5, v, np.float32) for v in (1.5, 0.2, 0, 1)], True
    _, exact = kernels.batch_norm(*(a.astype(float) for a in said[:5]), True)
    dy = np.random.default_rng(1).standard_normal(x.shape).astype(np.float32)
    for threads in (1, 2, 3):
        with machine(isa, threads):
            _, lanes = kernels.batch_norm(Lanes.pack(x), *said[1:])
            np.testing.assert_allclose(lanes.batch_mean, exact.batch_mean, rtol=1e-6)
            np.testing.assert_allclose(lanes.batch_var, exact.batch_var, rtol=1e-5)
            # The mean's own rounding, 2e-6, shifts all values: dy sums up to about 0.
            compare("batch_norm", *said, dy=dy)


@pytest.mark.parametrize("need_dx", [True, False])
def test_batch_norm_gives_the_parameters_gradients_without_dx_too(need_dx):
    x = numbers(0, (9, 3, 4))
    said = x, *[np.ones(3, np.float32)] * 4, True
    compare("batch_norm", *said, need_dx=need_dx)


@steady
@given(counts, shapes, st.floats(0, 0.95), seeds, st.integers(0, 40), machines)
def test_dropout_drops_what_the_reference_drops(n, features, rate, seed, first, where):
    key = Key(seed, 3).child(2).shard(first)
    x = np.abs(numbers(1, (n, *features))) + np.float32(0.1)
    with machine(*where):
        y, cache = kernels.dropout(Lanes.pack(x), rate, key)
        dx = kernels.dropout_backward(Lanes.pack(x), cache)
    expected, _ = kernels.dropout(x, rate, key)
    assert np.array_equal(y.numpy(), expected)
    assert np.array_equal(dx.numpy(), expected)
    is_gradient(dx)


def test_dropout_of_much_data_is_the_same_on_any_thread_and_instruction_set():
    x, key = np.ones((100, 33, 17), np.float32), Key(7, 1)
    expected, _ = kernels.dropout(x, 0.3, key)
    for isa in SETS:
        for threads in (1, 2, 3):
            with machine(isa, threads):
                assert np.array_equal(kernels.dropout(Lanes.pack(x), 0.3, key)[0], expected)


@steady
@given(counts, st.lists(st.integers(1, 5), min_size=1, max_size=4), shapes)
def test_concat(n, channels, places):
    parts = [numbers(i, (n, c, *places)) for i, c in enumerate(channels)]
    y, cache = kernels.concat(*map(Lanes.pack, parts))
    assert np.array_equal(y.numpy(), kernels.concat(*parts)[0])
    dy = numbers(9, y.shape)
    back = kernels.concat_backward(Lanes.pack(dy), cache)
    expected = kernels.concat_backward(dy, kernels.concat(*parts)[1])
    for mine, theirs in zip(back, expected, strict=True):
        assert np.array_equal(mine.numpy(), theirs)
        is_gradient(mine)


@steady
@given(counts, shapes, machines)
def test_add(n, features, where):
    a, b = numbers(1, (n, *features)), numbers(2, (n, *features))
    with machine(*where):
        total = kernels.add(Lanes.pack(a), Lanes.pack(b))
    assert np.array_equal(total.numpy(), a + b)
    is_gradient(total)


@steady
@given(counts, shapes)
def test_reshape(n, features):
    x = numbers(1, (n, *features))
    lanes = Lanes.pack(x)
    for shape in ((n, -1), (-1, math.prod(features)), (n, 1, *features, 1)):
        new = lanes.reshape(*shape)
        assert new.shape == x.reshape(shape).shape
        assert np.array_equal(new.numpy(), x.reshape(shape))
        assert np.array_equal(lanes.reshape(shape).numpy(), x.reshape(shape))


@pytest.mark.parametrize("n", COUNTS)
def test_a_sum_over_images_leaves_the_padding_out(n):
    x, weight = Lanes.pack(np.ones((n, 2, 3), np.float32)), np.ones(2, np.float32)
    _, cache = kernels.batch_norm(x, weight, weight, weight, weight, n * 3 > 1)
    assert cache.batch_mean.tolist() == [1, 1]
    assert cache.batch_var.tolist() == [0, 0]
