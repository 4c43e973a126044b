"""Files of pictures, decoded within bounds: for the reader, the server and data sets alike."""

from __future__ import annotations

import ctypes
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from byhand.errors import ByhandError, DataError

if TYPE_CHECKING:
    from PIL import Image, ImageFile

Size = tuple[int, int]  # width, height

MOST_PIXELS = 100_000_000  # of a picture
# Of a format whose decoder holds more than the picture: some 16 bytes a pixel, and some 19.
MOST_OF = {"WEBP": 33_000_000, "JPEG2000": 25_000_000}
# JPEG's own limit. Pillow keeps an address for every row, whose memory no limit of pixels bounds.
MOST_SIDE = 65_535
# What has a signature of its own and is decoded by a library that is kept; not, for one, EPS,
# which is a program that Pillow has Ghostscript run.
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "BMP", "DIB", "TIFF", "GIF", "PPM", "AVIF", "JPEG2000")
_KNOWN = "PNG, JPEG, WebP, BMP, TIFF, GIF, PPM or AVIF"
_ORIENTATION = 0x0112  # EXIF's tag: how the picture is to be turned
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

# Pillow warns and logs of odd metadata, and PDFium serves one thread. Warnings' filters belong to
# the whole process: one thread at a time may change them and change them back.
LOCK = threading.RLock()
_SILENT = logging.NullHandler()


def check_picture_size(name: str, size: Size, form: str | None = None) -> None:
    """Refuse a picture that is too large to be decoded, before anything is allocated for it.

    This is the one bound on pictures, wherever they come from: `MOST_PIXELS` in all, or what
    `MOST_OF` has for its format, and `MOST_SIDE` along each side.

    Args:
        name: what the picture is called, for the error.
        size: (width, height), as the picture's file claims.
        form: the file's format, as Pillow names it.

    Raises:
        DataError: it has more, or no pixels; names the picture and its size.
    """
    width, height = size
    most = MOST_OF.get(form or "", MOST_PIXELS)
    if width < 1 or height < 1:
        raise DataError(f"{name} has no pixels: save it again")
    if width * height > most:
        raise _too_large(name, f", {width:,} × {height:,}", most)
    if max(size) > MOST_SIDE:
        raise DataError(
            f"{name} is {width:,} × {height:,} pixels and a side of {MOST_SIDE:,} is the most "
            "that is read: cut it into parts"
        )


def open_image(file: BinaryIO, name: str) -> ImageFile.ImageFile:
    """The picture in `file`, its size known and nothing decoded; within `decoding`.

    Raises:
        DataError: it is empty or no picture of `FORMATS`; says what it is.
    """
    from PIL import Image, UnidentifiedImageError

    head = file.read(1024)
    file.seek(0)
    if not head:
        raise DataError(f"{name} is empty: give a picture")
    Image.init()
    known = [kind for kind in FORMATS if kind in Image.OPEN]
    try:
        return Image.open(file, formats=known)
    except UnidentifiedImageError as error:
        raise DataError(f"{name} {_what_it_is(head)}") from error


def load(image: Image.Image) -> None:
    """Decode it, without what libtiff prints."""
    with _quiet_libtiff() if image.format == "TIFF" else nullcontext():
        image.load()


def orientation(image: Image.Image) -> int:
    """How EXIF says that the picture is to be turned: 1 (not at all) to 8."""
    try:
        value = int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # broken metadata of a picture that is whole
        return 1
    return value if 1 <= value <= 8 else 1


def turn_upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """`pixels` (H, W, ...) turned and mirrored as EXIF's orientation, 1 to 8, asks."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)  # what was the first row is now the first column
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def is_cut_to_8_bits(image: Image.Image) -> bool:
    """Whether Pillow will keep the upper 8 of 16 bits a colour; to be asked before `load`."""
    tiles = getattr(image, "tile", [])
    return image.mode[0] not in "IF" and any(";16" in str(tile[-1]) for tile in tiles)


def check_upper_bits(name: str, image: Image.Image) -> None:
    """Refuse a picture, cut to 8 bits, whose colours use 12 of 16 bits or fewer.

    Raises:
        DataError: it is such; names it.
    """
    extrema: Any = image.getextrema()  # by band, where no copy of all is made
    colours = extrema[:1] if image.mode == "LA" else extrema[:3]
    shaped = len(extrema) > len(colours) and extrema[-1][0] < 255  # ink by its transparency
    if not shaped and max(high for _, high in colours) < 16:
        raise DataError(
            f"{name} has 16 bits a colour, of which the upper 8 are read, and next to nothing in "
            "them: save it with 8 bits a colour, or in grey"
        )


def to_rgb(image: Image.Image) -> Image.Image:
    """A loaded picture in mode RGB, or RGBA where it has transparency."""
    if image.mode == "LAB":
        from PIL import ImageCms

        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(lab, rgb, "LAB", "RGB")
        return ImageCms.applyTransform(image, transform) or image
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def is_animated(image: Image.Image) -> bool:
    """Whether there are more frames than the first."""
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # the second frame is broken; the first was read
        return True


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Without remarks of Pillow's, and with byhand's error for whatever is raised."""
    from PIL import Image

    logging.getLogger("PIL").addHandler(_SILENT)  # else Python prints them where nobody listens
    try:
        with LOCK, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ByhandError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(name) from error
    except MemoryError as error:
        raise DataError(
            f"{name} needs more memory than there is: make the picture smaller"
        ) from error
    except Exception as error:  # a broken picture raises anything
        if isinstance(error, OSError) and error.errno:
            why = error.strerror or str(error)
            raise DataError(f"{name} cannot be read: {why}; copy it again") from error
        raise DataError(f"{name} is damaged or cut short: copy or save it again") from error


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


def _too_large(name: str, size: str = "", most: int = MOST_PIXELS) -> DataError:
    return DataError(
        f"{name} has more than {most // 1_000_000} megapixels{size}, the most that is read: "
        "make it smaller"
    )


def _what_it_is(head: bytes) -> str:
    """What a file that Pillow does not know is, and what to do."""
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC:
        return "is a HEIC picture, which is not read: convert it to PNG or JPEG"
    if b"<svg" in head.lower():
        return "is an SVG drawing, which is not read: convert it to PNG or JPEG"
    return f"is no picture, or a badly damaged one: give {_KNOWN}"
