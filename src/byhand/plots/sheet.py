"""Axes and words placed on a figure by inches, where what is beside what matters to the point."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure


class Sheet:
    """A sheet of so many inches in the middle of a figure, shrunk or grown to fit it.

    Places are inches from the left and from the top.
    """

    def __init__(self, figure: Figure, width: float, height: float):
        figure.set_layout_engine("none")  # it would move what is placed here
        wide, high = figure.get_size_inches()
        self.figure = figure
        self.scale = min(wide / width, high / height)
        self._left = (wide - width * self.scale) / 2
        self._top = (high - height * self.scale) / 2

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """An axis whose upper left corner is there."""
        x, y = self._place(left, top + height)
        wide, high = self.figure.get_size_inches()
        return self.figure.add_axes((x, y, width * self.scale / wide, height * self.scale / high))

    def text(self, left: float, top: float, text: str, **look: Any) -> None:
        """Words at a place; `ha`, `va` say which corner of theirs is there."""
        self.figure.text(*self._place(left, top), text, **look)

    def _place(self, left: float, top: float) -> tuple[float, float]:
        wide, high = self.figure.get_size_inches()
        return (
            (self._left + left * self.scale) / wide,
            1 - (self._top + top * self.scale) / high,
        )
