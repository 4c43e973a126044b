"""Folders of pictures: classes by folder name, one size, white on black, faults named by file."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from byhand.data import open_folder
from byhand.errors import DataError


def draw(path, value=200, size=(8, 8), paper=0, mode="L"):
    """A picture (H, W) with a block of ink in its middle."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full(size, paper, np.uint8)
    pixels[2:-2, 2:-2] = value
    Image.fromarray(pixels).convert(mode).save(path)
    return pixels


def fill(folder, classes=("0", "1"), n=5, **how):
    for label, name in enumerate(classes):
        for number in range(n):
            draw(folder / name / f"{number}.png", 100 + 10 * label + number, **how)
    return folder


def test_train_and_test_folders_are_read_by_class(tmp_path):
    fill(tmp_path / "train", n=4)
    fill(tmp_path / "test", n=2)
    splits = open_folder(tmp_path)
    assert (len(splits.train), len(splits.test)) == (8, 4)
    assert splits.train.images.shape == (8, 1, 8, 8)
    np.testing.assert_array_equal(splits.train.labels, [0, 0, 0, 0, 1, 1, 1, 1])
    assert splits.train.images[5, 0, 4, 4] == 111
    assert (splits.name, splits.source, splits.notes) == ("folder", str(tmp_path), ())


def test_one_set_is_split_four_to_one_in_every_class_by_seed(tmp_path):
    fill(tmp_path, ("a", "b", "c"), n=10)
    splits = open_folder(tmp_path, seed=3)
    np.testing.assert_array_equal(np.bincount(splits.train.labels), [8, 8, 8])
    np.testing.assert_array_equal(np.bincount(splits.test.labels), [2, 2, 2])
    assert open_folder(tmp_path, seed=3).sha256 == splits.sha256
    assert open_folder(tmp_path, seed=4).sha256 != splits.sha256
    assert "seed 3" in splits.notes[0]


def test_classes_are_in_the_order_of_numbers_where_all_are_numbers(tmp_path):
    fill(tmp_path / "numbers", ("10", "9", "2"))
    fill(tmp_path / "names", ("10", "9", "two"))
    assert open_folder(tmp_path / "numbers").train.classes == ("2", "9", "10")
    assert open_folder(tmp_path / "names").train.classes == ("10", "9", "two")


def test_hidden_files_and_files_beside_the_classes_are_left_alone(tmp_path):
    fill(tmp_path)
    for litter in (".DS_Store", "0/.DS_Store", "0/Thumbs.db", "README.md"):
        (tmp_path / litter).write_text("no picture")
    (tmp_path / ".git").mkdir()
    splits = open_folder(tmp_path)
    assert splits.train.classes == ("0", "1")
    assert len(splits.train) + len(splits.test) == 10


@pytest.mark.parametrize(("invert", "turned"), [(None, True), (True, True), (False, False)])
def test_dark_ink_on_light_is_turned_unless_told_otherwise(tmp_path, invert, turned):
    fill(tmp_path, paper=255)
    splits = open_folder(tmp_path, invert=invert)
    assert splits.train.images[0, 0, 0, 0] == (0 if turned else 255)
    assert any("turned" in note for note in splits.notes) == (invert is None)


def test_white_on_black_stays_unless_told_otherwise(tmp_path):
    fill(tmp_path)
    assert open_folder(tmp_path).train.images[0, 0, 0, 0] == 0
    assert open_folder(tmp_path, invert=True).train.images[0, 0, 0, 0] == 255


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "I;16"])
def test_every_kind_of_picture_becomes_grey(tmp_path, mode):
    for number in range(5):
        path = tmp_path / "a" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        pixels = np.zeros((8, 8), np.uint8)
        pixels[2:-2, 2:-2] = 255
        picture = Image.fromarray(pixels)
        if mode == "I;16":
            picture = Image.fromarray(pixels.astype(np.uint16) * 257)
        else:
            picture = picture.convert(mode)
        picture.save(path)
    np.testing.assert_array_equal(open_folder(tmp_path).train.images[0, 0], pixels)


@pytest.mark.parametrize("ink", [0, 255])
def test_ink_on_nothing_gets_paper_of_the_other_colour(tmp_path, ink):
    layers = np.zeros((8, 8, 4), np.uint8)
    layers[2:-2, 2:-2] = (ink, ink, ink, 255)
    (tmp_path / "a").mkdir()
    for number in range(5):
        Image.fromarray(layers).save(tmp_path / "a" / f"{number}.png")
    image = open_folder(tmp_path).train.images[0, 0]
    assert (image[0, 0], image[4, 4]) == (0, 255)


def small_bomb(path, width=40_000, height=40_000):
    """A PNG of a few dozen bytes that claims so many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)

    def chunk(kind, data):
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def cut(path):
    path.write_bytes(path.read_bytes()[:-30])


FAULTS = {
    "no picture": (lambda p: p.write_text("hello"), "no picture"),
    "an empty file": (lambda p: p.write_bytes(b""), "no picture"),
    "a truncated picture": (cut, "no picture"),
    "a bomb": (small_bomb, "too large"),
    "a smaller bomb": (lambda p: small_bomb(p, 10_001, 10_000), "100 megapixels"),
    "a long bomb": (lambda p: small_bomb(p, 1, 100_000_000), "a side of 65,535"),
    "another size": (lambda p: draw(p, size=(9, 7)), "7 × 9 pixels"),
}


@pytest.mark.parametrize("place", ["0/0.png", "1/3.png"])
@pytest.mark.parametrize("case", FAULTS)
def test_a_bad_picture_is_named_in_one_sentence(tmp_path, sentence, case, place):
    fill(tmp_path)
    spoil, fault = FAULTS[case]
    spoil(tmp_path / place)
    with pytest.raises(DataError) as caught:
        open_folder(tmp_path)
    if case == "another size":  # the first picture is the measure, so the second differs from it
        first, other = ("0/0.png", "0/1.png") if place == "0/0.png" else ("0/0.png", place)
        sentence(caught.value, tmp_path / first, tmp_path / other, "7 × 9", "8 × 8")
    else:
        sentence(caught.value, tmp_path / place, fault)


def test_a_test_picture_of_another_size_is_named(tmp_path, sentence):
    fill(tmp_path / "train")
    fill(tmp_path / "test", size=(9, 9))
    with pytest.raises(DataError) as caught:
        open_folder(tmp_path)
    sentence(caught.value, tmp_path / "test" / "0" / "0.png", "9 × 9", "8 × 8")


def test_folders_without_pictures_are_named(tmp_path, sentence):
    with pytest.raises(DataError) as caught:
        open_folder(tmp_path)
    sentence(caught.value, tmp_path)
    (tmp_path / "0").mkdir()
    with pytest.raises(DataError) as caught:
        open_folder(tmp_path)
    sentence(caught.value, tmp_path / "0", "class without pictures")
    (tmp_path / "0" / "deeper").mkdir()
    with pytest.raises(DataError) as caught:
        open_folder(tmp_path)
    sentence(caught.value, tmp_path / "0" / "deeper", "is a folder")


def test_a_test_class_that_training_lacks_is_named(tmp_path, sentence):
    fill(tmp_path / "train", ("0", "1"))
    fill(tmp_path / "test", ("0", "2"))
    with pytest.raises(DataError) as caught:
        open_folder(tmp_path)
    sentence(caught.value, tmp_path / "test" / "2")


def test_a_test_part_may_lack_a_class(tmp_path):
    fill(tmp_path / "train", ("0", "1"))
    fill(tmp_path / "test", ("1",))
    assert set(open_folder(tmp_path).test.labels) == {1}


def test_too_few_pictures_to_split_are_refused(tmp_path, sentence):
    draw(tmp_path / "0" / "only.png")
    with pytest.raises(DataError) as caught:
        open_folder(tmp_path)
    sentence(caught.value, tmp_path, "too few")
