"""Batches: every picture once, or drawn anew, always by the generator that was given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byhand.data import SAMPLINGS, Dataset, Standardisation, batch_indices, batches, one_hot
from byhand.errors import InputError, ShapeError


def dataset(n=11):
    images = np.arange(n * 4, dtype=np.uint8).reshape(n, 1, 2, 2)
    return Dataset(images, np.arange(n, dtype=np.int64) % 10)


@given(n=st.integers(0, 50), size=st.integers(1, 60), seed=st.integers(0, 99))
def test_an_epoch_meets_every_picture_once_and_the_last_batch_is_what_is_left(n, size, seed):
    for sampling in ("shuffle", "in_order"):
        rng = np.random.default_rng(seed)
        parts = list(batch_indices(n, size, rng, sampling))
        assert [len(part) for part in parts] == [size] * (n // size) + [n % size] * (n % size > 0)
        together = np.concatenate([np.empty(0, np.int64), *parts])
        assert together.dtype == np.int64
        np.testing.assert_array_equal(np.sort(together), np.arange(n))
        if sampling == "in_order":
            np.testing.assert_array_equal(together, np.arange(n))


def test_shuffling_draws_one_permutation_and_order_draws_nothing():
    rng, twin = np.random.default_rng(5), np.random.default_rng(5)
    shuffled = np.concatenate(list(batch_indices(20, 6, rng)))
    np.testing.assert_array_equal(shuffled, twin.permutation(20))
    list(batch_indices(20, 6, rng, "in_order"))
    assert rng.bit_generator.state == twin.bit_generator.state


def test_with_replacement_draws_each_full_batch_when_it_is_asked_for():
    rng, twin = np.random.default_rng(5), np.random.default_rng(5)
    epoch = batch_indices(10, 4, rng, "with_replacement")
    for _ in range(3):  # ceil(10 / 4)
        np.testing.assert_array_equal(next(epoch), twin.integers(10, size=4))
        assert rng.bit_generator.state == twin.bit_generator.state
    assert next(epoch, None) is None


def test_each_epoch_has_another_order_and_each_seed_too():
    rng = np.random.default_rng(0)
    first, second = (np.concatenate(list(batch_indices(50, 8, rng))) for _ in range(2))
    assert not np.array_equal(first, second)


def test_batches_hold_standardised_pictures_with_their_labels():
    data, fitted = dataset(), Standardisation((0.25,), (0.5,))
    seen = []
    for batch in batches(data, 4, np.random.default_rng(0), standardisation=fitted):
        images, labels, indices = batch
        assert images.dtype == np.float32
        np.testing.assert_allclose(
            images, (data.images[indices] / 255 - 0.25) / 0.5, rtol=1e-5, atol=1e-6
        )
        np.testing.assert_array_equal(labels, data.labels[indices])
        seen += list(indices)
    assert sorted(seen) == list(range(11))


def test_without_standardisation_pixels_are_divided_by_255():
    how = {"rng": np.random.default_rng(0), "sampling": "in_order"}
    (batch,) = batches(dataset(3), 3, layout="reference", **how)
    divided = dataset(3).images.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(batch.images, divided)
    (batch,) = batches(dataset(3), 3, **how)
    np.testing.assert_array_max_ulp(batch.images, divided, 1)  # the core multiplies by 1 / 255


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("skip", [0, 1, 2, 3, 5])
def test_going_on_in_the_middle_of_an_epoch_is_as_if_it_had_not_stopped(sampling, skip):
    rng, twin = np.random.default_rng(3), np.random.default_rng(3)
    whole = list(batches(dataset(), 4, rng, sampling=sampling))
    rest = list(batches(dataset(), 4, twin, sampling=sampling, skip=skip))
    assert len(rest) == max(0, len(whole) - skip)
    for a, b in zip(whole[skip:], rest, strict=True):
        np.testing.assert_array_equal(a.images, b.images)
        np.testing.assert_array_equal(a.indices, b.indices)
    assert rng.bit_generator.state == twin.bit_generator.state


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": -3}, "batch_size is -3"),
        ({"batch_size": 2.5}, "batch_size is 2.5"),
        ({"batch_size": True}, "batch_size is True"),
        ({"batch_size": "64"}, "batch_size is '64'"),
        ({"batch_size": 10**12}, "batch_size is 1000000000000"),
        ({"skip": 1.0}, "skip is 1.0"),
        ({"sampling": None}, "shuffle, in_order, with_replacement"),
        ({"sampling": "sorted"}, "shuffle, in_order, with_replacement"),
        ({"skip": -1}, "skip is -1"),
    ],
)
def test_bad_settings_are_refused_before_the_first_batch(how, named):
    with pytest.raises(InputError, match=named):
        batches(dataset(), rng=np.random.default_rng(0), **{"batch_size": 4, **how})


def test_one_hot_rows_have_their_one_at_the_label():
    rows = one_hot([2, 0, 1], 4)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, [[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0]])
    assert one_hot(np.array([1]), 2, np.float64).dtype == np.float64
    assert one_hot([], 3).shape == (0, 3)


@pytest.mark.parametrize(
    ("labels", "error"),
    [([0, 3], InputError), ([-1], InputError), ([0.5], ShapeError), ([[1]], ShapeError)],
)
def test_labels_without_a_one_hot_form_are_refused(sentence, labels, error):
    with pytest.raises(error) as caught:
        one_hot(labels, 3)
    sentence(caught.value)


def test_a_batch_with_replacement_takes_no_more_memory_than_makes_sense():
    rng = np.random.default_rng(0)
    assert len(next(batch_indices(27, 2**16, rng, "with_replacement"))) == 2**16
    assert len(next(batch_indices(27, 2**30, rng, "shuffle"))) == 27
    with pytest.raises(InputError, match=r"batch_size is 1,073,741,824, but .* of the 27 pictures"):
        batch_indices(27, 2**30, rng, "with_replacement")
