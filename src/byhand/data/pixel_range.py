"""Pixels of any type made bytes: what is black and what is white, found for a whole set, or said.

Bytes are 0 to 255 and stay as they are, but for masks of 0 and 1. Others say what they mean by
their type and their largest value: floats to 1 go from 0 to 1, the rest from 0 to the largest
number of as many bits as the largest takes, 8 at least (255, ... 4095, ... 65535). What cannot be
told so is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from byhand import checks
from byhand.errors import DataError, InputError, ShapeError

HOW = "say what is black and what is white with --range A-B (in Python range=(A, B))"
_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
# A float above 1 that is still white, by half a step of 255.
_ONE = 1 + 0.5 / 255
# The brightest of a set of 0 to 255 is above it; with less, nobody knows what white is.
_DARK = 64
_CHUNK = 1 << 20  # values scaled at a time


@dataclass(frozen=True)
class PixelRange:
    """What becomes 0 and what becomes 255; all between is scaled, all outside is cut off.

    Args:
        black: below `white`.
        white: above `black`.

    Raises:
        InputError: they are no such numbers.
    """

    black: float
    white: float

    def __post_init__(self) -> None:
        black = checks.number("the range's black", self.black)
        white = checks.number("the range's white", self.white, above=black)
        object.__setattr__(self, "black", black)
        object.__setattr__(self, "white", white)

    def __str__(self) -> str:
        return f"{self.black:.10g} to {self.white:.10g}"

    def to_bytes(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """`values`, of any shape, from black..white to 0..255."""
        if values.dtype == np.uint8 and (self.black, self.white) == (0, 255):
            return values
        out = np.empty(values.shape, np.uint8)
        rows = max(1, _CHUNK // max(1, values[:1].size))
        scale = 255 / (self.white - self.black)
        for start in range(0, len(values), rows):
            with np.errstate(over="ignore"):  # what no float64 holds is infinite, and is cut off
                scaled = (values[start : start + rows].astype(np.float64) - self.black) * scale
            out[start : start + rows] = np.rint(scaled).clip(0, 255)
        return out

    def outside(self, values: NDArray[Any]) -> int:
        """How many of the values, of any shape, will be cut off."""
        half = (self.white - self.black) / 510  # what rounds to black or white is not
        # Of NumPy's type, so that float16 values are widened and not these narrowed.
        low, high = np.float64(self.black - half), np.float64(self.white + half)
        return int(np.count_nonzero(values < low) + np.count_nonzero(values > high))


RangeGiven: TypeAlias = "PixelRange | Sequence[float] | str | None"


def range_asked(given: RangeGiven) -> PixelRange | None:
    """The range from text such as "0-4095", or from two numbers, black and white; None is None.

    Raises:
        InputError: it is neither, or white is not above black.
    """
    if given is None or isinstance(given, PixelRange):
        return given
    pair: Any = given
    if isinstance(given, str):
        match = re.fullmatch(rf"\s*{_NUMBER}\s*-\s*{_NUMBER}\s*", given, re.ASCII)
        pair = None if match is None else (float(match[1]), float(match[2]))
    if isinstance(pair, str | bytes) or not hasattr(pair, "__len__") or len(pair) != 2:
        raise InputError(
            f"{checks.quoted(given)} is no range of pixels: give the values of black and white, "
            "such as 0-4095"
        )
    return PixelRange(*pair)


def find_range(
    low: float, high: float, kind: np.dtype[Any], what: str, *, picture: bool = False
) -> PixelRange:
    """What is black and what is white in pixels that go from `low` to `high`.

    Args:
        low: the least value.
        high: the largest.
        kind: their type.
        what: whose pixels, for the error.
        picture: it is a single picture to be read, for which black and white may be its own
            darkest and brightest where nothing else can be told; of a set every picture is
            measured alike.

    Raises:
        ShapeError: they are no real numbers.
        DataError: they are not finite, some are below zero, or it cannot be told what is white.
    """
    if kind.kind not in "buif":
        raise ShapeError(
            f"{what} are of type {kind}, which is no pixel's: give whole numbers or floats"
        )
    if kind == np.uint8:
        return PixelRange(0, 1 if high == 1 else 255)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise DataError(
            f"{what} hold values that are infinite or no numbers: give values from 0 to 1"
        )
    if low < 0:
        if not picture:
            raise DataError(f"{what} go from {low:g} to {high:g}, below zero: {HOW}")
        return PixelRange(low, high if kind.kind == "f" else low + _full(high - low))
    if kind.kind == "b" or (high <= _ONE and (kind.kind == "f" or high == 1)):
        return PixelRange(0, 1)
    if 0 < high < _DARK:
        if not picture:
            raise DataError(
                f"{what} go from {low:g} to {high:g}, which is neither 0 to 1 nor 0 to 255: {HOW}"
            )
        return PixelRange(0, high)
    return PixelRange(0, _full(high))


def set_to_bytes(
    parts: Sequence[NDArray[Any]], given: PixelRange | None, what: str
) -> tuple[list[NDArray[np.uint8]], tuple[str, ...]]:
    """The parts of one set as bytes, all by the same range, and what is to be said of it.

    Args:
        parts: pixels of one type and any shape.
        given: the range that was asked for; None finds it.
        what: whose pixels, for notes and errors.

    Raises:
        ShapeError, DataError: as `find_range`.
    """
    full = [part for part in parts if part.size]
    kinds = {part.dtype for part in full}
    if len(kinds) > 1:
        raise DataError(
            f"{what} are of types {' and '.join(sorted(map(str, kinds)))}: give all in one type"
        )
    kind = kinds.pop() if kinds else np.dtype(np.uint8)
    chosen = given
    low, high = 0.0, 0.0
    if full and kind.kind in "buif":
        # NumPy's, as Python's lose a NaN that is not the first.
        low = float(np.min([part.min() for part in full]))
        high = float(np.max([part.max() for part in full]))
    if chosen is None:
        chosen = find_range(low, high, kind, what)
    elif not (np.isfinite(low) and np.isfinite(high)) or kind.kind not in "buif":
        find_range(low, high, kind, what)  # which says what is wrong with them
    notes = []
    if given is not None or kind != np.uint8 or chosen.white != 255:
        why = "as asked" if given is not None else f"the largest of their {kind} is {high:g}"
        notes.append(
            f"{what} go from {low:g} to {high:g} and were read as {chosen}, black to white ({why})"
            f"{'' if given is not None else '; --range A-B says otherwise'}"
        )
        if outside := sum(chosen.outside(part) for part in full):
            n = sum(part.size for part in full)
            notes.append(
                f"{outside:,} pixels ({outside / n:.1%}) of {what} are outside {chosen} and were "
                "cut off there"
            )
    elif 0 < high < _DARK:
        notes.append(
            f"{what} go from {low:g} to {high:g} of 255, so the pictures are dark; "
            f"--range 0-{high:g} makes {high:g} white"
        )
    return [chosen.to_bytes(part) for part in parts], tuple(notes)


def _full(largest: float) -> float:
    """The largest number of as many bits as `largest` needs, 8 at least: 255, ... 4095, ..."""
    return float(2 ** max(8, round(largest).bit_length()) - 1)
