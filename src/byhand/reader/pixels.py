"""Pixels of every kind, Pillow's modes and arrays, made 8-bit RGB at working size strip by strip.

A picture of 50 megapixels is held in memory once, as it was decoded; what is made of it on the way
is a strip high.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from byhand.data.picture_file import Size
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

_TRANSPARENT = ("RGBA", "LA", "PA", "RGBa", "La")
_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")

Strip = Callable[[int, int], "Image"]  # rows from, to -> them in mode L, RGB or RGBa


def from_pillow(image: Image, name: str, size: Size | None = None) -> NDArray[np.uint8]:
    """A loaded Pillow picture as (H, W, 3) RGB at the working size of `size` (its own: None).

    What is transparent becomes white, or black where all that is opaque is light. More than 8 bits
    are scaled by the bits that are used: 12 bits in 16 do not come out black.

    Raises:
        DataError: values of a float picture, called `name`, are infinite or no numbers.
        Exception: whatever Pillow raises for what it cannot convert.
    """
    convert = _converter(image, name)

    def strip(top: int, bottom: int) -> Image:
        return convert(image.crop((0, top, image.width, bottom)))

    return _shrink(strip, image.size, working_size(size or image.size))


def from_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    """An array as (H, W, 3) RGB at working size; transparency and 16 bits as `from_pillow` says.

    Args:
        array: (H, W), (H, W, 1) grey, (H, W, 3) RGB or (H, W, 4) RGBA; uint8, uint16, bool (True is
            white) or floats from 0 (black) to 1 (white).

    Raises:
        ShapeError: another shape or type, an empty array, or floats outside 0..1 or not finite.
    """
    from PIL import Image as Pillow

    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))):
        raise ShapeError(
            f"a picture's array has shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), not "
            f"{array.shape}: give one picture, its colours on the last axis"
        )
    if not array.size:
        raise ShapeError(f"a picture's array of shape {array.shape} is empty: give pixels")
    kind = array.dtype
    if kind.kind not in "ufb" or (kind.kind == "u" and kind.itemsize > 2):
        raise ShapeError(
            f"a picture's array is uint8, uint16, bool or float from 0 to 1, not {kind}: "
            "convert it with .astype(np.uint8)"
        )
    low, high = float(array.min()), float(array.max())
    if kind.kind == "f" and not (low >= 0 and high <= 1):  # neither holds for NaN
        raise ShapeError(
            f"a picture's array of {kind} has values from {low:g} to {high:g} where 0 to 1 is "
            "expected: scale it, or convert it with .astype(np.uint8)"
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]  # (H, W, 1) -> (H, W)
    full = _full(high) if kind.kind == "u" else 1.0

    def strip(top: int, bottom: int) -> Image:
        image = Pillow.fromarray(_eight_bits(array[top:bottom], 0, full))
        return image.convert("RGBa") if image.mode == "RGBA" else image

    height, width = array.shape[:2]
    return _shrink(strip, (width, height), working_size((width, height)))


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


def _converter(image: Image, name: str) -> Callable[[Image], Image]:
    """What makes L, RGB or RGBa (colours times alpha, which may be averaged) of a part of it."""
    mode = image.mode
    if mode in _DEEP:
        low, high = _range(image, name)
        return lambda part: _grey(part, name, low, high)
    if mode == "RGBa":
        return lambda part: part
    if mode == "La":
        return lambda part: part.convert("LA").convert("RGBA").convert("RGBa")
    if mode == "RGBA":
        return lambda part: part.convert("RGBa")
    if mode in _TRANSPARENT or "transparency" in image.info:
        return lambda part: part.convert("RGBA").convert("RGBa")
    if mode == "LAB":
        from PIL import ImageCms

        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(lab, rgb, "LAB", "RGB")
        return lambda part: ImageCms.applyTransform(part, transform) or part
    if mode in ("L", "RGB"):
        return lambda part: part
    return lambda part: part.convert("L" if mode == "1" else "RGB")


def _range(image: Image, name: str) -> tuple[float, float]:
    """What stands for black and for white in grey pixels of 16 or 32 bits, or of floats."""
    low, high = (float(value) for value in image.getextrema())  # type: ignore[arg-type]
    if not (np.isfinite(low) and np.isfinite(high)):
        raise _not_finite(name)
    if image.mode == "F" and low < 0:
        return low, high
    if image.mode == "F" and high <= 1:
        return 0.0, 1.0
    low = min(low, 0.0)  # whole numbers with a sign
    return low, low + _full(high - low)


def _full(largest: float) -> float:
    """The largest number of as many bits as `largest` needs, 8 at least: 255, ... 4095, ..."""
    return float(2 ** max(8, int(np.ceil(largest)).bit_length()) - 1)


def _not_finite(name: str) -> DataError:
    return DataError(
        f"{name} holds values that are infinite or no numbers: save it with values from 0 to 1"
    )


def _grey(part: Image, name: str, low: float, high: float) -> Image:
    from PIL import Image as Pillow

    values = np.asarray(part)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise _not_finite(name)
    return Pillow.fromarray(_eight_bits(values, low, high))


def _eight_bits(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """`values` from `low`..`high` to 0..255."""
    if values.dtype == np.uint8 and (low, high) == (0, 255):
        return values
    scaled = (values.astype(np.float64) - low) * (255 / ((high - low) or 1.0))
    return np.rint(scaled).clip(0, 255).astype(np.uint8)


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
