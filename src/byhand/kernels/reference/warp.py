"""Pictures of bytes, moved: where each pixel comes from, by an affine map and displacements."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.kernels.operation import plain_operation


@plain_operation
def warp(
    images: NDArray[np.uint8],
    maps: NDArray[np.float32],
    field: NDArray[np.float32] | None = None,
) -> NDArray[np.uint8]:
    """Pictures (N, C, H, W) whose pixels come from where `maps` and `field` say, in between pixels.

    The pixel at offset (y, x) from the centre takes the value at M @ (y, x, 1) from the centre,
    with M of `maps` (N, 2, 3), moved on by that pixel's (dy, dx) of `field` (N, 2, H, W), if there
    is one. What lies outside is black.
    """
    n, c, h, w = images.shape
    y, x = np.meshgrid(np.arange(h) - (h - 1) / 2, np.arange(w) - (w - 1) / 2, indexing="ij")
    grid = np.stack([y.ravel(), x.ravel(), np.ones(h * w)]).astype(np.float32)  # (3, H*W)
    with np.errstate(invalid="ignore", over="ignore"):  # maps may hold infinities
        places = maps @ grid  # (N, 2, H*W)
    if field is not None:
        places += field.reshape(n, 2, h * w)
    rows, columns = places.transpose(1, 0, 2)  # each (N, H*W)
    # A black border of one pixel; whatever is farther out is there too, and what is no number.
    rows = np.nan_to_num(np.clip(rows + np.float32((h - 1) / 2 + 1), 0, h + 0.999))
    columns = np.nan_to_num(np.clip(columns + np.float32((w - 1) / 2 + 1), 0, w + 0.999))
    # From 32,768 pixels on, float32 rounds h + 0.999 up to h + 1, where the border has ended.
    top = np.minimum(rows.astype(np.intp), h)
    left = np.minimum(columns.astype(np.intp), w)
    down, right = rows - top, columns - left
    padded = np.zeros((n, c, h + 2, w + 2), np.uint8)
    padded[:, :, 1:-1, 1:-1] = images
    flat = padded.reshape(n, c, (h + 2) * (w + 2))
    place = top * (w + 2) + left

    def pixels(offset: int) -> NDArray[Any]:
        return np.take_along_axis(flat, (place + offset)[:, None, :], axis=2)

    right, down = right[:, None], down[:, None]
    above = pixels(0) * (1 - right) + pixels(1) * right
    below = pixels(w + 2) * (1 - right) + pixels(w + 3) * right
    value = above * (1 - down) + below * down
    return (value + np.float32(0.5)).astype(np.uint8).reshape(images.shape)
