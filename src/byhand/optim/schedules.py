"""Schedules: the learning rate as a pure function of the number of steps done.

    rate = Cosine(0.1).over(total_steps)
    rate(0)      # of the first step

`step` counts updates done, so the first update is made with `schedule(0)`. Where `steps` is None
the schedule spans the whole run, whose length `over` tells it.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

from byhand.checks import fields, number, quoted, whole
from byhand.errors import InputError

MOST = sys.float_info.max


@dataclass(frozen=True)
class Schedule(ABC):
    """The base of schedules: a frozen dataclass of its settings. One's own writes `_rate`."""

    def __call__(self, step: int) -> float:
        """The learning rate of the update that follows `step` updates, a finite one."""
        try:
            return min(self._rate(step), MOST)
        except OverflowError:
            return MOST

    @abstractmethod
    def _rate(self, step: int) -> float:
        """The formula."""

    def over(self, total_steps: int) -> Schedule:
        """The same schedule for a run of `total_steps`: fills in a `steps` that is None."""
        return self


@dataclass(frozen=True)
class Constant(Schedule):
    """rate."""

    rate: float

    def __post_init__(self) -> None:
        fields(self, number, "rate", least=0)

    def _rate(self, step: int) -> float:
        return self.rate


@dataclass(frozen=True)
class Step(Schedule):
    """rate * factor^floor(step / every): multiplied by `factor` every so many steps."""

    rate: float
    factor: float
    every: int

    def __post_init__(self) -> None:
        fields(self, number, "rate", least=0)
        fields(self, number, "factor", above=0)
        fields(self, whole, "every", least=1)

    def _rate(self, step: int) -> float:
        return self.rate * self.factor ** (step // self.every)


@dataclass(frozen=True)
class Exponential(Schedule):
    """rate * factor^step. For a factor of f every E steps, smoothly, give f^(1/E)."""

    rate: float
    factor: float

    def __post_init__(self) -> None:
        fields(self, number, "rate", least=0)
        fields(self, number, "factor", above=0)

    def _rate(self, step: int) -> float:
        return self.rate * self.factor**step


@dataclass(frozen=True)
class InverseTime(Schedule):
    """rate / (1 + decay * step): half the rate after 1/decay steps."""

    rate: float
    decay: float

    def __post_init__(self) -> None:
        fields(self, number, "rate", least=0)
        fields(self, number, "decay", least=0)

    def _rate(self, step: int) -> float:
        return self.rate / (1 + self.decay * step)


@dataclass(frozen=True)
class Cosine(Schedule):
    """final + (rate - final) * (1 + cos(pi * step / steps)) / 2, then `final`.

    Half a cosine from `rate` down. Loshchilov and Hutter, "SGDR: stochastic gradient descent with
    warm restarts", 2017, without the restarts.
    """

    rate: float
    steps: int | None = None
    final: float = 0.0

    def __post_init__(self) -> None:
        fields(self, number, "rate", least=0)
        if self.steps is not None:
            fields(self, whole, "steps", least=1)
        fields(self, number, "final", least=0)

    def _rate(self, step: int) -> float:
        return _half_cosine(self.rate, self.final, step / _known(self, self.steps))

    def over(self, total_steps: int) -> Cosine:
        """Fills in `steps`."""
        return replace(self, steps=total_steps) if self.steps is None else self


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to `peak` in the first part of the run, `warm`, and down for the rest, as half cosines.

        start = peak * start_ratio  to  peak  to  final = start * final_ratio

    The peak is at step warm * steps - 1, the end at steps - 1; it stays at `final` from there.
    Smith and Topin, "Super-convergence: very fast training of neural networks using large learning
    rates", 2019, in the two phases of PyTorch's OneCycleLR (momentum is left alone).
    """

    peak: float
    steps: int | None = None
    warm: float = 0.3
    start_ratio: float = 1 / 25
    final_ratio: float = 1e-4

    def __post_init__(self) -> None:
        fields(self, number, "peak", least=0)
        if self.steps is not None:
            fields(self, whole, "steps", least=1)
        fields(self, number, "warm", least=0, most=1)
        fields(self, number, "start_ratio", above=0)
        fields(self, number, "final_ratio", least=0)

    def _rate(self, step: int) -> float:
        steps = _known(self, self.steps)
        start = self.peak * self.start_ratio
        top, last = self.warm * steps - 1, steps - 1
        if step <= top:
            return _half_cosine(start, self.peak, _part(step, 0, top))
        return _half_cosine(self.peak, start * self.final_ratio, _part(step, top, last))

    def over(self, total_steps: int) -> OneCycle:
        """Fills in `steps`."""
        return replace(self, steps=total_steps) if self.steps is None else self


@dataclass(frozen=True)
class WarmUp(Schedule):
    """schedule(step) * min(1, (step + 1) / steps): the first `steps` updates grow linearly.

    The first update has 1/steps of the rate and not 0, which would waste it. The inner schedule
    counts from the start of the run, warm-up included. Goyal et al., "Accurate, large minibatch
    SGD", 2017.

    Raises:
        InputError: there is no schedule inside, or steps are no number of them.
    """

    schedule: Schedule
    steps: int

    def __post_init__(self) -> None:
        if not isinstance(self.schedule, Schedule):
            raise InputError(
                f"WarmUp's schedule is {quoted(self.schedule)}, but it must be another schedule, "
                "such as Constant(0.1)"
            )
        fields(self, whole, "steps", least=1)

    def _rate(self, step: int) -> float:
        return self.schedule(step) * min(1.0, (step + 1) / self.steps)

    def over(self, total_steps: int) -> WarmUp:
        """Fills in the inner schedule's `steps`."""
        return replace(self, schedule=self.schedule.over(total_steps))


def _half_cosine(start: float, end: float, part: float) -> float:
    """From `start` at part 0 to `end` at part 1, level at both ends."""
    return end + (start - end) / 2 * (1 + math.cos(math.pi * min(part, 1.0)))


def _part(step: float, first: float, last: float) -> float:
    """How far `step` is from `first` to `last`; a phase of no length is over."""
    return (step - first) / (last - first) if last > first else 1.0


def _known(schedule: Schedule, steps: int | None) -> int:
    if steps is None:
        raise InputError(
            f"{schedule!r} spans the whole run, whose length it does not know; "
            "call over(total_steps), or give steps"
        )
    return steps


SCHEDULES: dict[str, type[Schedule]] = {
    cls.__name__: cls
    for cls in (Constant, Step, Exponential, InverseTime, Cosine, OneCycle, WarmUp)
}
