"""The losses: values worked out by hand, gradients by finite differences, shards that add up."""

from __future__ import annotations

import math

import numpy as np
import pytest

from byhand import losses
from byhand.errors import InputError, ShapeError

LOGITS = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])


def labels_of(kind, n=6, k=4, seed=3):
    rng = np.random.default_rng(seed)
    integers = rng.integers(0, k, n)
    if kind == "one-hot":
        return np.eye(k)[integers]
    if kind == "distribution":
        return rng.dirichlet(np.ones(k), n)
    return integers if kind == "integers" else rng.random((n, k))


# name: (loss, the kind of its targets)
CASES = {
    "cross-entropy": (losses.CrossEntropy(), "integers"),
    "cross-entropy, one-hot": (losses.CrossEntropy(), "one-hot"),
    "cross-entropy, distributions": (losses.CrossEntropy(), "distribution"),
    "cross-entropy, smoothed": (losses.CrossEntropy(0.1), "integers"),
    "cross-entropy, smoothed one-hot": (losses.CrossEntropy(label_smoothing=0.3), "one-hot"),
    "mean squared error": (losses.MeanSquaredError(), "numbers"),
    "binary cross-entropy": (losses.BinaryCrossEntropy(), "numbers"),
}


@pytest.fixture(params=CASES)
def case(request):
    loss, kind = CASES[request.param]
    outputs = 2 * np.random.default_rng(0).standard_normal((6, 4))
    return loss, outputs, labels_of(kind)


def test_every_loss_is_in_the_table():
    assert {type(loss).__name__ for loss, _ in CASES.values()} == set(losses.LOSSES)
    for name, cls in losses.LOSSES.items():
        assert getattr(losses, name) is cls


def test_cross_entropy_of_integers_by_hand():
    loss = losses.CrossEntropy()
    value, cache = loss.forward(LOGITS, np.array([2, 0]))
    total = math.e + math.e**2 + math.e**3
    assert value == pytest.approx((math.log(total) - 3 + math.log(3)) / 2, rel=1e-12)
    first = np.array([math.e, math.e**2, math.e**3 - total]) / total
    second = np.array([-2, 1, 1]) / 3
    np.testing.assert_allclose(loss.backward(cache), np.array([first, second]) / 2, rtol=1e-12)


def test_cross_entropy_with_label_smoothing_by_hand():
    # e = 0.3 of 3 classes: the label's target is 0.7 + 0.1, the others' 0.1.
    value, cache = losses.CrossEntropy(0.3).forward(LOGITS[:1], np.array([1]))
    total = math.e + math.e**2 + math.e**3
    log_p = np.array([1, 2, 3]) - math.log(total)
    target = np.array([0.1, 0.8, 0.1])
    assert value == pytest.approx(-(target * log_p).sum(), rel=1e-12)
    expected = np.exp(log_p) - target
    np.testing.assert_allclose(losses.CrossEntropy(0.3).backward(cache)[0], expected, rtol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_one_hot_and_integer_labels_are_the_same(smoothing):
    loss, outputs = losses.CrossEntropy(smoothing), np.random.default_rng(0).standard_normal((6, 4))
    integers, one_hot = labels_of("integers"), labels_of("one-hot")
    results = [loss.forward(outputs, labels) for labels in (integers, one_hot, one_hot.astype(int))]
    assert len({value for value, _ in results}) == 1
    for _, cache in results[1:]:
        assert np.array_equal(loss.backward(cache), loss.backward(results[0][1]))


def test_mean_squared_error_by_hand():
    loss = losses.MeanSquaredError()
    value, cache = loss.forward(np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[0, 2], [3, 1]]))
    assert value == pytest.approx((1 + 0 + 0 + 16) / 4)
    np.testing.assert_allclose(loss.backward(cache), [[0.5, 0], [0, 2]])


def test_binary_cross_entropy_by_hand():
    loss = losses.BinaryCrossEntropy()
    z, t = np.array([[0.0, 2.0], [-1.0, 1.0]]), np.array([[1, 0], [0.25, 1]])
    value, cache = loss.forward(z, t)
    s = 1 / (1 + np.exp(-z))
    assert value == pytest.approx(-(t * np.log(s) + (1 - t) * np.log(1 - s)).mean(), rel=1e-12)
    np.testing.assert_allclose(loss.backward(cache), (s - t) / 4, rtol=1e-12)


def test_gradients_agree_with_finite_differences(case):
    loss, outputs, targets = case
    _, cache = loss.forward(outputs, targets)
    gradient = loss.backward(cache)
    assert gradient.shape == outputs.shape
    for where in np.ndindex(outputs.shape):
        above, below = outputs.copy(), outputs.copy()
        above[where] += 1e-6
        below[where] -= 1e-6
        numeric = (loss.forward(above, targets)[0] - loss.forward(below, targets)[0]) / 2e-6
        assert gradient[where] == pytest.approx(numeric, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("start", [1, 3])
def test_shards_that_know_the_whole_batchs_size_add_up_to_the_batch(case, start):
    loss, outputs, targets = case
    value, cache = loss.forward(outputs, targets)
    whole, parts, values = loss.backward(cache), [], 0.0
    for piece in (slice(0, start), slice(start, None)):
        part, cache = loss.forward(outputs[piece], targets[piece], n=6)
        values += part
        parts.append(loss.backward(cache))
    assert values == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-12)


def test_an_empty_shard_adds_nothing(case):
    loss, outputs, targets = case
    value, cache = loss.forward(outputs[:0], targets[:0], n=6)
    assert value == 0
    assert loss.backward(cache).shape == (0, 4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_has_the_type_of_the_outputs_and_the_value_is_a_float(case, dtype):
    loss, outputs, targets = case
    value, cache = loss.forward(outputs.astype(dtype), targets)
    assert type(value) is float
    assert loss.backward(cache).dtype == dtype
    assert value == pytest.approx(loss.forward(outputs, targets)[0], rel=1e-5)


def test_outputs_and_targets_are_not_written_and_the_same_twice(case):
    loss, outputs, targets = case
    outputs.flags.writeable = targets.flags.writeable = False
    value, cache = loss.forward(outputs, targets)
    first = loss.backward(cache)
    assert np.array_equal(first, loss.backward(cache))
    again, cache = loss.forward(outputs, targets)
    assert again == value
    assert np.array_equal(first, loss.backward(cache))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e3, 1e30])
def test_extreme_outputs_neither_overflow_nor_lose_the_loss(dtype, size):
    outputs = np.array([[size, -size]], dtype)
    for loss, right, wrong in (
        (losses.CrossEntropy(), np.array([0]), np.array([1])),
        (losses.BinaryCrossEntropy(), np.array([[1, 0]]), np.array([[0, 1]])),
    ):
        value, cache = loss.forward(outputs, right)
        assert value == 0
        assert not loss.backward(cache).any()
        value, cache = loss.forward(outputs, wrong)
        assert value == pytest.approx(2 * size if right.ndim == 1 else size, rel=1e-6)
        assert np.isfinite(loss.backward(cache)).all()


def test_outputs_that_are_no_numbers_give_a_loss_that_is_none(case):
    loss, outputs, targets = case
    outputs[2, 1] = np.nan
    value, cache = loss.forward(outputs, targets)
    assert math.isnan(value)
    assert np.isnan(loss.backward(cache)[2]).any()


def test_a_loss_over_no_images_is_refused(case):
    loss, outputs, targets = case
    with pytest.raises(InputError, match="no images"):
        loss.forward(outputs[:0], targets[:0])


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, 1.5, float("nan")])
def test_label_smoothing_out_of_range_is_named(smoothing):
    with pytest.raises(
        InputError, match=rf"label_smoothing is {smoothing}, .*at least 0 and less than 1"
    ):
        losses.CrossEntropy(smoothing)


@pytest.mark.parametrize(
    ("loss", "targets", "said"),
    [
        (losses.CrossEntropy(), np.array([0, 3]), "0 to 3"),
        (losses.CrossEntropy(), np.array([-1, 0]), "-1 to 0"),
        (losses.CrossEntropy(), np.array([0, 1, 2]), r"\(3,\)"),
        (losses.CrossEntropy(), np.zeros((2, 2)), r"\(2, 2\)"),
        (losses.CrossEntropy(), np.array([0.0, 1.0]), "float64"),
        (losses.MeanSquaredError(), np.zeros((3, 2)), r"\(3, 2\).*\(2, 3\)"),
        (losses.BinaryCrossEntropy(), np.zeros(2), r"\(2,\).*\(2, 3\)"),
    ],
)
def test_targets_that_do_not_fit_are_named(loss, targets, said):
    with pytest.raises((InputError, ShapeError), match=said):
        loss.forward(LOGITS, targets)
