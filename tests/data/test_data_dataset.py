"""Dataset and Splits: what they hold together, and what they refuse."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from byhand.data import Dataset, Splits
from byhand.errors import DataError, ShapeError


def dataset(n=6, shape=(1, 4, 5), classes=tuple("0123456789")):
    images = np.arange(n * np.prod(shape), dtype=np.uint8).reshape(n, *shape)
    return Dataset(images, np.arange(n, dtype=np.int64) % len(classes), classes)


def test_length_shape_and_parts():
    whole = dataset()
    assert (len(whole), whole.image_shape) == (6, (1, 4, 5))
    part = whole.take([4, 0])
    np.testing.assert_array_equal(part.images, whole.images[[4, 0]])
    np.testing.assert_array_equal(part.labels, [4, 0])
    assert len(whole.take(whole.labels > 1)) == 4
    assert len(whole.take([])) == 0
    assert len(whole.first(2)) == 2
    assert len(whole.first(100)) == 6
    assert np.shares_memory(whole.first(2).images, whole.images)


def test_labels_of_any_integer_type_become_int64():
    assert Dataset(np.zeros((1, 1, 2, 2), np.uint8), np.zeros(1, np.uint8)).labels.dtype == np.int64


def test_nothing_can_be_assigned():
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset().labels = None


@pytest.mark.parametrize(
    ("images", "labels", "error", "named"),
    [
        (np.zeros((2, 4, 4), np.uint8), np.zeros(2, int), ShapeError, "(2, 4, 4)"),
        (np.zeros((2, 1, 4, 4)), np.zeros(2, int), ShapeError, "float64"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.zeros((2, 10), int), ShapeError, "(2, 10)"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.zeros(2), ShapeError, "float64"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.zeros(3, int), DataError, "3 labels"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.array([0, 10]), DataError, "label 10 at position 1"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.array([-1, 0]), DataError, "label -1 at position 0"),
    ],
)
def test_what_is_no_set_is_refused_in_one_sentence(sentence, images, labels, error, named):
    with pytest.raises(error) as caught:
        Dataset(images, labels)
    sentence(caught.value, named)


def test_a_negative_count_is_refused():
    with pytest.raises(DataError, match="-1"):
        dataset().first(-1)


@pytest.mark.parametrize("part", ["test", "validation"])
@pytest.mark.parametrize("other", [dataset(shape=(1, 5, 5)), dataset(classes=tuple("abc"))])
def test_parts_must_fit_together(sentence, part, other):
    parts = {"train": dataset(), "test": dataset(), "validation": None, part: other}
    with pytest.raises(DataError) as caught:
        Splits(name="x", source="the place", sha256="", **parts)
    sentence(caught.value, "the place", part)
