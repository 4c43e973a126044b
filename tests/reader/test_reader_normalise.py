"""One digit's ink in MNIST's frame: box, centre of mass, aspect, whatever size it comes in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from byhand.reader.examples.pens import drawn_digits
from byhand.reader.normalise import BOX, SIDE, bounds, normalise, normalise_all


def blob(height, width, margin=5):
    ink = np.zeros((height + 2 * margin, width + 2 * margin), np.float32)
    ink[margin : margin + height, margin : margin + width] = 1
    return ink


def centre(picture):
    weights = picture.astype(np.float64)
    places = np.arange(SIDE) + 0.5
    return weights.sum(1) @ places / weights.sum(), weights.sum(0) @ places / weights.sum()


@settings(max_examples=60, deadline=None)
@given(st.integers(10, 300), st.integers(10, 300))
def test_the_longer_side_fills_the_box_and_the_aspect_is_kept(height, width):
    x, y, w, h = bounds(normalise(blob(height, width)))
    assert max(w, h) in range(BOX - 1, BOX + 3)
    assert min(w, h) == pytest.approx(BOX * min(height, width) / max(height, width), abs=2.1)
    assert x >= 1
    assert y >= 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_centre_of_mass_stands_in_the_middle(seed):
    rng = np.random.default_rng(seed)
    ink = blob(40, 40)
    ink[6:44, 6:44] = rng.random((38, 38)) > 0.4
    assert centre(normalise(ink)) == pytest.approx((SIDE / 2, SIDE / 2), abs=0.6)


def test_a_lopsided_digit_stays_inside_the_picture():
    ink = np.zeros((100, 100), np.float32)
    ink[0:8, 0:100] = 1  # a heavy bar on top
    ink[8:100, 98:100] = 0.6
    picture = normalise(ink)
    assert picture[[0, -1]].max() < 10
    assert picture[:, [0, -1]].max() < 10
    assert picture[2:9].max() == 255


@pytest.mark.parametrize("scale", [2, 3, 8])
def test_the_size_of_the_ink_does_not_matter(scale):
    for ink in drawn_digits(np.random.default_rng(4), 5)[0]:
        size = (round(ink.shape[1] * scale), round(ink.shape[0] * scale))
        other = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC))
        assert np.abs(normalise(ink).astype(int) - normalise(other)).mean() < 4


def test_paper_around_the_ink_and_its_strength_change_nothing():
    ink = np.pad(np.random.default_rng(2).random((20, 14)) > 0.5, 3).astype(np.float32)
    assert np.array_equal(normalise(ink), normalise(np.pad(ink, ((40, 3), (0, 17)))))
    assert np.abs(normalise(ink).astype(int) - normalise(ink * np.float32(0.3))).max() <= 1
    assert np.abs(normalise(ink).astype(int) - normalise((ink * 255).astype(np.uint8))).max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (0, 5), (1, 3000)])
def test_no_ink_is_an_empty_picture(shape):
    assert not normalise(np.zeros(shape, np.float32)).any()
    assert bounds(np.zeros(shape, np.float32)) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2000, 2000)])
def test_any_size_of_ink_gives_a_picture(shape):
    picture = normalise(np.ones(shape, np.float32))
    assert picture.shape == (SIDE, SIDE)
    assert picture.max() > 100


def test_the_ink_given_is_left_as_it_is_and_many_are_as_one():
    inks = [blob(30, 10), blob(9, 40)]
    before = [ink.copy() for ink in inks]
    together = normalise_all(inks)
    assert np.array_equal(together, np.stack([normalise(ink) for ink in inks]))
    assert all(np.array_equal(a, b) for a, b in zip(inks, before, strict=True))
    assert normalise_all([]).shape == (0, SIDE, SIDE)
