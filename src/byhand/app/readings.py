"""Drawings and photographs through the reader, as values that a page can show."""

from __future__ import annotations

from typing import Any

import numpy as np

from byhand.app.arrays import data_url, encode
from byhand.reader import Reader
from byhand.reader.page import Digit
from byhand.reader.picture import open_picture
from byhand.reader.steps import Steps
from byhand.reader.table import Reading, as_csv

_SHOWN = 1600  # pixels: the longer side of pictures that are sent back


def read_drawing(reader: Reader, file: bytes) -> dict[str, Any]:
    """What is drawn: its text, each digit's ten probabilities, and what the network saw of it.

    Where no digit is read, what the whole would be as one digit comes in place of digits, rejected.
    """
    picture = open_picture(file)
    page = reader.read(picture, grid=False, upright=True)
    digits = [digit for line in page.lines for digit in line.digits]
    if not digits:
        (whole,) = reader.read_digits([picture.pixels])
        if whole.seen is not None and whole.seen.any():
            digits = [Digit(None, whole.confidence, whole.probabilities, None, seen=whole.seen)]
    return {
        "text": page.text,
        "size": list(page.size),
        "threshold": reader.threshold,
        "digits": [
            {
                **digit.as_dict(),
                "probabilities": [float(p) for p in digit.probabilities],
                "seen": None if digit.seen is None else encode(digit.seen)["data"],
            }
            for digit in digits
        ],
    }


def read_page(
    reader: Reader,
    file: bytes,
    name: str,
    *,
    grid: tuple[int, int] | bool | None,
    digits: int | None,
    threshold: float | None,
    choices: int,
    steps: bool,
    preview: bool,
) -> dict[str, Any]:
    """What `byhand read --json` tells of a picture, its table, and pictures if asked for.

    Args:
        reader: what reads.
        file: the picture's bytes.
        name: for the table and for errors; never a path.
        grid: as for `Reader.read`.
        digits: so many a line.
        threshold: of confidence.
        choices: so many readings of each digit; 0 for none.
        steps: send the picture of each step.
        preview: send the upright picture.
    """
    picture = open_picture(file)
    kept = Steps() if steps else None
    page = reader.read(picture, grid=grid, digits=digits, threshold=threshold, steps=kept)
    reading = Reading(name, None, page)
    values = reading.as_dict(choices)
    values["csv"] = as_csv([reading])
    if preview:
        values["preview"] = _shown(np.rot90(picture.pixels, -page.rotation // 90), "JPEG")
    if kept is not None:
        values["steps"] = [
            {"name": step, "picture": _shown(shown, "PNG")} for step, shown in kept.pictures
        ]
        if kept.seen:
            sheet = np.asarray(kept.sheet())
            values["steps"].append(
                {"name": "what the network saw", "picture": _shown(sheet, "PNG")}
            )
    return values


def _shown(pixels: Any, kind: str) -> str:
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((_SHOWN, _SHOWN))
    return data_url(np.asarray(picture), kind)
