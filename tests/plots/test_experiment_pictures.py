"""The pictures of experiments: each returns what it was given and draws what the figures say."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from byhand import plots
from byhand.errors import InputError, ShapeError
from byhand.plots.lettering import readable_on, text_width, wrapped
from byhand.plots.style import INKED, SIGNED
from plots.seen import assert_readable, texts, ticks

# matrix, matrix_row, spy

KERNEL = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]])
PRODUCT = {"picture\n4×4": np.arange(16).reshape(4, 4), "kernel": KERNEL, "result": -np.eye(2)}


def test_a_matrix_has_its_numbers_in_letters_that_can_be_read():
    ax = plots.new_axes(4, 4)
    assert plots.matrix(KERNEL, ax, title="A kernel") is ax
    (image,) = ax.images
    assert image.get_cmap() is SIGNED
    assert image.get_clim() == (-2, 2)
    assert texts(ax) == ["1", "0", "−1", "2", "0", "−2", "1", "0", "−1"]
    colours = {text.get_text(): text.get_color() for text in ax.texts}
    assert colours["−2"] == colours["2"] == "white" != colours["0"]
    assert_readable(ax.figure)
    assert readable_on(INKED, 0.0) != readable_on(INKED, 1.0) == "white"


@pytest.mark.parametrize(("values", "decimals", "said"), [
    ([[0.25, 0.5]], None, ["0.25", "0.50"]), ([[0.5, -1.5]], None, ["0.5", "−1.5"]),
    ([[1 / 3, 0.0]], None, ["0.33", "0.00"]), ([[1 / 3, 12.0]], None, ["0.3", "12.0"]),
    ([[0.5, 1.26]], 1, ["0.5", "1.3"]), ([[-0.001, 1.0]], 1, ["0.0", "1.0"]),
    ([[math.nan, 3.0]], None, ["3"]), ([[0.0]], None, ["0"]), ([[math.nan]], None, []),
])  # fmt: skip
def test_numbers_have_as_many_decimals_as_they_need(values, decimals, said, tmp_path):
    ax = plots.matrix(values, plots.new_axes(4, 4), decimals=decimals)
    assert texts(ax) == said
    plots.save(ax.figure, tmp_path / "picture.png")


def test_zeros_can_stay_empty_and_names_stand_at_rows_and_columns():
    ax = plots.matrix(
        KERNEL, plots.new_axes(4, 4), mask_zero=True, row_names="abc", column_names="xyz"
    )
    assert texts(ax) == ["1", "−1", "2", "−2", "1", "−1"]
    assert ax.images[0].get_array().mask.sum() == 3
    assert ticks(ax) == ["x", "y", "z"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert_readable(ax.figure)
    with pytest.raises(ShapeError, match="2 column names for 3 columns"):
        plots.matrix(KERNEL, plots.new_axes(), column_names="xy")
    with pytest.raises(ShapeError, match=r"\(3,\): give \(rows, columns\)"):
        plots.matrix(KERNEL[0], plots.new_axes())


def test_a_large_matrix_and_one_without_numbers_have_none():
    for values, options in ((np.eye(60), {}), (KERNEL, {"numbers": False})):
        assert texts(plots.matrix(values, plots.new_axes(4, 4), **options)) == []
    positive = plots.matrix(KERNEL + 2, plots.new_axes(4, 4))
    assert positive.images[0].get_cmap() is INKED
    assert positive.images[0].get_clim() == (0, 4)
    assert plots.matrix(KERNEL + 2, plots.new_axes(4, 4), signed=True).images[0].get_clim()[0] == -4


def test_a_row_of_matrices_has_signs_between_and_titles_above():
    figure = plots.new_figure(*plots.matrix_row_size(PRODUCT))
    assert plots.matrix_row(PRODUCT, figure, operators=("∗", "=")) is figure
    written = [text.get_text() for text in figure.texts]
    assert sorted(written) == sorted([*PRODUCT, "∗", "="])
    assert [len(ax.texts) for ax in figure.axes] == [16, 9, 4]
    assert_readable(figure)
    boxes = [ax.get_window_extent() for ax in figure.axes]
    sides = [box.width / n for box, n in zip(boxes, (4, 3, 2), strict=True)]
    np.testing.assert_allclose(sides, sides[0])  # cells of one size
    for left, right in pairwise(boxes):
        assert left.x1 < right.x0


@pytest.mark.parametrize("shapes", [
    ((28, 28), (5, 5), (24, 24)), ((4, 16), (16, 1), (4, 1)), ((1, 1),), ((300, 2), (2, 300)),
])  # fmt: skip
def test_rows_of_large_and_small_matrices_fit_on_a_page(shapes):
    matrices = {f"matrix {i}": np.full(shape, 0.5) for i, shape in enumerate(shapes)}
    width, height = plots.matrix_row_size(matrices)
    assert 0 < width < 10
    assert 0 < height < 7
    figure = plots.new_figure(width, height)
    plots.matrix_row(matrices, figure, operators=["="] * (len(shapes) - 1))
    assert_readable(figure)


def test_another_number_of_operators_is_told():
    with pytest.raises(InputError, match="1 operators between 3 matrices: give 2"):
        plots.matrix_row(PRODUCT, plots.new_figure(), operators="=")
    assert plots.matrix_row({}, plots.new_figure(), operators="").axes == []


@pytest.mark.parametrize("shape", [(3, 4), (2000, 1000), (7, 3000), (1, 1)])
def test_spy_shows_each_number_that_is_not_zero_however_small(shape):
    values = np.zeros(shape)
    values[-1, -1] = -1e-6
    values[0, 0] = 5.0
    ax = plots.new_axes()
    assert plots.spy(values, ax, title="Large") is ax
    shown = ax.images[0].get_array()
    assert np.count_nonzero(shown) == np.count_nonzero(values)
    assert shown[0, 0] == 1
    if values.size > 1:
        assert -0.5 < shown[-1, -1] < -0.3
    assert ax.get_xlim() == (-0.5, shape[1] - 0.5)
    assert ax.get_ylim() == (shape[0] - 0.5, -0.5)
    assert_readable(ax.figure)


def test_spy_takes_sparse_matrices_and_says_how_much_is_not_zero(tmp_path):
    from scipy import sparse

    ax = plots.spy(sparse.eye_array(40).tocsr(), plots.new_axes())
    assert ax.get_xlabel() == "40 × 40, 2.5 % not zero"
    np.testing.assert_array_equal(ax.images[0].get_array(), np.eye(40))
    plots.save(plots.spy(np.zeros((3, 3)), plots.new_axes()).figure, tmp_path / "picture.png")


# picture_grid

DIGIT = np.arange(144, dtype=np.uint8).reshape(12, 12)


def test_a_grid_has_a_row_a_kind_with_its_own_scale_and_colours():
    rows = [[KERNEL, 3 * KERNEL], [DIGIT, None], [np.eye(4), 2 * np.eye(4)]]
    names, above = ("kernel", "picture", "after ReLU"), ("3\nright edge", "4\nblob")
    figure = plots.new_figure(*plots.picture_grid_size(rows, names, above))
    got = plots.picture_grid(rows, figure, row_names=names, column_names=above, smooth=(0,))
    assert got is figure
    images = [ax.images[0] for ax in figure.axes]
    assert [image.get_cmap() for image in images] == [SIGNED] * 2 + [INKED] * 3
    assert [image.get_clim() for image in images] == [(-6, 6)] * 2 + [(0, 143)] + [(0, 2)] * 2
    smooth = [image.get_interpolation() for image in images]
    assert smooth == ["bicubic"] * 2 + ["nearest"] * 3
    np.testing.assert_array_equal(images[2].get_array(), DIGIT)
    assert sorted(text.get_text() for text in figure.texts) == sorted([*names, *above])
    assert_readable(figure)
    by_cell = plots.picture_grid(rows, plots.new_figure(), row_names=names, scale="cell")
    tops = [ax.images[0].get_clim()[1] for ax in by_cell.axes]
    assert tops == [2, 6, 143, 1, 2]


@pytest.mark.parametrize("columns", [1, 5, 16])
@pytest.mark.parametrize("known", [False, True])
def test_grids_of_one_to_sixteen_columns_can_be_read(columns, known):
    rows = [[KERNEL] * columns, [DIGIT] * columns]
    names = ["kernel, smoothed", "picture"]
    for kind in ("right edge", "horizontal stroke"):
        above = [f"{i}\n{kind}" for i in range(columns)]
        size = plots.picture_grid_size(rows, *((names, above) if known else ()))
        assert size[0] <= 8.4  # or letters would be too small on a page
        figure = plots.new_figure(*size)
        plots.picture_grid(rows, figure, row_names=names, column_names=above)
        if known or kind == "right edge":
            assert_readable(figure)
        assert len(figure.axes) == 2 * columns


def test_grids_of_nothing_and_odd_pictures_can_be_drawn(tmp_path):
    for rows in (
        [], [[]], [[None, None]], [[np.zeros((3, 3))]], [[np.full((2, 2), np.nan)]],
        [[np.ones((1, 30))], [np.ones((30, 1)), DIGIT]],
    ):  # fmt: skip
        figure = plots.new_figure(*plots.picture_grid_size(rows))
        plots.picture_grid(rows, figure, row_names=["a", "b"][: len(rows)])
        plots.save(figure, tmp_path / "picture.png")


def test_a_grid_that_does_not_fit_its_names_is_told():
    with pytest.raises(ShapeError, match="0 row names for 1 rows"):
        plots.picture_grid([[DIGIT]], plots.new_figure(), row_names=[])
    with pytest.raises(ShapeError, match="1 column names for 2 columns"):
        plots.picture_grid([[None, DIGIT]], plots.new_figure(), row_names="a", column_names="a")
    with pytest.raises(ShapeError, match=r"shape \(1, 12, 12\): give \(H, W\)"):
        plots.picture_grid([[DIGIT[None]]], plots.new_figure(), row_names="a")
    with pytest.raises(InputError, match="'page' is not known"):
        plots.picture_grid([[DIGIT]], plots.new_figure(), row_names="a", scale="page")


# histograms

COUNTED = {
    "He": {"layer 1": (np.linspace(-1, 1, 5), [1, 2, 3, 4]), "layer 2": ([-3, 0, 3], [5, 5])},
    "N(0, 0.01²)": {"layer 2": ([0, 1e-3], [7])},
}


@pytest.mark.parametrize("share_x", [False, True])
@pytest.mark.parametrize("log_y", [False, True])
def test_small_histograms_stand_in_rows_and_columns(share_x, log_y):
    figure = plots.new_figure(*plots.histograms_size(2, 2))
    got = plots.histograms(COUNTED, figure, xlabel="weight", share_x=share_x, log_y=log_y)
    assert got is figure
    shown = [[bool(ax.patches) for ax in row] for row in np.reshape(figure.axes, (2, 2))]
    assert shown == [[True, True], [False, True]]
    assert [ax.get_title() for ax in figure.axes[:2]] == ["layer 1", "layer 2"]
    np.testing.assert_array_equal(figure.axes[0].patches[0].get_data().values, [1, 2, 3, 4])
    same = figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    assert same == share_x
    assert figure.axes[0].get_xlim() != figure.axes[3].get_xlim()
    assert figure.get_supxlabel() == "weight"
    assert_readable(figure)


def test_bins_beyond_those_asked_for_are_joined_and_no_count_is_lost():
    edges, counts = np.linspace(0, 1, 101), np.arange(100)
    figure = plots.histograms({"a": {"b": (edges, counts)}}, plots.new_figure(), xlabel="", bins=40)
    values, at, _ = figure.axes[0].patches[0].get_data()
    assert len(values) == 34
    assert values.sum() == counts.sum()
    assert values[0] == 0 + 1 + 2
    np.testing.assert_allclose(np.diff(at), 0.03)
    with pytest.raises(InputError, match="bins=0 is too few"):
        plots.histograms(COUNTED, plots.new_figure(), xlabel="", bins=0)


def test_many_narrow_histograms_can_be_read():
    rng = np.random.default_rng(0)
    wide = {
        f"way {w}": {
            f"layer {n}": np.histogram(rng.normal(0, w**n, 500), 30)[::-1] for n in range(7)
        }
        for w in (0.1, 1, 7)
    }
    figure = plots.new_figure(*plots.histograms_size(3, 7))
    plots.histograms(wide, figure, xlabel="output")
    assert_readable(figure)


def test_one_histogram_and_empty_ones(tmp_path):
    ax = plots.new_axes()
    assert plots.histogram([0, 1, 2], [10, 3000], ax, xlabel="weight", title="Weights") is ax
    np.testing.assert_array_equal(ax.patches[0].get_data().values, [10, 3000])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("weight", "count")
    assert_readable(ax.figure)
    plots.histogram([0, 1], [0], plots.new_axes(), xlabel="nothing")
    for given in ({}, {"a": {}}, {"a": {"b": ([0, 1], [0])}}):
        figure = plots.histograms(given, plots.new_figure(), xlabel="", log_y=True)
        plots.save(figure, tmp_path / "picture.png")
    for edges, counts in (([0, 1], [1, 2]), ([0], []), ([[0, 1]], [[1]])):
        with pytest.raises(ShapeError, match="give n \\+ 1 edges and n counts"):
            plots.histogram(edges, counts, plots.new_axes(), xlabel="")


# The same file


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_experiment_gives_the_same_bytes(tmp_path, kind):
    names = {"xlabel": "kernels", "ylabel": "test accuracy"}

    def draw():
        yield plots.line_with_band((2, 4), np.eye(2), plots.new_axes(), **names).figure
        yield plots.curves_over_runs((1, 2), {"a": np.eye(2)}, plots.new_axes(), **names).figure
        yield plots.compare({"a": [1, 2]}, plots.new_axes(), xlabel="loss").figure
        yield plots.spy(np.eye(1000), plots.new_axes()).figure
        yield plots.matrix_row(PRODUCT, plots.new_figure(), operators="∗=")
        yield plots.histograms(COUNTED, plots.new_figure(), xlabel="weight")

    for i, pair in enumerate(zip(draw(), draw(), strict=True)):
        first, second = (
            plots.save(figure, tmp_path / f"{i}{side}.{kind}").read_bytes()
            for figure, side in zip(pair, "ab", strict=True)
        )
        assert first == second


def test_words_are_measured_and_wrapped():
    assert text_width("", 10) == 0
    assert text_width("mm", 20) == pytest.approx(2 * text_width("mm", 10), rel=0.02)
    assert text_width("m\nmmm", 10) == text_width("mmm", 10)
    width = text_width("right edge", 10)
    assert wrapped("3\nright edge", width + 1, 10) == "3\nright edge"
    assert wrapped("3\nright edge", width - 1, 10) == "3\nright\nedge"
    assert wrapped("horizontal", text_width("horizontal", 10) - 1, 10) is None
