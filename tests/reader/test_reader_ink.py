"""Ink: found on every kind of paper and in every light, whole, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

import support
from byhand.data import open_data
from byhand.reader.ink import CORE, find_ink
from reader import pages
from reader.pages import STYLES

GLYPHS = pages.glyphs()
# Rules in the colour of the ink: what of a stroke lies along one cannot be told from it.
SAME_COLOUR = {"ruled dark"}


def rgb(grey):
    return np.ascontiguousarray(np.repeat(np.asarray(grey, np.uint8)[..., None], 3, axis=2))


def drawn(style, seed=0, counts=(6, 5, 7)):
    return pages.draw(np.random.default_rng(seed), *GLYPHS, counts=counts, style=style)


def shares(page, amount):
    """How much of the digits' ink was found, and how much was found elsewhere, by their ink."""
    found, true = amount >= CORE, page.ink > 0.5
    grown = ndimage.maximum_filter(page.ink, 5) > 0.05
    return (found & true).sum() / true.sum(), (found & ~grown).sum() / true.sum()


@pytest.mark.parametrize("name", STYLES)
def test_digits_ink_is_found_whole_and_little_else(name):
    page = drawn(STYLES[name])
    ink = find_ink(page.pixels)
    assert ink.amount.shape == page.ink.shape
    assert ink.amount.dtype == np.float32
    assert 0 <= ink.amount.min() <= ink.amount.max() <= 1
    assert ink.dark == (name not in ("white on black", "chalk"))
    whole, _ = shares(page, ink.amount)
    assert whole > (0.97 if name in SAME_COLOUR else 0.99)
    # What lies along the picture's border is no digit and is dropped with the pieces.
    inner = ink.amount.copy()
    edge = 60 if "border" in name or "shadow" in name or name == "squared skewed" else 0
    if edge:
        inner[:edge] = inner[-edge:] = inner[:, :edge] = inner[:, -edge:] = 0
    assert shares(page, inner)[1] < 0.03


@pytest.mark.parametrize("pressure", [1.0, 0.3, 0.12])
def test_the_middle_of_a_stroke_is_full_ink_however_faint_the_pen(pressure):
    page = drawn(replace(STYLES["plain"], pressure=pressure, noise=1.0))
    ink = find_ink(page.pixels)
    middle = ink.amount[page.ink > 0.95]
    assert np.median(middle) > 0.9
    assert np.percentile(middle, 5) > 0.6
    assert ink.contrast == pytest.approx(0.83 * pressure, rel=0.35)


def test_faint_digits_beside_bold_ones_are_full_ink_too():
    bold = drawn(replace(STYLES["plain"], size=(500, 300)), counts=(5, 5))
    faint = drawn(replace(STYLES["plain"], size=(500, 300), pressure=0.35), counts=(5, 5))
    pixels = np.concatenate([bold.pixels, faint.pixels])
    amount = find_ink(pixels).amount[300:]
    assert shares(faint, amount)[0] > 0.99
    assert np.median(amount[faint.ink > 0.95]) > 0.9


@pytest.mark.parametrize("side", [28, 56, 140, 280])
@pytest.mark.parametrize("inverted", [False, True])
def test_one_drawn_digit_of_any_size_is_its_own_ink(side, inverted):
    for digit in range(10):
        picture = Image.fromarray(GLYPHS[0][digit]).resize((side, side), Image.Resampling.BICUBIC)
        grey = np.asarray(picture)
        ink = find_ink(rgb(255 - grey if inverted else grey))
        assert ink.dark == inverted
        assert np.abs(ink.amount - grey / 255).sum() < 0.05 * (grey / 255).sum()


def test_a_bold_stroke_a_seventh_of_the_picture_wide_is_not_hollow():
    grey = np.zeros((280, 280), np.uint8)
    grey[40:240, 120:160] = 255
    noise = np.random.default_rng(0).normal(0, 6, grey.shape)
    amount = find_ink(rgb((60 + 0.6 * grey + noise).clip(0, 255))).amount
    assert amount[60:220, 125:155].min() > 0.5
    assert amount[:, :110].max() == 0


@pytest.mark.parametrize("value", [0, 1, 128, 255])
@pytest.mark.parametrize("size", [(1, 1), (1, 500), (40, 40), (300, 400)])
def test_one_colour_holds_no_ink(value, size):
    assert not find_ink(rgb(np.full(size, value))).amount.any()


def test_grain_alone_is_no_ink():
    rng = np.random.default_rng(0)
    for spread in (2, 10, 25):
        pixels = rng.normal(180, spread, (400, 600, 3)).clip(0, 255).astype(np.uint8)
        assert (find_ink(pixels).amount >= CORE).mean() < 1e-4


def test_noise_and_patterns_are_survived_at_any_size():
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (2, 3), (1, 2048), (2048, 1), (17, 300), (64, 64), (300, 300)):
        pixels = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
        amount = find_ink(pixels).amount
        assert amount.shape == shape
        assert np.isfinite(amount).all()


def test_the_picture_is_left_as_it_was():
    page = drawn(STYLES["chalk"])
    before = page.pixels.copy()
    page.pixels.flags.writeable = False
    find_ink(page.pixels)
    np.testing.assert_array_equal(page.pixels, before)


def test_a_digit_s_own_bars_are_no_rules():
    # Large thin digits of straight strokes: alone, and three in a row.
    for digits in ("1", "7", "4", "111", "777", "147"):
        page = Image.new("L", (280 * len(digits), 280), 255)
        strokes = {
            "1": [(140, 30, 140, 250)],
            "7": [(60, 40, 220, 40), (220, 40, 120, 250)],
            "4": [(110, 30, 70, 160), (70, 160, 220, 160), (180, 30, 180, 250)],
        }
        for i, digit in enumerate(digits):
            for x0, y0, x1, y1 in strokes[digit]:
                ends = [280 * i + x0, y0, 280 * i + x1, y1]
                ImageDraw.Draw(page).line(ends, fill=20, width=5)
        grey = np.asarray(page)
        assert (find_ink(rgb(grey)).amount[grey < 100] >= CORE).mean() > 0.99, digits


def test_mnist_s_digits_are_found_as_they_are():
    images = open_data(support.require_data()).test.images[:200, 0]
    for image in images:
        true = image / np.float32(255)
        amount = find_ink(rgb(image)).amount
        assert (true * (amount == 0)).sum() < 0.005 * true.sum()
        assert np.abs(amount - true).sum() < 0.1 * true.sum()


@pytest.mark.parametrize("name", ["usps_train", "semeion", "nsysu_exam_108x", "drawn_28x28"])
def test_other_hands_ink_is_told_from_their_paper(name):
    path = support.require_data() / "handwriting" / f"{name}.npz"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    with np.load(path) as file:
        images = file["images"][:60].reshape(-1, *file["images"].shape[-2:])
    dark = name in ("nsysu_exam_108x", "drawn_28x28")
    assert all(find_ink(rgb(image)).dark == dark for image in images)
    assert all(find_ink(rgb(255 - image)).dark != dark for image in images)
