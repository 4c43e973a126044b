"""What training tells about itself: one record an epoch, and one a step when asked."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from byhand import checks

# Figures that are always there, but may have been infinite or NaN, which JSON cannot say.
_FINITE = ("train_loss", "train_accuracy", "learning_rate", "peak_rate")


@dataclass(frozen=True)
class Diagnosis:
    """Something that looks wrong, with its likely causes, most likely first.

    `symptom` is a sentence with the numbers seen; each cause is (what may be wrong, what to try).
    `kind` is one of: diverged, chance, dead_units, vanishing, exploding, overfitting, underfitting.
    """

    kind: str
    symptom: str
    causes: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        lines = [self.symptom]
        lines += [f"  - {cause}: {remedy}" for cause, remedy in self.causes]
        return "\n".join(lines)


@dataclass(frozen=True)
class StepRecord:
    """One update of the parameters. Loss and accuracy are of the batch before the update."""

    step: int  # updates done, this one included
    epoch: int
    loss: float
    accuracy: float
    learning_rate: float
    gradient_norm: float  # of the whole flat gradient, before clipping


@dataclass(frozen=True)
class EpochRecord:
    """One pass over the training set (or the last, shorter part of it when steps ran out).

    Training loss and accuracy are means over the epoch's batches as they were met, dropout
    included; validation and test figures are of the model as it stands at the epoch's end, and
    None where there is no such set. Losses are of the loss that is trained with. Norms are by
    parameter name: the gradient's is the root mean square over the epoch's steps, before clipping,
    the weights' is that at the end.
    """

    epoch: int  # epochs done, this one included: the first record says 1
    step: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    test_loss: float | None  # for drawing only; nothing chooses by it
    test_accuracy: float | None
    learning_rate: float
    gradient_norms: dict[str, float]
    weight_norms: dict[str, float]
    seconds: float  # of its steps, with making their batches
    images_per_second: float
    diagnoses: tuple[Diagnosis, ...] = field(default=())
    peak_rate: float = 0.0  # the highest learning rate of the epoch's steps

    def as_dict(self) -> dict[str, Any]:
        """The record as plain values, for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> EpochRecord:
        """The record from what `as_dict` gave, once through JSON, where null stands for NaN.

        Raises:
            DataError: a value is absent or of another type.
        """
        if isinstance(values, dict):
            lost: dict[str, Any] = {
                k: math.nan for k in _FINITE if k in values and values[k] is None
            }
            for name in ("gradient_norms", "weight_norms"):
                if isinstance(norms := values.get(name), dict):
                    lost[name] = {k: math.nan if v is None else v for k, v in norms.items()}
            values = {**values, **lost}
        return checks.record(EpochRecord, values, "the record of an epoch")
