"""What was read: a page of lines of digits, each with its box and how sure the reader is of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]  # x, y, width, height in pixels of the upright picture


@dataclass(frozen=True, eq=False)
class Digit:
    """One digit, or what might be one.

    Args:
        value: "0" to "9", or None where the reader is not sure enough (below the threshold).
        confidence: how probable it is that this is a digit and the most probable one is right.
        probabilities: (10,) float32, of the digits 0 to 9, given that it is a digit; they sum to 1.
        box: where it stands (x, y, width, height) in the upright picture's pixels; None for a
            picture that was given as one digit.
        cell: the row and the column of the grid's cell that it stands in, from 0; None without one.
        seen: (28, 28) uint8, what the network saw; None where that is not known.
    """

    value: str | None
    confidence: float
    probabilities: NDArray[np.float32]
    box: Box | None = None
    cell: tuple[int, int] | None = None
    seen: NDArray[np.uint8] | None = None

    def choices(self, n: int = 3) -> list[tuple[str, float]]:
        """The n most probable digits with their probabilities, most probable first."""
        best = np.argsort(-self.probabilities, kind="stable")[:n]
        return [(str(i), float(self.probabilities[i])) for i in best]

    def as_dict(self) -> dict[str, Any]:
        """As plain values, as `byhand read --json` prints it; the cell only where there is one."""
        values = {
            "value": self.value,
            "confidence": self.confidence,
            "box": None if self.box is None else list(self.box),
        }
        return values if self.cell is None else {**values, "cell": list(self.cell)}


@dataclass(frozen=True)
class Line:
    """A line of writing: its digits from left to right; `text` leaves out rejected ones."""

    digits: tuple[Digit, ...]

    @property
    def text(self) -> str:
        """The digits that were read, as text."""
        return "".join(digit.value for digit in self.digits if digit.value is not None)


@dataclass(frozen=True)
class Page:
    """What was read in one picture.

    Args:
        lines: from top to bottom. The rows of a grid, where there is one. A line of which every
            digit was rejected is there too, unless that is so of all lines.
        rotation: clockwise, in degrees (0, 90, 180 or 270), by which the picture was turned to
            stand upright.
        size: (width, height) of the upright picture, whose pixels boxes are in.
        grid: rows of what stands in the cells, "7", or None for an empty one and for one whose
            digits were rejected (`rejected_cells` tells them apart); None without a grid.
        cells: the boxes of the grid's cells, row by row; () without a grid.
        notes: what a user should know, a sentence each.
    """

    lines: tuple[Line, ...] = ()
    rotation: int = 0
    size: tuple[int, int] = (0, 0)
    grid: list[list[str | None]] | None = None
    cells: tuple[Box, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The lines' texts, a line each."""
        return "\n".join(line.text for line in self.lines)

    @property
    def rejected_cells(self) -> frozenset[tuple[int, int]]:
        """Row and column of the grid's cells in which something stands that was not read."""
        digits = [digit for line in self.lines for digit in line.digits if digit.cell is not None]
        read = {digit.cell for digit in digits if digit.value is not None}
        return frozenset(digit.cell for digit in digits if digit.cell and digit.cell not in read)

    def as_dict(self) -> dict[str, Any]:
        """As plain values, as `byhand read --json` prints it (without file and error)."""
        return {
            "lines": [
                {"text": line.text, "digits": [digit.as_dict() for digit in line.digits]}
                for line in self.lines
            ],
            "rotation": self.rotation,
            "size": list(self.size),
            "grid": self.grid,
            "cells": [list(box) for box in self.cells],
            "notes": list(self.notes),
        }
