"""Averaged weights: a smoothed copy of the parameters, often better than the last ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from byhand.checks import fields, number

Array = NDArray[Any]


@dataclass(frozen=True)
class ExponentialMovingAverage:
    """The exponential moving average a of the parameters w, over about 1/(1 - decay) steps.

        d = min(decay, (1 + step) / (10 + step))
        a = d * a + (1 - d) * w

    It starts as a copy of the parameters. With a constant decay the random start would weigh for
    thousands of steps; the smaller decay of the first ones forgets it (0.1 at step 0, 0.5 at step
    8, 0.99 at step 890). Adam's correction, dividing by 1 - decay^t when reading, would do too,
    but then the vector itself is no set of weights that can be evaluated or saved at any moment.

    Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992; the growing
    decay is TensorFlow's.
    """

    decay: float = 0.999

    def __post_init__(self) -> None:
        fields(self, number, "decay", least=0, below=1)

    def update(self, average: Array, parameters: Array, step: int) -> None:
        """Move the flat average towards the parameters, in place; `step` is the updates before."""
        d = min(self.decay, (1 + step) / (10 + step))
        average += (1 - d) * (parameters - average)
