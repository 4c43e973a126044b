"""Folders of pictures: classes by folder name, one size, white on black, faults named by file."""

from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from byhand.data import open_data, open_folder
from byhand.errors import DataError
from byhand.reader import open_picture
from data.picture_folders import draw, fill
from png_file import chunk, png


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


def test_a_ramp_of_which_as_much_is_light_as_is_dark_stays(tmp_path):
    for number in range(5):
        path = tmp_path / "a" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.tile(np.linspace(0, 255, 28).astype(np.uint8), (28, 1))).save(path)
    assert open_folder(tmp_path).train.images[0, 0, 0, 0] == 0


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
    path.write_bytes(png(width, height, chunk(b"IDAT", zlib.compress(b"\0" * 100))))


def cut(path):
    path.write_bytes(path.read_bytes()[:-30])


FAULTS = {
    "no picture": (lambda p: p.write_text("hello"), "no picture"),
    "an empty file": (lambda p: p.write_bytes(b""), "is empty"),
    "a truncated picture": (cut, "damaged or cut short"),
    "a bomb": (small_bomb, "more than 100 megapixels"),
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


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "tif"])
def test_pictures_are_turned_upright_as_exif_says(tmp_path, orientation, kind):
    upright = np.zeros((16, 24), np.uint8)
    upright[:8, :6] = 255
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    held = Image.fromarray(upright)
    if back is not None:
        held = held.transpose(Image.Transpose(back))
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "a").mkdir()
    for number in range(5):
        held.save(tmp_path / "a" / f"{number}.{kind}", exif=exif)
    splits = open_folder(tmp_path, invert=False)
    images = splits.train.images
    assert images.shape[1:] == (1, 16, 24)
    assert np.abs(images[0, 0].astype(int) - upright).max() < 60
    said = "5 pictures were turned upright as their EXIF says" in splits.notes
    assert said == (orientation > 1)


def test_colour_becomes_grey_and_is_said(tmp_path):
    fill(tmp_path)
    Image.new("RGB", (8, 8), (200, 0, 0)).save(tmp_path / "0" / "9.png")
    splits = open_folder(tmp_path)
    assert "1 picture is in colour and was made grey" in splits.notes


def test_of_an_animation_the_first_frame_is_read_and_that_is_said(tmp_path):
    fill(tmp_path)
    frames = [Image.new("L", (8, 8), value) for value in (10, 200)]
    frames[0].save(tmp_path / "0" / "9.gif", save_all=True, append_images=frames[1:])
    splits = open_folder(tmp_path)
    assert "1 picture has several frames: its first was read" in splits.notes
    blank = [i for part in (splits.train, splits.test) for i in part.images if i.min() == i.max()]
    assert [int(image.max()) for image in blank] == [10]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_and_links_that_lead_nowhere_are_named_and_nothing_waits(tmp_path, sentence):
    fill(tmp_path)
    path = tmp_path / "1" / "9.png"
    for make in (
        lambda: os.mkfifo(path),
        lambda: path.symlink_to(path),
        lambda: path.symlink_to(tmp_path / "nowhere"),
        lambda: path.symlink_to(tmp_path),
    ):
        make()
        with pytest.raises(DataError) as caught:
            open_folder(tmp_path)
        sentence(caught.value, path)
        path.unlink()


# What the numbers in the files mean.

RAMP = np.linspace(0, 1, 28)[np.newaxis].repeat(28, 0)
KINDS = {
    "16 bits that hold 8": ((RAMP * 255).astype(np.uint16), "png", "0 to 255"),
    "12 bits in 16": ((RAMP * 4095).astype(np.uint16), "png", "0 to 4095"),
    "16 bits": ((RAMP * 65535).astype(np.uint16), "png", "0 to 65535"),
    "16 bits that hold a mask": ((RAMP > 0.5).astype(np.uint16), "png", "0 to 1"),
    "8 bits that hold a mask": ((RAMP > 0.5).astype(np.uint8), "png", "0 to 1"),
    "floats to 1": (RAMP.astype(np.float32), "tif", "0 to 1"),
    "floats to 255": ((RAMP * 255).astype(np.float32), "tif", "0 to 255"),
    "floats to 65535": ((RAMP * 65535).astype(np.float32), "tif", "0 to 65535"),
    "32 bits": ((RAMP * 65535).astype(np.int32), "tif", "0 to 65535"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_scaled_by_what_they_hold_and_that_is_said(tmp_path, kind):
    values, ending, said = KINDS[kind]
    for name in "01":
        (tmp_path / name).mkdir()
        for number in range(5):
            Image.fromarray(values).save(tmp_path / name / f"{number}.{ending}")
    splits = open_folder(tmp_path)
    expected = 255 * (values / values.max())
    assert np.abs(splits.train.images[0, 0] - expected).max() <= 1
    (note,) = [note for note in splits.notes if "black to white" in note]
    assert f"read as {said}," in note
    assert "--range" in note


def test_the_set_decides_how_all_its_pictures_are_scaled(tmp_path):
    for part, most in (("train", 4095), ("test", 200)):
        for name in "01":
            (tmp_path / part / name).mkdir(parents=True)
            picture = np.zeros((8, 8), np.uint16)
            picture[4, 4] = most
            Image.fromarray(picture).save(tmp_path / part / name / "0.png")
    splits = open_folder(tmp_path)
    assert (splits.train.images.max(), splits.test.images.max()) == (255, 12)


def test_the_range_that_is_asked_for_is_taken_and_what_is_cut_off_is_counted(tmp_path):
    fill(tmp_path)  # 8 × 8, of which 16 have values of 100 to 104, and of 110 to 114
    splits = open_data(tmp_path, range="0-110")
    assert splits.train.images.max() == 255
    assert sorted(set(splits.train.images[0].ravel())) == [0, round(100 / 110 * 255)]
    assert any("64 pixels (10.0%) of the pixels are outside 0 to 110" in n for n in splits.notes)
    assert open_data(tmp_path, range=(0, 255)).sha256 == open_data(tmp_path).sha256


@pytest.mark.parametrize(
    ("value", "named"),
    [(-1.0, "below zero"), (np.nan, "no numbers"), (np.inf, "infinite"), (16.0, "--range A-B")],
)
def test_numbers_of_which_nobody_can_tell_white_are_refused(tmp_path, sentence, value, named):
    fill(tmp_path)
    floats = np.zeros((8, 8), np.float32)
    floats[3, 3] = value
    Image.fromarray(floats).save(tmp_path / "1" / "9.tif")
    with pytest.raises(DataError) as caught:
        open_folder(tmp_path)
    sentence(caught.value, "1 picture" if value == 16 else tmp_path / "1" / "9.tif", named)
    if np.isfinite(value):
        assert open_folder(tmp_path, range=(-1, 16)).train.images.max() > 0


def test_a_dark_set_is_said_to_be_so(tmp_path):
    for name in "01":
        for number in range(5):
            draw(tmp_path / name / f"{number}.png", 16)
    splits = open_folder(tmp_path)
    assert splits.train.images.max() == 16
    assert any("--range 0-16 makes 16 white" in note for note in splits.notes)


def test_colours_of_16_bits_that_hold_fewer_are_named(tmp_path, sentence):
    fill(tmp_path)

    def write(path, colour, values):
        rows = zlib.compress((b"\0" + struct.pack(f">{len(values)}H", *values)) * 8)
        path.write_bytes(png(8, 8, chunk(b"IDAT", rows), depth=16, colour=colour))

    for colour, values in ((2, [200] * 24), (6, [200, 200, 200, 65535] * 8)):
        write(tmp_path / "0" / "9.png", colour, values)
        with pytest.raises(DataError) as caught:
            open_folder(tmp_path)
        sentence(caught.value, tmp_path / "0" / "9.png", "16 bits a colour")
        with pytest.raises(DataError, match="16 bits a colour"):
            open_picture(tmp_path / "0" / "9.png")
    write(tmp_path / "0" / "9.png", 6, [0, 0, 0, 0] * 4 + [0, 0, 0, 65535] * 4)  # black on nothing
    assert open_folder(tmp_path).train.images.shape[1:] == (1, 8, 8)
    assert open_picture(tmp_path / "0" / "9.png").pixels[0, :, 0].tolist() == [255] * 4 + [0] * 4
