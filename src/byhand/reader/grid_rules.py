"""Ruled lines: two families of them found in a picture, in any perspective, each as a curve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .grid_level import CLEAR, SIDE, level, levelling, vanishing_point

Floats = NDArray[np.float64]

# Along a rule so many pixels of a run, this long, hold ink.
RUN, FILLED = 25, 0.8
TALL = 11  # pixels: few rules are broader
# What may be a grid covers at least this part of the picture (its upright box).
LEAST_AREA, LEAST_SIDE = 0.03, 40
# A grid that nobody asked for encloses cells; a digit has two holes at most.
HOLES = 3
# A rule has ink along this part of the frame at least; no more rules than this are followed.
SHORTEST, MOST_RULES = 0.15, 150
TRIES = 60  # courses that are tried for each rule
TILT = 0.03  # radians: rules that lean more are levelled again
_BIN = 4  # pixels: how finely it is kept where a rule has ink


@dataclass(frozen=True, eq=False)
class GridLine:
    """A ruled line in the levelled frame: its place across as a cubic of its place along.

    Args:
        curve: (4,) coefficients, highest power first, of (along − middle) / span of `GridLines`.
        inked: (bins,) bool, of each `_BIN` pixels along, whether there is ink.
    """

    curve: Floats
    inked: NDArray[np.bool_]

    @cached_property
    def ends(self) -> tuple[float, float]:
        """Where along its longest stretch of ink begins and ends, small gaps bridged."""
        from scipy import ndimage

        joined = ndimage.binary_closing(np.pad(self.inked, 3), np.ones(4))[3:-3]
        labels, n = ndimage.label(joined)
        if n == 0:
            return 0.0, 0.0
        stretch = max(ndimage.find_objects(labels), key=lambda s: s[0].stop - s[0].start)[0]
        return float(_BIN * stretch.start), float(_BIN * stretch.stop)

    def covered(self, start: float, end: float) -> float:
        """The part of it from `start` to `end` that has ink."""
        low, high = max(0, round(start / _BIN)), round(end / _BIN)
        return float(self.inked[low:high].sum()) / max(1, high - low)


@dataclass(frozen=True, eq=False)
class GridLines:
    """The rules of one ruling, in a frame in which they run level and upright.

    Args:
        level, upright: rules from top to bottom, and from left to right.
        size: (width, height) of the frame.
        to_picture: (3, 3) homography, the frame's points to the picture's.
    """

    level: list[GridLine]
    upright: list[GridLine]
    size: tuple[int, int]
    to_picture: Floats

    def place(self, rule: GridLine, along: float | Floats, upright: bool = False) -> Floats:
        """Where a rule lies across, at `along`."""
        unit = _unit(np.asarray(along, np.float64), self.size[int(upright)])
        return np.asarray(np.polyval(rule.curve, unit), np.float64)

    def crossings(self, level: list[GridLine], upright: list[GridLine]) -> Floats:
        """(L, U, 2) x, y in the frame where each of L rules crosses each of U others."""
        # Coefficients against each other: (4, L, 1) and (4, 1, U).
        of_level = np.array([rule.curve for rule in level]).T[:, :, None]
        of_upright = np.array([rule.curve for rule in upright]).T[:, None, :]
        x = np.full((len(level), len(upright)), self.size[0] / 2)
        y = np.zeros_like(x)
        # A fixed point, since rules are nearly level and upright. What only looks like a rule may
        # run off: then it stays beyond the frame's edge, where nothing is.
        for _ in range(6):
            y = _cubic(of_level, _unit(x, self.size[0]).clip(-_BEYOND, _BEYOND))
            x = _cubic(of_upright, _unit(y, self.size[1]).clip(-_BEYOND, _BEYOND))
        return np.stack([x, y], -1)


# From the frame's middle to its edge is 1.
_BEYOND = 1.5


def _cubic(curve: Floats, at: Floats) -> Floats:
    value: Floats = ((curve[0] * at + curve[1]) * at + curve[2]) * at + curve[3]
    return value


def _unit(along: Floats, length: int) -> Floats:
    return 2 * along / length - 1


def find_grid_lines(dark: NDArray[np.uint8], whole: bool = False) -> Iterator[GridLines]:
    """The rules of each large connected piece of ink in `darkness`, largest first.

    `whole`: of pieces that enclose little too, and at last, those of the whole picture, for a
    ruling that is broken everywhere.
    """
    from scipy import ndimage

    mask = dark > CLEAR
    labels, _ = ndimage.label(ndimage.maximum_filter(mask, 3))
    large = []
    for label, box in enumerate(ndimage.find_objects(labels), 1):
        h, w = (side.stop - side.start for side in box)
        if min(h, w) < LEAST_SIDE or h * w < LEAST_AREA * dark.size:
            continue
        if whole or _holes(labels[box] == label) >= HOLES:
            large.append((h * w, label, box))
    for _, label, box in sorted(large, reverse=True)[:4]:
        corner = np.array([box[1].start, box[0].start])
        rules = _rules_of(dark, (labels[box] == label) & mask[box], corner)
        if rules is not None:
            yield rules
    if whole:
        rules = _rules_of(dark, mask, np.zeros(2))
        if rules is not None:
            yield rules


def _holes(mask: NDArray[np.bool_]) -> int:
    """How many parts of the paper a mask (h, w) encloses."""
    from scipy import ndimage

    paper = np.pad(~mask, 1, constant_values=True)  # what is outside hangs together
    return int(ndimage.label(paper)[1]) - 1


def _rules_of(dark: NDArray[np.uint8], mask: NDArray[np.bool_], corner: Floats) -> GridLines | None:
    """The rules where `mask`, a part of the picture whose corner is `corner`, has ink."""
    y, x = np.nonzero(mask)
    step = max(1, x.size // 20_000)
    points = np.stack([x[::step], y[::step], np.ones_like(x[::step])], 1)  # (N, 3)
    points = points + np.append(corner, 0.0)
    to_frame = level(dark, mask, corner)
    rules = None if to_frame is None else _seen_level(dark, points, to_frame)
    if rules is None:
        return None
    again = _level_again(rules)
    if again is None:
        return rules
    return _seen_level(dark, points, again @ np.linalg.inv(rules.to_picture)) or rules


def _seen_level(dark: NDArray[np.uint8], points: Floats, to_frame: Floats) -> GridLines | None:
    """The rules in the frame that a homography leads to, cut to where these points (N, 3) fall."""
    from PIL import Image

    homogeneous = points @ to_frame.T
    if homogeneous[:, 2].min() < 0.2 * homogeneous[:, 2].max():
        return None  # no camera sees a page that steeply
    placed = homogeneous[:, :2] / homogeneous[:, 2:]
    low, high = placed.min(0) - 12, placed.max(0) + 12
    size = int(high[0] - low[0]), int(high[1] - low[1])
    if max(size) > 2 * SIDE:
        return None
    shift = np.array([[1, 0, low[0]], [0, 1, low[1]], [0, 0, 1]])
    back = np.linalg.inv(to_frame) @ shift
    # Pillow counts from a pixel's edge, these points from its middle.
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    edges = half @ back @ np.linalg.inv(half)
    straight = Image.fromarray(dark).transform(
        size,
        Image.Transform.PERSPECTIVE,
        tuple((edges / edges[2, 2]).ravel()[:8]),
        Image.Resampling.BILINEAR,
    )
    ink = np.asarray(straight) > 0.8 * CLEAR
    return GridLines(_trace(ink), _trace(np.ascontiguousarray(ink.T)), size, back / back[2, 2])


def _level_again(rules: GridLines) -> Floats | None:
    """The homography to a better frame, by the rules that were found; None if this is good."""
    middle, radius = np.array(rules.size) / 2, max(rules.size) / 2
    vanishing, tilt = [], 0.0
    for upright, family in enumerate((rules.level, rules.upright)):
        points, directions = [], []
        for rule in family:
            along = np.array(rule.ends)
            if along[1] - along[0] > RUN:
                across = rules.place(rule, along, bool(upright))
                ends = np.stack([across, along] if upright else [along, across], 1)  # (2, 2)
                points += [(ends[0] + ends[1]) / 2]
                directions += [ends[1] - ends[0]]
        if len(points) < 2:
            return None
        at, run = np.array(points), np.array(directions)
        length = np.hypot(run[:, 0], run[:, 1])
        normals = np.stack([-run[:, 1], run[:, 0]], 1) / length[:, None]
        tilt = max(tilt, float(np.percentile(np.abs(normals[:, upright]), 75)))
        vanishing.append(vanishing_point((at - middle) / radius, normals, length**2))
    return levelling(vanishing, middle, radius) if tilt > TILT else None


def _trace(ink: NDArray[np.bool_]) -> list[GridLine]:
    """The nearly level rules of a frame (H, W), top to bottom: long runs of ink, joined."""
    from scipy import ndimage

    w = ink.shape[1]
    thick = ndimage.maximum_filter1d(ink, 3, axis=0)  # a slope of a pixel in a run is no gap
    filled = ndimage.uniform_filter1d(thick.astype(np.float32), RUN, axis=1, mode="constant")
    runs = ndimage.maximum_filter1d(filled >= FILLED, RUN, axis=1) & ink
    labels, n = ndimage.label(runs, np.ones((3, 3)))
    # A broad stroke beside a rule, or one that stands on it, must not bend it.
    tall = ndimage.minimum_filter1d(ink, TALL, axis=0)
    thin = runs & ~ndimage.maximum_filter1d(tall, TALL, axis=0)
    pieces = []
    y, x = np.nonzero(runs)
    owner, slim = labels[y, x], thin[y, x]
    order = np.lexsort((x, owner))  # each piece's pixels from left to right
    y, x, slim = y[order].astype(float), x[order].astype(float), slim[order]
    bounds = np.searchsorted(owner[order], np.arange(1, n + 2))
    for low, high in pairwise(bounds):
        reach = np.ptp(x[low:high]) + 1 if high > low else 0
        if reach < RUN:
            continue
        chosen = slice(low, high)
        if np.unique(x[low:high][slim[low:high]]).size >= 0.5 * reach:
            pieces.append((x[chosen][slim[chosen]], y[chosen][slim[chosen]]))
        else:  # the rule itself is broad
            pieces.append((x[chosen], y[chosen]))
    pieces.sort(key=lambda piece: -float(np.ptp(piece[0])))
    curves = _courses(pieces, w) if pieces else []
    rules = [GridLine(curve, _inked(ink, curve)) for curve in curves]
    rules = [rule for rule in rules if rule.inked.mean() >= SHORTEST]
    return sorted(rules, key=lambda rule: float(rule.curve[-1]))


def _inked(ink: NDArray[np.bool_], curve: Floats) -> NDArray[np.bool_]:
    """Of each `_BIN` pixels along a curve, whether there is ink on it (or a pixel beside it)."""
    h, w = ink.shape
    x = np.arange(w // _BIN * _BIN)
    y = np.rint(np.polyval(curve, _unit(x, w))).astype(int)
    on = np.zeros(x.size, bool)
    for beside in range(-2, 3):
        row = y + beside
        on |= ink[row.clip(0, h - 1), x] & (row >= 0) & (row < h)
    inked: NDArray[np.bool_] = on.reshape(-1, _BIN).mean(1) >= 0.5
    return inked


def _courses(pieces: list[tuple[Floats, Floats]], length: int) -> list[Floats]:
    """The curves on which the pieces lie, each begun by the longest piece that is left."""
    # Each piece's first, middle and last pixels stand for it: (pieces, 3).
    x, y = (
        np.array([[piece[k][:9].mean(), np.median(piece[k]), piece[k][-9:].mean()] for piece in
                  pieces]) for k in (0, 1)
    )  # fmt: skip
    starts, ends = x.min(1), x.max(1)
    free = np.ones(len(pieces), bool)
    curves: list[Floats] = []
    while len(curves) < MOST_RULES and free.any():
        first = int(np.argmax(free))  # pieces are sorted by length
        if ends[first] - starts[first] < SHORTEST * length:
            break
        mine = np.zeros(len(pieces), bool)
        mine[first] = True
        for _ in range(3):
            chosen = [pieces[k] for k in np.flatnonzero(mine)]
            across = np.concatenate([piece[0] for piece in chosen])
            curve = _fit(across, np.concatenate([piece[1] for piece in chosen]), length)
            off = np.median(np.abs(np.polyval(curve, _unit(x, length)) - y), axis=1)
            # The course is less sure away from what it was found from.
            away = np.maximum(starts[mine].min() - ends, starts - ends[mine].max()).clip(0)
            joined = mine | (free & (off <= 2.5 + 0.015 * away))
            if (joined == mine).all():
                break
            mine = joined
        curves.append(curve)
        free &= ~mine
    return curves


def _fit(x: Floats, y: Floats, length: int) -> Floats:
    """The cubic through a rule's pixels (a line or parabola where they reach less far).

    First the parabola or line through two or three of the pixels on whose course most columns lie
    (RANSAC: Fischler and Bolles, 1981), then least squares, reweighted.
    """
    reach = float(np.ptp(x)) / length
    degree = 3 if reach > 0.7 else 2 if reach > 0.45 else 1
    u = _unit(x, length)
    # A column counts once, however thick the ink is there.
    columns = x.astype(int)
    each = 1 / np.bincount(columns)[columns]
    some = np.linspace(0, u.size - 1, min(u.size, 300)).astype(int)
    some = some[np.argsort(u[some], kind="stable")]
    terms = min(degree, 2) + 1
    # Of each half or third along, always the same pixels by chance.
    parts = np.random.default_rng(0).random((TRIES, terms)) + np.arange(terms)
    drawn = (parts * (some.size - 1) / terms).astype(int)  # (tries, terms)
    powers = u[some][:, None] ** np.arange(terms)  # (some, terms)
    square = powers[drawn] + 1e-6 * np.eye(terms)  # (tries, terms, terms), never singular
    courses = np.linalg.solve(square, y[some][drawn][..., None])[..., 0]  # (tries, terms)
    near = np.abs(courses @ powers.T - y[some]) < 2  # (tries, some)
    best = courses[int((near * each[some]).sum(1).argmax())]
    curve = np.concatenate([np.zeros(4 - best.size), best[::-1]])
    for bends, width in ((min(degree, 2), 3.0), (degree, 2.0), (degree, 1.5)):
        weight = np.sqrt(each) / (1 + ((np.polyval(curve, u) - y) / width) ** 2)
        fitted = np.polyfit(u, y, bends, w=weight)
        curve = np.concatenate([np.zeros(3 - bends), fitted])
    return curve
