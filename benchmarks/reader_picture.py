"""README's picture of the reader: a page drawn by strokes, in shadow and skewed, as it was read.

python benchmarks/reader_picture.py   # writes docs/pictures/reader.png
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import byhand
from byhand.reader.annotate import annotate
from byhand.reader.examples import pens

PICTURE = Path(__file__).parent.parent / "docs" / "pictures" / "reader.png"
LINES = ("31415926", "2718 2818", "60221407", "1618 0339")


def page(rng: np.random.Generator) -> np.ndarray:
    """A page (H, W, 3) of digits in many ways of writing, photographed in a hard shadow."""
    high, wide = 520, 760
    ink = Image.new("L", (wide, high))
    for row, line in enumerate(LINES):
        x = 70 + int(rng.integers(0, 40))
        for letter in line:
            if letter == " ":
                x += 50
                continue
            ways = pens.WAYS[int(letter)]
            drawn = Image.fromarray(pens.draw(ways[rng.integers(len(ways))], rng))
            drawn = drawn.crop(drawn.getbbox())
            height = rng.uniform(46, 66)
            size = (max(3, round(drawn.width * height / drawn.height)), round(height))
            ink.paste(drawn.resize(size), (x, 60 + 105 * row + int(rng.integers(-7, 8))))
            x += size[0] + int(rng.integers(8, 26))
    amount = np.asarray(ink.rotate(-2.5, Image.Resampling.BICUBIC), np.float32) / 255
    down, right = np.mgrid[0:high, 0:wide]
    light = 235 - 0.05 * down - 0.03 * right
    light[right * 0.7 - down > 160] *= 0.68  # the shadow of a hand
    paper = light[..., None] * np.array([1.0, 0.98, 0.92])
    seen = paper * (1 - amount[..., None] * np.array([0.75, 0.68, 0.42]))
    return np.clip(seen + rng.normal(0, 1.5, seen.shape), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    pixels = page(np.random.default_rng(4))
    found = byhand.Reader.load().read(pixels)
    print(found.text)
    annotate(pixels, found).quantize(96).save(PICTURE, optimize=True)
    print(PICTURE)
