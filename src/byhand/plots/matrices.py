"""Matrices with their numbers, products of them, and where a large one is not zero."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from byhand.errors import InputError, ShapeError
from byhand.plots.alternative import note
from byhand.plots.gallery import largest, shaded
from byhand.plots.lettering import axes_points, readable_on, text_height, text_width
from byhand.plots.lines import Numbers
from byhand.plots.sheet import Sheet
from byhand.plots.style import GREY, INK, PALE, new_figure, plain, styled

_SMALLEST, _LARGEST = 10.0, 13.0  # points of the numbers in cells
_RULED = 12.0  # points of a cell that has lines around it
_CELL = 0.5  # inches; of a small matrix
_WIDTH, _HEIGHT = 8.0, 4.4  # inches that a row of matrices may take
_OPERATOR = 0.42  # inches
_EDGE = 0.12
_PAGE = 96  # pixels an inch, as pages show pictures


@styled
def matrix(
    values: ArrayLike,
    ax: Axes,
    *,
    title: str = "",
    numbers: bool = True,
    signed: bool | None = None,
    decimals: int | None = None,
    mask_zero: bool = False,
    row_names: Sequence[str] | None = None,
    column_names: Sequence[str] | None = None,
) -> Axes:
    """A matrix as cells, with its numbers where they can be read.

    Args:
        values: (rows, columns); cells that are not finite stay empty.
        ax: where to draw.
        title: of the axis.
        numbers: whether to write them; cells too small for letters have none all the same.
        signed: red above 0 and blue below, else dark where large; by the values if not given.
        decimals: of the numbers; as many as they need, and no more than tell, if not given.
        mask_zero: whether zeros stay empty.
        row_names: at the left.
        column_names: above.

    Raises:
        ShapeError: `values` is no matrix, or has another number of rows or columns than names.
    """
    cells = _matrix(values)
    for names, count, what in ((row_names, cells.shape[0], "row"), (column_names, cells.shape[1],
                                                                     "column")):  # fmt: skip
        if names is not None and len(names) != count:
            raise ShapeError(f"{len(names)} {what} names for {count} {what}s: give one for each")
    signed = bool((cells < 0).any()) if signed is None else signed
    empty = ~np.isfinite(cells) | ((cells == 0) & mask_zero)
    drawn = shaded(np.ma.masked_where(empty, cells), ax, largest(cells), signed)
    rows, columns = cells.shape
    wide, high = axes_points(ax)
    cell = min(wide / columns, high / rows)
    if cell >= _RULED:
        ax.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
        ax.grid(which="minor", color=PALE, linewidth=0.8)
    if numbers and cell >= _SMALLEST:
        digits = _decimals(cells[~empty]) if decimals is None else decimals
        written = {(i, j): _number(cells[i, j], digits) for i, j in np.argwhere(~empty)}
        widest = max((text_width(text, 1.0) for text in written.values()), default=1.0)
        size = min(_LARGEST, 0.9 * cell / max(widest, 0.1), 0.62 * cell)
        if size >= _SMALLEST:
            shades = np.asarray(drawn.norm(cells))
            for (i, j), text in written.items():
                colour = readable_on(drawn.cmap, shades[i, j])
                ax.text(j, i, text, ha="center", va="center", fontsize=size, color=colour)
    ax.set_xticks(range(columns) if column_names else [], column_names or [], fontsize=11)
    ax.set_yticks(range(rows) if row_names else [], row_names or [], fontsize=11)
    ax.tick_params(which="both", length=0)
    ax.tick_params(axis="x", top=False, labeltop=True, bottom=False, labelbottom=False)
    ax.spines[:].set_visible(True)
    ax.spines[:].set_color(GREY)
    ax.set_title(title)
    return ax


@styled
def matrix_row_size(matrices: Mapping[str, ArrayLike]) -> tuple[float, float]:
    """Width and height in inches of a figure that `matrix_row` of these matrices fits in.

    Raises:
        ShapeError: one of them is no matrix.
    """
    return _row_layout(matrices)[:2]


@styled
def matrix_row(
    matrices: Mapping[str, ArrayLike],
    figure: Figure | None = None,
    *,
    operators: Sequence[str],
    numbers: bool = True,
    decimals: int | None = None,
    mask_zero: bool = False,
) -> Figure:
    """Matrices in a row with signs between them: "picture ∗ kernel = result".

    Args:
        matrices: by their titles, which may have several lines; each has its own scale.
        figure: an empty one; one of `matrix_row_size` if not given.
        operators: what stands between: one less than the matrices.
        numbers: as for `matrix`.
        decimals: as for `matrix`.
        mask_zero: as for `matrix`.

    Cells of small and large matrices are of one size, as long as the small can be seen.

    Raises:
        InputError: not one operator between two matrices each.
    """
    if len(operators) != max(0, len(matrices) - 1):
        raise InputError(
            f"{len(operators)} operators between {len(matrices)} matrices: give "
            f"{max(0, len(matrices) - 1)}, one between two each"
        )
    width, height, slots, above = _row_layout(matrices)
    figure = figure or new_figure(width, height)
    sheet = Sheet(figure, width, height)
    left = _EDGE
    middle = above + (height - above - _EDGE) / 2
    for i, ((title, values), (slot, wide, high)) in enumerate(
        zip(matrices.items(), slots, strict=True)
    ):
        if i:
            sheet.text(
                left + _OPERATOR / 2, middle, operators[i - 1], ha="center", va="center",
                fontsize=20, color=INK,
            )  # fmt: skip
            left += _OPERATOR
        top = middle - high / 2
        ax = sheet.axes(left + (slot - wide) / 2, top, wide, high)
        matrix(values, ax, numbers=numbers, decimals=decimals, mask_zero=mask_zero)
        sheet.text(
            left + slot / 2, top - 0.06, title, ha="center", va="bottom", fontsize=12, color=INK
        )
        left += slot
    note(figure, f"{', '.join(f'{t} {_shape(v)}' for t, v in matrices.items())}.")
    if matrices:
        title, last = list(matrices.items())[-1]
        note(figure, f"The {title} is {_told(last)}.")
    return figure


@styled
def spy(values: Any, ax: Axes, title: str = "") -> Axes:
    """Where a large matrix is not zero: red above 0 and blue below, the darker the larger.

    Args:
        values: (rows, columns), an array or a sparse matrix of SciPy.
        ax: where to draw.
        title: of the axis.

    Even the smallest number is seen beside a zero. A matrix of more cells than a picture can show
    is drawn in blocks, each as dark as its largest number.

    Raises:
        ShapeError: `values` is no matrix.
    """
    cells = _matrix(values.toarray() if hasattr(values, "toarray") else values)
    rows, columns = cells.shape
    cells = np.where(np.isfinite(cells), cells, 0.0)
    share = np.count_nonzero(cells) / cells.size
    signed = bool((cells < 0).any())
    wide, high = axes_points(ax)
    step = math.ceil(72 / _PAGE / min(wide / columns, high / rows))  # cells a pixel
    cells = _blocks(_blocks(cells, step).T, step).T
    cells = np.where(cells == 0, 0.0, np.sign(cells) * (0.4 + 0.6 * np.abs(cells) / largest(cells)))
    shaded(
        cells, ax, 1.0, signed,
        extent=(-0.5, step * cells.shape[1] - 0.5, step * len(cells) - 0.5, -0.5),
        aspect="equal" if 1 / 6 <= rows / columns <= 6 else "auto",
    )  # fmt: skip
    ax.spines[:].set_visible(True)
    ax.spines[:].set_color(GREY)
    ax.set_xlim(-0.5, columns - 0.5)
    ax.set_ylim(rows - 0.5, -0.5)
    ax.set_xticks(sorted({0, columns - 1}))
    ax.set_yticks(sorted({0, rows - 1}))
    ax.set_xlabel(f"{rows:,} × {columns:,}, {_share(share)} not zero", fontsize=11)
    ax.set_title(title)
    note(ax, f"Where a matrix of {rows:,} × {columns:,} is not zero: {_share(share)} of it.")
    return ax


def _told(values: ArrayLike) -> str:
    # Row by row: "1 2 1 / 2 4 2 / 1 2 1".
    return " / ".join(" ".join(plain(round(v, 2)) for v in row) for row in _matrix(values))


def _shape(values: ArrayLike) -> str:
    return "×".join(map(str, _matrix(values).shape))


def _matrix(values: ArrayLike) -> Numbers:
    cells = np.asarray(values, np.float64)
    if cells.ndim != 2 or not cells.size:
        raise ShapeError(f"the matrix has the shape {cells.shape}: give (rows, columns)")
    return cells


def _row_layout(
    matrices: Mapping[str, ArrayLike],
) -> tuple[float, float, list[tuple[float, float, float]], float]:
    # Width, height; of each matrix the width of its place, its own width and height; and how much
    # is above the highest, all in inches.
    shapes = [_matrix(values).shape for values in matrices.values()]
    gaps = _OPERATOR * max(0, len(shapes) - 1) + 2 * _EDGE
    cell = min(
        _CELL,
        (_WIDTH - gaps) / max(1, sum(columns for _, columns in shapes)),
        _HEIGHT / max((rows for rows, _ in shapes), default=1),
    )
    slots = []
    for title, (rows, columns) in zip(matrices, shapes, strict=True):
        own = max(cell, min(_CELL, 0.8 / max(rows, columns)))
        slots.append(
            (max(own * columns, text_width(title, 12) / 72 + 0.1), own * columns, own * rows)
        )
    above = max((text_height(title, 12) / 72 for title in matrices), default=0.0) + 0.14
    highest = max((high for _, _, high in slots), default=1.0)
    width = max(2.0, gaps + sum(slot for slot, _, _ in slots))
    return width, above + highest + _EDGE, slots, above


def _decimals(values: Numbers) -> int:
    # The fewest that say all; else two digits of the largest.
    if not values.size or (values == np.round(values)).all():
        return 0
    top = float(np.abs(values).max())
    enough = min(4, max(1, 1 - math.floor(math.log10(top))))
    exact = (d for d in range(1, enough) if np.allclose(values, np.round(values, d), atol=1e-9))
    return next(exact, enough)


def _number(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return f"{0:.{decimals}f}" if float(text) == 0 else text.replace("-", "−")


def _blocks(cells: Numbers, step: int) -> Numbers:
    # So many rows joined in one, each cell that of the largest magnitude.
    more = -len(cells) % step
    groups = np.pad(cells, ((0, more), (0, 0))).reshape(-1, step, cells.shape[1])
    largest = np.abs(groups).argmax(axis=1)  # (blocks, columns)
    return np.take_along_axis(groups, largest[:, None], axis=1)[:, 0]


def _share(share: float) -> str:
    text = f"{100 * share:.2g}" if share < 0.1 else f"{100 * share:.1f}"
    return f"{float(text):g} %"
