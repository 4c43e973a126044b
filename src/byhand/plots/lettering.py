"""How much room letters take, and where names and legends go so that they hide nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.transforms import ScaledTranslation

from byhand.plots.style import INK

LEGEND = 11.0  # points
_HANDLE = 3.4 * LEGEND  # what a legend draws before a name, and the space between
_LINE = 1.3  # height of a line of text, in sizes of its letters


def text_width(text: str, size: float) -> float:
    """The width in points of the longest line of a text in letters of `size` points."""
    return size * max(_line_width(line) for line in text.split("\n"))


@lru_cache(maxsize=1024)
def _line_width(line: str) -> float:
    # In sizes of the letters.
    width, _, _ = text_to_path.get_text_width_height_descent(line, FontProperties(size=1.0), False)
    return float(width)


def text_height(text: str, size: float) -> float:
    """The height in points of all lines of a text in letters of `size` points."""
    return _LINE * size * (text.count("\n") + 1) if text else 0.0


def wrapped(text: str, width: float, size: float) -> str | None:
    """The text in lines no wider than `width` points; None where a word alone is wider."""
    lines: list[str] = []
    for given in text.split("\n"):
        line = ""
        for word in given.split():
            if text_width(word, size) > width:
                return None
            longer = f"{line} {word}".strip()
            if text_width(longer, size) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return "\n".join(lines)


def axes_points(ax: Axes) -> tuple[float, float]:
    """Width and height of an axis in points, as far as they are known before the layout."""
    scale = 72 / ax.figure.dpi
    return float(ax.bbox.width) * scale, float(ax.bbox.height) * scale


def readable_on(cmap: Colormap, value: float) -> str:
    """The colour of letters on a cell of this colour: ink on pale ones, white on dark ones."""
    r, g, b, _ = cmap(value)
    return "white" if 0.2126 * r + 0.7152 * g + 0.0722 * b < 0.52 else INK


def legend_above(
    ax: Axes, handles: Sequence[Any], names: Sequence[str], title: str = "", lift: float = 0.0
) -> None:
    """A legend between the axis and its title, in as many columns as fit.

    `lift` points above the axis are left for others.
    """
    if not handles:
        ax.set_title(title, pad=10 + lift)
        return
    width, _ = axes_points(ax)
    widths = [text_width(name, LEGEND) + _HANDLE + 1.5 * LEGEND for name in names]
    width = 1.05 * width + 1.5 * LEGEND  # the layout leaves an axis more than is known yet
    fit = len(widths) if sum(widths) <= width else int(width / max(widths))
    rows = math.ceil(len(widths) / max(1, fit))
    columns = math.ceil(len(widths) / rows)
    above = ScaledTranslation(0, (lift + 4) / 72, ax.figure.dpi_scale_trans)
    ax.legend(
        handles, names, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.0,
        bbox_transform=ax.transAxes + above, borderpad=0.1, ncols=columns, fontsize=LEGEND,
        columnspacing=1.5, labelspacing=0.25, handletextpad=0.6,
    )  # fmt: skip
    ax.set_title(title, pad=12 + lift + rows * 1.5 * LEGEND)
