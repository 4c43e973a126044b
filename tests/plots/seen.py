"""What is to be seen on a picture: its words, their places, and whether they can be read."""

from __future__ import annotations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from byhand import plots


def named(ax):
    return {line.get_label(): line for line in ax.get_lines() if line.get_label()[0] != "_"}


def legend(ax):
    box = ax.get_legend()
    return [] if box is None else [text.get_text() for text in box.get_texts()]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def ticks(ax):
    return [label.get_text() for label in ax.get_xticklabels()]


@plots.styled
def drawn(figure):
    """All words that are seen, and where they are in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    found = list(figure.texts)
    for ax in figure.axes:
        found += ax.texts
        if not ax.axison:
            continue
        found += [ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label]
        for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            for tick in axis.get_major_ticks():
                if min(limits) <= tick.get_loc() <= max(limits):
                    found += [one for one in (tick.label1, tick.label2) if one.get_visible()]
        if ax.get_legend():
            found += ax.get_legend().get_texts()
    seen = [text for text in found if text.get_text().strip() and text.get_visible()]
    return [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in seen]


def assert_readable(figure):
    """No words lie on others or beyond the edge."""
    words = drawn(figure)
    assert words
    width, height = figure.bbox.width, figure.bbox.height
    for i, (text, box) in enumerate(words):
        assert box.x0 > -1 and box.y0 > -1, text  # noqa: PT018
        assert box.x1 < width + 1 and box.y1 < height + 1, text  # noqa: PT018
        for other, at in words[:i]:
            shared = Bbox.intersection(box, at)
            assert shared is None or min(shared.width, shared.height) < 2, (text, other)
