"""Lines of pieces: what belongs together, in which order, on straight and on crooked pages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import support
from byhand.data import open_data
from byhand.reader.find import find_lines
from byhand.reader.lines import find_skew, group_lines
from byhand.reader.pieces import MOST, Piece, find_pieces, height_of, turned
from reader import pages
from reader.pages import STYLES

GLYPHS = pages.glyphs()


def block(x, y, width=20, height=30):
    """A piece: a frame, as a 0 is."""
    ink = np.ones((height, width), np.float32)
    ink[4:-4, 4:-4] = 0
    return Piece(x, y, width, height, ink)


def places(lines):
    return [[(p.x, p.y) for p in line] for line in lines]


def lines_of(page, segmentation):
    """Which of the page's digits stand in which line, as found."""
    lines = []
    for line in segmentation.lines:
        owners = []
        for piece in line:
            down, right = np.nonzero(piece.ink > 0.5)
            at = segmentation.back @ np.stack(
                [piece.x + right + 0.5, piece.y + down + 0.5, down * 0 + 1]
            )
            x, y = at.astype(int)
            inside = (x >= 0) & (y >= 0) & (x < page.owners.shape[1]) & (y < page.owners.shape[0])
            own = page.owners[y[inside], x[inside]]
            if own.any():
                owners.append(int(np.bincount(own[own > 0]).argmax()))
        lines.append(list(dict.fromkeys(owners)))
    return [line for line in lines if line]


def numbered(texts):
    """Digits counted from 1, line by line."""
    lines, n = [], 0
    for text in texts:
        lines.append(list(range(n + 1, n + len(text) + 1)))
        n += len(text)
    return lines


@pytest.mark.parametrize("name", STYLES)
def test_every_digit_of_a_page_is_in_its_line_from_left_to_right(name):
    page = pages.draw(np.random.default_rng(1), *GLYPHS, counts=(6, 5, 7), style=STYLES[name])
    segmentation = find_lines(page.pixels)
    assert lines_of(page, segmentation) == numbered(page.lines)
    assert sum(len(line) for line in segmentation.lines) <= 18 + 1
    # A level page is at most a few degrees off, a skewed one is levelled.
    assert segmentation.skew == pytest.approx(STYLES[name].skew, abs=2.5)


def test_wide_gaps_keep_a_line_together():
    row = [block(x, 100) for x in (10, 40, 300, 330, 900)]
    below = [block(x, 160) for x in (10, 600)]
    assert places(group_lines(below + row[::-1])) == places([row, below])


def test_a_column_is_as_many_lines():
    column = [block(50, 45 * i) for i in range(9)]
    assert places(group_lines(column[::-1])) == [[(50, 45 * i)] for i in range(9)]


def test_lines_may_drift_and_be_ragged():
    rng = np.random.default_rng(0)
    for slope in (-0.06, 0.0, 0.06):
        rows = [
            [
                block(30 + 40 * i, int(100 + 75 * r + slope * 40 * i + rng.integers(-6, 7)))
                for i in range(4 + 3 * r)
            ]
            for r in range(4)
        ]
        shuffled = [p for row in rows for p in row]
        rng.shuffle(shuffled)
        assert places(group_lines(shuffled)) == places(rows)


def test_small_digits_beside_long_tails_stay_in_their_line():
    # A 7 with a long tail beside a small 5 and small 0s, a line close below.
    above = [block(10, 100, 20, 30), block(40, 92, 25, 80), block(75, 105, 16, 18)]
    above += [block(100, 104, 18, 20), block(130, 85, 24, 75)]
    below = [block(10, 190), block(80, 188), block(130, 192)]
    assert places(group_lines(above + below)) == places([above, below])


def test_a_mark_joins_the_line_it_is_nearest_to():
    row, below = [block(10, 100), block(50, 100)], [block(10, 200), block(50, 200)]
    bar, dot = block(52, 91, 18, 9), Piece(38, 226, 4, 4, np.ones((4, 4), np.float32))
    lines = group_lines([*row, *below, bar, dot])
    assert bar in lines[0]
    assert dot in lines[1]


def test_the_parts_of_a_broken_digit_are_one_line():
    upper, lower = block(10, 10, 20, 16), block(10, 28, 20, 16)
    assert len(group_lines([upper, lower])) == 1
    others = [block(50 + 30 * i, 10, 20, 34) for i in range(4)]
    assert len(group_lines([upper, lower, *others])) == 1
    # Two digits, one below the other, are two.
    assert len(group_lines([block(10, 10), block(10, 52)])) == 2


@pytest.mark.parametrize("skew", [-14, -8, -3, 0, 3, 8, 14])
def test_skew_is_measured(skew):
    style = replace(STYLES["plain"], size=(900, 800), skew=skew)
    page = pages.draw(np.random.default_rng(2), *GLYPHS, counts=(8, 8, 8), style=style)
    assert find_skew(find_lines(page.pixels).lines[0]) == pytest.approx(0, abs=2.5)
    assert find_lines(page.pixels).skew == pytest.approx(skew if abs(skew) > 2 else 0, abs=1.5)


def test_too_few_pieces_are_not_skewed():
    assert find_skew([]) == 0
    assert find_skew([block(10, 10), block(60, 30), block(110, 50)]) == 0


def test_boxes_come_back_to_the_picture_they_were_in():
    style = replace(STYLES["plain"], size=(900, 800), skew=9)
    page = pages.draw(np.random.default_rng(3), *GLYPHS, counts=(6, 6), style=style)
    segmentation = find_lines(page.pixels)
    boxes = [
        segmentation.box_back((p.x, p.y, p.width, p.height), p.ink)
        for ps in segmentation.lines
        for p in ps
    ]
    for number, (x, y, width, height) in enumerate(boxes, 1):
        down, right = np.nonzero((page.owners == number) & (page.ink > 0.3))
        true = right.min(), down.min(), np.ptp(right) + 1, np.ptp(down) + 1
        np.testing.assert_allclose((x, y, width, height), true, atol=4)


def test_pieces_turn_with_their_page():
    rng = np.random.default_rng(0)
    page = np.zeros((40, 60), np.float32)
    page[5:17, 8:15] = rng.uniform(0.5, 1, (12, 7))
    for quarters in range(4):
        whole = np.ascontiguousarray(np.rot90(page, -quarters))
        (piece,), _ = find_pieces(page)
        (direct,), _ = find_pieces(whole)
        moved = turned(piece, 90 * quarters, (60, 40))
        assert (moved.x, moved.y) == (direct.x, direct.y)
        np.testing.assert_array_equal(moved.ink, direct.ink)


def test_pieces_hold_their_own_ink_alone():
    amount = np.zeros((50, 50), np.float32)
    amount[10:40, 10:14] = amount[36:40, 10:40] = 1  # an L around
    amount[15:25, 20:30] = 0.8
    pieces, many = find_pieces(amount)
    assert not many
    assert sorted(float(p.ink.max()) for p in pieces) == pytest.approx([0.8, 1])
    total = np.zeros_like(amount)
    for p in pieces:
        total[p.y : p.y + p.height, p.x : p.x + p.width] += p.ink
    np.testing.assert_array_equal(total, amount)


def test_specks_borders_and_blots_are_left_out():
    amount = np.zeros((400, 600), np.float32)
    for i in range(6):
        amount[100:140, 100 + 50 * i : 106 + 50 * i] = 1
    amount[:, :15] = 1  # the table beside the page
    amount[:12, 300:] = 1
    amount[380:, 580:] = 1  # a corner
    amount[200:380, 300:480] = 1  # a blot
    amount[50:52, 50:52] = 1  # a speck
    pieces, _ = find_pieces(amount)
    assert sorted(p.x for p in pieces) == [99 + 50 * i for i in range(6)]
    assert height_of(pieces) == 42  # with the rim


def test_a_frameless_digit_up_to_the_border_is_kept():
    amount = np.zeros((120, 90), np.float32)
    amount[:, 30:50] = amount[100:, :] = 1
    assert len(find_pieces(amount)[0]) == 1


def test_a_page_of_specks_is_bounded_and_says_so():
    grey = np.full((900, 1200, 3), 255, np.uint8)
    rng = np.random.default_rng(0)
    for y, x in rng.integers(0, (890, 1190), (5000, 2)):
        grey[y : y + 7, x : x + 4] = 0
    segmentation = find_lines(grey)
    assert 0 < sum(len(line) for line in segmentation.lines) <= MOST
    assert any("pieces" in note for note in segmentation.notes)


def test_steps_are_kept_only_when_asked_for():
    page = pages.draw(np.random.default_rng(0), *GLYPHS)
    assert find_lines(page.pixels).steps == {}
    steps = find_lines(page.pixels, steps=True).steps
    assert list(steps) == ["ink", "lines"]
    assert all(picture.dtype == np.uint8 for picture in steps.values())


def test_each_mnist_digit_is_one_line_and_whole():
    images = open_data(support.require_data()).test.images[:1000, 0]
    for image in images:
        segmentation = find_lines(np.repeat(image[..., None], 3, axis=2))
        assert len(segmentation.lines) == 1
        found = np.zeros((40, 40), np.float32)
        for p in segmentation.lines[0]:
            part = found[p.y : p.y + p.height, p.x : p.x + p.width]
            np.maximum(part, p.ink, out=part)
        true = image / np.float32(255)
        assert (true * (found[:28, :28] == 0)).sum() < 0.02 * true.sum()
