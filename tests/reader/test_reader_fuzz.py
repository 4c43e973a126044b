"""Changed pictures end in pages, in bounds (spoilt files: tests/fuzz)."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from byhand.reader import Page, Reader

CHANGES = 10  # of each way to change pixels


@pytest.fixture(scope="module")
def reader():
    return Reader.load()


@pytest.fixture(scope="module")
def page():
    """A small page of two lines, as pixels (110, 150, 3)."""
    image = Image.new("RGB", (150, 110), (235, 230, 220))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(34)
    draw.text((12, 8), "4 7 1 9", (40, 40, 70), font)
    draw.text((12, 60), "2 0 5", (40, 40, 70), font)
    return np.asarray(image)


def crop(pixels, rng):
    """A part of it, a pixel high or wide at the least."""
    height, width = pixels.shape[:2]
    top, left = int(rng.integers(height)), int(rng.integers(width))
    return pixels[
        top : int(rng.integers(top, height)) + 1, left : int(rng.integers(left, width)) + 1
    ]


def grain(pixels, rng):
    """Noise from slight to nothing but noise."""
    noise = rng.normal(0, 2 ** rng.uniform(0, 8), pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def levels(pixels, rng):
    """Its brightness stretched, squeezed or turned round, each colour on its own."""
    slope, offset = rng.uniform(-3, 3, 3), rng.uniform(-200, 400, 3)
    return np.clip(pixels * slope + offset, 0, 255).astype(np.uint8)


def faint(pixels, rng):
    """A contrast of a few grey levels, or of none."""
    few = int(rng.integers(0, 6))
    return (128 + (pixels.astype(int) * few) // 255).astype(np.uint8)


def rescale(pixels, rng):
    """Smaller, larger, flat or tall."""
    size = [max(1, int(n * 2 ** rng.uniform(-6, 1.2))) for n in pixels.shape[1::-1]]
    return np.asarray(Image.fromarray(pixels).resize(size))


def turn(pixels, rng):
    """Turned by any angle, with corners of any colour."""
    fill = tuple(rng.integers(0, 256, 3).tolist())
    return np.asarray(
        Image.fromarray(pixels).rotate(rng.uniform(0, 360), expand=True, fillcolor=fill)
    )


def patches(pixels, rng):
    """Rectangles of one colour or of noise on it."""
    pixels = pixels.copy()
    for _ in range(rng.integers(1, 12)):
        part = crop(pixels, rng)
        part[...] = rng.integers(0, 256, 3 if rng.integers(2) else part.shape)
    return pixels


def tiles(pixels, rng):
    """Cut to tiles, which are dealt out anew."""
    side = int(rng.integers(1, min(40, *pixels.shape[:2]) + 1))
    height, width = (n // side * side for n in pixels.shape[:2])
    grid = pixels[:height, :width].reshape(height // side, side, width // side, side, 3)
    flat = grid.swapaxes(1, 2).reshape(-1, side, side, 3)  # (tiles, side, side, 3)
    dealt = rng.permutation(flat).reshape(height // side, width // side, side, side, 3)
    return dealt.swapaxes(1, 2).reshape(height, width, 3)


def stripes(pixels, rng):
    """Every few rows or columns of another colour: rules, combs, squared paper."""
    pixels = pixels.copy()
    if rng.integers(3):
        pixels[:: rng.integers(1, 20)] = rng.integers(0, 256, 3)
    if rng.integers(3):
        pixels[:, :: rng.integers(1, 20)] = rng.integers(0, 256, 3)
    return pixels


def scribble(pixels, rng):
    """A long line all over it."""
    image = Image.fromarray(pixels)
    points = [tuple(p) for p in rng.uniform(-20, 170, (rng.integers(2, 60), 2)).tolist()]
    ImageDraw.Draw(image).line(points, (30, 30, 60), int(rng.integers(1, 9)))
    return np.asarray(image)


def retype(pixels, rng):
    """Of another type or number of channels."""
    grey = pixels[..., 1]
    alpha = np.concatenate([pixels, rng.permutation(pixels[..., :1])], axis=2)
    return (grey > 200, grey[..., None], alpha, pixels / 255, grey.astype(np.uint16) * 257,
            (grey / 255).astype(np.float16), pixels[::-1, ::-1], np.asfortranarray(pixels),
            np.repeat(grey[:1], 3, 0), grey[:, :1])[rng.integers(10)]  # fmt: skip


WAYS = (crop, grain, levels, faint, rescale, turn, patches, tiles, stripes, scribble, retype)


def check_page(page, pixels, threshold):
    assert isinstance(page, Page)
    json.dumps(page.as_dict(), allow_nan=False)
    assert page.rotation in (0, 90, 180, 270)
    height, width = pixels.shape[:2]
    assert page.size == ((width, height) if page.rotation % 180 == 0 else (height, width))
    assert page.text.replace("\n", "").isdecimal() or not page.text.strip()
    for line in page.lines:
        for digit in line.digits:
            assert 0 <= digit.confidence <= 1
            assert (digit.value is None) == (digit.confidence < threshold)
            assert digit.value in (None, digit.choices(1)[0][0])
            assert np.isclose(digit.probabilities.sum(), 1, atol=1e-4)
            x, y, w, h = digit.box
            assert min(w, h) >= 1
            assert min(x, y) >= 0
            assert x + w <= page.size[0]
            assert y + h <= page.size[1]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_changed_picture_ends_in_a_page_within_bounds(way, reader, page):
    rng = np.random.default_rng(list(way.__name__.encode()))
    for _ in range(CHANGES):
        pixels = way(page, rng)
        if not rng.integers(3):
            pixels = WAYS[rng.integers(len(WAYS) - 1)](pixels, rng) if way is not retype else pixels
        threshold = (0.0, reader.threshold, float(rng.uniform()))[rng.integers(3)]
        grid = (None, None, None, True, False, (3, 3))[rng.integers(6)]
        digits = (None, None, 1, 4)[rng.integers(4)]
        before = pixels.copy()
        read = reader.read(pixels, grid=grid, threshold=threshold, digits=digits)
        assert np.array_equal(pixels, before)
        check_page(read, pixels, threshold)


def test_the_page_that_is_changed_is_read_as_it_is(reader, page):
    # Without this the changes could all be of nothing.
    assert reader.read(page).text.split() == ["4719", "205"]
