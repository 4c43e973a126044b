"""What a figure shows in words, for who cannot see it: each drawing notes what it draws."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from byhand.plots.style import plain
from byhand.plots.words import written

_FEW = 12  # so many points of a line or fewer are all said


def note(drawn: Any, text: str) -> None:
    """Keep the words with the figure, or with the figure of an axis."""
    figure = drawn if hasattr(drawn, "savefig") else drawn.figure
    figure.set_label(" ".join(f"{figure.get_label()} {text}".split()))


def text_of(figure: Any) -> str:
    """What was noted of a figure; "" where nothing was."""
    return str(figure.get_label())


def note_rows(ax: Axes, rows: Mapping[str, str], over: str = "") -> None:
    """Rows by name with their figures: "Test accuracy. 3×3: 97.5 %; 5×5: 98.2 %."."""
    texts = "; ".join(f"{' '.join(name.split())}: {text}" for name, text in rows.items())
    note(ax, f"{_capital(over or ax.get_xlabel())}. {texts}.")


def note_lines(
    ax: Axes,
    lines: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
    percent: bool,
    each: bool = False,
) -> None:
    """Lines by name, (x, mean, deviation): every point of few where `each`, else the two ends."""
    rows = {}
    for name, (x, means, deviations) in lines.items():
        points = [
            f"{written(m, d, percent)} at {plain(at)}"
            for at, m, d in zip(*map(np.asarray, (x, means, deviations)), strict=True)
            if math.isfinite(m)
        ]
        if each and len(points) <= _FEW:
            rows[name] = ", ".join(points)
        else:
            rows[name] = " to ".join([*points[:1], *points[1:][-1:]])
    note_rows(ax, rows, f"{ax.get_ylabel()} by {ax.get_xlabel()}")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
