"""Ruled lines: two families of them found in a picture, in whatever perspective, each as a curve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIDE = 1024  # rules are looked for in a picture that is at most so long
# A rule is thinner than this; whatever is thicker belongs to the paper.
THICK = 17
# A rule is at least so much darker than the paper, as a part of the paper's brightness.
FAINTEST = 0.045
# And this many times as dark as the median of the pixels around.
NOISE = 3.0
# And this part of the strongest ink around: JPEG lets that ring.
RINGING = 0.075
SMOOTH = 0.6  # pixels, a Gaussian's deviation
# Along a rule so many pixels of a run, this long, hold ink.
RUN, FILLED = 25, 0.8
# What may be a grid covers at least this part of the picture (its upright box).
LEAST_AREA, LEAST_SIDE = 0.03, 40
CLEAR = 40  # in `darkness`, what is surely darker than the paper
TALL = 11  # pixels: few rules are broader
# A rule has ink along this part of the frame at least; no more rules than this are followed.
SHORTEST, MOST_RULES = 0.15, 150
TRIES = 60
_BIN = 4  # pixels: how finely it is kept where a rule has ink


@dataclass(frozen=True, eq=False)
class Rule:
    """A ruled line in the levelled frame: its place across as a cubic of its place along.

    Args:
        curve: (4,) coefficients, highest power first, of (along − middle) / span of `Rules`.
        inked: (bins,) bool, of each `_BIN` pixels along, whether there is ink.
    """

    curve: Floats
    inked: NDArray[np.bool_]

    @property
    def start(self) -> float:
        """Where along its ink begins."""
        return _BIN * float(np.argmax(self.inked))

    @property
    def end(self) -> float:
        """Where along its ink ends."""
        return _BIN * float(self.inked.size - np.argmax(self.inked[::-1]))

    def covered(self, start: float, end: float) -> float:
        """The part of it from `start` to `end` that has ink."""
        low, high = max(0, round(start / _BIN)), round(end / _BIN)
        return float(self.inked[low:high].sum()) / max(1, high - low)


@dataclass(frozen=True, eq=False)
class Rules:
    """The rules of one ruling, in a frame in which they run level and upright.

    Args:
        level, upright: rules from top to bottom, and from left to right.
        size: (width, height) of the frame.
        to_picture: (3, 3) homography, the frame's points to the picture's.
    """

    level: list[Rule]
    upright: list[Rule]
    size: tuple[int, int]
    to_picture: Floats

    def place(self, rule: Rule, along: float | Floats, upright: bool = False) -> Floats:
        """Where a rule lies across, at `along`."""
        return np.polyval(rule.curve, _unit(np.asarray(along), self.size[int(upright)]))

    def cross(self, level: Rule, upright: Rule) -> Floats:
        """(2,) x, y in the frame where two rules cross."""
        x, y = self.size[0] / 2, self.size[1] / 2
        for _ in range(6):  # a fixed point, since rules are nearly level and upright
            y = float(self.place(level, x))
            x = float(self.place(upright, y, True))
        return np.array([x, y])


def _unit(along: Floats, length: int) -> Floats:
    return 2 * along / length - 1


def darkness(pixels: NDArray[np.uint8], dark: bool = True) -> tuple[NDArray[np.uint8], float]:
    """How much darker than the paper each pixel is, of a picture shrunk to `SIDE`, and the scale.

    Grey closing gives the paper. `CLEAR` is the least that can be told from the paper's own noise
    around, 255 about six times that and more. Rules lighter than the paper: `dark` False.
    """
    from PIL import Image
    from scipy import ndimage

    image = Image.fromarray(pixels if dark else 255 - pixels)
    scale = max(1.0, max(image.size) / SIDE)
    size = max(1, round(image.width / scale)), max(1, round(image.height / scale))
    image = image.resize(size, Image.Resampling.HAMMING) if scale > 1 else image
    # The brightness and not the darkest colour, which JPEG keeps far more coarsely.
    values = ndimage.gaussian_filter(np.asarray(image.convert("L")), SMOOTH)
    paper = ndimage.grey_closing(values, (THICK, THICK)).astype(np.float32)
    relative = (paper - values) / np.maximum(paper, 24)
    threshold = _threshold(relative)
    return np.minimum(relative / threshold * CLEAR, 255).astype(np.uint8), scale


def _threshold(values: NDArray[np.float32], block: int = 32) -> NDArray[np.float32]:
    """(H, W) what is surely darker than paper, by the noise and the ringing of the blocks around."""
    from scipy import ndimage

    h, w = values.shape
    if h < block or w < block:
        return np.full_like(values, max(FAINTEST, RINGING * float(values.max())))
    rows, columns, half = h // block, w // block, block // 2
    cut = values[: rows * block : 2, : columns * block : 2]
    blocks = cut.reshape(rows, half, columns, half).swapaxes(1, 2).reshape(rows, columns, -1)
    noise = ndimage.median_filter(np.median(blocks, axis=2), 3, mode="nearest")
    strongest = ndimage.maximum_filter(blocks.max(2), 3, mode="nearest")
    least = np.maximum(np.maximum(FAINTEST, NOISE * noise), RINGING * strongest)
    at_y = np.minimum(np.arange(h) // block, rows - 1)
    at_x = np.minimum(np.arange(w) // block, columns - 1)
    return least[at_y][:, at_x].astype(np.float32)


def find_rules(dark: NDArray[np.uint8], whole: bool = False) -> Iterator[Rules]:
    """The rules of each large connected piece of ink in `darkness`, largest first.

    `whole`: at last, those of the whole picture, for a ruling that is broken everywhere.
    """
    from scipy import ndimage

    mask = dark > CLEAR
    labels, _ = ndimage.label(ndimage.maximum_filter(mask, 3))
    large = []
    for label, box in enumerate(ndimage.find_objects(labels), 1):
        h, w = (side.stop - side.start for side in box)
        if min(h, w) >= LEAST_SIDE and h * w >= LEAST_AREA * dark.size:
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


def _rules_of(dark: NDArray[np.uint8], mask: NDArray[np.bool_], corner: Floats) -> Rules | None:
    """The rules where `mask`, a part of the picture whose corner is `corner`, has ink."""
    from PIL import Image

    y, x = np.nonzero(mask)
    step = max(1, x.size // 20_000)
    points = np.stack([x[::step], y[::step]], 1) + corner  # (N, 2)
    found = _level(dark, mask, corner)
    if found is None:
        return None
    to_frame = found
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ to_frame.T
    if homogeneous[:, 2].min() < 0.2 * homogeneous[:, 2].max():
        return None  # no camera sees a page that steeply
    placed = homogeneous[:, :2] / homogeneous[:, 2:]
    low, high = placed.min(0) - 12, placed.max(0) + 12
    size = int(high[0] - low[0]), int(high[1] - low[1])
    if max(size) > 2 * SIDE:
        return None
    shift = np.array([[1, 0, low[0]], [0, 1, low[1]], [0, 0, 1]])
    back = np.linalg.inv(to_frame) @ shift
    back /= back[2, 2]
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
    return Rules(_trace(ink), _trace(np.ascontiguousarray(ink.T)), size, back)


def _level(dark: NDArray[np.uint8], mask: NDArray[np.bool_], corner: Floats) -> Floats | None:
    """The homography to a frame in which the two families of lines are level and upright.

    Each family meets in a vanishing point v, to which every edge of its lines points: an edge at p
    with normal n has n · (v_xy − v_w p) = 0, which least squares solve for v over all edges
    (reweighted, since writing has edges too). The frame is the one in which both points lie at
    infinity, along x and along y (Hartley and Zisserman, "Multiple view geometry", 2.7).
    """
    from scipy import ndimage

    h, w = mask.shape
    x0, y0 = (int(c) for c in corner)
    part = dark[y0 : y0 + h, x0 : x0 + w][: h // 2 * 2, : w // 2 * 2].astype(np.float32)
    half = part.reshape(h // 2, 2, w // 2, 2).mean((1, 3))
    here = mask[: h // 2 * 2, : w // 2 * 2].reshape(h // 2, 2, w // 2, 2).any((1, 3))
    # Smoothed first: the steps of a thin line are level and upright, whatever the line is.
    gy, gx = np.gradient(ndimage.gaussian_filter(half, 1.2))
    xx, xy, yy = (ndimage.gaussian_filter(g, 2.0) for g in (gx * gx, gx * gy, gy * gy))
    # The structure tensor's main direction, and how much it is one.
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    strength = np.hypot(xx - yy, 2 * xy)
    use = here & (strength > 0.6 * (xx + yy)) & (strength > 1e-6)
    y, x = np.nonzero(use)
    if x.size < 100:
        return None
    step = max(1, x.size // 12_000)
    y, x = y[::step], x[::step]
    angle, weight = angle[y, x], np.sqrt(strength[y, x])
    weight /= weight.mean()
    middle = corner + np.array([w, h]) / 2
    radius = max(w, h) / 2
    points = (np.stack([2 * x + 0.5, 2 * y + 0.5], 1) + corner - middle) / radius
    peaks = _two_directions(angle, weight)
    if peaks is None:
        return None
    vanishing = []
    for peak in peaks:
        near = np.abs(_turned(angle - peak)) < np.deg2rad(25)
        normals = np.stack([np.cos(angle[near]), np.sin(angle[near])], 1)
        vanishing.append(_vanishing_point(points[near], normals, weight[near]))
    # Lines run along the points they vanish at: the first family is the more level one.
    along = [v[:2] / np.linalg.norm(v[:2]) for v in vanishing]
    if abs(along[0][0]) < abs(along[1][0]):
        vanishing, along = vanishing[::-1], along[::-1]
    columns = []
    for i in range(2):
        v = vanishing[i] / np.linalg.norm(vanishing[i][:2])
        columns.append(v if along[i][i] > 0 else -v)
    matrix = np.column_stack([columns[0], columns[1], [0, 0, 1]])
    if abs(np.linalg.det(matrix)) < 0.3:
        return None
    unit = np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, radius]]) / radius
    scale = np.diag([radius, radius, 1.0])
    to_frame: Floats = scale @ np.linalg.inv(matrix) @ unit
    return to_frame


def _turned(angle: Floats) -> Floats:
    """An angle between lines, −π/2 to π/2."""
    return (angle + np.pi / 2) % np.pi - np.pi / 2


def _two_directions(angle: Floats, weight: Floats) -> tuple[float, float] | None:
    """The two main directions of normals, radians; None where there is only one."""
    from scipy import ndimage

    counts = np.bincount((np.rad2deg(angle) % 180).astype(int) % 180, weights=weight, minlength=180)
    smooth = ndimage.gaussian_filter1d(counts, 3.0, mode="wrap")
    first = int(smooth.argmax())
    apart = np.abs((np.arange(180) - first + 90) % 180 - 90)
    second = int(np.where(apart >= 50, smooth, 0).argmax())
    if smooth[second] < 0.08 * smooth[first]:
        return None
    return float(np.deg2rad(first + 0.5)), float(np.deg2rad(second + 0.5))


def _vanishing_point(points: Floats, normals: Floats, weight: Floats) -> Floats:
    """(3,) homogeneous, of unit length: where lines with these normals at these points meet."""
    rows = np.column_stack([normals, -(normals * points).sum(1)])
    trust = weight.copy()
    v = np.zeros(3)
    for width in (0.2, 0.1, 0.06, 0.04, 0.03, 0.02, 0.02, 0.015, 0.015):
        moment = (rows * trust[:, None]).T @ rows
        # Without evidence for a nearer one the point is at infinity.
        moment[2, 2] += 1e-4 * trust.sum()
        v = np.linalg.eigh(moment)[1][:, 0]
        towards = v[:2] - v[2] * points
        sine = (rows @ v) / np.maximum(np.linalg.norm(towards, axis=1), 1e-9)
        trust = weight / (1 + (sine / width) ** 2) ** 2
    return v


def _trace(ink: NDArray[np.bool_]) -> list[Rule]:
    """The nearly level rules of a frame (H, W), top to bottom: long runs of ink, joined."""
    from scipy import ndimage

    h, w = ink.shape
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
    order = np.argsort(owner, kind="stable")
    y, x, slim = y[order].astype(float), x[order].astype(float), slim[order]
    bounds = np.searchsorted(owner[order], np.arange(1, n + 2))
    for low, high in zip(bounds[:-1], bounds[1:], strict=True):
        reach = np.ptp(x[low:high]) + 1 if high > low else 0
        if reach < RUN:
            continue
        chosen = slice(low, high)
        if np.unique(x[low:high][slim[low:high]]).size >= 0.5 * reach:
            pieces.append((x[chosen][slim[chosen]], y[chosen][slim[chosen]]))
        else:  # the rule itself is broad
            pieces.append((x[chosen], y[chosen]))
    pieces.sort(key=lambda piece: -float(np.ptp(piece[0])))
    curves: list[Floats] = []
    while pieces and np.ptp(pieces[0][0]) >= SHORTEST * w and len(curves) < MOST_RULES:
        curve, pieces = _grow(pieces, w)
        curves.append(curve)
    rules = [Rule(curve, _inked(ink, curve)) for curve in curves]
    rules = [rule for rule in rules if rule.inked.mean() >= SHORTEST]
    return sorted(rules, key=lambda rule: float(rule.curve[-1]))


def _inked(ink: NDArray[np.bool_], curve: Floats) -> NDArray[np.bool_]:
    """Of each `_BIN` pixels along a curve, whether there is ink on it (or a pixel beside it)."""
    h, w = ink.shape
    x = np.arange(w // _BIN * _BIN)
    y = np.rint(np.polyval(curve, _unit(x, w))).astype(int)
    on = np.zeros(x.size, bool)
    for beside in (-1, 0, 1):
        row = y + beside
        on |= ink[row.clip(0, h - 1), x] & (row >= 0) & (row < h)
    inked: NDArray[np.bool_] = on.reshape(-1, _BIN).mean(1) >= 0.5
    return inked


def _grow(
    pieces: list[tuple[Floats, Floats]], length: int
) -> tuple[Floats, list[tuple[Floats, Floats]]]:
    """The course that the first piece begins, through all pieces that lie on it; and the rest."""
    x, y = pieces[0]
    rest = pieces[1:]
    for _ in range(3):
        curve = _fit(x, y, length)
        left = []
        for px, py in rest:
            off = np.abs(np.polyval(curve, _unit(px, length)) - py)
            # The course is less sure away from what it was found from.
            away = max(0.0, x.min() - px.max(), px.min() - x.max())
            if np.median(off) <= 2.5 + 0.015 * away:
                x, y = np.concatenate([x, px]), np.concatenate([y, py])
            else:
                left.append((px, py))
        if len(left) == len(rest):
            return curve, rest
        rest = left
    return _fit(x, y, length), rest


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
