"""How to train: all settings of the loop in one object, which `fit` takes and a recipe extends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from byhand import checks
from byhand.data import SAMPLINGS, Augmentation
from byhand.errors import InputError
from byhand.losses import CrossEntropy, Loss
from byhand.optim import Adam, Constant, ExponentialMovingAverage, Optimiser, Schedule

OBJECTS: tuple[tuple[str, Any, str], ...] = (  # the settings that are objects, and what to give
    ("loss", Loss, "a loss, such as losses.CrossEntropy()"),
    ("optimiser", Optimiser, "an optimiser, such as optim.Adam()"),
    ("schedule", Schedule, "a schedule, such as optim.Constant(0.001)"),
    ("average", ExponentialMovingAverage | None, "optim.ExponentialMovingAverage(0.999) or None"),
    ("augment", Augmentation | None, "data.Augmentation(shift=2) or None"),
)


@dataclass(frozen=True)
class Settings:
    """The settings of a training. A new one is a field here, with its check, and what reads it.

    Args:
        loss: what is made small.
        optimiser: how the gradient changes the weights.
        schedule: the learning rate by step.
        batch_size: the last batch of an epoch may be smaller; where it is of one picture and the
            model normalises over a batch, it is left out, and a warning says so.
        epochs: how many passes over the training set.
        steps: how many updates; what is reached first ends it, and one of the two must be given.
        sampling: "shuffle", "in_order" or "with_replacement".
        augment: how the training pictures are moved each time they are seen.
        clip_norm: the gradient is scaled down to this norm where it is larger.
        average: keeps a moving average of the weights, by which validation and test are scored
            (with the running statistics of batch norm as they are).

    Raises:
        InputError: a value is none of its kind; names the setting.
    """

    loss: Loss = CrossEntropy()  # noqa: RUF009 - frozen, as are the next two
    optimiser: Optimiser = Adam()  # noqa: RUF009
    schedule: Schedule = Constant(1e-3)  # noqa: RUF009
    batch_size: int = 64
    epochs: int | None = None
    steps: int | None = None
    sampling: str = "shuffle"
    augment: Augmentation | None = None
    clip_norm: float | None = None
    average: ExponentialMovingAverage | None = None

    def __post_init__(self) -> None:
        for name, kind, wanted in OBJECTS:
            checks.instance(name, getattr(self, name), kind, wanted)
        checks.whole("batch_size", self.batch_size, 1)
        for name in ("epochs", "steps"):
            if getattr(self, name) is not None:
                checks.whole(name, getattr(self, name), 1)
        checks.one_of("sampling", self.sampling, SAMPLINGS)
        if self.clip_norm is not None:
            checks.number("clip_norm", self.clip_norm, above=0)

    def check(self) -> None:
        """See that the settings make sense together.

        Raises:
            InputError: they do not; neither epochs nor steps are given.
        """
        if self.epochs is None and self.steps is None:
            raise InputError(
                "epochs and steps are both none; say how long to train, by epochs or steps"
            )


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings with some of them replaced, by their names.

    Raises:
        TypeError: there is no such setting; names those there are.
        InputError: a value is none of its kind, or `settings` are none.
    """
    checks.instance("settings", settings, Settings, "a training.Settings")
    names = [field.name for field in fields(Settings)]
    for name in changes:
        if name not in names:
            raise TypeError(f"fit has no argument {name!r}; its settings are: {', '.join(names)}")
    return replace(settings, **changes)
