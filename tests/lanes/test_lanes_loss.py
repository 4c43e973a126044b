"""Losses on Lanes beside the reference in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byhand import kernels
from byhand.errors import InputError, ShapeError
from byhand.kernels import Lanes
from lanes.helper import agree, compare, counts, is_gradient, machine, machines, seeds, steady

classes = st.sampled_from((1, 2, 3, 10, 17))
scales = st.sampled_from((0.1, 1.0, 30.0, 500.0))
smoothings = st.sampled_from((0.0, 0.1, 0.5))

# A probability near 1, its logarithm and what is left of 1 beside it: to 2e-7.
FLOOR = 0.02


def logits(seed, n, k, scale):
    return np.random.default_rng(seed).normal(0, scale, (n, k)).astype(np.float32)


@steady
@given(counts, classes, scales, smoothings, seeds, machines)
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_cross_entropy_of_labels(dtype, n, k, scale, smoothing, seed, where):
    labels = np.random.default_rng(seed).integers(0, k, n).astype(dtype)
    with machine(*where):
        compare("cross_entropy", logits(seed, n, k, scale), labels, smoothing, floor=FLOOR)


@steady
@given(counts, classes, scales, smoothings, seeds, st.booleans(), machines)
def test_cross_entropy_of_distributions(n, k, scale, smoothing, seed, sums_to_one, where):
    targets = np.random.default_rng(seed).uniform(0, 1, (n, k)).astype(np.float32)
    if sums_to_one:
        targets = np.eye(k, dtype=np.float32)[targets.argmax(axis=1)]
    with machine(*where):
        compare("cross_entropy", logits(seed, n, k, scale), targets, smoothing, floor=FLOOR)


@steady
@given(counts, st.lists(st.integers(1, 6), max_size=2), scales, seeds, machines)
@pytest.mark.parametrize("name", ["mean_squared_error", "binary_cross_entropy"])
def test_losses_by_output(name, n, features, scale, seed, where):
    rng = np.random.default_rng(seed)
    shape = (n, 3, *features)
    x = rng.normal(0, scale, shape).astype(np.float32)
    with machine(*where):
        compare(name, x, rng.uniform(0, 1, shape).astype(np.float32))


@steady
@given(counts, seeds)
def test_mean_loss_and_its_shares(n, seed):
    values = np.random.default_rng(seed).uniform(0, 3, n).astype(np.float32)
    for count in (None, n, 3 * n):
        mean, share = kernels.mean_loss(Lanes.pack(values), count)
        expected, expected_share = kernels.mean_loss(values.astype(np.float64), count)
        assert mean == pytest.approx(expected, rel=1e-15)
        agree(share, expected_share)
        is_gradient(share)


def test_a_confident_and_right_answer_has_a_small_loss_and_gradient():
    z = np.array([[30.0, -30.0], [12.0, 0.0], [0.0, 14.0]], np.float32)
    labels = np.array([0, 0, 1])
    losses, _ = kernels.cross_entropy(Lanes.pack(z), labels)
    expected, _ = kernels.cross_entropy(z.astype(np.float64), labels)
    # What is left of 1 after rounding: to 1e-7 and not to 0 or below.
    np.testing.assert_allclose(losses.numpy(), expected, atol=1.2e-7)
    assert (losses.numpy() >= 0).all()


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_a_label_without_an_output_is_named_as_by_the_reference(labels):
    z = np.zeros((2, 3), np.float32)
    said = []
    for x in (z, Lanes.pack(z)):
        with pytest.raises(InputError) as caught:
            kernels.cross_entropy(x, np.array(labels))
        said.append(str(caught.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("name", ["cross_entropy", "mean_squared_error", "binary_cross_entropy"])
def test_targets_of_another_shape_are_refused_as_by_the_reference(name):
    z = np.zeros((9, 3), np.float32)
    said = []
    for x in (z, Lanes.pack(z)):
        for targets in (np.zeros((9, 4)), np.zeros((8, 3)), np.zeros((3, 9)), np.zeros(27)):
            with pytest.raises(ShapeError) as caught:
                getattr(kernels, name)(x, targets)
            said.append(str(caught.value))
    assert said[:4] == said[4:]


def test_the_mean_over_no_images_is_refused():
    with pytest.raises(InputError, match="at least one image"):
        kernels.mean_loss(Lanes.pack(np.zeros(0, np.float32)))
    with pytest.raises(InputError, match="at least one image"):
        kernels.mean_loss(Lanes.pack(np.zeros(3, np.float32)), 0)
