"""What does not fit is refused in one sentence that names the shapes or the value."""

from __future__ import annotations

import re

import numpy as np
import pytest

from byhand import kernels
from byhand.errors import InputError, ShapeError
from byhand.kernels import Key


def zeros(*shape, dtype=np.float64):
    return np.zeros(shape, dtype)


def refused(error, said, call):
    """`call` raises `error`, whose message is one sentence that has all of `said` in it."""
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    for part in said:
        assert part in message
    assert "\n" not in message
    assert not re.search(r"[.!?] [A-Z]", message)
    assert not message.endswith(".")


WEIGHT = zeros(3, 2, 3, 3)
# name: (what the message says, the call)
SHAPES = {
    "conv2d, kernel larger than the picture": (
        ["3×3", "2×5", "larger pictures"],
        lambda: kernels.conv2d(zeros(1, 2, 2, 5), WEIGHT, None),
    ),
    "conv2d, kernel larger than the padded picture": (
        ["3×3", "5×1", "7×1", "more padding"],
        lambda: kernels.conv2d(zeros(1, 2, 5, 1), WEIGHT, None, 1, (1, 0)),
    ),
    "conv2d, wrong channels": (
        ["conv2d", "(1, 4, 6, 6)", "(3, 2, 3, 3)"],
        lambda: kernels.conv2d(zeros(1, 4, 6, 6), WEIGHT, None),
    ),
    "conv2d, no pictures": (
        ["conv2d", "(6, 6)", "(N, C, H, W)"],
        lambda: kernels.conv2d(zeros(6, 6), WEIGHT, None),
    ),
    "conv2d, weight of another rank": (
        ["(1, 2, 6, 6)", "(3, 2, 3)"],
        lambda: kernels.conv2d(zeros(1, 2, 6, 6), zeros(3, 2, 3), None),
    ),
    "conv2d, bias of another length": (
        ["bias", "(2,)", "3"],
        lambda: kernels.conv2d(zeros(1, 2, 6, 6), WEIGHT, zeros(2)),
    ),
    "conv1d, kernel larger than the sequence": (
        ["5", "3"],
        lambda: kernels.conv1d(zeros(1, 2, 3), zeros(3, 2, 5), None),
    ),
    "conv1d, wrong channels": (
        ["4", "2"],
        lambda: kernels.conv1d(zeros(1, 4, 9), zeros(3, 2, 5), None),
    ),
    "conv1d, a picture": (
        ["conv1d", "(1, 2, 9, 9)", "(N, C, L)"],
        lambda: kernels.conv1d(zeros(1, 2, 9, 9), zeros(3, 2, 5), None),
    ),
    "im2col, no pictures": (
        ["im2col", "(2, 9)"],
        lambda: kernels.im2col(zeros(2, 9), 3),
    ),
    "col2im, columns of another shape": (
        ["(9, 5)", "(1, 1, 5, 5)", "(9, 9)"],
        lambda: kernels.col2im(zeros(9, 5), (1, 1, 5, 5), 3),
    ),
    "max_pool2d, window larger than the picture": (
        ["4×4", "3×3"],
        lambda: kernels.max_pool2d(zeros(1, 1, 3, 3), 4),
    ),
    "avg_pool2d, no pictures": (
        ["avg_pool2d", "(3, 3, 3)", "(N, C, H, W)"],
        lambda: kernels.avg_pool2d(zeros(3, 3, 3), 2),
    ),
    "max_pool1d, a picture": (
        ["max_pool1d", "(1, 1, 3, 3)", "(N, C, L)"],
        lambda: kernels.max_pool1d(zeros(1, 1, 3, 3), 2),
    ),
    "avg_pool1d, window larger than the sequence": (
        ["4", "3"],
        lambda: kernels.avg_pool1d(zeros(1, 1, 3), 4),
    ),
    "global_avg_pool, vectors": (
        ["global_avg_pool", "(3, 4)"],
        lambda: kernels.global_avg_pool(zeros(3, 4)),
    ),
    "linear, other features": (
        ["(2, 5)", "(3, 4)"],
        lambda: kernels.linear(zeros(2, 5), zeros(3, 4), None),
    ),
    "linear, pictures": (
        ["linear", "(2, 1, 2, 2)", "(3, 4)"],
        lambda: kernels.linear(zeros(2, 1, 2, 2), zeros(3, 4), None),
    ),
    "linear, bias of another length": (
        ["bias", "(2,)", "3"],
        lambda: kernels.linear(zeros(2, 4), zeros(3, 4), zeros(2)),
    ),
    "batch_norm, other channels": (
        ["(2, 3, 4)", "5"],
        lambda: kernels.batch_norm(zeros(2, 3, 4), *[zeros(5)] * 4, True),
    ),
    "batch_norm, training on one value a channel": (
        ["(1, 3)", "one value", "at least two images"],
        lambda: kernels.batch_norm(zeros(1, 3), *[zeros(3)] * 4, True),
    ),
    "concat, other pictures": (
        ["(2, 3, 4, 4)", "(2, 3, 4, 5)", "channels"],
        lambda: kernels.concat(zeros(2, 3, 4, 4), zeros(2, 3, 4, 5)),
    ),
    "concat, another number of images": (
        ["(2, 3)", "(1, 3)"],
        lambda: kernels.concat(zeros(2, 3), zeros(1, 3)),
    ),
    "cross_entropy, logits that are no table": (
        ["(2, 3, 4)", "(N, K)"],
        lambda: kernels.cross_entropy(zeros(2, 3, 4), np.zeros(2, int)),
    ),
    "cross_entropy, one-hot labels of another shape": (
        ["(2, 4)", "(2, 3)"],
        lambda: kernels.cross_entropy(zeros(2, 3), zeros(2, 4)),
    ),
    "cross_entropy, another number of labels": (
        ["(5,)", "(2, 3)"],
        lambda: kernels.cross_entropy(zeros(2, 3), np.zeros(5, int)),
    ),
    "cross_entropy, labels that are no integers": (
        ["float64", "integers"],
        lambda: kernels.cross_entropy(zeros(2, 3), zeros(2)),
    ),
    "mean_squared_error, targets of another shape": (
        ["(2, 1)", "(2, 3)"],
        lambda: kernels.mean_squared_error(zeros(2, 3), zeros(2, 1)),
    ),
    "binary_cross_entropy, targets of another shape": (
        ["(3,)", "(2, 3)"],
        lambda: kernels.binary_cross_entropy(zeros(2, 3), zeros(3)),
    ),
    "relu, a list": (
        ["relu", "list", "array"],
        lambda: kernels.relu([1.0, 2.0]),
    ),
}

PICTURE = zeros(1, 1, 6, 6)
VALUES = {
    "same padding with a stride": (
        ["same", "stride", "2"],
        lambda: kernels.im2col(PICTURE, 3, 2, "same"),
    ),
    "another word for padding": (["valid", "same"], lambda: kernels.im2col(PICTURE, 3, 1, "valid")),
    "negative padding": (["padding", "-1", "0"], lambda: kernels.im2col(PICTURE, 3, 1, -1)),
    "no stride": (["stride", "0", "1"], lambda: kernels.im2col(PICTURE, 3, 0)),
    "no kernel": (["kernel size", "0"], lambda: kernels.im2col(PICTURE, 0)),
    "a kernel of half a pixel": (["kernel size", "2.5"], lambda: kernels.im2col(PICTURE, 2.5)),
    "three kernel sizes": (
        ["kernel size", "(3, 3, 3)", "pair"],
        lambda: kernels.im2col(PICTURE, (3, 3, 3)),
    ),
    "a pair for a sequence": (
        ["kernel size", "(2, 2)", "one dimension"],
        lambda: kernels.max_pool1d(zeros(1, 1, 6), (2, 2)),
    ),
    "a pair as a sequence's stride": (
        ["stride", "(1, 1)", "one dimension"],
        lambda: kernels.conv1d(zeros(1, 1, 6), zeros(1, 1, 3), None, (1, 1)),
    ),
    "a pair as a sequence's padding": (
        ["padding", "(1, 1)"],
        lambda: kernels.conv1d(zeros(1, 1, 6), zeros(1, 1, 3), None, 1, (1, 1)),
    ),
    "no stride for pooling": (["stride", "0"], lambda: kernels.avg_pool2d(PICTURE, 2, 0)),
    "no stride for max pooling a sequence": (
        ["stride", "0"],
        lambda: kernels.max_pool1d(zeros(1, 1, 6), 2, 0),
    ),
    "no stride for average pooling a sequence": (
        ["stride", "0"],
        lambda: kernels.avg_pool1d(zeros(1, 1, 6), 2, 0),
    ),
    "a label past the outputs": (
        ["0 to 7", "3 outputs", "0 to 2"],
        lambda: kernels.cross_entropy(zeros(2, 3), np.array([0, 7])),
    ),
    "a negative label": (
        ["-1 to 2", "3 outputs"],
        lambda: kernels.cross_entropy(zeros(2, 3), np.array([2, -1])),
    ),
    "an unknown layout": (
        ["lane", "auto", "reference"],
        lambda: kernels.as_layout(PICTURE, "lane"),
    ),
    "no threads": (["threads", "0", "from 1"], lambda: kernels.set_threads(0)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_that_does_not_fit_is_named(name):
    refused(ShapeError, *SHAPES[name])


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_is_not_allowed_is_named(name):
    refused(InputError, *VALUES[name])


def test_a_float_is_no_kernel_size_even_where_the_same_number_was_one_before():
    kernels.window(3, 1, 1)
    for said in ((3.0, 1, 1), (3, 1.0, 1), (3, 1, 1.0)):
        with pytest.raises(InputError):
            kernels.window(*said)


def test_a_numpy_integer_is_a_kernel_size():
    assert kernels.window(np.int64(7), np.int32(2), np.int8(5)) == kernels.window(7, 2, 5)


VECTOR = np.arange(1, 7).reshape(2, 3)
INTEGERS = {
    "conv2d": lambda x: kernels.conv2d(x.reshape(1, 1, 2, 3), zeros(1, 1, 2, 2), None),
    "conv1d": lambda x: kernels.conv1d(x.reshape(1, 2, 3), zeros(1, 2, 2), None),
    "im2col": lambda x: kernels.im2col(x.reshape(1, 1, 2, 3), 2),
    "linear": lambda x: kernels.linear(x, zeros(1, 3), None),
    "max_pool2d": lambda x: kernels.max_pool2d(x.reshape(1, 1, 2, 3), 2, 1, 1),
    "avg_pool2d": lambda x: kernels.avg_pool2d(x.reshape(1, 1, 2, 3), 2),
    "batch_norm": lambda x: kernels.batch_norm(x, *[np.ones(3)] * 4, True),
    "sigmoid": lambda x: kernels.sigmoid(x),
    "leaky_relu": lambda x: kernels.leaky_relu(-x, 0.5),
    "dropout": lambda x: kernels.dropout(x, 0.1, Key(0)),
    "mean_squared_error": lambda x: kernels.mean_squared_error(x, x + 1),
    "binary_cross_entropy": lambda x: kernels.binary_cross_entropy(x, x > 2),
}


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_are_refused_and_not_rounded_in_silence(name):
    for dtype in (np.int64, np.uint8):
        x = VECTOR.astype(dtype)
        refused(ShapeError, [np.dtype(dtype).name, "float"], lambda x=x: INTEGERS[name](x))
