"""Moving pixels: where each one comes from, by an affine map and a field of displacements."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import kernels
from byhand.data.drawn import halves
from byhand.kernels import Key

_REACH = 3  # the Gaussian is cut off beyond so many sigmas


def warp(
    images: NDArray[np.uint8],
    maps: NDArray[np.float32],
    field: NDArray[np.float32] | None = None,
) -> NDArray[np.uint8]:
    """Pictures (N, C, H, W) whose pixels come from where `maps` and `field` say, in between pixels.

    The pixel at offset (y, x) from the centre takes the value at M @ (y, x, 1) from the centre,
    with M of `maps` (N, 2, 3), moved on by that pixel's (dy, dx) of `field` (N, 2, H, W), if there
    is one. By the compiled core where it is there.
    """
    core = kernels.core_for(maps)
    if core is None:
        return warp_in_numpy(images, maps, field)
    n, c, h, w = images.shape
    moved = np.empty(images.shape, np.uint8)
    core.warp(n, c, h, w, images, maps, field, moved)
    return moved


def warp_in_numpy(
    images: NDArray[np.uint8],
    maps: NDArray[np.float32],
    field: NDArray[np.float32] | None = None,
) -> NDArray[np.uint8]:
    """What `warp` is."""
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


def smooth_field(n: int, height: int, width: int, sigma: float, key: Key) -> NDArray[np.float32]:
    """Random displacements (n, 2, height, width), smooth over `sigma` pixels, of deviation 1.

    Even noise smoothed by a Gaussian, as in the paper (`Augmentation` names it), but the noise
    stands on a lattice of one node a sigma, not on every pixel: 28 pixels at a sigma of 4 then need
    450 numbers and not 1,568, and the field varies as before. Two places d pixels apart are
    correlated by exp(-d² / (4 sigma²)). Each pixel's sum is divided by the root of the sum of its
    squared weights, so that the deviation is 1 up to the border.
    """
    down, across = _weights(height, sigma), _weights(width, sigma)  # (H, nodes), (W, nodes)
    nodes = (2, down.shape[1], across.shape[1])
    drawn = halves(n, nodes[0] * nodes[1] * nodes[2], key).astype(np.float32).reshape(n, *nodes)
    noise: NDArray[np.float32] = drawn - np.float32(2**15 - 0.5)  # of mean 0
    noise *= np.float32(3**0.5 / 2**15)  # of deviation 1
    return down @ (noise @ across.T)  # (n, 2, H, W)


def _weights(size: int, sigma: float) -> NDArray[np.float32]:
    """How much each node of the lattice counts at each pixel of one axis, (size, nodes)."""
    half = (size - 1) / 2  # in pixels from the centre, where there is a node
    last = int(np.ceil(half / sigma)) + _REACH
    away = np.linspace(-half, half, size)[:, None] / sigma - np.arange(-last, last + 1)
    weights = np.exp(-(away**2) / 2) * (np.abs(away) <= _REACH)
    return (weights / np.sqrt((weights**2).sum(axis=1, keepdims=True))).astype(np.float32)
