"""Settings beside each other: a row each, with every seed, the mean and its deviation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from byhand.errors import InputError
from byhand.plots.alternative import note_rows
from byhand.plots.bands import mean_and_deviation
from byhand.plots.lettering import wrapped
from byhand.plots.lines import scale, shown_on
from byhand.plots.style import BLUE, INK, ORANGE, PALE, new_axes, styled
from byhand.plots.words import written

_NAMES = 165.0  # points that the names may take


def compare_size(n: int) -> tuple[float, float]:
    """Width and height in inches of a figure that `compare` of `n` names fits in."""
    return 8.2, 0.46 * max(1, n) + 1.4


@styled
def compare(
    values: Mapping[str, ArrayLike],
    ax: Axes | None = None,
    *,
    xlabel: str,
    title: str = "",
    percent: bool = False,
    reference: Mapping[str, float] | None = None,
    reference_name: str = "reference",
    log_x: bool = False,
    dot: str = "seed",
) -> Axes:
    """A row a name, the first at the top: each seed a dot, the mean a mark, ± deviation a bar.

    Args:
        values: by name, one for each seed; NaN is left out.
        ax: where to draw; on one of `compare_size` if not given.
        xlabel: what the values are, with their unit.
        title: of the axis.
        percent: whether values are shares of 1, to be written as percent.
        reference: another study's value, for the names that have one.
        reference_name: what it is called.
        log_x: a log axis; values of 0 or less are left out.
        dot: what a value is of, where it is no seed ("repetition").

    Mean and deviation (of a sample, n - 1) are written at the right.

    Raises:
        InputError: `reference` has a name that `values` has not.
    """
    unknown = [name for name in reference or {} if name not in values]
    if unknown:
        raise InputError(f"the reference has {unknown[0]!r}: give names that the values have")
    ax = ax or new_axes(*compare_size(len(values)))
    scale(ax, "x", percent, log_x)
    if not log_x:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5 if percent else 7))
    ax.set_xlabel(xlabel)
    handles: dict[str, Any] = {}
    texts: dict[str, str] = {}
    for row, (name, given) in enumerate(values.items()):
        seeds = shown_on(given, log_x)
        seeds = seeds[np.isfinite(seeds)]
        (mean,), (deviation,) = mean_and_deviation(seeds[None])
        texts[name] = written(mean, deviation, percent)
        ax.axhline(row, color=PALE, linewidth=0.8, zorder=0)
        if len(seeds) > 1:
            (handles[f"each {dot}"],) = ax.plot(
                seeds, np.full(len(seeds), row - 0.17), linestyle="none", marker="o", markersize=6,
                markeredgewidth=0, color=BLUE, alpha=0.4,
            )  # fmt: skip
        if len(seeds):
            low = mean - deviation
            if log_x and low <= 0:  # it has no place: the lowest seed is the end
                low = seeds.min()
            several = len(seeds) > 1
            if several:
                ax.plot([low, mean + deviation], [row + 0.13] * 2, color=BLUE, marker="|")
            (handles["mean ± deviation" if several else f"one {dot}"],) = ax.plot(
                [mean], [row + 0.13 if several else row], linestyle="-" if several else "none",
                marker="s", markersize=7, color=BLUE,
            )  # fmt: skip
        if reference and name in reference:
            (handles[reference_name],) = ax.plot(
                [reference[name]], [row], linestyle="none", marker="D", markersize=7.5,
                markerfacecolor="white", markeredgecolor=ORANGE, markeredgewidth=2, zorder=4,
            )  # fmt: skip
        ax.text(
            1.02, row, texts[name], transform=ax.get_yaxis_transform(),
            va="center", fontsize=11, color=INK,
        )  # fmt: skip
    names = [wrapped(name, _NAMES, 11) or name for name in values]
    ax.set_yticks(range(len(names)), names, fontsize=11)
    ax.set_ylim(max(len(names), 1) - 0.45, -0.55)
    for name, value in (reference or {}).items():
        texts[name] += f", {reference_name} {written(value, percent=percent)}"
    note_rows(ax, texts)
    wide = len(handles) > 3  # too wide for one line
    ax.set_title(title, pad=54 if wide else 32 if handles else None)
    if handles:  # above the rows, each of which is full
        ax.legend(
            handles.values(), handles, loc="lower left", bbox_to_anchor=(0, 1),
            ncols=2 if wide else len(handles),
        )  # fmt: skip
    return ax
