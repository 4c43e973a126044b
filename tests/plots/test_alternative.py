"""A figure says in words what was drawn in it."""

from __future__ import annotations

import numpy as np
import pytest

from byhand import plots
from byhand.plots import alternative, words


def test_rows_are_told_by_name_with_mean_and_deviation():
    ax = plots.compare({"3×3": [0.97, 0.98], "5×5": [0.99, 0.99]}, xlabel="test accuracy")
    text = alternative.text_of(ax.figure)
    assert text.startswith("Test accuracy. 3×3: ")
    assert "5×5: " in text


def test_lines_of_many_points_are_told_by_their_ends():
    ax = plots.new_axes()
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    x = np.arange(20)
    lines = {"Adam": (x, 2.0 - 0.1 * x, np.full(20, np.nan))}
    alternative.note_lines(ax, lines, percent=False, each=True)
    text = alternative.text_of(ax.figure)
    assert text.startswith("Loss by epoch. Adam: 2.000 at 0 to ")
    assert text.endswith(" at 19.")
    assert " at 7" not in text


@pytest.mark.parametrize(
    ("mean", "deviation", "percent", "text"),
    [(0.98314, 0.0012, True, "98.31 ± 0.12 %"), (0.0712, 0.0031, False, "0.0712 ± 0.0031"),
     (-2.0, float("nan"), False, "−2.000"), (float("nan"), 0.0, True, "–")],
)  # fmt: skip
def test_a_mean_is_written_as_finely_as_its_deviation_makes_worth(mean, deviation, percent, text):
    assert words.written(mean, deviation, percent) == text


def test_what_is_noted_twice_is_told_in_turn():
    figure = plots.new_figure()
    assert alternative.text_of(figure) == ""
    alternative.note(figure, "One.")
    alternative.note(figure.subplots(), "Two.")
    assert alternative.text_of(figure) == "One. Two."
