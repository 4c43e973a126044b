"""MNIST's digits as other hands, pens and scanners would have them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.data import Augmentation
from byhand.kernels import Key

# Wider and narrower, more slanted, thicker and thinner than MNIST's are.
OTHER_HANDS = Augmentation(
    shift=0, rotate=12, scale=0.3, slant=0.35, elastic=1.6, elastic_smoothness=10, stroke=2.0
)
_MARGIN = 14  # pixels around the enlarged digit, for what is turned and slanted out of it
_AT_ONCE = 500
# A thinner pen that leaves less than this share of the ink has broken the digit.
_LEAST_INK = 0.55


def handwriting_variants(
    images: NDArray[np.uint8], rng: np.random.Generator, change: Augmentation = OTHER_HANDS
) -> list[NDArray[np.uint8]]:
    """Each digit (N, 28, 28) moved, slanted, stretched, distorted, thicker or thinner.

    It is done at twice the size, 84×84 in the end, so that thin strokes bear it.
    """
    key = Key(int(rng.integers(2**63)))
    inks: list[NDArray[np.uint8]] = []
    for step, start in enumerate(range(0, len(images), _AT_ONCE)):
        large = _enlarged(images[start : start + _AT_ONCE])[:, None]
        changed = change.apply(large, key._replace(step=step))
        before, after = (x.sum(axis=(1, 2, 3), dtype=np.float64) for x in (large, changed))
        changed = np.where((after < _LEAST_INK * before)[:, None, None, None], large, changed)
        inks.extend(changed[:, 0])
    return inks


def scanned_poorly(ink: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The ink (h, w) as a poor scanner gives it: few pixels, perhaps only black and white."""
    from PIL import Image

    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if len(rows) < 4 or len(columns) < 4:
        return ink
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    share = rng.integers(11, 24) / max(cut.shape)
    size = (max(2, round(cut.shape[1] * share)), max(2, round(cut.shape[0] * share)))
    how = Image.Resampling.BOX if rng.random() < 0.5 else Image.Resampling.BICUBIC
    small: NDArray[Any] = np.asarray(Image.fromarray(cut).resize(size, how))
    if rng.random() < 0.5:
        small = np.where(small > rng.integers(50, 140), 255, 0)
    return np.pad(small.astype(np.uint8), 1)


def _enlarged(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(N, h, w) -> twice as large with a margin, bilinear."""
    from scipy.ndimage import zoom

    padded = np.pad(images, ((0, 0), (_MARGIN // 2,) * 2, (_MARGIN // 2,) * 2))
    return np.asarray(zoom(padded, (1, 2, 2), order=1, grid_mode=True, mode="grid-constant"))
