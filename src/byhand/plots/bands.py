"""Lines over several seeds: the mean, how far the seeds lie apart, and each seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from byhand.errors import InputError, ShapeError
from byhand.evaluation import metrics
from byhand.plots.alternative import note_lines
from byhand.plots.lines import (
    Numbers,
    dress,
    look,
    mark_every,
    name_lines,
    places,
    shown_on,
    ticks_at,
)
from byhand.plots.style import BLUE, ORANGE, new_axes, styled


@styled
def line_with_band(
    x: Sequence[float] | Numbers,
    values: ArrayLike,
    ax: Axes | None = None,
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    percent: bool = False,
    log_x: bool = False,
    ticks: Sequence[float] | None = None,
    reference: Mapping[Any, float] | None = None,
    reference_name: str = "",
    name: str = "ours",
) -> Axes:
    """What came out at each setting over several seeds: mean, mean ± deviation, and each seed.

    Args:
        x: the settings, n of them.
        values: (n, seeds), NaN where a seed gave nothing; it is left out.
        ax: where to draw; a new one if not given.
        xlabel: what x is, with its unit.
        ylabel: what the values are, with their unit.
        title: of the axis.
        percent: whether values are shares of 1, to be written as percent.
        log_x: whether settings stand as far apart as their ratio says.
        ticks: where numbers stand on the x axis: at `x` and the reference's if not given.
        reference: figures of another study, by setting: points.
        reference_name: what they are called.
        name: what ours are called.

    The deviation is that of a sample (n - 1); one seed alone has none.

    Raises:
        ShapeError: `values` has not a row for each setting.
        InputError: a setting has no place on a log axis.
    """
    at = places(x, log_x)
    rows = shown_on(values, log=False)
    if rows.ndim != 2 or len(rows) != len(at):
        raise ShapeError(
            f"values have the shape {rows.shape}: give ({len(at)}, seeds), a row for each x"
        )
    mean, deviation = mean_and_deviation(rows)
    ax = ax or new_axes()
    dress(ax, xlabel=xlabel, ylabel=ylabel, percent=percent, log_x=log_x)
    _band(ax, at, mean - deviation, mean + deviation, BLUE)
    if rows.shape[1] > 1:
        ax.plot(
            np.repeat(at, rows.shape[1]), rows.ravel(), linestyle="none", marker="o",
            markersize=4.5, markeredgewidth=0, color=BLUE, alpha=0.4,
        )  # fmt: skip
    of_what = ": mean ± deviation" if np.isfinite(deviation).any() else ""
    (line,) = ax.plot(at, mean, color=BLUE, marker="o", markersize=6.5, label=name + of_what)
    handles = [line]
    noted = {name: (at, mean, deviation)}
    if reference:
        theirs = places(list(reference), log_x)
        (points,) = ax.plot(
            theirs, shown_on(list(reference.values()), log=False), linestyle="none", marker="D",
            markersize=7, color=ORANGE, markeredgecolor="white", markeredgewidth=0.8,
            label=reference_name or "reference", zorder=4,
        )  # fmt: skip
        handles.append(points)
        figures = np.asarray(list(reference.values()), np.float64)
        noted[reference_name or "reference"] = (theirs, figures, np.full(len(figures), np.nan))
    note_lines(ax, noted, percent, each=True)
    ticks_at(ax, [*at, *(reference or {})] if ticks is None else ticks)
    name_lines(ax, handles, title)
    return ax


@styled
def curves_over_runs(
    x: Sequence[float] | Numbers,
    runs: Mapping[str, ArrayLike],
    ax: Axes | None = None,
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    percent: bool = False,
    log_y: bool = False,
    log_x: bool = False,
    spread: str = "band",
) -> Axes:
    """Curves of several runs by name: the mean with a band of ± deviation, or each run a line.

    Args:
        x: the points of the curves, n of them.
        runs: by name, (runs, n); NaN leaves a gap.
        ax: where to draw; a new one if not given.
        xlabel: what x is, with its unit.
        ylabel: what the values are, with their unit.
        title: of the axis.
        percent: whether values are shares of 1, to be written as percent.
        log_y: a log axis; values of 0 or less leave a gap.
        log_x: a log axis.
        spread: "band", or "lines" for all runs as thin lines.

    Up to eight names differ in colour, dash and mark each; more only in the three together.

    Raises:
        ShapeError: runs have not a value for each x.
        InputError: an x has no place on a log axis, or `spread` is neither.
    """
    if spread not in ("band", "lines"):
        raise InputError(f'spread={spread!r} is not known: give "band" or "lines"')
    at = places(x, log_x)
    ax = ax or new_axes()
    dress(ax, xlabel=xlabel, ylabel=ylabel, percent=percent, log_x=log_x, log_y=log_y)
    if not log_x and (at == np.round(at)).all():  # there is no epoch 1.5
        ax.xaxis.set_major_locator(
            MaxNLocator(integer=True, nbins=10, min_n_ticks=1, steps=[1, 2, 5, 10])
        )
    handles: list[Line2D] = []
    noted = {}
    for i, (name, given) in enumerate(runs.items()):
        values = shown_on(given, log_y)
        if values.ndim != 2 or values.shape[1] != len(at):
            raise ShapeError(
                f"the runs of {name!r} have the shape {values.shape}: give (runs, {len(at)}), "
                "a value for each x"
            )
        mean, deviation = mean_and_deviation(values.T)
        noted[name] = (at, mean, deviation)
        if spread == "lines":
            handles.append(_thin_lines(ax, at, values, name, i))
            continue
        low = mean - deviation
        if log_y:  # below 0 there is no place: the lowest run is the end
            lowest = np.where(np.isfinite(values), values, np.inf).min(axis=0, initial=np.inf)
            low = np.where(low <= 0, lowest, low)
        _band(ax, at, low, mean + deviation, look(i)["color"])
        handles += ax.plot(at, mean, label=name, markevery=mark_every(len(at), i), **look(i))
    note_lines(ax, noted, percent)
    if log_x:
        ticks_at(ax, at, most=12)
    name_lines(ax, handles, title)
    return ax


def mean_and_deviation(rows: Numbers) -> tuple[Numbers, Numbers]:
    """Mean and sample deviation of each row (n, runs) without its NaNs.

    NaN is the mean of none, and the deviation of fewer than two.
    """
    of = (metrics.mean, metrics.deviation)
    mean, deviation = (np.array([figure(row) for row in rows], np.float64) for figure in of)
    return mean, deviation


def _band(ax: Axes, at: Numbers, low: Numbers, high: Numbers, colour: str) -> None:
    known = np.isfinite(low) & np.isfinite(high)
    beside = np.concatenate([[False], known, [False]])
    alone = known & ~beside[:-2] & ~beside[2:]  # a band of one point would have no width
    if (known & ~alone).any():
        ax.fill_between(at, low, high, where=known.tolist(), color=colour, alpha=0.18, linewidth=0)
    if alone.any():
        ax.vlines(at[alone], low[alone], high[alone], color=colour, alpha=0.3, linewidth=7)


def _thin_lines(ax: Axes, at: Numbers, values: Numbers, name: str, i: int) -> Line2D:
    # Each run, with a mark where it ends; gives what stands for them in the legend.
    style = look(i)
    alpha = 0.9 if len(values) <= 3 else 0.65 if len(values) <= 10 else 0.4
    for run in values:
        drawn = np.flatnonzero(np.isfinite(run))
        ax.plot(
            at, run, linewidth=1.2, alpha=alpha, markersize=4.5, markevery=drawn[-1:].tolist(),
            **style,
        )  # fmt: skip
    return Line2D([], [], label=name, linewidth=1.6, **style)
