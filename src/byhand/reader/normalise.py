"""One digit's ink as MNIST would have it: 28×28, in a box of 20×20, centred by its mass.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998,
section III: the digit is scaled into 20×20 pixels with its aspect kept, antialiased, and moved so
that its centre of mass stands in the middle of 28×28.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 28
BOX = 20
# Fainter than this share of the darkest, a pixel is the rim of a stroke: the box does not count it.
_RIM = 0.3
_MARGIN = 4  # pixels that are left around the box, so that the rim is not cut off


def normalise(ink: NDArray[Any]) -> NDArray[np.uint8]:
    """The ink of one digit -> (28, 28) uint8, white on black, as MNIST was made.

    Args:
        ink: (h, w), from 0 (paper) to 1 (full ink), or bytes from 0 to 255; nothing in it but the
            digit. Any size, from a few pixels to thousands.

    Returns:
        The picture; all black where there is no ink.
    """
    from PIL import Image

    box = bounds(ink)
    if box is None:
        return np.zeros((SIDE, SIDE), np.uint8)
    left, top, width, height = box
    scale = BOX / max(width, height)  # pixels of the result a pixel of ink
    # As much black around the ink as the result reaches beyond it.
    reach = int(np.ceil(SIDE / scale)) + 1
    y0, x0 = max(top - _MARGIN, 0), max(left - _MARGIN, 0)
    cut = ink[y0 : top + height + _MARGIN, x0 : left + width + _MARGIN].astype(np.float32)
    mass = cut.sum(dtype=np.float64)
    cy = float(cut.sum(axis=1, dtype=np.float64) @ np.arange(cut.shape[0])) / mass + 0.5
    cx = float(cut.sum(axis=0, dtype=np.float64) @ np.arange(cut.shape[1])) / mass + 0.5
    # The whole box must stay inside the 28×28, also where the mass is at one end (a long 7).
    half, inner = SIDE / 2 / scale, (SIDE / 2 - 1) / scale
    cy = min(max(cy, top - y0 + height - inner), top - y0 + inner) + reach
    cx = min(max(cx, left - x0 + width - inner), left - x0 + inner) + reach
    window = (cx - half, cy - half, cx + half, cy + half)
    whole = Image.fromarray(np.pad(cut, reach))
    picture = np.asarray(whole.resize((SIDE, SIDE), Image.Resampling.BICUBIC, window))
    # A thin pen's stroke is less than a pixel here, and faint: it is made white all the same.
    stretched = picture * np.float32(255 / max(float(picture.max()), 1e-9))
    return (stretched.clip(0, 255) + np.float32(0.5)).astype(np.uint8)


def normalise_all(inks: Iterable[NDArray[Any]]) -> NDArray[np.uint8]:
    """`normalise` of each, (N, 28, 28)."""
    pictures = [normalise(ink) for ink in inks]
    return np.stack(pictures) if pictures else np.zeros((0, SIDE, SIDE), np.uint8)


def bounds(ink: NDArray[Any]) -> tuple[int, int, int, int] | None:
    """Where there is ink: x, y, width, height; None where there is none."""
    most = float(ink.max()) if ink.size else 0.0
    if most <= 0:
        return None
    inside = ink > _RIM * most
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1
