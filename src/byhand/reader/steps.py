"""The pictures of the reader's way through a page, step by step, for people to look at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from byhand.errors import InputError, ShapeError
from byhand.reader.lettering import colour, font, percent, reading, text_size
from byhand.reader.page import Digit

if TYPE_CHECKING:
    from PIL import Image

ENLARGED = 4  # times that a 28x28 picture is enlarged on the sheet
COLUMNS = 10
MOST = 500  # digits on the sheet


class Steps:
    """Collects pictures while a page is read; `write` puts them into a folder.

        steps = Steps()
        page = reader.read("page.jpg", steps=steps)
        steps.write("steps")           # 01_picture.png, 02_ink.png, ..., and what the network saw

    Attributes:
        pictures: (name, picture) in the order of the steps; (H, W) or (H, W, 3) uint8.
        seen: the (28, 28) picture that the network saw of each digit, and what was read in it.
    """

    def __init__(self) -> None:
        self.pictures: list[tuple[str, NDArray[np.uint8]]] = []
        self.seen: list[tuple[NDArray[np.uint8], Digit]] = []

    def add(self, name: str, picture: NDArray[Any]) -> None:
        """Keep a step's picture.

        Args:
            name: one or a few words, such as "ink".
            picture: (H, W) or (H, W, 3); uint8, bool, or floats from 0 (black) to 1 (white).

        Raises:
            ShapeError: it is no such picture.
        """
        flat = picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3)
        if not flat or not picture.size:
            raise ShapeError(
                f"step {name!r} has the shape {picture.shape}: give (height, width) or "
                "(height, width, 3)"
            )
        if picture.dtype != np.uint8:
            picture = np.rint(np.clip(picture.astype(np.float32), 0, 1) * 255).astype(np.uint8)
        self.pictures.append((name, picture))

    def saw(self, picture: NDArray[np.uint8], digit: Digit) -> None:
        """Keep the (28, 28) picture that the network saw of `digit`."""
        self.seen.append((picture, digit))

    def write(self, folder: str | Path) -> list[Path]:
        """Write all as numbered PNGs into `folder`, which is made: 01_picture.png, 02_ink.png...

        The last but for a step called "reading" is the sheet of what the network saw.

        Raises:
            FileWriteError: a file cannot be written.
        """
        from PIL import Image

        from byhand.reader.annotate import save_picture

        folder = Path(folder)
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file: name a folder for the pictures of the steps")
        named = [(name, Image.fromarray(picture)) for name, picture in self.pictures]
        if self.seen:
            last = next((i for i, (name, _) in enumerate(named) if name == "reading"), len(named))
            named.insert(last, ("what the network saw", self.sheet()))
        return [
            save_picture(picture, folder / f"{number:02d}_{_file_name(name)}.png")
            for number, (name, picture) in enumerate(named, 1)
        ]

    def sheet(self) -> Image.Image:
        """The 28x28 picture of each digit, enlarged, with the reading and the confidence below it.

        In the colours of `annotate`. At most 500 digits; a last line says how many more there are.
        """
        from PIL import Image, ImageDraw

        shown = self.seen[:MOST]
        side, room, size = 28 * ENLARGED, 8, 18
        columns = max(1, min(COLUMNS, len(shown)))
        rows = -(-len(shown) // columns)
        cell = (side + room, side + size + 3 * room)
        more = len(self.seen) - len(shown)
        sheet = Image.new(
            "RGB",
            (columns * cell[0] + room, rows * cell[1] + room + (size + room if more else 0)),
            (255, 255, 255),
        )
        draw = ImageDraw.Draw(sheet)
        for i, (picture, digit) in enumerate(shown):
            x, y = room + i % columns * cell[0], room + i // columns * cell[1]
            enlarged = Image.fromarray(picture).resize((side, side), Image.Resampling.NEAREST)
            sheet.paste(enlarged, (x, y))
            text = f"{reading(digit)}  {percent(digit.confidence)}"
            width, _ = text_size(text, size)
            draw.text(
                (x + (side - width) // 2, y + side + room // 2), text, font=font(size),
                fill=colour(digit),
            )  # fmt: skip
        if more:
            draw.text(
                (room, rows * cell[1] + room), f"and {more} more", font=font(size), fill=(0, 0, 0)
            )
        return sheet


def _file_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "step"
