"""What changes by epoch: loss, accuracy, learning rate, and the norms of each layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
)

from byhand.plots.style import SETS, plain, styled
from byhand.training.records import EpochRecord

Epochs = Sequence[EpochRecord]
_FEW = 25  # so many points or fewer get a mark each


@styled
def loss_curves(epochs: Epochs, ax: Axes, skip_first: bool = False) -> Axes:
    """Training, validation and test loss by epoch, as far as they were recorded.

    `skip_first` leaves out the first epoch, whose loss is often so large that it flattens the rest.
    """
    _sets(epochs, ax, "loss", skip_first)
    ax.set_ylabel("loss (mean cross-entropy)")
    ax.set_title("Loss by epoch" + (", without the first" if skip_first else ""))
    return ax


@styled
def accuracy_curves(epochs: Epochs, ax: Axes, skip_first: bool = False) -> Axes:
    """Training, validation and test accuracy by epoch, as far as they were recorded."""
    _sets(epochs, ax, "accuracy", skip_first)
    ax.set_ylabel("accuracy")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    ax.set_title("Accuracy by epoch" + (", without the first" if skip_first else ""))
    return ax


@styled
def learning_rate_curve(epochs: Epochs, ax: Axes) -> Axes:
    """The learning rate at the end of each epoch."""
    _line(ax, [e.epoch for e in epochs], [e.learning_rate for e in epochs], "train", label=None)
    _epoch_axis(ax)
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter(FuncFormatter(plain))
    ax.set_ylabel("learning rate")
    ax.set_title("Learning rate at the end of each epoch")
    return ax


@styled
def gradient_norms(epochs: Epochs, ax: Axes) -> Axes:
    """The norm of each weight's gradient by epoch (root mean square over the steps)."""
    return _norms(epochs, [e.gradient_norms for e in epochs], ax, "gradient")


@styled
def weight_norms(epochs: Epochs, ax: Axes) -> Axes:
    """The norm of each weight at the end of each epoch."""
    return _norms(epochs, [e.weight_norms for e in epochs], ax, "weight")


def _sets(epochs: Epochs, ax: Axes, what: str, skip_first: bool) -> None:
    shown = [e for e in epochs if not (skip_first and e.epoch == 1)]
    for name in SETS:
        points = [
            (e.epoch, _number(getattr(e, f"{name}_{what}")))
            for e in shown
            if getattr(e, f"{name}_{what}") is not None
        ]
        if points:
            _line(ax, [p[0] for p in points], [p[1] for p in points], name, label=name)
    _epoch_axis(ax)
    if ax.get_lines():
        ax.legend()


def _line(ax: Axes, x: list[int], y: list[float], name: str, label: str | None) -> None:
    look: dict[str, Any] = dict(SETS[name])
    if len(x) > _FEW:
        look.pop("marker")
    ax.plot(x, y, label=label, **look)


def _norms(epochs: Epochs, norms: Sequence[Mapping[str, float]], ax: Axes, of: str) -> Axes:
    # Weights only: a bias follows its weight, and twice the lines would hide both. Depth is the
    # colour, so that a gradient that fades towards the picture shows as a fan.
    names = list(norms[0]) if norms else []
    shown = [name for name in names if not name.endswith("bias")] or names
    depth = colormaps["viridis"]
    marker = "o" if len(epochs) <= _FEW else None
    positive = False
    for i, name in enumerate(shown):
        values = [_number(norm.get(name)) for norm in norms]
        values = [v if v > 0 else math.nan for v in values]  # no place on a log axis
        positive |= any(math.isfinite(v) for v in values)
        where = 0.88 * i / max(1, len(shown) - 1)  # the palest end is hard to see on white
        ax.plot(
            [e.epoch for e in epochs], values, color=depth(where), label=name, marker=marker,
            markersize=4,
        )  # fmt: skip
    _epoch_axis(ax)
    if positive:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(numticks=6, subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter(FuncFormatter(plain))
        ax.yaxis.set_minor_formatter(NullFormatter())
    if shown:
        ax.legend(
            title="from picture to output", title_fontsize=10, fontsize=10, loc="upper left",
            bbox_to_anchor=(1.0, 1.02), alignment="left",
        )  # fmt: skip
    ax.set(ylabel=f"{of} norm", title=f"{of.capitalize()} norms by layer")
    return ax


def _epoch_axis(ax: Axes) -> None:
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10, min_n_ticks=1))
    ax.grid(axis="y")
    ax.margins(x=0.03)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
