"""Pictures: files of every kind, spoilt, opened, read as a page, as a digit and as a class's."""

from __future__ import annotations

import io
import json
import struct
from collections import Counter

import numpy as np
from PIL import Image, features

from byhand.data.folder import read_grey
from byhand.reader import Page, Picture, Reader, open_pages
from byhand.reader.pixels import WORKING_SIDE
from fuzz import odd_bytes
from fuzz.odd_values import pick


def files():
    """{name: bytes} of valid pictures, each of a few kilobytes."""
    rng = np.random.default_rng(11)
    y, x = np.mgrid[:40, :52]
    smooth = np.stack([4 * x, 5 * y, 255 - 2 * x - 2 * y], axis=-1).astype(np.uint8)
    smooth[10:20, 20:24] = rng.integers(0, 60, (10, 4, 3))
    rgb = Image.fromarray(smooth)
    grey, turned = rgb.convert("L"), rgb.rotate(180)
    deep = Image.fromarray(smooth[..., 0].astype(np.uint16) * 257)
    floats = Image.fromarray(smooth[..., 0] / np.float32(255))
    clear = rgb.copy()
    clear.putalpha(grey)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a page"
    exif = exif.tobytes()
    more = {"save_all": True, "append_images": [turned, rgb.copy()]}
    wanted = {
        "png": (rgb, "PNG", {"exif": exif}),
        "png palette": (rgb.quantize(20), "PNG", {"transparency": 3, "bits": 8}),
        "png alpha": (clear, "PNG", {}),
        "png 16": (deep, "PNG", {}),
        "png animated": (rgb, "PNG", more),
        "jpeg": (rgb, "JPEG", {"exif": exif}),
        "jpeg progressive": (rgb, "JPEG", {"progressive": True}),
        "jpeg cmyk": (rgb.convert("CMYK"), "JPEG", {}),
        "mpo": (rgb, "MPO", {"save_all": True, "append_images": [turned.copy()]}),
        "webp": (rgb, "WEBP", {"exif": exif}),
        "webp lossless": (clear, "WEBP", {"lossless": True}),
        "webp animated": (rgb, "WEBP", more),
        "bmp": (rgb, "BMP", {}),
        "bmp palette": (rgb.quantize(16), "BMP", {}),
        "tiff": (rgb, "TIFF", {"exif": exif}),
        "tiff lzw": (clear, "TIFF", {"compression": "tiff_lzw"}),
        "tiff jpeg": (rgb, "TIFF", {"compression": "jpeg"}),
        "tiff fax": (rgb.convert("1"), "TIFF", {"compression": "group4"}),
        "tiff float": (floats, "TIFF", {"compression": "tiff_adobe_deflate"}),
        "tiff pages": (rgb, "TIFF", more),
        "gif": (rgb, "GIF", {}),
        "gif animated": (rgb, "GIF", more),
        "ppm": (rgb, "PPM", {}),
        "pgm 16": (deep, "PPM", {}),
        "pfm": (floats, "PPM", {}),
    }
    if features.check("jpg_2000"):
        wanted["jpeg 2000"] = (rgb, "JPEG2000", {})
    if features.check("avif"):
        wanted["avif"] = (rgb, "AVIF", {"exif": exif})
    wanted["pdf"] = (rgb, "PDF", {})
    files = {}
    for name, (image, kind, options) in wanted.items():
        file = io.BytesIO()
        image.copy().save(file, kind, **options)  # saving leaves traces in a picture
        files[name] = file.getvalue()
    return files


def made(rng):
    """A valid file of odd sides, mode and orientation."""
    long, short = int(2 ** rng.uniform(0, 13)), int(2 ** rng.uniform(0, 5))
    size = pick(((long, short), (short, long)), rng)
    mode = pick(("1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "I;16", "I", "F"), rng)
    grey = np.full(size[::-1], int(rng.integers(256)), np.uint8)
    grey[rng.random(grey.shape) < 0.1] = int(rng.integers(256))
    if mode in ("I;16", "I", "F"):
        scale = 10.0 ** rng.uniform(-3, 4)
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        image = Image.fromarray(np.minimum(grey * scale, 65535).astype(kind))
    else:
        image = Image.fromarray(grey).convert("RGB" if mode == "LAB" else mode)
    exif = Image.Exif()
    exif[0x0112] = int(rng.integers(0, 12))
    kind = pick(("PNG", "TIFF", "JPEG", "WEBP", "BMP", "GIF", "PPM"), rng)
    file = io.BytesIO()
    try:
        more = {"exif": exif.tobytes()} if kind in ("PNG", "JPEG", "WEBP") else {}
        image.save(file, kind, **more)
    except (OSError, ValueError, TypeError):  # not every kind can hold every mode
        file = io.BytesIO()
        image.convert("RGB").save(file, "PNG")
    return file.getvalue()


def claimed(rng):
    """A PNG of few bytes that says it is large: sides up to 2³¹, the rest of it zeros."""
    sides = [int(2 ** rng.uniform(0, 31)) for _ in range(2)]
    if rng.integers(2):
        sides[int(rng.integers(2))] = int(rng.integers(1, 4))
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "PNG")
    data = bytearray(file.getvalue())
    struct.pack_into(">II", data, 16, *sides)
    odd_bytes.reseal(data)
    return bytes(data)


class Pictures:
    """Opened by the reader and by the data sets; some read."""

    def __init__(self, folder):
        self.folder, self.files = folder, files()
        self.reader = Reader.load()

    def close(self):
        """Nothing is left."""

    def case(self, rng):
        way = rng.integers(12)
        if way == 0:
            return {"picture": made(rng)}
        if way == 1:
            return {"picture": claimed(rng)}
        others = list(self.files.values())
        return {"picture": odd_bytes.spoilt(pick(others, rng), others, rng)}

    def doors(self, case):
        data = case["picture"]
        path = self.folder / "picture"
        path.write_bytes(data)
        read = sum(data[-4:]) % 4  # to read takes longest, so not all are
        yield lambda: [_check_picture(picture) for picture in open_pages(data)]
        yield lambda: _check_grey(read_grey(path, Counter()))
        if read == 0:
            yield lambda: _check_page(self.reader.read(data))
        elif read == 1:
            yield lambda: self.reader.read_digits([path])


def _check_picture(picture):
    assert isinstance(picture, Picture)
    height, width, channels = picture.pixels.shape
    assert picture.pixels.dtype == np.uint8
    assert channels == 3
    assert 1 <= min(height, width) <= max(height, width) <= WORKING_SIDE
    assert picture.scale >= 1


def _check_grey(pixels):
    assert pixels.dtype.kind in "buif"
    assert pixels.ndim == 2


def _check_page(page):
    assert isinstance(page, Page)
    json.dumps(page.as_dict(), allow_nan=False)
