"""Ruled lines taken out of the ink: long thin straight ones, not the strokes that cross them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

# Rules are looked for in a picture at most so long, at most so many degrees askew.
SIDE, STEEPEST = 1024, 15.0
# A rule is at most this part of the picture's longer side thick, and its pieces between crossings
# at least this part of it long.
THICK, PIECE = 1 / 100, 1 / 14
# A rule has ink over this part of the picture; a line all alone is one only over `ALONE`.
LENGTH, ALONE = 0.3, 0.8
# So many alike are a ruling, if they are at least `RULED` of the picture long.
FAMILY, RULED = 4, 0.5
# There is ink along a whole rule, or nearly.
WHOLE = 0.9
MOST = 400  # pieces of lines are looked at, longest first
# Ink so much darker than the rule is a stroke that lies on it.
DARKER = 1.4


@dataclass(frozen=True, eq=False)
class RuledLine:
    """A ruled line: its place across as a cubic of its place along, in pixels.

    Args:
        curve: (4,) coefficients, highest power first.
        start, end: where along it begins and ends.
        length: along how many pixels there is ink that is no thicker.
        thickness: in pixels.
        covered: the part of it, from start to end, where there is any ink.
    """

    curve: NDArray[np.float64]
    start: float
    end: float
    length: float
    thickness: float
    covered: float


def without_rules(mask: Mask, faint: Mask, darkness: NDArray[np.float32], noise: float) -> Mask:
    """The mask of ink without ruled lines.

    Lines are looked for in two families, nearly level and nearly upright. A pixel near a rule goes
    where the ink is no thicker across than the rule: a stroke that crosses it or stands on it is.

    Args:
        mask: (H, W) where there is ink.
        faint: (H, W) where there may be, so that pale rules are there in one piece.
        darkness: (H, W) how much darker than the paper; strokes darker than a rule stay on it.
        noise: the standard deviation of `darkness` on paper.
    """
    from scipy import ndimage

    short = min(mask.shape)
    if short < 48:
        return mask
    scale = -(-max(mask.shape) // SIDE)
    small = _shrunk(faint, scale)
    families = (find_ruled_lines(small), find_ruled_lines(small.T))
    level, upright = _believed(families[0], families[1], small.shape)
    if not level and not upright:
        return mask
    gone = np.zeros(mask.shape, bool)
    bands, pales = [], []
    level, upright = _completed(level), _completed(upright)
    widest = 1.0
    for axis, rules in enumerate((level, upright)):
        if not rules:
            continue
        band = np.zeros(mask.shape, bool)
        views = (band, mask) if axis == 0 else (band.T, mask.T)
        thickness = float(np.median([_paint(*views, rule, scale) for rule in rules]))
        run = int(thickness + 3) | 1
        shape = (run, 1) if axis == 0 else (1, run)
        across = ndimage.maximum_filter(ndimage.minimum_filter(mask.view(np.uint8), shape), shape)
        pale = darkness < np.float32(DARKER * _middle_darkness(darkness[band & mask]) + 4 * noise)
        gone |= band & (across == 0) & pale
        bands.append(band)
        pales.append(pale)
        widest = max(widest, thickness)
    if len(bands) == 2:
        # Where two rules cross under a stroke, the stroke is whole again.
        crossing = bands[0] & bands[1] & pales[0] & pales[1] & mask
        left: Mask = mask & ~(gone | crossing)
        left = left | (ndimage.binary_closing(left, np.ones((3, 3), bool), 2) & crossing)
        return _without_scraps(left, bands[0] | bands[1], pales[0] | pales[1], 2 * widest + 3)
    return _without_scraps(mask & ~gone, bands[0], pales[0], 2 * widest + 3)


def _middle_darkness(darkness: NDArray[np.float32]) -> float:
    """How dark the middle of rules is, from what is near them."""
    return float(np.percentile(darkness, 80)) if darkness.size else 0.0


def _shrunk(mask: Mask, scale: int) -> Mask:
    """Blocks of scale × scale pixels: ink where one of them has any."""
    if scale == 1:
        return mask
    h, w = (n // scale * scale for n in mask.shape)
    blocks = mask[:h, :w].reshape(h // scale, scale, w // scale, scale)
    smaller: Mask = np.any(blocks, axis=(1, 3))
    return smaller


def find_ruled_lines(mask: Mask) -> list[RuledLine]:
    """The nearly level long thin lines in a mask."""
    from scipy import ndimage

    side = max(mask.shape)
    thick, piece = max(5, int(side * THICK)), max(16, int(side * PIECE)) | 1
    bytes_ = mask.view(np.uint8)
    column = (2 * thick + 1, 1)
    opened = ndimage.maximum_filter(ndimage.minimum_filter(bytes_, column), column)
    thin = mask & (opened == 0)
    if thin.sum() < LENGTH * side:
        return []
    level, offsets = _sheared(thin, _slope(thin))
    # Two pixels up or down do not break a line, nor does a stroke that crosses it.
    wide = ndimage.maximum_filter(level.view(np.uint8), (3, 1))
    wide = ndimage.minimum_filter(ndimage.maximum_filter(wide, (1, 9)), (1, 9))
    wide = ndimage.maximum_filter(ndimage.minimum_filter(wide, (1, piece)), (1, piece))
    labels, n = ndimage.label(wide)
    if n == 0:
        return []
    labels *= level
    segments = []
    for label, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None or box[1].stop - box[1].start < piece:
            continue
        down, along = np.nonzero(labels[box] == label)
        columns = len(np.unique(along))
        if columns >= 0.6 * piece and len(down) <= thick * columns:
            segments.append((down + box[0].start, along + box[1].start, columns))
    return [
        _rule(line, offsets, mask)
        for line in _lines(segments, side)
        if _length(line) > LENGTH * side
    ]


Segment = tuple[NDArray[np.int64], NDArray[np.int64], int]


def _length(line: list[Segment]) -> int:
    return sum(columns for _, _, columns in line)


def _lines(segments: list[Segment], side: int) -> list[list[Segment]]:
    """Segments that continue each other in one list: longest first, each near the line so far."""
    lines: list[list[Segment]] = []
    # Of each line: count, sums of x, y, x², xy for the straight line through it; its ends.
    sums = np.zeros((7, 0))
    for segment in sorted(segments, key=lambda s: -s[2])[:MOST]:
        down, along = segment[0].astype(float), segment[1].astype(float)
        middle = along.mean()
        n, x, y, xx, xy, start, end = sums
        spread = np.maximum(n * xx - x * x, 1e-9)
        slope = np.where(end - start > side / 4, (n * xy - x * y) / spread, 0)
        away = np.abs(y / n + slope * (middle - x / n) - down.mean())
        apart = np.maximum(np.maximum(start - middle, middle - end), 0)
        near = np.flatnonzero(away <= 3 + 0.01 * apart)
        ends = along.min(), along.max()
        own = np.array([len(down), along.sum(), down.sum(), along @ along, along @ down, *ends])
        if len(near):
            i = int(near[np.argmin(away[near])])
            lines[i].append(segment)
            low, high = min(start[i], ends[0]), max(end[i], ends[1])
            sums[:, i] += own
            sums[5:, i] = low, high
        else:
            lines.append([segment])
            sums = np.concatenate([sums, own[:, None]], axis=1)
    return lines


def _rule(line: list[Segment], offsets: NDArray[np.int64], mask: Mask) -> RuledLine:
    down = np.concatenate([s[0] for s in line])
    along = np.concatenate([s[1] for s in line])
    length, start, end = _length(line), int(along.min()), int(along.max())
    thickness = len(down) / length
    curve = np.polyfit(along, down - offsets[along], 3 if end - start > 100 else 1)
    curve = np.concatenate([np.zeros(4 - len(curve)), curve])
    places = np.arange(start, end + 1)
    middle = np.polyval(curve, places)
    covered = np.zeros(len(places), bool)
    for shift in np.arange(-thickness / 2 - 1, thickness / 2 + 1.5):
        row = np.round(middle + shift).astype(np.int64).clip(0, len(mask) - 1)
        covered |= mask[row, places]
    return RuledLine(curve, start, end, length, thickness, float(covered.mean()))


def _slope(thin: Mask) -> float:
    """Down a pixel along, at which the mask's projection is sharpest."""
    down, along = np.nonzero(thin)
    step = max(1, len(down) // 20_000)
    down, along = down[::step], along[::step]

    def sharpest(degrees: NDArray[np.float64]) -> float:
        # All in one count: each angle has rows of its own.
        rows = (down - np.tan(np.radians(degrees))[:, None] * along).astype(np.int64)
        rows -= rows.min(axis=1, keepdims=True)
        high = int(rows.max()) + 1
        rows += high * np.arange(len(degrees))[:, None]
        counts = np.bincount(rows.ravel(), minlength=high * len(degrees)).reshape(-1, high)
        return float(degrees[int(np.argmax((counts.astype(float) ** 2).sum(axis=1)))])

    best = sharpest(np.arange(-STEEPEST, STEEPEST + 0.1, 0.5))
    fine = sharpest(best + np.arange(-0.5, 0.51, 0.1))
    return float(np.tan(np.radians(fine)))


def _sheared(mask: Mask, slope: float) -> tuple[Mask, NDArray[np.int64]]:
    """The mask with each column moved so that lines of a slope are level, and by how much."""
    high, wide = mask.shape
    offsets = np.round(-slope * np.arange(wide)).astype(np.int64)
    offsets -= offsets.min()
    level = np.zeros((high + int(offsets.max()), wide), bool)
    for offset in np.unique(offsets):
        columns = np.flatnonzero(offsets == offset)
        part = slice(columns[0], columns[-1] + 1)
        level[offset : offset + high, part] = mask[:, part]
    return level, offsets


def _believed(
    level: list[RuledLine], upright: list[RuledLine], shape: tuple[int, ...]
) -> tuple[list[RuledLine], list[RuledLine]]:
    """Rules that cannot be digits' strokes: right across, of a ruling, or of a table.

    The bars of a row of 7s may lie in one line, but there is no ink between them. Only on squared
    paper, whose rules cross, need they not be whole.
    """

    def whole(rules: list[RuledLine]) -> list[RuledLine]:
        return [r for r in rules if r.covered > WHOLE]

    def alone(rules: list[RuledLine], across: int) -> bool:
        long = [r for r in rules if r.end - r.start > ALONE * across]
        return bool(long) or sum(r.length > RULED * across for r in rules) >= FAMILY

    if min(len(level), len(upright)) >= 3:
        return level, upright
    level, upright = whole(level), whole(upright)
    crossed = min(len(level), len(upright)) >= 2
    return (
        level if crossed or alone(level, shape[1]) else [],
        upright if crossed or alone(upright, shape[0]) else [],
    )


def _completed(rules: list[RuledLine]) -> list[RuledLine]:
    """With the rules that a ruling lacks in between, where writing covers them."""
    if len(rules) < FAMILY + 1:
        return rules
    middle = float(np.mean([r.start + r.end for r in rules])) / 2
    order = sorted(rules, key=lambda r: float(np.polyval(r.curve, middle)))
    gaps = np.diff([float(np.polyval(r.curve, middle)) for r in order])
    step = float(np.median(gaps))
    completed = list(rules)
    for one, other, gap in zip(order[:-1], order[1:], gaps.tolist(), strict=True):
        count = round(gap / step)
        if 2 <= count <= 4 and abs(gap / count - step) < 0.1 * step:
            for k in range(1, count):
                curve = one.curve + (other.curve - one.curve) * (k / count)
                completed.append(replace(one, curve=curve))
    return completed


def _paint(band: Mask, inked: Mask, rule: RuledLine, scale: int) -> float:
    """Mark the pixels of a rule, found in a picture `scale` times smaller; how thick its ink is."""
    high, wide = band.shape
    # Straight on beyond its ends, as far as a piece of it may have been too short to be seen.
    margin = PIECE * max(band.shape)
    start = max(0, int(rule.start * scale - margin))
    end = min(wide, int((rule.end + 1) * scale + margin))
    along = np.arange(start, end)
    place = (along + 0.5) / scale - 0.5
    inside = np.clip(place, rule.start, rule.end)
    middle = np.polyval(rule.curve, inside)
    middle += np.polyval(np.polyder(rule.curve), inside) * (place - inside)
    middle = (middle + 0.5) * scale - 0.5
    half = rule.thickness * scale / 2 + 1.5
    thickness = np.zeros(len(along), np.int64)
    for shift in range(int(np.ceil(2 * half)) + 1):
        row = np.round(middle - half + shift).astype(np.int64)
        there = (row >= 0) & (row < high)
        band[row[there], along[there]] = True
        thickness[there] += inked[row[there], along[there]]
    return float(np.median(thickness[thickness > 0])) if thickness.any() else 0.0


def _without_scraps(mask: Mask, band: Mask, pale: Mask, thin: float) -> Mask:
    """Without pieces that lie on a rule and are thin or pale: what was left of it."""
    from scipy import ndimage

    labels, n = ndimage.label(mask, np.ones((3, 3)))
    if n == 0:
        return mask
    area = np.bincount(labels.ravel(), minlength=n + 1)
    on = np.bincount(labels[band], minlength=n + 1)
    light = np.bincount(labels[pale], minlength=n + 1)
    box = np.array(
        [min(s.stop - s.start for s in box) for box in ndimage.find_objects(labels)], float
    )
    scrap = on >= 0.6 * area
    scrap[1:] &= (box <= thin) | ((on >= 0.8 * area) & (light >= 0.8 * area))[1:]
    scrap[0] = True
    ink_left: Mask = ~scrap[labels]
    return ink_left
