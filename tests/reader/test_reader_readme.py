"""README's table of the reader is the one that the measured results give."""

from __future__ import annotations

from pathlib import Path

from support import benchmark

ROOT = Path(__file__).parents[2]


def test_readmes_table_of_the_reader_is_the_one_that_was_measured():
    assert benchmark("reader_table").table() in (ROOT / "README.md").read_text(encoding="utf-8")
