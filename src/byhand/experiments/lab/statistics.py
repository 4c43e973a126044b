"""What figures over several seeds allow to be said, and what they do not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from byhand.evaluation.metrics import deviation, finite, mean

if TYPE_CHECKING:
    from byhand.plots import Page

__all__ = ["CONFIDENCE", "NBSP", "Difference", "counted", "deviation", "difference", "judge",
           "mean", "more_or_less", "say"]  # fmt: skip
CONFIDENCE = 0.95
NBSP = "\u00a0"  # between a number and its %, so that no line ends there


def say(values: ArrayLike, digits: int = 2, percent: bool = True) -> str:
    """Mean ± deviation in words: "98.31 ± 0.12 %", or "0.0712 ± 0.0031"."""
    known = finite(values)
    if not known.size:
        return "–"
    scale, unit = (100.0, f"{NBSP}%") if percent else (1.0, "")
    text = f"{scale * mean(known):.{digits}f}"
    if known.size > 1:
        text += f"{NBSP}±{NBSP}{scale * deviation(known):.{digits}f}"
    return text.replace("-", "−") + unit


def counted(n: int, word: str) -> str:
    """So many of a thing: "1 seed", "5 seeds", "1,024 pictures"."""
    return f"{n:,} {word}" + ("" if n == 1 else "s")


@dataclass(frozen=True)
class Difference:
    """How much more b is than a, over the same seeds, and what can be said of it.

    Args:
        mean: of b - a.
        low: lower end of the 95 % interval of that mean (Student's t over the pairs).
        high: its upper end.
        n: pairs.
    """

    mean: float
    low: float
    high: float
    n: int

    @property
    def sign(self) -> int:
        """1 where b is more, -1 where it is less, 0 where the seeds do not tell."""
        if not math.isfinite(self.low + self.high) or self.n < 2:
            return 0
        if self.low == self.high and self.n < 3:  # two seeds that agree by chance
            return 0
        return (self.low > 0) - (self.high < 0)

    @property
    def is_more(self) -> bool | None:
        """Whether b is more than a; None where the seeds do not tell."""
        return None if self.sign == 0 else self.sign > 0

    @property
    def is_less(self) -> bool | None:
        """Whether b is less than a; None where the seeds do not tell."""
        return None if self.sign == 0 else self.sign < 0

    def say(self, digits: int = 2, percent: bool = True) -> str:
        """The difference with its interval: "+0.12 points (95 % interval +0.03 to +0.21)"."""
        scale, unit = (100.0, " points") if percent else (1.0, "")
        change = f"{scale * self.mean:+.{digits}f}{unit}".replace("-", "−")
        if self.n == 0:
            return "no two runs to compare"
        if self.n == 1:
            return f"{change} (one seed, so nothing can be said)"
        low, high = (f"{scale * x:+.{digits}f}".replace("-", "−") for x in (self.low, self.high))
        return f"{change} (95{NBSP}% interval {low} to {high}, {self.n} seeds)"


def difference(a: ArrayLike, b: ArrayLike) -> Difference:
    """b - a, value by value: the same seed gives both the same split and order of pictures.

    Pairs with a value that is no number are left out.
    """
    from scipy.stats import t

    pairs = np.asarray(b, np.float64) - np.asarray(a, np.float64)
    pairs = finite(pairs)
    n = len(pairs)
    if n < 2:
        return Difference(mean(pairs), -math.inf, math.inf, n)
    half = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * deviation(pairs) / math.sqrt(n)
    return Difference(mean(pairs), mean(pairs) - half, mean(pairs) + half, n)


def judge(
    page: Page, claim: str, what: str, a: ArrayLike, b: ArrayLike, *,
    less: bool = False, digits: int = 2, percent: bool = True,
) -> None:  # fmt: skip
    """A claim that b is more (`less`: is less) than a over the same seeds; `what` names b - a."""
    gain = difference(a, b)
    holds = gain.is_less if less else gain.is_more
    page.claim(claim, holds, f"{what}: {gain.say(digits, percent)}")


def more_or_less(value: int, more: str, less: str, unclear: str) -> str:
    """The word for the sign of a difference."""
    return more if value > 0 else less if value < 0 else unclear
