"""Letters, tags and boxes for the reader's own pictures, in colours that everybody tells apart."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from byhand.reader.page import Box, Digit

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

# Okabe and Ito, "Color universal design", 2008.
SURE, DOUBTFUL, REJECTED = (0, 114, 178), (213, 94, 0), (104, 112, 123)
WHITE = (255, 255, 255)
SURE_FROM = 0.95  # below, one digit in twenty or more is wrong: worth a second look


def colour(digit: Digit) -> tuple[int, int, int]:
    """Blue for a digit that is sure, orange for a doubtful one, grey for one that was rejected."""
    if digit.value is None:
        return REJECTED
    return SURE if digit.confidence >= SURE_FROM else DOUBTFUL


def reading(digit: Digit) -> str:
    """What stands beside a digit: "7", or "7?" for the best guess at one that was rejected."""
    return digit.value if digit.value is not None else f"{digit.choices(1)[0][0]}?"


def percent(confidence: float) -> str:
    """A confidence as a whole percentage, never rounded up to 100."""
    return f"{int(100 * confidence)}%"


@lru_cache(maxsize=32)
def font(size: int) -> Any:
    """Pillow's own font, so that pictures look the same everywhere; `size` in pixels."""
    from PIL import ImageFont

    return ImageFont.load_default(size)


def text_size(text: str, size: int) -> tuple[int, int]:
    """Width and height in pixels that `text` takes."""
    left, top, right, bottom = font(size).getbbox(text)
    return int(right - left), int(bottom - top)


def tag(
    draw: ImageDraw,
    text: str,
    centre: float,
    top: float,
    size: int,
    paint: tuple[int, int, int],
) -> None:
    """White letters on a filled tag: its middle at x = `centre`, its upper edge at `top`."""
    left, above, right, below = font(size).getbbox(text)
    width, height = right - left, below - above
    room = max(1, size // 8)
    x, y = round(centre - width / 2), round(top) + room
    draw.rectangle([x - room, y - room, x + width + room, y + height + room], fill=paint)
    draw.text((x - left, y - above), text, font=font(size), fill=WHITE)


def outline(
    draw: ImageDraw, box: Box, paint: tuple[int, int, int], width: int, dashed: bool = False
) -> None:
    """A frame around `box` (x, y, w, h), with a pale edge to be seen on dark paper too."""
    x, y, w, h = box
    edge = max(1, width // 2)
    draw.rectangle(
        [x - edge - width, y - edge - width, x + w + width + edge, y + h + width + edge],
        outline=WHITE,
        width=edge,
    )
    if not dashed:
        draw.rectangle(
            [x - width, y - width, x + w + width, y + h + width], outline=paint, width=width
        )
        return
    left, top, right, bottom = x - width, y - width, x + w + width, y + h + width
    for start, end in _dashes(left, right, 4 * width):
        draw.line([start, top, end, top], fill=paint, width=width)
        draw.line([start, bottom, end, bottom], fill=paint, width=width)
    for start, end in _dashes(top, bottom, 4 * width):
        draw.line([left, start, left, end], fill=paint, width=width)
        draw.line([right, start, right, end], fill=paint, width=width)


def _dashes(start: int, end: int, length: int) -> list[tuple[int, int]]:
    return [(at, min(at + length, end)) for at in range(start, end, 2 * length)]
