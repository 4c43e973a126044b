"""What a network sees: its filters, and one picture's way through the layers, a row a layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from byhand.evaluation import LayerOutput, Look
from byhand.plots.gallery import frame, largest, picture, shaded
from byhand.plots.lettering import wrapped
from byhand.plots.style import BLUE, GREY, plain, styled

# These give what they were given, or the same numbers in one row.
_SAME = ("Flatten", "Dropout")
_NAMED = 76.0  # points that the name of a filter may take
_FEW = 24  # a vector of so many values or fewer is drawn as bars


def filters_size(n: int, columns: int = 8, named: bool = False) -> tuple[float, float]:
    """Width and height in inches of a figure that `n` filters fit in, with `names` if `named`."""
    high = 1.42 + (0.5 if named else 0.0)
    return 1.15 * min(max(2, n), columns) + 0.9, high * max(1, math.ceil(n / columns)) + 0.25


@styled
def filters(
    weights: NDArray[Any],
    figure: Figure,
    columns: int = 8,
    smooth: bool = False,
    names: Sequence[str] | None = None,
) -> Figure:
    """Weights (F, C, KH, KW), a picture each: red above 0, blue below, one scale for all.

    Of several channels the mean is drawn. `smooth` blurs the squares, which shows lines better.
    `names` are written under the numbers.
    """
    flat = np.asarray(weights).mean(axis=1)  # (F, C, KH, KW) -> (F, KH, KW)
    columns = max(1, min(columns, len(flat)))
    axes = figure.subplots(max(1, math.ceil(len(flat) / columns)), columns, squeeze=False)
    drawn = None
    for ax in axes.ravel():
        ax.set_axis_off()
    for i, (ax, weight) in enumerate(zip(axes.ravel(), flat, strict=False)):
        drawn = shaded(weight, ax, largest(flat), True, smooth)
        frame(ax)
        title = str(i)
        if names is not None:
            title += "\n" + (wrapped(names[i], _NAMED, 10) or names[i])
        ax.set_title(title, fontsize=10, fontweight="normal", loc="center", pad=3, color=GREY)
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=axes, shrink=0.9, aspect=14, pad=0.02)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=10)
    return figure


@styled
def norm_bars(
    norms: Mapping[str, float],
    ax: Axes,
    xlabel: str = "norm",
    title: str = "Norm of each parameter",
) -> Axes:
    """The norm of each parameter, a bar each, in the order of the layers."""
    names = list(norms)
    ax.barh(names, list(norms.values()), color=BLUE)
    ax.invert_yaxis()
    ax.grid(axis="x")
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6))
    ax.xaxis.set_major_formatter(FuncFormatter(plain))
    ax.set_xlabel(xlabel)
    ax.set_title(title)
    return ax


def feature_maps_size(look: Look, columns: int = 8) -> tuple[float, float]:
    """Width and height in inches of a figure that `feature_maps` of this look fit in."""
    heights = [height for _, height in _rows(look)]
    return 1.15 * _columns(look, columns) + 1.9, 1.15 * sum(heights) + 0.5


@styled
def feature_maps(look: Look, figure: Figure, columns: int = 8) -> Figure:
    """The picture, the first filters, and what each layer makes of it: a row a layer.

    A column is a channel, so that a filter stands above what it finds. Outputs that fall below 0
    are red above and blue below; others are dark where they are large; each row has a scale of
    its own. Few numbers are bars; more are a strip. Layers that change nothing are left out.
    """
    rows, columns = _rows(look), _columns(look, columns)
    grid = GridSpec(
        len(rows), columns, figure=figure, height_ratios=[height for _, height in rows],
        hspace=0.05, wspace=0.05,
    )  # fmt: skip
    for r, (what, _) in enumerate(rows):
        if isinstance(what, str) and what == "picture":
            ax = figure.add_subplot(grid[r, 0])
            picture(look.picture, ax)
            _row_label(ax, "picture", look.picture.shape)
        elif isinstance(what, str):
            assert look.filters is not None
            flat = look.filters.mean(axis=1)[:columns]
            axes = [figure.add_subplot(grid[r, i]) for i in range(len(flat))]
            for ax, weight in zip(axes, flat, strict=True):
                shaded(weight, ax, largest(flat), True)
                frame(ax)
            _row_label(axes[0], f"{look.filters_name} filters", look.filters.shape[2:])
        elif what.output.ndim == 3:
            maps = what.output[:columns]
            axes = [figure.add_subplot(grid[r, i]) for i in range(len(maps))]
            for ax, values in zip(axes, maps, strict=True):
                shaded(values, ax, largest(maps), maps.min() < 0)
                frame(ax)
            _row_label(axes[0], f"{what.name} {what.kind}", what.shape)
        else:
            last = r == len(rows) - 1
            ax = figure.add_subplot(grid[r, :])
            values = what.output.ravel()
            if len(values) <= _FEW:
                _bars(values, look.classes if last and len(look.classes) == len(values) else (), ax)
            else:
                shaded(values[None], ax, largest(values), values.min() < 0, aspect="auto")
                frame(ax)
            _row_label(ax, f"{what.name} {what.kind}", what.shape)
    return figure


def _columns(look: Look, columns: int) -> int:
    # No more than there are channels; but a row of numbers needs some width.
    most = max((len(s.output) for s in look.layers if s.output.ndim == 3), default=columns)
    kept = 0 if look.filters is None else len(look.filters)
    return max(4, min(columns, max(most, kept)))


def _rows(look: Look) -> list[tuple[str | LayerOutput, float]]:
    # What stands in each row, and its height in units of a map's.
    rows: list[tuple[str | LayerOutput, float]] = [("picture", 1.0)]
    if look.filters is not None:
        rows.append(("filters", 1.0))
    for layer in look.layers:
        if layer.kind in _SAME:
            continue
        if layer.output.ndim == 3:
            rows.append((layer, 1.0))
        else:
            rows.append((layer, 0.8 if layer.output.size <= _FEW else 0.35))
    return rows


def _bars(values: NDArray[Any], names: Sequence[str], ax: Axes) -> None:
    best = int(np.argmax(values))
    colours = ["#b9bec6"] * len(values)
    if len(names):
        colours[best] = BLUE
    ax.bar(range(len(values)), values, color=colours, width=0.8)
    ax.axhline(0, color=GREY, linewidth=0.8)
    ax.spines[:].set_visible(False)
    ax.set_yticks([])
    ax.tick_params(length=0, pad=2)
    ax.margins(y=0.02)
    ax.set_xticks(range(len(values)) if len(names) else [], [str(name) for name in names])


def _row_label(ax: Axes, name: str, shape: Sequence[int]) -> None:
    ax.set_ylabel(
        f"{name}\n{'×'.join(map(str, shape))}", rotation=0, ha="right", va="center", fontsize=10,
        labelpad=8,
    )  # fmt: skip
