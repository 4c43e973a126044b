"""Pictures of ruled grids as a hand-held camera sees them, drawn from a seed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSansMono", "STIXGeneral", "cmr10")
INKS = ((25, 25, 30), (20, 30, 120), (90, 90, 95), (120, 30, 30), (10, 60, 40))
PAPERS = ((250, 250, 248), (238, 232, 215), (225, 230, 238), (246, 240, 160))


@dataclass(frozen=True, eq=False)
class GridPicture:
    """A picture, the text of each of its cells ("" where empty) and where its rules cross.

    `crossings` is (rows + 1, columns + 1, 2): x, y in pixels, a pixel's middle at whole numbers.
    """

    pixels: NDArray[np.uint8]
    texts: list[list[str]]
    crossings: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.texts), len(self.texts[0])


def draw_grid(rng, written=None, shape=None, side=1100, bent=True, turned=18.0) -> GridPicture:
    """A sudoku (shape 9 x 9) or a table, on paper, on a background, as photographed.

    `written`: (images (N, 28, 28), labels (N,)) of written digits; without it all are printed.
    `turned`: by up to so many degrees either way.
    """
    if shape is None:
        shape = (9, 9) if rng.random() < 0.5 else tuple(rng.integers(2, 13, 2).tolist())
    paper, edges, texts = _sheet(rng, written, shape)
    pixels, crossings = _photograph(rng, paper, edges, side, bent, turned)
    return GridPicture(pixels, texts, crossings)


def _sheet(rng, written, shape):
    """The flat sheet (H, W, 3) float, its rules' places (xs, ys), and the cells' texts."""
    rows, columns = shape
    sudoku = shape == (9, 9)
    cell = min(96.0, 1100 / max(shape))
    if sudoku:
        heights, widths = np.full(9, cell), np.full(9, cell)
    else:
        heights = np.full(rows, cell * rng.uniform(0.6, 1.1))
        widths = cell * rng.uniform(0.9, 1.8, columns)
        if rng.random() < 0.4:  # rows of unequal height
            heights = heights * rng.uniform(0.8, 1.5, rows)
    margin = cell * rng.uniform(0.4, 1.2)
    xs = margin + np.concatenate([[0], np.cumsum(widths)])
    ys = margin + np.concatenate([[0], np.cumsum(heights)])
    size = int(xs[-1] + margin), int(ys[-1] + margin)

    # Coverage of ink (0..1), ruled and written apart, since their colours differ.
    ruled = np.zeros((size[1], size[0]))
    thin = rng.uniform(1.2, 3.0)
    thick = thin * rng.uniform(1.0, 3.0)
    for places, ends, upright in ((xs, ys, True), (ys, xs, False)):
        for i, place in enumerate(places):
            heavy = i % 3 == 0 if sudoku else i in (0, len(places) - 1)
            _rule(ruled, place, ends[0], ends[-1], thick if heavy else thin, upright)
    ink = np.zeros((size[1], size[0]))
    texts = [["" for _ in range(columns)] for _ in range(rows)]
    filled = rng.uniform(0.2, 0.9)
    font = str(rng.choice(FONTS))
    by_hand = 0.0 if written is None else rng.choice([0.0, 0.5, 1.0])
    for i in range(rows):
        for j in range(columns):
            if rng.random() > filled:
                continue
            n = 1 if sudoku or widths[j] < 1.2 * heights[i] else int(rng.integers(1, 4))
            if rng.random() < by_hand:
                text, drawn = _written(rng, written, n, heights[i], widths[j])
            else:
                text, drawn = _printed(rng, font, n, heights[i], widths[j])
            texts[i][j] = text
            _put(rng, ink, drawn, (xs[j], ys[i], widths[j], heights[i]))
    base = np.array(PAPERS[rng.integers(len(PAPERS))], float)
    rule_colour = np.array(INKS[rng.integers(len(INKS))], float)
    # Rules may be much fainter than the writing.
    rule_colour = base + (rule_colour - base) * rng.uniform(0.3, 1.0)
    ink_colour = np.array(INKS[rng.integers(len(INKS))], float)
    sheet = np.broadcast_to(base, (*ink.shape, 3))
    sheet = sheet + (rule_colour - sheet) * (ruled[..., None])
    sheet = sheet + (ink_colour - sheet) * ink[..., None]
    return sheet, (xs, ys), texts


def _rule(ruled, place, start, end, width, upright):
    """One rule into the coverage (H, W), or its transpose: each pixel as far as it is covered."""
    into = ruled if upright else ruled.T
    low, high = place - width / 2, place + width / 2
    along = slice(round(start - width / 2), round(end + width / 2) + 1)
    for at in range(int(low), int(high) + 1):
        cover = np.clip(min(at + 1, high) - max(at, low), 0, 1)
        np.maximum(into[along, at], cover, out=into[along, at])


def _printed(rng, font, n, height, width):
    text = "".join(str(d) for d in rng.integers(0 if n > 1 else 1, 10, n))
    face = _face(font, round(height * rng.uniform(0.55, 0.75)))
    left, top, right, bottom = face.getbbox(text)
    picture = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(picture).text((-left, -top), text, fill=255, font=face)
    return text, _fit(np.asarray(picture) / 255.0, 0.8 * height, 0.85 * width)


@cache
def _face(font, size):
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(folder / f"{font}.ttf", size)


def _written(rng, written, n, height, width):
    images, labels = written
    chosen = rng.integers(0, len(images), n)
    parts = []
    for image in images[chosen]:
        box = image[np.ix_(image.max(1) > 60, image.max(0) > 60)]
        parts += [np.pad(np.pad(box, ((0, 20 - len(box)), (0, 0))), ((0, 0), (0, 2)))]
    picture = np.concatenate(parts, 1)[:, :-2] / 255.0
    scale = height * rng.uniform(0.5, 0.85) / 20
    # A pen's stroke is thinner than MNIST's enlarged ones.
    picture = np.clip(ndimage.zoom(picture, 2 * scale, order=1), 0, 1)
    picture = np.clip((picture - 0.45) * 4, 0, 1)
    picture = ndimage.zoom(picture, 0.5, order=1)
    return "".join(str(labels[i]) for i in chosen), _fit(picture, 0.95 * height, 0.95 * width)


def _fit(picture, height, width):
    scale = min(1.0, height / picture.shape[0], width / picture.shape[1])
    if scale == 1.0:
        return picture
    size = max(1, int(picture.shape[1] * scale)), max(1, int(picture.shape[0] * scale))
    small = Image.fromarray(np.uint8(picture * 255)).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(small) / 255.0


def _put(rng, ink, drawn, cell):
    """Into the cell, off its middle by chance; now and then so far that it touches a rule."""
    x, y, width, height = cell
    h, w = drawn.shape
    room = np.array([width - w, height - h]) / 2
    push = rng.normal(0, 0.35, 2).clip(-1, 1) * room
    if rng.random() < 0.06:
        push = np.sign(push) * (room + 0.04 * height)
    left = round(x + room[0] + push[0])
    top = round(y + room[1] + push[1])
    np.maximum(ink[top : top + h, left : left + w], drawn, out=ink[top : top + h, left : left + w])


def homography(source, target):
    """The (3, 3) matrix that takes four points (4, 2) to four others."""
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    solved = np.linalg.solve(np.array(rows, float), np.asarray(target, float).ravel())
    return np.append(solved, 1.0).reshape(3, 3)


def _photograph(rng, sheet, edges, side, bent, turned):
    """The sheet on a background, in perspective, in uneven light, with noise and JPEG's marks."""
    h, w = sheet.shape[:2]
    aspect = rng.choice([0.75, 1.0, 4 / 3])
    out_w, out_h = (side, round(side / aspect)) if aspect >= 1 else (round(side * aspect), side)
    angle = np.deg2rad(rng.uniform(-turned, turned))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2 @ turn.T
    corners *= 1 + rng.uniform(-0.09, 0.09, (4, 2))
    corners -= (corners.max(0) + corners.min(0)) / 2
    corners *= rng.uniform(0.75, 1.02) * (np.array([out_w, out_h]) / np.ptp(corners, 0)).min()
    corners += np.array([out_w, out_h]) / 2
    to_picture = homography([[0, 0], [w, 0], [w, h], [0, h]], corners)

    sag = rng.uniform(-0.012, 0.012, 2) * [w, h] if bent else np.zeros(2)

    def bend(x, y):
        return x + sag[0] * np.sin(np.pi * y / h), y + sag[1] * np.sin(np.pi * x / w)

    # Where each pixel of the photograph lies on the sheet.
    v, u = np.mgrid[:out_h, :out_w].astype(np.float32)
    back = np.linalg.inv(to_picture)
    scale = back[2, 0] * u + back[2, 1] * v + back[2, 2]
    x = (back[0, 0] * u + back[0, 1] * v + back[0, 2]) / scale
    y = (back[1, 0] * u + back[1, 1] * v + back[1, 2]) / scale
    x, y = bend(x, y)
    ground = _background(rng, (out_h, out_w))
    on_sheet = (x >= 0) & (x <= w - 1) & (y >= 0) & (y <= h - 1)
    smooth = max(0.0, 0.4 * (w / np.ptp(corners, 0).max() - 1))
    picture = np.empty((out_h, out_w, 3))
    for c in range(3):
        plane = ndimage.gaussian_filter(sheet[..., c], smooth) if smooth else sheet[..., c]
        seen = ndimage.map_coordinates(plane, [y, x], order=1, mode="nearest")
        picture[..., c] = np.where(on_sheet, seen, ground[..., c])

    # A rule's crossing on the sheet, unbent (the bend's inverse by fixed point), in the picture.
    gx, gy = np.meshgrid(*edges)
    px, py = gx.copy(), gy.copy()
    for _ in range(20):
        bx, by = bend(px, py)
        px, py = px + gx - bx, py + gy - by
    at = np.stack([px, py, np.ones_like(px)], -1) @ to_picture.T
    return _spoil(rng, picture, u, v), at[..., :2] / at[..., 2:]


def _background(rng, shape):
    colour = rng.uniform(40, 200) + rng.normal(0, 20, 3)
    grain = ndimage.gaussian_filter(rng.normal(0, 1, shape), (1.5, 25))
    return colour + (grain / grain.std() * rng.uniform(2, 12))[..., None]


def _spoil(rng, picture, u, v):
    h, w = picture.shape[:2]
    light = 1 + rng.uniform(-0.25, 0.25) * (u / w - 0.5) + rng.uniform(-0.25, 0.25) * (v / h - 0.5)
    if rng.random() < 0.5:  # a shadow with a soft edge
        side = np.cos(a := rng.uniform(0, 6.28)) * (u / w - 0.5) + np.sin(a) * (v / h - 0.5)
        light *= 1 - rng.uniform(0.15, 0.5) / (1 + np.exp(-side / rng.uniform(0.005, 0.1)))
    picture = picture * (light * rng.uniform(0.6, 1.0))[..., None]
    picture = ndimage.gaussian_filter(picture, (*[rng.uniform(0.2, 1.0)] * 2, 0))
    picture += rng.normal(0, rng.uniform(0.5, 5), picture.shape)
    stream = io.BytesIO()
    image = Image.fromarray(np.uint8(picture.clip(0, 255)))
    image.save(stream, "JPEG", quality=int(rng.integers(60, 95)))
    return np.asarray(Image.open(stream).convert("RGB"))


def draw_squared_paper(rng, written, side=1100) -> NDArray[np.uint8]:
    """Digits written across squared paper, larger than its squares: no table."""
    images, _ = written
    square = rng.uniform(22, 34)
    w, h = (1000, 1300) if rng.random() < 0.5 else (1200, 900)
    ruled = np.zeros((h, w))
    width = rng.uniform(1.0, 2.0)
    for k in range(1, int(max(w, h) / square) + 1):
        for length, other, upright in ((w, h, True), (h, w, False)):
            if k * square < length - 3:
                # Some paper is ruled to its edge, some has a margin.
                _rule(ruled, k * square, square, (other // square) * square, width, upright)
    ink = np.zeros((h, w))
    for y in np.arange(1.5 * square, h - 4 * square, rng.uniform(3, 4) * square):
        x = square * rng.uniform(1, 3)
        while x < w - 4 * square:
            image = images[rng.integers(len(images))]
            box = image[np.ix_(image.max(1) > 60, image.max(0) > 60)] / 255.0
            drawn = np.clip(ndimage.zoom(box, rng.uniform(1.4, 2.4) * square / 20, order=1), 0, 1)
            dh, dw = drawn.shape
            place = ink[int(y) : int(y) + dh, int(x) : int(x) + dw]
            np.maximum(place, drawn[: len(place), : place.shape[1]], out=place)
            x += dw + square * rng.uniform(0.2, 0.8)
    base = np.array(PAPERS[rng.integers(len(PAPERS))], float)
    rule_colour = base + (np.array([120, 150, 190.0]) - base) * rng.uniform(0.4, 1.0)
    ink_colour = np.array(INKS[rng.integers(len(INKS))], float)
    sheet = base + (rule_colour - base) * ruled[..., None]
    sheet = sheet + (ink_colour - sheet) * ink[..., None]
    edges = np.array([0.0, w]), np.array([0.0, h])
    return _photograph(rng, sheet, edges, side, True, 10.0)[0]


def measure(count: int, first: int = 0) -> dict[str, float]:
    """Of so many grids: found with the right shape (inferred, given), cells told empty or not."""
    import os
    import time

    from byhand.data import open_data
    from byhand.reader.grid import cell_pieces, find_grid

    test = open_data(Path(os.environ["BYHAND_DATA"])).test
    written = np.asarray(test.images)[:, 0], np.asarray(test.labels)
    inferred = given = told = cells = 0
    seconds = 0.0
    for seed in range(first, first + count):
        side = (1100, 1600, 2048)[seed % 3]
        picture = draw_grid(np.random.default_rng(seed), written, side=side)
        start = time.process_time()
        grid = find_grid(picture.pixels)
        seconds += time.process_time() - start
        right = grid is not None and grid.shape == picture.shape
        inferred += right
        grid = find_grid(picture.pixels, picture.shape)
        given += grid.rotation == 0 and not grid.notes
        found = np.array([[bool(cell) for cell in row] for row in cell_pieces(grid)])
        told += int((found == np.array([[bool(t) for t in row] for row in picture.texts])).sum())
        cells += found.size
        if not right or grid.notes:
            print(f"seed {seed}: {picture.shape}, {grid.notes}")
    return {
        "inferred": inferred / count,
        "given": given / count,
        "emptiness": told / cells,
        "seconds": seconds / count,
    }


if __name__ == "__main__":
    import sys

    print(measure(*map(int, sys.argv[1:])))
