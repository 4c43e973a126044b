"""Few images as Rows: convolutions and products on plain arrays, beside the reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import support
from byhand import evaluation, kernels, losses, models, nn
from byhand.errors import ShapeError
from byhand.kernels import Lanes, Rows, compiled
from lanes.helper import SETS, THREADS, agree, machine, machines, numbers, steady

FUSED = {
    "conv2d": lambda y: y,
    "conv2d_relu": lambda y: np.maximum(y, 0),
    "conv2d_relu_pool2d": lambda y: kernels.max_pool2d(np.maximum(y, 0), 2)[0],
}
LINEAR = {"linear": lambda y: y, "linear_relu": lambda y: np.maximum(y, 0)}


@pytest.fixture(autouse=True)
def _core():
    support.require_core()


def double(array):
    return None if array is None else array.astype(np.float64)


def compare(name, x, weight, bias, *window):
    """See that the operation on Rows gives what float64 does; the cache is the reference's too."""
    got, cache = getattr(kernels, name)(Rows.of(x), weight, bias, *window)
    with np.errstate(all="ignore"):
        plain, _ = getattr(kernels, "linear" if name in LINEAR else "conv2d")(
            double(x), double(weight), double(bias), *window
        )
        expected = (FUSED | LINEAR)[name](plain)
    assert type(got) is Rows
    agree(got, expected)
    return got, cache


@st.composite
def convolutions(draw):
    """x, weight, bias, stride, padding: kernels of 1 to 7, pictures from 1 x 1 to 40 wide."""
    kernel = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    stride = draw(st.sampled_from((1, 1, 1, 2, 3))), draw(st.sampled_from((1, 1, 1, 2, 3)))
    padding = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    least = [max(1, k - 2 * p) for k, p in zip(kernel, padding, strict=True)]
    shape = (
        draw(st.integers(1, 7)),
        draw(st.sampled_from((1, 2, 3, 6, 9))),
        draw(st.integers(least[0], least[0] + 9)),
        draw(st.integers(least[1], least[1] + 33)),
    )
    filters, seed = draw(st.sampled_from((1, 2, 3, 5, 6, 7, 13))), draw(st.integers(0, 99))
    x, weight = numbers(seed, shape), numbers(seed + 1, (filters, shape[1], *kernel))
    bias = numbers(seed + 2, filters) if draw(st.booleans()) else None
    return x, weight, bias, stride, padding


@steady
@given(convolutions(), st.sampled_from(sorted(FUSED)), machines)
def test_convolution_alone_and_fused(case, name, where):
    x, weight, bias, stride, padding = case
    before = x.copy()
    oh, ow = kernels.window(weight.shape[2:], stride, padding).output_size(*x.shape[2:])
    with machine(*where):
        if name == "conv2d_relu_pool2d" and min(oh, ow) < 2:
            with pytest.raises(ShapeError, match="2×2 does not fit"):
                kernels.conv2d_relu_pool2d(Rows.of(x), weight, bias, stride, padding)
            return
        compare(name, *case)
    assert np.array_equal(x, before)


@steady
@given(
    st.integers(1, 7), st.integers(1, 70), st.integers(1, 40), st.booleans(),
    st.sampled_from(sorted(LINEAR)), machines,
)  # fmt: skip
def test_the_fully_connected_layer(n, inputs, outputs, with_bias, name, where):
    bias = numbers(3, outputs) if with_bias else None
    with machine(*where):
        compare(name, numbers(1, (n, inputs)), numbers(2, (outputs, inputs)), bias)


@pytest.mark.parametrize("name", sorted(FUSED))
def test_same_padding_and_a_row_of_pictures_that_lies_otherwise_in_memory(name):
    x = np.swapaxes(numbers(1, (2, 3, 11, 10)), 2, 3)
    weight = np.swapaxes(numbers(2, (4, 3, 3, 4)), 2, 3)
    assert not weight.flags.c_contiguous
    compare(name, x, weight, numbers(3, 4), 1, "same")
    later = kernels.relu(Rows.of(x))[0][:, :, ::2, 1:]  # a view that skips
    again = getattr(kernels, name)(later, weight, None, 1, "same")[0]
    agree(again, compare(name, np.asarray(later), weight, None, 1, "same")[0])


def test_sequences_are_pictures_of_one_row():
    x, weight, bias = numbers(1, (2, 3, 17)), numbers(2, (5, 3, 4)), numbers(3, 5)
    got, _ = kernels.conv1d(Rows.of(x), weight, bias, 1, "same")
    agree(got, kernels.conv1d(double(x), double(weight), double(bias), 1, "same")[0])
    assert type(got) is Rows


@pytest.mark.parametrize("isa", SETS)
@pytest.mark.parametrize("name", sorted(FUSED))
@pytest.mark.parametrize("padding", [0, 2])
def test_nan_and_infinity_go_where_the_reference_has_them(name, isa, padding):
    x, weight = numbers(1, (2, 3, 11, 21)), numbers(2, (7, 3, 3, 3))
    x[0, 1, 4, 5], x[0, 2, 9, 20], x[1, 0, 0, 0], x[1, 2, 6, 13] = np.nan, np.inf, -np.inf, np.nan
    with machine(isa, 1):
        got, _ = compare(name, x, weight, None, 1, padding)
        assert np.isnan(got).any()
        weight[4, 0, 1, 2] = np.inf  # which padding makes NaN
        compare(name, x, weight, None, 1, padding)


@pytest.mark.parametrize("isa", SETS)
@pytest.mark.parametrize("inputs", [5, 16, 21])
def test_nan_and_infinity_in_the_fully_connected_layer(isa, inputs):
    x, weight = numbers(1, (3, inputs)), numbers(2, (9, inputs))
    x[0, -1], x[1, 0], weight[2, -1], weight[5, 0] = np.nan, np.inf, np.inf, np.nan
    with machine(isa, 1):
        for name in LINEAR:
            compare(name, x, weight, numbers(3, 9))


@pytest.mark.parametrize("isa", SETS)
def test_the_number_of_threads_changes_no_bit(isa):
    x, weight = Rows.of(numbers(1, (1, 24, 27, 28))), numbers(2, (29, 24, 3, 3))
    wide, square = Rows.of(numbers(3, (2, 900))), numbers(4, (700, 900))
    results = []
    for threads in THREADS:
        with machine(isa, threads):
            fused = [getattr(kernels, name)(x, weight, None, 1, 1)[0] for name in FUSED]
            results.append([*fused, kernels.linear(wide, square, None)[0]])
    for other in results[1:]:
        for one, same in zip(results[0], other, strict=True):
            assert np.array_equal(one, same)


def test_shapes_that_do_not_fit_are_refused_as_the_reference_refuses_them():
    x, weight, bias = Rows.of(numbers(1, (1, 2, 5, 6))), numbers(2, (3, 2, 3, 3)), numbers(3, 3)
    flat = x.reshape(1, 60)
    for call in (
        lambda x: kernels.conv2d(x, weight[:, :1], bias),
        lambda x: kernels.conv2d_relu(x, weight, bias[:2]),
        lambda x: kernels.conv2d_relu_pool2d(x[0], weight, bias),
        lambda x: kernels.conv2d(x[:, :, :2], weight, bias),
        lambda x: kernels.linear(x, numbers(4, (3, 60)), bias),
        lambda x: kernels.linear_relu(x.reshape(1, 60), numbers(4, (3, 59)), bias),
    ):
        with pytest.raises(ShapeError) as plain:
            call(np.asarray(x))
        with pytest.raises(ShapeError) as ours:
            call(x)
        assert str(ours.value) == str(plain.value)
    with pytest.raises(ShapeError, match="float32"):
        kernels.linear(flat, numbers(4, (3, 60)).astype(np.float64), bias)


@pytest.mark.parametrize(
    "shape", [(0, 2, 5, 9), (1, 0, 5, 9), (1, 2, 0, 9)], ids=["no image", "no channel", "no row"]
)
def test_axes_of_no_size(shape):
    for name in FUSED:
        if shape[1:3] != (2, 0) or name != "conv2d_relu_pool2d":
            compare(name, np.zeros(shape, np.float32), numbers(2, (3, shape[1], 2, 3)), None, 1, 1)
    for name in LINEAR:
        compare(name, np.zeros((1, 0), np.float32), np.zeros((3, 0), np.float32), numbers(3, 3))


def test_what_is_no_longer_float32_runs_on_the_reference():
    x, weight = numbers(1, (1, 2, 5, 9)), numbers(2, (3, 2, 3, 3))
    wide = Rows.of(x) * np.ones((1, 1, 1, 1))
    assert type(wide) is Rows
    for name in FUSED:
        got, _ = getattr(kernels, name)(wide, double(weight), None)
        expected = FUSED[name](kernels.conv2d(double(x), double(weight), None)[0])
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    flat = wide.reshape(1, 90)
    for name in LINEAR:
        got, _ = getattr(kernels, name)(flat, np.ones((4, 90)), None)
        np.testing.assert_allclose(got, LINEAR[name](flat @ np.ones((90, 4))), rtol=1e-12)
        assert got.dtype == np.float64


# Which array it is -----------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["auto", "lanes"])
def test_few_images_are_rows_where_nobody_goes_backward(layout):
    few = kernels.FEW_IMAGES
    x = numbers(1, (few + 1, 1, 3, 4))
    assert few >= 1
    assert type(kernels.as_layout(x[:few], layout, train=False)) is Rows
    assert type(kernels.as_layout(x[:1], layout, train=False)) is Rows
    assert type(kernels.as_layout(x, layout, train=False)) is Lanes
    assert type(kernels.as_layout(x[:0], layout, train=False)) is Lanes
    assert type(kernels.as_layout(x[:1], layout)) is Lanes
    rows = kernels.as_layout(x[:few], layout, train=False)
    assert np.array_equal(kernels.as_numpy(rows), x[:few])
    assert type(kernels.as_numpy(rows)) is np.ndarray
    assert type(kernels.as_layout(rows, layout)) is Lanes
    assert type(kernels.as_layout(rows, "reference", train=False)) is np.ndarray


def test_the_reference_and_float64_stay_as_they_are():
    x = numbers(1, (1, 1, 3, 4))
    assert type(kernels.as_layout(x, "reference", train=False)) is np.ndarray
    assert type(kernels.as_layout(double(x), "auto", train=False)) is np.ndarray
    wide = kernels.as_layout(double(x), "lanes", train=False)
    assert type(wide) is Rows
    assert wide.dtype == np.float32


# Networks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", models.names())
@pytest.mark.parametrize("n", [1, 3])
def test_networks_give_on_rows_what_the_reference_gives(name, n):
    model = models.build(name, np.random.default_rng(1))
    x = numbers(2, (n, 1, 28, 28))
    got, _ = model.forward(Rows.of(x), train=False)
    assert type(got) is Rows
    agree(got, model.copy(np.float64).forward(double(x), train=False)[0])


def test_pictures_are_read_on_rows_with_the_same_result(monkeypatch):
    model = models.build("lenet5", np.random.default_rng(1))
    pictures = np.random.default_rng(2).integers(0, 256, (5, 28, 28), np.uint8)
    seen = []
    forward = nn.Sequential.forward
    monkeypatch.setattr(
        nn.Sequential, "forward", lambda *args: (seen.append(type(args[1])), forward(*args))[1]
    )
    expected = evaluation.logits(model, pictures, layout="reference")
    for few in (pictures[:1], pictures[:3], pictures[:3] / np.float32(255)):
        agree(evaluation.logits(model, few), expected[: len(few)].astype(np.float64))
    agree(evaluation.logits(model, pictures), expected.astype(np.float64))
    assert seen == [np.ndarray, Rows, Rows, Rows, Lanes]


@pytest.mark.parametrize("name", ["two_conv", "deep_convnet"])
def test_going_backward_after_all_is_the_reference(name):
    model = models.build(name, np.random.default_rng(1))
    x, labels = numbers(2, (2, 1, 28, 28)), np.array([3, 7])
    loss = losses.CrossEntropy()
    found = {}
    for kind in (Rows.of, np.asarray):
        outputs, cache = model.forward(kind(x), train=False)
        value, loss_cache = loss.forward(outputs, labels)
        grads = model.new_grads()
        dx = model.backward(loss.backward(loss_cache), cache, grads)
        found[kind] = value, dx, grads.flat
    (value, dx, flat), (plain_value, plain_dx, plain_flat) = found.values()
    assert value == pytest.approx(plain_value, rel=1e-5)
    agree(dx, double(plain_dx))
    agree(flat, double(plain_flat))
    assert np.abs(plain_flat).max() > 0


def test_a_layer_of_ones_own_in_plain_numpy_is_given_them_as_they_are():
    class Half(nn.Layer):
        def forward(self, x, train=False, key=None):
            assert isinstance(x, np.ndarray)
            return x / 2, None

    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), Half(), nn.Flatten(), nn.Linear(32, 3))
    model.init(np.random.default_rng(0))
    x = numbers(1, (1, 1, 6, 6))
    agree(model.forward(Rows.of(x))[0], double(model.forward(x)[0]))


def test_without_the_core_there_are_none(monkeypatch):
    monkeypatch.setattr(compiled, "core", None)
    assert type(kernels.as_layout(numbers(1, (1, 1, 3, 4)), train=False)) is np.ndarray
