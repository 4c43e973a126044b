"""Lines through points of x and y, and lines at places worth a name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from byhand.errors import ShapeError
from byhand.plots.alternative import note, note_lines
from byhand.plots.lettering import axes_points, text_width
from byhand.plots.lines import (
    dress,
    fraction,
    look,
    mark_every,
    name_lines,
    places,
    shown_on,
    ticks_at,
)
from byhand.plots.style import GREY, INK, new_axes, styled

_SIZE = 11.0  # points of the names of marks


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
    lift = _marks(marks, ax, log_x) if marks else 0.0
    name_lines(ax, lines, title, lift)
    return ax


def _marks(marks: Mapping[str, float], ax: Axes, log_x: bool) -> float:
    # Names stand above the axis, in as many rows as it takes; gives the height of these.
    at = places(list(marks.values()), log_x)
    for x in at:
        ax.axvline(x, color=GREY, linewidth=1.4, linestyle=(0, (5, 2)), zorder=1)
    ax.get_xlim(), ax.get_ylim()  # settles the limits
    width, _ = axes_points(ax)
    order = np.argsort(at, kind="stable")
    names = [list(marks)[i] for i in order]
    where = [width * fraction(ax, at[i])[0] for i in order]
    widths = [text_width(name, _SIZE) for name in names]
    close = [
        b - a < (m + n) / 2 + 8
        for (a, b), (m, n) in zip(pairwise(where), pairwise(widths), strict=True)
    ]
    ends: list[float] = []  # how far each row is filled, in points from the left
    for i, (left, right) in enumerate(zip([False, *close], [*close, False], strict=False)):
        # Away from the one neighbour that is too close; between two there is no such side.
        side = "center" if left == right else "left" if left else "right"
        start = where[i] - widths[i] * {"left": 0.0, "center": 0.5, "right": 1.0}[side]
        row = next((r for r, end in enumerate(ends) if start >= end), len(ends))
        ends[row : row + 1] = [start + widths[i]]
        ax.annotate(
            names[i], (at[order[i]], 1), xycoords=ax.get_xaxis_transform(),
            xytext=(0, 3 + 1.35 * _SIZE * row), textcoords="offset points", ha=side,
            va="bottom", fontsize=_SIZE, color=INK, annotation_clip=False,
        )  # fmt: skip
    return 4 + 1.35 * _SIZE * len(ends)
