"""Where a piece of writing may be cut: paths from top to bottom that cross the least ink.

A path goes down a row at a time and moves at most one pixel aside, so that it follows leaning
writing and goes around what hangs over. The cheapest path through every column of a few rows is
found by dynamic programming, down and up (as in Avidan and Shamir, "Seam carving", 2007); where its
cost has a minimum along the row, there is a cut worth trying: between two digits that touch it
crosses one stroke or none. What becomes of it the reading decides (`cut`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TALL = 48  # pixels: higher pieces are shrunk before their paths are looked for
# Where strokes meet, ink is often a little fainter: raised to this power, paths find that.
_CONTRAST = 3
_ASIDE = 0.1  # what a step aside costs, in full pixels of ink: of two ways, the straighter
_LEVEL = 0.1  # widths of the stroke: paths that cost so much more are as good
_ROWS = (0.1, 0.3, 0.5, 0.7, 0.9)  # where minima are looked for, as shares of the height
_APART = 0.08  # of the digits' height: paths nearer than this, on average, are one
_LEAST = 0.4  # of the shortest digit's ink, a 1's: what a cut leaves on either side
_SPACING = 0.16  # of the digits' height: no more paths than one every so often are kept


@dataclass(frozen=True, eq=False)
class Seam:
    """A path through a piece.

    Args:
        columns: (H,) the first column of each row that is to the right of the path.
        cost: how much ink it crosses, in widths of the stroke: 1 for a stroke crossed squarely.
    """

    columns: NDArray[np.intp]
    cost: float


def stroke_width(ink: NDArray[Any]) -> float:
    """The width of the pen in pixels: twice the area of ink (h, w) over the length of its rim."""
    padded = np.pad(ink, 1)
    # Steps along rows and columns make a rim at all slopes 4/π too long.
    rim = float(np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum())
    return max(2 * float(ink.sum()) / max(rim * np.pi / 4, 1e-6), 1.0)


def find_seams(ink: NDArray[np.float32], digit: float, most: int = 64) -> list[Seam]:
    """Paths along which a piece may be cut, from left to right.

    Args:
        ink: (H, W) of the piece, 0 to 1.
        digit: how high a digit of this writing is, in pixels.
        most: so many at most; the cheapest stay.
    """
    height, width = ink.shape
    shrink = max(1, -(-min(height, round(digit)) // _TALL))
    small = _shrunk(ink, shrink)
    digit /= shrink
    h, w = small.shape
    if w < 4 or h < 4:
        return []
    pen = stroke_width(small)
    price = small**_CONTRAST
    down, came_down = _cheapest(price)
    up, came_up = _cheapest(price[::-1])
    through = down + up[::-1] - price  # of the cheapest path through each pixel
    edge = max(1, round(0.5 * pen))
    paths: list[tuple[float, NDArray[np.intp]]] = []
    for share in _ROWS:
        row = min(round(share * h), h - 1)
        for column, after in _minima(through[row], edge, _LEVEL * pen, 2 * _APART * digit):
            above = _follow(came_down, row, column)
            below = _follow(came_up, h - 1 - row, column)[::-1]
            path = np.concatenate([above, below[1:]]) + after
            paths.append((float(through[row, column]) / pen, path))
    paths.sort(key=lambda one: one[0])
    kept: list[tuple[float, NDArray[np.intp]]] = []
    total = float(small.sum())
    most = min(most, int(w / (_SPACING * digit)) + 1)
    for cost, path in paths:
        if len(kept) == most:
            break
        right = float(small[np.arange(w) >= path[:, None]].sum())
        if min(right, total - right) < _LEAST * digit * pen:
            continue
        if all(np.abs(path - other).mean() >= _APART * digit for _, other in kept):
            kept.append((cost, path))
    kept.sort(key=lambda one: float(one[1].mean()))
    rows = np.minimum(np.arange(height) // shrink, h - 1)
    return [Seam(np.minimum(path[rows] * shrink, width), cost) for cost, path in kept]


def _shrunk(ink: NDArray[np.float32], by: int) -> NDArray[np.float32]:
    """The mean of every `by` × `by` pixels, the last ones filled up with paper."""
    if by == 1:
        return ink
    h, w = (-(-side // by) for side in ink.shape)
    padded = np.zeros((h * by, w * by), np.float32)
    padded[: ink.shape[0], : ink.shape[1]] = ink
    return padded.reshape(h, by, w, by).mean(axis=(1, 3))


def _cheapest(price: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """What the cheapest path from the top to each pixel costs, itself included, and its last step.

    Step -1, 0 or 1 says by how many columns the pixel before is farther right.
    """
    cost, step = price.copy(), np.zeros(price.shape, np.int8)
    h, w = price.shape
    ways = np.full((3, w), np.inf, np.float32)  # from the left, from above, from the right
    for y in range(1, h):
        before = cost[y - 1]
        ways[0, 1:] = before[:-1] + np.float32(_ASIDE)
        ways[1] = before
        ways[2, :-1] = before[1:] + np.float32(_ASIDE)
        best = ways.argmin(axis=0)
        cost[y] += ways[best, np.arange(w)]
        step[y] = best - 1
    return cost, step


def _follow(step: NDArray[np.int8], row: int, column: int) -> NDArray[np.intp]:
    """The columns (row + 1,) of the cheapest path from the top to a pixel."""
    path = np.empty(row + 1, np.intp)
    for y in range(row, -1, -1):
        path[y] = column
        column += int(step[y, column])
    return path


def _minima(
    cost: NDArray[np.float32], edge: int, level: float, far: float
) -> list[tuple[int, bool]]:
    """Where a row of costs has minima, and whether to cut after that column, not before it.

    A minimum reaches as far to either side as the cost is hardly higher (by `level`). If that is
    `far` or more, as along a stroke that joins two digits, both its ends count as well. `edge`
    columns at either end of the row are left out.
    """
    falls = np.diff(cost)
    cuts: list[tuple[int, bool]] = []
    start = None
    for x in range(1, len(cost)):
        change = float(falls[x - 1])
        if change < -1e-4:
            start = x
        elif change > 1e-4:
            if start is not None:
                cuts.append(((start + x - 1) // 2, False))
                low, high = start, x - 1
                while low > 0 and cost[low - 1] <= cost[start] + level:
                    low -= 1
                while high < len(cost) - 1 and cost[high + 1] <= cost[start] + level:
                    high += 1
                if high - low >= far:
                    cuts += [(low, False), (high, True)]
            start = None
    return [(x, after) for x, after in cuts if edge <= x < len(cost) - edge]
