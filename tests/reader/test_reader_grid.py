"""Ruled grids: found in photographs, straightened, their cells' contents told from their rules."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import support
from byhand.data import open_data
from byhand.reader.grid import cell_pieces, find_grid
from byhand.reader.grid_cells import erase_rules
from byhand.reader.grid_level import vanishing_point
from byhand.reader.picture import open_picture
from reader import grids

FONT = "DejaVuSans"


@pytest.fixture(scope="module")
def written():
    test = open_data(support.require_data()).test
    return np.asarray(test.images)[:, 0], np.asarray(test.labels)


def filled(grid):
    return [[bool(cell) for cell in row] for row in cell_pieces(grid)]


def expected(texts):
    return [[bool(text) for text in row] for row in texts]


def right_cells(grid, picture):
    """How many cells are told right to be empty or not, and how many there are."""
    agree = np.array(filled(grid)) == np.array(expected(picture.texts))
    return int(agree.sum()), agree.size


def farthest(grid, picture):
    """How far a crossing was found from where it is, as a part of the picture's longer side."""
    off = np.abs(grid.mesh[1:-1, 1:-1] - 0.5 - picture.crossings)
    return off.max() / max(picture.pixels.shape)


def screen(rows=9, columns=9, cell=48, paper=255, rule=170, ink=0, ruled=True, ends=(0, 0)):
    """A grid as a program draws it, with a digit in every third cell; `ends`: rules left out."""
    width, height = columns * cell + 60, rows * cell + 60
    image = Image.new("RGB", (width, height), (paper,) * 3)
    pen = ImageDraw.Draw(image)
    for k in range(ends[0], columns + 1 - ends[1]) if ruled else ():
        pen.line((30 + k * cell, 30, 30 + k * cell, height - 30), fill=(rule,) * 3)
    for k in range(ends[0], rows + 1 - ends[1]) if ruled else ():
        pen.line((30, 30 + k * cell, width - 30, 30 + k * cell), fill=(rule,) * 3)
    face = grids._face(FONT, round(0.6 * cell))
    texts = [[str(1 + (i + j) % 9) if (i + j) % 3 == 0 else "" for j in range(columns)]
             for i in range(rows)]  # fmt: skip
    for i, j in np.ndindex(rows, columns):
        at = (30 + (j + 0.5) * cell, 30 + (i + 0.5) * cell)
        pen.text(at, texts[i][j], fill=(ink,) * 3, font=face, anchor="mm")
    return np.asarray(image), texts


def test_photographed_grids_are_found_without_their_shapes_and_empty_cells_are_told():
    right = cells = 0
    for seed in range(8):
        picture = grids.draw_grid(np.random.default_rng([seed, 1]), side=1000)
        grid = find_grid(picture.pixels)
        assert grid is not None
        assert (grid.shape, grid.notes, grid.rotation) == (picture.shape, (), 0)
        assert farthest(grid, picture) < 0.01
        told, of = right_cells(grid, picture)
        right, cells = right + told, cells + of
    assert right >= 0.995 * cells


@pytest.mark.parametrize("seed", range(4))
def test_a_photographed_grid_with_handwriting_is_found(seed, written):
    picture = grids.draw_grid(np.random.default_rng([seed, 2]), written, side=1200)
    found, told = find_grid(picture.pixels), find_grid(picture.pixels, picture.shape)
    assert found is not None
    assert found.shape == told.shape == picture.shape
    assert told.notes == ()
    right, cells = right_cells(told, picture)
    assert right >= 0.985 * cells


def test_a_cell_s_box_is_found_back_in_the_picture_however_the_page_is_turned():
    picture = grids.draw_grid(np.random.default_rng(11), shape=(3, 5), side=900)
    pixels, crossings = picture.pixels, picture.crossings
    grid = find_grid(pixels, (3, 5))
    for quarters in range(5):
        turned = grid.turned(quarters)
        assert turned.rotation == 90 * (quarters % 4)
        assert turned.size == (pixels.shape[1], pixels.shape[0])
        rows, columns = turned.shape
        assert (rows + 1, columns + 1) == crossings.shape[:2]
        for i, j in np.ndindex(rows, columns):
            x, y, w, h = turned.to_picture(turned.cells[i][j])
            corners = crossings[i : i + 2, j : j + 2].reshape(4, 2)
            np.testing.assert_allclose([x, y], corners.min(0), atol=5)
            np.testing.assert_allclose([x + w, y + h], corners.max(0), atol=5)
        # A quarter clockwise: x' = height - 1 - y, y' = x.
        height = pixels.shape[0]
        pixels = np.rot90(pixels, -1)
        crossings = np.rot90(np.stack([height - 1 - crossings[..., 1], crossings[..., 0]], -1), -1)


def test_a_turned_grid_holds_the_same_in_turned_cells():
    pixels, _ = screen(2, 4, 70)
    grid = find_grid(pixels, (2, 4))
    upright = np.array(filled(grid))
    for quarters in (1, 2, 3):
        np.testing.assert_array_equal(filled(grid.turned(quarters)), np.rot90(upright, -quarters))
    np.testing.assert_array_equal(grid.turned(4).pixels, grid.pixels)


def test_a_page_that_lies_on_its_side_is_turned_to_have_the_shape_asked_for():
    pixels, texts = screen(3, 7, 60)
    grid = find_grid(np.ascontiguousarray(np.rot90(pixels)), (3, 7))
    assert (grid.shape, grid.rotation, grid.notes) == ((3, 7), 90, ())
    assert filled(grid) == expected(texts)


@pytest.mark.parametrize(
    ("paper", "rule", "ink"), [(255, 0, 0), (255, 236, 0), (24, 120, 250), (230, 160, 90)]
)
def test_a_grid_on_a_screen_is_found_with_faint_rules_and_light_ones(paper, rule, ink):
    pixels, texts = screen(9, 9, 40, paper, rule, ink)
    grid = find_grid(pixels)
    assert grid is not None
    assert grid.shape == (9, 9)
    assert filled(grid) == expected(texts)


def test_a_small_and_a_large_grid_are_found():
    for cell in (22, 200):
        pixels, texts = screen(9, 9, cell)
        grid = find_grid(pixels)
        assert grid is not None
        assert filled(grid) == expected(texts)
        assert max(grid.pixels.shape) <= 1500


def test_a_grid_with_open_sides_is_found_when_its_shape_is_given_and_not_otherwise():
    pixels, texts = screen(3, 3, 150, ends=(1, 1))
    grid = find_grid(pixels, (3, 3))
    assert grid.notes == ()
    assert filled(grid) == expected(texts)
    assert find_grid(pixels) is None


def test_a_missing_rule_is_made_up_for_with_a_note():
    pixels, texts = screen(6, 6, 80)
    patched = pixels.copy()
    for y in range(60, 30 + 6 * 80, 80):  # the rule between the third and the fourth column
        patched[y - 28 : y + 48, 30 + 3 * 80] = 255
    patched[32:-32, 30 + 3 * 80] = 255
    grid = find_grid(patched, (6, 6))
    assert grid.shape == (6, 6)
    assert len(grid.notes) == 1
    assert "6x5" in grid.notes[0]
    assert filled(grid) == expected(texts)


def test_digits_without_rules_are_cells_when_a_shape_is_given_with_a_note():
    pixels, _ = screen(4, 4, 80, ruled=False)
    grid = find_grid(pixels, (4, 4))
    assert grid.shape == (4, 4)
    assert len(grid.notes) == 1
    assert "No ruled grid" in grid.notes[0]
    # The digits reach into all rows and columns, so the cells lie as they were drawn.
    assert sum(map(sum, filled(grid))) == 6


def test_a_page_of_squared_paper_is_no_table(written):
    for seed in (1, 10):
        pixels = grids.draw_squared_paper(np.random.default_rng(seed), written, 1200)
        assert find_grid(pixels) is None


def test_no_grid_is_seen_in_what_has_none():
    rng = np.random.default_rng(0)
    lined = np.full((700, 900, 3), 250, np.uint8)
    lined[80::60] = (150, 170, 210)
    lined[:, 90] = (220, 120, 120)  # and the margin's
    hash_sign = Image.new("RGB", (400, 400), "white")
    ImageDraw.Draw(hash_sign).text((60, 0), "#", fill="black", font=grids._face(FONT, 380))
    eight = Image.new("RGB", (300, 300), "white")
    ImageDraw.Draw(eight).text((60, 0), "8", fill="black", font=grids._face(FONT, 280))
    for pixels in (
        screen(5, 8, ruled=False)[0],
        lined,
        np.asarray(hash_sign),
        np.asarray(eight),
        np.full((300, 400, 3), 255, np.uint8),
        np.zeros((300, 400, 3), np.uint8),
        rng.integers(0, 256, (600, 800, 3), dtype=np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((1, 2048, 3), np.uint8),
    ):
        assert find_grid(pixels) is None


def test_no_grid_is_seen_in_photographs_of_writing():
    photos = sorted((support.require_data() / "handwriting" / "photos").glob("*.[jp][pn]g"))
    for path in photos:
        assert find_grid(open_picture(path).pixels) is None, path.name


@pytest.mark.parametrize("size", [(1, 1), (1, 2048), (2048, 1), (5, 7), (40, 41)])
def test_the_smallest_pictures_give_empty_cells(size):
    grid = find_grid(np.full((*size, 3), 200, np.uint8), (2, 3))
    assert filled(grid) == [[False] * 3] * 2
    for row in grid.cells:
        for cell in row:
            x, y, w, h = grid.to_picture(cell)
            assert 0 <= x < x + w <= max(size[1], 1)
            assert 0 <= y < y + h <= max(size[0], 1)


def test_noise_with_a_shape_given_is_a_grid_without_an_error():
    noise = np.random.default_rng(1).integers(0, 256, (500, 700, 3), dtype=np.uint8)
    assert find_grid(noise, (4, 4)).shape == (4, 4)


def ruled_page(rule, stroke):
    """A page with rules at x, y = 20, 120, 220, a stroke across one, and the page without rules."""
    plain = np.full((240, 240, 3), 245, np.uint8)
    plain[60:180, 64:72] = stroke  # across the rule at y = 120
    plain[40:48, 150:190] = stroke
    page = plain.copy()
    for k in (20, 120, 220):
        for line in (np.s_[k - 1 : k + 2, 20:221], np.s_[20:221, k - 1 : k + 2]):
            page[line] = np.minimum(page[line], rule)
    return page, plain


@pytest.mark.parametrize(("rule", "stroke"), [(150, 20), (20, 20), (20, 120)])
def test_rules_are_erased_and_strokes_across_them_carried_on(rule, stroke):
    page, plain = ruled_page(rule, stroke)
    edges = np.array([20, 120, 220])
    clean = erase_rules(page, edges, edges)
    off = np.abs(clean.astype(int) - plain).max(2)
    off[:18] = off[-18:] = off[:, :18] = off[:, -18:] = 0
    assert off[:, 66:70].max() < 60  # the stroke's middle, where it crosses
    assert (off > 30).mean() < 0.002


def test_a_picture_without_rules_is_left_as_it_is():
    _, plain = ruled_page(150, 20)
    edges = np.array([20, 120, 220])
    np.testing.assert_array_equal(erase_rules(plain, edges, edges), plain)


def test_a_digit_across_a_rule_belongs_to_the_cell_that_holds_most_of_it():
    pixels, _ = screen(3, 3, 120, ink=255)  # nothing written
    image = Image.fromarray(pixels)
    face = ImageFont.truetype(grids._face(FONT, 90).path, 90)
    # Its foot is in the cell below.
    ImageDraw.Draw(image).text((210, 124), "7", fill=(10, 10, 60), font=face, anchor="mm")
    grid = find_grid(np.asarray(image), (3, 3))
    cells = cell_pieces(grid)
    assert [len(cell) for row in cells for cell in row] == [0, 1, 0, 0, 0, 0, 0, 0, 0]
    piece = cells[0][1][0]
    assert piece.y + piece.height > grid.cells[1][1][1]
    assert piece.ink.shape == (piece.height, piece.width)


def test_the_vanishing_point_of_lines_is_where_they_meet():
    rng = np.random.default_rng(3)
    for meet in ([6.0, 0.5, 1.0], [1.0, -0.2, 0.0], [-4.0, 1.0, 1.0]):
        target = np.array(meet)
        points = rng.uniform(-1, 1, (400, 2))
        along = target[:2] - target[2] * points
        normals = np.stack([-along[:, 1], along[:, 0]], 1)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        stray = rng.random(400) < 0.2  # what is written has other directions
        angle = rng.uniform(0, np.pi, 400)
        normals[stray] = np.stack([np.cos(angle), np.sin(angle)], 1)[stray]
        found = vanishing_point(points, normals, np.ones(400))
        target = target / np.linalg.norm(target)
        assert abs(found @ target) > 0.9999
