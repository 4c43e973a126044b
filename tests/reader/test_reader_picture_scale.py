"""What a picture becomes: its working size, and what its numbers mean."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from byhand.errors import InputError
from byhand.reader.picture import open_pages, open_picture
from byhand.reader.pixels import working_size
from reader.scenes import encoded, scene


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
