"""What was read as text and as tables: for people, for scripts and for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from byhand.reader.page import Box, Line, Page

LINE_COLUMNS = (
    "file", "line", "text", "confidence", "rejected", "x", "y", "width", "height", "error",
)  # fmt: skip

EMPTY, UNREAD = ".", "?"  # in text: a grid's empty cell, and one whose digits were rejected

Row = list[str | int]


@dataclass(frozen=True)
class Reading:
    """A picture and what was read in it, or why nothing was.

    Args:
        file: the file as the user named it, "-" for standard input.
        number: which of the file's pages this is, from 1; None where it has only one.
        page: what was read; None where the picture could not be.
        error: one sentence; None where there was none.
    """

    file: str
    number: int | None
    page: Page | None
    error: str | None = None

    @property
    def name(self) -> str:
        """The file's name, with the page where there are several: "form.pdf#page=2"."""
        return self.file if self.number is None else f"{self.file}#page={self.number}"

    def as_dict(self, choices: int = 0) -> dict[str, Any]:
        """As `byhand read --json` prints it; `choices`: so many readings of each digit besides."""
        page = Page() if self.page is None else self.page
        values = {"file": self.file, "page": self.number, **page.as_dict(), "error": self.error}
        if choices:
            for line, shown in zip(page.lines, values["lines"], strict=True):
                for digit, entry in zip(line.digits, shown["digits"], strict=True):
                    entry["choices"] = [
                        {"value": value, "probability": probability}
                        for value, probability in digit.choices(choices)
                    ]
        return values


def as_text(page: Page) -> str:
    """A line of text for each line of writing; of a grid, its cells in columns.

    "." stands for an empty cell, "?" for one whose digits were rejected.
    """
    if page.grid is None:
        return page.text
    rows = _cells(page, EMPTY)
    width = max((len(cell) for row in rows for cell in row), default=1)
    return "\n".join(" ".join(cell.rjust(width) for cell in row) for row in rows)


def as_row(reading: Reading) -> str:
    """One row for scripts: name, tab, text; or name, tab, nothing, tab, error.

    Lines are joined by spaces. Of a grid a row's cells are joined by commas, "." for empty ones,
    "?" for rejected ones.
    """
    name = "".join(c if c.isprintable() else "?" for c in reading.name)  # no tab, no line end
    if reading.page is None:
        return f"{name}\t\t{' '.join((reading.error or '').split())}"
    if reading.page.grid is None:
        lines = [line.text for line in reading.page.lines]
    else:
        lines = [",".join(row) for row in _cells(reading.page, EMPTY)]
    return f"{name}\t{' '.join(lines)}"


def as_csv(readings: Sequence[Reading]) -> str:
    """The readings as comma-separated values, with a line end after each row.

    One picture with a grid gives the cells alone, row by row: empty ones empty, "?" for rejected
    ones. Several pictures, all with a grid, give a heading and rows of file, row, the cells, and
    error. Everything else gives a heading and a row a line of writing: file, line (from 1), text,
    confidence (the least of its digits'), rejected (how many digits were, and are not in the text),
    the line's box in pixels of the upright picture, and error. A picture in which nothing was found
    has a row with its name alone. Text that a spreadsheet would take for a formula (= + - @ at its
    start) begins with an apostrophe.
    """
    read = [reading.page for reading in readings if reading.page is not None]
    if read and all(page.grid is not None for page in read):
        rows = _one_grid(read[0]) if len(readings) == 1 else _grids(readings)
    else:
        rows = [list(LINE_COLUMNS), *(row for reading in readings for row in _lines(reading))]
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([_as_text(c) for c in row] for row in rows)
    return written.getvalue()


def _as_text(cell: str | int) -> str | int:
    """The cell so that a spreadsheet takes text for text, not for a formula."""
    if isinstance(cell, int):
        return cell
    text = " ".join(cell.splitlines())  # a row stays a line
    formula = text.startswith("\t") or text.lstrip().startswith(("=", "+", "-", "@"))
    return f"'{text}" if formula else text


def line_box(line: Line) -> Box | None:
    """The smallest box (x, y, w, h) around a line's digits; None where none has a box."""
    boxes = [digit.box for digit in line.digits if digit.box is not None]
    if not boxes:
        return None
    left, top = min(b[0] for b in boxes), min(b[1] for b in boxes)
    right, bottom = max(b[0] + b[2] for b in boxes), max(b[1] + b[3] for b in boxes)
    return left, top, right - left, bottom - top


def _cells(page: Page, empty: str) -> list[list[str]]:
    """Rows of a grid's cells as text: what was read, `empty`, or "?"."""
    rejected = page.rejected_cells
    return [
        [cell or (UNREAD if (i, j) in rejected else empty) for j, cell in enumerate(row)]
        for i, row in enumerate(page.grid or [])
    ]


def _one_grid(page: Page) -> Iterable[Row]:
    return [list(row) for row in _cells(page, "")]


def _grids(readings: Sequence[Reading]) -> Iterable[Row]:
    widest = max(
        (len(row) for r in readings if r.page is not None for row in r.page.grid or []), default=0
    )
    yield ["file", "row", *range(1, widest + 1), "error"]
    for reading in readings:
        if reading.page is None:
            yield [reading.name, "", *[""] * widest, reading.error or ""]
            continue
        for number, cells in enumerate(_cells(reading.page, ""), 1):
            yield [reading.name, number, *cells, *[""] * (widest - len(cells)), ""]


def _lines(reading: Reading) -> Iterable[Row]:
    if reading.page is None:
        yield [reading.name, *[""] * (len(LINE_COLUMNS) - 2), reading.error or ""]
        return
    if not reading.page.lines:
        yield [reading.name, *[""] * (len(LINE_COLUMNS) - 1)]
    for number, line in enumerate(reading.page.lines, 1):
        least = min((digit.confidence for digit in line.digits), default=0.0)
        rejected = sum(digit.value is None for digit in line.digits)
        box = line_box(line) or ("", "", "", "")
        yield [reading.name, number, line.text, f"{least:.4f}", rejected, *box, ""]


__all__ = ["EMPTY", "LINE_COLUMNS", "UNREAD", "Reading", "as_csv", "as_row", "as_text", "line_box"]
