"""Seeded pages of strings: handwritten digits put side by side, from far apart to touching.

Each page has one spacing, drawn from `SPACINGS`, one size of writing, one paper and one pen; its
digits differ in size, place and distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# How far apart digits are, in heights of a digit: least and most. Below 0 they touch or overlap.
SPACINGS = {
    "wide": (0.4, 1.2),
    "normal": (0.12, 0.4),
    "close": (0.02, 0.15),
    "touching": (-0.05, 0.03),
}
_FAINT = 96  # of 255: a pixel of a digit that is darker counts when its distance is measured


@dataclass(frozen=True, eq=False)
class StringPage:
    """A page and what is written on it.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        lines: what each line says, from top to bottom.
        spacing: a key of `SPACINGS`.
    """

    pixels: NDArray[np.uint8]
    lines: tuple[str, ...]
    spacing: str


@dataclass(frozen=True, eq=False)
class String:
    """One line of writing.

    Args:
        ink: (h, w) 0..1.
        text: what it says.
        owner: (h, w) which digit, from the left, each pixel's ink is most of; -1 for paper.
    """

    ink: NDArray[np.float32]
    text: str
    owner: NDArray[np.int8]


def string_page(
    images: NDArray[np.uint8],
    labels: NDArray[Any],
    rng: np.random.Generator,
    spacing: str | None = None,
) -> StringPage:
    """A page of one to three strings of 3 to 10 digits.

    Args:
        images: (N, 28, 28) digits, white on black, from which the page's are drawn.
        labels: (N,) what they are.
        rng: where all that is random comes from.
        spacing: a key of `SPACINGS`; drawn when None.
    """
    spacing = spacing or str(rng.choice(list(SPACINGS)))
    height = rng.uniform(28, 60)
    lines = [
        string(images, labels, rng, spacing, height)
        for _ in range(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15]))
    ]
    margin, gap = rng.uniform(0.4, 1.2), rng.uniform(0.3, 0.9)
    x0, y0 = round(margin * height) + 4, round(margin * height) + 4
    inner_w = max(line.ink.shape[1] for line in lines)
    inner_h = sum(line.ink.shape[0] for line in lines) + round(gap * height) * (len(lines) - 1)
    page_h, page_w = max(200, inner_h + 2 * y0), max(600, inner_w + 2 * x0)
    amount = np.zeros((page_h, page_w), np.float32)
    y = int(rng.integers(y0, page_h - inner_h - y0 + 1))
    for line in lines:
        h, w = line.ink.shape
        x = int(rng.integers(x0, min(x0 + height, page_w - w - x0 + 1)))
        amount[y : y + h, x : x + w] = line.ink
        y += h + round(gap * height)
    return StringPage(on_paper(amount, rng), tuple(line.text for line in lines), spacing)


def on_paper(amount: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Ink (H, W) 0..1 as a photograph of it (H, W, 3): paper of 180..255, its light, noise."""
    h, w = amount.shape
    paper = rng.uniform(180, 255) * rng.uniform(0.94, 1.0, 3)
    pen = rng.uniform(0, 70) * rng.uniform(0.7, 1.3, 3)
    slope = rng.uniform(-0.06, 0.06, 2)  # of the light, over half the page
    light = 1 + slope[0] * np.linspace(-1, 1, h)[:, None] + slope[1] * np.linspace(-1, 1, w)
    pixels = (paper + amount[:, :, None] * (pen - paper)) * light[:, :, None]
    pixels += rng.normal(0, rng.uniform(0, 5), (h, w, 1))
    return (pixels.clip(0, 255) + 0.5).astype(np.uint8)


def string(
    images: NDArray[np.uint8],
    labels: NDArray[Any],
    rng: np.random.Generator,
    spacing: str,
    height: float,
    length: int | None = None,
) -> String:
    """One string of digits, of `length` or of 3 to 10.

    Digits are 0.8 to 1.2 times `height`, stand up to a tenth of it above or below the line, and
    overlap, where they do, by a stroke's width at most.
    """
    least, most = SPACINGS[spacing]
    chosen = rng.integers(0, len(images), length or int(rng.integers(3, 11)))
    digits = [_scaled(images[i], height / 20 * rng.uniform(0.8, 1.2)) for i in chosen]
    tops = [round(height * rng.uniform(-0.1, 0.1) - d.shape[0] / 2) for d in digits]
    tops = [top - min(tops) for top in tops]
    tall = max(top + d.shape[0] for top, d in zip(tops, digits, strict=True))
    # Where each row's ink ends so far, to the right; the next digit is set off from that.
    ends = np.full(tall, -np.inf)
    lefts: list[int] = []
    for top, digit in zip(tops, digits, strict=True):
        dark = digit > _FAINT
        starts = np.where(dark.any(axis=1), dark.argmax(axis=1), np.inf)  # (rows of the digit,)
        lasts = digit.shape[1] - 1 - dark[:, ::-1].argmax(axis=1)
        rows = np.flatnonzero(dark.any(axis=1)) + top
        left = 0.0
        if lefts:
            gap = rng.uniform(least, most) * height
            # Distance along rows, those a little above and below counted too.
            reach = max(1, round(0.06 * height))
            near = np.array([ends[max(r - reach, 0) : r + reach + 1].max() for r in rows])
            contact = (near - starts[rows - top]).max()
            boxes_apart = ends.max() - np.flatnonzero(dark.any(axis=0))[0]
            # Digits far apart keep their boxes apart; near ones fit into each other's hollows.
            left = boxes_apart + gap if least > 0.1 else max(contact, boxes_apart - 0.3 * height)
            left = left + 1 + (gap if least <= 0.1 else 0)
        lefts.append(round(left))
        ends[rows] = np.maximum(ends[rows], lefts[-1] + lasts[rows - top])
    shift = -min(lefts)
    wide = max(x + shift + d.shape[1] for x, d in zip(lefts, digits, strict=True))
    ink, owner = np.zeros((tall, wide), np.float32), np.full((tall, wide), -1, np.int8)
    for k, (x, y, digit) in enumerate(zip(lefts, tops, digits, strict=True)):
        h, w = digit.shape
        place = (slice(y, y + h), slice(x + shift, x + shift + w))
        amount = digit.astype(np.float32) / 255
        owner[place] = np.where(amount > ink[place], k, owner[place])
        ink[place] = np.maximum(ink[place], amount)
    return String(ink, "".join(str(int(labels[i])) for i in chosen), owner)


def broken(
    ink: NDArray[np.float32], rng: np.random.Generator, height: float
) -> NDArray[np.float32]:
    """Ink (h, w) of digits of a height, with one or two thin lines of paper through some."""
    ink = ink.copy()
    y, x = np.mgrid[: ink.shape[0], : ink.shape[1]]
    for _ in range(rng.integers(1, 3)):
        angle = rng.uniform(-1, 1) * 0.6  # from level, in radians
        cx, cy = rng.uniform(0, ink.shape[1]), ink.shape[0] * rng.uniform(0.3, 0.7)
        along = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        across = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
        gap = rng.uniform(0.03, 0.08) * height
        ink[(abs(across) < gap / 2) & (abs(along) < height)] = 0
    return ink


def specked(
    ink: NDArray[np.float32], rng: np.random.Generator, height: float
) -> NDArray[np.float32]:
    """Ink (h, w) of digits of a height, with a few dots beside them of 0.05 to 0.2 heights."""
    ink = ink.copy()
    y, x = np.mgrid[: ink.shape[0], : ink.shape[1]]
    for _ in range(rng.integers(1, 4)):
        cy, cx = rng.uniform(0, ink.shape[0]), rng.uniform(0, ink.shape[1])
        radius = rng.uniform(0.025, 0.1) * height
        if ink[np.hypot(y - cy, x - cx) < radius + 0.06 * height].any():
            continue  # it would touch a digit
        np.maximum(ink, (radius + 0.5 - np.hypot(y - cy, x - cx)).clip(0, 1), out=ink)
    return ink


def _scaled(image: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """A digit (28, 28) cut to its ink and scaled."""
    from PIL import Image

    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    size = [max(1, round((box[i + 2] - box[i]) * scale)) for i in (0, 1)]
    picture = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC, box)
    return np.asarray(picture)
