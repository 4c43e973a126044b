"""The common look of all pictures: quiet, colour-blind safe, readable from the back row."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, wraps
from io import BytesIO
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from byhand.errors import InputError
from byhand.files import atomic_write

P = ParamSpec("P")
T = TypeVar("T")

# Okabe and Ito, "Color universal design", 2008: told apart by everybody.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
INK, GREY, PALE = "#1d232b", "#68707b", "#e4e6ea"

# The three sets are told apart by colour, by dash and by mark.
SETS = {
    "train": {"color": BLUE, "linestyle": "-", "marker": "o"},
    "validation": {"color": ORANGE, "linestyle": "--", "marker": "s"},
    "test": {"color": GREEN, "linestyle": ":", "marker": "^"},
}

HITS = LinearSegmentedColormap.from_list("hits", ["#eef5fb", "#0b5a94"])
ERRORS = LinearSegmentedColormap.from_list("errors", ["#fff0e3", "#c2410c"])
# One sign one colour, on the page too: negative is blue, positive red.
SIGNED = matplotlib.colormaps["RdBu_r"]
INKED = LinearSegmentedColormap.from_list("inked", ["#ffffff", "#1d232b"])

DPI = 160
# For the names of classes in scripts that DejaVu lacks; the first of these that is installed.
_MORE_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "PingFang SC", "Microsoft YaHei", "SimHei",
               "WenQuanYi Zen Hei", "Hiragino Sans", "Noto Sans")  # fmt: skip


@lru_cache(maxsize=1)
def _settings() -> Any:
    installed = {font.name for font in fontManager.ttflist}
    return {
        "font.family": ["DejaVu Sans", *(name for name in _MORE_FONTS if name in installed)],
        "font.size": 12.0,
        "axes.titlesize": 13.0,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 10.0,
        "axes.labelcolor": INK,
        "axes.labelsize": 12.0,
        "axes.edgecolor": GREY,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "axes.axisbelow": True,
        "grid.color": PALE,
        "grid.linewidth": 0.8,
        "text.color": INK,
        "text.parse_math": False,  # a class may be called "$"
        "xtick.color": GREY,
        "ytick.color": GREY,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "lines.linewidth": 2.2,
        "lines.markersize": 5.5,
        "legend.edgecolor": "none",
        "legend.fontsize": 11.0,
        "legend.handlelength": 2.6,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "image.interpolation": "nearest",
        "svg.fonttype": "path",
        "svg.hashsalt": "byhand",  # the same picture gives the same file
    }


@contextmanager
def _style() -> Iterator[None]:
    with matplotlib.rc_context(_settings()), warnings.catch_warnings():
        # A letter in no installed font is drawn as a box; that is no reason to speak.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def styled(function: Callable[P, T]) -> Callable[P, T]:
    """Run a drawing function in the common style, whatever the user's own settings are."""

    @wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        with _style():
            return function(*args, **kwargs)

    return inside


@styled
def new_figure(width: float = 7.2, height: float = 4.2) -> Figure:
    """An empty figure of this size in inches; it belongs to no window and needs no closing."""
    return Figure(figsize=(width, height), layout="constrained")


@styled
def new_axes(width: float = 7.2, height: float = 4.2) -> Axes:
    """One axis in a figure of its own (`ax.figure`)."""
    axes: Axes = new_figure(width, height).subplots()
    return axes


@styled
def save(figure: Any, path: str | Path) -> Path:
    """Write a figure as PNG or SVG, by the ending of `path`; the same figure gives the same bytes.

    Args:
        figure: a matplotlib figure, such as `ax.figure`.
        path: a file ending in .png or .svg; its folder is made.

    Returns:
        The path.

    Raises:
        InputError: another ending.
        FileWriteError: the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("png", "svg"):
        raise InputError(f"cannot draw {path}: give a name that ends in .png or .svg")
    # No dates and no versions inside.
    metadata = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
    drawn = BytesIO()
    figure.savefig(drawn, format=kind, dpi=DPI, metadata=metadata)
    with atomic_write(path) as file:
        file.write(drawn.getvalue())
    return path


def plain(value: float, _: object = None) -> str:
    """A number as people write it: 0.001, 12, 1e-06."""
    return f"{value:g}".replace("-", "−")
