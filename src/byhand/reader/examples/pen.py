"""A pen: strokes given as points, drawn antialiased with round ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_FINER = 3  # drawn this many times larger, then shrunk


def draw(
    strokes: Sequence[NDArray[np.floating]], size: tuple[int, int], thickness: float
) -> NDArray[np.uint8]:
    """Ink (h, w), 255 where the pen went, of `strokes`, each (points, 2) of x and y in pixels.

    Args:
        strokes: joined by straight lines from point to point; one point makes a dot.
        size: (h, w) in pixels; what lies outside is lost.
        thickness: of the pen, in pixels.
    """
    from PIL import Image, ImageDraw

    height, width = size
    picture = Image.new("L", (width * _FINER, height * _FINER))
    pen = ImageDraw.Draw(picture)
    wide = max(1.0, thickness * _FINER)
    for stroke in strokes:
        points = np.asarray(stroke, np.float64) * _FINER
        if len(points) > 1:
            pen.line(points.ravel().tolist(), fill=255, width=round(wide), joint="curve")
        for x, y in (points[0], points[-1]):
            pen.ellipse((x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2), fill=255)
    return np.asarray(picture.reduce(_FINER))


def smooth(points: NDArray[np.floating], steps: int = 8) -> NDArray[np.float64]:
    """A curve through `points` (n, 2), `steps` points for each (Catmull and Rom's spline)."""
    p = np.asarray(points, np.float64)
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = (np.arange(steps) / steps)[:, None, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    curve = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )  # (steps, n - 1, 2)
    return np.concatenate([curve.swapaxes(0, 1).reshape(-1, 2), p[-2:-1]])


def lying(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`ink` (h, w), laid on its side where it stands tall, narrow and filled, as a broad 1 does."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not rows.size:
        return ink
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    tall = box.shape[0] > 1.5 * box.shape[1]
    return np.ascontiguousarray(ink.T) if tall and box.mean() > 110 else ink


def turned(points: NDArray[np.floating], degrees: float) -> NDArray[np.float64]:
    """`points` (n, 2) turned about (0, 0)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.asarray(points, np.float64) @ np.array([[c, s], [-s, c]])
