"""Lines through points of x and y, and lines at places worth a name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from byhand.errors import ShapeError
from byhand.plots.alternative import note, note_lines
from byhand.plots.lines import (
    dress,
    look,
    mark_every,
    name_lines,
    places,
    shown_on,
    ticks_at,
)
from byhand.plots.style import GREY, new_axes, styled

_DASHES: tuple[Any, ...] = ((0, (5, 2)), ":", "-.", (0, (1, 3)))  # of the marks


@styled
def xy(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    ax: Axes | None = None,
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    log_x: bool = False,
    log_y: bool = False,
    percent: bool = False,
    marks: Mapping[str, float] | None = None,
    points: Collection[str] = (),
) -> Axes:
    """A line with marks for each name, or the marks alone; a vertical line for each of `marks`.

    Args:
        series: by name, x (n,) and y (n,); NaN leaves a gap; a line called "" has no name.
        ax: where to draw; a new one if not given.
        xlabel: what x is, with its unit.
        ylabel: what y is, with its unit.
        title: of the axis.
        log_x: a log axis.
        log_y: a log axis; values of 0 or less leave a gap.
        percent: whether y are shares of 1, to be written as percent.
        marks: places on the x axis by their names ("suggested 0.012").
        points: the names of those that are drawn without a line.

    Raises:
        ShapeError: x and y of a line are not equally long.
        InputError: an x has no place on a log axis.
    """
    ax = ax or new_axes()
    dress(ax, xlabel=xlabel, ylabel=ylabel, percent=percent, log_x=log_x, log_y=log_y)
    lines = []
    noted = {}
    for i, (name, (x, y)) in enumerate(series.items()):
        at, values = places(x, log_x), shown_on(y, log_y)
        if at.shape != values.shape:
            raise ShapeError(
                f"{name!r} has x of the shape {at.shape} and y of {values.shape}: give a y for "
                "each x"
            )
        style = look(i)
        if name in points:
            style["linestyle"] = "none"
        every = None if name in points else mark_every(len(at), i)
        (line,) = ax.plot(at, values, label=name or "_", markevery=every, **style)
        lines.append(line)
        noted[name or ylabel] = (at, values, np.full(len(at), np.nan))
    if log_x and not points:
        ticks_at(ax, [x for line in lines for x in np.asarray(line.get_xdata())], most=12)
    note_lines(ax, noted, percent, each=len(series) == 1)
    if points:
        note(ax, f"Points: {', '.join(f'{len(noted[p][0])} of {p}' for p in points)}.")
    if marks:
        note(ax, f"Marked: {', '.join(marks)}.")
    for i, (name, x) in enumerate((marks or {}).items()):
        places([x], log_x)  # whether it has one
        dash = _DASHES[i % len(_DASHES)]
        lines.append(ax.axvline(x, color=GREY, linewidth=1.4, linestyle=dash, zorder=1, label=name))
    name_lines(ax, lines, title)
    return ax
