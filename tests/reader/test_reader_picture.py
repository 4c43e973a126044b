"""Pictures of every kind open upright, as RGB at working size; everything else is a clear error."""

from __future__ import annotations

import io
import os
import struct
import sys
import threading
import zlib

import numpy as np
import pytest
from PIL import Image

from byhand.data.picture_file import turn_upright
from byhand.errors import InputError
from byhand.reader.picture import open_pages, open_picture
from byhand.reader.pixels import working_size

PAPER, INK = (250, 240, 230), (20, 30, 90)


def scene(width=40, height=30):
    """Paper with a block of ink in its upper left quarter, and a thin one at the right edge."""
    pixels = np.full((height, width, 3), PAPER, np.uint8)
    pixels[height // 6 : height // 3, width // 8 : width // 4] = INK
    pixels[height // 2 :, -width // 10 :] = INK
    return pixels


def encoded(image, kind, **options):
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def close(got, expected, within=3):
    assert got.shape == expected.shape
    assert np.abs(got.astype(int) - expected.astype(int)).mean() <= within


def grey_of(pixels):
    return np.asarray(Image.fromarray(pixels).convert("L"))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, *chunks, depth=8, colour=0):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", header), *chunks, chunk(b"IEND", b"")])


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


# Working size.


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1, 1), (1, 1)),
        ((2048, 100), (2048, 100)),
        ((2049, 2049), (2048, 2048)),
        ((4032, 3024), (2016, 1512)),
        ((3000, 4000), (1500, 2000)),
        ((3264, 2448), (2048, 1536)),
        ((1, 20000), (1, 2000)),
        ((100_000_000, 1), (2048, 1)),
    ],
)
def test_the_working_size_is_at_most_2048_and_never_larger_than_the_picture(size, expected):
    assert working_size(size) == expected


@pytest.mark.parametrize("size", [(4096, 512), (3000, 600), (5003, 301), (2100, 700), (300, 9001)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "RGBA", "uint16", "array"])
def test_a_large_picture_is_shrunk_with_antialiasing(size, kind):
    # A smooth scene, so that what each working pixel should be is known.
    x, y = (np.arange(n, dtype=np.float32) / n for n in size)
    wave = np.cos(6 * x) * np.cos(4 * y)[:, np.newaxis]
    # Stripes a pixel wide, which vanish in the average where two of them fall in one.
    stripes = 30.0 if max(size) > 4000 else 0.0
    fine = np.where(np.add.outer(np.arange(size[1]), np.arange(size[0])) % 2, stripes, -stripes)
    grey = np.rint(130 + 60 * wave + fine).astype(np.uint8)
    source = {
        "array": lambda: grey,
        "uint16": lambda: grey.astype(np.uint16) * 257,
        "PNG": lambda: encoded(grey, "PNG", compress_level=0),
        "JPEG": lambda: encoded(grey, "JPEG", quality=95),
        "RGBA": lambda: Image.fromarray(grey).convert("RGBA"),
    }[kind]()
    picture = open_picture(source)
    w, h = working_size(size)
    assert picture.pixels.shape == (h, w, 3)
    assert picture.size == size
    assert picture.scale == pytest.approx(max(size) / max(w, h))
    x, y = (np.arange(n) / n for n in (w, h))
    expected = 130 + 60 * np.cos(6 * x) * np.cos(4 * y)[:, np.newaxis]
    assert np.abs(picture.pixels[2:-2, 2:-2, 0] - expected[2:-2, 2:-2]).max() < 4


def test_a_place_in_the_working_picture_times_its_scale_is_the_place_in_the_original():
    for width, height in ((4032, 600), (5003, 301), (8000, 600), (300, 3001)):
        pixels = np.full((height, width), 255, np.uint8)
        x, y = int(0.83 * width), int(0.71 * height)
        pixels[y - 20 : y + 20, x - 20 : x + 20] = 0
        picture = open_picture(pixels)
        ink = 255.0 - picture.pixels[..., 0]
        rows, columns = np.mgrid[: ink.shape[0], : ink.shape[1]] + 0.5
        assert abs((columns * ink).sum() / ink.sum() * picture.scale - x) < 1
        assert abs((rows * ink).sum() / ink.sum() * picture.scale - y) < 1


@pytest.mark.parametrize("kind", ["array", "TIFF", "Pillow"])
@pytest.mark.parametrize(
    ("full", "as_type", "said"),
    [
        (255, np.uint16, "0 to 255"), (4095, np.uint16, "0 to 4095"), (65535, np.int32, None),
        (1, np.float32, None), (255, np.float32, "0 to 255"), (16, np.float32, "0 to 16"),
        (65535, np.float32, "0 to 65535"), (65535, np.uint16, None), (1, np.uint16, "0 to 1"),
        (1, np.uint8, "0 to 1"),
    ],
)  # fmt: skip
def test_a_picture_is_scaled_by_what_it_holds_and_that_is_said(kind, full, as_type, said):
    ramp = np.tile(np.linspace(0, 1, 40), (30, 1))
    values = (ramp * full).astype(as_type)
    if kind != "array":
        image = Image.fromarray(values)
        source = image if kind == "Pillow" else encoded(image, "TIFF")
    else:
        source = values
    picture = open_picture(source)
    expected = values / values.max() * 255
    assert np.abs(picture.pixels[..., 1] - expected).max() <= 1
    notes = [note for note in picture.notes if f"were read as {said}, black to white" in note]
    assert len(picture.notes) == len(notes) == (said is not None)


@pytest.mark.parametrize("kind", ["array", "PNG", "RGBA", "palette", "16 bits", "float", "PDF"])
def test_the_range_that_is_asked_for_is_taken_and_what_is_cut_off_is_counted(kind):
    grey = np.zeros((30, 40), np.uint8)
    grey[:, 10:20] = 40
    grey[:, 20:30] = 80
    grey[0, 39] = 200
    rgb = np.repeat(grey[..., None], 3, axis=2)
    file = io.BytesIO()
    if kind == "PDF":
        pytest.importorskip("pypdfium2")
        Image.fromarray(rgb).resize((400, 300), 0).save(file, "PDF", resolution=2000 / 9)
    source = {
        "array": lambda: rgb,
        "PNG": lambda: encoded(grey, "PNG"),
        "RGBA": lambda: encoded(np.dstack([rgb, np.full_like(grey, 255)]), "PNG"),
        "palette": lambda: encoded(Image.fromarray(rgb).quantize(8), "PNG"),
        "16 bits": lambda: encoded(grey.astype(np.uint16), "PNG"),
        "float": lambda: encoded(grey.astype(np.float32), "TIFF"),
        "PDF": file.getvalue,
    }[kind]()
    picture = open_picture(source, range="0-80")
    height, width = picture.pixels.shape[:2]
    found = picture.pixels[height // 2, [width * n // 8 for n in (1, 3, 5)], 0]
    assert np.abs(found.astype(int) - [0, 128, 255]).max() <= (6 if kind == "PDF" else 1)
    (note,) = picture.notes
    assert note.endswith("values outside 0 to 80 were cut off")
    assert next(open_pages(source, range=(0, 80))).notes == picture.notes


def test_a_masked_array_is_refused_and_an_unmasked_one_is_read():
    masked = np.ma.masked_array(scene())
    assert np.array_equal(open_picture(masked).pixels, scene())
    masked[3, 3] = np.ma.masked
    with pytest.raises(InputError, match="masked"):
        open_picture(masked)


@pytest.mark.parametrize("size", [(1, 1), (1, 20000), (20000, 1), (3, 20000), (2, 2)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "RGBA", "array"])
def test_tiny_and_thin_and_plain_pictures_open(size, kind):
    plain = np.full((size[1], size[0], 3), 77, np.uint8)
    source = {
        "array": lambda: plain,
        "RGBA": lambda: Image.fromarray(plain).convert("RGBA"),
    }.get(kind, lambda: encoded(plain, kind))()
    picture = open_picture(source)
    assert picture.size == size
    assert max(picture.pixels.shape) <= 2048
    # What is transparent nowhere is as it was.
    assert np.abs(picture.pixels.astype(int) - 77).max() <= 1


# Pages and frames.


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_read_with_a_note(kind):
    others = [Image.fromarray(scene()[::-1]), Image.fromarray(scene()[:, ::-1])]
    data = encoded(scene(), kind, save_all=True, append_images=others)
    (picture,) = open_pages(data)
    close(picture.pixels, scene(), within=8)
    assert picture.notes == ("an animation: its first frame was read",)


def several(kind):
    pages = [Image.fromarray(scene(40 + 8 * i, 30)) for i in range(3)]
    return encoded(pages[0], kind, save_all=True, append_images=pages[1:])


def test_each_page_of_a_tiff_is_a_picture():
    pages = list(open_pages(several("TIFF")))
    assert [page.size for page in pages] == [(40, 30), (48, 30), (56, 30)]
    for page in pages:
        assert np.array_equal(page.pixels, scene(*page.size))
        assert page.notes == ()
    second = open_picture(several("TIFF"), page=1)
    assert np.array_equal(second.pixels, pages[1].pixels)
    assert second.notes == ("page 2 of 3 was read",)


def test_a_thumbnail_in_a_tiff_is_no_page():
    small = Image.fromarray(scene(8, 6))
    small.encoderinfo = {"tiffinfo": {0xFE: 1}}
    data = encoded(scene(), "TIFF", save_all=True, append_images=[small])
    assert [page.size for page in open_pages(data)] == [(40, 30)]


def test_each_page_of_a_pdf_is_a_picture(tmp_path):
    pytest.importorskip("pypdfium2")
    path = tmp_path / "pages.pdf"
    # 2 and 3 inches wide: at 100 dots an inch, drawn at 200.
    pages = [Image.fromarray(scene(200 + 100 * i, 150)) for i in range(2)]
    pages[0].save(path, save_all=True, append_images=pages[1:], resolution=100)
    drawn = list(open_pages(path))
    assert [page.size for page in drawn] == [(400, 300), (600, 300)]
    for page, original in zip(drawn, pages, strict=True):
        assert page.scale == 1
        close(page.pixels, np.asarray(original.resize(page.size)), within=8)
    assert open_picture(path, page=1).notes == ("page 2 of 2 was read",)


def test_a_large_page_of_a_pdf_is_drawn_at_working_size():
    pytest.importorskip("pypdfium2")
    data = encoded(scene(400, 300), "PDF", resolution=10)
    picture = open_picture(data)
    assert picture.size == (2048, 1536)
    assert picture.pixels.shape == (1536, 2048, 3)


def test_a_pdf_without_pypdfium2_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(InputError, match=r"the picture is a PDF.*byhand\[pdf\]"):
        open_picture(encoded(scene(), "PDF"))


@pytest.mark.parametrize("page", [-1, 3, 1.0, "1", None, True])
def test_a_page_that_is_not_there_is_an_error(page):
    said = "no page 3: its pages, counted from 0, end with 2" if page == 3 else "the page .* is "
    with pytest.raises(InputError, match=said):
        open_picture(several("TIFF"), page)
