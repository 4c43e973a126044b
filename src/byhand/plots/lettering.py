"""How much room letters take, and in which colour they are read."""

from __future__ import annotations

from functools import lru_cache

from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from byhand.plots.style import INK

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
