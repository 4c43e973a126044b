"""`byhand read` on files: what it prints, draws and refuses; the reader is a stand-in."""

from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from byhand.errors import ByhandError, DataError
from byhand.reader.page import Digit, Line, Page


def digit(value, confidence=0.99, x=0, rejected=False):
    probabilities = np.full(10, 0.01, np.float32)
    probabilities[int(value)] = 0.91
    return Digit(None if rejected else value, confidence, probabilities, (x, 2, 8, 12))


def line(text):
    return Line(tuple(digit(value, x=10 * i) for i, value in enumerate(text)))


class StandIn:
    """Reads in each picture what the brightness of its first pixel stands for."""

    threshold = 0.5
    pages: ClassVar = {
        10: Page((line("123"), line("45")), 0, (60, 40)),
        20: Page((), 0, (60, 40), notes=("it is blank",)),
        30: Page((line("53"), line("6")), 90, (40, 60), [["5", "3", None], [None, "6", "12"]]),
        40: Page((Line((digit("7", 0.3, rejected=True), digit("8", 0.8))),), 0, (60, 40)),
    }

    def __init__(self):
        self.asked = []

    def read(self, picture, grid=None, threshold=None, digits=None, steps=None):
        self.asked.append(SimpleNamespace(grid=grid, threshold=threshold, digits=digits))
        shade = int(picture.pixels[0, 0, 0])
        if shade == 250:
            raise DataError(f"{picture.name} is too white to be read: write on it")
        if shade == 251:
            raise ValueError("a mistake of ours")
        if steps is not None:
            steps.add("ink", np.zeros((4, 5), np.float32))
            for found in (d for row in self.pages[shade].lines for d in row.digits):
                steps.saw(np.zeros((28, 28), np.uint8), found)
        return self.pages[shade]


@pytest.fixture
def reader(monkeypatch):
    there = StandIn()
    monkeypatch.setattr("byhand.cli.read.load_reader", lambda model: there)
    return there


@pytest.fixture
def write(tmp_path):
    """Write a grey picture of 60x40, by which the stand-in knows what to read."""

    def picture(name, *shades):
        pages = [Image.new("L", (60, 40), shade) for shade in shades]
        more = {"save_all": True, "append_images": pages[1:]} if len(pages) > 1 else {}
        pages[0].save(tmp_path / name, **more)
        return name

    return picture


def rows(out):
    return list(csv.reader(io.StringIO(out)))


def test_one_picture_gives_its_lines(cli, reader, write):
    done = cli("read", write("a.png", 10))
    assert (done.status, done.out, done.err) == (0, "123\n45\n", "")
    assert vars(reader.asked[0]) == {"grid": None, "threshold": None, "digits": None}


def test_one_picture_without_a_digit_gives_nothing_and_says_so(cli, reader, write):
    done = cli("read", write("a.png", 20))
    assert (done.status, done.out) == (0, "")
    assert done.err.splitlines() == ["it is blank", "no digits were found"]


def test_a_grid_shows_where_its_cells_are_empty(cli, reader, write):
    done = cli("read", write("a.png", 30), "--grid", "2x3")
    assert done.out == " 5  3  .\n .  6 12\n"


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("9x9", (9, 9)),
        ("2X3", (2, 3)),
        (" 4 × 5 ", (4, 5)),
        ("auto", True),
        ("AUTO", True),
        ("none", False),
    ],
)
def test_a_grid_is_asked_for(cli, reader, write, given, asked):
    done = cli("read", write("a.png", 10), "--grid", given, "--digits", 3, "--threshold", 0)
    assert done.status == 0, done.err
    assert vars(reader.asked[0]) == {"grid": asked, "threshold": 0, "digits": 3}


@pytest.mark.parametrize("given", ["9", "0x9", "9x", "9x9x9", "9x201", "-1x2", "four", ""])
def test_what_is_no_grid_is_refused(refused, reader, write, given):
    refused("read", write("a.png", 10), f"--grid={given}", names=["--grid", "9x9"])
    assert not reader.asked


@pytest.mark.parametrize(
    "given",
    [
        (), ("a.png", "--seed", "1"), ("a.png", "--out", "b.png"), ("a.png", "--data", "."),
        ("a.png", "--json", "--csv"), ("a.png", "--csv", "--choices", "2"),
        ("a.png", "--threshold", "1.5"), ("a.png", "--digits", "0"), ("a.png", "--choices", "11"),
        ("-", "a.png", "-"), ("a.png", "--annotate", "b.pdf"), ("a.png", "--annotate", "a.png"),
        ("a.png", "--annotate", "./a.png"), ("--random", "--grid", "9x9"), ("--random", "--csv"),
        ("--random", "--threshold", "0"), ("--random", "--steps", "s"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(refused, reader, write, given):
    write("a.png", 10)
    refused("read", *given)
    assert not reader.asked


def test_json_of_one_picture(cli, reader, write):
    values = cli("read", write("a.png", 40), "--json").json()
    (image,) = values["images"]
    assert set(image) >= {"file", "lines", "rotation", "grid", "error", "notes", "page", "size"}
    assert (image["file"], image["page"], image["error"]) == ("a.png", None, None)
    assert image["lines"] == [
        {
            "text": "8",
            "digits": [
                {"value": None, "confidence": 0.3, "box": [0, 2, 8, 12]},
                {"value": "8", "confidence": 0.8, "box": [0, 2, 8, 12]},
            ],
        }
    ]


def test_json_of_a_grid_and_of_nothing(cli, reader, write):
    values = cli("read", write("a.png", 30), write("b.png", 20), "--json").json()
    grid, blank = values["images"]
    assert grid["grid"] == [["5", "3", None], [None, "6", "12"]]
    assert grid["rotation"] == 90
    assert (blank["lines"], blank["notes"], blank["grid"]) == ([], ["it is blank"], None)


def test_json_tells_choices_when_asked(cli, reader, write):
    given = ("read", write("a.png", 10), "--json")
    assert "choices" not in cli(*given).json()["images"][0]["lines"][0]["digits"][0]
    values = cli(*given, "--choices", 3).json()
    choices = values["images"][0]["lines"][1]["digits"][0]["choices"]
    assert [c["value"] for c in choices] == ["4", "0", "1"]
    assert choices[0]["probability"] == pytest.approx(0.91)


def test_people_are_told_of_digits_that_were_left_out(cli, reader, write):
    done = cli("read", write("a.png", 40))
    assert done.out == "8\n"
    assert done.err.startswith("1 of 2 digits left out")
    done = cli("read", "a.png", write("b.png", 10))
    assert done.err.startswith("a.png: 1 of 2 digits left out")


def test_choices_for_people(cli, refused, reader, write):
    done = cli("read", write("a.png", 40), "--choices", 2)
    assert done.out.splitlines() == [
        "8",
        "line 1 digit 1: 7 91.0%, 0 1.0% (rejected)",
        "line 1 digit 2: 8 91.0%, 0 1.0%",
    ]
    refused("read", "a.png", write("b.png", 10), "--choices", 2, names=["--json"])


def test_several_pictures_give_a_row_each_and_a_bad_one_does_not_stop_them(cli, reader, write):
    (good, blank, grid) = write("a.png", 10), write("b.png", 20), write("c.png", 30)
    done = cli("read", good, "missing.png", blank, grid, write("d.png", 250), write("e.png", 251))
    assert done.status == 1
    read, missing, empty, cells, white, ours = [row.split("\t") for row in done.out.splitlines()]
    assert (read, empty, cells) == (["a.png", "123 45"], ["b.png", ""], ["c.png", "5,3,. .,6,12"])
    assert missing[:2] == ["missing.png", ""]
    assert "missing.png does not exist" in missing[2]
    assert white[2] == "d.png is too white to be read: write on it"
    assert ours[2].startswith("unexpected ValueError: a mistake of ours")
    assert done.err.splitlines() == [
        "b.png: it is blank",
        "b.png: no digits were found",
        "byhand: 3 of 6 pictures could not be read or drawn; the reason stands with each of them",
    ]


def test_json_has_the_errors_of_several_pictures(cli, reader, write):
    done = cli("read", "missing.png", write("a.png", 10), "--json")
    assert done.status == 1
    missing, read = done.json()["images"]
    assert "missing.png" in missing["error"]
    assert (missing["lines"], missing["grid"]) == ([], None)
    assert (read["error"], len(read["lines"])) == (None, 2)


def test_the_only_picture_that_cannot_be_read_is_refused(cli, refused, reader, write):
    refused("read", "missing.png", names=["missing.png"])
    refused("read", "missing.png", "--csv", names=["missing.png"])
    refused("read", write("a.png", 250), names=["a.png is too white"])
    done = cli("read", "missing.png", "--json")  # scripts find the reason in the object too
    assert done.status == 2
    assert "missing.png" in done.json()["images"][0]["error"]
    assert done.err.startswith("byhand: missing.png")


def test_debug_shows_a_mistake_of_ours(cli, reader, write):
    write("a.png", 251)
    with pytest.raises(ValueError, match="of ours"):
        cli("read", "--debug", "a.png", "a.png")


def test_pages_of_a_file_are_rows(cli, reader, write):
    name = write("form.tiff", 10, 20, 30)
    done = cli("read", name)
    assert done.status == 0
    assert done.out.splitlines() == [
        "form.tiff#page=1\t123 45",
        "form.tiff#page=2\t",
        "form.tiff#page=3\t5,3,. .,6,12",
    ]
    images = cli("read", name, "--json").json()["images"]
    assert [(i["file"], i["page"]) for i in images] == [(name, 1), (name, 2), (name, 3)]


def test_a_file_that_breaks_off_keeps_its_good_pages(cli, reader, write, monkeypatch):
    def pages(source, range=None):
        yield SimpleNamespace(pixels=np.full((4, 4, 3), 10, np.uint8), name=source, notes=())
        raise DataError(f"{source} breaks off: copy it again")

    monkeypatch.setattr("byhand.reader.picture.open_pages", pages)
    done = cli("read", "a.tiff")
    assert done.status == 1
    assert done.out.splitlines() == [
        "a.tiff#page=1\t123 45", "a.tiff#page=2\t\ta.tiff breaks off: copy it again",
    ]  # fmt: skip


def test_names_of_files_cannot_break_rows(cli, reader, write):
    done = cli("read", write("a\tb\nc.png", 10), write("数字.png", 10))
    assert done.out.splitlines() == ["a?b?c.png\t123 45", "数字.png\t123 45"]


def test_standard_input_is_read(cli, reader, write, tmp_path, monkeypatch):
    write("a.png", 10)
    given = io.BytesIO((tmp_path / "a.png").read_bytes())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=given))
    assert cli("read", "-", "--json").json()["images"][0]["file"] == "-"


def test_csv_of_lines(cli, reader, write):
    done = cli("read", write("a.png", 10), write("b.png", 40), write("c.png", 20), "no", "--csv")
    assert done.status == 1
    head, *table = rows(done.out)
    assert head == [
        "file", "line", "text", "confidence", "rejected", "x", "y", "width", "height", "error",
    ]  # fmt: skip
    assert table[0] == ["a.png", "1", "123", "0.9900", "0", "0", "2", "28", "12", ""]
    assert table[1][:3] == ["a.png", "2", "45"]
    assert table[2] == ["b.png", "1", "8", "0.3000", "1", "0", "2", "8", "12", ""]
    assert table[3] == ["c.png", *[""] * 9]
    assert table[4][0] == "no"
    assert "no does not exist" in table[4][-1]


def test_csv_of_one_grid_is_its_cells(cli, reader, write):
    assert cli("read", write("a.png", 30), "--csv").out == "5,3,\n,6,12\n"


def test_csv_of_several_grids_names_files_and_rows(cli, reader, write):
    done = cli("read", write("a.png", 30), "no.png", write("b.png", 30), "--csv")
    table = rows(done.out)
    assert table[0] == ["file", "row", "1", "2", "3", "error"]
    assert table[1] == ["a.png", "1", "5", "3", "", ""]
    assert table[2] == ["a.png", "2", "", "6", "12", ""]
    assert table[3][:5] == ["no.png", "", "", "", ""]
    assert "no.png" in table[3][5]
    assert [row[0] for row in table[4:]] == ["b.png", "b.png"]


def test_annotated_pictures(cli, reader, write, tmp_path):
    done = cli("read", write("a.png", 10), "--annotate", "out/seen.png")
    assert (done.status, done.out) == (0, "123\n45\n")
    with Image.open(tmp_path / "out" / "seen.png") as drawn:
        assert drawn.format == "PNG"
        assert max(drawn.size) > 300
    cli("read", "a.png", "missing.png", write("b.png", 40), "--annotate", "seen.jpg")
    assert sorted(p.name for p in tmp_path.glob("seen*")) == ["seen-1.jpg", "seen-3.jpg"]


def test_annotating_never_writes_over_a_picture_that_is_read(cli, reader, write, tmp_path):
    before = (tmp_path / write("a-2.png", 10)).read_bytes()
    done = cli("read", write("b.png", 10), "a-2.png", "--annotate", "a.png")
    assert done.status == 1
    assert done.out == "b.png\t123 45\na-2.png\t123 45\n"
    assert "a-2.png" in done.err
    assert (tmp_path / "a-2.png").read_bytes() == before


def test_what_cannot_be_drawn_is_read_all_the_same(cli, reader, write, tmp_path):
    (tmp_path / "taken").write_text("mine")
    done = cli("read", write("a.png", 10), write("b.png", 40), "--annotate", "taken/seen.png")
    assert done.status == 1
    assert done.out == "a.png\t123 45\nb.png\t8\n"
    assert done.err.count("taken") == 2
    done = cli("read", "a.png", "--annotate", "taken/seen.png")
    assert (done.status != 0, done.out) == (True, "123\n45\n")
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_rejected_cell_is_told_from_an_empty_one(cli, reader, write, monkeypatch):
    unsure = replace(digit("7", 0.3, rejected=True), cell=(0, 1))
    page = Page((Line((replace(digit("5"), cell=(0, 0)), unsure)), Line(())), 0, (40, 60),
                [["5", None], [None, None]], tuple((x, 0, 10, 10) for x in range(4)))  # fmt: skip
    monkeypatch.setitem(StandIn.pages, 60, page)
    done = cli("read", write("a.png", 60))
    assert done.out == "5 ?\n. .\n"
    assert "1 of 2 digits left out" in done.err
    assert cli("read", "a.png", "--csv").out == "5,?\n,\n"
    (image,) = cli("read", "a.png", "--json").json()["images"]
    assert image["grid"] == [["5", None], [None, None]]
    assert [d["cell"] for d in image["lines"][0]["digits"]] == [[0, 0], [0, 1]]
    assert image["cells"][3] == [3, 0, 10, 10]


def test_pictures_of_the_steps(cli, reader, write, tmp_path):
    cli("read", write("a.png", 10), "--steps", "s")
    names = sorted(p.name for p in (tmp_path / "s").iterdir())
    assert names == ["01_ink.png", "02_what_the_network_saw.png", "03_reading.png"]
    cli("read", "a.png", write("b.png", 20), "--steps", "t")
    assert sorted(p.name for p in (tmp_path / "t").iterdir()) == ["1", "2"]
    assert len(list((tmp_path / "t" / "2").iterdir())) == 2  # nothing was there to be seen


def test_a_folder_for_steps_that_is_a_file_is_refused(cli, reader, write, tmp_path):
    (tmp_path / "s").write_text("mine")
    done = cli("read", write("a.png", 10), "--steps", "s")
    assert done.status == 2
    assert (tmp_path / "s").read_text() == "mine"


def test_json_stays_one_line_whatever_else_is_written(cli, reader, write):
    done = cli("read", write("a.png", 20), "--json", "--annotate", "b.png", "--steps", "s")
    assert json.loads(done.out)["images"][0]["notes"] == ["it is blank"]
    assert len(done.out.splitlines()) == 1


def test_errors_of_the_model_come_before_anything_is_read(refused, write, monkeypatch):
    def broken(model):
        raise ByhandError(f"{model} is no reader's model: name one")

    monkeypatch.setattr("byhand.cli.read.load_reader", broken)
    refused("read", write("a.png", 10), "--model", "m", status=1, names=["m is no reader's model"])


@pytest.fixture
def printed(tmp_path):
    """A picture of printed digits in two lines."""
    from PIL import ImageDraw, ImageFont

    picture = Image.new("L", (420, 260), 235)
    font = ImageFont.load_default(80)
    for y, text in ((20, "2 7 4"), (140, "3 5")):
        ImageDraw.Draw(picture).text((30, y), text, font=font, fill=40)
    picture.save(tmp_path / "printed.png")
    return "printed.png"


def test_the_reader_in_the_package_reads_offline_and_without_data(cli, printed, tmp_path):
    given = ("read", printed, "--annotate", "a.png", "--steps", "s", "--choices", 2, "--json")
    (image,) = cli(*given).json()["images"]
    assert [line["text"] for line in image["lines"]] == ["274", "35"]
    assert (image["rotation"], image["size"], image["error"]) == (0, [420, 260], None)
    for line in image["lines"]:
        for one in line["digits"]:
            x, y, width, height = one["box"]
            assert 0 <= x < x + width <= 420
            assert 0 <= y < y + height <= 260
            assert 0.5 < one["confidence"] <= 1
            assert one["choices"][0]["value"] == one["value"]
            assert len(one["choices"]) == 2
    names = [p.name for p in sorted((tmp_path / "s").iterdir())]
    assert names[0] == "01_picture.png"
    assert names[-2:] == [f"{len(names) - 1:02d}_what_the_network_saw.png", names[-1]]
    assert names[-1].endswith("reading.png")


def test_a_process_reads_from_a_pipe(spawn, printed, tmp_path):
    with (tmp_path / printed).open("rb") as picture:
        process = spawn("read", "-", stdin=picture)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "274\n35\n"), err


def test_another_network_than_a_reader_s_is_refused(refused, printed, trained):
    refused("read", printed, "--model", trained, names=["model.safetensors"])
    refused("read", printed, "--model", "missing.safetensors", names=["missing.safetensors"])
