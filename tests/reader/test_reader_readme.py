"""README's table of the reader is the one that the measured results give."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_readmes_table_of_the_reader_is_the_one_that_was_measured():
    spec = importlib.util.spec_from_file_location(
        "reader_table", ROOT / "benchmarks" / "reader_table.py"
    )
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    assert page.table() in (ROOT / "README.md").read_text(encoding="utf-8")
