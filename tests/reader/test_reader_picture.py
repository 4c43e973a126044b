"""Pictures of every kind open upright, as RGB at working size; everything else is a clear error."""

from __future__ import annotations

import io
import os
import sys
import threading
import zlib

import numpy as np
import pytest
from PIL import Image

from byhand.data.picture_file import turn_upright
from byhand.reader.picture import open_picture
from png_file import chunk, png
from reader.scenes import close, encoded, grey_of, scene

# What opens.


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True, "subsampling": 0}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"quality": 90}),
        ("BMP", {}),
        ("DIB", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg", "quality": 95}),
        ("GIF", {}),
        ("PPM", {}),
        ("JPEG2000", {}),
        ("AVIF", {"quality": 95}),
    ],
)
def test_every_format_opens_by_its_content_whatever_its_name(tmp_path, kind, options):
    if kind == "AVIF":
        pytest.importorskip("PIL._avif")
    path = tmp_path / "page.txt"
    path.write_bytes(encoded(scene(), kind, **options))
    picture = open_picture(path)
    close(picture.pixels, scene(), within=8)
    assert picture.pixels.dtype == np.uint8
    assert picture.size == (40, 30)
    assert picture.name == str(path)
    assert picture.scale == 1
    assert picture.notes == ()


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "LAB", "HSV"]
)
@pytest.mark.parametrize("from_file", [False, True])
def test_every_mode_of_8_bits_becomes_rgb(mode, from_file):
    image = Image.fromarray(scene())
    if mode == "LAB":
        from PIL import ImageCms

        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
    else:
        image = image.convert(mode)
    expected = scene()
    if mode in ("1", "L", "LA", "P"):  # the colours are not what they were
        expected = np.asarray(image.convert("RGB"))
    if from_file:
        if mode == "HSV":
            pytest.skip("no format holds it")
        source = encoded(image, "TIFF")
    else:
        source = image
    close(open_picture(source).pixels, expected, within=8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_picture_is_turned_upright_as_exif_says(orientation, kind):
    # The way in which cameras hold it: what upright pixels look like before they are turned.
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    held = Image.fromarray(scene())
    if back is not None:
        held = held.transpose(Image.Transpose(back))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = open_picture(encoded(held, kind, exif=exif))
    close(picture.pixels, scene(), within=8)
    assert picture.size == (40, 30)
    assert picture.pixels.flags.c_contiguous


def test_turning_upright_agrees_with_pillow():
    from PIL import ImageOps

    for orientation in range(1, 9):
        image = Image.fromarray(scene())
        image.getexif()[0x0112] = orientation
        expected = np.asarray(ImageOps.exif_transpose(image))
        assert np.array_equal(turn_upright(scene(), orientation), expected)


def test_an_orientation_that_exif_does_not_know_leaves_the_picture_as_it_is():
    for value in (0, 9, 77):
        exif = Image.Exif()
        exif[0x0112] = value
        close(open_picture(encoded(scene(), "JPEG", exif=exif)).pixels, scene(), within=8)


def stroke(colour, alpha=255):
    """A transparent picture with one stroke; what is transparent is black beneath."""
    pixels = np.zeros((30, 40, 4), np.uint8)
    pixels[10:14, 5:35] = (*colour, alpha)
    return pixels


@pytest.mark.parametrize(
    ("colour", "alpha", "ink", "paper"),
    [
        ((0, 0, 0), 255, 0, 255),
        ((0, 0, 0), 128, 127, 255),
        ((30, 30, 140), 255, 44, 255),
        ((255, 255, 255), 255, 255, 0),
        ((255, 255, 0), 255, 226, 0),
        ((255, 255, 255), 100, 100, 0),
    ],
)
def test_transparency_is_white_paper_and_black_beneath_light_ink(colour, alpha, ink, paper):
    for source in (stroke(colour, alpha), encoded(stroke(colour, alpha), "PNG")):
        grey = grey_of(open_picture(source).pixels)
        assert abs(int(grey[12, 20]) - ink) <= 1
        assert grey[0, 0] == paper
        assert grey[20, 20] == paper


def test_a_white_stroke_with_dark_edges_stays_visible():
    # A program that shrank it without regard to transparency left black in its edges.
    pixels = stroke((255, 255, 255))
    pixels[[9, 14], 5:35] = (100, 100, 100, 100)
    grey = grey_of(open_picture(pixels).pixels)
    assert grey[12, 20] == 255
    assert grey[0, 0] == 0


def test_a_transparent_picture_with_nothing_on_it_is_white():
    assert (open_picture(np.zeros((5, 6, 4), np.uint8)).pixels == 255).all()


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "1"])
def test_a_transparent_colour_is_paper(mode):
    image = Image.new(mode, (20, 10), 0)
    if mode == "P":
        image.putpalette([255, 255, 255, 10, 10, 10])
        image.paste(1, (5, 2, 15, 8))
        source = encoded(image, "PNG", transparency=0)
        expected = (255, 10)
    else:
        image.paste({"L": 90, "RGB": (90, 90, 90), "1": 255}[mode], (5, 2, 15, 8))
        source = encoded(image, "PNG", transparency=(0, 0, 0) if mode == "RGB" else 0)
        expected = {"L": (255, 90), "RGB": (255, 90), "1": (0, 255)}[mode]
    pixels = open_picture(source).pixels
    assert (int(pixels[0, 0, 0]), int(pixels[5, 10, 0])) == expected


def test_palette_with_degrees_of_transparency_opens():
    image = Image.fromarray(scene()).quantize(4)
    pixels = open_picture(encoded(image, "PNG", transparency=bytes([255, 128, 255, 0]))).pixels
    assert pixels.shape == (30, 40, 3)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "array"])
def test_grey_of_up_to_16_bits_uses_all_of_8(bits, kind):
    grey = grey_of(scene()).astype(np.float64) / 255
    deep = np.rint(grey * (2**bits - 1)).astype(np.uint16)
    picture = open_picture(deep if kind == "array" else encoded(deep, kind))
    close(picture.pixels[..., 0], grey_of(scene()), within=1)


def test_colours_of_16_bits_open():
    deep = scene().astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in deep)
    data = png(40, 30, chunk(b"IDAT", zlib.compress(rows)), depth=16, colour=2)
    close(open_picture(data).pixels, scene(), within=1)
    close(open_picture(deep.astype(np.uint16)).pixels, scene(), within=1)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 255), (0, 65535), (-1, 1)])
def test_a_float_tiff_is_scaled_by_its_range(low, high):
    grey = grey_of(scene()).astype(np.float32)
    grey = (grey - grey.min()) / (grey.max() - grey.min())
    picture = open_picture(encoded(low + grey * (high - low), "TIFF"))
    close(picture.pixels[..., 0], grey * 255, within=1)


def test_whole_numbers_of_32_bits_and_with_a_sign_are_scaled():
    grey = grey_of(scene()).astype(np.int32)
    for offset in (0, -32768):
        picture = open_picture(encoded(grey * 257 + offset, "TIFF"))
        close(picture.pixels[..., 0], grey - (grey.min() if offset else 0), within=1)


@pytest.mark.parametrize(
    "kind", [np.uint8, np.uint16, np.float16, np.float32, np.float64, ">f4", ">u2"]
)
@pytest.mark.parametrize("channels", [None, 1, 3, 4])
def test_arrays_open_in_every_shape_and_type(kind, channels):
    pixels = scene() if channels in (3, 4) else grey_of(scene())
    if channels == 1:
        pixels = pixels[..., np.newaxis]
    if channels == 4:
        pixels = np.concatenate([pixels, np.full((30, 40, 1), 255, np.uint8)], axis=2)
    full = {np.uint8: 255, np.uint16: 65535, ">u2": 65535}.get(kind, 1)
    array = (pixels / 255 * full + (0.5 if full > 1 else 0)).astype(kind)
    before = array.copy()
    picture = open_picture(array)
    expected = scene() if channels in (3, 4) else np.repeat(grey_of(scene())[..., None], 3, 2)
    close(picture.pixels, expected, within=1)
    assert (picture.size, picture.name, picture.notes) == ((40, 30), "", ())
    assert np.array_equal(array, before)


def test_an_array_of_bools_is_white_where_true():
    array = np.zeros((4, 6), bool)
    array[1, 2] = True
    assert np.array_equal(open_picture(array).pixels[..., 1] == 255, array)


def test_an_array_that_is_a_view_opens_as_its_copy_does():
    array = scene(60, 50)[::-2, ::3]
    assert np.array_equal(open_picture(array).pixels, open_picture(array.copy()).pixels)


def test_bytes_files_and_file_objects_give_the_same(tmp_path, monkeypatch):
    data = encoded(scene(), "PNG")
    path = tmp_path / "eine Seite – 数.png"
    path.write_bytes(data)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    with path.open("rb") as file:
        sources = [str(path), path, data, bytearray(data), memoryview(data), io.BytesIO(data), file]
        pictures = [open_picture(source) for source in [*sources, "-"]]
        assert not file.closed
    assert all(np.array_equal(picture.pixels, scene()) for picture in pictures)
    names = [str(path), str(path), "", "", "", "", str(path), "-"]
    assert [picture.name for picture in pictures] == names


def test_a_pillow_picture_opens_and_stays_as_it_was():
    image = Image.open(io.BytesIO(encoded(scene(80, 60), "JPEG", quality=95)))
    image.getexif()[0x0112] = 3
    picture = open_picture(image)
    close(picture.pixels, scene(80, 60)[::-1, ::-1], within=8)
    assert image.size == (80, 60)
    assert image.getexif()[0x0112] == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_opens(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    thread = threading.Thread(target=path.write_bytes, args=(encoded(scene(), "PNG"),))
    thread.start()
    picture = open_picture(path)
    thread.join()
    assert np.array_equal(picture.pixels, scene())


def test_pictures_open_in_threads_and_leave_the_warnings_as_they_were():
    import warnings

    data = encoded(scene(), "PNG")
    before = list(warnings.filters)
    results = []
    threads = [
        threading.Thread(target=lambda: results.extend(open_picture(data) for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 80
    assert all(np.array_equal(picture.pixels, scene()) for picture in results)
    assert list(warnings.filters) == before
