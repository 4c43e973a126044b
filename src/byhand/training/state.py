"""Where training stands: whole after every step, also where an interrupt breaks one off.

A step changes long vectors in place. `TrainingState.hold` copies them first, `advance` ends the
step with everything else at once, and `settle` takes back what was not ended: whatever is raised at
whatever moment (Ctrl-C, no memory, an error in a layer of one's own), model and state are those
before the step or those after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import nn
from byhand.optim import Optimiser, OptimiserState
from byhand.training.records import EpochRecord

Array = NDArray[Any]


@dataclass(frozen=True)
class EpochSums:
    """What has been added up over the batches of the epoch that is under way."""

    images: int = 0
    loss: float = 0.0  # sum over images
    correct: int = 0
    seconds: float = 0.0
    steps: int = 0
    gradient_squares: Mapping[str, float] = field(default_factory=dict)  # by parameter, over steps

    def plus(
        self, images: int, loss: float, correct: int, squares: Mapping[str, float], seconds: float
    ) -> EpochSums:
        """The sums with a step of a mean loss over so many images."""
        before = self.gradient_squares
        return EpochSums(
            self.images + images,
            self.loss + loss * images,
            self.correct + correct,
            self.seconds + seconds,
            self.steps + 1,
            {name: before.get(name, 0.0) + square for name, square in squares.items()},
        )


@dataclass
class Held:
    """What a step changes in place, as it was before."""

    arrays: Sequence[Array]
    copies: Sequence[Array]
    optimiser_step: int


@dataclass
class TrainingState:
    """Where training stands: after `step` updates, `batch` batches into epoch `epoch` (from 0).

    Arrays are flat, as the model's.
    """

    optimiser: OptimiserState
    generator: dict[str, Any]  # of the batches, as it was when the epoch began
    epoch: int = 0
    step: int = 0
    batch: int = 0
    sums: EpochSums = EpochSums()
    records: list[EpochRecord] = field(default_factory=list)
    average: Array | None = None  # the weights' moving average
    best_epoch: int | None = None  # by validation accuracy, then loss
    best_flat: Array | None = None
    best_buffers: Array | None = None
    _held: Held | None = field(default=None, repr=False, compare=False)

    def hold(self, arrays: Sequence[Array], into: Sequence[Array]) -> None:
        """Keep copies of `arrays`, which are about to change, in `into`, of the same shapes."""
        for array, copy in zip(arrays, into, strict=True):
            np.copyto(copy, array)
        self._held = Held(arrays, into, self.optimiser.step)

    def advance(self, **fields: Any) -> None:
        """Take these values, and what was held as changed: in one call, which nothing parts."""
        vars(self).update(fields, _held=None)

    def settle(self) -> None:
        """Put back what is held still; nothing where no step was broken off."""
        held = self._held
        if held is not None:
            for array, copy in zip(held.arrays, held.copies, strict=True):
                np.copyto(array, copy)
            self.optimiser.step = held.optimiser_step
            self._held = None


def new_state(
    model: nn.Layer, optimiser: Optimiser, rng: np.random.Generator, averaged: bool
) -> TrainingState:
    """The state before the first step."""
    return TrainingState(
        optimiser=optimiser.new_state(model.flat),
        generator=dict(rng.bit_generator.state),
        average=model.flat.copy() if averaged else None,
    )
