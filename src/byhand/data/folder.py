"""A set as a folder of pictures, a folder for each class."""

from __future__ import annotations

import stat
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from byhand import checks
from byhand.data.compressed import LARGEST
from byhand.data.dataset import Dataset, Splits
from byhand.data.fingerprint import named_splits
from byhand.data.folder_layout import class_files, class_names, find_layout
from byhand.data.picture_file import (
    check_picture_size,
    check_upper_bits,
    decoding,
    is_animated,
    is_cut_to_8_bits,
    load,
    open_image,
    orientation,
    to_rgb,
    turn_upright,
)
from byhand.data.pixel_range import (
    PixelRange,
    RangeGiven,
    find_range,
    range_asked,
    set_to_bytes,
)
from byhand.data.split import stratified_split
from byhand.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

TEST_FRACTION = 0.2
# What may be said of pictures: of one, of several.
_COLOUR = ("is in colour and was made grey", "are in colour and were made grey")
_TURNED = ("was turned upright as its EXIF says", "were turned upright as their EXIF says")
_FRAMES = ("has several frames: its first was read", "have several frames: the first was read")
_DEEPER = ("lies deeper in its class's folder", "lie deeper in their class's folder")


def open_folder(
    folder: str | Path,
    *,
    invert: bool | None = None,
    seed: int = 0,
    range: RangeGiven = None,
) -> Splits:
    """Read the pictures in `folder`: PNG, JPEG, WebP, BMP, TIFF, GIF, PPM, AVIF, JPEG 2000.

    Either `folder/train/CLASS/*`, beside it `folder/test/CLASS/*` and `folder/val/CLASS/*` (or
    training, testing, valid, validation, dev, in any case), or `folder/CLASS/*`. Where no test part
    is there, 20 % of every class are split off for testing. One folder around it all, as archives
    have, is passed through; hidden files, and files beside the class folders, are left alone;
    folders inside a class's count to it. The classes are the folders' names, in order: by value
    where all are numbers, else by name.

    Pictures are turned upright as EXIF says and become grey (colours by ITU-R 601 luma, what is
    transparent is filled with the contrary of the ink). Those of more than 8 bits and of floats
    become bytes by one range for the whole set (`byhand.data.pixel_range`). All must be of one
    size.

    Args:
        folder: where the pictures are.
        invert: True turns dark ink on light to white on black, False leaves the pictures as they
            are; None looks: where the median of all pixels on the pictures' borders is above 127.5
            the set is turned.
        seed: which pictures are for testing, where the folder does not say.
        range: the values of black and white, as "0-4095" or (0, 4095); None finds them.

    Returns:
        The set; its notes say what was done.

    Raises:
        DataError: there are no pictures, a class has none, a file is no picture, the sizes
            differ, or nobody can tell the range; the message names the file.
        InputError: the range is none.
    """
    folder = checks.path("the folder", folder)
    asked, seed = range_asked(range), checks.whole("the seed", seed)
    invert = invert if invert is None else checks.flag("invert", invert)
    layout = find_layout(folder)
    names = class_names(layout.train)
    places = {"train": layout.train, "test": layout.test, "validation": layout.validation}
    for place in (layout.test, layout.validation):
        if place is None:
            continue
        if unknown := [name for name in class_names(place) if name not in names]:
            raise DataError(
                f"{place / unknown[0]} is a class without pictures to train on: "
                f"put some into {layout.train / unknown[0]}"
            )
    pictures = _Pictures(asked)
    for part, place in places.items():
        if place is not None:
            pictures.read(part, place, names)
    sets, remarks = pictures.as_sets(names)
    notes = [*layout.notes, *_remarks(names), *remarks]
    if (test := sets.get("test")) is None:
        train, test = stratified_split(sets["train"], TEST_FRACTION, np.random.default_rng(seed))
        if not len(test):
            raise DataError(
                f"{folder} has too few pictures to keep some for testing, {len(train)}: add more, "
                "or put some into train/ and some into test/"
            )
        sets["train"], sets["test"] = train, test
        notes.insert(0, f"a fifth of the pictures was set apart for testing (seed {seed})")
        if untested := [name for label, name in enumerate(names) if label not in test.labels]:
            notes.append(
                f"too few pictures to test on: {', '.join(untested[:5])}"
                f"{', …' if len(untested) > 5 else ''}"
            )
    if invert is None and (invert := _is_dark_on_light(sets.values())):
        notes.append("the pictures are dark on light and were turned to light on dark")
    if invert:
        sets = {part: Dataset(255 - s.images, s.labels, names) for part, s in sets.items()}
    train, test, validation = sets["train"], sets["test"], sets.get("validation")
    return named_splits("folder", train, test, validation, str(folder), tuple(notes))


class _Pictures:
    """The pictures of all parts, in the type that each was in, and what there is to say of them."""

    def __init__(self, asked: PixelRange | None) -> None:
        self.asked = asked
        self.pixels: dict[str, list[NDArray[Any]]] = {}  # (H, W) each, by part
        self.labels: dict[str, list[int]] = {}
        self.first: Path | None = None
        self.size: tuple[int, int] | None = None  # (H, W) that each must have
        self.bytes = 0
        self.remarks: Counter[tuple[str, str]] = Counter()

    def read(self, part: str, folder: Path, names: tuple[str, ...]) -> None:
        """All pictures of the classes `names` in `folder`."""
        pixels, labels = self.pixels.setdefault(part, []), self.labels.setdefault(part, [])
        for label, name in enumerate(names):
            if not (folder / name).is_dir():
                continue  # a class that this part has no pictures of
            paths, nested = class_files(folder / name)
            if not paths:
                raise DataError(
                    f"{folder / name} is a class without pictures: put some in, or remove the "
                    "folder"
                )
            if nested:
                self.remarks[_DEEPER] += sum(path.parent != folder / name for path in paths)
            for path in paths:
                picture = read_grey(path, self.remarks, self.size, str(self.first))
                if self.first is None:
                    self.first, self.size = path, (picture.shape[0], picture.shape[1])
                self._check(picture, path)
                self.bytes += picture.nbytes
                if self.bytes > LARGEST:
                    raise DataError(
                        f"{folder} holds more than {LARGEST:,} bytes of pixels: byhand reads a "
                        "set into memory; give fewer or smaller pictures"
                    )
                pixels.append(picture)
                labels.append(label)

    def _check(self, picture: NDArray[Any], path: Path) -> None:
        """Refuse here, with its name, the one picture that spoils the range of all."""
        if picture.dtype == np.uint8:
            return
        low, high = float(picture.min()), float(picture.max())
        if not np.isfinite(high - low) or (low < 0 and self.asked is None):
            find_range(low, high, picture.dtype, f"the pixels of {path}")

    def as_sets(self, names: tuple[str, ...]) -> tuple[dict[str, Dataset], list[str]]:
        """Every part as bytes, all by the same range; the pictures are let go."""
        notes = [
            f"{n:,} picture{'' if n == 1 else 's'} {words[n > 1]}"
            for words, n in self.remarks.items()
            if n
        ]
        kinds = sorted({p.dtype for part in self.pixels.values() for p in part}, key=str)
        for kind in kinds:
            places = [
                (part, i)
                for part, pixels in self.pixels.items()
                for i, p in enumerate(pixels)
                if p.dtype == kind
            ]
            what = "the pixels"
            if len(kinds) > 1:
                what += f" of {len(places):,} picture{'' if len(places) == 1 else 's'} of {kind}"
            scaled, remarks = set_to_bytes([self.pixels[p][i] for p, i in places], self.asked, what)
            for (part, i), one in zip(places, scaled, strict=True):
                self.pixels[part][i] = one
            notes += remarks
        sets = {}
        for part, pixels in self.pixels.items():
            images = np.stack(pixels)[:, np.newaxis]  # (N, H, W) -> (N, 1, H, W)
            pixels.clear()
            sets[part] = Dataset(images, np.array(self.labels[part], np.int64), names)
        return sets, notes


def read_grey(
    path: Path,
    remarks: Counter[tuple[str, str]],
    size: tuple[int, int] | None = None,
    like: str = "the others",
) -> NDArray[Any]:
    """One picture as (H, W), upright, of its own type; `remarks` counts what was done to it.

    Raises:
        DataError: the file is no picture, is broken, is too large, or is not of `size` as `like`
            is.
    """
    name = str(path)
    with decoding(name):
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"{name} is no regular file: replace or remove it")
        with path.open("rb") as file, open_image(file, name) as picture:
            check_picture_size(name, picture.size, picture.format)
            cut, turn = is_cut_to_8_bits(picture), orientation(picture)  # which may load it
            # A TIFF's size is told upright; loading turns it, and forgets the tag.
            sideways = turn >= 5 and picture.format != "TIFF"
            width, height = picture.size[::-1] if sideways else picture.size
            if size is not None and (height, width) != size:
                raise DataError(
                    f"{name} is {width} × {height} pixels where {like} is {size[1]} × {size[0]}: "
                    "make all pictures one size"
                )
            load(picture)
            if cut:
                check_upper_bits(name, picture)
            upright = turn_upright(_grey(picture, remarks), orientation(picture))
            remarks[_TURNED] += turn > 1
            remarks[_FRAMES] += is_animated(picture)  # last, as it may look at the next frame
    return upright


def _grey(picture: Image, remarks: Counter[tuple[str, str]]) -> NDArray[Any]:
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = np.asarray(picture)
        return values.astype(values.dtype.newbyteorder("="))
    if picture.mode in ("1", "L") and not picture.has_transparency_data:
        return np.array(picture.convert("L"), np.uint8)
    rgb = to_rgb(picture)
    shades = np.asarray(rgb)[..., :3]
    remarks[_COLOUR] += bool((shades != shades[..., :1]).any())
    if rgb.mode == "RGBA":
        layers = np.asarray(rgb.convert("LA"), np.float32)
        grey, alpha = layers[..., 0], layers[..., 1] / 255
        # Dark ink without paper gets white paper, white ink black paper.
        ink = (grey * alpha).sum() / max(float(alpha.sum()), 1e-6)
        paper = 255 if ink < 128 else 0
        return np.rint(grey * alpha + paper * (1 - alpha)).astype(np.uint8)
    return np.array(rgb.convert("L"), np.uint8)


def _remarks(names: tuple[str, ...]) -> list[str]:
    """Of classes that look like mistakes."""
    folded: dict[str, str] = {}
    for name in names:
        if (other := folded.setdefault(name.casefold(), name)) != name:
            return [f"the classes {other} and {name} differ in case alone and were kept apart"]
    return []


def _is_dark_on_light(parts: Any) -> bool:
    borders = []
    for part in parts:
        rows = part.images[:, :, [0, -1], :]  # (N, 1, 2, W)
        columns = part.images[:, :, :, [0, -1]]  # (N, 1, H, 2)
        borders += [rows.ravel(), columns.ravel()]
    return bool(np.median(np.concatenate(borders)) > 127.5)
