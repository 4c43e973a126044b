"""Lines that are told apart by colour, dash and mark, their legend, and the axes they stand on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import ArrayLike, NDArray

from byhand.errors import InputError, ShapeError
from byhand.plots.lettering import axes_points, text_width
from byhand.plots.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, plain

Numbers = NDArray[np.float64]

_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, "#56B4E9", "#E69F00", INK, GREY)
_DASHES: tuple[Any, ...] = (
    "-", "--", ":", "-.", (0, (8, 2)), (0, (3, 1.5)), (0, (6, 1.5, 1, 1.5, 1, 1.5)), (0, (1, 2.5)),
)  # fmt: skip
_MARKS = "os^DvPX*"
_FEW = 25  # so many points or fewer get a mark each
_INSIDE = 3  # so many names or fewer are written into the axis


def look(i: int) -> dict[str, Any]:
    """Colour, dash and mark of line `i`; the first eight differ in each of them."""
    again, i = divmod(i, 8)
    return {
        "color": _COLOURS[i],
        "linestyle": _DASHES[(i + again) % 8],
        "marker": _MARKS[(i + 3 * again) % 8],
    }


def mark_every(points: int, i: int) -> Any:
    """Which points of line `i` get a mark: all of few; of many some, not the same in each line."""
    if points <= _FEW:
        return None
    step = max(1, points // 8)
    return (i % 8 * step // 8, step)


def places(x: ArrayLike, log_x: bool) -> Numbers:
    """The places on an x axis, (n,).

    Raises:
        ShapeError: they are not in one row.
        InputError: one has no place on a log axis.
    """
    at = np.asarray(x, np.float64)
    if at.ndim != 1:
        raise ShapeError(f"x has the shape {at.shape}: give its values in one row")
    if log_x and (at <= 0).any():
        raise InputError(
            f"x = {at[at <= 0][0]:g} has no place on a log axis: give values above 0, or "
            "log_x=False"
        )
    return at


def shown_on(values: ArrayLike, log: bool) -> Numbers:
    """The values, NaN for those that have no place on the axis: infinite ones, on a log axis 0."""
    given = np.asarray(values, np.float64)
    return np.where(np.isfinite(given) & ((given > 0) | (not log)), given, np.nan)


def dress(
    ax: Axes, *, xlabel: str, ylabel: str, percent: bool = False, log_x: bool = False,
    log_y: bool = False,
) -> None:  # fmt: skip
    """Names, scales and grid of the two axes of a plot of lines; y in percent where asked for."""
    scale(ax, "x", False, log_x)
    scale(ax, "y", percent, log_y)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.grid(axis="y")
    ax.margins(x=0.03)


def scale(ax: Axes, which: Literal["x", "y"], percent: bool, log: bool) -> None:
    """Make one of the two axes logarithmic, or in percent, with plain numbers on it."""
    axis: Axis = ax.xaxis if which == "x" else ax.yaxis
    if log:
        ax.set(**{f"{which}scale": "log"})
        axis.set_major_locator(_Ticks(numticks=8))
        axis.set_minor_formatter(NullFormatter())
    if log or percent:
        axis.set_major_formatter(FuncFormatter(_percent if percent else plain))


def ticks_at(
    ax: Axes,
    ticks: Iterable[float],
    most: int = 20,
    sizes: Sequence[tuple[float, float]] = ((12.0, 5.0), (10.0, 1.5)),
) -> None:
    """Ticks at these places of the x axis, with plain numbers on those that there is room for.

    Of more than `most` places none is marked. `sizes` are sizes of letters and the room between
    words, in points, to try one after the other.
    """
    at = sorted({float(tick) for tick in ticks if np.isfinite(tick)})
    if not at or len(at) > most:
        return
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(at)
    ax.get_xlim()  # settles the limits
    width, _ = axes_points(ax)
    to_share = ax.transScale + ax.transLimits  # of the axis, from its left end
    where = [width * float(to_share.transform((tick, ax.get_ylim()[1]))[0]) for tick in at]
    named = list(range(len(at)))
    for size, gap in sizes:
        widths = [text_width(plain(tick), size) for tick in at]
        named = _apart(where, widths, gap)
        if len(named) == len(at):
            break
    ax.set_xticks(at, [plain(t) if i in named else "" for i, t in enumerate(at)], fontsize=size)


def name_lines(ax: Axes, handles: Sequence[Any], title: str) -> None:
    """A legend of those that have names, beside the axis where many fill it; and the title."""
    named = [handle for handle in handles if str(handle.get_label()).strip(" _")]
    ax.set_title(title)
    if len(named) > _INSIDE:
        ax.legend(handles=named, loc="upper left", bbox_to_anchor=(1, 1))
    elif named:
        ax.legend(handles=named)


def _apart(where: Sequence[float], widths: Sequence[float], gap: float) -> list[int]:
    # Those of the words centred at these places that do not touch; first and last come first.
    def clear(i: int, j: int) -> bool:
        return abs(where[i] - where[j]) >= (widths[i] + widths[j]) / 2 + gap

    last = len(where) - 1
    kept = [0]
    for i in range(1, last):
        if clear(i, kept[-1]) and clear(i, last):
            kept.append(i)
    return [*kept, last] if last > 0 and clear(last, kept[-1]) else kept


class _Ticks(LogLocator):
    """Ticks at 1, 2 and 5 of each decade, at 1 and 3, or at 1, by how many decades there are."""

    def tick_values(self, vmin: float, vmax: float) -> Any:
        decades = abs(np.log10(vmax / vmin)) if vmin > 0 and vmax > 0 else np.inf
        self.set_params(
            subs=(1.0, 2.0, 5.0) if decades < 2.5 else (1.0, 3.0) if decades < 4 else (1.0,)
        )
        return super().tick_values(vmin, vmax)


def _percent(value: float, _: object = None) -> str:
    return f"{plain(100 * value)} %"
