"""Augmentation: each training picture moved a little, differently each time it is seen."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from byhand import checks
from byhand.data.drawn import even, halves
from byhand.data.elastic import smooth_field
from byhand.data.strokes import thicken
from byhand.errors import ShapeError
from byhand.kernels import Key, warp

# The key's child that augmentation draws from: apart from the layers', which count from 0.
_CHILD = 2**16
# That child's own children, one for each part that draws for itself.
_ELASTIC, _STROKE, _NOISE, _GRAIN = range(4)
_MOST = 1e6  # of any amount: pixels, degrees, grey levels
# Parts that are said only where they are in use, so that the same pictures have the same name.
_QUIET = ("elastic", "elastic_smoothness", "stroke", "noise")


@dataclass(frozen=True)
class Augmentation:
    """Pictures with thicker or thinner strokes, moved about their centre, distorted, and noisy.

    The strokes are changed first; then the picture is turned, scaled, slanted, shifted and
    distorted in one go; noise comes last. A pixel takes its value from between four pixels of the
    original (bilinear); what comes from outside is black. What is drawn depends on the key (seed
    and step) and on the picture's place in the batch, as with dropout. An amount of 0 is off.
    Simard, Steinkraus and Platt, "Best practices for convolutional neural networks applied to
    visual document analysis", 2003.

    Args:
        shift: at most so many pixels, in each direction, drawn evenly.
        rotate: at most so many degrees, either way, drawn evenly.
        scale: at most this share larger or smaller, width and height apart, drawn evenly.
        slant: at most so many columns to the side a row (shear), either way, drawn evenly.
        elastic: elastic distortion: how far pixels are displaced, in pixels, as the root mean
            square over pixels and pictures, down and across each. The paper's α of 34 at a
            smoothness of 4 comes to 1.4.
        elastic_smoothness: the sigma in pixels of the Gaussian that smooths the displacements.
        stroke: at most so many pixels that the edges of strokes move outward (thicker) or inward
            (thinner), drawn evenly (`strokes.thicken`).
        noise: Gaussian noise on each pixel, cut off at black and white: its standard deviation is
            at most so many grey levels (of 255), drawn evenly from 0.

    Raises:
        InputError: an amount is no number, below 0, or 1,000,000 or more, scale not below 1, or
            elastic_smoothness below 1.
    """

    shift: float = 1.5
    rotate: float = 10.0
    scale: float = 0.1
    slant: float = 0.15
    elastic: float = 0.0
    elastic_smoothness: float = 4.0
    stroke: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for entry in fields(self):
            least = 1 if entry.name == "elastic_smoothness" else 0
            below = 1 if entry.name == "scale" else _MOST
            name = f"{entry.name} of the augmentation"
            checks.number(name, getattr(self, entry.name), least, below=below)

    def __repr__(self) -> str:
        parts = [
            f"{entry.name}={getattr(self, entry.name)!r}"
            for entry in fields(self)
            if entry.name not in _QUIET
            or getattr(self, entry.name) != entry.default
            or (entry.name == "elastic_smoothness" and self.elastic)
        ]
        return f"Augmentation({', '.join(parts)})"

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
        n, _, h, w = images.shape
        if self.stroke:
            images = thicken(images, self.stroke * even(n, 1, _own(key, _STROKE))[:, 0])
        moved = warp(images, self.maps(n, key), self.field(n, h, w, key))
        return self._with_noise(moved, key) if self.noise else moved

    def maps(self, n: int, key: Key) -> NDArray[np.float32]:
        """Where pixels come from, (n, 2, 3): for offsets (y, x) from the centre, M @ (y, x, 1)."""
        drawn = even(n, 6, key.child(_CHILD))
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

    def field(self, n: int, height: int, width: int, key: Key) -> NDArray[np.float32] | None:
        """How far elastic distortion moves each pixel's place on, (n, 2, H, W); None if off."""
        if not self.elastic:
            return None
        field = smooth_field(n, height, width, self.elastic_smoothness, _own(key, _ELASTIC))
        field *= np.float32(self.elastic)
        return field

    def _with_noise(self, images: NDArray[np.uint8], key: Key) -> NDArray[np.uint8]:
        n, pixels = len(images), math.prod(images.shape[1:])
        deviation = self.noise * (even(n, 1, _own(key, _NOISE)) + 1) / 2  # (N, 1)
        normal = _normal()[halves(n, pixels, _own(key, _GRAIN))]
        noisy = images.reshape(n, pixels) + deviation.astype(np.float32) * normal
        return (np.clip(noisy, 0, 255) + np.float32(0.5)).astype(np.uint8).reshape(images.shape)


def _own(key: Key, part: int) -> Key:
    """What a part draws from."""
    return key.child(_CHILD).child(part)


@lru_cache(maxsize=1)
def _normal() -> NDArray[np.float32]:
    """The normal distribution as 65,536 values that are equally likely, from low to high."""
    from scipy.special import ndtri

    return ndtri((np.arange(2**16) + 0.5) / 2**16).astype(np.float32)
