"""Smooth random displacements of pixels: elastic distortion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from byhand.data.drawn import halves
from byhand.kernels import Key

_REACH = 3  # the Gaussian is cut off beyond so many sigmas


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
