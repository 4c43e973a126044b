"""Strokes made thicker or thinner, by whole pixels and parts of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_WHOLE = 256  # parts of a pixel


def thicken(images: NDArray[np.uint8], amounts: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Pictures (N, C, H, W) whose strokes' edges are `amounts` (N,) pixels farther out, or in.

    Where the amount is above 0, a pixel takes the brightest value within so many pixels up, down,
    left and right of it (grey-level dilation by a cross), where it is below 0 the darkest
    (erosion); several pixels are as many steps of one. Part of a pixel blends the picture with the
    next step: that is the brightest (darkest) value in between pixels, where values change evenly
    from one pixel to the next. Outside is black. Reckoned in whole numbers, with amounts rounded to
    1/256 pixel, so that all machines agree.
    """
    h, w = images.shape[2:]
    thicker = (amounts > 0)[:, None, None, None]
    left = np.abs(amounts)[:, None, None, None]
    # After h + w steps nothing changes any more.
    for _ in range(min(int(np.ceil(left.max(initial=0))), h + w)):
        padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
        cross = (
            images, padded[:, :, :-2, 1:-1], padded[:, :, 2:, 1:-1], padded[:, :, 1:-1, :-2],
            padded[:, :, 1:-1, 2:],
        )  # fmt: skip
        brightest, darkest = cross[0], cross[0]
        for neighbour in cross[1:]:
            brightest, darkest = np.maximum(brightest, neighbour), np.minimum(darkest, neighbour)
        share = np.rint(np.minimum(left, 1) * _WHOLE).astype(np.uint16)  # of the next step
        blend = images * (_WHOLE - share) + np.where(thicker, brightest, darkest) * share
        images = ((blend + _WHOLE // 2) // _WHOLE).astype(np.uint8)  # at most 255 * 256 + 128
        left = np.maximum(left - 1, 0)
    return images
