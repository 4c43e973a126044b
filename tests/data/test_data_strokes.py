"""Strokes: dilation and erosion by whole pixels are SciPy's, and parts of a pixel lie between."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from byhand.data.strokes import thicken

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (6, 2, 7, 9)).astype(np.uint8)
CROSS = ndimage.generate_binary_structure(2, 1)


def by_scipy(picture, steps):
    """A plane thicker (thinner, below 0) by whole steps, black outside."""
    change = ndimage.grey_dilation if steps > 0 else ndimage.grey_erosion
    for _ in range(abs(steps)):
        picture = change(picture, footprint=CROSS, mode="constant", cval=0)
    return picture


def test_whole_steps_are_those_of_scipy():
    steps = np.array([-2, -1, 0, 1, 2, 3])
    changed = thicken(PICTURES, steps.astype(np.float64))
    for picture, got, n in zip(PICTURES, changed, steps, strict=True):
        for plane, result in zip(picture, got, strict=True):
            assert np.array_equal(result, by_scipy(plane, n))


@pytest.mark.parametrize("share", [0.25, 0.5, 0.7])
def test_a_part_of_a_step_lies_so_far_between_two_steps(share):
    for start in (-2, -1, 1, 2):
        amounts = np.full(6, start + np.copysign(share, start))
        changed = thicken(PICTURES, amounts)
        for picture, got in zip(PICTURES, changed, strict=True):
            for plane, result in zip(picture, got, strict=True):
                before = by_scipy(plane, start).astype(float)
                after = by_scipy(plane, start + int(np.sign(start)))
                # Half a level by rounding, half by the share's rounding to 1/256.
                assert np.abs(result - (before + share * (after - before))).max() <= 1


def test_a_part_of_a_step_is_the_extreme_in_between_pixels():
    # Five values on a line, of which the middle one sees 0.3 pixels far.
    line = np.array([[10, 60, 100, 180, 20]], np.uint8)
    picture = np.repeat(line, 3, axis=0)[None, None]
    places = np.arange(5)
    near = np.interp(2 + np.linspace(-0.3, 0.3, 601), places, line[0])
    thicker, thinner = thicken(np.concatenate([picture] * 2), np.array([0.3, -0.3]))[:, 0, 1, 2]
    assert abs(int(thicker) - near.max()) <= 1
    assert abs(int(thinner) - near.min()) <= 1


def test_no_amount_changes_nothing_and_a_huge_one_ends():
    assert np.array_equal(thicken(PICTURES, np.zeros(6)), PICTURES)
    huge = thicken(PICTURES, np.array([1e12, -1e12] * 3))
    assert (huge[::2] == PICTURES[::2].max(axis=(2, 3), keepdims=True)).all()
    assert not huge[1::2].any()
    assert thicken(PICTURES[:0], np.zeros(0)).shape == (0, 2, 7, 9)


def test_pictures_are_left_as_they_are():
    before = PICTURES.copy()
    thicken(PICTURES, np.linspace(-2, 2, 6))
    assert np.array_equal(PICTURES, before)
