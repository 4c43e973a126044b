"""Fewer pixels for what is drawn large: a thick stroke is as well read when it is thinner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from byhand.reader.paper import flat_paper

if TYPE_CHECKING:
    from PIL.Image import Image

_SMALLEST, _LARGEST = 100, 1024  # pixels: others are quick enough, or seldom drawings
# Pixels: blocks that may be filled by all strokes, and by how much the picture is shrunk then.
_BLOCKS, _FINE = {24: 4, 12: 2}, 4
_INKED, _FULL = 0.2, 0.6  # of the most ink: in a block that a stroke crosses, and in a whole one
_TIPS = 0.02  # of the ink may be thinner: where a stroke ends
# A single digit is shrunk to about so many pixels, the network sees 28; where it is not known how
# much of the picture the digit fills, the picture is.
_DIGIT, _PICTURE = 56, 128
_MARGIN = 0.15  # of the digit, that is left around it


def of_thick_strokes(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture (H, W, 3), smaller if all that is drawn on its flat paper is thick enough.

    Strokes stay some 4 pixels thick or more; thinner ones anywhere keep it as it is.
    """
    ink = _distance_from_paper(pixels)
    if ink is None:
        return pixels
    most = float(ink.getextrema()[1])  # type: ignore[arg-type]
    fine = np.asarray(ink.reduce(_FINE))
    inked = fine >= _INKED * most
    for block, by in _BLOCKS.items():
        whole = np.pad(np.asarray(ink.reduce(block)) >= _FULL * most, 1)
        near = whole[:-2] | whole[1:-1] | whole[2:]
        near = near[:, :-2] | near[:, 1:-1] | near[:, 2:]
        times = block // _FINE
        near = near.repeat(times, axis=0).repeat(times, axis=1)[: fine.shape[0], : fine.shape[1]]
        if (inked & ~near).sum() < _TIPS * inked.sum():
            return shrunk(pixels, by)
    return pixels


def of_one_digit(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture (H, W, 3) of one digit, cut to what is drawn, with no more pixels than it needs."""
    ink = _distance_from_paper(pixels)
    if ink is None:
        return shrunk(pixels, max(pixels.shape[:2]) // _PICTURE)
    box = ink.point([0] * 8 + [255] * 248).getbbox()
    assert box is not None
    size = max(box[2] - box[0], box[3] - box[1])
    margin = int(_MARGIN * size) + 4
    rows = slice(max(box[1] - margin, 0), box[3] + margin)
    columns = slice(max(box[0] - margin, 0), box[2] + margin)
    return shrunk(np.ascontiguousarray(pixels[rows, columns]), size // _DIGIT)


def shrunk(pixels: NDArray[np.uint8], by: int) -> NDArray[np.uint8]:
    """The picture with `by` × `by` pixels averaged into one; itself where `by` is below 2."""
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).reduce(by)) if by > 1 else pixels


def _distance_from_paper(pixels: NDArray[np.uint8]) -> Image | None:
    """How far each pixel of a drawing is from its flat paper, in its farthest colour.

    None for what is no drawing, blank, small or very large.
    """
    from PIL import Image, ImageChops

    looked_at = _SMALLEST <= max(pixels.shape[:2]) <= _LARGEST
    paper = flat_paper(pixels) if looked_at else None
    if paper is None:
        return None
    drawn = Image.fromarray(pixels)
    away = ImageChops.difference(drawn, Image.new("RGB", drawn.size, tuple(paper.tolist())))
    red, green, blue = away.split()
    ink = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return None if ink.point([0] * 8 + [255] * 248).getbbox() is None else ink
