"""A small scene of paper and ink, and pictures as bytes of a file."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

PAPER, INK = (250, 240, 230), (20, 30, 90)


def scene(width=40, height=30):
    """Paper with a block of ink in its upper left quarter, and a thin one at the right edge."""
    pixels = np.full((height, width, 3), PAPER, np.uint8)
    pixels[height // 6 : height // 3, width // 8 : width // 4] = INK
    pixels[height // 2 :, -width // 10 :] = INK
    return pixels


def encoded(image, kind, **options):
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def close(got, expected, within=3):
    assert got.shape == expected.shape
    assert np.abs(got.astype(int) - expected.astype(int)).mean() <= within


def grey_of(pixels):
    return np.asarray(Image.fromarray(pixels).convert("L"))
