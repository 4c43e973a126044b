"""Connected pieces of ink, without those that are too small or too large to belong to digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from byhand.reader.ink import CORE

# More pieces than this are noise; the most digit-like are kept.
MOST = 2000
# Relative to the digits' height: a piece smaller than this is a speck, one larger both ways than
# this is a drawing, a blot or a shadow.
SPECK, HUGE = 0.08, 4.0
# A piece along the picture's border for this part of a side is the page's edge.
EDGE = 0.4


@dataclass(frozen=True, eq=False)
class Piece:
    """Ink that hangs together.

    Args:
        x, y, width, height: its box in pixels.
        ink: (height, width) float32, amounts 0 to 1 of this piece alone.
    """

    x: int
    y: int
    width: int
    height: int
    ink: NDArray[np.float32]

    @property
    def middle(self) -> tuple[float, float]:
        """The middle of its box (x, y)."""
        return self.x + self.width / 2, self.y + self.height / 2


def find_pieces(amount: NDArray[np.float32]) -> tuple[list[Piece], bool]:
    """The pieces of ink that may belong to digits, and whether there were too many of them.

    A piece is 8-connected where the ink is at least `CORE`; the faint rim around a stroke goes
    with it. Left out are specks, what runs along the picture's border, and what is much larger
    than the rest both ways.

    Args:
        amount: (H, W) float32, `Ink.amount`.
    """
    from scipy import ndimage

    labels, n = ndimage.label(amount >= CORE, np.ones((3, 3)))
    if n == 0:
        return [], False
    boxes = np.array(
        [(b[1].start, b[0].start, b[1].stop, b[0].stop) for b in ndimage.find_objects(labels)]
    )
    areas = np.bincount(labels.ravel(), minlength=n + 1)[1:]
    kept = _kept(boxes, areas, amount.shape)
    many = len(kept) > MOST
    if many:
        kept = kept[np.argsort(-areas[kept], kind="stable")[:MOST]]
    return [_piece(amount, labels, boxes[i], i + 1) for i in kept], many


def typical_height(heights: NDArray[np.float64], areas: NDArray[np.float64]) -> float:
    """The height of most of the ink: the median of pieces' heights, weighted by their ink."""
    if not len(heights):
        return 0.0
    order = np.argsort(heights, kind="stable")
    reached = np.cumsum(areas[order])
    return float(heights[order][np.searchsorted(reached, reached[-1] / 2)])


def height_of(pieces: Sequence[Piece]) -> float:
    """The typical height of digits among the pieces, in pixels; 0 without any."""
    heights = np.array([p.height for p in pieces], float)
    return typical_height(heights, np.array([float(p.ink.sum()) for p in pieces]))


def _kept(
    boxes: NDArray[np.int64], areas: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Indices of the pieces that may belong to digits."""
    x0, y0, x1, y1 = boxes.T
    width, height = x1 - x0, y1 - y0
    wide, high = shape[1], shape[0]
    beside = (x0 == 0) | (x1 == wide)
    above = (y0 == 0) | (y1 == high)
    edge = (beside & (height > EDGE * high)) | (above & (width > EDGE * wide))
    # A picture cut tightly around a digit has nothing else in it.
    if (~edge).any() and areas[~edge].sum() > 0.02 * areas.sum():
        inner = ~edge
    else:
        inner = np.ones(len(boxes), bool)
    size = np.maximum(width, height)
    typical = typical_height(size[inner].astype(float), areas[inner].astype(float))
    inner &= (size >= max(2.0, SPECK * typical)) & (areas >= 2)
    inner &= np.minimum(width, height) <= HUGE * typical
    # What only peeps in from outside: flat along the border.
    sliver = (beside & (width < 0.15 * typical)) | (above & (height < 0.15 * typical))
    inner &= ~(sliver & (size > 2))
    found: NDArray[np.int64] = np.flatnonzero(inner)
    return found


def _piece(
    amount: NDArray[np.float32], labels: NDArray[np.int32], box: NDArray[np.int64], label: int
) -> Piece:
    from scipy import ndimage

    x0, y0 = max(0, int(box[0]) - 1), max(0, int(box[1]) - 1)
    x1, y1 = int(box[2]) + 1, int(box[3]) + 1
    own = labels[y0:y1, x0:x1]
    mine = own == label
    rim = ndimage.binary_dilation(mine, np.ones((3, 3), bool)) & (own == 0)
    ink = np.where(mine | rim, amount[y0:y1, x0:x1], np.float32(0))
    return Piece(x0, y0, ink.shape[1], ink.shape[0], ink)
