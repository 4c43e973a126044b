"""Pieces of ink in lines of writing, and by how much the lines are skewed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from byhand.reader.ink import CORE
from byhand.reader.pieces import Piece, height_of

# A piece at least so high, relative to the digits, says where a line runs; others join one.
MAIN = 0.45
# A piece is in a line if so much of its height, or of the line's, is level with it.
OVERLAP = 0.4
# Skew is looked for so many degrees either way.
STEEPEST = 15.0


def find_skew(pieces: Sequence[Piece]) -> float:
    """By how many degrees, clockwise, the lines are turned, from -15 to 15; 0 if that is unclear.

    The angle at which the pieces' heights, projected along it, are the most concentrated (Postl,
    "Detection of linear oblique structures and skew scan in digitized documents", 1986).
    """
    typical = height_of(pieces)
    main = [p for p in pieces if MAIN * typical <= p.height <= 2 * typical]
    if len(main) < 4:
        return 0.0
    x = np.array([p.middle[0] for p in main])
    y = np.array([p.middle[1] for p in main])
    x = x - x.mean()

    def sharpness(angle: float) -> float:
        down = (y - x * np.tan(np.radians(angle))) / typical
        # Every piece is a bell a quarter of a digit wide; their overlap is what counts.
        apart = down[:, None] - down[None, :] if len(down) <= 400 else down[:400, None] - down
        return float(np.exp(-((apart / 0.35) ** 2)).sum())

    coarse = np.arange(-STEEPEST, STEEPEST + 0.5, 1.0)
    scores = np.array([sharpness(a) for a in coarse])
    best = coarse[int(np.argmax(scores))]
    fine = np.arange(best - 1, best + 1.01, 0.2)
    values = np.array([sharpness(a) for a in fine])
    angle = float(fine[int(np.argmax(values))])
    gain = values.max() / sharpness(0.0)
    return angle if gain > 1.1 and abs(angle) <= STEEPEST else 0.0


def group_lines(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """The pieces in lines from top to bottom, each from left to right.

    From left to right each piece joins the line that it is level with, as that line ran in its
    last few pieces, so that lines may drift; how far apart pieces are does not matter. Small
    pieces then join the line they are nearest to.
    """
    typical = height_of(pieces)
    main = sorted((p for p in pieces if p.height >= MAIN * typical), key=lambda p: p.middle[0])
    lines: list[list[Piece]] = []
    for piece in main:
        fits = [_height_on_line(line[-3:], piece) for line in lines]
        if fits and max(fits) > 0:
            lines[int(np.argmax(fits))].append(piece)
        else:
            lines.append([piece])
    lines = _joined(lines)
    for piece in pieces:
        if piece.height < MAIN * typical:
            _attach(lines, piece, typical)
    for line in lines:
        line.sort(key=lambda p: p.middle[0])
    return sorted(lines, key=lambda line: float(np.mean([p.middle[1] for p in line])))


def _band(line: Sequence[Piece], x: float) -> tuple[float, float]:
    """Top and bottom of a line around x: medians over the nearest three pieces."""
    near = line if len(line) <= 3 else sorted(line, key=lambda p: abs(p.middle[0] - x))[:3]
    tops = sorted(p.y for p in near)
    bottoms = sorted(p.y + p.height for p in near)
    low, high = (len(near) - 1) // 2, len(near) // 2
    return (tops[low] + tops[high]) / 2, (bottoms[low] + bottoms[high]) / 2


def _height_on_line(line: Sequence[Piece], piece: Piece) -> float:
    """How well a piece is level with a line: 0 not at all, 1 entirely."""
    top, bottom = _band(line, piece.middle[0])
    overlap = min(bottom, piece.y + piece.height) - max(top, piece.y)
    share = overlap / min(bottom - top, piece.height)
    return share if share > OVERLAP else 0.0


def _joined(lines: list[list[Piece]]) -> list[list[Piece]]:
    """Lines as one where the parts of a broken digit had begun two.

    Two pieces are parts of one digit if they are less apart than a stroke is wide, and together no
    higher than the page's other digits are.
    """
    owner = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    flat = [piece for line in lines for piece in line]
    x0, y0, wide, high = boxes(flat).T
    x1, y1 = x0 + wide, y0 + high
    for i, one in enumerate(flat):
        # One above the other, no further apart than a quarter of the larger.
        gap = np.maximum(y0, y0[i]) - np.minimum(y1, y1[i])
        near = (np.minimum(x1, x1[i]) > np.maximum(x0, x0[i])) & (owner != owner[i])
        near &= gap <= 0.25 * np.maximum(high, high[i])
        for j in np.flatnonzero(near[:i]):
            rest = [p for k, p in enumerate(flat) if k not in (i, j)]
            height = max(y1[i], y1[j]) - min(y0[i], y0[j])
            if rest and height > 1.3 * height_of(rest):
                continue
            limit = 1.5 * max(_stroke(one), _stroke(flat[j])) + 1
            if _apart(one, flat[j]) <= (limit if rest else max(limit, 0.15 * height)):
                owner[owner == owner[j]] = owner[i]
    by_line: dict[int, list[Piece]] = {}
    for piece, o in zip(flat, owner.tolist(), strict=True):
        by_line.setdefault(o, []).append(piece)
    return list(by_line.values())


def _apart(one: Piece, other: Piece) -> float:
    """How far apart the inks of two pieces are, in pixels."""
    from scipy import ndimage

    x0, y0 = min(one.x, other.x), min(one.y, other.y)
    x1 = max(one.x + one.width, other.x + other.width)
    y1 = max(one.y + one.height, other.y + other.height)
    masks = np.zeros((2, y1 - y0, x1 - x0), bool)
    for mask, p in zip(masks, (one, other), strict=True):
        mask[p.y - y0 : p.y - y0 + p.height, p.x - x0 : p.x - x0 + p.width] = p.ink >= CORE
    away = ndimage.distance_transform_edt(~masks[0])
    return float(away[masks[1]].min(initial=np.inf))


def _stroke(piece: Piece) -> float:
    """About how wide a piece's stroke is: twice its area by the length of its edge."""
    from scipy import ndimage

    mask = np.pad(piece.ink >= CORE, 1)
    edge = mask & ~ndimage.binary_erosion(mask)
    return 2 * float(mask.sum()) / max(1.0, float(edge.sum()))


def _attach(lines: list[list[Piece]], piece: Piece, typical: float) -> None:
    """A small piece joins the line that it is nearest to, if it is near one at all."""
    x, y = piece.middle
    best, least = None, 0.75 * typical
    for line in lines:
        top, bottom = _band(line, x)
        away = max(top - y, y - bottom, 0.0)
        if away < least:
            best, least = line, away
    if best is not None:
        best.append(piece)


def boxes(pieces: Sequence[Piece]) -> NDArray[np.int64]:
    """(n, 4) x, y, width and height of pieces."""
    return np.array([(p.x, p.y, p.width, p.height) for p in pieces], np.int64).reshape(-1, 4)
