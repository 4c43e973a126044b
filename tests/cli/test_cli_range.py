"""--range A-B: the pixel values of black and white, for `read`, `train`, `evaluate` and `data`."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from byhand.data import open_data


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    """A folder of 16-bit pictures, a spot in one of two places, whose brightest pixel is 4000."""
    folder = tmp_path_factory.mktemp("deep")
    for label, name in enumerate("01"):
        (folder / name).mkdir()
        for number in range(10):
            picture = np.zeros((12, 12), np.uint16)
            picture[2 + 6 * label :, number % 4 :][:3, :6] = 4000
            Image.fromarray(picture).save(folder / name / f"{number}.png")
    return folder


def test_a_run_keeps_its_range_and_resumes_with_it(cli, deep, tmp_path):
    given = ("--set", "epochs=1", "--range", "0-8000", "--data", deep, "--out", "r", "--json")
    first = cli("train", "one_conv", *given).json()
    again = cli("train", "--resume", "r", "--json")
    assert (again.status, again.json()["test_loss"]) == (0, first["test_loss"])
    said = cli("evaluate", "r", "--data", deep, "--range", "0-8000", "--json").json()
    assert said["loss"] == pytest.approx(first["test_loss"])


def test_data_says_how_it_was_scaled(cli, deep):
    found = cli("data", "info", "--data", deep, "--json").json()
    assert any("read as 0 to 4095" in note for note in found["notes"])
    asked = cli("data", "info", "--data", deep, "--range", "0-4000", "--json").json()
    assert asked["sha256"] == open_data(deep, range=(0, 4000)).sha256 != found["sha256"]


def test_read_takes_a_range_and_says_what_is_cut_off(cli, tmp_path):
    Image.fromarray(np.full((80, 80), 700, np.uint16)).save(tmp_path / "a.png")
    assert "read as 0 to 1023" in cli("read", "a.png").err
    assert "6,400 values outside 0 to 500 were cut off" in cli(
        "read", "a.png", "--range", "0-500"
    ).err  # fmt: skip


@pytest.mark.parametrize("given", ["", "5", "9-1", "a-b", "0-"])
def test_what_is_no_range_is_refused(refused, deep, given):
    Image.new("L", (20, 20)).save("a.png")
    for command in (("read", "a.png"), ("train", "--data", deep), ("data", "info", "--data", deep)):
        refused(*command, "--range", given, names=["range"])
