"""What is left of handwritten digits that are cut, joined, turned, mirrored or struck out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from byhand.errors import InputError, ShapeError
from byhand.reader.examples.pen import draw, smooth
from byhand.reader.recognise import NONE, SEVERAL

# What cutting leaves that reads as no digit, by the side that is kept. Left out is what often reads
# as one: above and below, half of an 8 is a 0; the right of a 4 is a 1, that of a 0 or the upper
# half of a 2 or 3 a 7; the right of a 2, 3 or 8 is still one.
_KEPT = {"left": (0, 2, 3, 4), "right": (5,), "upper": (0, 4, 5), "lower": (0, 2, 3, 5)}
_PIECES = [(side, digit) for side, digits in _KEPT.items() for digit in digits]
_TOGETHER = 0.4  # the share of several digits
_QUARTERS = (3, 4, 5, 7)  # a 2 on its side may be a 2 again, a 6 or a 9 each other
_UPSIDE_DOWN = (3, 4, 7)
_MIRRORED = (3, 4, 7, 9)  # a 2 becomes a 5, a 5 or a 6 a 2


def parts(
    images: NDArray[np.uint8], labels: NDArray[np.integer], rng: np.random.Generator, n: int
) -> tuple[list[NDArray[np.uint8]], NDArray[np.int64]]:
    """`n` pictures of what is not one digit, made from digits: ink (h, w), 255 is ink; and classes.

    Two fifths are two or three digits together (several), a quarter pieces, a sixth turned or
    mirrored ones, the rest struck out (none). Turned and mirrored ones are few, as a hasty one may
    read as a digit.

    Args:
        images: handwritten digits (N, 28, 28), white on black.
        labels: theirs, (N,), all ten of them among these.
        rng: draws what is made.
        n: how many.

    Raises:
        ShapeError: `images` or `labels` have another shape.
        InputError: a digit has no picture.
    """
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise ShapeError(
            f"pictures (N, H, W) and as many labels (N,) are needed, not {images.shape} "
            f"and {labels.shape}"
        )
    where = [np.flatnonzero(labels == digit) for digit in range(10)]
    if absent := [digit for digit in range(10) if not len(where[digit])]:
        raise InputError(f"no picture shows {absent}: give pictures of all ten digits")

    def one_of(digits: tuple[int, ...]) -> NDArray[np.uint8]:
        return images[rng.choice(where[rng.choice(digits)])]

    made: list[NDArray[np.uint8]] = []
    kinds = rng.random(n)
    for kind in kinds:
        if kind < _TOGETHER:
            made.append(_together(images, where, rng))
        elif kind < 0.65:
            side, digit = _PIECES[rng.integers(len(_PIECES))]
            made.append(_piece(one_of((digit,)), side, rng))
        elif kind < 0.75:
            made.append(np.rot90(one_of(_QUARTERS), rng.choice([1, 3])))
        elif kind < 0.79:
            made.append(np.rot90(one_of(_UPSIDE_DOWN), 2))
        elif kind < 0.82:
            made.append(one_of(_MIRRORED)[:, ::-1])
        else:
            made.append(_struck_out(images[rng.integers(len(images))], rng))
    return made, np.where(kinds < _TOGETHER, SEVERAL, NONE)


def _cropped(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows = np.flatnonzero((image > 64).any(axis=1))
    columns = np.flatnonzero((image > 64).any(axis=0))
    if not rows.size:
        return image
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _together(
    images: NDArray[np.uint8], where: list[NDArray[np.intp]], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Two digits, seldom three, side by side: overlapping by some pixels to a small gap.

    Every other pair has a one in it: those are as narrow as a single digit.
    """
    chosen = [images[rng.integers(len(images))] for _ in range(2 + (rng.random() < 0.2))]
    if rng.random() < 0.5:
        chosen[rng.integers(len(chosen))] = images[rng.choice(where[1])]
    digits = [_cropped(image) for image in chosen]
    gaps = rng.integers(-2, 5, len(digits) - 1)
    width = sum(d.shape[1] for d in digits) + int(np.maximum(gaps, 0).sum())
    sheet = np.zeros((36, width), np.uint8)
    x = 0
    for digit, gap in zip(digits, [*gaps, 0], strict=True):
        h, w = digit.shape
        # Written on one line, give or take.
        top = int(np.clip(18 - h / 2 + rng.normal(0, 2), 0, 36 - h))
        at = sheet[top : top + h, x : x + w]
        np.maximum(at, digit[:, : at.shape[1]], out=at)
        x = max(0, x + w + int(gap))
    return _cropped(sheet)


def _piece(image: NDArray[np.uint8], side: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The `side` of the digit, about half of it."""
    digit = _cropped(image)
    h, w = digit.shape
    share = rng.uniform(0.35, 0.52)
    x, y = max(3, round(w * share)), max(3, round(h * share))
    kept = {
        "left": digit[:, :x], "right": digit[:, -x:], "upper": digit[:y], "lower": digit[-y:]
    }[side]  # fmt: skip
    return _cropped(kept)


def _struck_out(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The digit with a zigzag or several strokes through it."""
    sheet = np.zeros((36, 36), np.uint8)
    sheet[4:32, 4:32] = image
    if rng.random() < 0.5:
        n = int(rng.integers(5, 10))
        x = np.linspace(6, 30, n) + rng.normal(0, 1, n)
        y = np.where(np.arange(n) % 2, 7, 29) + rng.normal(0, 2, n)
        points = np.stack([x, y] if rng.random() < 0.6 else [y, x], 1)
        strokes = [smooth(points)]
    else:
        strokes = [
            np.array([[3, y], [33, y]]) + rng.normal(0, 3, (2, 2))
            for y in rng.uniform(9, 27, rng.integers(2, 5))
        ]
        if rng.random() < 0.5:
            strokes = [stroke if i % 2 else stroke[:, ::-1] for i, stroke in enumerate(strokes)]
    return _cropped(np.maximum(sheet, draw(strokes, sheet.shape, rng.uniform(1.2, 3))))
