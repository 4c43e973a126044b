"""Augmentation: each training picture moved a little, differently each time it is seen."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import kernels
from byhand.errors import InputError, ShapeError
from byhand.kernels import Key

# The key's child that augmentation draws from: apart from the layers', which count from 0.
_CHILD = 2**16


@dataclass(frozen=True)
class Augmentation:
    """Pictures turned, scaled, slanted and shifted about their centre, each amount drawn evenly.

    A pixel takes its value from between four pixels of the original (bilinear); what comes from
    outside is black. What is drawn depends on the key (seed and step) and on the picture's place
    in the batch, as with dropout. Simard, Steinkraus and Platt, "Best practices for convolutional
    neural networks applied to visual document analysis", 2003.

    Args:
        shift: at most so many pixels, in each direction.
        rotate: at most so many degrees, either way.
        scale: at most this share larger or smaller, width and height apart.
        slant: at most so many columns to the side a row.

    Raises:
        InputError: an amount is below 0 or not finite, or scale not below 1.
    """

    shift: float = 1.5
    rotate: float = 10.0
    scale: float = 0.1
    slant: float = 0.15

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            most = 1.0 if entry.name == "scale" else math.inf
            if not 0 <= value < most:
                raise InputError(
                    f"{entry.name} of the augmentation is {value}, but it must be at least 0 "
                    f"and less than {most:g}"
                )

    def apply(self, images: NDArray[np.uint8], key: Key) -> NDArray[np.uint8]:
        """Move the pictures (N, C, H, W); they are left as they are, the result is new.

        Raises:
            ShapeError: they are not pictures of bytes.
        """
        if images.ndim != 4 or images.dtype != np.uint8:
            raise ShapeError(
                f"an array of {images.dtype} of shape {images.shape} cannot be augmented: "
                "give pictures (N, C, H, W) of uint8"
            )
        return warp(images, self.maps(len(images), key))

    def maps(self, n: int, key: Key) -> NDArray[np.float32]:
        """Where pixels come from, (n, 2, 3): for offsets (y, x) from the centre, M @ (y, x, 1)."""
        drawn = key.child(_CHILD).bits(n, 6).astype(np.float64) / 2**31 - 1  # (n, 6), in -1..1
        angle = drawn[:, 0] * math.radians(self.rotate)
        stretch = 1 + drawn[:, 1:3] * self.scale
        slant = drawn[:, 3] * self.slant
        sine, cosine = np.sin(angle), np.cos(angle)
        maps = np.empty((n, 2, 3), np.float32)
        maps[:, 0, 0] = cosine / stretch[:, 0]
        maps[:, 0, 1] = -sine / stretch[:, 1]
        maps[:, 1, 0] = (sine + slant * cosine) / stretch[:, 0]
        maps[:, 1, 1] = (cosine - slant * sine) / stretch[:, 1]
        maps[:, :, 2] = drawn[:, 4:6] * self.shift
        return maps


def warp(images: NDArray[np.uint8], maps: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Pictures (N, C, H, W) whose pixels come from where `maps` (N, 2, 3) say, in between pixels.

    The pixel at offset (y, x) from the centre takes the value at M @ (y, x, 1) from the centre. By
    the compiled core where it is there.
    """
    core = kernels.core_for(maps)
    if core is None:
        return warp_in_numpy(images, maps)
    n, c, h, w = images.shape
    moved = np.empty(images.shape, np.uint8)
    core.warp(n, c, h, w, images, maps, moved)
    return moved


def warp_in_numpy(images: NDArray[np.uint8], maps: NDArray[np.float32]) -> NDArray[np.uint8]:
    """What `warp` is."""
    n, c, h, w = images.shape
    y, x = np.meshgrid(np.arange(h) - (h - 1) / 2, np.arange(w) - (w - 1) / 2, indexing="ij")
    grid = np.stack([y.ravel(), x.ravel(), np.ones(h * w)]).astype(np.float32)  # (3, H*W)
    rows, columns = (maps @ grid).transpose(1, 0, 2)  # each (N, H*W)
    # A black border of one pixel; whatever is farther out is there too.
    rows = np.clip(rows + np.float32((h - 1) / 2 + 1), 0, h + 0.999)
    columns = np.clip(columns + np.float32((w - 1) / 2 + 1), 0, w + 0.999)
    top, left = rows.astype(np.int32), columns.astype(np.int32)
    down, right = rows - top, columns - left
    padded = np.zeros((n, c, h + 2, w + 2), np.uint8)
    padded[:, :, 1:-1, 1:-1] = images
    flat = padded.reshape(n, c, -1)
    place = top * (w + 2) + left

    def pixels(offset: int) -> NDArray[Any]:
        return np.take_along_axis(flat, (place + offset)[:, None, :], axis=2)

    right, down = right[:, None], down[:, None]
    above = pixels(0) * (1 - right) + pixels(1) * right
    below = pixels(w + 2) * (1 - right) + pixels(w + 3) * right
    value = above * (1 - down) + below * down
    return (value + np.float32(0.5)).astype(np.uint8).reshape(images.shape)
