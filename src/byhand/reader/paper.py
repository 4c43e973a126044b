"""What of a picture is paper: how bright it is, where, its noise, and the table that it lies on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# A glance at the picture, at most so long, tells which side is ink, its colour and its strokes.
GLANCE = 512
# A picture whose short side is below this is one digit on paper of one colour.
SMALL = 64
# No stroke is wider than this part of the picture's short side.
WIDEST = 4
BLOCK = 48  # pixels: the least side of a block whose noise is measured


def glance_at(pixels: NDArray[np.uint8], side: int = GLANCE) -> NDArray[np.float32]:
    """The picture as float32, about `side` pixels long at most, each the mean of a square.

    (h, w, 3), or (h, w, 1) where it is grey all over.
    """
    from PIL import Image

    # A sample first: it tells most pictures in colour from grey ones.
    grey = all((p[..., 1:] == p[..., :1]).all() for p in (pixels[::16, ::16], pixels))
    # A long strip is not made so narrow that it would be taken for one small digit.
    factor = min(-(-max(pixels.shape[:2]) // side), min(pixels.shape[:2]) // (2 * SMALL))
    if factor > 1:
        pixels = np.asarray(Image.fromarray(pixels).reduce(factor))
    return (pixels[..., :1] if grey else pixels).astype(np.float32)


def flat_paper(pixels: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """The colour of most pixels, to the last bit: a drawing's or a screen's paper; None if none."""
    step = max(1, int((pixels.size / 12_000) ** 0.5))
    sample = pixels[::step, ::step].reshape(-1, 3)
    paper = np.median(sample, axis=0).astype(np.uint8)
    return paper if (sample == paper).all(1).mean() > 0.6 else None


def paper_under(grey: NDArray[np.float32], width: int, border: bool = False) -> NDArray[np.float32]:
    """The paper of a dark-inked picture: whatever is thinner than `width` closed.

    `border`: a stroke right along the picture's border is one, too; but then so is the dark end
    of a picture that grows darker over more than `width`.
    """
    if min(grey.shape) < SMALL:
        return np.full_like(grey, np.percentile(grey, 75))
    if border:
        return _closed(grey, width)
    reach = width // 2 + 1
    padded = np.pad(grey, reach, mode="edge")  # as the picture ends, so the paper goes on
    return _closed(padded, width)[reach:-reach, reach:-reach]


def _closed(grey: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Grey closing by a square."""
    from scipy import ndimage

    closed: NDArray[np.float32] = ndimage.grey_closing(grey, (width, width))
    return closed


def spread(values: NDArray[np.float32]) -> tuple[float, float]:
    """The level and the standard deviation of paper, of a sample of darknesses."""
    step = max(1, int((values.size / 100_000) ** 0.5))
    sample = values[::step, ::step].ravel()
    low, high = np.percentile(sample, [25, 99.5])
    paper = sample <= low + 0.7 * (high - low)
    if np.count_nonzero(paper) < 0.9 * sample.size:  # of noise alone 5 % are above
        sample = sample[paper]
    level, noise = _paper_of(sample)
    return float(level), float(noise)


def _paper_of(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(...,) level and standard deviation of paper, from (..., m) darknesses.

    Ink makes pixels darker, never lighter: the lighter half tells what is normal.
    """
    low, level = np.percentile(values, [10, 50], axis=-1).astype(np.float32)
    return level, (level - low) / np.float32(1.2816)  # so many deviations below are 10 %


def levelled(
    darkness: NDArray[np.float32], least: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Darkness with the paper at 0, and the paper's noise, pixel by pixel.

    Closing follows the brightest grains, so paper seems darker where there is more noise. The
    level and the noise of each block of pixels, with a side of at least `least`, are told from its
    lighter ones; a block full of ink cannot be far from the rest.
    """
    from PIL import Image
    from scipy import ndimage

    block = max(BLOCK, least)
    middle, around = spread(darkness)
    high, wide = (n // block for n in darkness.shape)
    if min(high, wide) < 3:
        return darkness - np.float32(middle), np.full((1, 1), around, np.float32)
    blocks = darkness[: high * block : 3, : wide * block : 3]
    side = blocks.shape[0] // high, blocks.shape[1] // wide
    blocks = blocks[: high * side[0], : wide * side[1]]
    blocks = blocks.reshape(high, side[0], wide, side[1]).swapaxes(1, 2).reshape(high, wide, -1)
    level, noise = _paper_of(blocks)
    level, noise = (ndimage.median_filter(m, 3, mode="nearest") for m in (level, noise))
    level = np.clip(level, middle - 2 * around, middle + 2 * around)
    noise = np.clip(noise, around / 3, around * 2)
    size = darkness.shape[1], darkness.shape[0]
    spreads = [
        np.asarray(Image.fromarray(m.astype(np.float32)).resize(size, Image.Resampling.BILINEAR))
        for m in (level, noise)
    ]
    return darkness - spreads[0], spreads[1]


def dark_excess(glance: NDArray[np.float32]) -> NDArray[np.float64]:
    """By how much, in each colour, there is more dark ink than light: ink is thin.

    At a width a little above the strokes' all of the ink is thin, but of the paper only what lies
    in loops and narrow gaps, or between rules; so small widths count most. A table around the page
    does not count.
    """
    excess = np.zeros(glance.shape[2])
    if min(glance.shape[:2]) < SMALL:
        return excess + _small_excess(glance.mean(2))
    paper = np.median(glance, axis=(0, 1))
    glance = np.where((dark_table(glance) | dark_table(255 - glance))[..., None], paper, glance)
    widest = min(glance.shape[:2]) // WIDEST
    widths = [w for w in (3, 5, 9, 17, 33, 65) if w < widest] + [widest]
    for i, channel in enumerate(np.moveaxis(glance, 2, 0)):
        grain = float(np.median(np.abs(np.diff(channel, axis=1))))
        floor = max(6 * grain, 4.0)
        for width in widths:
            for tone, sign in ((channel, 1), (-channel, -1)):
                thin = paper_under(tone, width) - tone - floor
                excess[i] += sign * float(np.maximum(thin, 0).sum()) / width**3
    return excess


def _small_excess(grey: NDArray[np.float32]) -> float:
    """As `dark_excess`, for one digit: paper has more of the picture and of its border."""
    light = grey > (float(grey.min()) + float(grey.max())) / 2
    border = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    return float(light.mean() + border.mean()) - 1


def dark_table(glance: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(h, w) where a dark table or the dark edge of a scan shows around the page.

    Along each side of the picture, from one of its corners, all is dark from the border inwards,
    for less than a sixth of the picture. A shadow is not as dark, and goes further.
    """
    from scipy import ndimage

    table = np.zeros(glance.shape[:2], bool)
    if min(table.shape) < 2 * SMALL:
        return table
    dark = (glance < 0.5 * np.percentile(glance, 75, axis=(0, 1))).all(2)
    for turn in range(4):
        view, out = np.rot90(dark, turn), np.rot90(table, turn)
        high, wide = view.shape
        # How far it is dark, column by column; a stroke that touches the border is narrow.
        depth = np.where(view.all(0), high, np.argmin(view, axis=0))
        # In a corner it is dark all the way, along the side there.
        columns, corner = np.arange(wide), wide // 6
        deep = depth > high // 6
        depth[deep] = 0
        deep[corner : wide - corner] = False
        if deep.all():
            continue
        depth = np.interp(columns, columns[~deep], depth[~deep])
        depth = ndimage.median_filter(depth, 2 * (wide // 12) + 1, mode="nearest")
        runs, _ = ndimage.label(depth > 0)
        for run in {int(runs[0]), int(runs[-1])} - {0}:
            if np.count_nonzero(runs == run) > wide / 4:
                out |= np.arange(high)[:, None] < np.where(runs == run, depth + 3, 0)
    return table
