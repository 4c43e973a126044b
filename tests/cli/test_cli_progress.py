"""A run's bar fits its terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from byhand.cli.progress import Bars
from byhand.training import StepRecord


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_bar_is_one_line_however_narrow_the_terminal(width):
    console = Console(file=io.StringIO(), force_terminal=True, width=width)
    bars = Bars(console, 80 * 437, 437, 128)
    try:
        for step in (34_000, 34_001):
            bars._shown = 0.0  # as after a tenth of a second: now there is a speed to tell
            bars.step(StepRecord(step, 78, 0.0123, 0.99, 0.1, 1.0))
        shown = console.render_lines(bars._bars.get_renderable())
    finally:
        bars.close()
    (line,) = shown
    text = "".join(segment.text for segment in line)
    assert len(text) <= width
    assert "…" not in text
    assert re.search(r"epoch 78/80 .*99\.0%", text)
