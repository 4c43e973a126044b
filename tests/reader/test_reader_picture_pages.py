"""Files of several pictures: animations, pages of TIFF and PDF."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from byhand.errors import InputError
from byhand.reader.picture import open_pages, open_picture
from reader.scenes import close, encoded, scene


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_read_with_a_note(kind):
    others = [Image.fromarray(scene()[::-1]), Image.fromarray(scene()[:, ::-1])]
    data = encoded(scene(), kind, save_all=True, append_images=others)
    (picture,) = open_pages(data)
    close(picture.pixels, scene(), within=8)
    assert picture.notes == ("an animation: its first frame was read",)


def several(kind):
    pages = [Image.fromarray(scene(40 + 8 * i, 30)) for i in range(3)]
    return encoded(pages[0], kind, save_all=True, append_images=pages[1:])


def test_each_page_of_a_tiff_is_a_picture():
    pages = list(open_pages(several("TIFF")))
    assert [page.size for page in pages] == [(40, 30), (48, 30), (56, 30)]
    for page in pages:
        assert np.array_equal(page.pixels, scene(*page.size))
        assert page.notes == ()
    second = open_picture(several("TIFF"), page=1)
    assert np.array_equal(second.pixels, pages[1].pixels)
    assert second.notes == ("page 2 of 3 was read",)


def test_a_thumbnail_in_a_tiff_is_no_page():
    small = Image.fromarray(scene(8, 6))
    small.encoderinfo = {"tiffinfo": {0xFE: 1}}
    data = encoded(scene(), "TIFF", save_all=True, append_images=[small])
    assert [page.size for page in open_pages(data)] == [(40, 30)]


def test_each_page_of_a_pdf_is_a_picture(tmp_path):
    pytest.importorskip("pypdfium2")
    path = tmp_path / "pages.pdf"
    # 2 and 3 inches wide: at 100 dots an inch, drawn at 200.
    pages = [Image.fromarray(scene(200 + 100 * i, 150)) for i in range(2)]
    pages[0].save(path, save_all=True, append_images=pages[1:], resolution=100)
    drawn = list(open_pages(path))
    assert [page.size for page in drawn] == [(400, 300), (600, 300)]
    for page, original in zip(drawn, pages, strict=True):
        assert page.scale == 1
        close(page.pixels, np.asarray(original.resize(page.size)), within=8)
    assert open_picture(path, page=1).notes == ("page 2 of 2 was read",)


def test_a_large_page_of_a_pdf_is_drawn_at_working_size():
    pytest.importorskip("pypdfium2")
    data = encoded(scene(400, 300), "PDF", resolution=10)
    picture = open_picture(data)
    assert picture.size == (2048, 1536)
    assert picture.pixels.shape == (1536, 2048, 3)


def test_a_pdf_without_pypdfium2_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(InputError, match=r"the picture is a PDF.*byhand\[pdf\]"):
        open_picture(encoded(scene(), "PDF"))


@pytest.mark.parametrize("page", [-1, 3, 1.0, "1", None, True])
def test_a_page_that_is_not_there_is_an_error(page):
    said = "no page 3: its pages, counted from 0, end with 2" if page == 3 else "the page .* is "
    with pytest.raises(InputError, match=said):
        open_picture(several("TIFF"), page)
