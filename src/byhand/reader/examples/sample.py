"""The page that comes with the package to be read first: `python -m byhand.reader.examples.sample`.

Three lines of digits drawn by strokes (pens.py) on paper (strings.py), always the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from byhand.reader.examples.pens import WAYS, draw
from byhand.reader.examples.strings import on_paper

PAGE = Path(__file__).parent.parent / "sample.png"
LINES = ("31415926535", "2718281828", "0123456789")
_SEED = 13
_HEIGHT, _BETWEEN, _MARGIN = 42, 16, 40  # of a digit, between digits, around the page; in pixels


def sample_page() -> NDArray[np.uint8]:
    """The page (H, W, 3) that says `LINES`."""
    from PIL import Image

    rng = np.random.default_rng(_SEED)
    wide = 2 * _MARGIN + max(map(len, LINES)) * (_HEIGHT + _BETWEEN)
    ink = np.zeros((2 * _MARGIN + len(LINES) * 2 * _HEIGHT, wide), np.float32)
    for row, line in enumerate(LINES):
        x = _MARGIN + int(rng.integers(30))
        for digit in line:
            strokes = draw(WAYS[int(digit)][rng.integers(len(WAYS[int(digit)]))], rng)
            rows, columns = (np.flatnonzero(strokes.any(axis=axis)) for axis in (1, 0))
            box = strokes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            share = _HEIGHT * rng.uniform(0.85, 1.1) / len(box)
            size = max(1, round(box.shape[1] * share)), round(len(box) * share)
            small = np.asarray(Image.fromarray(box).resize(size, Image.Resampling.BOX), np.float32)
            y = _MARGIN + row * 2 * _HEIGHT + int(rng.integers(8))
            ink[y : y + len(small), x : x + small.shape[1]] = small / 255
            x += small.shape[1] + _BETWEEN
    return on_paper(ink[:, : np.flatnonzero(ink.any(axis=0))[-1] + _MARGIN], rng)


def main() -> None:
    """Draw the page to its place in the package."""
    from PIL import Image

    Image.fromarray(sample_page()).save(PAGE, optimize=True)
    print(PAGE)


if __name__ == "__main__":
    main()
