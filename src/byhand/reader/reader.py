"""The reader: any picture in, digits with boxes and confidence out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import checks
from byhand.errors import InputError
from byhand.reader.cut import DigitCandidate, read_lines
from byhand.reader.find import find_lines
from byhand.reader.grid import Grid, cell_pieces, find_grid
from byhand.reader.normalise import bounds, normalise
from byhand.reader.page import Box, Digit, Line, Page
from byhand.reader.picture import Picture, open_picture
from byhand.reader.recognise import NONE, Recogniser, confidences, no_digit
from byhand.reader.shrink import of_one_digit, of_thick_strokes
from byhand.reader.single import ink_of_one
from byhand.reader.steps import Steps
from byhand.reader.turn import find_turn

GridShape = tuple[int, int]

_MOST_CELLS = 200  # in a row or a column of a grid
# A picture whose short side is less has no grid in it, unless one is asked for.
_SMALL = 64
# Ink that is at most so much wider than high may be one digit that came apart, and is taken for
# one that reads as one with this confidence (two digits together read as none).
_ONE_DIGIT, _LIKELY_ONE = 1.1, 0.5


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads digits from pictures of any kind.

        reader = byhand.Reader.load()
        page = reader.read("page.jpg")
        print(page.text)

    It holds nothing of what it has read, so threads can share one.

    Args:
        recogniser: what reads single digits.
    """

    recogniser: Recogniser

    @classmethod
    def load(cls, path: str | Path | None = None) -> Reader:
        """The reader with the model file at `path`, or with the one that comes with the package.

        Raises:
            DataError: the file is absent or broken, or no reader's model.
        """
        return cls(Recogniser.load(path))

    @property
    def threshold(self) -> float:
        """The confidence from which a digit is accepted, where no other threshold is given."""
        return self.recogniser.threshold

    def read(
        self,
        image: Any,
        grid: Sequence[int] | str | bool | None = None,
        threshold: float | None = None,
        digits: int | None = None,
        steps: Steps | None = None,
        upright: bool = False,
    ) -> Page:
        """The digits on a page, in a drawing, or in a grid.

        Args:
            image: a file's name, "-" for standard input, bytes, an open file, an array (H, W),
                (H, W, 3) or (H, W, 4), a PIL image, or a `Picture` that was opened before.
            grid: (rows, columns) of the grid that it shows, or "9x9"; True to find out; False for
                none. None takes a grid only where the page plainly is one.
            threshold: from 0 (nothing is rejected but what is more likely no digit, and not even
                that where there is nothing else) to 1; None takes the reader's own.
            digits: so many are expected in every line (in a grid: in every cell that is not
                empty). Where a line plainly has another number it is read as it is, and a note
                says so.
            steps: collects a picture of each step.
            upright: it is known to stand upright, as a drawing does; else a page that reads better
                turned by 90, 180 or 270 degrees is turned.

        Raises:
            InputError: an argument is none of these, or the picture is larger than can be read.
            DataError: the picture cannot be opened.
        """
        threshold = self._checked(threshold, digits)
        if isinstance(grid, str):
            grid = grid_asked(grid)
        shape = None if grid is None or isinstance(grid, bool) else _shape(grid)
        upright = checks.flag("upright", upright)
        if steps is not None and not isinstance(steps, Steps):
            raise InputError(f"steps is {checks.quoted(steps)}, but it must be Steps() or None")
        picture = _opened(image)
        if steps is not None:
            steps.add("picture", picture.pixels)
        picture = replace(picture, pixels=of_thick_strokes(picture.pixels))
        grid_there = None
        small = min(picture.pixels.shape[:2]) < _SMALL
        if grid is not False and not (small and grid is None):
            grid_there = find_grid(picture.pixels, shape)
        if grid_there is not None:
            return self._read_grid(picture, grid_there, shape, threshold, digits, steps, upright)
        notes = ("no grid was found, so the page was read line by line",) if grid is True else ()
        return self._read_lines(picture, threshold, digits, steps, upright, notes)

    def read_digits(self, images: Sequence[Any], threshold: float | None = None) -> list[Digit]:
        """Pictures that hold one digit each.

        Args:
            images: a sequence of what `read` takes; an array (N, H, W) is one.
            threshold: as for `read`; at 0 every picture gets a digit, a blank one too.

        Raises:
            InputError, DataError: as `read`.
        """
        threshold = self._checked(threshold)
        pictures = [
            normalise(ink_of_one(of_one_digit(_opened(image).pixels))) for image in _several(images)
        ]
        if not pictures:
            return []
        read = self.recogniser.read(np.stack(pictures))
        return [
            _digit(probabilities, threshold, None, picture)
            for probabilities, picture in zip(read, pictures, strict=True)
        ]

    def _read_lines(
        self,
        picture: Picture,
        threshold: float,
        digits: int | None,
        steps: Steps | None,
        upright: bool,
        notes: tuple[str, ...],
    ) -> Page:
        turns = None if upright else self.recogniser
        segmentation = find_lines(picture.pixels, turns, steps is not None)
        read = read_lines(segmentation.lines, self.recogniser, digits)
        lines = [
            [(candidate, segmentation.box_back(candidate.box, candidate.ink)) for candidate in line]
            for line in read
        ]
        if digits is None and segmentation.rotation == 0:
            lines = self._as_one(picture, lines, threshold)
        lines = [[(one, _scaled(box, picture.scale)) for one, box in line] for line in lines]
        if steps is not None:
            for name, drawn in segmentation.steps.items():
                steps.add(name, drawn)
        accepted, remarks = _accepted(lines, threshold, steps)
        if digits is not None:
            remarks = (*remarks, *_other_numbers(digits, accepted, "line"))
        return Page(
            lines=accepted,
            rotation=segmentation.rotation,
            size=_turned_size(picture.size, segmentation.rotation),
            notes=(*picture.notes, *notes, *segmentation.notes, *remarks),
        )

    def _as_one(
        self, picture: Picture, lines: list[list[tuple[DigitCandidate, Box]]], threshold: float
    ) -> list[list[tuple[DigitCandidate, Box]]]:
        """What was read; or all of the ink as one digit, where that is likelier.

        It may be where a picture holds one line that is no wider than a digit and was read as
        several; and at threshold 0 where nothing was found.
        """
        boxes = [box for line in lines for _, box in line]
        if not boxes and threshold > 0:
            return lines
        if boxes:
            width = max(x + w for x, _, w, _ in boxes) - min(x for x, _, _, _ in boxes)
            height = max(y + h for _, y, _, h in boxes) - min(y for _, y, _, _ in boxes)
            if len(boxes) < 2 or sum(map(bool, lines)) > 1 or width > _ONE_DIGIT * height:
                return lines
        ink = ink_of_one(picture.pixels)
        box = bounds(ink)
        if box is None:
            return lines
        probabilities = self.recogniser.read(normalise(ink)[None])[0]
        if boxes and confidences(probabilities[None])[0] < _LIKELY_ONE:
            return lines
        return [[(DigitCandidate(box, probabilities, ink), box)]]

    def _read_grid(
        self,
        picture: Picture,
        grid: Grid,
        asked: GridShape | None,
        threshold: float,
        digits: int | None,
        steps: Steps | None,
        upright: bool,
    ) -> Page:
        cells = cell_pieces(grid)
        whole = [piece for row in cells for cell in row for piece in cell]
        quarters = 0 if upright else find_turn(whole, self.recogniser) // 90
        if quarters:
            turned = grid.turned(quarters)
            if asked is None or asked == turned.shape:
                grid, cells = turned, cell_pieces(turned)
        if steps is not None:
            steps.add("straightened", grid.pixels)
            steps.add("ink", 1 - grid.ink)
        flat = [cell for row in cells for cell in row]
        read = read_lines(flat, self.recogniser, digits)
        columns = grid.shape[1]
        boxed = [
            [
                (candidate, _scaled(grid.to_picture(candidate.box), picture.scale))
                for candidate in cell
            ]
            for cell in read
        ]
        kept = [
            Line(tuple(replace(digit, cell=divmod(i, columns)) for digit in cell))
            for i, cell in enumerate(_kept(cell, threshold, steps) for cell in boxed)
        ]
        texts = [cell.text or None for cell in kept]
        rows = [kept[i : i + columns] for i in range(0, len(kept), columns)]
        notes = [*picture.notes, *grid.notes]
        if digits is not None:
            notes += _other_numbers(digits, [cell for cell in kept if cell.digits], "cell")
        return Page(
            lines=tuple(
                Line(tuple(digit for cell in row for digit in cell.digits)) for row in rows
            ),
            rotation=grid.rotation,
            size=_turned_size(picture.size, grid.rotation),
            grid=[texts[i : i + columns] for i in range(0, len(texts), columns)],
            cells=tuple(
                _scaled(grid.to_picture(cell), picture.scale) for row in grid.cells for cell in row
            ),
            notes=tuple(notes),
        )

    def _checked(self, threshold: float | None, digits: int | None = None) -> float:
        if digits is not None:
            checks.whole("the number of digits a line", digits, 1)
        return (
            self.threshold if threshold is None else checks.number("the threshold", threshold, 0, 1)
        )


def grid_asked(text: str) -> GridShape | bool:
    """What "9x9", "auto" or "none" asks of `Reader.read`: its argument `grid`.

    Raises:
        InputError: it is none of these.
    """
    word = text.strip().lower()
    if word in ("auto", "none"):
        return word == "auto"
    match = re.fullmatch(r"(\d{1,4})\s*[x×*]\s*(\d{1,4})", word, re.ASCII)
    rows, columns = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (1 <= rows <= _MOST_CELLS and 1 <= columns <= _MOST_CELLS):
        raise InputError(
            f"{checks.quoted(text)} names no grid: give rows and columns from 1 to {_MOST_CELLS}, "
            "such as 9x9, or auto or none"
        )
    return rows, columns


def _shape(shape: Sequence[int]) -> GridShape:
    """Rows and columns from whatever sequence of two they came in."""
    try:
        rows, columns = (checks.whole("a side", n, 1, _MOST_CELLS) for n in shape)
    except (TypeError, ValueError) as error:  # no two things, or (an InputError) no such numbers
        raise InputError(
            f"a grid of {checks.quoted(shape)} is none: give rows and columns from 1 to "
            f"{_MOST_CELLS}, such as (9, 9)"
        ) from error
    return rows, columns


def _opened(image: Any) -> Picture:
    return image if isinstance(image, Picture) else open_picture(image)


def _several(images: Any) -> Iterable[Any]:
    """Pictures, from what is a sequence of them and not a picture itself."""
    from PIL import Image

    one = isinstance(images, str | bytes | bytearray | memoryview | os.PathLike | Mapping)
    one = one or isinstance(images, Image.Image | Picture) or hasattr(images, "read")
    shape = getattr(images, "shape", (0, 0, 0))
    one = one or len(shape) < 3 or (len(shape) == 3 and shape[2] in (3, 4))  # (H, W, 3)
    if one or not isinstance(images, Iterable):
        raise InputError(
            f"read_digits takes a list of pictures, not a {type(images).__name__}: "
            "for one, give [picture]"
        )
    return images


def _accepted(
    lines: Sequence[Sequence[tuple[DigitCandidate, Box]]], threshold: float, steps: Steps | None
) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    """The lines that have digits, and notes; none where no digit was accepted on the whole page.

    At threshold 0 the likeliest digit is accepted, if there is no other.
    """
    kept = [Line(tuple(_kept(line, threshold, steps))) for line in lines]
    kept = [line for line in kept if line.digits]
    if any(line.text for line in kept):
        return tuple(kept), ()
    everything = [candidate for line in lines for candidate in line]
    if threshold == 0 and everything:
        candidate, box = min(everything, key=lambda one: float(no_digit(one[0].probabilities)))
        return (
            Line((_digit(candidate.probabilities, threshold, box, normalise(candidate.ink)),)),
        ), ()
    n = sum(len(line.digits) for line in kept)
    if not n:
        return (), ()
    return (), (f"{n} marks that might be digits were left out: the reader is sure of none",)


def _other_numbers(digits: int, lines: Sequence[Line], what: str) -> tuple[str, ...]:
    """A note where lines have another number of digits than was expected."""
    others = [
        (i, len(line.digits)) for i, line in enumerate(lines, 1) if len(line.digits) != digits
    ]
    if not others:
        return ()
    if len(others) > 1:
        return (f"{len(others)} {what}s have another number of digits than {digits}",)
    place, n = others[0]
    which = f"{what} {place} has" if what == "line" else f"one {what} has"
    return (f"{which} {n} digit{'' if n == 1 else 's'}, not {digits}",)


def _kept(
    candidates: Sequence[tuple[DigitCandidate, Box]], threshold: float, steps: Steps | None
) -> list[Digit]:
    """What may be digits; what is more likely none is left out."""
    digits = []
    for one, box in candidates:
        if no_digit(one.probabilities) > 0.5:
            continue
        seen = normalise(one.ink)
        digit = _digit(one.probabilities, threshold, box, seen)
        digits.append(digit)
        if steps is not None:
            steps.saw(seen, digit)
    return digits


def _digit(
    probabilities: NDArray[np.float32], threshold: float, box: Box | None, seen: NDArray[np.uint8]
) -> Digit:
    """A digit from the twelve probabilities."""
    confidence = float(confidences(probabilities[None])[0])
    digits = np.asarray(probabilities[:NONE], np.float64)
    digits = (digits / digits.sum()).astype(np.float32)
    value = str(int(digits.argmax())) if confidence >= threshold else None
    return Digit(value, confidence, digits, box, seen=seen)


def _scaled(box: Box, scale: float) -> Box:
    """A box of the working picture in the original's pixels."""
    x, y, width, height = box
    left, top = round(x * scale), round(y * scale)
    return (
        left,
        top,
        max(1, round((x + width) * scale) - left),
        max(1, round((y + height) * scale) - top),
    )


def _turned_size(size: tuple[int, int], rotation: int) -> tuple[int, int]:
    return size if rotation % 180 == 0 else (size[1], size[0])
