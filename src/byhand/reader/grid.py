"""A ruled grid in a picture, such as a sudoku or a table: found, straightened, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .grid_cells import erase_rules, pieces_of_cells
from .grid_lattice import GridLattice, Shape, find_lattice
from .grid_level import CLEAR, darkness
from .grid_rules import LEAST_SIDE, find_grid_lines
from .ink import CORE, find_ink
from .pieces import Piece

Box = tuple[int, int, int, int]  # x, y, width, height
Floats = NDArray[np.float64]

# Pixels: the longest side of a straightened grid, and the shorter of its cells' usual sides.
LARGEST, CELL = 1400, 110
# A grid of so many cells may be squared paper: looked at first with so many pixels a cell.
MANY, GLANCE = 150, 24
MARGIN = 0.15  # of a cell, that is seen around the straightened grid
FAINT = 1.7  # how much stronger ink is made for rules that were not found
DARKEST = 110  # the median of a picture whose rules might be lighter than its paper


@dataclass(frozen=True, eq=False)
class Grid:
    """A grid, straightened: its rules run along `xs` and `ys`.

    Args:
        pixels: (H, W, 3) uint8 RGB, the straightened grid with a margin around.
        clean: (H, W, 3) the same without its rules.
        ink: (H, W) float32, amounts 0 to 1 of what stands in it.
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
    clean: NDArray[np.uint8]
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
                clean=np.ascontiguousarray(np.rot90(grid.clean, -1)),
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
    crossings = (lattice.crossings + 0.5) * scale
    if shape is None and crossings.size > 2 * MANY:
        # Squared paper, most likely: told by a glance, at little cost.
        flat, xs, ys, _ = _straighten(pixels, crossings, GLANCE)
        seen = darkness(erase_rules(flat, xs[1:-1], ys[1:-1]))[0]
        if not _keeps_to_cells(seen > CLEAR, xs, ys):
            return None
    flat, xs, ys, mesh = _straighten(pixels, crossings)
    clean = erase_rules(flat, xs[1:-1], ys[1:-1])
    size, notes = (pixels.shape[1], pixels.shape[0]), (lattice.note,) if lattice.note else ()
    grid = Grid(flat, clean, find_ink(clean).amount, xs, ys, mesh, size, 0, notes)
    if shape is None:
        return grid if _keeps_to_cells(grid.ink > CORE, xs, ys) else None
    return grid if grid.shape == shape else grid.turned(1)


def cell_pieces(grid: Grid) -> list[list[list[Piece]]]:
    """The pieces of ink in each cell, left to right, row by row; [] for an empty cell.

    Boxes are in the straightened picture's pixels: `Grid.to_picture` takes them back.
    """
    return pieces_of_cells(grid.clean, grid.ink, grid.xs[1:-1], grid.ys[1:-1])


def _search(pixels: NDArray[np.uint8], shape: Shape | None) -> tuple[GridLattice | None, float]:
    """The lattice with the least doubt, in the picture shrunk by the scale that comes with it."""
    best: GridLattice | None = None
    scale = 1.0
    if min(pixels.shape[:2]) < LEAST_SIDE:
        return best, scale
    for dark in (True, False):
        if not dark and np.median(pixels[::8, ::8]) > DARKEST:
            break
        values, scale = darkness(pixels, dark)
        for stronger in (1.0, FAINT):
            ruled = shape is not None
            for rules in find_grid_lines(values, whole=shape is not None):
                level, upright = len(rules.level), len(rules.upright)
                ruled |= min(level, upright) >= 2 and level * upright <= 2 * MANY
                lattice = find_lattice(rules, shape)
                if lattice is not None and (best is None or lattice.doubt < best.doubt):
                    best = lattice
                    if best.doubt == 0:
                        return best, scale
            if not ruled or stronger == FAINT:
                break
            # Once more, for rules that were too faint to be found whole.
            values = np.minimum(values * np.float32(FAINT), 255).astype(np.uint8)
    return best, scale


def _straighten(
    pixels: NDArray[np.uint8], crossings: Floats, cell: float = CELL
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], Floats]:
    """Each cell drawn from its four corners, so that bent paper comes out flat; `Grid`'s fields.

    That is its pixels, xs, ys and mesh. The usual cell's shorter side is `cell` pixels at most.
    """
    from PIL import Image

    width, height = pixels.shape[1], pixels.shape[0]
    across = np.linalg.norm(np.diff(crossings, axis=1), axis=2).max(0)  # (columns,)
    down = np.linalg.norm(np.diff(crossings, axis=0), axis=2).max(1)  # (rows,)
    usual = max(1.0, min(np.median(across), np.median(down)))
    zoom = min(1.0, LARGEST / max(1.0, across.sum(), down.sum()), cell / usual)
    # Pillow draws nothing of what lies outside, the very edge included.
    inside = np.array([width, height]) - 1e-3
    mesh = _with_margin(_with_margin(crossings, 0), 1).clip(0, inside)
    xs, ys = (_edges(sides * zoom) for sides in (across, down))
    # Shrunk before it is straightened, which alone would not average pixels.
    small = max(1, round(width * zoom)), max(1, round(height * zoom))
    image = Image.fromarray(pixels)
    image = image.resize(small, Image.Resampling.HAMMING) if zoom < 1 else image
    shrink = np.array(image.size) / (width, height)
    quads = []
    for i in range(len(ys) - 1):
        for j in range(len(xs) - 1):
            box = (int(xs[j]), int(ys[i]), int(xs[j + 1]), int(ys[i + 1]))
            corners = mesh[[i, i + 1, i + 1, i], [j, j, j + 1, j + 1]] * shrink
            quads.append((box, tuple(corners.ravel())))
    size = int(xs[-1]), int(ys[-1])
    straight = image.transform(size, Image.Transform.MESH, quads, Image.Resampling.BILINEAR)
    return np.asarray(straight), xs, ys, mesh


def _with_margin(points: Floats, axis: int) -> Floats:
    """One more point at either end, a little beyond."""
    points = np.moveaxis(points, axis, 0)
    before = points[0] + MARGIN * (points[0] - points[1])
    after = points[-1] + MARGIN * (points[-1] - points[-2])
    return np.moveaxis(np.concatenate([before[None], points, after[None]]), 0, axis)


def _edges(sides: Floats) -> NDArray[np.int64]:
    """Whole pixels from 0 on: the margin, the cells' sides (4 pixels at least), the margin."""
    sides = np.maximum(sides, 4)
    sides = np.concatenate([[MARGIN * sides[0]], sides, [MARGIN * sides[-1]]])
    return np.concatenate([[0], np.cumsum(np.maximum(np.rint(sides), 1))]).astype(np.int64)


def _keeps_to_cells(inked: NDArray[np.bool_], xs: NDArray[np.int64], ys: NDArray[np.int64]) -> bool:
    """Whether what is written keeps to its cells, as it does not on squared paper."""
    from scipy import ndimage

    labels, _ = ndimage.label(inked, np.ones((3, 3)))
    width, height = np.median(np.diff(xs[1:-1])), np.median(np.diff(ys[1:-1]))
    kept = large = 0
    for rows, columns in ndimage.find_objects(labels):
        w, h = columns.stop - columns.start, rows.stop - rows.start
        if h > 1.1 * height or w > 1.6 * width:
            large += 1
        elif h > 0.3 * height:
            kept += 1
    return large <= 0.25 * (kept + large)


def _spread_over_ink(pixels: NDArray[np.uint8], shape: Shape) -> GridLattice:
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
    return GridLattice(grid, 9.0, note)
