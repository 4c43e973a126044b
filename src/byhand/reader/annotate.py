"""What was read, drawn onto the picture: boxes, digits and how sure the reader is of each."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from byhand.errors import InputError, ShapeError
from byhand.files import atomic_write
from byhand.reader.lettering import colour, outline, percent, reading, tag, text_size
from byhand.reader.page import Box, Digit, Page

if TYPE_CHECKING:
    from PIL import Image

LONGEST = 2000  # pixels of the annotated picture's longer side, at the most
SMALLEST = 560  # of the longer side of what is drawn of a tiny picture
DIGIT_HEIGHT = 44  # pixels that a typical digit is enlarged to where there is room
TINY = 100  # a picture up to this size is enlarged with its pixels to be seen
KINDS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


def annotate(pixels: NDArray[np.uint8], page: Page, cells: Sequence[Box] = ()) -> Image.Image:
    """Draw what was read onto the upright picture.

    A digit's box is blue where the reader is sure of it (95 % or more), orange where it is not,
    and dashed grey where the digit was rejected; the reading stands above the box ("7?" for the
    best guess at a rejected one), the confidence below it.

    Args:
        pixels: (H, W, 3) uint8 RGB, upright as EXIF says, at any scale; what `page` was read from,
            not yet turned by `page.rotation`.
        page: what was read; its boxes are in pixels of `page.size`.
        cells: boxes of a grid's cells, in the same pixels.

    Returns:
        An RGB picture at most 2,000 pixels long; a small one is enlarged, so that the letters can
        be read.

    Raises:
        ShapeError: `pixels` is no RGB picture.
    """
    from PIL import Image, ImageDraw

    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
        raise ShapeError(
            f"an array of shape {pixels.shape} and type {pixels.dtype} cannot be drawn on: give "
            "(height, width, 3) of uint8"
        )
    turned = np.ascontiguousarray(np.rot90(pixels, -(page.rotation // 90)))
    height, width = turned.shape[:2]
    digits = [digit for line in page.lines for digit in line.digits if digit.box is not None]
    # From the pixels that boxes are in to those given, and on to those drawn.
    given = width / page.size[0] if page.size[0] else 1.0
    enlarge = _enlargement(width, height, [given * digit.box[3] for digit in digits if digit.box])
    shown = (max(1, round(width * enlarge)), max(1, round(height * enlarge)))
    tiny = max(width, height) <= TINY
    how = Image.Resampling.NEAREST if tiny else Image.Resampling.LANCZOS
    picture = Image.fromarray(turned).resize(shown, how)
    scale = given * enlarge
    boxes = [_scaled(digit.box, scale) for digit in digits if digit.box is not None]
    typical = float(np.median([box[3] for box in boxes])) if boxes else 0.0
    size = int(min(48, max(13, 0.5 * typical)))
    margin = _room_for_tags(boxes, shown, 2 * size)
    canvas = Image.new("RGB", (shown[0] + 2 * margin, shown[1] + 2 * margin), (236, 238, 241))
    canvas.paste(picture, (margin, margin))
    draw = ImageDraw.Draw(canvas)
    line_width = max(1, round(size / 11))
    for cell in cells:
        outline(draw, _moved(_scaled(cell, scale), margin), (0, 158, 115), line_width)
    for digit, box in zip(digits, boxes, strict=True):
        outline(draw, _moved(box, margin), colour(digit), line_width, dashed=digit.value is None)
    for digit, box in zip(digits, boxes, strict=True):  # letters over all boxes
        _label(draw, digit, _moved(box, margin), size, line_width)
    if max(canvas.size) > LONGEST:
        canvas.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return canvas


def save_picture(picture: Image.Image, path: str | Path) -> Path:
    """Write a picture as PNG, JPEG or WebP, by the ending of `path`.

    Raises:
        InputError: another ending.
        FileWriteError: the file cannot be written.
    """
    path = Path(path)
    written = BytesIO()
    picture.save(written, format=kind_of(path))
    with atomic_write(path) as file:
        file.write(written.getvalue())
    return path


def kind_of(path: Path) -> str:
    """The format that the ending of `path` stands for.

    Raises:
        InputError: none that byhand writes.
    """
    if path.suffix.lower() not in KINDS:
        raise InputError(f"cannot draw {path}: give a name that ends in {', '.join(sorted(KINDS))}")
    return KINDS[path.suffix.lower()]


def _enlargement(width: int, height: int, digit_heights: Sequence[float]) -> float:
    longer = max(width, height)
    most = LONGEST / longer
    wanted = max(1.0, SMALLEST / longer)
    if digit_heights:
        wanted = max(wanted, DIGIT_HEIGHT / max(1.0, float(np.median(digit_heights))))
    if longer <= TINY:  # whole steps keep pixels square
        return float(max(1, int(wanted)))
    return min(most, wanted)


def _label(draw: Any, digit: Digit, box: Box, size: int, line_width: int) -> None:
    x, y, w, h = box
    paint = colour(digit)
    text = reading(digit)
    _, letters = text_size(text, size)
    edge = 2 * line_width + 2 * max(1, size // 8)
    tag(draw, text, x + w / 2, y - letters - edge, size, paint)
    small = max(10, int(0.55 * size))
    tag(draw, percent(digit.confidence), x + w / 2, y + h + line_width + 1, small, paint)


def _room_for_tags(boxes: Sequence[Box], shown: tuple[int, int], room: int) -> int:
    """How wide a margin the picture needs: none, or `room` where a digit is near its edge."""
    width, height = shown
    near = (min(x, y, width - x - w, height - y - h) < room for x, y, w, h in boxes)
    return room if any(near) else 0


def _scaled(box: Box, scale: float) -> Box:
    x, y, w, h = box
    left, top = round(x * scale), round(y * scale)
    return left, top, max(1, round((x + w) * scale) - left), max(1, round((y + h) * scale) - top)


def _moved(box: Box, margin: int) -> Box:
    return box[0] + margin, box[1] + margin, box[2], box[3]


__all__ = ["annotate", "kind_of", "save_picture"]
