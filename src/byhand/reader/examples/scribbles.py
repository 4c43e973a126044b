"""Pen strokes that are no digits: scrawls, zigzags, coils, hatching, ticks, crosses, arrows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from byhand.reader.examples.pen import draw, lying, smooth, turned

Strokes = list[NDArray[np.float64]]  # points (n, 2) of x and y, any scale


def scribbles(rng: np.random.Generator, n: int) -> list[NDArray[np.uint8]]:
    """`n` scribbles: ink (h, w), 255 is ink, 40 to 80 pixels long.

    Single straight strokes and single loops are left out: those are ones and noughts.
    """
    kinds = rng.choice(len(_KINDS), size=n, p=_WEIGHTS)
    return [render(_KINDS[kind](rng), rng) for kind in kinds]


def render(strokes: Strokes, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Ink (h, w) of `strokes` made 34 to 70 pixels long, with a pen of a random thickness."""
    every = np.concatenate(strokes)
    low, span = every.min(axis=0), np.ptp(every, axis=0)
    thickness = np.exp(rng.uniform(np.log(1.5), np.log(8)))
    scale = rng.uniform(34, 70) / max(span.max(), 1e-6)
    margin = int(thickness / 2 + 2)
    width, height = np.ceil(span * scale).astype(int) + 2 * margin
    placed = [(stroke - low) * scale + margin for stroke in strokes]
    return lying(draw(placed, (int(height), int(width)), thickness))


def _length(stroke: NDArray[np.float64]) -> float:
    return float(np.hypot(*np.diff(stroke, axis=0).T).sum())


def scrawl(rng: np.random.Generator) -> Strokes:
    """One curve to and fro, longer than any digit is written."""
    while True:
        points = rng.uniform(0, 1, (rng.integers(6, 16), 2)) * rng.uniform(0.5, 1.5, 2)
        curve = smooth(points)
        # An 8 is some 3.5 times as long as it is high.
        if _length(curve) > 4.5 * np.ptp(curve, axis=0).max():
            return [curve]


def walk(rng: np.random.Generator) -> Strokes:
    """One curve that wanders, turning evenly and then the other way."""
    while True:
        n = int(rng.integers(60, 160))
        bend = np.repeat(rng.normal(0, 0.35, n // 10 + 1), 10)[:n]
        angle = rng.uniform(0, 2 * np.pi) + np.cumsum(bend)
        curve = np.cumsum(np.stack([np.cos(angle), np.sin(angle)], 1), axis=0)
        if _length(curve) > 5 * np.ptp(curve, axis=0).max():
            return [curve]


def several(rng: np.random.Generator) -> Strokes:
    """Three to seven short strokes across one another, as in foreign writing."""
    strokes = []
    for _ in range(rng.integers(3, 8)):
        points = np.array([[-1.0, 0], [0, rng.normal(0, 0.3)], [1, 0]]) * rng.uniform(0.15, 0.5)
        strokes.append(smooth(turned(points, rng.uniform(0, 180)) + rng.uniform(0, 1, 2)))
    return strokes


def zigzag(rng: np.random.Generator) -> Strokes:
    """Four or more sharp or round turns side by side: an angular 3 has three."""
    n = int(rng.integers(6, 14))
    x = np.arange(n) + rng.normal(0, 0.15, n)
    y = np.where(np.arange(n) % 2, 1, -1) * rng.uniform(0.7, 1.2, n) * rng.uniform(0.5, 4)
    points = np.stack([x, y], 1)
    points = smooth(points) if rng.random() < 0.5 else points
    return [turned(points, rng.choice([0, 90, 45, 135]) + rng.normal(0, 10))]


def coil(rng: np.random.Generator) -> Strokes:
    """Loops in a row as a spring has them, three at least."""
    t = np.linspace(0, 2 * np.pi * rng.uniform(3.2, 8), 160)
    x = np.cos(t) * rng.uniform(0.5, 1.2) + t * rng.uniform(0.08, 0.25)
    y = np.sin(t) * rng.uniform(0.8, 1.8) * (1 + 0.2 * np.sin(t / 5 + rng.uniform(0, 6)))
    return [turned(np.stack([x, y], 1), rng.choice([0, 90]) + rng.normal(0, 12))]


def spiral(rng: np.random.Generator) -> Strokes:
    """A spiral of more than two turns, or rings in rings."""
    if rng.random() < 0.4:
        t = np.linspace(0, 2 * np.pi, 50)
        ring = np.stack([np.cos(t) * rng.uniform(0.6, 1), np.sin(t)], 1)
        return [ring * size for size in np.linspace(0.3, 1, rng.integers(2, 5))]
    t = np.linspace(0, 2 * np.pi * rng.uniform(2.3, 5), 160)
    r = 0.1 + t / t[-1]
    return [np.stack([r * np.cos(t) * rng.uniform(0.7, 1.1), r * np.sin(t)], 1)]


def hatching(rng: np.random.Generator) -> Strokes:
    """Parallel strokes, three at least, sometimes crossed by others."""
    strokes: Strokes = []
    angle = rng.uniform(0, 180)
    for turn in [angle, angle + rng.uniform(50, 130)][: rng.integers(1, 3)]:
        for offset in np.linspace(-1, 1, rng.integers(3, 9)):
            ends = np.array([[-1.0, offset], [1, offset]]) + rng.normal(0, 0.07, (2, 2))
            strokes.append(turned(ends, turn))
    return strokes


def dots(rng: np.random.Generator) -> Strokes:
    """Dots and short dashes strewn about."""
    strokes: Strokes = []
    for _ in range(rng.integers(2, 14)):
        start = rng.uniform(0, 1, 2)
        strokes.append(np.stack([start, start + rng.normal(0, 0.06, 2) * rng.integers(0, 2)]))
    return strokes


def tick(rng: np.random.Generator) -> Strokes:
    """A check mark: a short leg down and a long one up."""
    x, y = rng.uniform(0.2, 0.45), rng.uniform(0.25, 0.55)
    points = np.array([[0, 1 - y], [x, 1], [1, rng.uniform(-0.3, 0.2)]]) + rng.normal(
        0, 0.03, (3, 2)
    )
    if rng.random() < 0.4:
        points = smooth(np.insert(points, 2, points[1] + [0.1, -0.15], axis=0))
    return [points]


def cross(rng: np.random.Generator) -> Strokes:
    """A cross, a plus or a star of two to four strokes through one middle."""
    n, start = int(rng.choice([2, 2, 2, 3, 4])), rng.choice([0, 45])
    strokes = []
    for i in range(n):
        bar = np.array([[-1.0, 0], [0, rng.normal(0, 0.08)], [1, 0]]) * rng.uniform(0.75, 1)
        bar = turned(smooth(bar), start + 180 * i / n + rng.normal(0, 7))
        strokes.append(bar + rng.normal(0, 0.08, 2))
    return strokes


def arrow(rng: np.random.Generator) -> Strokes:
    """An arrow with one head or two."""
    shaft = smooth(np.array([[-1, 0], [0, rng.normal(0, 0.2)], [1, 0]]))
    size, wide = rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.5)
    head = np.array([[1 - size, -wide], [1, 0], [1 - size, wide]]) + rng.normal(0, 0.03, (3, 2))
    strokes = [shaft, head] + ([head * [-1, 1]] if rng.random() < 0.2 else [])
    angle = rng.uniform(0, 360)
    return [turned(stroke, angle) for stroke in strokes]


def ringed(rng: np.random.Generator) -> Strokes:
    """A ring or a box with strokes across it, a crossed-out box, a target."""
    t = np.linspace(0.2, 2 * np.pi + 0.3, 50)
    ring = np.stack([np.cos(t) * rng.uniform(0.7, 1.2), np.sin(t)], 1)
    if rng.random() < 0.5:
        ring = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * rng.uniform(0.7, 1.2, 2)
        ring += rng.normal(0, 0.06, ring.shape)
    reach = rng.uniform(0.6, 1.4)
    first, apart = rng.uniform(0, 180), rng.uniform(60, 120)
    bar = np.array([[-1.0, 0], [1, 0]]) * reach
    return [ring, turned(bar, first), turned(bar, first + apart)]


def underline(rng: np.random.Generator) -> Strokes:
    """One to three long lines across, straight or in waves."""
    x = np.linspace(0, 4, 60)
    waves = rng.uniform(0.05, 0.5) if rng.random() < 0.5 else 0.02
    strokes = []
    for i in range(rng.integers(1, 4)):
        y = waves * np.sin(x * rng.uniform(5, 12)) + i * rng.uniform(0.5, 1) + rng.normal(0, 0.05)
        strokes.append(np.stack([x, y + x * rng.normal(0, 0.05)], 1))
    return strokes


def angular(rng: np.random.Generator) -> Strokes:
    """Straight strokes from place to place, four to nine."""
    while True:
        points = rng.uniform(0, 1, (rng.integers(5, 11), 2)) * rng.uniform(0.6, 1.4, 2)
        if _length(points) > 2.8 * np.ptp(points, axis=0).max():
            return [points]


def shape(rng: np.random.Generator) -> Strokes:
    """A triangle, a star, a heart, a house or a face, somewhat crooked."""
    kind = rng.integers(5)
    t = np.linspace(0, 2 * np.pi, 40)
    if kind == 0:
        points = np.array([[0, -1], [1, 1], [-1, 1], [0, -1.0]])
    elif kind == 1:
        points = np.array([turned(np.array([[0, -1.0]]), 144 * i)[0] for i in range(6)])
    elif kind == 2:
        x = 16 * np.sin(t) ** 3
        y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
        points = np.stack([x, y], 1) / 16
    elif kind == 3:
        points = np.array([[-1, 1], [-1, -0.2], [0, -1], [1, -0.2], [-1, -0.2], [1, 1], [1, -0.2],
                           [-1, 1], [1, 1.0]])  # fmt: skip
    else:
        ring = np.stack([np.cos(t), np.sin(t)], 1)
        mouth = np.stack([0.5 * np.cos(t / 2), 0.2 + 0.4 * np.sin(t / 2)], 1)
        eyes = [ring * 0.05 + [side, -0.3] for side in (-0.35, 0.35)]
        return [turned(s, rng.normal(0, 15)) for s in (ring, mouth, *eyes)]
    points = points + rng.normal(0, 0.06, points.shape) * (kind != 2)
    return [turned(points, rng.normal(0, 20))]


# Each kind and how often it comes, beside the others.
KINDS: dict[Callable[[np.random.Generator], Strokes], float] = {
    scrawl: 4, walk: 3, several: 4, zigzag: 3, coil: 2, spiral: 1, hatching: 2, dots: 2, tick: 1.5,
    cross: 2, arrow: 1, ringed: 1, underline: 1.5, angular: 2, shape: 1,
}  # fmt: skip
_KINDS = list(KINDS)
_WEIGHTS = np.array(list(KINDS.values())) / sum(KINDS.values())
