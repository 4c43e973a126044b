"""Seeded ways to spoil the bytes of a file."""

from __future__ import annotations

import struct
import zlib

# What a length, a size or an offset in a header may claim.
EXTREMES = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEADER = 96  # bytes, in which most of what matters stands


def spoilt(data, others, rng):
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
