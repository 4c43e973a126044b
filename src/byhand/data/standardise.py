"""Standardisation: the training part's mean and spread, by channel, taken out of every picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import checks
from byhand.data.arrays import plain_array
from byhand.data.dataset import Dataset
from byhand.errors import InputError, ShapeError

_CHUNK = 2048  # pictures at a time, so that no float copy of a whole set is made


@dataclass(frozen=True)
class Standardisation:
    """x -> (x − mean) / std, a mean and a std for each channel (or for each column of a table).

    Pixels of uint8 are divided by 255 first; mean and std are of the pixels so divided.

    Args:
        mean: one for each channel.
        std: one for each channel, above 0.

    Raises:
        InputError: there are not as many of one as of the other, or a value is not finite, or a
            std is not above 0.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        try:
            mean = tuple(checks.number("a mean", value) for value in self.mean)
            std = tuple(checks.number("a std", value, above=0) for value in self.std)
        except TypeError as error:  # not several
            raise InputError(
                f"mean {checks.quoted(self.mean)} and std {checks.quoted(self.std)} are no "
                "standardisation: give a list of one for each channel"
            ) from error
        if not mean or len(mean) != len(std):
            raise InputError(
                f"mean {checks.quoted(mean)} and std {checks.quoted(std)} are no standardisation: "
                "give one of each for each channel"
            )
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "std", std)

    @classmethod
    def fit(cls, images: Dataset | NDArray[Any]) -> Standardisation:
        """Measure mean and std (over N, not N − 1) of every channel.

        Args:
            images: the training part, and nothing else: a `Dataset`; pictures (N, C, H, W), each
                channel over all its pixels; or a table (N, D), column by column. uint8 is divided
                by 255 first, floats are taken as they are. A channel or column that is constant
                gets std 1.

        Raises:
            ShapeError: there is nothing to measure, or no second axis.
        """
        x = images.images if isinstance(images, Dataset) else plain_array(images, "pictures")
        if x.ndim < 2 or x.size == 0 or (x.dtype != np.uint8 and x.dtype.kind != "f"):
            raise ShapeError(
                f"an array of shape {x.shape} and type {x.dtype} cannot be standardised: "
                "give uint8 or floats of shape (N, C, H, W) or (N, D), with at least one row"
            )
        mean, std = _moments_of_bytes(x) if x.dtype == np.uint8 else _moments(x)
        return cls(tuple(mean.tolist()), tuple(std.tolist()))

    @classmethod
    def unit(cls, channels: int = 1) -> Standardisation:
        """Mean 0 and std 1: pixels are divided by 255 and nothing else."""
        return cls((0.0,) * channels, (1.0,) * channels)

    def apply(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Standardise pictures or rows.

        Args:
            images: (N, C, ...) uint8 from 0 to 255, or floats on the scale that `fit` saw (0 to 1
                for pictures).

        Returns:
            A new float32 array of the same shape.

        Raises:
            ShapeError: another number of channels, or another type.
        """
        x = plain_array(images, "pictures")
        if x.ndim < 2 or x.shape[1] != len(self.mean):
            raise ShapeError(
                f"pictures of shape {x.shape} do not fit this standardisation: "
                f"give {len(self.mean)} on the second axis (N, C, H, W)"
            )
        along = (-1,) + (1,) * (x.ndim - 2)  # (C,) -> (C, 1, 1)
        mean = np.array(self.mean).reshape(along)
        std = np.array(self.std).reshape(along)
        if x.dtype == np.uint8:
            # (x/255 − mean)/std in two passes
            y: NDArray[np.float32] = np.divide(x, (255 * std).astype(np.float32), dtype=np.float32)
            if mean.any():
                y -= (mean / std).astype(np.float32)
            return y
        if x.dtype.kind != "f":
            raise ShapeError(
                f"pictures of type {x.dtype} cannot be standardised: "
                "give uint8 from 0 to 255, or floats from 0 to 1"
            )
        # The mean comes off in float64: columns of a table can be large and nearly constant.
        return ((x - mean) / std).astype(np.float32)

    @property
    def scale_and_shift(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What standardises a byte in one multiply-add, byte * scale + shift, by channel."""
        mean, std = np.array(self.mean), np.array(self.std)
        return (1 / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32)

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain values, for JSON."""
        return {"mean": list(self.mean), "std": list(self.std)}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Standardisation:
        """The standardisation from what `as_dict` gave.

        Raises:
            InputError: it is not that.
        """
        if not isinstance(values, Mapping) or not {"mean", "std"} <= set(values):
            raise InputError(
                f"{checks.quoted(values)} is no standardisation: give its mean and its std"
            )
        return Standardisation(values["mean"], values["std"])


def _moments_of_bytes(x: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # Sums of whole numbers are exact, so the figures do not depend on the order of summing.
    axes = (0, *range(2, x.ndim))
    n = x.size // x.shape[1]
    total = np.zeros(x.shape[1], np.int64)
    squares = np.zeros(x.shape[1], np.int64)
    for start in range(0, len(x), _CHUNK):
        chunk = x[start : start + _CHUNK]
        total += chunk.sum(axis=axes, dtype=np.int64)
        squares += np.square(chunk, dtype=np.uint16).sum(axis=axes, dtype=np.int64)
    # var = (n Σx² − (Σx)²) / n², the numerator as Python's integers, which have no end
    spread = [n * int(q) - int(s) ** 2 for q, s in zip(squares, total, strict=True)]
    mean = total / (255 * n)
    std = np.array([math.sqrt(value) / (255 * n) if value else 1.0 for value in spread])
    return mean, std


def _moments(x: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    axes = (0, *range(2, x.ndim))
    mean = x.mean(axis=axes, dtype=np.float64)
    along = (-1,) + (1,) * (x.ndim - 2)
    squares = np.zeros(x.shape[1])
    for start in range(0, len(x), _CHUNK):
        squares += np.square(x[start : start + _CHUNK] - mean.reshape(along)).sum(axis=axes)
    constant = x.min(axis=axes) == x.max(axis=axes)
    std = np.sqrt(squares * (x.shape[1] / x.size))
    return mean, np.where(constant | (std == 0), 1.0, std)
