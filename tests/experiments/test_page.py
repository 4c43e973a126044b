"""The page of an experiment: what is said, claimed, tabled and drawn is there, and nothing else."""

from __future__ import annotations

import re

import pytest

from byhand import plots
from byhand.plots import Heading, Page, write_pages

HEADING = Heading(
    "channels", "How many?", "a study", "", "byhand experiment channels", [("a", "b")]
)


@pytest.fixture
def page(tmp_path):
    page = Page(tmp_path)
    page.conclude("More is <better>.")
    page.claim("Ten do.", True, "98 %")
    page.claim("Two do.", False, "12 %")
    page.claim("Three do.", None, "one seed")
    page.heading("Part one")
    page.say("Said.")
    page.listing("x & y")
    page.table(("kernels", "accuracy", "kind"), [(1000, "98.31 ± 0.12 %", "a"), (2, None, "b")])
    page.figure("drawn", plots.new_axes(), "An empty axis.", "A caption.")
    return page


def test_a_page_has_all_that_it_was_told(page, tmp_path):
    text = write_pages(tmp_path / "report.html", [(HEADING, page)]).read_text()
    for said in ("More is &lt;better&gt;.", "Part one", "Said.", "x &amp; y", "1,000", "–",
                 "An empty axis.", "A caption.", "byhand experiment channels", "How many?",
                 "After a study."):  # fmt: skip
        assert said in text, said
    verdicts = re.findall(r'class="verdict \w+">([^<]+)<', text)
    assert verdicts == ["holds", "does not hold", "cannot be told"]


def test_a_page_needs_nothing_beside_it(page, tmp_path):
    text = write_pages(tmp_path / "report.html", [(HEADING, page)]).read_text()
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "")


def test_columns_of_numbers_are_set_to_the_right(page, tmp_path):
    text = write_pages(tmp_path / "report.html", [(HEADING, page)]).read_text()
    header = re.search(r"<thead><tr>(<th scope=\"col\".*kernels.*?)</tr>", text).group(1)
    classes = re.findall(r"<th scope=\"col\"( class=\"n\")?>(\w+)", header)
    assert [(bool(n), name) for n, name in classes] == [
        (True, "kernels"), (True, "accuracy"), (False, "kind"),
    ]  # fmt: skip


def test_a_figure_is_a_png_and_an_svg_in_the_folder(page, tmp_path):
    assert (tmp_path / "pictures" / "drawn.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "pictures" / "drawn.svg").read_text()


def test_a_warning_stands_where_there_is_one(page, tmp_path):
    quiet = write_pages(tmp_path / "a.html", [(HEADING, page)]).read_text()
    assert 'class="warning"' not in quiet
    loud = Heading("channels", "?", "", "A quick run.", "x", [])
    assert "A quick run." in write_pages(tmp_path / "b.html", [(loud, page)]).read_text()


def test_several_pages_begin_with_their_contents(page, tmp_path):
    other = Heading("sizes", "How large?", "", "", "x", [])
    parts = [(HEADING, page), (other, Page(tmp_path))]
    text = write_pages(tmp_path / "report.html", parts).read_text()
    assert re.findall(r'href="#(\w+)"', text) == ["channels", "sizes"]
    assert re.findall(r'<article id="(\w+)"', text) == ["channels", "sizes"]
    assert text.index("How large?") < text.index("<article")  # without a conclusion, the question
