"""The page that comes with the package: drawn by the project, and read as it says."""

from __future__ import annotations

import numpy as np
from PIL import Image

import byhand
from byhand.reader.examples.sample import LINES, PAGE, sample_page


def test_the_page_is_the_one_that_its_code_draws():
    kept, drawn = np.asarray(Image.open(PAGE)), sample_page()
    assert kept.shape == drawn.shape
    assert np.abs(kept.astype(int) - drawn).mean() < 1  # Pillow's versions round apart


def test_the_page_is_read_as_it_says():
    page = byhand.Reader.load().read(PAGE)
    assert tuple(line.text for line in page.lines) == LINES
