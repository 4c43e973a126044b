"""Seeded ways to spoil files of arrays: safetensors with a JSON header, npz, gzip."""

from __future__ import annotations

import gzip
import io
import json
import struct
import warnings
import zipfile

import numpy as np

from fuzz import odd_bytes, odd_values
from fuzz.odd_values import pick

TYPES = ("F16", "BF16", "F32", "F64", "I8", "U8", "I32", "I64", "BOOL", "F8_E4M3", "x")


def tensors(data, rng, spoil=odd_values.spoilt):
    """A safetensors file whose own header, table, numbers or bytes are spoilt.

    `spoil` is what becomes of the JSON in the metadata "byhand".
    """
    (length,) = struct.unpack_from("<Q", data)
    table, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    way = rng.integers(12)
    if way < 8:
        header = json.loads(table["__metadata__"]["byhand"])
        said = odd_values.text(spoil(header, rng), rng)
        # As text within JSON: half a character is written as an escape, and stays one.
        table["__metadata__"]["byhand"] = said.decode("utf-8", "surrogatepass")
    elif way == 8:
        names = [name for name in table if name != "__metadata__"]
        name, other = pick(names, rng), pick(names, rng)
        entry = table[name]
        change = rng.integers(6)
        if change == 0:
            entry["dtype"] = pick(TYPES, rng)
        elif change == 1:  # the same numbers in another shape
            shape = entry["shape"]
            entry["shape"] = pick(
                (shape[::-1], [int(np.prod(shape))], [1, *shape], [*shape, 1]), rng
            )
        elif change == 2:
            table[name], table[other] = table[other], entry
        elif change == 3:
            table[str(odd_values.nudge(name, rng))] = table.pop(name)
        elif change == 4:
            body = _retyped(table, body, names, rng)
        else:
            table = odd_values.spoilt(table, rng)
    elif way == 9 and len(body) >= 8:
        numbers = np.frombuffer(body[: len(body) // 4 * 4], np.float32).copy()
        places = rng.integers(len(numbers), size=pick((1, 5, len(numbers)), rng))
        numbers[places] = pick((np.nan, np.inf, -np.inf, 3e38, 1e-45, 0, -1), rng)
        body = numbers.tobytes() + body[len(numbers) * 4 :]
    else:
        return odd_bytes.spoilt(data, [data], rng)
    said = odd_values.text(table, rng) if way == 8 else json.dumps(table).encode()
    return struct.pack("<Q", len(said)) + said + body


def _retyped(table, body, names, rng):
    """All tensors as numbers of another type, the table made to fit."""
    kind, name = pick(((np.float16, "F16"), (np.float64, "F64"), (np.int32, "I32")), rng)
    parts, place = [], 0
    for entry in (table[name] for name in names):
        start, end = entry["data_offsets"]
        part = np.frombuffer(body[start:end], np.float32).astype(kind).tobytes()
        entry["dtype"], entry["data_offsets"] = name, [place, place + len(part)]
        parts.append(part)
        place += len(part)
    return b"".join(parts)


def array(value, rng):
    """An array of another type, shape or content."""
    way = pick((_retype, _reshape, _objects, np.asfortranarray, _overwritten), rng)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return way(value) if way is np.asfortranarray else way(value, rng)
    except (TypeError, ValueError, OverflowError, IndexError):  # not every array can be all that
        return np.array(7.5)


def _retype(value, rng):
    kinds = ("f2", "f4", "f8", "i1", "i8", "u8", "c8", "?", "U3", "S2", "M8[s]", ">f4")
    return value.astype(pick(kinds, rng))


def _reshape(value, rng):
    return pick((value[:0], value[:1], value[:-1], value[..., None], value.ravel(), value.T,
                 value[None], np.repeat(value, 2, axis=0), value[::2], value[0]), rng)  # fmt: skip


def _objects(value, rng):
    return np.array([odd_values.odd(rng), None], object)  # which is pickled


def _overwritten(value, rng):
    value = value.copy()
    places = rng.integers(value.size, size=pick((1, 3, value.size), rng))
    number = odd_values.odd(rng)
    number = number if isinstance(number, int | float) else 1e9
    value.reshape(-1)[places] = np.array(number).astype(value.dtype)
    return value


def npz(arrays, rng):
    """An npz file of `arrays`, in which an array, the description of one, or bytes are spoilt."""
    arrays = dict(arrays)
    name = pick(list(arrays), rng)
    way = rng.integers(8)
    if way < 3:
        arrays[name] = array(arrays[name], rng)
    elif way == 3:
        value = arrays.pop(name)
        if rng.integers(2):
            arrays[pick((name.upper(), name + "x", "", "../x", "é"), rng)] = value
    parts = {}
    for key, value in arrays.items():
        written = io.BytesIO()
        np.save(written, value, allow_pickle=True)
        parts[f"{key}.npy"] = written.getvalue()
    if way in (4, 5):
        parts[f"{name}.npy"] = _redescribed(parts[f"{name}.npy"], rng)
    elif way == 6:
        parts[f"{name}.npy"] = odd_bytes.spoilt(parts[f"{name}.npy"], list(parts.values()), rng)
    written = io.BytesIO()
    with zipfile.ZipFile(
        written, "w", pick((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED), rng)
    ) as file:
        for key, part in parts.items():
            file.writestr(zipfile.ZipInfo(key), part)
    data = written.getvalue()
    return odd_bytes.spoilt(data, [data], rng) if way == 7 else data


def _redescribed(data, rng):
    """An .npy file whose description (a literal of Python's) says something else."""
    (length,) = struct.unpack_from("<H", data, 8)
    described = data[10 : 10 + length].decode("latin-1").rstrip()
    place = int(rng.integers(len(described)))
    said = odd_values.odd(rng)
    changed = pick(
        (
            described.replace("(", f"({said!r}, ", 1),
            described.replace("'<", "'>", 1).replace("|", "<", 1),
            described[:place] + repr(said) + described[place + 1 :],
            described.replace("False", pick(("True", "None", "1"), rng)),
            described.replace("u1", pick(("u2", "f8", "O", "V8", "U9", "m8", "x"), rng)),
            described.replace("descr", "descry"),
            "(" * 500,
        ),
        rng,
    ).encode("utf-8", "replace")
    return data[:8] + struct.pack("<H", len(changed) % 65536) + changed + data[10 + length :]


def packed(data, rng, spoil):
    """A gzip file of which what is inside, or the file itself, is spoilt."""
    if rng.integers(4):
        return gzip.compress(spoil(gzip.decompress(data), rng), 1, mtime=0)
    return odd_bytes.spoilt(data, [data], rng)
