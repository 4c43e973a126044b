"""Pictures of no digit to test the reader on, made otherwise than those that it learnt from."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from byhand.errors import InputError
from byhand.reader.examples.fonts import matplotlib_fonts
from byhand.reader.examples.glyphs import LETTERS, draw_text
from byhand.reader.examples.pen import draw, smooth, turned

SHARES = {"letter": 0.5, "scribble": 0.2, "texture": 0.15, "noise": 0.1, "blank": 0.05}
_SPACE = 0x6E6F6E65  # keeps these numbers apart from those of anything that is trained


def nondigits_for_testing(
    n: int = 2000, seed: int = 0, fonts: list[Path] | None = None
) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """`n` whole pictures that show no digit, as somebody would hand them to `Reader.read_digits`.

    Grey pictures (h, w) of 28 to 100 pixels, dark on light or light on dark, with a little noise.
    Letters are of fonts that nothing is learnt from, other than the sixteen shaped like digits.

    Args:
        n: how many; every kind has its share of `SHARES`.
        seed: the same seed gives the same pictures.
        fonts: for the letters; None: those that matplotlib brings, the same on every machine that
            has that version.

    Returns:
        The pictures, and the kind of each: "letter", "scribble", "texture", "noise" or "blank".

    Raises:
        InputError: `n` is not positive, or there are no fonts.
    """
    if n < 1:
        raise InputError(f"{n} pictures cannot be made: give a number of at least 1")
    rng = np.random.default_rng([_SPACE, seed])
    fonts = matplotlib_fonts() if fonts is None else fonts
    bounds = np.rint(np.cumsum(list(SHARES.values())) * n).astype(int)
    kinds = [list(SHARES)[int(np.searchsorted(bounds, i, side="right"))] for i in range(n)]
    kinds = [kinds[i] for i in rng.permutation(n)]
    pictures = []
    for kind in kinds:
        side = int(rng.integers(28, 101))
        if kind == "letter":
            picture = _on_paper(_letter(side, fonts, rng), rng)
        elif kind == "scribble":
            picture = _on_paper(_scribble(side, rng), rng)
        elif kind == "texture":
            texture = _TEXTURES[rng.integers(len(_TEXTURES))]
            picture = _on_paper(np.clip(texture(side, rng), 0, 1), rng)
        else:
            picture = _noise(side, rng) if kind == "noise" else _blank(side, rng)
        pictures.append(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
    return pictures, kinds


def words_for_testing(
    n: int, seed: int = 0, fonts: list[Path] | None = None
) -> tuple[list[NDArray[np.uint8]], list[int]]:
    """`n` grey pages (H, W) of printed words that hold no digit, nor a letter shaped like one.

    Args:
        n: how many.
        seed: the same seed gives the same pages.
        fonts: as for `nondigits_for_testing`.

    Returns:
        The pages, and how many letters are on each.
    """
    rng = np.random.default_rng([_SPACE, seed, 1])
    fonts = matplotlib_fonts() if fonts is None else fonts
    pages, counts = [], []
    for _ in range(n):
        font, height = fonts[rng.integers(len(fonts))], int(rng.integers(24, 70))
        page, count = np.zeros((8 * height, 16 * height)), 0
        for top in range(height, 6 * height, 2 * height):
            left = int(rng.integers(height // 2, 2 * height))
            while left < page.shape[1]:
                text = "".join(rng.choice(list(LETTERS), rng.integers(3, 9)))
                word = draw_text(font, text)
                if word is None:
                    break
                small = _resized(word, height / 44)
                h, w = small.shape
                if left + w > page.shape[1] - 4 or h > 1.7 * height:
                    break
                page[top : top + h, left : left + w] = small / 255
                count, left = count + len(text), left + w + height
        pages.append(np.clip(np.rint(_on_paper(page, rng)), 0, 255).astype(np.uint8))
        counts.append(count)
    return pages, counts


def _resized(glyph: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    from PIL import Image

    h, w = (max(1, round(side * scale)) for side in glyph.shape)
    return np.asarray(Image.fromarray(glyph).resize((w, h), Image.Resampling.LANCZOS))


def _on_paper(ink: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Ink (h, w) of 0 to 1 as grey on a paper of another grey."""
    light, dark = rng.uniform(170, 255), rng.uniform(0, 90)
    paper, pen = (light, dark) if rng.random() < 0.5 else (dark, light)
    noise = rng.normal(0, rng.choice([0, 2, 5]), ink.shape)
    return paper + (pen - paper) * ink + noise


def _letter(side: int, fonts: list[Path], rng: np.random.Generator) -> NDArray[np.float64]:
    """A letter some 45 to 80 % as large as the picture, somewhere in it."""
    while True:
        font, letter = fonts[rng.integers(len(fonts))], LETTERS[rng.integers(len(LETTERS))]
        glyph = draw_text(font, letter)
        if glyph is not None:
            break
    small = _resized(glyph, side * rng.uniform(0.45, 0.8) / max(glyph.shape))
    h, w = small.shape
    ink = np.zeros((side, side))
    y, x = rng.integers(1, side - h), rng.integers(1, side - w)
    ink[y : y + h, x : x + w] = small / 255
    return ink


def _scribble(side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    strokes = _STROKES[rng.integers(len(_STROKES))](rng)
    every = np.concatenate(strokes)
    low, span = every.min(axis=0), np.ptp(every, axis=0)
    scale = side * rng.uniform(0.5, 0.85) / span.max()
    shift = (side - span * scale) / 2
    placed = [(stroke - low) * scale + shift for stroke in strokes]
    return draw(placed, (side, side), side * rng.uniform(0.02, 0.08)) / 255


def _bezier(rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """A chain of cubic Bézier curves whose control points are anywhere."""
    t = np.linspace(0, 1, 16)[:, None]
    ends, curves = rng.normal(size=(int(rng.integers(5, 9)), 2)), []
    for a, d in pairwise(ends):
        b, c = rng.normal(size=(2, 2)) * 1.5
        curves.append(
            (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
        )
    return [np.concatenate(curves)]


def _lissajous(rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Swings to and fro in both directions, 2:3 and beyond: 1:1 is a nought and 1:2 an eight."""
    a, b = ((2, 3), (3, 4), (2, 5), (3, 5), (4, 5), (3, 2), (4, 3), (5, 3))[rng.integers(8)]
    t = np.linspace(0, 2 * np.pi, 240)
    # Farthest from where the curve folds onto itself.
    phase = (np.pi / (2 * b) if a * b % 2 else 0) + rng.uniform(-0.25, 0.25) * np.pi / b
    return [np.stack([np.sin(a * t + phase), np.sin(b * t)], 1)]


def _sticks(rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Five to nine straight strokes thrown down."""
    return [np.array(rng.normal(size=(2, 2))) for _ in range(rng.integers(5, 10))]


def _wave(rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """A swelling wave of five periods or more, in any direction."""
    x = np.linspace(0, 1, 150)
    y = rng.uniform(0.05, 0.35) * np.sin(2 * np.pi * rng.uniform(5, 9) * x) * np.exp(x - 1)
    return [turned(np.stack([x, y], 1), rng.uniform(0, 180))]


def _fill(rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """A patch coloured in with a pen, from one end to the other and back."""
    n = int(rng.integers(8, 16))
    ends = np.where(np.arange(n) % 2, rng.uniform(0.6, 1, n), rng.uniform(0, 0.4, n))
    return [turned(smooth(np.stack([ends, np.linspace(0, 0.8, n)], 1)), rng.uniform(0, 360))]


def _checks(side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    cell = int(rng.integers(2, side // 4))
    y, x = np.indices((side, side)) // cell
    return ((x + y) % 2).astype(np.float64)


def _grating(side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    y, x = np.indices((side, side)) / side
    angle, lines = rng.uniform(0, np.pi), rng.uniform(3, 14)
    wave = np.sin(2 * np.pi * lines * (x * np.cos(angle) + y * np.sin(angle)))
    return 0.5 + wave * rng.uniform(0.5, 3)


def _bricks(side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    high = int(rng.integers(5, side // 3))
    wide, joint = 2 * high, max(1, high // 6)
    y, x = np.indices((side, side))
    x = x + (y // high % 2) * high
    return ((y % high < joint) | (x % wide < joint)).astype(np.float64)


def _table(side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Two ruled lines that cross, with a third where there is room."""
    ink = np.zeros((side, side))
    thick = int(rng.integers(1, 2 + side // 20))
    y, x = rng.integers(side // 5, side - side // 5, 2)
    ink[y : y + thick] = 1
    ink[:, x : x + thick] = 1
    if rng.random() < 0.5:
        ink[(y + side // 3) % side :][:thick] = 1
    return ink


def _shade(side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    y, x = np.indices((side, side)) / side
    a, b = rng.uniform(-1, 1, 2)
    return np.asarray((a * x + b * y + 1) / 2)


def _cloud(side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A sum of noises from coarse to fine, each half as strong as the one before."""
    from PIL import Image

    total = np.zeros((side, side))
    for octave in range(1, 6):
        coarse = Image.fromarray(rng.random((2**octave, 2**octave)).astype(np.float32))
        total += np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC)) / 2**octave
    return (total - total.mean()) * rng.uniform(2, 8) + 0.5


def _noise(side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    kind = rng.integers(3)
    if kind == 0:
        return rng.normal(rng.uniform(60, 200), rng.uniform(10, 70), (side, side))
    if kind == 1:
        return rng.uniform(0, 255, (side, side))
    salted = rng.random((side, side)) < rng.uniform(0.01, 0.3)
    return np.where(salted, 255.0, 0.0) if rng.random() < 0.5 else np.where(salted, 0.0, 255.0)


def _blank(side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.uniform(0, 255) + rng.normal(0, rng.choice([0, 0, 1, 2]), (side, side))


_STROKES: tuple[Callable[[np.random.Generator], list[NDArray[np.float64]]], ...] = (
    _bezier, _lissajous, _sticks, _wave, _fill,
)  # fmt: skip
_TEXTURES: tuple[Callable[[int, np.random.Generator], NDArray[np.float64]], ...] = (
    _checks, _grating, _bricks, _table, _shade, _cloud,
)  # fmt: skip
