"""Numbers as pages say them."""

from __future__ import annotations

import math

NBSP = "\u00a0"  # between a number and its %, so that no line ends there


def say_percent(share: float, digits: int = 2) -> str:
    """A share of 1 as percent."""
    return f"{100 * share:.{digits}f}{NBSP}%" if finite(share) == share else "not finite"


def finite(value: float | None) -> float:
    """The value, or 0 where there is none."""
    return value if value is not None and math.isfinite(value) else 0.0


def duration(seconds: float) -> str:
    """A time: "12.3 s", "4 min 5 s", "1 h 2 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
