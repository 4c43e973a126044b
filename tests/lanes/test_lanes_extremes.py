"""NaN, infinity, axes of no size and shapes that do not fit: as on the reference, or one error."""

from __future__ import annotations

import re

import numpy as np
import pytest

from byhand import kernels
from byhand.errors import ByhandError, ShapeError
from byhand.kernels import Key, Lanes
from lanes.helper import SETS, against, agree, machine, numbers, reference, run


def weight(*shape):
    return numbers(11, shape) + np.float32(0.05)  # none is 0


LINE, PICTURE = (9, 2, 7), (9, 2, 5, 6)
LABELS = np.arange(9) % 4
# name: the shape of x, and the arguments after it
CASES = {
    "conv2d": (PICTURE, (weight(3, 2, 3, 3), weight(3), 1, 1)),
    "conv2d, stride": (PICTURE, (weight(3, 2, 2, 3), weight(3), 2, 0)),
    "conv2d, one channel": ((9, 1, 8, 8), (weight(8, 1, 5, 5), weight(8), 1, 0)),
    "conv1d": (LINE, (weight(3, 2, 3), None, 1, "same")),
    "conv2d_relu": (PICTURE, (weight(3, 2, 3, 3), weight(3), 1, 1)),
    "conv2d_relu_pool2d": (PICTURE, (weight(3, 2, 3, 3), weight(3), 1, 1)),
    "linear": ((9, 5), (weight(3, 5), weight(3))),
    "linear_relu": ((9, 5), (weight(3, 5), weight(3))),
    "max_pool2d": (PICTURE, (2,)),
    "max_pool2d, overlap": (PICTURE, (3, 1, 1)),
    "max_pool2d, large": ((9, 1, 17, 18), (17, 1)),
    "avg_pool2d": (PICTURE, (3, 1, 1)),
    "max_pool1d": (LINE, (3, 2, 1)),
    "avg_pool1d": (LINE, (2,)),
    "global_avg_pool": (PICTURE, ()),
    "relu": (PICTURE, ()),
    "leaky_relu": (PICTURE, (0.1,)),
    "sigmoid": (PICTURE, ()),
    "tanh": (PICTURE, ()),
    "gelu": (PICTURE, ()),
    "softmax": (PICTURE, ()),
    "log_softmax": (PICTURE, ()),
    "dropout": (PICTURE, (0.4, Key(3))),
    "batch_norm, training": (PICTURE, (*[weight(2)] * 4, True)),
    "batch_norm": (PICTURE, (*[np.abs(weight(2))] * 4, False)),
    "cross_entropy": ((9, 4), (LABELS,)),
    "cross_entropy, smoothed": ((9, 4), (LABELS, 0.1)),
    "cross_entropy, targets": ((9, 4), (np.eye(4, dtype=np.float32)[LABELS],)),
    "mean_squared_error": ((9, 4), (weight(9, 4),)),
    "binary_cross_entropy": ((9, 4), (np.clip(weight(9, 4), 0, 1),)),
}
VALUES = [np.nan, np.inf, -np.inf]
cases = pytest.mark.parametrize("name", CASES)


def put(array, value, seed):
    """The array with `value` at three places: in a first, a middle and the last image."""
    places = np.random.default_rng(seed)
    array = array.copy()
    for image in (0, len(array) // 2, len(array) - 1):
        flat = array[image : image + 1].reshape(-1)
        flat[places.integers(flat.size)] = value
    return array


@cases
@pytest.mark.parametrize("value", VALUES)
def test_nan_and_infinity_in_the_input_go_where_they_go_on_the_reference(name, value):
    shape, rest = CASES[name]
    for seed in range(3):
        x = put(numbers(seed, shape), value, seed)
        same_everywhere(name, x, rest)


@cases
@pytest.mark.parametrize("value", VALUES)
def test_nan_and_infinity_in_the_upstream_gradient_go_where_they_go_on_the_reference(name, value):
    shape, rest = CASES[name]
    if plain(name).startswith("conv"):
        rest = (*rest[:3], 0)  # see the next test
    x = numbers(1, shape)
    y = reference(plain(name), x, *rest)[0]
    for seed in range(3):
        same_everywhere(name, x, rest, put(numbers(2, y.shape), value, seed))


def test_an_upstream_nan_at_a_padded_border_is_in_the_gradient_of_its_filter_and_no_other():
    # The reference multiplies the padding by it (0 * NaN is NaN), the core leaves padding out: for
    # the weights that only meet padding there they differ, for all others they do not.
    x, weights = numbers(0, PICTURE), weight(3, 2, 3, 3)
    dy = numbers(1, (9, 3, 5, 6))
    dy[4, 1, 0, 3] = np.nan
    expected = reference("conv2d", x, weights, None, 1, 1, dy=dy)
    for isa in SETS:
        with machine(isa, 1):
            case = Lanes.pack(x), weights, None, 1, 1
            _, dx, dweight, dbias = run("conv2d", *case, dy=lambda y: Lanes.pack(dy))
        agree(dx, expected[1])
        agree(dweight[[0, 2]], expected[2][[0, 2]])
        agree(dweight[1, :, 1:], expected[2][1, :, 1:])  # its first row of weights meets padding
        agree(dbias, expected[3])


def plain(name):
    return name.split(",")[0]


def same_everywhere(name, x, rest, dy=None):
    expected = reference(plain(name), x, *rest, dy=dy)
    for isa in SETS:
        with machine(isa, 1), np.errstate(all="ignore"):
            against(expected, plain(name), x, *rest, dy=dy)


@pytest.mark.parametrize("name", [n for n in CASES if n != "batch_norm, training"])
def test_a_nan_in_one_image_leaves_the_others_alone(name):
    shape, rest = CASES[name]
    x = numbers(1, shape)
    with np.errstate(all="ignore"):
        clean, _ = getattr(kernels, plain(name))(Lanes.pack(x), *rest)
        x[3] = np.nan
        y, _ = getattr(kernels, plain(name))(Lanes.pack(x), *rest)
    others = np.arange(9) != 3
    assert np.array_equal(y.numpy()[others], clean.numpy()[others])


# Axes of no size ----------------------------------------------------------------------------------


def empty(*shape):
    return np.zeros(shape, np.float32)


# name: (operation, x, the arguments after it)
EMPTY = {
    **{f"{n}, no images": (plain(n), empty(0, *CASES[n][0][1:]), CASES[n][1])
       for n in CASES if not plain(n).endswith(("entropy", "error", "batch_norm"))},
    "conv2d, no channels": ("conv2d", empty(9, 0, 5, 5), (empty(3, 0, 3, 3), weight(3))),
    "conv2d, no filters": ("conv2d", numbers(0, (9, 2, 5, 5)), (empty(0, 2, 3, 3), empty(0))),
    "conv2d, no pixels": ("conv2d", empty(9, 2, 0, 5), (weight(3, 2, 1, 3), None)),
    "conv2d, padding only": ("conv2d", empty(9, 2, 0, 5), (weight(3, 2, 3, 3), weight(3), 1, 2)),
    "conv2d, no kernel": ("conv2d", numbers(0, (9, 2, 5, 5)), (empty(3, 2, 0, 3), None)),
    "conv2d_relu, no channels": ("conv2d_relu", empty(9, 0, 5, 5), (empty(3, 0, 3, 3), weight(3))),
    "conv2d_relu_pool2d, no channels":
        ("conv2d_relu_pool2d", empty(9, 0, 5, 5), (empty(3, 0, 3, 3), weight(3))),
    "conv2d_relu_pool2d, no filters":
        ("conv2d_relu_pool2d", numbers(0, (9, 2, 5, 5)), (empty(0, 2, 3, 3), None)),
    "conv1d, no channels": ("conv1d", empty(9, 0, 5), (empty(3, 0, 3), None)),
    "linear, no inputs": ("linear", empty(9, 0), (empty(3, 0), weight(3))),
    "linear, no outputs": ("linear", numbers(0, (9, 4)), (empty(0, 4), empty(0))),
    "linear_relu, no inputs": ("linear_relu", empty(9, 0), (empty(3, 0), weight(3))),
    "max_pool2d, no channels": ("max_pool2d", empty(9, 0, 4, 4), (2,)),
    "max_pool2d, no pixels": ("max_pool2d", empty(9, 2, 0, 4), (2,)),
    "avg_pool2d, no channels": ("avg_pool2d", empty(9, 0, 4, 4), (2,)),
    "avg_pool2d, padding only": ("avg_pool2d", empty(9, 2, 0, 4), (2, 1, 1)),
    "max_pool1d, no channels": ("max_pool1d", empty(9, 0, 4), (2,)),
    "avg_pool1d, no places": ("avg_pool1d", empty(9, 2, 0), (2,)),
    "global_avg_pool, no channels": ("global_avg_pool", empty(9, 0, 4, 4), ()),
    "relu, no features": ("relu", empty(9, 0), ()),
    "sigmoid, no features": ("sigmoid", empty(9, 3, 0), ()),
    "gelu, no features": ("gelu", empty(9, 3, 0), ()),
    "softmax, no places": ("softmax", empty(9, 3, 0), ()),
    "dropout, no features": ("dropout", empty(9, 0), (0.5, Key(1))),
    "batch_norm, no images": ("batch_norm", empty(0, 2, 3), (*[np.ones(2, "f4")] * 4, False)),
    "batch_norm, no channels": ("batch_norm", empty(9, 0, 3), (*[empty(0)] * 4, True)),
    "batch_norm, training on no images":
        ("batch_norm", empty(0, 2, 3), (*[np.ones(2, "f4")] * 4, True)),
    "cross_entropy, no images": ("cross_entropy", empty(0, 4), (np.zeros(0, int),)),
    "cross_entropy, no classes": ("cross_entropy", empty(9, 0), (np.zeros(9, int),)),
    "mean_squared_error, no images": ("mean_squared_error", empty(0, 4), (empty(0, 4),)),
    "binary_cross_entropy, no images": ("binary_cross_entropy", empty(0, 4), (empty(0, 4),)),
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_axis_of_no_size_gives_the_references_shapes_or_its_error(name):
    operation, x, rest = EMPTY[name]
    try:
        expected = reference(operation, x, *rest)
    except (ByhandError, ValueError) as error:
        with pytest.raises(type(error)):
            against([], operation, x, *rest)
        return
    for isa in SETS:
        for threads in (1, 2):
            with machine(isa, threads):
                against(expected, operation, x, *rest)


def test_joining_and_adding_arrays_of_no_images():
    none = Lanes.pack(empty(0, 2, 3))
    y, cache = kernels.concat(none, none)
    assert y.shape == (0, 4, 3)
    assert [part.shape for part in kernels.concat_backward(y, cache)] == [(0, 2, 3)] * 2
    assert kernels.add(none, none).shape == (0, 2, 3)
    assert none.reshape(0, 6).shape == (0, 6)
    agree(none, empty(0, 2, 3))


# Shapes and types that do not fit -----------------------------------------------------------------

# name: (operation, shape of x, the arguments after it)
WRONG = {
    "conv2d, kernel larger than the padded picture":
        ("conv2d", (9, 2, 5, 1), (weight(3, 2, 3, 3), None, 1, (1, 0))),
    "conv2d, wrong channels": ("conv2d", (9, 4, 6, 6), (weight(3, 2, 3, 3), None)),
    "conv2d, no pictures": ("conv2d", (9, 6), (weight(3, 2, 3, 3), None)),
    "conv2d, weight of another rank": ("conv2d", (9, 2, 6, 6), (weight(3, 2, 3), None)),
    "conv2d, bias of another length": ("conv2d", (9, 2, 6, 6), (weight(3, 2, 3, 3), weight(2))),
    "conv2d, no stride": ("conv2d", (9, 2, 6, 6), (weight(3, 2, 3, 3), None, 0)),
    "conv2d, another word": ("conv2d", (9, 2, 6, 6), (weight(3, 2, 3, 3), None, 1, "valid")),
    "conv2d, same with a stride": ("conv2d", (9, 2, 6, 6), (weight(3, 2, 3, 3), None, 2, "same")),
    "conv2d, a float as stride": ("conv2d", (9, 2, 6, 6), (weight(3, 2, 3, 3), None, 1.0)),
    "conv2d_relu, wrong channels": ("conv2d_relu", (9, 4, 6, 6), (weight(3, 2, 3, 3), None)),
    "conv2d_relu_pool2d, too small":
        ("conv2d_relu_pool2d", (9, 2, 3, 6), (weight(3, 2, 3, 3), None)),
    "conv1d, wrong channels": ("conv1d", (9, 4, 9), (weight(3, 2, 5), None)),
    "conv1d, a picture": ("conv1d", (9, 2, 9, 9), (weight(3, 2, 5), None)),
    "conv1d, kernel larger than the sequence": ("conv1d", (9, 2, 3), (weight(3, 2, 5), None)),
    "conv1d, a pair as stride": ("conv1d", (9, 2, 9), (weight(3, 2, 5), None, (1, 1))),
    "max_pool2d, window larger than the picture": ("max_pool2d", (9, 1, 3, 3), (4,)),
    "max_pool2d, padding alone in a window": ("max_pool2d", (9, 1, 6, 6), (2, 2, 2)),
    "max_pool2d, no pictures": ("max_pool2d", (9, 3, 3), (2,)),
    "avg_pool2d, no pictures": ("avg_pool2d", (9, 3, 3), (2,)),
    "avg_pool2d, no stride": ("avg_pool2d", (9, 1, 3, 3), (2, 0)),
    "max_pool1d, a picture": ("max_pool1d", (9, 1, 3, 3), (2,)),
    "max_pool1d, a pair": ("max_pool1d", (9, 1, 6), ((2, 2),)),
    "avg_pool1d, window larger than the sequence": ("avg_pool1d", (9, 1, 3), (4,)),
    "global_avg_pool, vectors": ("global_avg_pool", (9, 4), ()),
    "linear, other features": ("linear", (9, 5), (weight(3, 4), None)),
    "linear, pictures": ("linear", (9, 1, 2, 2), (weight(3, 4), None)),
    "linear, bias of another length": ("linear", (9, 4), (weight(3, 4), weight(2))),
    "linear_relu, other features": ("linear_relu", (9, 5), (weight(3, 4), None)),
    "batch_norm, other channels": ("batch_norm", (9, 3, 4), (*[weight(5)] * 4, True)),
    "batch_norm, one value a channel": ("batch_norm", (1, 3), (*[weight(3)] * 4, True)),
    "cross_entropy, logits that are no table": ("cross_entropy", (9, 3, 4), (LABELS,)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused_as_by_the_reference(name):
    operation, shape, rest = WRONG[name]
    x = numbers(0, shape)
    said = []
    for array in (x, Lanes.pack(x)):
        for _ in range(2):  # sizes once worked out are kept
            with pytest.raises(ByhandError) as caught:
                getattr(kernels, operation)(array, *rest)
            said.append((type(caught.value), str(caught.value)))
    assert len(set(said)) == 1


def test_arrays_that_do_not_join_are_refused_as_by_the_reference():
    a, b, c = numbers(0, (9, 2, 3)), numbers(1, (9, 2, 4)), numbers(2, (8, 2, 3))
    for name in ("concat", "add"):
        for other in (b, c):
            said = []
            for first, second in ((a, other), (Lanes.pack(a), Lanes.pack(other))):
                with pytest.raises(ShapeError) as caught:
                    getattr(kernels, name)(first, second)
                said.append(str(caught.value))
            assert said[0] == said[1]


@pytest.mark.parametrize("name", ["concat", "add"])
def test_arrays_of_two_layouts_do_not_mix(name):
    x = numbers(0, (9, 2, 3))
    with pytest.raises(ShapeError, match=r"NumPy array.*as_layout"):
        getattr(kernels, name)(Lanes.pack(x), x)


DOUBLE = {
    "conv2d": ((9, 2, 6, 6), (weight(3, 2, 3, 3), weight(3))),
    "conv2d_relu": ((9, 2, 6, 6), (weight(3, 2, 3, 3), weight(3))),
    "conv2d_relu_pool2d": ((9, 2, 6, 6), (weight(3, 2, 3, 3), weight(3))),
    "conv1d": ((9, 2, 6), (weight(3, 2, 3), weight(3))),
    "linear": ((9, 4), (weight(3, 4), weight(3))),
    "linear_relu": ((9, 4), (weight(3, 4), weight(3))),
}


@pytest.mark.parametrize("name", DOUBLE)
@pytest.mark.parametrize("which", [0, 1], ids=["weight", "bias"])
def test_parameters_of_another_type_are_refused_and_not_rounded(name, which):
    shape, arrays = DOUBLE[name]
    for dtype in (np.float64, np.float16, np.int32):
        other = list(arrays)
        other[which] = other[which].astype(dtype)
        with pytest.raises(ShapeError, match="float32") as caught:
            getattr(kernels, name)(Lanes.pack(numbers(0, shape)), *other)
        assert re.search("weight|bias", str(caught.value))


@pytest.mark.parametrize("which", [0, 1, 2, 3], ids=["weight", "bias", "mean", "var"])
def test_batch_norm_refuses_parameters_of_another_type_too(which):
    arrays = [np.ones(3, np.float32) for _ in range(4)]
    arrays[which] = arrays[which].astype(np.float64)
    with pytest.raises(ShapeError, match="float32"):
        kernels.batch_norm(Lanes.pack(numbers(0, (9, 3))), *arrays, False)


@cases
def test_an_upstream_gradient_of_another_shape_is_refused(name):
    shape, rest = CASES[name]
    y, cache = getattr(kernels, plain(name))(Lanes.pack(numbers(0, shape)), *rest)
    back = getattr(kernels, f"{plain(name)}_backward")
    with pytest.raises(ShapeError):
        back(Lanes.pack(numbers(1, (9, *y.shape[1:], 2))), cache)
    more = Lanes.pack(numbers(1, (17, *y.shape[1:])))
    with pytest.raises(ShapeError):
        back(more, cache)
