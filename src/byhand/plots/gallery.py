"""Pictures with what was read in them, and the gallery of mistakes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike, NDArray

from byhand.evaluation import Evaluation
from byhand.plots.alternative import note
from byhand.plots.style import BLUE, INKED, ORANGE, PALE, SIGNED, styled


def gallery_size(n: int, columns: int = 8) -> tuple[float, float]:
    """Width and height in inches of a figure that `n` pictures fit in."""
    return 1.2 * min(max(1, n), columns), 1.62 * max(1, math.ceil(n / columns))


@styled
def gallery(
    images: NDArray[Any],
    labels: ArrayLike,
    predictions: ArrayLike,
    confidences: ArrayLike,
    classes: Sequence[str],
    figure: Figure,
    columns: int = 8,
) -> Figure:
    """Pictures (N, C, H, W), each under "label → prediction" and how sure it was of it.

    Mistakes are orange, hits blue. Pictures of one channel are drawn as ink on paper.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    confidences = np.asarray(confidences)
    columns = max(1, min(columns, len(images)))
    axes = figure.subplots(
        max(1, math.ceil(len(images) / columns)), columns, squeeze=False, gridspec_kw={}
    ).ravel()
    for ax in axes:
        ax.set_axis_off()
    for ax, image, label, read, sure in zip(
        axes, images, labels, predictions, confidences, strict=False
    ):
        picture(image, ax)
        ax.set_title(
            f"{_short(classes[label])} → {_short(classes[read])}\n{percent(float(sure))}",
            fontsize=11, fontweight="bold", loc="center", pad=4,
            color=BLUE if label == read else ORANGE,
        )  # fmt: skip
    pairs = (f"{classes[a]} read as {classes[b]}" for a, b in zip(labels, predictions, strict=True))
    note(figure, f"{len(images)} pictures: {', '.join(pairs)}.")
    return figure


@styled
def mistakes_gallery(
    evaluation: Evaluation, figure: Figure, first: int = 40, columns: int = 8
) -> Figure:
    """The first so many mistakes of an evaluation, in the order of the data set."""
    where = evaluation.mistake_indices[:first]
    return gallery(
        evaluation.mistake_images[:first],
        evaluation.labels[where],
        evaluation.predictions[where],
        evaluation.probabilities[where].max(axis=1),
        evaluation.classes,
        figure,
        columns,
    )


@styled
def picture(image: NDArray[Any], ax: Axes) -> Axes:
    """One picture (C, H, W), uint8 or 0..1: ink on paper for one channel, RGB for three."""
    top = 255 if image.dtype == np.uint8 else 1.0
    if len(image) in (3, 4):
        ax.imshow(np.moveaxis(image, 0, -1))
    else:
        ax.imshow(image[0], cmap=INKED, vmin=0, vmax=top)
    frame(ax)
    return ax


def frame(ax: Axes) -> None:
    """A thin frame and no ticks."""
    ax.set_axis_on()
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(True)
    ax.spines[:].set_color(PALE)


def shaded(
    values: NDArray[Any], ax: Axes, top: float, signed: bool, smooth: bool = False, **look: Any
) -> AxesImage:
    """Values (H, W) as shades up to `top`: red above 0 and blue below if signed, else ink."""
    return ax.imshow(
        values, cmap=SIGNED if signed else INKED, vmin=-top if signed else 0, vmax=top,
        interpolation="bicubic" if smooth else "nearest", **look,
    )  # fmt: skip


def largest(values: NDArray[Any]) -> float:
    """The largest magnitude that is finite; never 0, which would be no scale."""
    return max(float(np.abs(values[np.isfinite(values)]).max(initial=0)), 1e-12)


def percent(share: float) -> str:
    """A probability for people; it says 100 % only of 1, and 0 % only of 0."""
    if 0.995 <= share < 1:
        return f"{math.floor(share * 1000) / 10:.1f} %" if share < 0.999 else "> 99.9 %"
    if 0 < share < 0.005:
        return f"{math.ceil(share * 1000) / 10:.1f} %" if share > 0.001 else "< 0.1 %"
    return f"{100 * share:.0f} %"


def _short(name: str) -> str:
    name = str(name)
    return name if len(name) <= 8 else name[:7] + "…"
