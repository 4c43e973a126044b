"""The stratified split: exact size, classes in proportion, drawn by the generator."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byhand.data import Dataset, stratified_split
from byhand.errors import InputError


def numbered(labels, classes):
    """A set whose every picture carries its place, so that it is known again."""
    n = len(labels)
    images = np.arange(n, dtype=np.uint32).view(np.uint8).reshape(n, 1, 2, 2)
    return Dataset(images, np.asarray(labels, np.int64), tuple(map(str, range(classes))))


def places(dataset):
    return np.frombuffer(dataset.images.tobytes(), np.uint32)


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=120),
    fraction=st.floats(0, 1, exclude_max=True),
    seed=st.integers(0, 2**32),
)
def test_the_parts_are_the_whole_in_proportion_and_in_order(labels, fraction, seed):
    whole = numbered(labels, 5)
    train, validation = stratified_split(whole, fraction, np.random.default_rng(seed))
    np.testing.assert_array_equal(
        np.sort(np.concatenate([places(train), places(validation)])), np.arange(len(labels))
    )
    for part in (train, validation):
        assert (np.diff(places(part).astype(np.int64)) > 0).all()
        np.testing.assert_array_equal(part.labels, whole.labels[places(part)])
        assert part.classes == whole.classes
    counts = np.bincount(whole.labels, minlength=5)
    kept = np.bincount(train.labels, minlength=5)
    assert (kept[counts >= 1] >= 1).all()
    total, most = round(len(labels) * fraction), int((counts - (counts >= 1)).sum())
    assert len(validation) == min(total, most)
    if total <= most and (kept[counts >= 1] > 1).all():  # no class was held at its last picture
        share = counts * total / len(labels)
        given_up = np.bincount(validation.labels, minlength=5)
        assert (np.abs(given_up - share) < 1).all()


def test_the_largest_remainders_get_what_is_left():
    # 7, 2 and 1 of ten; three go: shares 2.1, 0.6 and 0.3
    whole = numbered([0] * 7 + [1] * 2 + [2], 3)
    _, validation = stratified_split(whole, 0.3, np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(validation.labels, minlength=3), [2, 1, 0])


def test_the_seed_decides_which():
    whole = numbered(np.arange(200) % 4, 4)
    first, again, other = (
        places(stratified_split(whole, 0.1, np.random.default_rng(seed))[1]) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_fraction_of_zero_splits_nothing_off():
    whole = numbered([0, 1, 1], 2)
    train, validation = stratified_split(whole, 0, np.random.default_rng(0))
    assert (len(train), len(validation)) == (3, 0)
    assert validation.image_shape == whole.image_shape


@pytest.mark.parametrize("fraction", [-0.1, 1, 10, float("nan")])
def test_what_is_no_fraction_is_refused(sentence, fraction):
    with pytest.raises(InputError) as caught:
        stratified_split(numbered([0, 1], 2), fraction, np.random.default_rng(0))
    sentence(caught.value, fraction)
