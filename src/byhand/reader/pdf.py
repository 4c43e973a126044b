"""Pages of a PDF as pictures, drawn by PDFium where pypdfium2 is installed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from byhand.errors import DataError, InputError
from byhand.reader.pixels import WORKING_SIDE

DPI = 200  # dots an inch, as a scanner takes a page; fewer where a page is larger than that allows
_POINTS = 72  # a PDF's units, an inch


def open_pdf(file: BinaryIO, name: str) -> Any:
    """The PDF in `file`, to be closed; len() of it is the number of its pages.

    Raises:
        InputError: pypdfium2 is not installed.
        DataError: the PDF is broken, has no pages, or is locked by a password.
    """
    try:
        import pypdfium2
    except ImportError as error:
        raise InputError(
            f"{name} is a PDF, for which byhand needs pypdfium2: pip install 'byhand[pdf]', or "
            "save its pages as PNG"
        ) from error
    try:
        document = pypdfium2.PdfDocument(file)
        document.init_forms()  # so that what was filled into a form's fields is drawn
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise DataError(f"{name} is locked by a password: save it without one") from error
        raise DataError(f"{name} is a broken PDF: copy or save it again") from error
    if not len(document):
        document.close()
        raise DataError(f"{name} is a PDF without pages: save it again")
    return document


def draw_page(document: Any, page: int) -> NDArray[np.uint8]:
    """Page `page` (from 0) as (H, W, 3) RGB on white, `DPI` or at most `WORKING_SIDE` long."""
    sheet = document[page]
    try:
        width, height = sheet.get_size()
        if not (0 < width < np.inf and 0 < height < np.inf):
            raise ValueError(f"a page of {width} x {height} points")
        # PDFium rounds up; less than a pixel must not pass the working side.
        scale = min(DPI / _POINTS, (WORKING_SIDE - 0.5) / max(width, height))
        bitmap = sheet.render(scale=scale, rev_byteorder=True)
        try:
            return np.array(bitmap.to_numpy()[..., :3])  # a copy: the bitmap is freed
        finally:
            bitmap.close()
    finally:
        with suppress(Exception):  # an error that is on its way says more
            sheet.close()
