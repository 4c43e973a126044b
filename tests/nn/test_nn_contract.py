"""What every layer and container promises, checked on each of them in the same way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from byhand import nn
from byhand.errors import ShapeError
from nn.contract_cases import CASES, KEY

pytestmark = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
MODES = pytest.mark.parametrize("train", [False, True], ids=["evaluating", "training"])
TYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def upstream(y, seed=9):
    return np.random.default_rng(seed).standard_normal(y.shape).astype(y.dtype)


def run(layer, x, train, dy=None, need_dx=True):
    """One forward and backward: y, dx and the flat gradient."""
    y, cache = layer.forward(x, train, KEY)
    grads = layer.new_grads()
    dx = layer.backward(upstream(y) if dy is None else dy, cache, grads, need_dx)
    return y, dx, grads.flat


def identical(these, those):
    for a, b in zip(these, those, strict=True):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)


@MODES
def test_the_output_has_the_shape_that_output_shape_says(case, train):
    layer = case.layer()
    for n in (2, 5):
        y, dx, _ = run(layer, case.x(n), train)
        assert y.shape == (n, *layer.output_shape(case.shape))
        assert dx.shape == (n, *case.shape)
    assert layer.operations(case.shape) >= 0


@MODES
@TYPES
def test_output_and_gradients_have_the_type_of_the_input(case, train, dtype):
    layer = case.layer(dtype)
    y, dx, flat = run(layer, case.x(dtype=dtype), train)
    assert y.dtype == dx.dtype == flat.dtype == layer.flat.dtype == dtype


@MODES
def test_float32_agrees_with_float64(case, train):
    exact = case.layer(np.float64)
    exact.flat[...] = exact.flat.astype(np.float32)
    exact.flat_buffers[...] = exact.flat_buffers.astype(np.float32)
    x = case.x(dtype=np.float32)
    dy = upstream(exact.forward(x.astype(np.float64), train, KEY)[0]).astype(np.float32)
    single = run(exact.copy(np.float32), x, train, dy)
    double = run(exact, x.astype(np.float64), train, dy.astype(np.float64))
    for a, b in zip(single, double, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@MODES
def test_gradients_agree_with_finite_differences(case, train):
    report = nn.gradcheck(case.layer(), case.x(3), train=train, key=KEY, places=60)
    assert report, f"\n{report}"
    assert [c.name for c in report.comparisons] == ["x", *dict(case.make().named_params())]


@MODES
def test_neither_input_nor_upstream_gradient_nor_parameters_are_written(case, train):
    layer, x = case.layer(), case.x()
    dy = upstream(layer.forward(x.copy(), train, KEY)[0])
    kept = x.copy(), dy.copy(), layer.flat.copy(), layer.flat_buffers.copy()
    for array in (x, dy, layer.flat, layer.flat_buffers):
        array.flags.writeable = False  # writing raises, even if it were undone later
    run(layer, x, train, dy)
    identical(kept, (x, dy, layer.flat, layer.flat_buffers))


@MODES
def test_the_same_twice_bit_for_bit(case, train):
    layer, x = case.layer(np.float32), case.x(dtype=np.float32)
    first = [a.copy() for a in run(layer, x, train)]
    identical(first, run(layer, x, train))
    identical(first, run(layer.copy(), x.copy(), train))


@MODES
def test_a_cache_serves_backward_more_than_once(case, train):
    layer = case.layer()
    y, cache = layer.forward(case.x(), train, KEY)
    dy, other = upstream(y), upstream(y, 10)
    once, twice = layer.new_grads(), layer.new_grads()
    dx = layer.backward(dy, cache, once).copy()
    layer.backward(other, cache, layer.new_grads())
    identical((dx, once.flat), (layer.backward(dy, cache, twice), twice.flat))


@MODES
def test_backward_adds_to_the_gradients_that_it_is_given(case, train):
    layer = case.layer()
    y, cache = layer.forward(case.x(), train, KEY)
    dy, once = upstream(y), layer.new_grads()
    layer.backward(dy, cache, once)
    grads = layer.new_grads()
    before = np.random.default_rng(4).standard_normal(grads.flat.shape)
    grads.flat[...] = before
    layer.backward(dy, cache, grads)
    np.testing.assert_allclose(grads.flat, before + once.flat, rtol=1e-12, atol=1e-12)
    layer.backward(dy, cache, grads)
    np.testing.assert_allclose(grads.flat, before + 2 * once.flat, rtol=1e-12, atol=1e-12)
    if once.flat.size:
        assert np.abs(once.flat).max() > 0


@MODES
def test_without_need_dx_the_parameter_gradients_are_the_same(case, train):
    layer, x = case.layer(), case.x()
    identical([run(layer, x, train)[2]], [run(layer, x, train, need_dx=False)[2]])


@MODES
def test_any_order_of_the_input_in_memory_does(case, train):
    layer, x = case.layer(), case.x()
    y, dx, flat = run(layer, x, train)
    dy = upstream(y)
    spread = np.zeros((2 * len(x), *case.shape))
    spread[::2] = x
    upside = np.flip(x).copy()
    for other in (np.asfortranarray(x), spread[::2], np.flip(upside)):
        assert np.array_equal(other, x)
        for dy_other in (np.asfortranarray(dy), np.flip(np.flip(dy).copy())):
            for a, b in zip((y, dx, flat), run(layer, other, train, dy_other), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@TYPES
def test_no_images_give_no_outputs_and_no_gradient(case, dtype):
    layer = case.layer(dtype)
    y, dx, flat = run(layer, case.x(0, dtype), train=False)
    assert y.shape == (0, *layer.output_shape(case.shape))
    assert dx.shape == (0, *case.shape)
    assert y.dtype == dx.dtype == dtype
    assert not flat.any()


@MODES
def test_an_images_output_and_gradient_do_not_depend_on_the_other_images(case, train):
    if case.mixes_images:
        train = False  # in training, batch norm is about the other images
    layer, x = case.layer(), case.x(5)
    y, dx, flat = run(layer, x, train)
    dy, total = upstream(y), np.zeros_like(flat)
    for start in range(5):  # each image as a shard of its own
        own, cache = layer.forward(x[start : start + 1], train, KEY.shard(start))
        grads = layer.new_grads()
        own_dx = layer.backward(dy[start : start + 1], cache, grads)
        np.testing.assert_allclose(own[0], y[start], rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(own_dx[0], dx[start], rtol=1e-11, atol=1e-12)
        total += grads.flat
    np.testing.assert_allclose(total, flat, rtol=1e-10, atol=1e-11)


@MODES
def test_two_forwards_before_their_backwards_do_not_disturb_each_other(case, train):
    layer, batches = case.layer(), [case.x(seed=s) for s in (0, 1)]
    alone = [[a.copy() for a in run(layer, x, train)] for x in batches]
    passes = [layer.forward(x, train, KEY) for x in batches]
    for (y, cache), expected in reversed(list(zip(passes, alone, strict=True))):
        grads = layer.new_grads()
        dx = layer.backward(upstream(y), cache, grads)
        identical((y, dx, grads.flat), expected)


@MODES
def test_two_threads_share_a_layer(case, train):
    layer, batches = case.layer(), [case.x(seed=s) for s in range(4)]
    alone = [[a.copy() for a in run(layer, x, train)] for x in batches]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda i: run(layer, batches[i % 4], train), range(12)))
    for i, result in enumerate(together):
        identical(result, alone[i % 4])


@TYPES
def test_a_saved_layer_gives_the_same_outputs_when_loaded(case, dtype, tmp_path):
    layer, x = case.layer(dtype), case.x(dtype=dtype)
    nn.save(layer, tmp_path / "layer.safetensors")
    loaded = nn.load(tmp_path / "layer.safetensors")
    assert type(loaded) is type(layer)
    assert repr(loaded) == repr(layer)
    if layer.flat.size:
        assert loaded.flat.dtype == dtype
    identical((layer.flat, layer.flat_buffers),
              (loaded.flat.astype(dtype), loaded.flat_buffers.astype(dtype)))  # fmt: skip
    for train in (False, True):
        identical(run(layer, x, train)[:2], run(loaded, x, train)[:2])


def test_a_shape_is_refused_by_output_shape_where_forward_refuses_it(case):
    layer = case.layer()
    for shape in ((2,), (4,), (2, 9), (3, 9), (2, 6, 5), (3, 6, 5), (2, 1, 1), (2, 2, 2, 2)):
        try:
            y, _ = layer.forward(np.zeros((2, *shape)))
        except ShapeError:
            with pytest.raises(ShapeError):
                layer.output_shape(shape)
        else:
            assert layer.output_shape(shape) == y.shape[1:]
