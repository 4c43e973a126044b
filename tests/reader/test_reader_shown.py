"""What is shown of a reading: annotated pictures, steps, tables."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from byhand.errors import InputError, ShapeError
from byhand.reader.annotate import LONGEST, annotate, save_picture
from byhand.reader.lettering import DOUBTFUL, REJECTED, SURE, percent
from byhand.reader.page import Digit, Line, Page
from byhand.reader.steps import MOST, Steps
from byhand.reader.table import Reading, as_csv, line_box

PAPER = (240, 240, 200)


def digit(value="7", confidence=0.99, box=(10, 10, 8, 12), rejected=False):
    probabilities = np.full(10, 0.01, np.float32)
    probabilities[int(value)] = 0.91
    return Digit(None if rejected else value, confidence, probabilities, box)


def page(*digits, size=(100, 60), rotation=0):
    return Page((Line(digits),), rotation, size)


def paper(height, width):
    return np.full((height, width, 3), PAPER, np.uint8)


def where(picture, paint):
    """Rows and columns, as shares of the picture, in which a colour stands."""
    rows, columns = np.nonzero((np.asarray(picture) == paint).all(axis=2))
    return rows / picture.height, columns / picture.width


@pytest.mark.parametrize(
    ("found", "paint"),
    [
        (digit(confidence=0.99), SURE),
        (digit(confidence=0.95), SURE),
        (digit(confidence=0.94), DOUBTFUL),
        (digit(confidence=0.99, rejected=True), REJECTED),
    ],
)
def test_colours_tell_how_sure_a_digit_is(found, paint):
    drawn = annotate(paper(60, 100), page(found))
    there = {c for c in (SURE, DOUBTFUL, REJECTED) if len(where(drawn, c)[0])}
    assert there == {paint}


def test_a_box_is_drawn_around_its_digit_at_every_scale():
    # The page's pixels are ten times as many as those that are drawn on.
    found = digit(box=(400, 250, 200, 100))
    drawn = annotate(paper(60, 100), page(found, size=(1000, 600)))
    rows, columns = where(drawn, SURE)
    assert 0.38 < columns.min() < 0.4 < 0.6 < columns.max() < 0.62
    assert 0.25 < rows.min() < 0.4  # the tag above it
    assert 0.59 < rows.max() < 0.7  # the confidence below it


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_the_picture_is_turned_as_the_page_was(rotation):
    upright = paper(60, 100)
    upright[20:30, 70:80] = (200, 0, 0)
    lying = np.rot90(upright, rotation // 90)  # counter-clockwise; the page turns it back
    drawn = annotate(lying, page(rotation=rotation))
    rows, columns = where(drawn, (200, 0, 0))
    assert drawn.width > drawn.height
    assert (rows.mean(), columns.mean()) == pytest.approx((25 / 60, 0.75), abs=0.02)


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (28, 28), (60, 100), (1, 20_000), (20_000, 1), (3000, 4000)]
)
def test_annotated_pictures_are_large_enough_and_not_too_large(height, width):
    drawn = annotate(paper(height, width), page(digit(box=(0, 0, 1, 1)), size=(width, height)))
    assert 300 < max(drawn.size) <= LONGEST
    assert annotate(paper(height, width), Page(size=(width, height))).mode == "RGB"


def test_digits_in_the_corners_keep_their_tags():
    size = (200, 100)
    corners = [digit(box=(0, 0, 10, 14)), digit(box=(190, 86, 10, 14), confidence=0.5)]
    drawn = annotate(paper(100, 200), page(*corners, size=size))
    for paint in (SURE, DOUBTFUL):
        rows, columns = where(drawn, paint)
        # Nothing of the tags is cut off by the picture's edge.
        assert rows.min() > 0
        assert columns.min() > 0
        assert max(rows.max(), columns.max()) < 1 - 1 / LONGEST


def test_a_grid_s_cells_are_drawn():
    drawn = annotate(paper(60, 100), page(), cells=[(10, 10, 20, 20), (30, 10, 20, 20)])
    _, columns = where(drawn, (0, 158, 115))
    assert columns.min() == pytest.approx(0.1, abs=0.02)
    assert columns.max() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_annotating_wants_a_picture(pixels):
    with pytest.raises(ShapeError, match="cannot be drawn on"):
        annotate(pixels, page())


def test_pictures_are_written_by_their_ending(tmp_path):
    picture = Image.new("RGB", (4, 4))
    for name, kind in {"a.png": "PNG", "b.JPG": "JPEG", "c.webp": "WEBP"}.items():
        with Image.open(save_picture(picture, tmp_path / name)) as written:
            assert written.format == kind
    with pytest.raises(InputError, match=r"ends in \.jpeg, \.jpg, \.png"):
        save_picture(picture, tmp_path / "d.pdf")


def test_a_confidence_is_never_rounded_up_to_certainty():
    assert [percent(c) for c in (0.999, 0.5, 0.0, 1.0)] == ["99%", "50%", "0%", "100%"]


def test_steps_are_numbered_and_show_what_was_given(tmp_path):
    steps = Steps()
    steps.add("Ink, found", np.array([[0.0, 0.5, 1.0]]))
    steps.add("level", np.array([[True, False]]))
    steps.add("reading", paper(2, 3))
    steps.saw(np.zeros((28, 28), np.uint8), digit())
    names = [path.name for path in steps.write(tmp_path / "s")]
    assert names == [
        "01_ink_found.png", "02_level.png", "03_what_the_network_saw.png", "04_reading.png",
    ]  # fmt: skip
    with Image.open(tmp_path / "s" / "01_ink_found.png") as ink:
        np.testing.assert_array_equal(np.asarray(ink), [[0, 128, 255]])
    with Image.open(tmp_path / "s" / "02_level.png") as level:
        np.testing.assert_array_equal(np.asarray(level), [[255, 0]])


@pytest.mark.parametrize("shape", [(3,), (2, 2, 4), (0, 3), (2, 2, 3, 1)])
def test_a_step_wants_a_picture(shape):
    with pytest.raises(ShapeError, match="'ink'"):
        Steps().add("ink", np.zeros(shape, np.uint8))


def test_the_sheet_shows_every_digit_with_its_reading():
    steps = Steps()
    for i in range(12):
        steps.saw(np.full((28, 28), 255 - i, np.uint8), digit(str(i % 10)))
    sheet = np.asarray(steps.sheet())
    assert {tuple(c) for c in sheet.reshape(-1, 3)} >= {(255 - i,) * 3 for i in range(12)}
    assert (sheet == SURE).all(axis=2).any()


def test_the_sheet_does_not_grow_without_end():
    steps = Steps()
    for _ in range(MOST + 1):
        steps.saw(np.zeros((28, 28), np.uint8), digit())
    most = steps.sheet()
    steps.seen = steps.seen[:MOST]
    assert most.height - steps.sheet().height < 40  # a line that says "and 1 more"
    assert most.height > steps.sheet().height


def test_csv_can_be_read_back_whatever_stands_in_it():
    import csv

    found = page(digit("1"), digit("2", 0.4, (30, 4, 8, 20)))
    text = as_csv([Reading('a,"b".png', None, found), Reading("c", 2, None, "gone, it is")])
    head, first, second = csv.reader(text.splitlines())
    assert dict(zip(head, first, strict=True)) == {
        "file": 'a,"b".png', "line": "1", "text": "12", "confidence": "0.4000", "rejected": "0",
        "x": "10", "y": "4", "width": "28", "height": "20", "error": "",
    }  # fmt: skip
    assert (second[0], second[-1]) == ("c#page=2", "gone, it is")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r="])
def test_a_name_that_a_spreadsheet_would_run_is_text_in_csv(start):
    import csv
    import io

    text = as_csv([Reading(f"{start}1+1.png", None, None, f"{start}HYPERLINK()")])
    _, row = csv.reader(io.StringIO(text, newline=""))
    shown = start.replace("\r", " ")
    assert (row[0], row[-1]) == (f"'{shown}1+1.png", f"'{shown}HYPERLINK()")


def test_a_line_without_boxes_has_none():
    assert line_box(Line((digit(box=None),))) is None
