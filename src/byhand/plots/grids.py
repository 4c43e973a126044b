"""Pictures in rows and columns with a name at each: kernels above what they find."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from byhand.errors import InputError, ShapeError
from byhand.plots.alternative import note
from byhand.plots.gallery import frame, largest, shaded
from byhand.plots.lettering import text_height, text_width, wrapped
from byhand.plots.sheet import Sheet
from byhand.plots.style import INK, new_figure, styled

Row = Sequence[NDArray[Any] | None]

_WIDTH = 8.2  # inches
_CELL = 1.1  # inches; no picture is larger
_SPACE = 0.05  # inches between pictures
_EDGE = 0.08
_ROW, _COLUMN = 11.0, 10.0  # points of the names
_MOST_BESIDE = 130.0  # points that the names of rows may take


@styled
def picture_grid_size(
    rows: Sequence[Row],
    row_names: Sequence[str] | None = None,
    column_names: Sequence[str] | None = None,
) -> tuple[float, float]:
    """Width and height in inches of a figure that `picture_grid` of these rows fits in.

    With the names that it will have nothing is left empty.
    """
    names = row_names if row_names is not None else [_SOME] * len(rows)
    above = column_names if column_names is not None else [f"{_SOME}\n{_SOME}"] * _columns(rows)
    layout = _Layout(rows, names, above)
    return layout.width, layout.height


@styled
def picture_grid(
    rows: Sequence[Row],
    figure: Figure | None = None,
    *,
    row_names: Sequence[str],
    column_names: Sequence[str] | None = None,
    scale: Literal["row", "cell"] = "row",
    smooth: Sequence[int] = (),
) -> Figure:
    """Rows of pictures: red above 0 and blue below in rows that have both, else ink on paper.

    Args:
        rows: of each row its pictures (H, W), None for an empty place.
        figure: an empty one; one of `picture_grid_size` if not given.
        row_names: at the left.
        column_names: above; of several lines, turned upright where a column is too narrow.
        scale: "row" for one in each row, "cell" for one in each picture.
        smooth: the rows that are drawn blurred (bicubic), which shows lines better.

    Raises:
        ShapeError: a picture has not two dimensions, or there are not as many names as rows or
            columns.
        InputError: `scale` is neither.
    """
    if scale not in ("row", "cell"):
        raise InputError(f'scale={scale!r} is not known: give "row" or "cell"')
    if len(row_names) != len(rows):
        raise ShapeError(f"{len(row_names)} row names for {len(rows)} rows: give one for each")
    if column_names is not None and len(column_names) != _columns(rows):
        raise ShapeError(
            f"{len(column_names)} column names for {_columns(rows)} columns: give one for each"
        )
    figure = figure or new_figure(*picture_grid_size(rows, row_names, column_names or []))
    width, height = figure.get_size_inches()
    layout = _Layout(rows, row_names, column_names or [], width, height, math.inf)
    sheet = Sheet(figure, layout.width, layout.height)
    cell, top = layout.cell, layout.above
    for c, name in enumerate(layout.column_names):
        sheet.text(
            layout.beside + c * (cell + _SPACE) + cell / 2, top - 0.05, name, ha="center",
            va="bottom", fontsize=_COLUMN, color=INK, rotation=90 if layout.turned else 0,
            multialignment="left" if layout.turned else "center",
            linespacing=1.0 if layout.turned else 1.2,
        )  # fmt: skip
    for r, (row, name) in enumerate(zip(rows, layout.row_names, strict=True)):
        high = layout.heights[r]
        signed, row_top = _scale(row)
        for c, image in enumerate(row):
            if image is None:
                continue
            ax = sheet.axes(layout.beside + c * (cell + _SPACE), top, cell, high)
            shaded(image, ax, row_top if scale == "row" else largest(image), signed, r in smooth)
            frame(ax)
        sheet.text(
            layout.beside - 0.1, top + high / 2, name, ha="right", va="center", fontsize=_ROW,
            color=INK,
        )  # fmt: skip
        top += high + _SPACE
    note(figure, f"Rows of pictures: {', '.join(row_names)}.")
    if column_names:
        note(figure, f"Columns: {'; '.join(column_names)}.")
    return figure


_SOME = "some name"  # stands for names that are not known yet


class _Layout:
    # Where all stands, in inches: pictures as large as a sheet of this size allows.

    def __init__(
        self,
        rows: Sequence[Row],
        row_names: Sequence[str],
        column_names: Sequence[str],
        width: float = _WIDTH,
        height: float = math.inf,
        largest: float = _CELL,
    ):
        columns = _columns(rows)
        flat = [_flatness(row) for row in rows]
        self.row_names = [wrapped(name, _MOST_BESIDE, _ROW) or name for name in row_names]
        widest = max((text_width(name, _ROW) for name in self.row_names), default=0.0)
        self.beside = _EDGE + (widest / 72 + 0.1 if widest else 0.0)
        self.cell = min(largest, (width - self.beside - _EDGE) / max(1, columns) - _SPACE)
        self._name_columns(column_names)
        # Of a low sheet the height is what counts; smaller pictures may need higher names.
        spaces = 2 * _EDGE + _SPACE * len(rows)
        for _ in range(2):
            high = (height - self.above - spaces) / max(1.0, sum(flat))
            self.cell = max(0.1, min(self.cell, high))
            self._name_columns(column_names)
        self.heights = [self.cell * ratio for ratio in flat]
        self.width = max(1.5, self.beside + columns * (self.cell + _SPACE) + _EDGE)
        self.height = max(0.8, self.above + sum(self.heights) + spaces - _EDGE)

    def _name_columns(self, names: Sequence[str]) -> None:
        lines = [wrapped(name, 72 * (self.cell + _SPACE) - 3, _COLUMN) for name in names]
        self.turned = None in lines
        self.column_names = [str(line) for line in lines]
        if self.turned:  # there is room for two lines beside each other
            cut = [name.split("\n", 1) for name in names]
            self.column_names = ["\n".join(line.replace("\n", " ") for line in of) for of in cut]
        long = text_width if self.turned else text_height
        above = max((long(name, _COLUMN) for name in self.column_names), default=0.0)
        self.above = _EDGE + (above / 72 + 0.05 if above else 0.0)


def _columns(rows: Sequence[Row]) -> int:
    return max((len(row) for row in rows), default=0)


def _flatness(row: Row) -> float:
    # Height by width of the row's tallest picture, within reason.
    shapes = []
    for image in row:
        if image is not None:
            if image.ndim != 2:
                raise ShapeError(f"a picture has the shape {image.shape}: give (H, W)")
            shapes.append(image.shape[0] / max(1, image.shape[1]))
    return min(2.0, max(0.25, max(shapes, default=1.0)))


def _scale(row: Row) -> tuple[bool, float]:
    # Whether anything is below 0, and the largest magnitude.
    values = [np.asarray(image, np.float64).ravel() for image in row if image is not None]
    joined = np.concatenate([np.zeros(1), *values])
    return bool((joined[np.isfinite(joined)] < 0).any()), largest(joined)
