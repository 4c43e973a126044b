"""Normalised pictures to calibrated probabilities: of the ten digits, and of being none of them.

Each picture is read in several slightly changed views (turned, slanted, stretched, moved by the
pixels' bilinear interpolation), whose probabilities are averaged: what all views agree on is sure.
Averaged probabilities p become p^(1/T), normalised, with the temperature T that was fitted on
held-out digits. Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from byhand import checks, evaluation, nn
from byhand.data.arrays import plain_array
from byhand.data.drawn import even
from byhand.errors import DataError, ShapeError
from byhand.kernels import Key, warp
from byhand.reader.normalise import SIDE

# What is no digit is of two classes: several digits that touch, which may be cut apart, or none.
NONE, SEVERAL = 10, 11
CLASSES = (*"0123456789", "none", "several")
VIEWS = 16  # a lane of the compiled core: as quick as one picture alone
MODEL = Path(__file__).with_name("model.safetensors")
# Of what stands on people's pages and reaches the network, so much is no digit; of what it learnt
# from, three in ten. A prior that differs changes the odds by its ratio (Bayes).
_NONE_IN_USE, _NONE_LEARNT = 0.02, 0.3
# What a view differs by at most: degrees, columns a row, share of width and of height, pixels.
_TURN, _SLANT, _STRETCH, _SHIFT = 7.0, 0.2, 0.12, 1.0
_AT_ONCE = 512  # pictures whose views are read together, which bounds the memory


@dataclass(frozen=True, eq=False)
class Recogniser:
    """A trained network of twelve classes with its calibration.

    Args:
        model: reads (1, 28, 28) pictures; its card names the classes of `CLASSES`.
        temperature: T of the calibration, 1 for none.
        threshold: the confidence under which a digit is rejected, where the user names no other.
    """

    model: nn.Layer
    temperature: float = 1.0
    threshold: float = 0.5

    @classmethod
    def load(cls, path: str | Path | None = None) -> Recogniser:
        """The recogniser in the file at `path`, or the one that comes with the package.

        Raises:
            InputError: path names no file.
            DataError: the file is absent or broken, or holds another kind of network.
        """
        where = MODEL if path is None else checks.path("the reader's model", path)
        model = nn.load(where)
        if tuple(model.card.classes) != CLASSES or model.card.image_shape != (1, SIDE, SIDE):
            raise DataError(
                f"{where} holds {model.card.name or 'a network'} with the classes "
                f"{', '.join(model.card.classes) or '(none named)'}, but a reader's has "
                f"0 to 9, none and several and reads {SIDE}×{SIDE}: train one with "
                "byhand train reader"
            )
        figures = model.card.figures.get("reader", {})
        try:
            temperature = float(figures.get("temperature", 1))
            threshold = float(figures.get("threshold", 0.5))
            if not (0 < temperature < math.inf and 0 <= threshold <= 1):
                raise ValueError(f"temperature {temperature}, threshold {threshold}")
        except (AttributeError, TypeError, ValueError) as error:
            raise DataError(f"{where} has a broken calibration ({error})") from error
        return cls(nn.fold_batch_norm(model), temperature, threshold)

    def read(self, pictures: NDArray[np.uint8], views: int = VIEWS) -> NDArray[np.float32]:
        """How probable each class is for each picture.

        Args:
            pictures: (N, 28, 28) uint8, as `normalise` gives them.
            views: how many views to average; 1 is the picture as it is.

        Returns:
            (N, 12) float32: of the digits 0 to 9, of none and of several; each row sums to 1.

        Raises:
            ShapeError: the pictures are no such array.
            InputError: views is no whole number from 1 up.
        """
        pictures = plain_array(pictures, "normalised pictures")
        if pictures.ndim != 3 or pictures.shape[1:] != (SIDE, SIDE) or pictures.dtype != np.uint8:
            raise ShapeError(
                f"an array of {pictures.dtype} of shape {pictures.shape} cannot be read: give "
                f"normalised pictures (N, {SIDE}, {SIDE}) of uint8"
            )
        views = checks.whole("views", views, 1)
        parts = [
            self._read(pictures[start : start + _AT_ONCE], views)
            for start in range(0, len(pictures), _AT_ONCE)
        ]
        if not parts:
            return np.zeros((0, len(CLASSES)), np.float32)
        return sharpened(np.concatenate(parts), self.temperature)

    def average(self, pictures: NDArray[np.uint8], views: int = VIEWS) -> NDArray[np.float32]:
        """What `read` gives, (N, classes), before its calibration."""
        return Recogniser(self.model).read(pictures, views)

    def _read(self, pictures: NDArray[np.uint8], views: int) -> NDArray[np.float32]:
        n = len(pictures)
        if views == 1:
            return evaluation.predict(self.model, pictures[:, None])
        repeated = np.repeat(pictures[:, None], views, axis=0)  # (n * views, 1, 28, 28)
        moved = warp(repeated, np.tile(view_maps(views), (n, 1, 1)))
        # The first view is the picture itself, bit for bit.
        read = evaluation.predict(self.model, moved)
        average: NDArray[np.float32] = read.reshape(n, views, -1).mean(axis=1)
        return average


def confidences(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """How probable it is that each is a digit and its most probable digit is right.

    Args:
        probabilities: (N, 12) as `Recogniser.read` gives them, for the share of no digits that it
            learnt from; here they count at the share that pages have.

    Returns:
        (N,) float32.
    """
    odds = _NONE_IN_USE / (1 - _NONE_IN_USE) * (1 - _NONE_LEARNT) / _NONE_LEARNT
    digits = probabilities[:, :NONE]
    every = digits.sum(axis=1) + np.float32(odds) * no_digit(probabilities)
    return np.asarray(digits.max(axis=1) / np.maximum(every, np.float32(1e-12)), np.float32)


def among_others(probabilities: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """The probabilities (..., 12) where that share of what is read is no digit.

    `confidences` counts on one in fifty; a page that shows more is believed (Saerens, Latinne and
    Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", 2002).
    """
    if share <= _NONE_IN_USE:
        return probabilities
    odds = share / (1 - share) * (1 - _NONE_IN_USE) / _NONE_IN_USE
    weights = np.where(np.arange(len(CLASSES)) < NONE, 1, odds).astype(np.float32)
    weighed = probabilities * weights
    return np.asarray(weighed / weighed.sum(axis=-1, keepdims=True), np.float32)


def no_digit(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """How probable it is that each is not one digit: (..., 12) -> (...)."""
    return np.asarray(probabilities[..., NONE:].sum(axis=-1))


def sharpened(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Probabilities (N, K) to the power of 1 / temperature, normalised by row."""
    logs = np.log(np.maximum(probabilities, np.float32(1e-12))) / np.float32(temperature)
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


@lru_cache(maxsize=8)
def view_maps(views: int) -> NDArray[np.float32]:
    """Where the pixels of each view come from, (views, 2, 3), for `kernels.warp`; the first stays.

    Every view but the first has an opposite: turned, slanted, stretched and moved the other way.
    """
    drawn = even(views // 2, 6, Key(2024))
    maps = [np.array([[1, 0, 0], [0, 1, 0]], np.float64)]
    for amounts in (row * sign for row in drawn for sign in (1, -1)):
        angle, slant = math.radians(_TURN) * amounts[0], _SLANT * amounts[1]
        tall, wide = 1 + _STRETCH * amounts[2], 1 + _STRETCH * amounts[3]
        sine, cosine = math.sin(angle), math.cos(angle)
        maps.append(
            np.array(
                [
                    [cosine / tall, -sine / wide, _SHIFT * amounts[4]],
                    [(sine + slant * cosine) / tall, (cosine - slant * sine) / wide,
                     _SHIFT * amounts[5]],
                ]
            )
        )  # fmt: skip
    result = np.stack(maps[:views]).astype(np.float32)
    result.setflags(write=False)
    return result
