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


def written(mean: float, deviation: float = math.nan, percent: bool = False) -> str:
    """Mean ± deviation: two digits of percent; else as many as the deviation makes worth saying."""
    if math.isnan(mean):
        return "–"
    if percent:
        mean, deviation, unit, digits = 100 * mean, 100 * deviation, " %", 2
    else:
        unit = ""
        finest = deviation if deviation > 0 else abs(mean) / 100  # NaN is not > 0
        digits = min(6, max(0, 1 - math.floor(math.log10(finest)))) if finest > 0 else 0
    spread = "" if math.isnan(deviation) else f" ± {deviation:,.{digits}f}"
    return f"{mean:,.{digits}f}".replace("-", "−") + spread + unit
