"""What is shown of a reading: annotated pictures, steps, tables; and the figures of a reader."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from byhand.data import Dataset
from byhand.errors import DataError, InputError, ShapeError
from byhand.evaluation import reliability
from byhand.reader import benchmark, examples
from byhand.reader.annotate import LONGEST, annotate, save_picture
from byhand.reader.lettering import DOUBTFUL, REJECTED, SURE, percent
from byhand.reader.page import Digit, Line, Page
from byhand.reader.scores import coverage, edit_distance, line_errors, threshold_rejecting
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


# --- how well a reader reads ---


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [("", "", 0), ("123", "123", 0), ("123", "", 3), ("123", "13", 1), ("123", "1243", 1),
     ("123", "173", 1), ("12345", "23456", 2), ("kitten", "sitting", 3)],
)  # fmt: skip
def test_edit_distance(a, b, distance):
    assert edit_distance(a, b) == edit_distance(b, a) == distance


@given(st.text("012", max_size=7), st.text("012", max_size=7), st.text("012", max_size=7))
def test_edit_distance_is_a_distance(a, b, c):
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


@pytest.mark.parametrize(
    ("read", "written", "errors"),
    [
        (["12", "34"], ["12", "34"], 0),
        (["12"], ["12", "345"], 3),  # a line missed
        (["12", "9", "34"], ["12", "34"], 1),  # a line added
        (["34", "12"], ["12", "34"], 4),  # in the wrong order: one moved out and in
        (["1234"], ["12", "34"], 4),  # two lines taken for one are no reading of two
        (["12", "24"], ["12", "34"], 1),
        ([], ["12", "34"], 4),
        (["7"], [], 1),
    ],
)
def test_lines_are_compared_as_lines(read, written, errors):
    assert line_errors(read, written) == errors


def test_coverage_counts_who_is_kept_and_who_of_them_is_wrong():
    sure = np.array([0.2, 0.5, 0.9, 0.99])
    right = np.array([False, False, True, True])
    curve = coverage(sure, right, (0, 0.5, 0.6, 0.995))
    assert curve.coverage == (1.0, 0.75, 0.5, 0.0)
    assert curve.error == (0.5, pytest.approx(1 / 3), 0.0, None)
    with pytest.raises(DataError):
        coverage(sure[:0], right[:0])


@given(
    st.lists(st.sampled_from([0.1, 0.5, 0.7, 0.99]), min_size=1), st.sampled_from([0, 0.02, 0.5])
)
def test_no_more_than_the_share_is_rejected_below_the_threshold(values, share):
    sure = np.array(values)
    threshold = threshold_rejecting(sure, share)
    assert (sure < threshold).mean() <= share
    # No higher one does: the next step up rejects more.
    assert (sure <= threshold).mean() > share or threshold == sure.max()


class Shades:
    """Reads a digit's picture by its brightness, 20 for each digit; a page likewise."""

    threshold = 0.6

    def digit(self, image, threshold):
        value = int(np.asarray(image).max()) // 20
        confidence = 0.9 if value < 10 else 0.1
        value = str(min(value, 9))
        return digit(value, confidence, rejected=confidence < threshold)

    def read_digits(self, images, threshold=None):
        return [self.digit(i, self.threshold if threshold is None else threshold) for i in images]

    def read(self, image, *, threshold=None):
        if isinstance(image, bytes):
            image = BytesIO(image)
        if not isinstance(image, np.ndarray):
            image = np.asarray(Image.open(image))
        found = self.digit(image, self.threshold if threshold is None else threshold)
        return Page((Line((found,)),) if found.value else ())


def shaded(labels):
    return np.stack([np.full((28, 28), 20 * label + 5, np.uint8) for label in labels])


@pytest.fixture
def handwriting(tmp_path):
    folder = tmp_path / "handwriting"
    (folder / "photos").mkdir(parents=True)
    labels = np.array([0, 1, 2, 3, 9])
    np.savez(folder / "semeion.npz", images=shaded([0, 1, 2, 3, 8]), labels=labels)
    np.savez(folder / "other.npz", images=shaded([1, 2]), labels=np.array([1, 2]))
    for name, value in {"a.png": 4, "b.png": 5}.items():
        Image.fromarray(shaded([value])[0]).save(folder / "photos" / name)
    lines = {"a.png": {"lines": ["4"]}, "b.png": {"lines": ["66", "7"]}}
    (folder / "photos" / "labels.json").write_text(json.dumps(lines))
    return folder


@pytest.fixture
def few(monkeypatch):
    """No strings, and twelve that are no digits, two of which look like one."""
    monkeypatch.setattr(benchmark, "PAGES", 1)
    monkeypatch.setattr(benchmark.Benchmark, "_strings", lambda self: None)
    pictures, kinds = list(shaded([12] * 10 + [3] * 2)), ["noise"] * 9 + ["letter"] * 3
    monkeypatch.setattr(examples, "nondigits_for_testing", lambda n, seed: (pictures, kinds))


@pytest.fixture
def measured(handwriting, few):
    labels = np.arange(100) % 10
    images = shaded(labels)
    images[0] = 25  # a nought that looks like a one
    mnist = Dataset(images[:, None], labels, tuple("0123456789"))
    bench = benchmark.Benchmark(Shades(), mnist, handwriting)
    names = list(bench.run())
    assert names == bench.names
    return bench.record


def test_single_digits_are_scored(measured):
    digits = measured["digits"]
    assert digits["semeion"]["accuracy"] == 0.8
    assert digits["other"]["accuracy"] == 1
    assert digits["mnist"]["accuracy"] == 0.99
    assert digits["mnist"]["ece"] == pytest.approx(0.09)  # 90 % sure and 99 % right
    assert digits["semeion"]["ece"] == pytest.approx(0.1)
    assert measured["evaluation"]["n"] == 100
    assert np.sum(measured["evaluation"]["confusion"]) == 100
    assert measured["evaluation"]["confusion"][0][1] == 1
    assert measured["mnist_pages"]["accuracy"] == 0.99


def test_photographs_are_scored_by_line(measured):
    assert measured["photos"]["errors"] == 3  # "5" for "66" and "7"
    assert measured["photos"]["characters"] == 4
    assert [p["error_rate"] for p in measured["photos"]["each"]] == [0, 1]


def test_what_is_no_digit_is_scored(measured):
    assert measured["nondigits"]["rejected"] == pytest.approx(10 / 12)
    assert measured["nondigits"]["rejected_at_2_percent"] == pytest.approx(10 / 12)
    by_kind = measured["nondigits"]["by_kind"]
    assert {kind: part["n"] for kind, part in by_kind.items()} == {"noise": 9, "letter": 3}
    assert by_kind["letter"]["rejected"] == pytest.approx(1 / 3)


def test_the_table_says_what_is_met_and_what_is_not_there(measured):
    met = {row["name"]: row["met"] for row in measured["rows"]}
    assert met["semeion"] is False
    assert met["photos"] is False
    assert met["other"] is None
    assert "usps_train" not in met
    text = benchmark.text(measured)
    assert "Semeion, digits right" in text
    assert "80.00%" in text
    assert "NO" in text
    assert "b.png: 3 of 3 characters wrong, read 5" in text
    assert "not there: usps_train, nsysu_exam_108x, drawn_28x28" in text


def test_the_record_is_plain_values(measured):
    from byhand.files import jsonable

    json.dumps(jsonable(measured), allow_nan=False)


def test_without_any_set_the_non_digits_are_left(few):
    bench = benchmark.Benchmark(Shades())
    assert list(bench.run()) == ["nondigits"]
    assert bench.record["nondigits"]["rejected_at_2_percent"] is None
    assert "not there: mnist" in benchmark.text(bench.record)


@pytest.mark.parametrize(
    "arrays",
    [
        {"images": shaded([1])}, {"images": shaded([1]), "labels": np.array([10])},
        {"images": shaded([1]), "labels": np.array([1, 2])},
        {"images": shaded([1]).astype(float), "labels": np.array([1])},
    ],
)  # fmt: skip
def test_a_set_of_something_else_is_refused(tmp_path, arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=r"a\.npz"):
        benchmark.open_digits(tmp_path / "a.npz")


@pytest.mark.parametrize("text", ["", "[]", '{"a.png": ["1"]}', '{"a.png": {"lines": 3}}'])
def test_labels_of_photographs_that_are_none_are_refused(handwriting, few, text):
    (handwriting / "photos" / "labels.json").write_text(text)
    with pytest.raises(DataError, match=r"labels\.json"):
        list(benchmark.Benchmark(Shades(), None, handwriting).run())


def test_calibration_is_of_the_confidence_that_users_see(handwriting, few):
    bench = benchmark.Benchmark(Shades(), None, handwriting)
    list(bench.run())
    given = np.array([d.probabilities for d in Shades().read_digits(shaded([0, 1, 2, 3, 8]))])
    labels = np.array([0, 1, 2, 3, 9])
    figures = bench.record["digits"]["semeion"]
    assert figures["ece_given_digit"] == pytest.approx(reliability(given, labels).ece)
    assert figures["ece"] == pytest.approx(abs(0.9 - 0.8))


class Silent(Shades):
    """Reads nothing on any page."""

    def read(self, image, *, threshold=None):
        return Page()


def test_strings_that_are_not_read_are_wrong_in_every_character(monkeypatch):
    monkeypatch.setattr(benchmark, "PAGES", 12)
    labels = np.arange(1, 10)
    images = np.zeros((9, 28, 28), np.uint8)
    images[:, 4:24, 9:19] = 255
    bench = benchmark.Benchmark(Silent(), Dataset(images[:, None], labels, tuple("0123456789")))
    bench._strings()
    strings = bench.record["strings"]
    assert (strings["pages"], strings["pages_right"], strings["error_rate"]) == (12, 0, 1)
    assert strings["characters"] >= 12 * 3
    by_spacing = strings["by_spacing"].values()
    assert sum(part["characters"] for part in by_spacing) == strings["characters"]
