"""Ink that nobody wrote: blots, specks, ruled lines and their corners, page edges, weaves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from byhand.reader.examples.pen import lying

Ink = NDArray[np.float64]  # (height, width), 1 is ink


def textures(rng: np.random.Generator, n: int) -> list[NDArray[np.uint8]]:
    """`n` textures: ink (h, w), 255 is ink, each side 40 to 80 pixels; some are blank.

    A single upright line is left out, as it is a one, and so is the corner of a table's rules at
    upper right, a seven.
    """
    kinds = rng.choice(len(_KINDS), size=n, p=_WEIGHTS)
    pictures = []
    for kind in kinds:
        height, width = (int(side) for side in rng.integers(40, 81, 2))
        ink = _KINDS[kind](height, width, rng)
        pictures.append(lying((np.clip(ink, 0, 1) * 255).astype(np.uint8)))
    return pictures


def smooth_noise(height: int, width: int, sigma: float, rng: np.random.Generator) -> Ink:
    """Noise of mean 0 and deviation 1, as smooth as a blur of `sigma` pixels makes it."""
    from scipy import ndimage

    # Wide blurs are made small and enlarged: the same to the eye, and quick.
    step = max(1, int(sigma / 2))
    small = rng.normal(size=(height // step + 4, width // step + 4))
    blurred = ndimage.gaussian_filter(small, sigma / step)
    if step > 1:
        blurred = ndimage.zoom(blurred, step, order=1)
    noise = blurred[:height, :width]
    return (noise - noise.mean()) / max(float(noise.std()), 1e-9)


def _lengthwise(distance: Ink, half: float) -> Ink:
    """Ink of lines at `distance` 0, `half` as wide to each side, antialiased."""
    return np.clip(half + 0.5 - np.abs(distance), 0, 1)


def _places(height: int, width: int) -> tuple[Ink, Ink]:
    y, x = np.mgrid[:height, :width]
    return x - width / 2, y - height / 2


def blobs(height: int, width: int, rng: np.random.Generator) -> Ink:
    """Smooth noise above a threshold: blots of some size."""
    noise = smooth_noise(height, width, np.exp(rng.uniform(0, np.log(12))), rng)
    return np.clip((noise - rng.uniform(-0.5, 1.8)) * rng.uniform(2, 12), 0, 1)


def ridges(height: int, width: int, rng: np.random.Generator) -> Ink:
    """Where smooth noise crosses a level: curling lines, wood and marble."""
    noise = smooth_noise(height, width, rng.uniform(1.5, 5), rng)
    return np.clip(1 - np.abs(noise - rng.uniform(-1, 1)) * rng.uniform(2, 9), 0, 1) ** 0.5


def specks(height: int, width: int, rng: np.random.Generator) -> Ink:
    """Paper's grain: few or many specks of a pixel or some."""
    from scipy import ndimage

    ink = (rng.random((height, width)) < np.exp(rng.uniform(np.log(5e-4), np.log(0.2)))) * 1.0
    size = rng.uniform(0, 1.6)
    if size > 0.4:
        ink = ndimage.gaussian_filter(ink, size) * (3 + 9 * size**2)
    return ink * rng.uniform(0.4, 1)


def noise(height: int, width: int, rng: np.random.Generator) -> Ink:
    """Grey noise, pixel by pixel or coarser."""
    coarse = int(rng.integers(1, 5))
    small = rng.random((height // coarse + 1, width // coarse + 1)) ** rng.uniform(0.5, 4)
    rough = np.kron(small, np.ones((coarse, coarse)))
    return np.asarray(rough[:height, :width], np.float64)


def stripes(height: int, width: int, rng: np.random.Generator) -> Ink:
    """Parallel lines at any angle, three at least."""
    x, y = _places(height, width)
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)]) + rng.normal(0, 0.03)
    period = rng.uniform(4, min(height, width) / 3)
    across = x * np.cos(angle) + y * np.sin(angle) + rng.uniform(0, period)
    return _lengthwise((across % period) - period / 2, rng.uniform(0.1, 0.3) * period)


def grid(height: int, width: int, rng: np.random.Generator) -> Ink:
    """Squared paper and the crossings of a table's lines, sometimes only a dashed one."""
    x, y = _places(height, width)
    angle = rng.normal(0, 0.04)
    x, y = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    half, period = rng.uniform(0.4, 3), rng.uniform(8, 40, 2) * rng.choice([1, 1, 2])
    shift = rng.uniform(0, period)
    lines = [
        _lengthwise(((v + s) % p) - p / 2, half)
        for v, s, p in zip((x, y), shift, period, strict=True)
    ]
    ink = np.maximum(*lines)
    return ink * (np.sin((x + y) * rng.uniform(0.5, 1.5)) > -0.5) if rng.random() < 0.15 else ink


def junction(height: int, width: int, rng: np.random.Generator) -> Ink:
    """Where two or three ruled lines meet: a corner, a T, a cross, double lines."""
    x, y = _places(height, width)
    x, y = x + rng.uniform(-0.3, 0.3) * width, y + rng.uniform(-0.3, 0.3) * height
    x = x + y * rng.normal(0, 0.04)
    half_x, half_y = rng.uniform(0.5, 4, 2) if rng.random() < 0.5 else [rng.uniform(0.5, 4)] * 2
    upright, level = _lengthwise(x, half_x), _lengthwise(y + x * rng.normal(0, 0.04), half_y)
    if rng.random() < 0.2:
        level = np.maximum(level, _lengthwise(y + rng.uniform(3, 9), half_y))
    # Which of the four arms: right, left, down, up; "left and down" alone is a seven.
    arms = rng.choice(["ru", "lu", "rd", "rlu", "rld", "rud", "lud", "rlud", "rlud"])
    keep_x = (("d" in arms) & (y >= 0)) | (("u" in arms) & (y < 0))
    keep_y = (("r" in arms) & (x >= 0)) | (("l" in arms) & (x < 0))
    return np.maximum(upright * keep_x, level * keep_y)


def rule(height: int, width: int, rng: np.random.Generator) -> Ink:
    """One or two lines across, level or sloping a little, as of ruled paper or a fold."""
    x, y = _places(height, width)
    slope, half = rng.normal(0, 0.08 if rng.random() < 0.6 else 0.3), rng.uniform(0.5, 5)
    ink = _lengthwise(y + x * slope, half)
    if rng.random() < 0.3:
        ink = np.maximum(ink, _lengthwise(y + x * slope + rng.uniform(6, 20), half))
    broken = smooth_noise(height, width, 3, rng) > rng.uniform(-3, 0)
    return ink * broken if rng.random() < 0.4 else ink


def edge(height: int, width: int, rng: np.random.Generator) -> Ink:
    """The dark beyond a page's edge or corner, or a shadow's soft border."""
    x, y = _places(height, width)
    angle, soft = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(0, np.log(15)))
    rough = smooth_noise(height, width, 6, rng) * rng.uniform(0, 4)
    side = x * np.cos(angle) + y * np.sin(angle) + rough + rng.uniform(-12, 12)
    if rng.random() < 0.5:
        side = np.maximum(side, y * np.cos(angle) - x * np.sin(angle) + rng.uniform(-12, 12))
    return np.clip(side / soft + 0.5, 0, 1)


def wedge(height: int, width: int, rng: np.random.Generator) -> Ink:
    """A filled triangle: a corner of a shadow, a dog-ear."""
    x, y = _places(height, width)
    first = rng.uniform(0, 2 * np.pi)
    ink = np.ones((height, width))
    for angle in first + np.array([0, 2.1, 4.2]) + rng.normal(0, 0.4, 3):
        near = rng.uniform(0.05, 0.4) * min(height, width)
        ink = np.minimum(ink, near - x * np.cos(angle) - y * np.sin(angle) + 0.5)
    return np.clip(ink / rng.uniform(1, 4), 0, 1)


def weave(height: int, width: int, rng: np.random.Generator) -> Ink:
    """Threads over and under: fabric, a basket, a checkerboard."""
    x, y = _places(height, width)
    angle, period = rng.uniform(0, np.pi), rng.uniform(3, 16)
    u = (x * np.cos(angle) + y * np.sin(angle)) * np.pi / period
    v = (y * np.cos(angle) - x * np.sin(angle)) * np.pi / period
    return np.clip(np.sin(u) * np.sin(v) * rng.uniform(1, 9) + rng.uniform(-0.4, 0.6), 0, 1)


def screen(height: int, width: int, rng: np.random.Generator) -> Ink:
    """Half-tone dots, growing from one side to the other."""
    x, y = _places(height, width)
    angle, period = rng.uniform(0, np.pi), rng.uniform(4, 14)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    far = np.hypot((u % period) - period / 2, (v % period) - period / 2)
    radius = period * (rng.uniform(0.2, 0.5) + rng.uniform(0, 0.3) * x / width)
    return np.clip(radius - far + 0.5, 0, 1)


def gradient(height: int, width: int, rng: np.random.Generator) -> Ink:
    """A slow change from light to dark, straight or round: a shadow, a vignette."""
    x, y = _places(height, width)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = 0.5 + (x * np.cos(angle) + y * np.sin(angle)) / np.hypot(height, width)
    if rng.random() < 0.4:
        ramp = np.hypot(x / width, y / height) * 1.4
    ramp = ramp if rng.random() < 0.5 else 1 - ramp
    return ramp * rng.uniform(0.3, 1.2)


def bars(height: int, width: int, rng: np.random.Generator) -> Ink:
    """Filled boxes, bar codes, solid ink."""
    ink = np.zeros((height, width))
    for _ in range(rng.choice([1, 2, 3, 6, 12])):
        top, left = rng.integers(0, height // 2), rng.integers(0, width - 4)
        # Wider than high: a narrow upright bar alone is a one.
        tall = int(rng.integers(6, 14))
        ink[top : top + tall, left : left + int(tall * rng.uniform(0.8, 5)) + 1] = 1
    return ink


def blank(height: int, width: int, rng: np.random.Generator) -> Ink:
    """Nothing, or ink all over."""
    return np.full((height, width), 1.0 if rng.random() < 0.2 else 0.0)


# Each kind and how often it comes, beside the others.
KINDS: dict[Callable[[int, int, np.random.Generator], Ink], float] = {
    blobs: 4, ridges: 2, specks: 3, noise: 1.5, stripes: 2, grid: 2, junction: 3, rule: 3, edge: 2,
    wedge: 1, weave: 1, screen: 1, gradient: 1, bars: 1.5, blank: 0.5,
}  # fmt: skip
_KINDS = list(KINDS)
_WEIGHTS = np.array(list(KINDS.values())) / sum(KINDS.values())
