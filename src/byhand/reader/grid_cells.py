"""What stands in the cells of a straightened grid: rules erased, pieces of ink given to cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ink import CORE
from .pieces import Piece

Edges = NDArray[np.int64]
Floats = NDArray[np.float32]

# A rule is looked for so far from where it should run, as a part of the cell.
AROUND = 0.16
# It is as broad as it is this part as far from the paper's colour as in its middle.
FADED = 0.2
# Writing is so many times as far from the paper's colour as the rule that it crosses.
WRITING = 1.35
BLOCK = 8  # pixels along a rule, of whose paper one colour is kept
# Of a cell: what is smaller is a speck; what keeps this near to a rule and is thin is its rest.
SPECK, REST, THIN = 0.12, 0.14, 0.16
# It is a rest if it is thinner or paler than this part of what writing is.
REST_PART = 0.6
# A bit of a stroke goes on across a rule over so many pixels, either way; and is a bit if it has
# at most this part of the stroke's ink.
GAP, BIT = 3, 0.2
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
    width = float(np.median(np.diff(xs)))
    for i, y in enumerate(ys):
        beside = heights[max(0, i - 1) : i + 1].min()
        reach = max(4, round(AROUND * float(beside)))
        band = image[max(0, int(y) - reach) : int(y) + reach + 1]  # (rows, W, 3)
        apart = np.abs(band - _paper_of(band, width)).max(2)  # (rows, W)
        paths = _follow(apart[:, xs[0] : xs[-1] + 1], width)
        if paths is not None:
            first, broad, strength = paths
            # Beyond the outermost rules as it is at its ends.
            around = (int(xs[0]), apart.shape[1] - int(xs[-1]) - 1)
            rows, far = np.pad(first, around, mode="edge"), np.pad(strength, around, mode="edge")
            _bridge(band, apart, rows, broad, far)


def _paper_of(band: Floats, width: float) -> Floats:
    """The paper's colours (rows, W, 3) behind a band: from its outer rows, a cell's writing out."""
    from scipy import ndimage

    rows, w = band.shape[:2]
    outer, blocks = max(1, rows // 6), max(1, w // BLOCK)
    sides = np.stack([band[:outer].mean(0), band[-outer:].mean(0)])  # (2, W, 3)
    coarse = sides[:, : blocks * BLOCK] if w >= BLOCK else sides
    coarse = np.median(coarse.reshape(2, blocks, -1, 3), axis=2)  # (2, blocks, 3)
    size = 2 * round(0.6 * width / BLOCK) + 1
    coarse = ndimage.median_filter(coarse, (1, size, 1), mode="nearest")
    at = np.minimum(np.arange(w) // BLOCK, blocks - 1)
    top, bottom = coarse[0, at], coarse[1, at]  # (W, 3)
    part = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None]
    paper: Floats = ((1 - part) * top + part * bottom).astype(np.float32)
    return paper


def _follow(apart: Floats, width: float) -> tuple[NDArray[np.int64], int, Floats] | None:
    """A rule's first row in each column (W,), how many rows it has, and how far from paper it is.

    The last for each column, (W,), since a shadow lowers it. None where there is no rule.
    """
    from scipy import ndimage

    rows = len(apart)
    smooth = ndimage.uniform_filter1d(apart, 2 * round(0.06 * width) + 1, axis=1)
    inner = slice(rows // 4, rows - rows // 4)
    peak = smooth[inner].max(0)
    noise = float(np.median(apart))
    typical = float(np.median(peak))
    if typical < max(5.0, 2.5 * noise):
        return None
    # Where nothing but the rule is in the band it can be seen where it runs, and how dark it is.
    total = ndimage.uniform_filter1d(apart.mean(0), 5)
    alone = (total < 1.3 * _lower(total, width)) & (peak > 0.5 * _lower(peak, width))
    if alone.sum() < 8:
        return None
    middle = _steady(
        ndimage.uniform_filter1d(smooth, 3, axis=0)[inner].argmax(0) + rows // 4, alone, width
    )
    strength = _steady(peak, alone, 2 * width)
    lined_up = np.arange(rows)[:, None] + np.rint(middle).astype(int) - rows // 2
    lined_up = lined_up[:, alone].clip(0, rows - 1)
    profile = np.median(np.take_along_axis(smooth[:, alone], lined_up, 0), axis=1)
    rule = profile > noise + FADED * (profile.max() - noise)
    above, below = rule[: rows // 2 + 1][::-1], rule[rows // 2 :]
    broad = int(np.argmin(np.append(above, False)) + np.argmin(np.append(below, False))) - 1
    broad = max(broad, 1)
    # Again, finer: where the middle of its ink is.
    at = np.arange(rows)[:, None]
    own = np.where(np.abs(at - middle) <= broad / 2 + 1.5, smooth - FADED * peak, 0).clip(0)
    middle = _steady((at * own).sum(0) / np.maximum(own.sum(0), 1e-6), alone, width)
    first = np.rint(middle - (broad - 1) / 2).astype(np.int64)
    return first, broad, strength.astype(np.float32)


def _lower(values: Floats, width: float) -> Floats:
    """The lower quartile of each stretch of two cells around."""
    from scipy import ndimage

    every = 8
    coarse = ndimage.percentile_filter(
        values[::every], 25, 2 * round(width / every) + 1, mode="nearest"
    )
    lower: Floats = np.repeat(coarse, every)[: values.size]
    return lower


def _steady(values: NDArray[Any], known: NDArray[np.bool_], width: float) -> NDArray[np.float64]:
    """Values along a rule, from where they are known, each the median of a stretch around it."""
    from scipy import ndimage

    at = np.flatnonzero(known)
    coarse = np.interp(np.arange(0, values.size, 4), at, values[at])
    size = 2 * round(0.15 * width / 4) + 1
    steady = ndimage.uniform_filter1d(ndimage.median_filter(coarse, size, mode="nearest"), 3)
    return np.interp(np.arange(values.size) / 4, np.arange(steady.size), steady)


def _bridge(
    band: Floats, apart: Floats, first: NDArray[np.int64], broad: int, strength: Floats
) -> None:
    """Draw the colours above and below over a rule in a band (rows, W, 3), in place.

    What is clearly farther from paper than the rule is writing and stays; the rule beside it
    becomes paper, since the stroke ends where it ends.
    """
    from scipy import ndimage

    rows, w = apart.shape
    # A row more on either side, blurred from the rule, and one to draw from.
    at = (first - 2 + np.arange(broad + 4)[:, None]).clip(0, rows - 1)  # (broad + 4, W)
    columns = np.arange(w)
    strip, far = band[at, columns], apart[at, columns]
    writing = far > WRITING * strength + 12
    writing &= ndimage.uniform_filter(writing.astype(np.float32), 3) > 0.4  # no single pixels
    part = (np.arange(1, broad + 3, dtype=np.float32) / (broad + 3))[:, None, None]
    above, below = strip[0], strip[-1]
    above = np.where(writing[0][:, None], below, above)
    below = np.where(writing[-1][:, None], strip[0], below)
    both = (writing[0] & writing[-1])[:, None]
    paper = np.median(strip[[0, -1]], axis=(0, 1))
    above, below = np.where(both, paper, above), np.where(both, paper, below)
    bridge = (1 - part) * above + part * below
    inner = writing[1:-1, :, None]
    band[at[1:-1], columns] = np.where(inner, strip[1:-1], bridge)


def pieces_of_cells(
    clean: NDArray[np.uint8], ink: Floats, xs: Edges, ys: Edges
) -> list[list[list[Piece]]]:
    """Each cell's pieces, left to right, of a picture without rules (H, W, 3) and its ink (H, W).

    A piece belongs to the cell that holds most of it; one that several cells share is cut along
    the rules. Specks, and what an erased rule left beside it, are left out.
    """
    from scipy import ndimage

    cells: list[list[list[Piece]]] = [[[] for _ in xs[1:]] for _ in ys[1:]]
    mask = ink >= CORE
    labels, n = ndimage.label(mask, np.ones((3, 3)))
    labels = _joined_over_rules(labels, n, xs, ys)
    # A stroke of thickness t and length l has t·l pixels, 2·l of them on its rim.
    rim = np.bincount(labels[mask & ~ndimage.binary_erosion(mask)], minlength=n + 1)
    thick = 2 * np.bincount(labels.ravel(), minlength=n + 1) / np.maximum(rim, 1)
    pieces_found = []
    for label, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None:
            continue
        # The faint edge around belongs to the stroke.
        rows = slice(max(0, box[0].start - 1), box[0].stop + 1)
        columns = slice(max(0, box[1].start - 1), box[1].stop + 1)
        own, paper = labels[rows, columns] == label, labels[rows, columns] == 0
        deep = _depth(clean[rows, columns], own, paper)
        own |= paper & ndimage.binary_dilation(own, np.ones((3, 3)))
        part = np.where(own, ink[rows, columns], 0).astype(np.float32)
        for i, j, piece in _shared_out(part, columns.start, rows.start, xs, ys):
            kind = _kind(piece, xs[j : j + 2], ys[i : i + 2])
            if kind != "speck":
                pieces_found.append((i, j, piece, kind == "", float(thick[label]), deep))
    # What stands beside a rule must be as thick and as dark as the writing is.
    sure = np.array([(thickness, deep) for *_, free, thickness, deep in pieces_found if free])
    least = REST_PART * np.median(sure, axis=0) if len(sure) else np.full(2, np.inf)
    for i, j, piece, free, thickness, deep in pieces_found:
        if free or (thickness >= least[0] and deep >= least[1]):
            cells[i][j].append(piece)
    for row in cells:
        for cell in row:
            cell.sort(key=lambda piece: piece.x)
    return cells


def _joined_over_rules(
    labels: NDArray[np.int32], n: int, xs: Edges, ys: Edges
) -> NDArray[np.int32]:
    """The labels of n pieces with a bit that an erased rule cut off given to its piece.

    That is, with what is much larger and right across the rule.
    """
    from scipy import ndimage

    mask = labels > 0
    joined = mask.copy()
    for axis, edges in ((0, ys), (1, xs)):
        for edge in edges:
            zone = [slice(None), slice(None)]
            zone[axis] = slice(max(0, int(edge) - 3 * GAP), int(edge) + 3 * GAP + 1)
            here = tuple(zone)
            joined[here] |= ndimage.maximum_filter1d(mask[here], 2 * GAP + 1, axis=axis)
    groups, _ = ndimage.label(joined, np.ones((3, 3)))
    area = np.bincount(labels.ravel(), minlength=n + 1)
    group = np.zeros(n + 1, int)
    group[labels[mask]] = groups[mask]
    # The largest piece of each group: of the last write wins, so the largest come last.
    order = np.argsort(area, kind="stable")
    largest = np.zeros(groups.max() + 1, int)
    largest[group[order]] = order
    target = np.where(area < BIT * area[largest[group]], largest[group], np.arange(n + 1))
    target[0] = 0
    return target.astype(np.int32)[labels]


def _depth(clean: NDArray[np.uint8], own: NDArray[np.bool_], paper: NDArray[np.bool_]) -> float:
    """How far a piece's colour is from that of the paper around it."""
    if not (own.any() and paper.any()):
        return 0.0
    colours = np.median(clean[own], axis=0) - np.median(clean[paper], axis=0)
    return float(np.abs(colours).max())


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
    strokes = []
    for share, i, j, top, bottom, left, right in shares:
        if share < 0.1 * total:
            continue
        own = part[top:bottom, left:right]
        inked_y, inked_x = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
        a, b, c, d = inked_y[0], inked_y[-1] + 1, inked_x[0], inked_x[-1] + 1
        piece = Piece(
            x + left + int(c), y + top + int(a), int(d - c), int(b - a), own[a:b, c:d].copy()
        )
        strokes.append((i, j, piece))
    return strokes


def _cuts(edges: Edges, start: int, length: int) -> list[tuple[int, int, int]]:
    """(cell, from, to) of the cells that a stretch of pixels lies in, counted from its start."""
    spans = []
    for k in range(len(edges) - 1):
        low, high = max(0, int(edges[k]) - start), min(length, int(edges[k + 1]) - start)
        if low < high:
            spans.append((k, low, high))
    return spans


def _kind(piece: Piece, xs: Edges, ys: Edges) -> str:
    """What a piece in the cell between `xs` and `ys` might be: "speck", "beside a rule", ""."""
    side = float(min(xs[1] - xs[0], ys[1] - ys[0]))
    if max(piece.width, piece.height) < max(3.0, SPECK * side + 2):
        return "speck"
    # Beside a rule, and thin: measured from the middle of its ink.
    across, down = piece.ink.sum(0), piece.ink.sum(1)
    x = piece.x + float(across @ np.arange(piece.width)) / float(across.sum())
    y = piece.y + float(down @ np.arange(piece.height)) / float(down.sum())
    beside_x = min(x - xs[0], xs[1] - x) < REST * side
    beside_y = min(y - ys[0], ys[1] - y) < REST * side
    thin_x, thin_y = piece.width < THIN * side + 2, piece.height < THIN * side + 2
    rest = (beside_x and thin_x) or (beside_y and thin_y)
    return "beside a rule" if rest else ""
