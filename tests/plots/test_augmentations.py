"""The contact sheet of augmentations: every picture in its place, named, the original apart."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb

from byhand import plots
from byhand.plots.style import BLUE


def sheet(rows):
    figure = plots.new_figure(*plots.augmentation_sheet_size(rows))
    assert plots.augmentation_sheet(rows, figure) is figure
    return figure


def test_every_picture_stands_in_the_row_of_its_name():
    rng = np.random.default_rng(0)
    rows = {name: rng.integers(0, 256, (n, 1, 5, 4), dtype=np.uint8)
            for name, n in (("rotate\nup to 20°", 4), ("noise", 4), ("all", 3))}  # fmt: skip
    axes = np.reshape(sheet(rows).axes, (3, 4))
    assert [row[0].get_ylabel() for row in axes] == list(rows)
    for row, pictures in zip(axes, rows.values(), strict=True):
        drawn = [ax.images[0].get_array() for ax in row if ax.images]
        assert np.array_equal(drawn, pictures[:, 0])
        assert all(ax.images[0].get_clim() == (0, 255) for ax in row if ax.images)
    assert not axes[2, 3].axison  # a shorter row ends in nothing


def test_the_original_alone_is_framed_in_blue_and_called_so():
    rows = {"shift": np.zeros((3, 1, 4, 4), np.uint8), "all": np.zeros((3, 1, 4, 4), np.uint8)}
    axes = np.reshape(sheet(rows).axes, (2, 3))
    for row in axes:
        framed = [to_rgb(ax.spines["left"].get_edgecolor()) == to_rgb(BLUE) for ax in row]
        assert framed == [True, False, False]
    titles = [ax.get_title(loc) for ax in axes[0] for loc in ("left", "center")]
    assert [title for title in titles if title] == ["original", "augmented"]


def test_colours_one_picture_and_nothing_can_be_drawn(tmp_path):
    for number, rows in enumerate(({"shift": np.zeros((2, 3, 4, 4), np.uint8)},
                                   {"shift": np.zeros((1, 1, 4, 4), np.uint8)}, {})):  # fmt: skip
        assert plots.save(sheet(rows), tmp_path / f"{number}.png").stat().st_size > 0


def test_the_figure_grows_with_its_rows_and_columns():
    one = plots.augmentation_sheet_size({"a": np.zeros((3, 1, 4, 4))})
    more = plots.augmentation_sheet_size({"a": np.zeros((3, 1, 4, 4)), "b": np.zeros((9, 1, 4, 4))})
    assert more[0] > one[0]
    assert more[1] > one[1]
