"""Ruled paper made level: how dark it is against the paper, and the frame without perspective."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIDE = 1024  # rules are looked for in a picture that is at most so long
# A rule is thinner than this; whatever is thicker belongs to the paper.
THICK = 17
# A rule is at least so much darker than the paper, as a part of the paper's brightness,
FAINTEST = 0.045
# and this many times as dark as the median of the pixels around,
NOISE = 3.0
# and this part as dark as the strongest ink around: JPEG lets that ring.
RINGING = 0.075
# So much of a picture that is drawn and not photographed is of one colour exactly; what is
# surely ink in it.
DRAWN, FAINTEST_DRAWN = 0.5, 0.02
SMOOTH = 0.6  # pixels, a Gaussian's deviation
# Lines that are looked at for where most of them meet, and pairs of them tried; and how near that
# may be: the sine of the angle under which it sees the grid's half.
SAMPLE, TRIES, NEAREST = 800, 200, 0.6
CLEAR = 40  # in `darkness`, what is surely darker than the paper


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
    # A screen's picture has no noise: the faintest lines can be told from its background.
    sample = np.asarray(image.convert("L"))[::3, ::3]
    drawn = float(np.bincount(sample.ravel()).max()) > DRAWN * sample.size
    threshold = FAINTEST_DRAWN if drawn else _threshold(relative)
    return np.minimum(relative / threshold * CLEAR, 255).astype(np.uint8), scale


def _threshold(values: NDArray[np.float32], block: int = 32) -> NDArray[np.float32]:
    """(H, W) what is surely darker than paper, by noise and ringing in the blocks around."""
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


def level(dark: NDArray[np.uint8], mask: NDArray[np.bool_], corner: Floats) -> Floats | None:
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
        vanishing.append(vanishing_point(points[near], normals, weight[near]))
    return levelling(vanishing, middle, radius)


def levelling(vanishing: list[Floats], middle: Floats, radius: float) -> Floats | None:
    """The homography that takes two vanishing points (of unit scale) to infinity, along x and y."""
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


def vanishing_point(points: Floats, normals: Floats, weight: Floats) -> Floats:
    """(3,) homogeneous, of unit length: where lines with these normals at these points meet.

    First the point where two of them meet to which most others lead (RANSAC: Fischler and Bolles,
    1981), then least squares, reweighted. Points (N, 2) are about 1 from the origin.
    """
    rows = np.column_stack([normals, -(normals * points).sum(1)])  # lines, homogeneous
    rng = np.random.default_rng(0)
    some = rng.permutation(len(rows))[:SAMPLE]
    pairs = some[rng.integers(0, some.size, (TRIES, 2))]
    meets = np.cross(rows[pairs[:, 0]], rows[pairs[:, 1]])
    size = np.linalg.norm(meets, axis=1)
    meets = meets[size > 1e-6] / size[size > 1e-6, None]
    meets = meets[np.abs(meets[:, 2]) < NEAREST]
    v = np.zeros(3)
    widths: tuple[float, ...] = (0.2, 0.1, 0.06, 0.04, 0.03, 0.02, 0.02, 0.015, 0.015)
    trust = weight.copy()
    if len(meets):
        away = meets[:, None, :2] - meets[:, None, 2:] * points[some]  # (tries, some, 2)
        sine = meets @ rows[some].T / np.maximum(np.hypot(away[..., 0], away[..., 1]), 1e-9)
        v = meets[int(((np.abs(sine) < 0.02) * weight[some]).sum(1).argmax())]
        trust, widths = weight * _trust(rows, points, v, 0.03), (0.02, 0.02, 0.015, 0.015)
    for width in widths:
        moment = (rows * trust[:, None]).T @ rows
        # Without evidence for a nearer one the point is at infinity.
        moment[2, 2] += 1e-4 * trust.sum()
        v = np.linalg.eigh(moment)[1][:, 0]
        trust = weight * _trust(rows, points, v, width)
    return v


def _trust(rows: Floats, points: Floats, v: Floats, width: float) -> Floats:
    """From 0 to 1, how well each line leads to v: within about `width` radians."""
    away = v[:2] - v[2] * points
    sine = (rows @ v) / np.maximum(np.hypot(away[:, 0], away[:, 1]), 1e-9)
    trust: Floats = 1 / (1 + (sine / width) ** 2) ** 2
    return trust
