"""A set as a folder of pictures, a folder for each class."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from byhand.data.compressed import LARGEST
from byhand.data.dataset import Dataset, Splits
from byhand.data.fingerprint import fingerprint, name_of
from byhand.data.picture_file import check_picture_size
from byhand.data.split import stratified_split
from byhand.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

TEST_FRACTION = 0.2
# What file managers leave behind without a dot before it.
_LITTER = ("thumbs.db", "desktop.ini")


def open_folder(folder: str | Path, *, invert: bool | None = None, seed: int = 0) -> Splits:
    """Read the pictures in `folder`, in any format that Pillow knows.

    Either `folder/train/CLASS/*` and `folder/test/CLASS/*`, or `folder/CLASS/*`, of which 20 % of
    every class are then split off for testing. The classes are the folders' names, in order: by
    value where all are numbers, else by name. Pictures become grey (colours by ITU-R 601 luma,
    what is transparent is filled with the contrary of the ink, 16 bits are cut to 8) and must all
    be of one size. Hidden files, and files beside the class folders, are left alone.

    Args:
        folder: where the pictures are.
        invert: True turns dark ink on light to white on black, False leaves the pictures as they
            are; None looks: where the median of all pixels on the pictures' borders is above 127
            the set is turned.
        seed: which pictures are for testing, where the folder does not say.

    Raises:
        DataError: there are no pictures, a class has none, a file is no picture, or the sizes
            differ; the message names the file.
    """
    folder = Path(folder)
    if is_split(folder):
        names = class_names(folder / "train")
        if unknown := [name for name in class_names(folder / "test") if name not in names]:
            raise DataError(
                f"{folder / 'test' / unknown[0]} is a class without pictures to train on: "
                f"put some into {folder / 'train' / unknown[0]}"
            )
        train = _read(folder / "train", names, None)
        test = _read(folder / "test", names, train.image_shape[1:])
        notes: tuple[str, ...] = ()
    else:
        names = class_names(folder)
        both = _read(folder, names, None)
        train, test = stratified_split(both, TEST_FRACTION, np.random.default_rng(seed))
        if not len(test):
            raise DataError(
                f"{folder} has too few pictures to keep some for testing, {len(both)}: add more, "
                "or put them into train/ and test/"
            )
        notes = (f"a fifth of the pictures was set apart for testing (seed {seed})",)
    if invert is None and (invert := _is_dark_on_light(train, test)):
        notes += ("the pictures are dark on light and were turned to light on dark",)
    if invert:
        train = Dataset(255 - train.images, train.labels, names)
        test = Dataset(255 - test.images, test.labels, names)
    sha256 = fingerprint(train, test)
    return Splits(name_of(sha256, "folder"), train, test, None, str(folder), sha256, notes)


def is_split(folder: Path) -> bool:
    """Whether `folder` has train/ and test/ with a folder for each class in both."""
    return all(_folders(folder / part) for part in ("train", "test"))


def class_names(folder: Path) -> tuple[str, ...]:
    """The names of the class folders in `folder`, in the order of their labels."""
    names = [path.name for path in _folders(folder)]
    if not names:
        raise DataError(
            f"{folder} has no folders of pictures: make one for each class and put its pictures in"
        )
    if all(name.isascii() and name.isdigit() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def _folders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir() and not _hidden(path)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(
            f"cannot read {folder}: {error.strerror or error}; check its permissions"
        ) from error


def _hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name.lower() in _LITTER


def _read(folder: Path, names: tuple[str, ...], size: tuple[int, int] | None) -> Dataset:
    """All pictures of the classes `names` in `folder`; `size` is (H, W) that each must have."""
    pictures: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    first = "the training pictures"
    for label, name in enumerate(names):
        if not (folder / name).is_dir():
            continue  # a class that has no test pictures
        paths = sorted(path for path in (folder / name).iterdir() if not _hidden(path))
        if not paths:
            raise DataError(
                f"{folder / name} is a class without pictures: put some in, or remove the folder"
            )
        for path in paths:
            pixels = read_grey(path, size, first)
            if size is None:
                size, first = (pixels.shape[0], pixels.shape[1]), str(path)
            pictures.append(pixels)
            labels.append(label)
            if len(pictures) * pixels.size > LARGEST:
                raise DataError(
                    f"{folder} holds more than {LARGEST:,} pixels: byhand reads a set into "
                    "memory; give fewer or smaller pictures"
                )
    images = np.stack(pictures)[:, np.newaxis]  # (N, H, W) -> (N, 1, H, W)
    return Dataset(images, np.array(labels, np.int64), names)


def read_grey(
    path: Path, size: tuple[int, int] | None = None, like: str = "the others"
) -> NDArray[np.uint8]:
    """One picture as (H, W) uint8, as `open_folder` says; `size` is what it must be, as `like` is.

    Raises:
        DataError: the file is no picture, is broken, is too large to be decoded safely, or has
            another size.
    """
    from PIL import Image

    if path.is_dir():
        raise DataError(
            f"{path} is a folder where a picture was expected: "
            "put pictures straight into the folder of their class"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata
            with Image.open(path) as picture:
                width, height = picture.size
                check_picture_size(str(path), picture.size, picture.format)
                if size is None or (height, width) == size:
                    return _grey(picture)
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError(
            f"{path} is too large a picture to be read safely: make it smaller first"
        ) from error
    except Exception as error:  # a broken picture raises anything
        reason = "no such file" if isinstance(error, FileNotFoundError) else "it cannot be decoded"
        raise DataError(
            f"{path} is no picture that can be read ({reason}): replace or remove it"
        ) from error
    raise DataError(
        f"{path} is {width} × {height} pixels where {like} is {size[1]} × {size[0]}: "
        "make all pictures one size"
    )


def _grey(picture: Image) -> NDArray[np.uint8]:
    if picture.mode.startswith("I;16"):
        return (np.asarray(picture) >> 8).astype(np.uint8)
    if picture.has_transparency_data:
        layers = np.asarray(picture.convert("LA"), np.float32)
        grey, alpha = layers[..., 0], layers[..., 1] / 255
        # Dark ink without paper gets white paper, white ink black paper.
        ink = (grey * alpha).sum() / max(float(alpha.sum()), 1e-6)
        paper = 255 if ink < 128 else 0
        return np.rint(grey * alpha + paper * (1 - alpha)).astype(np.uint8)
    return np.array(picture.convert("L"), np.uint8)


def _is_dark_on_light(*parts: Dataset) -> bool:
    borders = []
    for part in parts:
        rows = part.images[:, :, [0, -1], :]  # (N, 1, 2, W)
        columns = part.images[:, :, :, [0, -1]]  # (N, 1, H, 2)
        borders += [rows.ravel(), columns.ravel()]
    return bool(np.median(np.concatenate(borders)) > 127)
