"""Connected pieces of ink, without those that are too small or too large to belong to digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from byhand.reader.ink import CORE
from byhand.reader.paper import SMALL

# More pieces than this are noise; the most digit-like are kept.
MOST = 2000
# Relative to the digits' height: a piece smaller than this is a speck, one larger both ways than
# this is a drawing, a blot or a shadow.
SPECK, HUGE = 0.08, 4.0
SOLID = 0.6  # of its box, a blot fills so much
LONG = 12  # a rule is so many times as long as thick
# A piece on the picture's border is the page's edge if it runs along it for so many heights of
# digits, and not worth reading if so little of it is in the picture.
EDGE, SLIVER = 2.0, 0.15


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


def typical_height(heights: NDArray[np.float64]) -> float:
    """The height of most of the writing: the median of pieces' heights, weighted by themselves."""
    if not len(heights):
        return 0.0
    heights = np.sort(heights)
    reached = np.cumsum(heights)
    return float(heights[np.searchsorted(reached, reached[-1] / 2)])


def height_of(pieces: Sequence[Piece]) -> float:
    """The typical height of digits among the pieces, in pixels; 0 without any."""
    return typical_height(np.array([p.height for p in pieces], float))


def _kept(
    boxes: NDArray[np.int64], areas: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Indices of the pieces that may belong to digits."""
    x0, y0, x1, y1 = boxes.T
    width, height = x1 - x0, y1 - y0
    size = np.maximum(width, height)
    wide, high = shape[1], shape[0]
    beside = (x0 == 0) | (x1 == wide)
    above = (y0 == 0) | (y1 == high)
    inside = ~(beside | above) & (areas >= 3)
    # A small picture, and one cut tightly around a digit, shows the digit up to its border.
    least = np.minimum(width, height)[~inside].max(initial=0) / 3
    sides = sum(side.astype(int) for side in (x0 == 0, y0 == 0, x1 == wide, y1 == high))
    alone = size[inside].max(initial=0) < least and sides.max(initial=0) < 2
    if min(shape) < SMALL or not inside.any() or alone:
        return np.flatnonzero((size >= 2) & (areas >= 0.01 * areas.max()))
    # Frames and rules do not tell how large digits are.
    rule = size > LONG * np.minimum(width, height)
    other = inside & ~(rule & (size > 0.3 * min(shape))) & (width * height < 0.25 * wide * high)
    typical = typical_height(size[other if other.any() else inside].astype(float))
    kept = (size >= max(2.0, SPECK * typical)) & (areas >= 2)
    # Among many crumbs the digits are what is huge, but they are not solid.
    huge = np.minimum(width, height) > HUGE * typical
    if areas[huge & inside].sum() > areas[inside].sum() / 2:
        huge &= areas > SOLID * width * height
    kept &= ~huge & ~(rule & (size > HUGE * typical))
    # The page's edge runs along the border, or something only peeps in from outside.
    edge = (beside & (height > EDGE * typical)) | (above & (width > EDGE * typical))
    sliver = (beside & (width < SLIVER * typical)) | (above & (height < SLIVER * typical))
    places: NDArray[np.int64] = np.flatnonzero(kept & ~edge & ~sliver & (sides < 2))
    return places


def turned(piece: Piece, rotation: int, size: tuple[int, int]) -> Piece:
    """The piece when a page of `size` (width, height) is turned by quarters, degrees clockwise."""
    x, y, (wide, high) = piece.x, piece.y, size
    for _ in range(rotation // 90):
        x, y = high - y - piece.height, x
        piece = Piece(x, y, piece.height, piece.width, np.rot90(piece.ink, -1))
        wide, high = high, wide
    return piece


def levelled(piece: Piece, back: NDArray[np.float64]) -> Piece:
    """The piece on a page that is turned by a small angle.

    Args:
        piece: on the page as it was.
        back: (2, 3) matrix from the new page's (x, y, 1) to the old one's (x, y).
    """
    from PIL import Image

    there = np.linalg.inv(back[:, :2])
    corners = np.array(
        [[piece.x, piece.x + piece.width] * 2, [piece.y] * 2 + [piece.y + piece.height] * 2], float
    )
    moved = there @ (corners - back[:, 2:])
    x0, y0 = np.floor(moved.min(1)).astype(int)
    x1, y1 = np.ceil(moved.max(1)).astype(int)
    matrix = back.copy()
    matrix[:, 2] += back[:, :2] @ (x0, y0) - (piece.x, piece.y)
    picture = Image.fromarray(piece.ink).transform(
        (int(x1 - x0), int(y1 - y0)),
        Image.Transform.AFFINE,
        tuple(matrix.ravel()),
        Image.Resampling.BILINEAR,
    )
    ink = np.asarray(picture)
    rows, columns = (np.flatnonzero((ink > 0.02).any(axis)) for axis in (1, 0))
    if not len(rows):
        return Piece(int(x0), int(y0), ink.shape[1], ink.shape[0], ink)
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Piece(int(x0 + columns[0]), int(y0 + rows[0]), ink.shape[1], ink.shape[0], ink)


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
