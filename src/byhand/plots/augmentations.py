"""A contact sheet of augmentations: what each kind makes of a picture, a row a kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from numpy.typing import NDArray

from byhand.plots.gallery import picture
from byhand.plots.style import BLUE, GREY, styled


def augmentation_sheet_size(rows: Mapping[str, NDArray[Any]]) -> tuple[float, float]:
    """Width and height in inches of a figure that `augmentation_sheet` of these rows fits in."""
    most = max((len(pictures) for pictures in rows.values()), default=1)
    return 0.9 * most + 1.3, 0.93 * max(1, len(rows)) + 0.4


@styled
def augmentation_sheet(rows: Mapping[str, NDArray[Any]], figure: Figure) -> Figure:
    """Pictures (1 + copies, C, H, W) by the name of what moves them, a row each.

    The first of a row is the original, framed in blue; the others are what became of it.
    """
    most = max((len(pictures) for pictures in rows.values()), default=1)
    axes = figure.subplots(max(1, len(rows)), most, squeeze=False)
    for ax in axes.ravel():
        ax.set_axis_off()
    for row, (name, pictures) in zip(axes, rows.items(), strict=False):
        for ax, image in zip(row, pictures, strict=False):
            picture(image, ax)
        row[0].spines[:].set_color(BLUE)
        row[0].spines[:].set_linewidth(2.5)
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=13, labelpad=8)
    axes[0, 0].set_title("original", fontsize=12, fontweight="normal", loc="center", color=BLUE)
    if most > 1:
        axes[0, 1].set_title("augmented", fontsize=12, fontweight="normal", color=GREY)
    return figure
