"""From a picture to lines of pieces of ink, upright and level, and the way back to its pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from byhand.reader.ink import Ink, find_ink
from byhand.reader.lines import find_skew, group_lines
from byhand.reader.pieces import MOST, Piece, find_pieces, levelled, turned
from byhand.reader.turn import Reads, find_turn

Box = tuple[int, int, int, int]
# Lines less skewed than this, in degrees, are read as they are.
LEVEL = 2.0


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What was found in a picture.

    Args:
        lines: top to bottom, of pieces left to right, in the pixels of the level page.
        ink: of the picture as it was given.
        rotation: clockwise, in degrees (0, 90, 180, 270), by which the picture was turned.
        skew: degrees, clockwise, by which its lines were turned after that, and which was undone.
        size: (width, height) of the upright picture.
        back: (2, 3) matrix from the level page's (x, y, 1) to the upright picture's (x, y).
        notes: what a user should know, a sentence each.
        steps: pictures of the steps by name, uint8, when asked for.
    """

    lines: list[list[Piece]]
    ink: Ink
    rotation: int
    skew: float
    size: tuple[int, int]
    back: NDArray[np.float64]
    notes: tuple[str, ...] = ()
    steps: dict[str, NDArray[np.uint8]] = field(default_factory=dict)

    def box_back(self, box: Box, ink: NDArray[np.float32] | None = None) -> Box:
        """A box of the level page as one of the upright picture, around its `ink` if given."""
        x, y, width, height = box
        if self.skew == 0:
            return box
        if ink is not None and (ink > 0).any():
            down, right = np.nonzero(ink)
            points = np.stack([x + right + 0.5, y + down + 0.5, np.ones(len(down))])
        else:
            points = np.array(
                [[x, x + width, x, x + width], [y, y, y + height, y + height], [1, 1, 1, 1]], float
            )
        moved = self.back @ points
        x0, y0 = np.floor(moved.min(1)).astype(int)
        x1, y1 = np.ceil(moved.max(1)).astype(int)
        x0, y0 = max(0, int(x0)), max(0, int(y0))
        x1, y1 = min(self.size[0], int(x1)), min(self.size[1], int(y1))
        return x0, y0, max(1, x1 - x0), max(1, y1 - y0)


def find_lines(
    pixels: NDArray[np.uint8], recogniser: Reads | None = None, steps: bool = False
) -> Segmentation:
    """The lines of writing in a picture.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        recogniser: reads pieces to tell which way up the page is; None leaves it as it is.
        steps: keep a picture of each step.
    """
    ink = find_ink(pixels)
    high, wide = ink.amount.shape
    pieces, many = find_pieces(ink.amount)
    rotation = find_turn(pieces, recogniser) if recogniser is not None else 0
    pieces = [turned(piece, rotation, (wide, high)) for piece in pieces]
    size = (wide, high) if rotation % 180 == 0 else (high, wide)
    skew = find_skew(pieces)
    if abs(skew) < LEVEL:
        skew = 0.0
    back, level_size = _deskewed(size, skew)
    if skew:
        pieces = [levelled(piece, back) for piece in pieces]
    lines = group_lines(pieces)
    pictures = {}
    if steps:
        pictures["ink"] = (255 - 255 * ink.amount).astype(np.uint8)
        pictures["lines"] = _lines_in_colours(lines, level_size)
    notes = (f"there are more than {MOST:,} pieces of ink; only the largest were read",)
    return Segmentation(lines, ink, rotation, skew, size, back, notes if many else (), pictures)


def _deskewed(size: tuple[int, int], skew: float) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """The matrix from the page with its lines level back to the page, and the level page's size."""
    wide, high = size
    cos, sin = float(np.cos(np.radians(skew))), float(np.sin(np.radians(skew)))
    level = (
        int(np.ceil(wide * cos + high * abs(sin))),
        int(np.ceil(high * cos + wide * abs(sin))),
    )
    # Around the middles of both: what is level here ran down to the right by `skew` there.
    matrix = np.array([[cos, -sin, 0.0], [sin, cos, 0.0]])
    matrix[:, 2] = np.array(size) / 2 - matrix[:, :2] @ (np.array(level) / 2)
    return matrix, level


def _lines_in_colours(lines: list[list[Piece]], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The pieces on white, those of a line in one colour."""
    colours = np.array([(0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167)], np.float32)
    page = np.full((size[1] + 2, size[0] + 2, 3), 255, np.uint8)
    for i, line in enumerate(lines):
        for p in line:
            part = page[p.y : p.y + p.height, p.x : p.x + p.width]
            ink = p.ink[: part.shape[0], : part.shape[1], None]
            part[:] = part + ink * (colours[i % len(colours)] - part)
    return page
