"""The four IDX files that make a set: pictures and labels, to train on and to test on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import checks
from byhand.data.arrays import as_labels
from byhand.data.compressed import read_bytes
from byhand.data.dataset import DIGITS, Dataset, Splits
from byhand.data.fingerprint import (
    IDX_FILES,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    named_splits,
)
from byhand.data.idx import parse_idx
from byhand.data.pixel_range import RangeGiven, range_asked, set_to_bytes
from byhand.errors import DataError, InputError


def find_idx(folder: Path) -> dict[str, Path]:
    """Which of the four files are in `folder`: their names in MNIST, and where each is.

    Each may be gzip'd (`.gz`), and may have a dot before `idx`, as some copies have.
    """
    files = {}
    for name in IDX_FILES:
        if there := [path for path in idx_paths(folder, name) if path.is_file()]:
            files[name] = there[0]
    return files


def idx_paths(folder: Path, name: str) -> list[Path]:
    """Where the file `name` may lie in `folder`, the place that counts first."""
    variants = (name, name.replace("-idx", ".idx"))
    return [folder / f"{variant}{end}" for variant in variants for end in ("", ".gz")]


def open_idx(
    folder: str | Path, hashes: Mapping[str, str] | None = None, *, range: RangeGiven = None
) -> Splits:
    """Read the set in `folder`.

    Args:
        folder: holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
            t10k-labels-idx1-ubyte, each gzip'd or not.
        hashes: the SHA-256 that each decompressed file must have, by name; none: any is right.
        range: the values of black and white; None finds them, for both parts alike.

    Raises:
        DataError: a file is missing, broken or another than `hashes` says, a label is none of the
            ten digits, or pictures and labels differ in number.
        InputError: the range is none.
    """
    folder, asked = checks.path("the folder", folder), range_asked(range)
    files = find_idx(folder)
    if missing := [name for name in IDX_FILES if name not in files]:
        raise DataError(
            f"{folder} has no {' and no '.join(missing)} (gzip'd or not): "
            f"put the four files of the set there, {', '.join(IDX_FILES)}"
        )
    parts = [
        _part(files[TRAIN_IMAGES], files[TRAIN_LABELS], TRAIN_IMAGES, TRAIN_LABELS, hashes),
        _part(files[TEST_IMAGES], files[TEST_LABELS], TEST_IMAGES, TEST_LABELS, hashes),
    ]
    pixels, notes = set_to_bytes([images for images, _ in parts], asked, f"the pixels of {folder}")
    train, test = (
        Dataset(images[:, np.newaxis], labels, DIGITS)  # (N, 1, H, W)
        for images, (_, labels) in zip(pixels, parts, strict=True)
    )
    return named_splits("mnist-like", train, test, None, str(folder), notes)


def _part(
    images_path: Path,
    labels_path: Path,
    images_name: str,
    labels_name: str,
    hashes: Mapping[str, str] | None,
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    images = parse_idx(_checked(images_path, images_name, hashes), 3, str(images_path))
    labels = parse_idx(_checked(labels_path, labels_name, hashes), 1, str(labels_path))
    if len(images) != len(labels):
        raise DataError(
            f"{images_path} holds {len(images)} pictures and {labels_path} {len(labels)} labels: "
            "give two files that belong together"
        )
    try:
        return images, as_labels(labels, DIGITS)
    except InputError as error:
        raise DataError(f"{labels_path}: {error}") from error


def _checked(path: Path, name: str, hashes: Mapping[str, str] | None) -> bytes:
    data = read_bytes(path)
    if hashes is not None and (digest := hashlib.sha256(data).hexdigest()) != hashes[name]:
        raise DataError(
            f"{path} is not {name} as it should be: its SHA-256 is {digest} and "
            f"{hashes[name]} was expected; delete it and fetch it again"
        )
    return data
