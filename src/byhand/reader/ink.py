"""How much ink each pixel of a picture holds, whatever the paper, the pen and the light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from byhand.reader.unruled import without_rules

# A glance at the picture, at most so long, tells which side is ink, its colour and its strokes.
GLANCE = 512
# A picture whose short side is below this is one digit on paper of one colour.
SMALL = 64
# Amount from which a pixel is part of a stroke; fainter pixels are only the edge of one.
CORE = 0.25
# A stroke is at least so many deviations of the paper's noise darker than the paper, and at least
# so much of the paper's brightness (a few grey levels).
SEED, WEAK, FAINTEST = 6.0, 3.5, 0.03
BLOCK = 48  # pixels: the side of a block whose noise is measured
# No stroke is wider than this part of the picture's short side.
WIDEST = 4


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
    paper = _flat_paper(pixels)
    if paper is not None:
        darkness, dark = _drawn(pixels, paper)
        stroke = _widest(darkness > darkness.max() / 2)
        return Ink(*_amount(darkness, np.float32(0), stroke), dark)
    glance = _glance(pixels)
    excess = _excess(_glance(pixels, GLANCE // 2))
    dark = bool(excess.sum() >= 0)
    if not dark:
        pixels, glance, excess = 255 - pixels, 255 - glance, -excess
    # On yellow paper blue ink is lighter in blue: that colour tells nothing about dark ink.
    grey, stroke = _grey(pixels, glance, excess >= 0.1 * excess.max())
    return Ink(*_amount(*_cleaned(_darkness(grey, stroke), stroke), stroke), dark)


def _glance(pixels: NDArray[np.uint8], side: int = GLANCE) -> NDArray[np.float32]:
    """The picture as float32, at most about `side` pixels long, each the mean of a square.

    (h, w, 3), or (h, w, 1) where it is grey all over.
    """
    from PIL import Image

    factor = -(-max(pixels.shape[:2]) // side)
    if factor > 1:
        pixels = np.asarray(Image.fromarray(pixels).reduce(factor))
    first = pixels[..., :1]
    grey = bool((pixels[..., 1:] == first).all())
    return (first if grey else pixels).astype(np.float32)


def _flat_paper(pixels: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The colour of most pixels, to the last bit: a drawing's or a screen's paper; None if none."""
    step = max(1, int((pixels.size / 30_000) ** 0.5))
    sample = pixels[::step, ::step].reshape(-1, 3)
    paper = np.median(sample, axis=0).astype(np.uint8)
    return paper if (sample == paper).all(1).mean() > 0.6 else None


def _drawn(pixels: NDArray[np.uint8], paper: NDArray[np.uint8]) -> tuple[NDArray[np.float32], bool]:
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


def _paper(grey: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """The paper of a dark-inked picture: whatever is thinner than `width` closed."""
    if min(grey.shape) < SMALL:
        return np.full_like(grey, np.percentile(grey, 75))
    return _closed(grey, width)


def _closed(grey: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Grey closing by a square."""
    from scipy import ndimage

    closed: NDArray[np.float32] = ndimage.grey_closing(grey, (width, width), mode="reflect")
    return closed


def _spread(values: NDArray[np.float32]) -> tuple[float, float]:
    """Median and robust standard deviation of paper: of a sample of the values, ink apart."""
    step = max(1, int((values.size / 100_000) ** 0.5))
    sample = values[::step, ::step].ravel()
    low, high = np.percentile(sample, [25, 99.5])
    paper = sample <= low + 0.7 * (high - low)
    if np.count_nonzero(paper) < 0.9 * sample.size:  # of noise alone 5 % are above
        sample = sample[paper]
    middle = float(np.median(sample))
    return middle, 1.4826 * float(np.median(np.abs(sample - middle)))


def _excess(glance: NDArray[np.float32]) -> NDArray[np.float64]:
    """By how much, in each colour, there is more dark ink than light: ink is thin.

    At a width a little above the strokes' all of the ink is thin, but of the paper only what lies
    in loops and narrow gaps; so small widths count most.
    """
    excess = np.zeros(glance.shape[2])
    if min(glance.shape[:2]) < SMALL:
        return excess + _small_excess(glance.mean(2))
    widest = min(glance.shape[:2]) // WIDEST
    widths = [w for w in (3, 5, 9, 17, 33, 65) if w < widest] + [widest]
    for i, channel in enumerate(np.moveaxis(glance, 2, 0)):
        grain = float(np.median(np.abs(np.diff(channel, axis=1))))
        floor = max(6 * grain, 4.0)
        for width in widths:
            for tone, sign in ((channel, 1), (-channel, -1)):
                thin = _closed(tone, width) - tone - floor
                excess[i] += sign * float(np.maximum(thin, 0).sum()) / width**2
    return excess


def _small_excess(grey: NDArray[np.float32]) -> float:
    """As `_excess`, for one digit: paper has more of the picture and of its border."""
    light = grey > (float(grey.min()) + float(grey.max())) / 2
    border = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    return float(light.mean() + border.mean()) - 1


def _grey(
    pixels: NDArray[np.uint8], glance: NDArray[np.float32], useful: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], float]:
    """The colours in one, paper about 1; and the widest strokes' width in pixels."""
    width = max(3, min(glance.shape[:2]) // WIDEST)
    colours = glance.shape[2]
    relative, bright = np.empty_like(glance), np.empty(colours, np.float32)
    noise = np.empty(colours, np.float32)
    for i in range(colours):
        paper = np.maximum(_paper(glance[..., i], width), 8)
        bright[i] = np.median(paper)
        relative[..., i] = 1 - glance[..., i] / paper
        middle, noise[i] = _spread(relative[..., i])
        relative[..., i] -= middle
    noise = np.maximum(noise, 0.004)
    clear = (np.where(useful, relative / noise, 0).max(2) > SEED) & (relative.max(2) > FAINTEST)
    signal = relative[clear].mean(0) if clear.any() else np.ones(colours, np.float32)
    weight = np.where(useful, np.maximum(signal, 0) / noise**2, 0)
    weight = weight / weight.sum() if weight.sum() > 0 else np.full(colours, 1 / colours)
    mixed = relative @ weight.astype(np.float32)
    _, spread = _spread(mixed)
    mask = mixed > max(SEED * spread, FAINTEST, 0.4 * _typical(mixed, spread))
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
    paper = _paper(small, width)
    if half > 1:
        paper = np.asarray(Image.fromarray(paper).resize(size, Image.Resampling.BILINEAR))
    return (1 - grey / np.maximum(paper, np.float32(0.03))).astype(np.float32, copy=False)


def _levelled(
    darkness: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32] | np.float32]:
    """Darkness with the paper at 0, and the paper's noise, pixel by pixel.

    Closing follows the brightest grains, so paper seems darker where there is more noise. The
    level and the noise of each block of pixels are its median and its spread about it; a block
    full of ink cannot be far from the rest.
    """
    from PIL import Image

    middle, spread = _spread(darkness)
    high, wide = (n // BLOCK for n in darkness.shape)
    if min(high, wide) < 3:
        return darkness - np.float32(middle), np.float32(spread)
    blocks = darkness[: high * BLOCK : 3, : wide * BLOCK : 3]
    side = blocks.shape[0] // high, blocks.shape[1] // wide
    blocks = blocks[: high * side[0], : wide * side[1]]
    blocks = blocks.reshape(high, side[0], wide, side[1]).swapaxes(1, 2).reshape(high, wide, -1)
    level = np.median(blocks, 2)
    noise = 1.4826 * np.median(np.abs(blocks - level[..., None]), 2)
    level = np.clip(level, middle - 2 * spread, middle + 2 * spread)
    noise = np.clip(noise, spread / 3, spread * 2)
    size = darkness.shape[1], darkness.shape[0]
    spreads = [
        np.asarray(Image.fromarray(m.astype(np.float32)).resize(size, Image.Resampling.BILINEAR))
        for m in (level, noise)
    ]
    return darkness - spreads[0], spreads[1]


def _cleaned(
    darkness: NDArray[np.float32], stroke: float
) -> tuple[NDArray[np.float32], NDArray[np.float32] | np.float32]:
    """Darkness smoothed as its noise asks for, with the paper at 0, and the noise that is left."""
    from scipy import ndimage

    middle, noise = _spread(darkness)
    grain = noise / max(_typical(darkness - np.float32(middle), noise), FAINTEST)
    if grain > 0.02:  # a clean picture stays as sharp as it is
        sigma = min(max(0.6, 10 * grain), 1.5, max(0.6, stroke / 5))
        darkness = ndimage.gaussian_filter(darkness, sigma, truncate=2)
    return _levelled(darkness)


def _amount(
    smooth: NDArray[np.float32], noises: NDArray[np.float32] | np.float32, stroke: float
) -> tuple[NDArray[np.float32], float]:
    """Darkness as ink from 0 to 1, and the contrast of typical strokes."""
    noise = float(np.median(np.atleast_2d(noises)[::8, ::8]))
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
    found: NDArray[np.bool_] = kept[labels]
    return found
