"""Drawings with thick strokes are shrunk before they are read; everything else stays as it is."""

from __future__ import annotations

import numpy as np
import pytest

from byhand.reader.shrink import of_one_digit, of_thick_strokes, shrunk


def drawing(side=400, stroke=30, ink=(0, 0, 0), paper=(255, 255, 255)):
    """A ring on flat paper."""
    y, x = np.mgrid[:side, :side] - side / 2
    ring = np.abs(np.hypot(x, y) - side / 3) < stroke / 2
    return np.where(ring[..., None], np.uint8(ink), np.uint8(paper))


@pytest.mark.parametrize(
    ("stroke", "by"), [(60, 4), (32, 4), (18, 2), (14, 2), (8, 1), (4, 1), (1, 1)]
)
def test_the_thicker_the_strokes_the_fewer_the_pixels(stroke, by):
    assert of_thick_strokes(drawing(stroke=stroke)).shape == (400 // by, 400 // by, 3)


def test_one_thin_stroke_keeps_all_pixels():
    pixels = drawing(stroke=60)
    pixels[180:220:2, 180:220] = 0
    assert of_thick_strokes(pixels) is pixels


@pytest.mark.parametrize("ink", [(200, 0, 0), (0, 90, 90), (255, 255, 0)])
def test_colours_count_though_their_grey_is_the_papers(ink):
    grey = round(0.299 * ink[0] + 0.587 * ink[1] + 0.114 * ink[2])
    assert of_thick_strokes(drawing(stroke=60, ink=ink, paper=(grey,) * 3)).shape[0] == 100


def test_photographs_and_blanks_and_what_is_small_or_large_stay_as_they_are():
    rng = np.random.default_rng(0)
    grain = (drawing() * 0.8 + rng.normal(0, 4, (400, 400, 1)) + 20).clip(0, 255).astype(np.uint8)
    blank = np.full((300, 300, 3), 200, np.uint8)
    for pixels in (grain, blank, drawing(64, 20), drawing(1100, 100)):
        assert of_thick_strokes(pixels) is pixels


def test_a_picture_of_one_digit_comes_down_to_some_hundred_pixels():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (1000, 700, 3), dtype=np.uint8)
    assert of_one_digit(noise).shape == (143, 100, 3)
    assert of_one_digit(noise[:200]).shape == (40, 140, 3)


def test_shrinking_averages():
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[:2, :2] = 200
    pixels[0, 4] = 100
    assert shrunk(pixels, 2)[..., 0].tolist() == [[200, 0, 25], [0, 0, 0]]
    assert shrunk(pixels, 1) is pixels
