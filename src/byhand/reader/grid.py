"""A ruled grid in a picture, such as a sudoku or a table: found, straightened, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .grid_cells import erase_rules, pieces_of_cells
from .grid_lattice import Lattice, Shape, find_lattice
from .grid_level import darkness
from .grid_rules import find_rules
from .ink import find_ink
from .pieces import Piece

Box = tuple[int, int, int, int]  # x, y, width, height
Floats = NDArray[np.float64]

LARGEST = 1400  # pixels: the longest side of a straightened grid
MARGIN = 0.15  # of a cell, that is seen around the straightened grid
DARKEST = 110  # the median of a picture whose rules might be lighter than its paper


@dataclass(frozen=True, eq=False)
class Grid:
    """A grid, straightened: its rules run along `xs` and `ys`.

    Args:
        pixels: (H, W, 3) uint8 RGB, the straightened grid with a margin around.
        ink: (H, W) float32, amounts 0 to 1 of what stands in it, its rules taken out.
        xs, ys: (columns + 3,), (rows + 3,) whole pixels: the margin's edge, the rules, the
            margin's other edge.
        mesh: (rows + 3, columns + 3, 2) x, y in the working picture of where those cross,
            counted from the edge of the first pixel.
        size: (width, height) of the working picture.
        rotation: clockwise, in degrees, by which the working picture was turned since it was
            searched; `mesh` and `size` are those of the turned one.
        notes: what had to be guessed, a sentence each.
    """

    pixels: NDArray[np.uint8]
    ink: NDArray[np.float32]
    xs: NDArray[np.int64]
    ys: NDArray[np.int64]
    mesh: Floats
    size: tuple[int, int]
    rotation: int = 0
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        return len(self.ys) - 3, len(self.xs) - 3

    @property
    def cells(self) -> list[list[Box]]:
        """Each cell's box in the straightened picture, row by row."""
        xs, ys = self.xs[1:-1].tolist(), self.ys[1:-1].tolist()
        return [
            [(x, y, right - x, bottom - y) for x, right in pairwise(xs)]
            for y, bottom in pairwise(ys)
        ]

    def to_picture(self, box: Box) -> Box:
        """The box in the working picture that holds a box of the straightened one."""
        x, y, width, height = box
        corners = [
            self._seen(u, v) for v in (y, y + height) for u in (x, x + (width + 1) // 2, x + width)
        ]
        low = np.floor(np.min(corners, axis=0)).clip(0, np.array(self.size) - 1).astype(int)
        high = np.ceil(np.max(corners, axis=0)).clip(low + 1, self.size).astype(int)
        return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])

    def _seen(self, x: float, y: float) -> Floats:
        """(2,) the point of the working picture: bilinear within a cell."""
        j = int(np.clip(np.searchsorted(self.xs, x, "right") - 1, 0, len(self.xs) - 2))
        i = int(np.clip(np.searchsorted(self.ys, y, "right") - 1, 0, len(self.ys) - 2))
        u = (x - self.xs[j]) / (self.xs[j + 1] - self.xs[j])
        v = (y - self.ys[i]) / (self.ys[i + 1] - self.ys[i])
        (a, b), (c, d) = self.mesh[i : i + 2, j : j + 2]
        point: Floats = (1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * c + u * d)
        return point

    def turned(self, quarters: int) -> Grid:
        """The same grid with the page turned clockwise by so many quarters."""
        grid = self
        for _ in range(quarters % 4):
            height, (w, h) = grid.pixels.shape[0], grid.size
            mesh = np.stack([h - grid.mesh[..., 1], grid.mesh[..., 0]], -1)
            grid = replace(
                grid,
                pixels=np.ascontiguousarray(np.rot90(grid.pixels, -1)),
                ink=np.ascontiguousarray(np.rot90(grid.ink, -1)),
                xs=height - grid.ys[::-1],
                ys=grid.xs,
                mesh=np.rot90(mesh, -1),
                size=(h, w),
                rotation=(grid.rotation + 90) % 360,
            )
        return grid


def find_grid(pixels: NDArray[np.uint8], shape: Shape | None = None) -> Grid | None:
    """The ruled grid of a picture.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        shape: rows and columns. A page that lies on its side is turned (`Grid.rotation`) so that
            it has them. Where no such grid is ruled, the best guess is taken, and `notes` say so.
            None: rows and columns are those of the rules, and only a plain grid counts, whose
            rules are all whole, of two rows and two columns at least, and whose contents keep to
            their cells (squared paper is no table).

    Returns:
        The grid, or None where no shape was given and there is no plain grid.
    """
    lattice, scale = _search(pixels, shape)
    if lattice is None:
        if shape is None:
            return None
        lattice, scale = _spread_over_ink(pixels, shape), 1.0
    # From a pixel's middle in the shrunk picture to edges in the working one.
    grid = _straighten(pixels, (lattice.crossings + 0.5) * scale, lattice)
    if shape is None:
        return grid if _keeps_to_cells(grid) else None
    return grid if grid.shape == shape else grid.turned(1)


def cell_pieces(grid: Grid) -> list[list[list[Piece]]]:
    """The pieces of ink in each cell, left to right, row by row; [] for an empty cell.

    Boxes are in the straightened picture's pixels: `Grid.to_picture` takes them back.
    """
    return pieces_of_cells(grid.ink, grid.xs[1:-1], grid.ys[1:-1])


def _search(pixels: NDArray[np.uint8], shape: Shape | None) -> tuple[Lattice | None, float]:
    """The lattice with the least doubt, in the picture shrunk by the scale that comes with it."""
    best: Lattice | None = None
    scale = 1.0
    for dark in (True, False):
        if not dark and np.median(pixels[::8, ::8]) > DARKEST:
            break
        values, scale = darkness(pixels, dark)
        for rules in find_rules(values, whole=shape is not None):
            lattice = find_lattice(rules, shape)
            if lattice is not None and (best is None or lattice.doubt < best.doubt):
                best = lattice
                if best.doubt == 0:
                    return best, scale
    return best, scale


def _straighten(pixels: NDArray[np.uint8], crossings: Floats, lattice: Lattice) -> Grid:
    """The grid with each cell drawn from its four corners, so that bent paper comes out flat."""
    from PIL import Image

    width, height = pixels.shape[1], pixels.shape[0]
    across = np.linalg.norm(np.diff(crossings, axis=1), axis=2).max(0)  # (columns,)
    down = np.linalg.norm(np.diff(crossings, axis=0), axis=2).max(1)  # (rows,)
    zoom = min(1.0, LARGEST / max(across.sum(), down.sum()))
    mesh = _with_margin(_with_margin(crossings, 0), 1).clip(0, (width, height))
    xs, ys = (_edges(sides * zoom) for sides in (across, down))
    quads = []
    for i in range(len(ys) - 1):
        for j in range(len(xs) - 1):
            box = (int(xs[j]), int(ys[i]), int(xs[j + 1]), int(ys[i + 1]))
            corners = mesh[[i, i + 1, i + 1, i], [j, j, j + 1, j + 1]]
            quads.append((box, tuple(corners.ravel())))
    image = Image.fromarray(pixels)
    size = int(xs[-1]), int(ys[-1])
    straight = image.transform(size, Image.Transform.MESH, quads, Image.Resampling.BILINEAR)
    flat = np.asarray(straight)
    clean = erase_rules(flat, xs[1:-1], ys[1:-1])
    notes = (lattice.note,) if lattice.note else ()
    return Grid(flat, find_ink(clean).amount, xs, ys, mesh, (width, height), 0, notes)


def _with_margin(points: Floats, axis: int) -> Floats:
    """One more point at either end, a little beyond."""
    points = np.moveaxis(points, axis, 0)
    before = points[0] + MARGIN * (points[0] - points[1])
    after = points[-1] + MARGIN * (points[-1] - points[-2])
    return np.moveaxis(np.concatenate([before[None], points, after[None]]), 0, axis)


def _edges(sides: Floats) -> NDArray[np.int64]:
    sides = np.maximum(sides, 4)
    sides = np.concatenate([[MARGIN * sides[0]], sides, [MARGIN * sides[-1]]])
    return np.concatenate([[0], np.maximum(np.rint(np.cumsum(sides)), 1)]).astype(np.int64)


def _keeps_to_cells(grid: Grid) -> bool:
    """Whether what is written keeps to its cells, as it does not on squared paper."""
    from scipy import ndimage

    labels, _ = ndimage.label(grid.ink > 0.3, np.ones((3, 3)))
    width, height = np.median(np.diff(grid.xs[1:-1])), np.median(np.diff(grid.ys[1:-1]))
    kept = large = 0
    for rows, columns in ndimage.find_objects(labels):
        w, h = columns.stop - columns.start, rows.stop - rows.start
        if h > 1.1 * height or w > 1.6 * width:
            large += 1
        elif h > 0.3 * height:
            kept += 1
    return large <= 0.25 * (kept + large)


def _spread_over_ink(pixels: NDArray[np.uint8], shape: Shape) -> Lattice:
    """The grid laid over all ink where no rules are, its edges moved to where little ink is."""
    ink = find_ink(pixels).amount
    edges = []
    for axis, cells in ((1, shape[0]), (0, shape[1])):
        profile = ink.sum(axis)
        inked = np.flatnonzero(profile > 0.5)
        low, high = (inked[0], inked[-1] + 1) if inked.size else (0, profile.size)
        pitch = (high - low) / cells
        inner = []
        for k in range(1, cells):
            near = np.arange(round(low + (k - 0.3) * pitch), round(low + (k + 0.3) * pitch) + 1)
            near = near[(near > low) & (near < high)]
            cost = profile[near] + 1e-3 * np.abs(near - low - k * pitch)
            inner.append(near[int(np.argmin(cost))] if near.size else low + k * pitch)
        edges.append(np.array([low - 0.5, *inner, high - 0.5], float))
    grid = np.stack(np.meshgrid(edges[1], edges[0]), -1)  # (rows + 1, columns + 1, 2)
    note = (
        f"No ruled grid was found: {shape[0]}x{shape[1]} cells were laid over all that is written."
    )
    return Lattice(grid, 9.0, note)
