"""Where the pictures come from: the order in which places are looked at."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from byhand import checks
from byhand.data.bundled import open_digits
from byhand.data.dataset import Splits
from byhand.data.download import MIRRORS, fetch_mnist
from byhand.data.fingerprint import IDX_FILES, MNIST_HASHES
from byhand.data.folder import open_folder
from byhand.data.folder_layout import folders
from byhand.data.idx_set import find_idx, open_idx
from byhand.data.npz import open_npz
from byhand.data.pickled import open_pickled
from byhand.data.pixel_range import PixelRange, RangeGiven, range_asked
from byhand.data.progress import Progress
from byhand.errors import ByhandError, DataError, DownloadError, FileWriteError

DATASETS = ("mnist", "digits")  # the sets that have a name
_PICKLES = ("mnist.pkl.gz", "mnist.pkl")
_EXPECTED = (
    "the four IDX files of MNIST (train-images-idx3-ubyte.gz and so on), "
    "mnist.npz or mnist.pkl.gz, there or in a folder mnist/"
)


def cache_folder() -> Path:
    """The user's cache folder for byhand, or BYHAND_CACHE where that is set.

    Raises:
        InputError: BYHAND_CACHE names no folder.
    """
    if named := _variable("BYHAND_CACHE"):
        return checks.path("BYHAND_CACHE", named)
    import platformdirs

    return Path(platformdirs.user_cache_dir("byhand"))


def mirrors_in_use() -> tuple[str, ...]:
    """MNIST's mirrors, or those in BYHAND_MIRRORS (addresses with commas between) where set."""
    named = (_variable("BYHAND_MIRRORS") or "").split(",")
    return tuple(mirror.strip() for mirror in named if mirror.strip()) or MIRRORS


def find_data(directory: str | Path | None = None, cache: str | Path | None = None) -> Path | None:
    """Where `open_data` would read from without downloading, or None; nothing is read.

    Raises:
        InputError: `source`, BYHAND_DATA or BYHAND_CACHE names no file or folder.
    """
    folder = _named(directory)
    if folder is None:
        folder = _cached(cache)
        return folder if len(find_idx(folder)) == len(IDX_FILES) else None
    if (place := _find_set(folder)) is not None:
        return place
    return folder if directory is not None and folders(folder) else None


def open_data(
    directory: str | Path | None = None,
    *,
    dataset: str = "mnist",
    download: bool = True,
    allow_bundled: bool = False,
    progress: Progress | bool | None = None,
    mirrors: Sequence[str] | None = None,
    cache: str | Path | None = None,
    hashes: Mapping[str, str] = MNIST_HASHES,
    range: RangeGiven = None,
) -> Splits:
    """Open a set of pictures: the one that was named, or MNIST from wherever it is.

    In this order: `directory`; the folder in BYHAND_DATA, which holds `mnist/`; the user's cache;
    a download to the cache. What was named (the first two) must be there: nothing else is taken
    in its place.

    Args:
        directory: a folder that holds IDX files, mnist.npz or mnist.pkl.gz, or has a folder
            `mnist/` that does, or has a folder of pictures for each class; or one of those files.
        dataset: one of `DATASETS`: what to open where no `directory` is named.
        download: whether the network may be used.
        allow_bundled: whether scikit-learn's digits do where nothing was named and MNIST cannot
            be had; `Splits.notes` then says why.
        progress: of a download; True for a bar on standard error, or a function
            (file, bytes so far, bytes in all).
        mirrors: where to download from; None: BYHAND_MIRRORS, or MNIST's public mirrors.
        cache: the folder that holds the downloaded `mnist/`; None: `cache_folder()`.
        hashes: SHA-256 of each decompressed file that is downloaded or in the cache.
        range: the values of black and white in the pixels, as "0-4095" or (0, 4095); None finds
            them (`byhand.data.pixel_range`), and says in the notes what it found.

    Raises:
        DataError: what was named is not there or is broken; or nothing was named, MNIST is not in
            the cache and `download` is False.
        InputError: `directory` or a variable is no path, or no such `dataset` or range is there.
        DownloadError: no mirror gave what is needed.
        FileWriteError: the cache cannot be written to.
    """
    asked = range_asked(range)
    checks.one_of("dataset", dataset, DATASETS)
    if directory is None and dataset == "digits":
        return open_digits()
    if (named := _named(directory)) is not None:
        how = "" if directory is not None else " (BYHAND_DATA)"
        return _open_named(named, how, asked, pictures=directory is not None)
    if mirrors is None:
        mirrors = mirrors_in_use()
    try:
        return _open_cached(_cached(cache), download, progress, mirrors, hashes, asked)
    except (DataError, DownloadError, FileWriteError) as error:
        if not allow_bundled:
            raise
        return _bundled(error)


def _variable(name: str) -> str | None:
    """What stands in a variable of the environment; None where it is empty or unset."""
    return os.environ.get(name, "").strip() or None


def _named(directory: str | Path | None) -> Path | None:
    """The path that the user named, by argument or by BYHAND_DATA."""
    if directory is not None:
        return checks.path("the data folder", directory)
    variable = _variable("BYHAND_DATA")
    return None if variable is None else checks.path("BYHAND_DATA", variable)


def _cached(cache: str | Path | None) -> Path:
    folder = cache_folder() if cache is None else checks.path("the cache folder", cache)
    return folder / "mnist"


def _open_cached(
    folder: Path,
    download: bool,
    progress: Progress | bool | None,
    mirrors: Sequence[str],
    hashes: Mapping[str, str],
    asked: PixelRange | None,
) -> Splits:
    if len(find_idx(folder)) == len(IDX_FILES):
        try:
            return open_idx(folder, hashes, range=asked)
        except DataError:  # a broken disk, or somebody's hand
            if not download:
                raise
    elif not download:
        raise DataError(
            f"MNIST is not in {folder} and downloading is off: allow the download, "
            "or put MNIST's files into a folder and name it with --data or BYHAND_DATA"
        )
    notes = fetch_mnist(folder, mirrors=mirrors, hashes=hashes, progress=progress)
    splits = open_idx(folder, hashes, range=asked)
    return replace(splits, notes=(*notes, *splits.notes))


def _bundled(error: ByhandError) -> Splits:
    digits = open_digits()
    why = str(error).partition(": check the network")[0]  # what to do is said here
    note = (
        f"scikit-learn's {len(digits.train) + len(digits.test):,} small digits stand in for MNIST: "
        "byhand data fetch gets it once there is a network, and --data or BYHAND_DATA names a "
        f"folder that holds it ({why})"
    )
    return replace(digits, notes=(note,))


def _open_named(path: Path, how: str, asked: PixelRange | None, *, pictures: bool) -> Splits:
    """Open what the user named, by `how`; `pictures`: folders of pictures do as well."""
    try:
        if not path.exists():
            raise DataError(f"{path}{how} does not exist: give a folder with {_EXPECTED}")
        place = _find_set(path)
        if place is not None:
            if place.is_dir():
                return open_idx(place, range=asked)
            opened = open_npz if place.suffix == ".npz" else open_pickled
            return opened(place, range=asked)
        if pictures and folders(path):
            return open_folder(path, range=asked)
    except OSError as error:
        raise DataError(
            f"cannot read {path}{how}: {error.strerror or error}; check its permissions"
        ) from error
    also = ", or a folder of pictures for each class" if pictures else ""
    raise DataError(f"{path}{how} holds no data: put there {_EXPECTED}{also}")


def _find_set(path: Path) -> Path | None:
    """The folder with IDX files, the npz or the pickle that `path` is or holds."""
    if path.is_file():
        if path.name.removesuffix(".gz").replace(".idx", "-idx") in IDX_FILES:
            return path.parent
        known = path.suffix == ".npz" or path.name.endswith((".pkl", ".pkl.gz"))
        return path if known else None
    for place in (path, path / "mnist", path / "MNIST" / "raw"):
        if find_idx(place):
            return place
        for name in ("mnist.npz", *_PICKLES):
            if (place / name).is_file():
                return place / name
    return None
