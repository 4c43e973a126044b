"""Folders of small pictures, a folder a class."""

from __future__ import annotations

import numpy as np
from PIL import Image


def draw(path, value=200, size=(8, 8), paper=0, mode="L"):
    """A picture (H, W) with a block of ink in its middle."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full(size, paper, np.uint8)
    pixels[2:-2, 2:-2] = value
    Image.fromarray(pixels).convert(mode).save(path)
    return pixels


def fill(folder, classes=("0", "1"), n=5, **how):
    for label, name in enumerate(classes):
        for number in range(n):
            draw(folder / name / f"{number}.png", 100 + 10 * label + number, **how)
    return folder
