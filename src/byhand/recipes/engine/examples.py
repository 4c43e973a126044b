"""What recipes learn from, by name: how it is made of a data set, and what becomes of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from byhand import nn
from byhand.data import Dataset, Splits
from byhand.reader.calibrate import calibrate
from byhand.reader.examples.training_set import make_training_set


@dataclass(frozen=True)
class Examples:
    """One way of making what a recipe learns from.

    `make` takes the data set and the seed; `finish` the trained model and the validation part, and
    gives what the run's result says besides. `quick` is whether a web page can wait for it.
    """

    make: Callable[[Splits, int], Splits]
    finish: Callable[[nn.Layer, Dataset | None], dict[str, Any]]
    quick: bool = True


def _calibrated(model: nn.Layer, validation: Dataset | None) -> dict[str, Any]:
    return {} if validation is None else {"reader": calibrate(model, validation).as_dict()}


EXAMPLES = {
    "as_found": Examples(lambda splits, seed: splits, lambda model, validation: {}),
    "reader": Examples(make_training_set, _calibrated, quick=False),  # needs fonts, and minutes
}
