"""The whole reader: pages, drawings, grids and pictures without a digit, from any source."""

from __future__ import annotations

import io
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

import byhand
from byhand.errors import DataError, InputError
from byhand.reader import Digit, Line, Page, Reader, open_picture
from byhand.reader.cut import DigitCandidate
from byhand.reader.examples import nondigits_for_testing, pens, words_for_testing
from byhand.reader.reader import _accepted
from byhand.reader.steps import Steps
from reader import pages


@pytest.fixture(scope="module")
def reader():
    return byhand.Reader.load()


@pytest.fixture(scope="module")
def page():
    """A page of printed digits, dark on paper: its pixels and its lines."""
    drawn = pages.draw(np.random.default_rng(3), *pages.glyphs(), counts=(5, 3, 7))
    return drawn.pixels, drawn.lines


def canvas(digit, way=0, side=120, dark=True, seed=0):
    """One digit drawn by strokes, on a square (side, side)."""
    ink = pens.draw(pens.WAYS[digit][way], np.random.default_rng(seed))
    share = 0.6 * side / max(ink.shape)
    size = (max(1, round(ink.shape[1] * share)), max(1, round(ink.shape[0] * share)))
    picture = Image.new("L", (side, side))
    picture.paste(Image.fromarray(ink).resize(size), ((side - size[0]) // 2, (side - size[1]) // 2))
    values = np.asarray(picture)
    return 255 - values if dark else values


def test_a_page_is_read_line_by_line(reader, page):
    pixels, lines = page
    found = reader.read(pixels)
    assert [line.text for line in found.lines] == lines
    assert found.text == "\n".join(lines)
    assert found.rotation == 0
    assert found.size == (pixels.shape[1], pixels.shape[0])
    assert found.grid is None


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_page_is_turned_back_and_its_boxes_lie_in_the_upright_picture(
    reader, page, quarters
):
    pixels, lines = page
    upright = reader.read(pixels)
    found = reader.read(np.ascontiguousarray(np.rot90(pixels, quarters)))
    assert [line.text for line in found.lines] == lines
    assert found.rotation == 90 * quarters
    assert found.size == upright.size
    for one, other in zip(found.lines, upright.lines, strict=True):
        for a, b in zip(one.digits, other.digits, strict=True):
            assert np.abs(np.subtract(a.box, b.box)).max() <= 3


def test_what_is_known_to_stand_upright_is_not_turned(reader, page):
    pixels, lines = page
    assert [line.text for line in reader.read(pixels, upright=True).lines] == lines
    lying = np.ascontiguousarray(np.rot90(pixels))
    assert reader.read(lying, upright=True).rotation == 0


def test_boxes_hold_the_ink_of_their_digits_in_the_originals_pixels(reader, page):
    pixels, lines = page
    large = np.asarray(
        Image.fromarray(pixels).resize((4200, 4200 * len(pixels) // pixels.shape[1]))
    )
    found = reader.read(large)
    assert [line.text for line in found.lines] == lines
    assert found.size == (large.shape[1], large.shape[0])
    dark = large.mean(axis=2) < 110
    covered = np.zeros_like(dark)
    for line in found.lines:
        for digit in line.digits:
            x, y, w, h = digit.box
            covered[y : y + h, x : x + w] = True
            assert dark[y : y + h, x : x + w].any()
    assert (dark & ~covered).sum() < 0.02 * dark.sum()


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("side", [28, 64, 120, 280, 800])
def test_a_drawn_digit_of_any_size_is_one_line_of_one_digit(reader, side, dark):
    for digit in (0, 2, 3, 5, 6, 8, 9):
        found = reader.read(canvas(digit, side=side, dark=dark, seed=digit))
        assert found.text == str(digit)
        assert len(found.lines) == 1


def test_every_source_is_read_alike(reader, page, tmp_path):
    pixels, lines = page
    path = tmp_path / "page.png"
    Image.fromarray(pixels).save(path)
    sources = [path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), pixels,
               Image.fromarray(pixels), pixels / np.float32(255)]  # fmt: skip
    for source in sources:
        assert [line.text for line in reader.read(source).lines] == lines


def test_single_digits_of_mixed_sizes_and_shades_are_read_together(reader):
    kinds = [(2, 28, True), (3, 28, False), (5, 90, True), (6, 300, False), (8, 17, True)]
    images = [canvas(digit, side=side, dark=dark) for digit, side, dark in kinds]
    found = reader.read_digits(images, threshold=0)
    assert [digit.value for digit in found] == list("23568")
    for digit in found:
        assert digit.box is None
        assert 0 <= digit.confidence <= 1
        assert digit.probabilities.shape == (10,)
        assert digit.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert digit.value == str(digit.probabilities.argmax())
    assert reader.read_digits([]) == []
    stack = np.stack([canvas(d, side=28) for d in (2, 3)])
    assert [digit.value for digit in reader.read_digits(stack)] == ["2", "3"]


def test_a_dot_beside_the_digit_is_not_read(reader):
    for digit in (2, 3, 5, 8):
        image = canvas(digit, side=60)
        image[44:48, 53:57] = 0
        assert reader.read_digits([image])[0].value == str(digit)
        assert reader.read(image).text == str(digit)


BLANKS = {
    "white": np.full((200, 300), 255, np.uint8),
    "black": np.zeros((200, 300), np.uint8),
    "grey": np.full((50, 50, 3), 120, np.uint8),
    "one pixel": np.zeros((1, 1), np.uint8),
    "a line of pixels": np.full((1, 20000), 200, np.uint8),
    "a gradient": np.tile(np.linspace(90, 230, 400).astype(np.uint8), (300, 1)),
    "grain": (200 + np.random.default_rng(0).normal(0, 6, (300, 400))).astype(np.uint8),
}


@pytest.mark.parametrize("name", BLANKS)
def test_a_picture_without_a_digit_comes_out_empty(reader, name):
    found = reader.read(BLANKS[name])
    assert found.lines == ()
    assert found.text == ""
    (digit,) = reader.read_digits([BLANKS[name]])
    assert digit.value is None
    (forced,) = reader.read_digits([BLANKS[name]], threshold=0)
    assert forced.value in "0123456789"


def test_pure_noise_is_no_digit_said_with_confidence(reader):
    for seed in range(3):
        noise = np.random.default_rng(seed).integers(0, 256, (700, 900), dtype=np.uint8)
        found = reader.read(noise)
        assert sum(len(line.text) for line in found.lines) <= 3


def test_a_threshold_rejects_and_the_text_leaves_rejected_ones_out(reader, page):
    pixels, lines = page
    everything = reader.read(pixels, threshold=0)
    nothing = reader.read(pixels, threshold=1)
    assert everything.text.replace("\n", "") == "".join(lines)
    assert len(nothing.text) < len(everything.text)
    some = reader.read(pixels, threshold=0.9)
    for line in some.lines:
        for digit in line.digits:
            assert (digit.value is not None) == (digit.confidence >= 0.9)
        assert line.text == "".join(d.value for d in line.digits if d.value)


@pytest.mark.parametrize("wrong", [-0.1, 1.5, 2, float("nan"), "x", "0.5", True, [0.5]])
def test_a_threshold_that_is_no_share_is_refused(reader, wrong):
    with pytest.raises(InputError, match="threshold"):
        reader.read(BLANKS["white"], threshold=wrong)
    with pytest.raises(InputError, match="threshold"):
        reader.read_digits([BLANKS["white"]], threshold=wrong)


def test_other_arguments_that_fit_nothing_are_refused(reader):
    for grid in [(0, 3), (3,), (-1, 2), "3y3", "", (2.0, 2), (1000, 1000), 5, (True, 2), b"9x9"]:
        with pytest.raises(InputError, match="grid"):
            reader.read(BLANKS["white"], grid=grid)
    for digits in (0, 2.0, "3", True, 10**30):
        with pytest.raises(InputError, match="digits"):
            reader.read(BLANKS["white"], digits=digits)
    for wrong in ({"upright": 1}, {"upright": "no"}, {"steps": 5}, {"steps": []}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            reader.read(BLANKS["white"], **wrong)
    with pytest.raises((DataError, InputError)):
        reader.read("absent.png")


def test_what_is_no_list_of_pictures_is_refused(reader, tmp_path):
    one = np.full((28, 28), 255, np.uint8)
    picture = Image.fromarray(one)
    for wrong in (picture, open_picture(one), one, np.dstack([one] * 3), "a.png", tmp_path, b"x",
                  io.BytesIO(), None, 5, {"a": one}):  # fmt: skip
        with pytest.raises(InputError, match=r"for one, give \[picture\]"):
            reader.read_digits(wrong)
    for wrong in ([None], [[[0, 1], [1, 0]]], [5], [tmp_path], [b""], [tmp_path / "absent.png"]):
        with pytest.raises(InputError):
            reader.read_digits(wrong)
    for right in ([picture], (one,), np.stack([one]), iter([open_picture(one)])):
        assert len(reader.read_digits(right, threshold=0)) == 1


@pytest.mark.parametrize("wrong", ["", " ", b"model", 5, ["a"], "absent.safetensors", "."])
def test_what_is_no_reader_s_model_is_refused(wrong):
    with pytest.raises(InputError):
        Reader.load(wrong)


def test_a_grid_may_be_asked_for_in_words(reader):
    blank = np.full((90, 90, 3), 255, np.uint8)
    assert reader.read(blank, grid="none") == reader.read(blank, grid=False)


def test_a_grid_comes_out_as_rows_of_cells(reader):
    rng = np.random.default_rng(1)
    side, rows, columns = 80, 3, 4
    sheet = np.full((rows * side + 60, columns * side + 60), 245, np.uint8)
    for k in range(rows + 1):
        sheet[30 + k * side - 1 : 30 + k * side + 2, 30 : 31 + columns * side] = 40
    for k in range(columns + 1):
        sheet[30 : 31 + rows * side, 30 + k * side - 1 : 30 + k * side + 2] = 40
    expected = [["2", None, "5", "3"], [None, "8", None, "6"], ["3", "2", None, "5"]]
    for i, row in enumerate(expected):
        for j, value in enumerate(row):
            if value is not None:
                ink = canvas(int(value), side=60, seed=int(rng.integers(99)))
                y, x = 30 + i * side + 10, 30 + j * side + 10
                sheet[y : y + 60, x : x + 60] = np.minimum(sheet[y : y + 60, x : x + 60], ink)
    for grid in ((rows, columns), [rows, columns], True, None):
        found = reader.read(sheet, grid=grid)
        assert found.grid == expected
        assert [line.text for line in found.lines] == ["253", "86", "325"]
        assert len(found.cells) == rows * columns
    sideways = reader.read(np.ascontiguousarray(np.rot90(sheet)))
    assert sideways.grid == expected
    assert sideways.rotation == 90
    box = found.lines[0].digits[1].box
    assert 30 + 2 * side < box[0] < 30 + 3 * side
    assert reader.read(sheet, grid=False).grid is None


def test_the_steps_are_kept_when_they_are_asked_for(reader, page, tmp_path):
    pixels, _ = page
    steps = Steps()
    found = reader.read(pixels, steps=steps)
    assert [name for name, _ in steps.pictures][:2] == ["picture", "ink"]
    assert len(steps.seen) == sum(len(line.digits) for line in found.lines)
    assert len(steps.write(tmp_path)) == len(steps.pictures) + 1


def test_a_page_is_plain_values_for_json():
    digit = Digit("7", 0.9, np.eye(10, dtype=np.float32)[7], (1, 2, 3, 4))
    unsure = Digit(None, 0.2, np.full(10, 0.1, np.float32), (5, 2, 3, 4))
    found = Page((Line((digit, unsure)),), 90, (30, 20))
    values = found.as_dict()
    assert values["lines"] == [
        {
            "text": "7",
            "digits": [
                {"value": "7", "confidence": 0.9, "box": [1, 2, 3, 4]},
                {"value": None, "confidence": 0.2, "box": [5, 2, 3, 4]},
            ],
        }
    ]
    assert values["rotation"] == 90
    assert values["grid"] is None
    assert digit.choices(2) == [("7", 1.0), ("0", 0.0)]


def test_threads_can_share_a_reader(reader, page):
    pixels, _ = page
    texts = []
    threads = [
        threading.Thread(target=lambda: texts.append(reader.read(pixels).text)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == [reader.read(pixels).text] * 4


def test_the_reader_comes_with_the_package_and_needs_no_data_and_no_network(tmp_path):
    Image.fromarray(canvas(5, side=100)).save(tmp_path / "five.png")
    code = f"""
import socket
def refuse(*args, **kwargs): raise AssertionError("the network was asked")
socket.socket.connect = refuse
import byhand
print(byhand.Reader.load().read({str(tmp_path / "five.png")!r}).text)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == "5\n"


def test_a_line_of_which_nothing_is_sure_keeps_its_place():
    def found(digit, probability):
        p = np.full(12, (1 - probability) / 9, np.float32)
        p[digit], p[10:] = probability, 0
        return DigitCandidate((1, 2, 3, 4), p, np.ones((4, 3), np.float32)), (1, 2, 3, 4)

    lines = [[found(3, 0.99)], [found(4, 0.4), found(5, 0.3)], [found(6, 0.99)], []]
    kept, notes = _accepted(lines, 0.7, None)
    assert [line.text for line in kept] == ["3", "", "6"]
    assert [digit.value for digit in kept[1].digits] == [None, None]
    assert notes == ()
    kept, (note,) = _accepted(lines[1:2], 0.7, None)
    assert kept == ()
    assert note.startswith("2 marks")
    kept, notes = _accepted(lines[1:2], 0, None)
    assert [line.text for line in kept] == ["45"]


def test_a_line_with_another_number_of_digits_than_expected_is_told(reader, page):
    pixels, lines = page  # of 5, 3 and 7 digits
    found = reader.read(pixels, digits=5)
    assert [line.text for line in found.lines] == lines
    assert found.notes == ("2 lines have another number of digits than 5",)
    assert reader.read(pixels[: len(pixels) // 3], digits=5).notes == ()


def test_a_single_picture_is_no_list_of_pictures(reader):
    for one in ("a.png", b"", canvas(3)):
        with pytest.raises(InputError, match="list"):
            reader.read_digits(one)


def test_letters_and_words_are_not_read_as_digits(reader):
    pictures, kinds = nondigits_for_testing(300, 5)
    letters = [picture for picture, kind in zip(pictures, kinds, strict=True) if kind == "letter"]
    assert np.mean([reader.read(letter).text == "" for letter in letters]) >= 0.9
    words, letters = words_for_testing(5, 5)
    digits = sum(len(line.text) for word in words for line in reader.read(word).lines)
    assert digits <= 0.1 * sum(letters)


def test_a_drawing_with_a_thick_pen_is_read_with_fewer_pixels_and_told_in_the_pictures_own(reader):
    large, small = (reader.read(canvas(3, side=side)) for side in (800, 200))
    assert large.text == small.text == "3"
    (a,), (b,) = large.lines[0].digits, small.lines[0].digits
    assert np.abs(np.array(a.box) - 4 * np.array(b.box)).max() <= 24
    assert large.size == (800, 800)


def test_more_digits_than_a_line_could_hold_cost_nothing(reader, page):
    pixels, _ = page
    assert reader.read(pixels, digits=10**9).lines
