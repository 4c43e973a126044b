"""Opening pictures: any file, standard input, bytes, arrays and Pillow's, to upright RGB."""

from __future__ import annotations

import ctypes
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from byhand.errors import ByhandError, DataError, InputError
from byhand.reader.pdf import draw_page, open_pdf
from byhand.reader.pixels import Size, from_array, from_pillow, turn_upright, working_size
from byhand.reader.sources import open_source, reason, spoken

if TYPE_CHECKING:
    from PIL import Image, ImageFile

MOST_PIXELS = 100_000_000  # of a picture, before it is shrunk
# WebP's decoder and what Pillow makes of it hold a picture four times over: 800 MB of these.
MOST_OF_WEBP = 50_000_000
MOST_PAGES = 10_000  # of a TIFF
# What has a signature of its own and is decoded by a library that is kept; not, for one, EPS,
# which is a program that Pillow has Ghostscript run.
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "BMP", "DIB", "TIFF", "GIF", "PPM", "AVIF", "JPEG2000")
_KNOWN = "PNG, JPEG, WebP, BMP, TIFF, GIF, PPM, AVIF or PDF"
_ORIENTATION = 0x0112  # EXIF's tag: how the picture is to be turned
_SUBFILE_TYPE, _THUMBNAIL = 0xFE, 1  # TIFF's tag, and its bit that says: a smaller copy
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

Source: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO | NDArray[Any] | Image.Image"

# Pillow warns and logs of odd metadata, and PDFium serves one thread. Warnings' filters belong to
# the whole process: one thread at a time may change them and change them back.
_LOCK = threading.RLock()
_SILENT = logging.NullHandler()


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as the reader works on it.

    Args:
        pixels: (H, W, 3) uint8 RGB, upright, its longer side at most 2,048; shrunk with
            antialiasing, never enlarged.
        size: (width, height) of the upright original.
        name: the file as it was named, "-" for standard input, "" for what has no name.
        notes: what a user should know, a sentence each.
    """

    pixels: NDArray[np.uint8]
    size: Size
    name: str = ""
    notes: tuple[str, ...] = ()

    @property
    def scale(self) -> float:
        """How many of the original's pixels make one working pixel; at least 1."""
        return max(self.size) / max(self.pixels.shape[:2])


def open_picture(source: Source, page: int = 0) -> Picture:
    """Open a picture: PNG, JPEG, WebP, BMP, TIFF, GIF, PPM, AVIF, or a PDF's page.

    The kind is known by the content, not by the name. It is turned upright as EXIF says. Of an
    animation the first frame counts.

    Args:
        source: a file's path, "-" for standard input, the bytes of a file, an open binary file, an
            array (as `pixels.from_array` says) or a Pillow picture.
        page: of a TIFF or a PDF with several, from 0.

    Raises:
        DataError: there is no such file, it cannot be read, is no picture, is damaged or cut
            short, or has more than `MOST_PIXELS`; the message names it.
        InputError: `source` is none of these, there is no such page, or a PDF needs pypdfium2.
        ShapeError: an array's shape, type or values are not a picture's.
    """
    with _opened(source) as document:
        if not 0 <= page < document.pages:
            raise InputError(
                f"{spoken(document.name)} has no page {page}: its pages, counted from 0, end with "
                f"{document.pages - 1}"
            )
        picture = document.draw(page)
    if document.pages == 1:
        return picture
    note = f"page {page + 1} of {document.pages} was read"
    return replace(picture, notes=(*picture.notes, note))


def open_pages(source: Source) -> Iterator[Picture]:
    """All pages of a TIFF or a PDF, one after the other; one picture of what has no pages.

    Raises:
        DataError, InputError, ShapeError: as `open_picture` says, when the page is reached.
    """
    with _opened(source) as document:
        for page in range(document.pages):
            yield document.draw(page)


@dataclass(frozen=True)
class _Document:
    name: str
    pages: int
    draw: Callable[[int], Picture]


@contextmanager
def _opened(source: Source) -> Iterator[_Document]:
    from PIL import Image

    if isinstance(source, np.ndarray):
        yield _Document("", 1, lambda _: _array_picture(source))
    elif isinstance(source, Image.Image):
        yield _Document("", 1, lambda _: _pillow_picture(source))
    else:
        with ExitStack() as stack:
            name, file = open_source(source)
            stack.callback(file.close)
            yield _open_file(name, file, stack)


def _array_picture(array: NDArray[Any]) -> Picture:
    if array.ndim >= 2 and array.shape[0] * array.shape[1] > MOST_PIXELS:
        raise _too_large("the array", (array.shape[1], array.shape[0]))
    return Picture(from_array(array), (array.shape[1], array.shape[0]))


def _pillow_picture(image: Image.Image) -> Picture:
    name = "the Pillow picture"
    with _decoding(name):
        _check_size(name, image.size)
        _load(image)
        return _upright(image, image.size, "", name)


def _open_file(name: str, file: BinaryIO, stack: ExitStack) -> _Document:
    """The pictures in `file`; the stack closes what was opened on the way."""
    from PIL import Image, UnidentifiedImageError

    called = spoken(name)
    with _decoding(called):
        head = file.read(1024)
        file.seek(0)
    if not head:
        raise DataError(f"{called} is empty: give a picture")
    if b"%PDF-" in head:
        return _open_pdf(name, file, stack)
    with _decoding(called):
        Image.init()
        known = [kind for kind in FORMATS if kind in Image.OPEN]
        try:
            image = stack.enter_context(Image.open(file, formats=known))
        except UnidentifiedImageError as error:
            raise DataError(f"{called} {_what_it_is(head)}") from error
        frames = _pages(image, called)
    last = len(frames)

    def draw(page: int) -> Picture:
        where = called if last == 1 else f"{called} (page {page + 1})"
        with _decoding(where):
            if last > 1:
                image.seek(frames[page])
            return _decode(image, name, where)

    return _Document(name, last, draw)


def _open_pdf(name: str, file: BinaryIO, stack: ExitStack) -> _Document:
    called = spoken(name)
    with _decoding(called):
        document = open_pdf(file, called)

    def close() -> None:
        with _LOCK:
            document.close()

    stack.callback(close)

    def draw(page: int) -> Picture:
        with _decoding(f"{called} (page {page + 1})"):
            pixels = draw_page(document, page)
        return Picture(pixels, (pixels.shape[1], pixels.shape[0]), name)

    return _Document(name, len(document), draw)


def _pages(image: ImageFile.ImageFile, called: str) -> list[int]:
    """Which frames are pages: those of a TIFF but for smaller copies; else the first alone."""
    if image.format != "TIFF":
        return [0]
    pages: list[int] = []
    tiff: Any = image
    for frame in range(MOST_PAGES + 1):
        try:
            tiff.seek(frame)
        except EOFError:
            break
        if frame == 0 or not int(tiff.tag_v2.get(_SUBFILE_TYPE, 0)) & _THUMBNAIL:
            pages.append(frame)
    else:
        raise DataError(f"{called} has more than {MOST_PAGES:,} pages: split it")
    tiff.seek(0)
    return pages


def _decode(image: ImageFile.ImageFile, name: str, called: str) -> Picture:
    """The frame that `image` stands at."""
    _check_size(called, image.size, MOST_OF_WEBP if image.format == "WEBP" else MOST_PIXELS)
    size, drafted = image.size, image.format in ("JPEG", "MPO")
    if drafted:
        image.draft(image.mode, working_size(size))  # fewer coefficients are decoded
    _load(image)
    # Loading turns a TIFF upright, and its size with it.
    picture = _upright(image, size if drafted else image.size, name, called)
    if image.format in ("GIF", "PNG", "WEBP", "AVIF") and _is_animated(image):
        return replace(picture, notes=("an animation: its first frame was read",))
    return picture


def _load(image: Image.Image) -> None:
    with _quiet_libtiff() if image.format == "TIFF" else nullcontext():
        image.load()


def _upright(image: Image.Image, size: Size, name: str, called: str) -> Picture:
    """What was decoded of a picture of `size`, perhaps smaller already, at working size."""
    pixels = from_pillow(image, called, size)
    orientation = _orientation(image)
    if orientation >= 5:
        size = (size[1], size[0])
    return Picture(turn_upright(pixels, orientation), size, name)


def _orientation(image: Image.Image) -> int:
    try:
        value = int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # broken metadata of a picture that is whole
        return 1
    return value if 1 <= value <= 8 else 1


def _is_animated(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # the second frame is broken; the first was read
        return True


@contextmanager
def _quiet_libtiff() -> Iterator[None]:
    """Without what libtiff prints on standard error; where its functions are not found, with it."""
    from PIL import _imaging

    setters: list[Any] = []
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(_imaging.__file__)  # and what it was linked with
        setters = [library.TIFFSetErrorHandler, library.TIFFSetWarningHandler]
    for setter in setters:
        setter.restype, setter.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    before = [setter(None) for setter in setters]
    try:
        yield
    finally:
        for setter, handler in zip(setters, before, strict=True):
            setter(handler)


@contextmanager
def _decoding(called: str) -> Iterator[None]:
    """Without remarks of Pillow's, and with byhand's error for whatever is raised."""
    from PIL import Image

    logging.getLogger("PIL").addHandler(_SILENT)  # else Python prints them where nobody listens
    try:
        with _LOCK, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ByhandError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(called) from error
    except MemoryError as error:
        raise DataError(
            f"{called} needs more memory than there is: make the picture smaller"
        ) from error
    except Exception as error:  # a broken picture raises anything
        if isinstance(error, OSError) and error.errno:
            raise DataError(f"{called} cannot be read: {reason(error)}; copy it again") from error
        raise DataError(f"{called} is damaged or cut short: copy or save it again") from error


def _check_size(called: str, size: Size, most: int = MOST_PIXELS) -> None:
    if size[0] * size[1] > most:
        raise _too_large(called, size, most)
    if size[0] < 1 or size[1] < 1:
        raise DataError(f"{called} has no pixels: save it again")


def _too_large(called: str, size: Size | None = None, most: int = MOST_PIXELS) -> DataError:
    claim = "" if size is None else f", {size[0]:,} × {size[1]:,}"
    return DataError(
        f"{called} has more than {most // 1_000_000} megapixels{claim}, the most that is read: "
        "make it smaller"
    )


def _what_it_is(head: bytes) -> str:
    """What a file that Pillow does not know is, and what to do."""
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC:
        return "is a HEIC picture, which is not read: convert it to PNG or JPEG"
    if b"<svg" in head.lower():
        return "is an SVG drawing, which is not read: convert it to PNG or JPEG"
    return f"is no picture, or a badly damaged one: give {_KNOWN}"
