"""Printed digits, letters and signs, drawn from fonts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import ImageFont

DIGIT_SHAPED = "BDGIOQSZbgiloqsz"
LETTERS = "".join(
    letter
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    if letter not in DIGIT_SHAPED
)
# Without those that are a digit when they stand alone: | / \ ] ' ` , ! are ones, ° is a nought.
SIGNS = '#%&@?+=*€$£()[{}<>;:."~^_-–…©®¶±×÷√∞≠≤≥←→↑↓«»'
# Without β ο σ δ θ ε ζ ξ, З б Ч д, ろ る う つ, 口 日 己 了 and the like, which look like digits.
FOREIGN = (
    "ΓΔΛΞΠΣΦΨΩαλμπφψω" "ЖЯЦЩЮИШФДЛжщюфя" "あきけさせねみれほまアオキタネホモヤ"
    "木火水金田字大中文是的山春国語" "가나다라마바사한글빛"
)  # fmt: skip
# Seven segments cannot draw letters, and one hand's letters overlap their neighbours'.
_DIGITS_ONLY = ("fonts-dseg", "fonts-dkg-handwriting")
_HEIGHT = 44  # pixels of a digit


def digit_glyphs(
    fonts: Sequence[Path], rng: np.random.Generator, n: int
) -> tuple[list[NDArray[np.uint8]], NDArray[np.uint8]]:
    """`n` printed digits: ink crops (h, w), 255 where there is ink, and their labels (n,).

    Each is slanted, turned and stretched a little. Packages with many faces are drawn from more
    often, by the square root of their number.
    """
    labels = rng.integers(10, size=n, dtype=np.uint8)
    faces = _choose(fonts, rng, n)
    return [
        _vary(_rendered(str(face), str(label)), rng)
        for face, label in zip(faces, labels, strict=True)
    ], labels


def letter_glyphs(
    fonts: Sequence[Path], rng: np.random.Generator, n: int
) -> list[NDArray[np.uint8]]:
    """`n` printed letters, signs and words that are no digits: ink crops (h, w), 255 is ink.

    Three quarters are single Latin letters other than the `DIGIT_SHAPED`; the others are signs,
    letters of other scripts where the face has them, and pieces of words.
    """
    fonts = [font for font in fonts if font.parent.name not in _DIGITS_ONLY]
    glyphs: list[NDArray[np.uint8]] = []
    while len(glyphs) < n:
        for face in _choose(fonts, rng, n - len(glyphs)):
            kind = rng.random()
            signs = LETTERS if kind < 0.82 else SIGNS if kind < 0.94 else FOREIGN
            text = str(rng.choice(list(signs)))
            if kind < 0.08:
                text += "".join(rng.choice(list(LETTERS), rng.integers(1, 4)))
            if _has(str(face), text[0]) and not (text == "d" and _alike(str(face), "d", "D")):
                glyphs.append(_vary(_rendered(str(face), text), rng))
    return glyphs


def draw_text(face: Path, text: str) -> NDArray[np.uint8] | None:
    """The ink crop (h, w) of `text` in the font `face`, or None where it lacks the first letter."""
    return _rendered(str(face), text) if _has(str(face), text[0]) else None


def _choose(fonts: Sequence[Path], rng: np.random.Generator, n: int) -> list[Path]:
    families = [font.parent.name for font in fonts]
    weights = np.array([1 / np.sqrt(families.count(family)) for family in families])
    return [fonts[i] for i in rng.choice(len(fonts), size=n, p=weights / weights.sum())]


@lru_cache(maxsize=64)
def _font(face: str) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    font = ImageFont.truetype(face, _HEIGHT)
    # Some faces fill their em by half, some by a tenth.
    _, top, _, bottom = font.getbbox("8")
    return ImageFont.truetype(face, round(_HEIGHT * _HEIGHT / max(bottom - top, 4)))


@lru_cache(maxsize=60_000)
def _rendered(face: str, text: str) -> NDArray[np.uint8]:
    """The ink crop of `text`; 1x1 and empty where it has no ink."""
    mask = _font(face).getmask(text)
    ink = np.asarray(mask, np.uint8).reshape(mask.size[::-1])
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not rows.size:
        return np.zeros((1, 1), np.uint8)
    return np.ascontiguousarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


@lru_cache(maxsize=100_000)
def _has(face: str, letter: str) -> bool:
    drawn = _rendered(face, letter)
    return drawn.size > 1 and not np.array_equal(drawn, _rendered(face, "\U0010fffd"))


@lru_cache(maxsize=2000)
def _alike(face: str, one: str, other: str) -> bool:
    """Whether two letters have one shape, as small and large ones do in a face of capitals."""
    from PIL import Image

    a, b = (
        np.asarray(Image.fromarray(_rendered(face, letter)).resize((12, 12)), np.float64)
        for letter in (one, other)
    )
    return bool(np.abs(a - b).mean() < 40)


def _vary(ink: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The glyph slanted and turned by up to some 6 degrees and up to a tenth wider or narrower."""
    from PIL import Image

    turn, slant = rng.uniform(-0.1, 0.1, 2)
    wide = rng.uniform(0.9, 1.1)
    h, w = ink.shape
    # From a place in the new picture to that in the old one, both from their middles.
    new_w = int(np.ceil(w * wide + (abs(turn) + abs(slant)) * h)) + 2
    new_h = int(np.ceil(h + abs(turn) * w)) + 2
    a, b, d, e = 1 / wide, slant + turn, -turn, 1.0
    c = w / 2 - a * new_w / 2 - b * new_h / 2
    f = h / 2 - d * new_w / 2 - e * new_h / 2
    picture = Image.fromarray(ink).transform(
        (new_w, new_h), Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BILINEAR
    )
    return np.asarray(picture)
