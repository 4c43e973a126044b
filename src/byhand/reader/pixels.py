"""Pixels of every kind, Pillow's modes and arrays, made 8-bit RGB at working size strip by strip.

A picture of 50 megapixels is held in memory once, as it was decoded; what is made of it on the way
is a strip high.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from byhand.data.arrays import plain_array
from byhand.data.picture_file import Size, to_rgb
from byhand.data.pixel_range import PixelRange, find_range
from byhand.errors import DataError, ShapeError

if TYPE_CHECKING:
    from PIL.Image import Image

WORKING_SIDE = 2048  # pixels: the longest side of what the reader works on
_STRIP = 1 << 20  # pixels that are converted at a time
# Averaging boxes of whole pixels alone, the fastest and sharpest, is done where it leaves as much.
_NEARLY = 15 / 16
# Elsewhere it leaves this much for a fine filter.
_GAP = 1.5
# Of the opaque pixels of a picture with transparency, so many may be dark in light writing.
_DARK = 0.001

_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")

Strip = Callable[[int, int], "Image"]  # rows from, to -> them in mode L, RGB or RGBa


@dataclass
class Levels:
    """What is black and what is white in one picture, and how much of it is cut off.

    Args:
        range: black and white.
        asked: they were asked for, so that something may be outside.
        note: what is to be said of it; empty where it is what the pixels' type says.
        outside: values that were cut off so far.
    """

    range: PixelRange
    asked: bool = False
    note: str = ""
    outside: int = 0

    @classmethod
    def of(
        cls, low: float, high: float, kind: np.dtype[Any], what: str, asked: PixelRange | None
    ) -> Levels:
        """Those asked for, or those of pixels from `low` to `high` of this type."""
        if asked is not None:
            return cls(asked, True)
        pixel_range = find_range(low, high, kind, what, picture=True)
        usual = 1 if kind.kind in "bf" else 255 if kind == np.uint8 else 65535
        if (pixel_range.black, pixel_range.white) == (0, usual):
            return cls(pixel_range)
        note = f"{what} go from {low:g} to {high:g} and were read as {pixel_range}, black to white"
        return cls(pixel_range, note=f"{note}; --range A-B says otherwise")

    def scaled(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """(H, W) or (H, W, C) values as bytes; of bytes the fourth channel, alpha, stays."""
        colours = values[..., :3] if values.ndim == 3 else values
        if self.asked:
            self.outside += self.range.outside(colours)
        if values.shape != colours.shape and values.dtype == np.uint8:
            return np.concatenate([self.range.to_bytes(colours), values[..., 3:]], axis=2)
        return self.range.to_bytes(values)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said."""
        cut = f"{self.outside:,} values outside {self.range} were cut off" if self.outside else ""
        return tuple(note for note in (self.note, cut) if note)


def from_pillow(
    image: Image, name: str, size: Size | None = None, asked: PixelRange | None = None
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """A loaded Pillow picture as (H, W, 3) RGB at the working size of `size` (its own: None).

    What is transparent becomes white, or black where all that is opaque is light. Black and white
    are what `asked` says, or for more than 8 bits what the picture's own values do: 12 bits in 16
    do not come out black.

    Returns:
        The pixels, and what is to be said of them.

    Raises:
        DataError: values of a float picture, called `name`, are infinite or no numbers.
        Exception: whatever Pillow raises for what it cannot convert.
    """
    levels = _levels(image, name, asked)
    convert = _converter(image, name, levels)

    def strip(top: int, bottom: int) -> Image:
        return convert(image.crop((0, top, image.width, bottom)))

    pixels = _shrink(strip, image.size, working_size(size or image.size))
    return pixels, () if levels is None else levels.notes


def from_array(
    given: NDArray[Any], asked: PixelRange | None = None
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """An array as (H, W, 3) RGB at working size, and notes; all else as `from_pillow` says.

    Args:
        given: (H, W), (H, W, 1) grey, (H, W, 3) RGB or (H, W, 4) RGBA; booleans (True is white),
            whole numbers or floats.
        asked: what is black and white in it.

    Raises:
        ShapeError: another shape or type, an empty array, or values below 0 or not finite.
        DataError: some of it is masked.
    """
    from PIL import Image as Pillow

    array = plain_array(given, "pixels of the array")
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))):
        raise ShapeError(
            f"a picture's array has shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), not "
            f"{array.shape}: give one picture, its colours on the last axis"
        )
    if not array.size:
        raise ShapeError(f"a picture's array of shape {array.shape} is empty: give pixels")
    kind = array.dtype
    if kind.kind not in "buif":
        raise ShapeError(
            f"a picture's array is of whole numbers, bool or floats, not {kind}: "
            "convert it with .astype(np.uint8)"
        )
    low, high = float(array.min()), float(array.max())
    if not np.isfinite(high - low) or (low < 0 and asked is None):  # NaN is not finite
        raise ShapeError(
            f"a picture's array of {kind} has values from {low:g} to {high:g} where 0 to 1 or 0 to "
            "255 is expected: scale it, or convert it with .astype(np.uint8)"
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]  # (H, W, 1) -> (H, W)
    levels = Levels.of(low, high, kind, "the pixels of the array", asked)

    def strip(top: int, bottom: int) -> Image:
        image = Pillow.fromarray(levels.scaled(array[top:bottom]))
        return image.convert("RGBa") if image.mode == "RGBA" else image

    height, width = array.shape[:2]
    pixels = _shrink(strip, (width, height), working_size((width, height)))
    return pixels, levels.notes


def working_size(size: Size) -> Size:
    """`size` shrunk until its longer side is `WORKING_SIDE` or up to a sixteenth less.

    Less where whole boxes of pixels make it so: 4,032 × 3,024 becomes 2,016 × 1,512.
    """
    width, height = size
    longest = max(size)
    step = -(-longest // WORKING_SIDE)
    if longest >= step * _NEARLY * WORKING_SIDE:
        return -(-width // step), -(-height // step)
    scale = max(1.0, longest / WORKING_SIDE)
    return max(1, round(width / scale)), max(1, round(height / scale))


def _levels(image: Image, name: str, asked: PixelRange | None) -> Levels | None:
    """Its levels, where they are not simply those of bytes."""
    what = f"the pixels of {name}"
    if image.mode in _DEEP:
        low, high = (float(value) for value in image.getextrema())  # type: ignore[arg-type]
        kind = {"F": "f4", "I": "i4"}.get(image.mode, "u2")
        return Levels.of(low, high, np.dtype(kind), what, asked)
    if asked is not None:
        return Levels(asked, True)
    if image.mode == "L" and image.getextrema() == (0, 1):
        return Levels.of(0, 1, np.dtype(np.uint8), what, None)
    return None


def _converter(image: Image, name: str, levels: Levels | None) -> Callable[[Image], Image]:
    """What makes L, RGB or RGBa (colours times alpha, which may be averaged) of a part of it."""
    mode = image.mode
    if levels is not None:
        return lambda part: _scaled(part, name, levels)
    if mode == "RGBa":
        return lambda part: part
    if mode == "La":
        return lambda part: part.convert("LA").convert("RGBA").convert("RGBa")
    if mode in ("L", "RGB") and "transparency" not in image.info:
        return lambda part: part
    if mode == "1" and "transparency" not in image.info:
        return lambda part: part.convert("L")

    def convert(part: Image) -> Image:
        rgb = to_rgb(part)
        return rgb.convert("RGBa") if rgb.mode == "RGBA" else rgb

    return convert


def _scaled(part: Image, name: str, levels: Levels) -> Image:
    """A part of a picture with its own black and white, in the modes that `_converter` says."""
    from PIL import Image as Pillow

    if part.mode in ("RGBa", "La"):
        part = part.convert({"RGBa": "RGBA", "La": "LA"}[part.mode])
    if part.mode not in (*_DEEP, "L") or "transparency" in part.info:
        part = to_rgb(part)
    values = np.asarray(part)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise DataError(
            f"{name} holds values that are infinite or no numbers: save it with values from 0 to 1"
        )
    scaled = Pillow.fromarray(levels.scaled(values))
    return scaled.convert("RGBa") if scaled.mode == "RGBA" else scaled


def _shrink(strip: Strip, size: Size, target: Size) -> NDArray[np.uint8]:
    """All strips of a picture of `size`, averaged to `target`, as (H, W, 3) RGB."""
    from PIL import Image as Pillow

    width, height = size
    factor = round(max(size) / max(target))
    if (-(-width // factor), -(-height // factor)) != target:
        factor = max(1, int(min(width / target[0], height / target[1]) / _GAP))
    rows = max(1, _STRIP // (width * factor)) * factor  # a strip's: whole boxes high
    small: Image | None = None
    for top in range(0, height, rows):
        part = strip(top, min(top + rows, height))
        if factor > 1:
            part = part.reduce(factor)
        if part.height * factor >= height:  # the only one
            small = part
            break
        if small is None:
            small = Pillow.new(part.mode, (part.width, -(-height // factor)))
        small.paste(part, (0, top // factor))
    assert small is not None  # a picture has at least one row
    if small.size != target:
        # Hamming's window is antialiased and does not ring, so no halo grows around ink.
        box = (0, 0, width / factor, height / factor)  # the last boxes may be less than whole
        small = small.resize(target, Pillow.Resampling.HAMMING, box)
    if small.mode == "RGBa":
        return _on_paper(np.asarray(small))
    return np.array(small if small.mode == "RGB" else small.convert("RGB"))


def _on_paper(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 4) colours times alpha, alpha -> (H, W, 3) on white, or light ink on black."""
    alpha = pixels[..., 3]
    # Rounding may have left a colour one above its alpha.
    colour = np.minimum(pixels[..., :3], alpha[..., np.newaxis])
    # Half-transparent edges can be darker than the stroke they belong to: they do not count.
    solid = alpha >= max(1.0, 0.75 * float(alpha.max()))
    red, green, blue = (colour[..., i].astype(np.float32) for i in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue  # ITU-R 601, times alpha
    dark = np.count_nonzero(solid & (luma < alpha * np.float32(128 / 255)))
    if solid.any() and dark <= _DARK * np.count_nonzero(solid):
        return colour
    return colour + (255 - alpha)[..., np.newaxis]
