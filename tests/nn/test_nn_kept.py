"""What the layers of a trace say that they keep for backward."""

from __future__ import annotations

import numpy as np
import pytest

from byhand import kernels, nn


def parts(layer, shape, train=False):
    """(what, shape, bytes) of each part that `layer` keeps of 2 pictures of `shape`."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, *shape)).astype(np.float32)
    model = nn.Sequential(layer).init(rng)
    (traced,) = nn.trace(model, x, train=train, key=nn.Key(0))
    return [(part.what, part.shape, part.bytes) for part in nn.kept(traced)]


def test_a_convolution_keeps_its_input_and_no_copy_of_its_weight():
    assert parts(nn.Conv2d(3, 4, 3, padding=1), (3, 5, 6)) == [
        ("input", (2, 3, 5, 6), 4 * 2 * 3 * 5 * 6),
        ("weight", (4, 3, 3, 3), 0),
    ]


def test_a_linear_layer_keeps_its_input():
    assert parts(nn.Linear(7, 3), (7,)) == [("input", (2, 7), 56), ("weight", (3, 7), 0)]


def test_relu_keeps_a_mask_of_a_byte_a_value():
    assert parts(nn.ReLU(), (3, 4)) == [("mask", (2, 3, 4), 24)]


def test_leaky_relu_keeps_a_mask_and_its_slope_is_left_out():
    assert parts(nn.LeakyReLU(), (3,)) == [("mask", (2, 3), 6)]


def test_sigmoid_keeps_its_output():
    assert parts(nn.Sigmoid(), (3,)) == [("output", (2, 3), 24)]


def test_max_pooling_keeps_the_places_of_the_maxima_and_the_shape():
    assert parts(nn.MaxPool2d(2), (3, 4, 6)) == [
        ("places of the maxima", (2, 3, 2, 3), 36),
        ("shape of the input", (2, 3, 4, 6), 0),
    ]


@pytest.mark.parametrize("layer", [nn.AvgPool2d(2), nn.Flatten()], ids=["average", "flatten"])
def test_what_needs_no_values_keeps_the_shape_only(layer):
    assert parts(layer, (3, 4, 6)) == [("shape of the input", (2, 3, 4, 6), 0)]


def test_dropout_keeps_a_mask_in_training_and_nothing_otherwise():
    assert parts(nn.Dropout(0.5), (8,), train=True) == [("mask", (2, 8), 16)]
    assert parts(nn.Dropout(0.5), (8,)) == []


def test_batch_norm_keeps_the_normalised_input():
    what = [name for name, *_ in parts(nn.BatchNorm1d(3), (3,), train=True)]
    assert what == ["input, normalised", "1 / deviation", "weight", "batch mean", "batch var"]


def test_on_lanes_an_input_counts_its_own_values():
    if kernels.resolve_layout("auto") != "lanes":
        pytest.skip("no compiled core here")
    rng = np.random.default_rng(0)
    x = kernels.as_layout(rng.standard_normal((8, 1, 5, 5)).astype(np.float32))
    (traced,) = nn.trace(nn.Sequential(nn.Conv2d(1, 2, 3)).init(rng), x)
    first, *_ = nn.kept(traced)
    assert (first.what, first.shape, first.bytes) == ("input", (8, 1, 5, 5), 800)
