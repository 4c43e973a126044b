"""What every layer and container promises, on Lanes: the float32 core beside the reference."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import support
from byhand import kernels, nn
from byhand.kernels import Lanes
from byhand.nn.layer import backward, forward
from lanes.helper import agree, is_gradient
from nn.contract_cases import CASES, KEY, every

pytestmark = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
MODES = pytest.mark.parametrize("train", [False, True], ids=["evaluating", "training"])


@pytest.fixture(autouse=True)
def _core():
    support.require_core()


def upstream(shape, seed=9):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def run(layer, x, train, need_dx=True, key=KEY):
    """One forward and backward on what x is: y, dx and the flat gradient."""
    y, cache = forward(layer, x, train, key)
    grads = layer.new_grads()
    dy = upstream(y.shape)
    dy = Lanes.pack(dy) if isinstance(x, Lanes) else dy.astype(x.dtype)
    return y, backward(layer, dy, cache, grads, need_dx), grads.flat


def images(case, n=9, seed=0):
    return case.x(n, np.float32, seed)


def same(these, those):
    """Bit for bit, the padding of gradients too."""
    for a, b in zip(these, those, strict=True):
        assert type(a) is type(b)
        assert np.array_equal(kernels.as_numpy(a), kernels.as_numpy(b))


@MODES
def test_it_works_on_lanes_itself(case, train):
    layer = case.layer(np.float32)
    assert all(Lanes in inside.arrays for inside in every(layer))
    for n in (2, 8, 9):
        y, dx, _ = run(layer, Lanes.pack(images(case, n)), train)
        assert isinstance(y, Lanes)
        assert isinstance(dx, Lanes)
        assert y.shape == (n, *layer.output_shape(case.shape))
        assert dx.shape == (n, *case.shape)
        assert np.isfinite(y.data).all()
        is_gradient(dx)


@MODES
@pytest.mark.parametrize("n", [3, 7, 8, 9, 17])
def test_output_and_gradients_agree_with_the_reference_in_float64(case, train, n):
    single = case.layer(np.float32)
    exact = single.copy(np.float64)
    x = images(case, n)
    expected = run(exact, x.astype(np.float64), train)
    for mine, theirs in zip(run(single, Lanes.pack(x), train), expected, strict=True):
        agree(mine, theirs)


@MODES
def test_the_running_statistics_agree_with_the_reference_in_float64(case, train):
    single = case.layer(np.float32)
    exact = single.copy(np.float64)
    x = images(case)
    before = single.flat_buffers.copy()
    for layer, array in ((single, Lanes.pack(x)), (exact, x.astype(np.float64))):
        _, cache = layer.forward(array, train, KEY)
        if train:
            layer.commit(cache)
    agree(single.flat_buffers, exact.flat_buffers)
    assert (single.flat_buffers != before).any() == (train and case.mixes_images)


@MODES
def test_neither_input_nor_parameters_are_written(case, train):
    layer, x = case.layer(np.float32), Lanes.pack(images(case))
    kept = x.data.copy(), layer.flat.copy(), layer.flat_buffers.copy()
    for array in (layer.flat, layer.flat_buffers):
        array.flags.writeable = False  # writing raises, even if it were undone later
    y, cache = layer.forward(x, train, KEY)
    dy = Lanes.pack(upstream(y.shape))
    output, gradient = y.data.copy(), dy.data.copy()
    layer.backward(dy, cache, layer.new_grads())
    same(kept, (x.data, layer.flat, layer.flat_buffers))
    same((output, gradient), (y.data, dy.data))


@MODES
def test_the_same_twice_bit_for_bit(case, train):
    layer, x = case.layer(np.float32), images(case)
    first = run(layer, Lanes.pack(x), train)
    same(first, run(layer, Lanes.pack(x), train))
    same(first, run(layer.copy(), Lanes.pack(x), train))


@MODES
def test_what_is_in_the_padding_of_the_input_does_not_matter(case, train):
    layer, x = case.layer(np.float32), images(case)
    padded = Lanes.pack(x)
    padded.data[1, ..., 1:] = 1e3 * np.random.default_rng(0).standard_normal(
        padded.data[1, ..., 1:].shape
    )
    got = run(layer, padded, train)
    same(run(layer, Lanes.pack(x), train), got)
    is_gradient(got[1])


@MODES
def test_a_cache_serves_backward_more_than_once_and_adds_to_the_gradients(case, train):
    layer = case.layer(np.float32)
    y, cache = layer.forward(Lanes.pack(images(case)), train, KEY)
    dy, other = Lanes.pack(upstream(y.shape)), Lanes.pack(upstream(y.shape, 10))
    once, twice = layer.new_grads(), layer.new_grads()
    dx = layer.backward(dy, cache, once)
    layer.backward(other, cache, layer.new_grads())
    same((dx, once.flat), (layer.backward(dy, cache, twice), twice.flat))
    before = once.flat.copy()
    layer.backward(dy, cache, once)
    np.testing.assert_allclose(once.flat, 2 * before, rtol=1e-6)


@MODES
def test_without_need_dx_the_parameter_gradients_are_the_same(case, train):
    layer, x = case.layer(np.float32), Lanes.pack(images(case))
    agree(run(layer, x, train, need_dx=False)[2], run(layer, x, train)[2])


@MODES
def test_an_images_output_and_gradient_do_not_depend_on_the_other_images(case, train):
    if case.mixes_images:
        train = False  # in training, batch norm is about the other images
    layer, x = case.layer(np.float32), images(case, 11)
    y, cache = layer.forward(Lanes.pack(x), train, KEY)
    dy = upstream(y.shape)
    dx = layer.backward(Lanes.pack(dy), cache, layer.new_grads())
    for start in range(0, 11, 3):  # at other places of their lanes
        part = slice(start, start + 3)
        own, cache = layer.forward(Lanes.pack(x[part]), train, KEY.shard(start))
        own_dx = layer.backward(Lanes.pack(dy[part]), cache, layer.new_grads())
        assert np.array_equal(own.numpy(), y.numpy()[part])
        assert np.array_equal(own_dx.numpy(), dx.numpy()[part])


def test_no_images_give_no_outputs_and_no_gradient(case):
    layer = case.layer(np.float32)
    y, dx, flat = run(layer, Lanes.pack(images(case, 0)), train=False)
    assert y.shape == (0, *layer.output_shape(case.shape))
    assert dx.shape == (0, *case.shape)
    assert not flat.any()


@MODES
def test_threads_share_a_layer(case, train):
    layer, batches = case.layer(np.float32), [Lanes.pack(images(case, 9, s)) for s in range(3)]
    alone = [run(layer, x, train) for x in batches]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda i: run(layer, batches[i % 3], train), range(12)))
    for i, result in enumerate(together):
        same(result, alone[i % 3])


def test_a_trace_sees_the_same_numbers_as_on_the_reference(case):
    layer, x = case.layer(np.float32), images(case)
    ours, theirs = (nn.trace(layer, array, key=KEY) for array in (Lanes.pack(x), x))
    assert [t.name for t in ours] == [t.name for t in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        agree(mine.input, other.input)
        agree(mine.output, other.output)
