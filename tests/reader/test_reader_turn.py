"""Turned pages: set upright where the reading says so, and left alone where it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import support
from byhand.data import open_data
from byhand.reader.find import find_lines
from byhand.reader.pieces import Piece
from byhand.reader.recognise import Recogniser
from byhand.reader.turn import find_turn
from reader import pages
from reader.pages import STYLES

GLYPHS = pages.glyphs()


class Upright:
    """Stands in for the recogniser: sure of pictures whose ink is mostly above, of no others."""

    def __init__(self, sure=0.99):
        self.sure = sure

    def read(self, pictures, views=1):
        above = pictures[:, :14].sum((1, 2)) > 1.2 * pictures[:, 14:].sum((1, 2))
        read = np.full((len(pictures), 12), 0.001, np.float32)
        read[:, 7] = np.where(above, self.sure, 0.05)
        return read


def flag(quarters):
    """A piece with its weight above, turned clockwise."""
    ink = np.zeros((30, 20), np.float32)
    ink[:8], ink[:, 8:12] = 1, 1
    ink = np.rot90(ink, -quarters)
    return Piece(0, 0, ink.shape[1], ink.shape[0], ink)


@pytest.mark.parametrize("quarters", range(4))
def test_what_reads_better_another_way_up_is_turned(quarters):
    assert find_turn([flag(quarters)] * 6, Upright()) == (360 - 90 * quarters) % 360


def test_few_pieces_and_slight_evidence_turn_nothing():
    assert find_turn([], Upright()) == 0
    assert find_turn([flag(2)], Upright()) == 0
    assert find_turn([flag(2)] * 2, Upright()) == 0
    assert find_turn([flag(2)] * 6, Upright(sure=0.06)) == 0


@pytest.fixture(scope="module")
def recogniser():
    return Recogniser.load()


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("skew", [0, 8])
def test_a_written_page_is_set_upright(recogniser, turn, skew):
    test = open_data(support.require_data()).test
    style = replace(STYLES["plain"], size=(900, 800), turn=turn, skew=skew)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        page = pages.draw(rng, test.images[:, 0], test.labels, (8, 7, 8), style)
        segmentation = find_lines(page.pixels, recogniser)
        assert (segmentation.rotation + turn) % 360 == 0
        assert [len(line) for line in segmentation.lines] == pytest.approx([8, 7, 8], abs=2)
        assert segmentation.size == (900, 800)


def test_an_upright_page_with_few_digits_stays(recogniser):
    test = open_data(support.require_data()).test
    for seed in range(10):
        rng = np.random.default_rng(seed)
        page = pages.draw(rng, test.images[:, 0], test.labels, (3 + seed % 4,))
        assert find_lines(page.pixels, recogniser).rotation == 0
