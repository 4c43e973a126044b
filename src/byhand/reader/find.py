"""From a picture to lines of pieces of ink, upright and level, and the way back to its pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from byhand.reader.ink import Ink, find_ink
from byhand.reader.lines import find_skew, group_lines
from byhand.reader.pieces import Piece, find_pieces
from byhand.reader.turn import Reads, find_turn

Box = tuple[int, int, int, int]
# Lines less skewed than this, in degrees, are read as they are.
LEVEL = 1.0


@dataclass(frozen=True, eq=False)
class Finding:
    """What was found in a picture.

    Args:
        lines: top to bottom, of pieces left to right, in the pixels of the level page.
        ink: of the level page.
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
) -> Finding:
    """The lines of writing in a picture.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        recogniser: reads pieces to tell which way up the page is; None leaves it as it is.
        steps: keep a picture of each step.
    """
    ink = find_ink(pixels)
    amount = ink.amount
    pieces, many = find_pieces(amount)
    notes = ("there are more pieces of ink than digits on a page; only the largest were read",)
    rotation = find_turn(pieces, recogniser) if recogniser is not None else 0
    if rotation:
        amount = np.ascontiguousarray(np.rot90(amount, -rotation // 90))
        pieces, many = find_pieces(amount)
    size = (amount.shape[1], amount.shape[0])
    back = np.array([[1.0, 0, 0], [0, 1, 0]])
    skew = find_skew(pieces)
    if abs(skew) < LEVEL:
        skew = 0.0
    if skew:
        amount, back = _level(amount, skew)
        pieces, many = find_pieces(amount)
    lines = group_lines(pieces)
    pictures = {}
    if steps:
        pictures["ink"] = _drawn(ink.amount)
        if rotation or skew:
            pictures["level"] = _drawn(amount)
        pictures["lines"] = _drawn_lines(lines, amount.shape)
    level = Ink(amount, ink.dark, ink.contrast)
    return Finding(lines, level, rotation, skew, size, back, notes if many else (), pictures)


def _level(
    amount: NDArray[np.float32], skew: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The page with its lines level, and the matrix from it back to the page as it was."""
    from PIL import Image

    high, wide = amount.shape
    turn = np.radians(skew)
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    new_wide = int(np.ceil(wide * cos + high * abs(sin)))
    new_high = int(np.ceil(high * cos + wide * abs(sin)))
    # Around the middles of both: what is level here ran down to the right by `skew` there.
    matrix = np.array([[cos, -sin, 0.0], [sin, cos, 0.0]])
    matrix[:, 2] = np.array([wide, high]) / 2 - matrix[:, :2] @ np.array([new_wide, new_high]) / 2
    picture = Image.fromarray(amount).transform(
        (new_wide, new_high),
        Image.Transform.AFFINE,
        tuple(matrix.ravel()),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(picture), matrix


def _drawn(amount: NDArray[np.float32]) -> NDArray[np.uint8]:
    return (255 - 255 * amount).astype(np.uint8)


def _drawn_lines(lines: list[list[Piece]], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The pieces, those of a line in one colour."""
    colours = np.array([(0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167)], np.float32)
    page = np.full((*shape, 3), 255, np.float32)
    for i, line in enumerate(lines):
        for p in line:
            part = page[p.y : p.y + p.height, p.x : p.x + p.width]
            part += p.ink[..., None] * (colours[i % len(colours)] - part)
    return page.astype(np.uint8)
