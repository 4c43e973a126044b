"""Dataset and Splits: what they hold together, and what they refuse."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from byhand.data import Dataset, Splits
from byhand.errors import DataError, InputError, ShapeError


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


BYTES = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 9)).astype(np.uint8)
BYTES[0, 0, 0, 0] = 255


@pytest.mark.parametrize(
    "given",
    [
        BYTES.transpose(0, 2, 3, 1), BYTES.tolist(), list(BYTES), BYTES.astype(np.int64),
        BYTES.astype(np.uint16), BYTES.astype(np.float32), BYTES / 255, np.ma.masked_array(BYTES),
    ],
    ids=["channels last", "lists", "list", "int64", "uint16", "float 255", "float 1", "unmasked"],
)  # fmt: skip
def test_pictures_of_every_form_become_the_same_bytes(given):
    images = Dataset(given, range(4)).images
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, BYTES)


def test_grey_pictures_get_their_axis_and_booleans_are_black_and_white():
    grey = BYTES[:, 0]
    np.testing.assert_array_equal(Dataset(grey, range(4)).images[:, 0], grey)
    np.testing.assert_array_equal(Dataset(grey[..., None], range(4)).images[:, 0], grey)
    np.testing.assert_array_equal(Dataset(grey > 99, range(4)).images[:, 0], 255 * (grey > 99))
    few = Dataset(BYTES[:, :, :, :3], range(4)).images  # (N, 3, 8, 3): the channels stand first
    np.testing.assert_array_equal(few, BYTES[:, :, :, :3])


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (BYTES[0, 0], "(8, 9)"),
        (np.ma.masked_array(BYTES, BYTES > 9), "masked"),
        (BYTES.astype(complex), "complex128"),
        (BYTES.astype(str), "<U3"),
        (BYTES.astype(object), "object"),
        (BYTES.astype("M8[s]"), "datetime64"),
        ([[1], [2, 3]], "make no array"),
        (None, "object"),
        (BYTES - 128.0, "below zero"),
        (BYTES * np.nan, "no numbers"),
        (BYTES * 257.0, "0 to 65535: scale them"),
        (BYTES / 10, "neither 0 to 1 nor 0 to 255"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_sentence(sentence, given, named):
    with pytest.raises(InputError) as caught:
        Dataset(given, range(4))
    sentence(caught.value, named)


NAMES = ("cat", "dog", "7")


@pytest.mark.parametrize(
    "given",
    [
        [2, 0, 1], np.array([2, 0, 1], np.uint8), np.array([2.0, 0, 1]), np.array([[2], [0], [1]]),
        np.eye(3)[[2, 0, 1]], np.eye(3, dtype=bool)[[2, 0, 1]], ["7", "cat", "dog"],
        np.array(["7", "cat", "dog"]), np.array(["7", "cat", "dog"], object),
        np.array([2, 0, 1], object),
    ],
)  # fmt: skip
def test_labels_of_every_form_become_the_same_places(given):
    labels = Dataset(BYTES[:3], given, NAMES).labels
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, [2, 0, 1])


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ([0.5, 1, 2], "label 0.5 at position 0"),
        ([0, np.nan, 2], "label nan at position 1"),
        (["cat", "cow", "dog"], "'cow' at position 1"),
        (np.full((3, 3), 1 / 3), "argmax"),
        (np.eye(3)[[0, 1, 1]] + np.eye(3)[[1, 1, 1]], "argmax"),
        (np.zeros((3, 2)), "(3, 2)"),
        ([1j, 2, 0], "complex128"),
        (None, "shape ()"),
        ([b"cat"] * 3, "|S3"),
        (np.ma.masked_array([0, 1, 2], [0, 1, 0]), "masked"),
        (np.array([0, 1, 2**63], np.uint64), "label 9223372036854775808"),
    ],
)
def test_what_is_no_label_is_refused_in_one_sentence(sentence, given, named):
    with pytest.raises(InputError) as caught:
        Dataset(BYTES[:3], given, NAMES)
    sentence(caught.value, named)


@pytest.mark.parametrize(
    ("names", "named"),
    [
        ((), "no classes"), ("cat", "list of names"), (None, "None"), (3, "3"),
        (("a", "b", "a"), "classes 0 and 2"), (("a", "", "b"), "class 1 has no name"),
        (("a", "\ud800", "b"), "no valid Unicode"), (("a", 1.5, "b"), "1.5"),
        ((1, "1", 2), "classes 0 and 1"),
    ],
)  # fmt: skip
def test_class_names_that_cannot_be_told_apart_are_refused(sentence, names, named):
    with pytest.raises(InputError) as caught:
        Dataset(BYTES[:3], [0, 1, 2], names)
    assert named in str(caught.value)
    str(caught.value).encode()


def test_nothing_can_be_assigned():
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset().labels = None


@pytest.mark.parametrize(
    ("images", "labels", "error", "named"),
    [
        (np.zeros((2, 16), np.uint8), np.zeros(2, int), ShapeError, "(2, 16)"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.zeros((2, 10), int), DataError, "(2, 10)"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.zeros(3, int), DataError, "3 labels"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.array([0, 10]), DataError, "label 10 at position 1"),
        (np.zeros((2, 1, 4, 4), np.uint8), np.array([-1, 0]), DataError, "label -1 at position 0"),
    ],
)
def test_what_is_no_set_is_refused_in_one_sentence(sentence, images, labels, error, named):
    with pytest.raises(error) as caught:
        Dataset(images, labels)
    sentence(caught.value, named)


@pytest.mark.parametrize("indices", [[6], [-7], [0.5], ["0"], [True, False], None])
def test_indices_that_take_nothing_are_refused(sentence, indices):
    with pytest.raises(DataError) as caught:
        dataset().take(indices)
    sentence(caught.value, "0 to 5")


def test_a_negative_count_is_refused():
    with pytest.raises(InputError, match="-1"):
        dataset().first(-1)


@pytest.mark.parametrize("part", ["test", "validation"])
@pytest.mark.parametrize("other", [dataset(shape=(1, 5, 5)), dataset(classes=tuple("abc"))])
def test_parts_must_fit_together(sentence, part, other):
    parts = {"train": dataset(), "test": dataset(), "validation": None, part: other}
    with pytest.raises(DataError) as caught:
        Splits(name="x", source="the place", sha256="", **parts)
    sentence(caught.value, "the place", part)
