"""What is no picture, or too much of one, is one sentence that names it, never a traceback."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import struct
import subprocess
import sys
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from byhand.data import picture_file
from byhand.errors import DataError, InputError, ShapeError
from byhand.reader import picture, sources
from byhand.reader.picture import open_pages, open_picture
from png_file import chunk, png
from reader.scenes import encoded


def noise(width=64, height=48):
    return np.random.default_rng(5).integers(0, 256, (height, width, 3)).astype(np.uint8)


def refused(source, error=DataError):
    """The message; one sentence without a line break that does not end like a paragraph."""
    with pytest.raises(error) as caught:
        open_picture(source)
    message = str(caught.value)
    assert "\n" not in message
    assert not message.endswith(".")
    return message


def test_a_missing_file_a_folder_and_an_empty_file_are_named(tmp_path):
    missing, empty = tmp_path / "none.png", tmp_path / "empty.png"
    empty.touch()
    assert refused(missing) == f"{missing} does not exist: check the picture's name"
    assert f"{tmp_path} is a folder" in refused(tmp_path)
    assert refused(empty) == f"{empty} is empty: give a picture"
    assert refused(b"") == "the picture is empty: give a picture"
    assert "no file name" in refused("", InputError)
    assert "no file name" in refused("a\0b", InputError)
    assert "cannot be read" in refused("x" * 5000)
    assert "none.png/page.png" in refused(missing / "page.png")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_a_file_without_permission_is_named(tmp_path):
    path = tmp_path / "page.png"
    path.write_bytes(encoded(noise(), "PNG"))
    path.chmod(0)
    assert refused(path) == f"{path} may not be read: check its permissions"


def test_a_file_that_the_system_refuses_is_named(tmp_path, monkeypatch):
    def refuse(path, mode):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "page.png"
    path.write_bytes(encoded(noise(), "PNG"))
    monkeypatch.setattr(sources, "open", refuse, raising=False)
    assert refused(path) == f"{path} may not be read: check its permissions"


@pytest.mark.parametrize(
    "data",
    [b"\0", b"not a picture", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF",
     bytes(5000), b"PK\x03\x04" + bytes(100), b"II*\0", b"BM", b"P6\n",
     b"%!PS-Adobe-3.0 EPSF-3.0\n"],
)  # fmt: skip
def test_what_is_no_picture_is_said_to_be_none(tmp_path, data):
    path = tmp_path / "page.png"
    path.write_bytes(data)
    message = refused(path)
    assert message.startswith(f"{path} is ")
    assert "no picture" in message or "damaged" in message


def test_postscript_is_never_run():
    data = encoded(noise(), "EPS")
    assert "is no picture" in refused(data)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(99), "HEIC"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>', "SVG"),
        (b'  <SVG width="10" height="10"/>', "SVG"),
    ],
)
def test_heic_and_svg_are_to_be_converted(data, kind):
    assert f"{kind} " in refused(data)
    assert refused(data).endswith("convert it to PNG or JPEG")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("WEBP", {}), ("BMP", {}),
        ("WEBP", {"lossless": True}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}),
        ("GIF", {}), ("PPM", {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("left", [0.1, 0.5, 0.9, 0.99])
def test_a_picture_cut_short_is_an_error_and_not_half_a_picture(kind, options, left):
    data = encoded(noise(), kind, **options)
    assert "damaged" in refused(data[: int(len(data) * left)])


def test_a_photograph_cut_short_by_a_few_bytes_is_an_error():
    data = encoded(noise(640, 480), "JPEG", quality=90)
    for cut in (3, 10, 100, 1000):
        assert refused(data[:-cut]).startswith("the picture is damaged or cut short")


def test_a_page_of_a_tiff_that_is_cut_short_is_named():
    others = [Image.fromarray(noise())]
    data = encoded(noise(), "TIFF", save_all=True, append_images=others)
    # The second page's pixels are the file's last bytes but for its directory: cut into them.
    broken = data.replace(noise().tobytes()[-3000:], b"")
    with pytest.raises(DataError):
        list(open_pages(broken))


def test_a_tiff_of_very_many_pages_is_refused(monkeypatch):
    pages = {"save_all": True, "append_images": [Image.fromarray(noise()) for _ in range(3)]}
    data = encoded(noise(), "TIFF", **pages)
    monkeypatch.setattr(picture, "MOST_PAGES", 4)
    assert len(list(open_pages(data))) == 4
    monkeypatch.setattr(picture, "MOST_PAGES", 3)
    assert refused(data) == "the picture has more than 3 pages: split it"


def test_a_broken_pdf_is_an_error():
    pytest.importorskip("pypdfium2")
    assert refused(b"%PDF-1.7\nnothing more") == (
        "the picture is a broken PDF: copy or save it again"
    )


@pytest.mark.parametrize(
    "data",
    [
        png(60000, 60000, chunk(b"IDAT", zlib.compress(bytes(1000)))),
        png(10001, 10000, chunk(b"IDAT", zlib.compress(bytes(1000)))),
        png(2**31 - 1, 2**31 - 1),
        b"P5 60000 60000 255\n" + bytes(100),
        b"BM" + struct.pack("<IIIIiiHH", 1000, 0, 54, 40, 30000, 30000, 1, 24) + bytes(24),
        b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0x80, 0, 0) + bytes(6) + b"\x2c"
        + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x02\x02\x44\x01\x00\x3b",
    ],
)  # fmt: skip
def test_more_than_100_megapixels_are_refused_before_decoding(data):
    message = refused(data)
    assert message.startswith("the picture has more than 100 megapixels")
    assert message.endswith("make it smaller")


def test_webp_has_a_limit_of_its_own(monkeypatch):
    monkeypatch.setitem(picture_file.MOST_OF, "WEBP", 64 * 48)
    assert open_picture(encoded(noise(), "WEBP")).size == (64, 48)
    monkeypatch.setitem(picture_file.MOST_OF, "WEBP", 64 * 48 - 1)
    assert "megapixels, 64 × 48" in refused(encoded(noise(), "WEBP"))


@pytest.mark.parametrize("size", [(100_000_000, 1), (1, 100_000_000), (65_536, 3), (2, 65_536)])
def test_a_side_is_bounded_too_in_files_arrays_and_pillow_pictures(size):
    longest = f"{size[0]:,} × {size[1]:,} pixels and a side of 65,535 is the most"
    data = png(*size, chunk(b"IDAT", zlib.compress(bytes(1000))))
    assert longest in refused(data)
    assert longest in refused(np.broadcast_to(np.zeros(1, np.uint8), size[::-1]))
    if size[1] < 100_000:  # Pillow keeps an address for every row
        assert longest in refused(Image.new("1", size))


def test_a_picture_of_the_longest_side_opens():
    for size in ((65_535, 1), (1, 65_535)):
        assert open_picture(encoded(np.zeros(size[::-1], np.uint8), "PNG")).size == size


def test_jpeg_2000_is_shrunk_while_it_is_decoded_or_has_a_limit_of_its_own(monkeypatch):
    monkeypatch.setitem(picture_file.MOST_OF, "JPEG2000", 5000 * 40 - 1)
    grey = np.repeat(np.linspace(0, 255, 5000).astype(np.uint8)[np.newaxis], 40, axis=0)
    opened = open_picture(encoded(grey, "JPEG2000"))
    assert (opened.size, opened.pixels.shape) == ((5000, 40), (16, 2048, 3))
    assert np.abs(opened.pixels[8, :, 0] - np.linspace(0, 255, 2048)).max() < 4
    assert "megapixels, 5,000 × 40" in refused(encoded(grey, "JPEG2000", num_resolutions=1))


def test_large_arrays_and_pillow_pictures_are_refused_with_their_size():
    array = np.broadcast_to(np.zeros(1, np.uint8), (10_000, 10_001))  # takes one byte
    assert "10,001 × 10,000" in refused(array)
    image = Image.new("1", (10_001, 10_000))
    assert "10,001 × 10,000" in refused(image)


def test_a_small_file_cannot_fill_the_memory_through_text_or_profiles():
    bomb = zlib.compress(bytes(80_000_000), 9)
    pixels = chunk(b"IDAT", zlib.compress(bytes(110)))
    for extra in (
        chunk(b"zTXt", b"Comment\0\0" + bomb),
        chunk(b"iTXt", b"Comment\0\x01\0\0\0" + bomb),
        chunk(b"iCCP", b"profile\0\0" + bomb),
    ):
        tracemalloc.start()
        with contextlib.suppress(DataError):  # it may open, without its text
            open_picture(png(10, 10, extra, pixels))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8_000_000


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="this system has no /dev/zero")
def test_an_endless_stream_is_given_up(monkeypatch):
    monkeypatch.setattr(sources, "MOST_BYTES", 1 << 20)
    assert refused("/dev/zero").startswith("/dev/zero gives more than 1 MiB")


def test_a_closed_standard_input_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert "standard input is closed" in refused("-", InputError)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"words")))
    assert refused("-").startswith("standard input is no picture")
    monkeypatch.setattr(sys, "stdin", io.StringIO("words"))
    assert "standard input is open as text" in refused("-", InputError)


def test_a_file_object_that_fails_or_is_text_is_an_error():
    class Broken:
        def read(self, size):
            raise OSError(5, "Input/output error")

    assert refused(Broken()) == "the picture cannot be read: Input/output error; give a file"
    assert "open as text" in refused(io.StringIO("words"), InputError)


@pytest.mark.parametrize("source", [None, 7, 2.5, [[0, 1]], {"a": 1}, object()])
def test_what_is_no_source_names_what_is(source):
    message = refused(source, InputError)
    assert message.startswith(f"a {type(source).__name__} is no picture")
    assert "NumPy array" in message


def not_finite(value):
    array = np.zeros((5, 5), np.float32)
    array[2, 2] = value
    return array


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3,), np.uint8), "(3,)"),
        (np.zeros((), np.uint8), "()"),
        (np.zeros((2, 28, 28), np.uint8), "(2, 28, 28)"),
        (np.zeros((28, 28, 2), np.uint8), "(28, 28, 2)"),
        (np.zeros((1, 28, 28, 1), np.uint8), "(1, 28, 28, 1)"),
        (np.zeros((0, 28), np.uint8), "empty"),
        (np.zeros((28, 0, 3), np.uint8), "empty"),
        (np.zeros((5, 5), np.complex64), "not complex64"),
        (np.zeros((5, 5), object), "not object"),
        (np.zeros((5, 5), "U3"), "not <U3"),
        (np.full((5, 5), -0.1), "values from -0.1 to -0.1"),
        (not_finite(np.nan), "values from nan to nan"),
        (not_finite(np.inf), "values from 0 to inf"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_array_that_is_no_picture_is_a_shape_error(array, words):
    assert words in refused(array, ShapeError)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_float_tiff_with_values_that_are_not_finite_is_an_error(value):
    file = io.BytesIO()
    Image.fromarray(not_finite(value)).save(file, "TIFF")
    assert "infinite or no numbers" in refused(file.getvalue())


def test_broken_metadata_of_a_whole_picture_is_passed_over_in_silence(caplog, capfd):
    plain = encoded(noise(), "JPEG")
    broken = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(range(200))
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(broken) + 2) + broken + plain[2:]
    pixels = open_picture(data).pixels  # a warning would be an error here
    assert np.array_equal(pixels, open_picture(plain).pixels)
    assert capfd.readouterr() == ("", "")


def test_a_broken_tiff_is_not_remarked_on_by_libtiff(capfd):
    data = encoded(noise(), "TIFF", compression="tiff_lzw")
    for place in (300, 1000, 4000):
        refused(data[:place] + b"\xff" * 400 + data[place + 400 :])
    assert capfd.readouterr() == ("", "")


def test_remarks_of_pillows_logger_are_not_printed_where_nobody_listens():
    code = (
        "import logging; from byhand.reader.picture import open_picture\n"
        "try: open_picture(b'nothing')\n"
        "except Exception: pass\n"
        "logging.getLogger('PIL.TiffImagePlugin').error('More samples per pixel')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert logging.getLogger("PIL").propagate  # to whoever does listen


MEMORY = """
import json, sys
import numpy, scipy.ndimage, PIL.Image
from byhand.reader.picture import open_picture
picture = open_picture(sys.argv[1])
# Not getrusage's, which a process inherits from the one that started it.
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if "VmHWM" in line) / 1000
print(json.dumps([peak, picture.size, picture.pixels.shape]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the memory so")
@pytest.mark.parametrize(
    ("depth", "colour", "samples"), [(8, 2, 3), (8, 6, 4), (16, 0, 2), (16, 2, 6)]
)
def test_50_megapixels_open_in_less_than_600_megabytes(tmp_path, depth, colour, samples):
    width, height = 8660, 5774
    row = b"\0" + bytes(range(256)) * (width * samples // 256) + bytes(width * samples % 256)
    pack = zlib.compressobj(1)
    pixels = b"".join([*(pack.compress(row) for _ in range(height)), pack.flush()])
    path = tmp_path / "large.png"
    path.write_bytes(png(width, height, chunk(b"IDAT", pixels), depth=depth, colour=colour))
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True
    )
    peak, size, shape = json.loads(done.stdout)
    assert size == [width, height]
    assert shape == [1365, 2048, 3]
    assert peak < 600
