"""How sure the reader may be: a temperature and a threshold, fitted on validation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import nn
from byhand.data import Dataset
from byhand.reader.recognise import NONE, Recogniser, confidences, sharpened

# Validation pictures that are read, evenly from all over the set: each in as many views as later.
_MOST = 12_000
_TEMPERATURES = np.geomspace(0.4, 2.5, 106)
# Of validation's digits, so many are rejected at the threshold: most of those are misread.
_REJECTED = 0.01


@dataclass(frozen=True)
class Calibration:
    """What was fitted, and on how many pictures.

    Args:
        temperature: T of p^(1/T), the one of the least loss (mean negative log probability).
        threshold: the confidence that all but a hundredth of the digits reach.
        pictures: how many were read.
        rejected: the share of what is no digit that stays below the threshold.
    """

    temperature: float
    threshold: float
    pictures: int
    rejected: float

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for the model's card."""
        return asdict(self)


def calibrate(model: nn.Layer, validation: Dataset) -> Calibration:
    """Fit the temperature and the threshold of a reader's network on pictures it has not learnt.

    Args:
        model: of twelve classes.
        validation: normalised pictures of the same classes, digits and no digits.
    """
    which = np.unique(np.linspace(0, len(validation) - 1, _MOST).astype(np.int64))
    part = validation.take(which)
    read = Recogniser(model).average(part.images[:, 0])
    losses = [_loss(sharpened(read, float(t)), part.labels) for t in _TEMPERATURES]
    temperature = float(_TEMPERATURES[int(np.argmin(losses))])
    sure = confidences(sharpened(read, temperature))
    digits = part.labels < NONE
    threshold = float(np.quantile(sure[digits], _REJECTED))
    rejected = float(np.mean(sure[~digits] < threshold)) if not digits.all() else 0.0
    return Calibration(round(temperature, 3), round(threshold, 3), len(part), rejected)


def _loss(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())
