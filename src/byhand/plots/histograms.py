"""Histograms that were counted before: one, or many small ones in rows and columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike

from byhand.errors import InputError, ShapeError
from byhand.plots.alternative import note
from byhand.plots.lettering import wrapped
from byhand.plots.lines import Numbers, ticks_at
from byhand.plots.style import BLUE, GREY, plain, styled

Counted = tuple[ArrayLike, ArrayLike]


@styled
def histogram(
    edges: ArrayLike, counts: ArrayLike, ax: Axes, *, xlabel: str, title: str = ""
) -> Axes:
    """Counts (n,) between edges (n + 1,), as `np.histogram` gives them.

    Raises:
        ShapeError: there is not one edge more than counts.
    """
    at, high = _counted((edges, counts))
    ax.stairs(high, at, fill=True, color=BLUE, linewidth=0)
    ax.set_ylim(0, 1.05 * max(float(high.max()), 1e-12))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.grid(axis="y")
    ax.set_xlabel(xlabel)
    ax.set_ylabel("count")
    ax.set_title(title)
    return ax


def histograms_size(rows: int, columns: int) -> tuple[float, float]:
    """Width and height in inches of a figure that so many histograms fit in."""
    return min(8.2, 1.4 + 2.2 * max(1, columns)), 1.1 * max(1, rows) + 0.9


@styled
def histograms(
    named: Mapping[str, Mapping[str, Counted]],
    figure: Figure,
    *,
    xlabel: str,
    bins: int = 60,
    share_x: bool = True,
    log_y: bool = False,
) -> Figure:
    """Small histograms in rows and columns, each as high as its own largest count.

    Args:
        named: by row and column, edges (n + 1,) and counts (n,); a place may be missing.
        figure: an empty one, best of `histograms_size`.
        xlabel: what was counted, with its unit.
        bins: of more than so many, neighbours are joined.
        share_x: whether those of a row have the same x axis.
        log_y: whether heights are logarithms, from half a count.

    Raises:
        ShapeError: there is not one edge more than counts.
        InputError: `bins` is below 1.
    """
    if bins < 1:
        raise InputError(f"bins={bins} is too few: give at least 1")
    columns = list(dict.fromkeys(column for row in named.values() for column in row))
    axes = figure.subplots(
        max(1, len(named)), max(1, len(columns)), squeeze=False,
        sharex="row" if share_x else "none",
    )  # fmt: skip
    for ax in axes.ravel():
        ax.set_axis_off()
    for r, (row, of) in enumerate(named.items()):
        for ax, column in zip(axes[r], columns, strict=False):
            if column in of:
                _small(
                    *_joined(*_counted(of[column]), bins), ax, log_y, 4 if len(columns) <= 4 else 3
                )
        axes[r, 0].annotate(
            wrapped(row, 100, 11) or row, (0, 0.5), xytext=(-9, 0), xycoords="axes fraction",
            textcoords="offset points", ha="right", va="center", fontsize=11,
        )  # fmt: skip
    for ax in figure.axes:
        left, right = ax.get_xlim()
        ticks_at(ax, [x for x in ax.get_xticks() if left <= x <= right], sizes=[(10.0, 6.0)])
    for ax, column in zip(axes[0], columns, strict=False):
        ax.set_title(column, fontsize=11, fontweight="normal", loc="center", pad=6)
    figure.supxlabel(xlabel, fontsize=12)
    note(figure, f"Histograms: {xlabel}. Most frequent, by {' and '.join(columns)}: " + "; ".join(
        f"{row}: {', '.join(_most(of[column]) for column in columns if column in of)}"
        for row, of in named.items()) + ".")  # fmt: skip
    return figure


def _small(edges: Numbers, counts: Numbers, ax: Axes, log_y: bool, ticks: int) -> None:
    ax.set_axis_on()
    # The outline keeps a bar that is thinner than a pixel in sight.
    ax.stairs(counts, edges, fill=True, facecolor=BLUE, edgecolor=BLUE, linewidth=0.8)
    top = max(float(counts.max()), 1e-12)
    if log_y and top >= 1:
        ax.set_yscale("log")
        ax.set_ylim(0.5, 1.6 * top)
        ax.yaxis.minorticks_off()
    else:
        ax.set_ylim(0, 1.08 * top)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    if edges[0] < 0 < edges[-1]:
        ax.axvline(0, color=GREY, linewidth=0.8, linestyle=":", zorder=0)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=ticks))


def _counted(given: Counted) -> tuple[Numbers, Numbers]:
    edges, counts = (np.asarray(of, np.float64) for of in given)
    if edges.ndim != 1 or counts.ndim != 1 or len(edges) != len(counts) + 1 or not len(counts):
        raise ShapeError(
            f"{edges.shape} edges and {counts.shape} counts: give n + 1 edges and n counts"
        )
    return edges, counts


def _most(given: Counted) -> str:
    edges, counts = _counted(given)
    return plain(float(f"{edges[counts.argmax()]:.3g}"))


def _joined(edges: Numbers, counts: Numbers, bins: int) -> tuple[Numbers, Numbers]:
    # Bins of one width: what is missing at the end of the last is empty.
    step = -(-len(counts) // bins)
    if step == 1:
        return edges, counts
    more = -len(counts) % step
    last = edges[-1] + (edges[-1] - edges[-2]) * np.arange(1, more + 1)
    padded = np.pad(counts, (0, more)).reshape(-1, step)
    return np.concatenate([edges, last])[::step], padded.sum(axis=1)
