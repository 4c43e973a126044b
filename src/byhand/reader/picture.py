"""Opening pictures: any file, standard input, bytes, arrays and Pillow's, to upright RGB."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from byhand import checks
from byhand.data.picture_file import (
    LOCK,
    Size,
    check_picture_size,
    check_upper_bits,
    decoding,
    is_animated,
    is_cut_to_8_bits,
    load,
    open_image,
    orientation,
    turn_upright,
)
from byhand.data.pixel_range import PixelRange, RangeGiven, range_asked
from byhand.errors import DataError, InputError
from byhand.reader.pdf import draw_page, open_pdf
from byhand.reader.pixels import from_array, from_pillow, working_size
from byhand.reader.sources import open_source, spoken

if TYPE_CHECKING:
    from PIL import Image, ImageFile

MOST_PAGES = 10_000  # of a TIFF
_SUBFILE_TYPE, _THUMBNAIL = 0xFE, 1  # TIFF's tag, and its bit that says: a smaller copy

Source: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO | NDArray[Any] | Image.Image"


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


def open_picture(source: Source, page: int = 0, *, range: RangeGiven = None) -> Picture:
    """Open a picture: PNG, JPEG, WebP, BMP, TIFF, GIF, PPM, AVIF, or a PDF's page.

    The kind is known by the content, not by the name. It is turned upright as EXIF says. Of an
    animation the first frame counts.

    Args:
        source: a file's path, "-" for standard input, the bytes of a file, an open binary file, an
            array (as `pixels.from_array` says) or a Pillow picture.
        page: of a TIFF or a PDF with several, from 0.
        range: the values of black and white, as "0-4095" or (0, 4095). None takes bytes as they
            are, and of more bits and of floats what the picture's own values say.

    Raises:
        DataError: there is no such file, it cannot be read, is no picture, is damaged or cut
            short, or larger than `data.check_picture_size` admits; the message names it.
        InputError: `source` is none of these, there is no such page, or a PDF needs pypdfium2.
        ShapeError: an array's shape, type or values are not a picture's.
    """
    page = checks.whole("the page (counted from 0)", page)
    with _opened(source, range_asked(range)) as document:
        if page >= document.pages:
            raise InputError(
                f"{spoken(document.name)} has no page {page}: its pages, counted from 0, end with "
                f"{document.pages - 1}"
            )
        picture = document.draw(page)
    if document.pages == 1:
        return picture
    note = f"page {page + 1} of {document.pages} was read"
    return replace(picture, notes=(*picture.notes, note))


def open_pages(source: Source, *, range: RangeGiven = None) -> Iterator[Picture]:
    """All pages of a TIFF or a PDF, one after the other; one picture of what has no pages.

    Raises:
        DataError, InputError, ShapeError: as `open_picture` says, when the page is reached.
    """
    with _opened(source, range_asked(range)) as document:
        page = 0
        while page < document.pages:
            yield document.draw(page)
            page += 1


@dataclass(frozen=True)
class _Document:
    name: str
    pages: int
    draw: Callable[[int], Picture]


@contextmanager
def _opened(source: Source, asked: PixelRange | None) -> Iterator[_Document]:
    from PIL import Image

    if isinstance(source, np.ndarray):
        yield _Document("", 1, lambda _: _array_picture(source, asked))
    elif isinstance(source, Image.Image):
        yield _Document("", 1, lambda _: _pillow_picture(source, asked))
    else:
        with ExitStack() as stack:
            name, file = open_source(source)
            stack.callback(file.close)
            yield _open_file(name, file, stack, asked)


def _array_picture(array: NDArray[Any], asked: PixelRange | None) -> Picture:
    if array.ndim >= 2 and array.size:
        check_picture_size("the array", (array.shape[1], array.shape[0]))
    pixels, notes = from_array(array, asked)
    return Picture(pixels, (array.shape[1], array.shape[0]), notes=notes)


def _pillow_picture(image: Image.Image, asked: PixelRange | None) -> Picture:
    name = "the Pillow picture"
    with decoding(name):
        check_picture_size(name, image.size)
        load(image)
        return _upright(image, image.size, "", name, asked)


def _open_file(name: str, file: BinaryIO, stack: ExitStack, asked: PixelRange | None) -> _Document:
    """The pictures in `file`; the stack closes what was opened on the way."""
    called = spoken(name)
    with decoding(called):
        is_pdf = b"%PDF-" in file.read(1024)
        file.seek(0)
    if is_pdf:
        return _open_pdf(name, file, stack, asked)
    with decoding(called):
        image = stack.enter_context(open_image(file, called))
        frames = _pages(image, called)
    last = len(frames)

    def draw(page: int) -> Picture:
        where = called if last == 1 else f"{called} (page {page + 1})"
        with decoding(where):
            if last > 1:
                image.seek(frames[page])
            return _decode(image, name, where, asked)

    return _Document(name, last, draw)


def _open_pdf(name: str, file: BinaryIO, stack: ExitStack, asked: PixelRange | None) -> _Document:
    called = spoken(name)
    with decoding(called):
        document = open_pdf(file, called)

    def close() -> None:
        with LOCK:
            document.close()

    stack.callback(close)

    def draw(page: int) -> Picture:
        with decoding(f"{called} (page {page + 1})"):
            pixels = draw_page(document, page)
        return replace(_array_picture(pixels, asked), name=name)

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


def _decode(
    image: ImageFile.ImageFile, name: str, called: str, asked: PixelRange | None
) -> Picture:
    """The frame that `image` stands at."""
    cut = is_cut_to_8_bits(image)
    size = image.size
    halvings = _halvings(image) if image.format == "JPEG2000" else 0
    check_picture_size(called, size, None if halvings else image.format)
    drafted = bool(halvings) or image.format in ("JPEG", "MPO")
    if halvings:
        image.reduce = halvings  # type: ignore[method-assign,assignment]
    elif drafted:
        image.draft(image.mode, working_size(size))  # fewer coefficients are decoded
    load(image)
    if cut:
        check_upper_bits(called, image)
    # Loading turns a TIFF upright, and its size with it.
    picture = _upright(image, size if drafted else image.size, name, called, asked)
    if image.format in ("GIF", "PNG", "WEBP", "AVIF") and is_animated(image):
        return replace(picture, notes=(*picture.notes, "an animation: its first frame was read"))
    return picture


def _halvings(image: Any) -> int:
    """How often a JPEG 2000 is to be halved while it is decoded, which spares the memory."""
    start = image.fp.tell()
    image.fp.seek(0)
    head = image.fp.read(1 << 16)
    image.fp.seek(start)
    stream = head.find(b"\xff\x4f\xff\x51")  # where its codestream starts
    coding = head.find(b"\xff\x52", stream)  # its marker COD; nine bytes on: how many levels
    if stream < 0 or not 0 <= coding < len(head) - 9:
        return 0
    longest = max(image.size) / max(working_size(image.size))
    return min(head[coding + 9], int(np.log2(longest)))


def _upright(
    image: Image.Image, size: Size, name: str, called: str, asked: PixelRange | None
) -> Picture:
    """What was decoded of a picture of `size`, perhaps smaller already, at working size."""
    pixels, notes = from_pillow(image, called, size, asked)
    turn = orientation(image)
    if turn >= 5:
        size = (size[1], size[0])
    return Picture(turn_upright(pixels, turn), size, name, notes)
