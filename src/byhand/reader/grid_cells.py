"""What stands in the cells of a straightened grid: rules erased, pieces of ink given to cells."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .ink import CORE
from .pieces import Piece

Edges = NDArray[np.int64]
Floats = NDArray[np.float32]

# A rule is looked for so far from where it should run, as a part of the cell.
AROUND = 0.16
# Where a rule's colour is this part of its strongest, for this part of its length, is rule.
FADED, LENGTH = 0.2, 0.3
# Of a cell: what is smaller is a speck; what keeps this near to a rule and is thin is its rest.
SPECK, REST = 0.12, 0.14
# A piece with this part of its ink in one cell belongs to it, its tail in the next one too.
MOSTLY = 0.72


def erase_rules(pixels: NDArray[np.uint8], xs: Edges, ys: Edges) -> NDArray[np.uint8]:
    """The picture (H, W, 3) without the rules that run along `xs` and `ys`.

    Each pixel of a rule takes the colours at its two sides, in proportion: paper becomes paper,
    and a stroke that crosses or touches the rule is carried on.
    """
    image = pixels.astype(np.float32)
    _erase_level(image, xs, ys)
    _erase_level(image.swapaxes(0, 1), ys, xs)  # a view: upright rules are level in it
    return np.rint(image).clip(0, 255).astype(np.uint8)


def _erase_level(image: Floats, xs: Edges, ys: Edges) -> None:
    """Erase the level rules of (H, W, 3), in place."""
    heights = np.diff(ys)
    for i, y in enumerate(ys):
        reach = max(
            3, round(AROUND * float(min(heights[max(0, i - 1)], heights[min(i, len(heights) - 1)])))
        )
        low, high = max(0, int(y) - reach), min(len(image), int(y) + reach + 1)
        band = image[low:high]  # (offsets, W, 3)
        strips = [_rule_rows(band[:, a:b]) for a, b in pairwise(xs)]
        # Writing along a rule must not count as rule: no piece is much wider than most are.
        firsts = [s[0] for s in strips if s is not None]
        lasts = [s[1] for s in strips if s is not None]
        if not firsts:
            continue
        top, bottom = float(np.median(firsts)), float(np.median(lasts))
        starts = [0, *xs[1:-1].tolist(), image.shape[1]]
        for strip, a, b in zip(strips, starts[:-1], starts[1:], strict=True):
            first, last = (round(top), round(bottom)) if strip is None else strip
            first = int(np.clip(first, top - 2, top + 2)) - 1
            last = int(np.clip(last, bottom - 2, bottom + 2)) + 1
            first, last = max(first, 1), min(last, len(band) - 2)
            n = last - first + 2
            part = (np.arange(1, n, dtype=np.float32) / n)[:, None, None]
            above, below = band[first - 1, a:b], band[last + 1, a:b]
            band[first : last + 1, a:b] = (1 - part) * above + part * below


def _rule_rows(band: Floats) -> tuple[int, int] | None:
    """The first and last row of the rule in a band (offsets, along, 3) around it."""
    along = band.shape[1]
    middle = band[:, along // 10 : max(along // 10 + 1, along - along // 10)]
    paper = np.median(middle, axis=(0, 1))
    apart = np.abs(middle - paper).max(2)  # (offsets, along)
    typical = np.median(apart, axis=1)
    # The strongest row near the middle: it is a rule's if it stands out of the rest.
    n = len(band)
    near = slice(n // 4, n - n // 4)
    peak = n // 4 + int(typical[near].argmax())
    if typical[peak] < max(5.0, 3.0 * float(np.median(typical))):
        return None
    floor = float(np.median(apart))
    rule = (apart > floor + FADED * (typical[peak] - floor)).mean(1) >= LENGTH
    first = last = peak
    while first > 0 and rule[first - 1]:
        first -= 1
    while last < n - 1 and rule[last + 1]:
        last += 1
    return first, last


def pieces_of_cells(ink: Floats, xs: Edges, ys: Edges) -> list[list[list[Piece]]]:
    """Each cell's pieces, left to right, of the ink (H, W) without rules.

    A piece belongs to the cell that holds most of it; one that several cells share is cut along
    the rules. Specks, and what an erased rule left beside it, are left out.
    """
    from scipy import ndimage

    cells: list[list[list[Piece]]] = [[[] for _ in xs[1:]] for _ in ys[1:]]
    labels, _ = ndimage.label(ink >= CORE, np.ones((3, 3)))
    for label, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        # The faint edge around belongs to the stroke.
        rows = slice(max(0, rows.start - 1), rows.stop + 1)
        columns = slice(max(0, columns.start - 1), columns.stop + 1)
        here = labels[rows, columns]
        mine = ndimage.binary_dilation(here == label, np.ones((3, 3))) & (
            (here == label) | (here == 0)
        )
        part = np.where(mine, ink[rows, columns], 0).astype(np.float32)
        for i, j, piece in _shared_out(part, columns.start, rows.start, xs, ys):
            if not _is_rest(piece, xs[j : j + 2], ys[i : i + 2]):
                cells[i][j].append(piece)
    for row in cells:
        for cell in row:
            cell.sort(key=lambda piece: piece.x)
    return cells


def _shared_out(part: Floats, x: int, y: int, xs: Edges, ys: Edges) -> list[tuple[int, int, Piece]]:
    """The cells (row, column) that a piece at (x, y) belongs to, each with what it gets."""
    h, w = part.shape
    row_cuts, column_cuts = _cuts(ys, y, h), _cuts(xs, x, w)
    shares = []
    for i, top, bottom in row_cuts:
        for j, left, right in column_cuts:
            shares.append(
                (float(part[top:bottom, left:right].sum()), i, j, top, bottom, left, right)
            )
    total = float(part.sum())
    if not shares or total <= 0:
        return []
    most = max(shares)
    if most[0] >= MOSTLY * total:
        return [(most[1], most[2], Piece(x, y, w, h, part))]
    found = []
    for share, i, j, top, bottom, left, right in shares:
        if share < 0.1 * total:
            continue
        own = part[top:bottom, left:right]
        inked_y, inked_x = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
        a, b, c, d = inked_y[0], inked_y[-1] + 1, inked_x[0], inked_x[-1] + 1
        piece = Piece(
            x + left + int(c), y + top + int(a), int(d - c), int(b - a), own[a:b, c:d].copy()
        )
        found.append((i, j, piece))
    return found


def _cuts(edges: Edges, start: int, length: int) -> list[tuple[int, int, int]]:
    """(cell, from, to) of the cells that a stretch of pixels lies in, counted from its start."""
    found = []
    for k in range(len(edges) - 1):
        low, high = max(0, int(edges[k]) - start), min(length, int(edges[k + 1]) - start)
        if low < high:
            found.append((k, low, high))
    return found


def _is_rest(piece: Piece, xs: Edges, ys: Edges) -> bool:
    """Whether a piece in the cell between `xs` and `ys` is a speck or what is left of a rule."""
    width, height = float(xs[1] - xs[0]), float(ys[1] - ys[0])
    side = min(width, height)
    if max(piece.width, piece.height) < max(3.0, SPECK * side + 2):
        return True
    # Beside a rule, and thin: measured from the middle of its ink.
    across, down = piece.ink.sum(0), piece.ink.sum(1)
    x = piece.x + float(across @ np.arange(piece.width)) / float(across.sum())
    y = piece.y + float(down @ np.arange(piece.height)) / float(down.sum())
    beside_x = min(x - xs[0], xs[1] - x) < REST * side
    beside_y = min(y - ys[0], ys[1] - y) < REST * side
    thin_x, thin_y = piece.width < 0.16 * side + 2, piece.height < 0.16 * side + 2
    return (beside_x and thin_x) or (beside_y and thin_y)
