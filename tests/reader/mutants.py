"""Small valid picture files of every kind, and seeded ways to spoil them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image, features

# What a length, a size or an offset in a header may claim.
EXTREMES = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEADER = 96  # bytes, in which most of what matters stands


def seeds():
    """{name: bytes} of valid files, each of a few kilobytes."""
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


def mutant(data, others, rng):
    """`data` spoilt in one to three ways; `others` are files to splice from."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        data = WAYS[rng.integers(len(WAYS))](data, others, rng)
        if not data:
            break
    if rng.integers(2):
        reseal(data)
    return bytes(data)


def reseal(data):
    """Give a PNG's chunks the checksums of what they now hold, else few get past them."""
    place = 8
    while data.startswith(b"\x89PNG") and place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        end = place + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">I", data, end, zlib.crc32(data[place + 4 : end]))
        place = end + 4


def flip(data, others, rng):
    """Up to 8 bytes anywhere become others."""
    for place in rng.integers(0, len(data), rng.integers(1, 9)):
        data[place] = rng.integers(256)
    return data


def flip_header(data, others, rng):
    """Up to 4 bytes near the beginning, but for the signature mostly."""
    for place in rng.integers(min(4, len(data) - 1), min(HEADER, len(data)), rng.integers(1, 5)):
        data[place] ^= 1 << int(rng.integers(8))
    return data


def claim(data, others, rng):
    """A number of 2 or 4 bytes, in either order, becomes an extreme one."""
    value = EXTREMES[rng.integers(len(EXTREMES))]
    code = ("<H", ">H", "<I", ">I")[rng.integers(4)]
    number = struct.pack(code, value & (0xFFFF if code[1] == "H" else 0xFFFFFFFF))
    reach = HEADER if rng.integers(2) else len(data)
    place = int(rng.integers(min(reach, len(data))))
    data[place : place + len(number)] = number
    return data


def cut(data, others, rng):
    """The end is missing."""
    return data[: rng.integers(len(data))]


def drop(data, others, rng):
    """A stretch in the middle is missing."""
    start = int(rng.integers(len(data)))
    return data[:start] + data[start + int(rng.integers(1, 64)) :]


def repeat(data, others, rng):
    """A stretch stands there twice."""
    start = int(rng.integers(len(data)))
    end = start + int(rng.integers(1, 256))
    return data[:end] + data[start:]


def splice(data, others, rng):
    """It goes on as another file does."""
    other = others[rng.integers(len(others))]
    return data[: rng.integers(len(data))] + other[int(rng.integers(len(other))) :]


def blank(data, others, rng):
    """A stretch is zeros, as of a copy that was broken off."""
    start = int(rng.integers(len(data)))
    length = min(int(rng.integers(1, 512)), len(data) - start)
    data[start : start + length] = bytes(length)
    return data


WAYS = (flip, flip_header, claim, cut, drop, repeat, splice, blank)
