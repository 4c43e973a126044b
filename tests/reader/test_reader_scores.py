"""How well a reader reads: distances, coverage, and the scores of whole sets."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from byhand.data import Dataset
from byhand.errors import DataError
from byhand.evaluation import reliability
from byhand.reader import benchmark, examples
from byhand.reader.page import Digit, Line, Page
from byhand.reader.scores import coverage, edit_distance, line_errors, threshold_rejecting


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
        probabilities = np.full(10, 0.01, np.float32)
        probabilities[int(value)] = 0.91
        rejected = confidence < threshold
        return Digit(None if rejected else value, confidence, probabilities, (10, 10, 8, 12))

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
