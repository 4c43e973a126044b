"""How much ink each pixel of a picture holds, whatever the paper, the pen and the light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from byhand.reader.paper import (
    GLANCE,
    WIDEST,
    dark_excess,
    dark_table,
    flat_paper,
    glance_at,
    levelled,
    paper_under,
    spread,
)
from byhand.reader.unruled import without_rules

# Amount from which a pixel is part of a stroke; fainter pixels are only the edge of one.
CORE = 0.25
# A stroke is at least so many deviations of the paper's noise darker than the paper, and at least
# so much of the paper's brightness (a few grey levels).
SEED, WEAK, FAINTEST = 6.0, 3.5, 0.03
GRAINY = 0.02  # noise, as a part of the ink's contrast, from which a picture is smoothed


@dataclass(frozen=True, eq=False)
class Ink:
    """The ink of a picture.

    Args:
        amount: (H, W) float32 from 0 (paper) to 1 (the middle of a stroke): antialiased at the
            edges of strokes, 0 away from ink. Strokes are where it is at least `CORE`.
        contrast: of ink to paper, as a part of the paper's brightness, 0 to 1.
        dark: whether ink is darker than the paper.
    """

    amount: NDArray[np.float32]
    contrast: float
    dark: bool


def find_ink(pixels: NDArray[np.uint8]) -> Ink:
    """Where the ink of a picture is.

    The paper is what remains when everything thinner than a stroke's width is closed (grey
    closing), so a shadow's edge belongs to the paper. Ink is how much darker than the paper a
    pixel is, relative to the paper, over colours weighted by their signal to noise (a matched
    filter). Strokes are kept where they stand out of the paper's noise (hysteresis: Canny, "A
    computational approach to edge detection", 1986). At last ink is divided by the darkest of
    its neighbourhood, so that faint pencil reaches 1 as well.

    Args:
        pixels: (H, W, 3) uint8, RGB.
    """
    flat = flat_paper(pixels)
    if flat is None:
        excess = dark_excess(glance_at(pixels, GLANCE // 2))
        dark = bool(excess.sum() >= 0)
        # On yellow paper blue ink is lighter in blue: that colour tells nothing about dark ink.
        useful = np.abs(excess) * (excess >= 0 if dark else excess <= 0)
    else:
        darkness, dark = _ink_of_drawing(pixels, flat)
    if not dark:
        pixels = 255 - pixels
    table = _full(dark_table(glance_at(pixels)), pixels.shape)
    page = _box(~table)
    if flat is None:
        grey, stroke = _grey(pixels[page], useful >= 0.1 * useful.max())
        grey[table[page]] = 1  # as paper
        smooth, noise = _cleaned(_darkness(grey, stroke), stroke)
    else:
        smooth, noise = np.where(table, 0, darkness)[page], np.zeros((1, 1), np.float32)
        stroke = _widest(smooth > smooth.max(initial=0) / 2)
    amount = np.zeros(pixels.shape[:2], np.float32)
    amount[page], contrast = _amount(smooth, noise, stroke)
    return Ink(amount, contrast, dark)


def _full(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A glance's mask at the size of the picture."""
    from PIL import Image

    size = (shape[1], shape[0])
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The upright box around a mask; everything where it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return slice(None), slice(None)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _ink_of_drawing(
    pixels: NDArray[np.uint8], paper: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], bool]:
    """How far pixels are from a flat paper's colour towards the ink's, and whether ink is darker.

    1 is as far as any colour can be.
    """
    ground = paper.astype(np.float32)
    table = np.abs(np.arange(256, dtype=np.float32)[:, None] - ground)  # (256, 3)
    away = table[pixels[..., 0], 0]
    for i in (1, 2):
        away = np.maximum(away, table[pixels[..., i], i])
    far = pixels[away >= 0.5 * max(float(away.max()), 1)].astype(np.float32) - ground
    ink = far.mean(0) if len(far) else -ground
    room = np.where(ink < 0, ground, 255 - ground)
    least = float(np.maximum(room, 1)[int(np.abs(ink).argmax())])
    scale = float(np.abs(ink).max()) / (float(ink @ ink) or 1) / least
    darkness = np.zeros(pixels.shape[:2], np.float32)
    for i in range(3):
        darkness += (pixels[..., i] - ground[i]) * np.float32(ink[i] * scale)
    return darkness, bool(ink.sum() < 0)


def _grey(
    pixels: NDArray[np.uint8], useful: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], float]:
    """The colours in one, paper about 1; and the widest strokes' width in pixels."""
    from scipy import ndimage

    glance = glance_at(pixels)[..., : len(useful)]
    width = max(3, min(glance.shape[:2]) // WIDEST)
    colours = glance.shape[2]
    relative, bright = np.empty_like(glance), np.empty(colours, np.float32)
    noise = np.empty(colours, np.float32)
    for i in range(colours):
        paper = np.maximum(paper_under(glance[..., i], width), 8)
        bright[i] = np.median(paper)
        relative[..., i] = 1 - glance[..., i] / paper
        middle, noise[i] = spread(relative[..., i])
        relative[..., i] -= middle
    noise = np.maximum(noise, 0.004)
    clear = (np.where(useful, relative / noise, 0).max(2) > SEED) & (relative.max(2) > FAINTEST)
    signal = relative[clear].mean(0) if clear.any() else np.ones(colours, np.float32)
    weight = np.where(useful, np.maximum(signal, 0) / noise**2, 0)
    weight = weight / weight.sum() if weight.sum() > 0 else np.full(colours, 1 / colours)
    mixed = relative @ weight.astype(np.float32)
    _, grain = spread(mixed)
    if grain > GRAINY * _typical(mixed, grain):
        mixed = ndimage.uniform_filter(mixed, 3)
        grain = spread(mixed)[1]
    mask = mixed > max(SEED * grain, FAINTEST, 0.4 * _typical(mixed, grain))
    scale = pixels.shape[0] / glance.shape[0]
    stroke = _widest(mask)
    grey = np.zeros(pixels.shape[:2], np.float32)
    for i in range(colours):
        grey += pixels[..., i] * np.float32(weight[i] / max(float(bright[i]), 8))
    return grey, stroke * scale


def _widest(mask: NDArray[np.bool_]) -> float:
    """The width of the widest strokes in pixels, but for the widest few: at least 1."""
    from scipy import ndimage

    step = max(1, -(-2 * max(mask.shape) // GLANCE))
    mask = mask[::step, ::step]
    # Twice the distance to the edge, where it is largest, is the width.
    depth = ndimage.distance_transform_edt(mask)
    ridge = depth[(depth == ndimage.maximum_filter(depth, 3)) & mask]
    return max(1.0, 2 * step * float(np.percentile(ridge, 98))) if ridge.size else 1.0


def _typical(darkness: NDArray[np.float32], noise: float) -> float:
    """The darkness of strokes' middles: that of the darker half of what is surely ink."""
    step = max(1, int((darkness.size / 400_000) ** 0.5))
    sample = darkness[::step, ::step]
    ink = sample[sample > max(SEED * noise, FAINTEST)]
    return float(np.percentile(ink, 75)) if ink.size else 0.0


def _darkness(grey: NDArray[np.float32], stroke: float) -> NDArray[np.float32]:
    """How much darker than the paper, as a part of the paper's brightness; paper about 0."""
    from PIL import Image

    half = 1 + (max(grey.shape) > 2 * GLANCE)
    size = (grey.shape[1], grey.shape[0])
    small: NDArray[np.float32] = grey
    if half > 1:
        small = np.asarray(Image.fromarray(grey).reduce(half))
    short = min(small.shape)
    width = int(np.clip(4 * stroke / half, 5, max(5, short // WIDEST)))
    paper = paper_under(small, width, border=True)
    if half > 1:
        paper = np.asarray(Image.fromarray(paper).resize(size, Image.Resampling.BILINEAR))
    return (1 - grey / np.maximum(paper, np.float32(0.03))).astype(np.float32, copy=False)


def _cleaned(
    darkness: NDArray[np.float32], stroke: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Darkness smoothed as its noise asks for, with the paper at 0, and the noise that is left."""
    from scipy import ndimage

    middle, noise = spread(darkness)
    grain = noise / max(_typical(darkness - np.float32(middle), noise), FAINTEST)
    if grain > GRAINY:  # a clean picture stays as sharp as it is
        sigma = min(max(0.6, 10 * grain), 1.5, max(0.6, stroke / 5))
        darkness = ndimage.gaussian_filter(darkness, sigma, truncate=2)
    return levelled(darkness, int(4 * stroke))


def _amount(
    smooth: NDArray[np.float32], noises: NDArray[np.float32], stroke: float
) -> tuple[NDArray[np.float32], float]:
    """Darkness as ink from 0 to 1, and the contrast of typical strokes."""
    noise = float(np.median(noises[::8, ::8]))
    contrast = _typical(smooth, noise)
    faint = smooth > np.maximum(WEAK * noises, FAINTEST)
    weak = faint & (smooth > 0.15 * contrast)
    seed = smooth > np.maximum(SEED * noises, max(FAINTEST, 0.3 * contrast))
    mask = _hysteresis(weak, seed)
    if not mask.any():
        return np.zeros_like(smooth), 0.0
    top = _top(np.where(mask, smooth, np.float32(0)), stroke)
    mask &= smooth >= CORE * top
    mask = without_rules(mask, faint, smooth, noise)
    amount = np.clip(smooth / top, 0, 1)
    edge = _grown(mask) & ~mask
    amount[mask] = np.maximum(amount[mask], CORE)
    amount[edge] = np.minimum(amount[edge], CORE - 0.01)
    amount[~(mask | edge)] = 0
    return amount.astype(np.float32), contrast


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask and all pixels next to it."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    across = grown.copy()
    grown[:, 1:] |= across[:, :-1]
    grown[:, :-1] |= across[:, 1:]
    return grown


def _top(inked: NDArray[np.float32], stroke: float) -> NDArray[np.float32]:
    """The darkness that counts as full ink: the darkest within a stroke's width or two around.

    Half of the darkest in a wider neighbourhood is the least, so that grain inside a faint part
    does not become ink.
    """
    from PIL import Image
    from scipy import ndimage

    block = int(np.clip(stroke / 3, 1, 8))
    high, wide = inked.shape
    if block > 1:
        padded = np.pad(inked, ((0, -high % block), (0, -wide % block)))
        shape = (padded.shape[0] // block, block, padded.shape[1] // block, block)
        small = padded.reshape(shape).max((1, 3))
    else:
        small = inked
    near, far = int(2 * stroke / block) | 1, int(10 * stroke / block) | 1
    top = np.maximum(ndimage.maximum_filter(small, near), 0.5 * ndimage.maximum_filter(small, far))
    top = np.maximum(ndimage.uniform_filter(top, near), np.float32(FAINTEST))
    if block == 1:
        return top
    size = (top.shape[1] * block, top.shape[0] * block)
    large = Image.fromarray(top).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(large)[:high, :wide]


def _hysteresis(weak: NDArray[np.bool_], seed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where `weak` hangs together with a pixel of `seed`."""
    from scipy import ndimage

    labels, n = ndimage.label(weak, np.ones((3, 3)))
    kept = np.zeros(n + 1, bool)
    kept[labels[seed]] = True
    kept[0] = False
    mask: NDArray[np.bool_] = kept[labels]
    return mask
