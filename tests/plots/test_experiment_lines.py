"""The lines and rows of experiments: over seeds, over runs, beside each other, with marks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from byhand import plots
from byhand.errors import InputError, ShapeError
from byhand.plots.lines import look
from byhand.plots.style import ORANGE
from plots.seen import assert_readable, legend, named, texts, ticks

NAMES = {"xlabel": "kernels", "ylabel": "test accuracy"}
VALUES = np.array([[0.96, 0.97, 0.98], [0.97, math.nan, 0.99], [math.nan] * 3])


# line_with_band


def test_the_line_goes_through_the_means_and_each_seed_is_a_dot():
    ax = plots.new_axes()
    assert plots.line_with_band((2, 4, 8), VALUES, ax, **NAMES, name="five", percent=True) is ax
    (line,) = named(ax).values()
    assert line.get_label() == "five: mean ± deviation"
    np.testing.assert_allclose(line.get_ydata(), [0.97, 0.98, math.nan])
    dots = next(one for one in ax.get_lines() if len(one.get_xdata()) == 9)
    assert list(dots.get_xdata()) == [2, 2, 2, 4, 4, 4, 8, 8, 8]
    np.testing.assert_array_equal(dots.get_ydata(), VALUES.ravel())
    (band,) = ax.collections
    high = band.get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose([high.min(), high.max()], [0.96, 0.98 + math.sqrt(2) * 0.01])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("kernels", "test accuracy")
    assert ax.yaxis.get_major_formatter()(0.985) == "98.5 %"


def test_settings_stand_on_the_axis_as_plain_numbers_on_a_log_axis_too():
    x = (2, 4, 8, 12, 16, 20, 24, 28, 32, 64)
    ax = plots.line_with_band(x, np.ones((10, 2)), plots.new_axes(), **NAMES, log_x=True)
    assert ax.get_xscale() == "log"
    assert ticks(ax) == [str(value) for value in x]
    many = plots.line_with_band(
        x, np.ones((10, 2)), plots.new_axes(3, 3), **NAMES, log_x=True, ticks=x
    )
    shown = [text for text in ticks(many) if text]
    assert shown[0] == "2"
    assert shown[-1] == "64"
    assert len(shown) < len(x)
    assert len(many.get_xticks()) == len(x)  # marks stay


def test_another_study_is_points_of_its_own_look_in_sight_and_beside_the_range():
    ax = plots.line_with_band(
        (4, 8), VALUES[:2], plots.new_axes(), **NAMES, reference={2: 0.2, 8: 0.97, 90: 0.99},
        reference_name="the study", percent=True, title="A title",
    )  # fmt: skip
    points = named(ax)["the study"]
    assert list(points.get_xdata()) == [2, 8, 90]
    assert points.get_linestyle() == "None"
    assert to_rgb(points.get_color()) == to_rgb(ORANGE)
    assert ax.get_xlim()[0] < 2 < 90 < ax.get_xlim()[1]
    assert ax.get_ylim()[0] < 0.2
    assert legend(ax) == ["ours: mean ± deviation", "the study"]
    assert_readable(ax.figure)


@pytest.mark.parametrize("log_x", [False, True])
def test_one_seed_one_setting_and_nothing_can_be_drawn(tmp_path, log_x):
    for x, values in (
        ((2, 4), [[0.5], [0.6]]), ((5,), [[0.5, 0.6]]), ((5,), [[0.5]]), ((5,), [[math.nan]]),
        ((2, 4, 8), [[1, 2], [math.nan, 1], [2, 3]]), ((2,), [[math.inf, 1.0, 2.0]]), ((), []),
    ):  # fmt: skip
        given = np.reshape(np.asarray(values, float), (len(x), -1 if len(x) else 0))
        ax = plots.line_with_band(x, given, plots.new_axes(), **NAMES, log_x=log_x)
        plots.save(ax.figure, tmp_path / "picture.png")
    alone = plots.line_with_band((2, 4), [[0.5], [0.6]], plots.new_axes(), **NAMES)
    assert not alone.collections
    assert legend(alone) == ["ours"]
    single = plots.line_with_band((5,), [[0.5, 0.7]], plots.new_axes(), **NAMES)
    (bar,) = single.collections
    np.testing.assert_allclose(bar.get_segments()[0][:, 1], 0.6 + np.array([-1, 1]) * 0.2 / 2**0.5)


def test_values_that_do_not_fit_are_told():
    for values in (np.ones((2, 3)), np.ones(3), np.ones((3, 1, 1))):
        with pytest.raises(ShapeError, match=r"give \(3, seeds\)"):
            plots.line_with_band((1, 2, 3), values, plots.new_axes(), **NAMES)
    with pytest.raises(InputError, match="x = 0 has no place on a log axis"):
        plots.line_with_band((0, 1), np.ones((2, 2)), plots.new_axes(), **NAMES, log_x=True)
    with pytest.raises(ShapeError, match="in one row"):
        plots.line_with_band([[1, 2]], np.ones((1, 2)), plots.new_axes(), **NAMES)


# curves_over_runs


def curves(names, n=30, gap=1.0):
    rng = np.random.default_rng(0)
    return {
        f"way {i}": 1 + gap * i + 0.01 * rng.standard_normal((3, n)) for i in range(names)
    }  # fmt: skip


def test_eight_curves_differ_in_colour_dash_and_mark_and_are_named():
    ax = plots.new_axes()
    runs = curves(8)
    assert plots.curves_over_runs(range(30), runs, ax, **NAMES, title="Eight") is ax
    lines = named(ax)
    assert list(lines) == list(runs)
    for of in ("get_color", "get_linestyle", "get_marker", "_dash_pattern"):
        if of == "get_linestyle":  # dashes given by their lengths are all called "--"
            continue
        found = [getattr(line, of) for line in lines.values()]
        assert len({str(value() if callable(value) else value) for value in found}) == 8
    np.testing.assert_allclose(lines["way 3"].get_ydata(), runs["way 3"].mean(axis=0))
    assert len(ax.collections) == 8
    assert legend(ax) == list(runs)
    assert_readable(ax.figure)
    assert len({tuple(map(str, look(i).values())) for i in range(64)}) == 64


def test_the_legend_of_many_curves_hides_no_data():
    ax = plots.curves_over_runs(range(30), curves(5, gap=0.001), plots.new_axes(), **NAMES)
    assert legend(ax) == list(curves(5))
    assert_readable(ax.figure)
    box = ax.get_legend().get_window_extent()
    assert box.x0 >= ax.get_window_extent().x1  # beside the axis


def test_runs_can_be_thin_lines_each(tmp_path):
    runs = {"a": np.ones((4, 6)), "b": np.array([[2, 2, math.nan, 2, math.nan, math.nan]])}
    ax = plots.new_axes()
    assert plots.curves_over_runs(range(6), runs, ax, **NAMES, spread="lines") is ax
    assert len(ax.get_lines()) == 5
    assert legend(ax) == ["a", "b"]
    assert ax.get_lines()[0].get_markevery() == [5]
    assert ax.get_lines()[4].get_markevery() == [3]  # where the run ended
    plots.save(ax.figure, tmp_path / "picture.png")
    with pytest.raises(InputError, match="'fan' is not known"):
        plots.curves_over_runs(range(6), runs, plots.new_axes(), **NAMES, spread="fan")


def test_on_a_log_axis_what_is_not_above_0_leaves_a_gap_and_the_band_ends_at_the_lowest(tmp_path):
    runs = {"a": np.array([[1.0, 0.1, 0.0], [2.0, 9.0, -1.0]])}
    ax = plots.curves_over_runs((1, 2, 3), runs, plots.new_axes(), **NAMES, log_y=True)
    np.testing.assert_allclose(named(ax)["a"].get_ydata(), [1.5, 4.55, math.nan])
    lowest = min(path.vertices[:, 1].min() for path in ax.collections[0].get_paths())
    assert lowest == pytest.approx(0.1)
    plots.save(ax.figure, tmp_path / "picture.png")


@pytest.mark.parametrize("spread", ["band", "lines"])
@pytest.mark.parametrize("log", [False, True])
def test_curves_of_one_point_one_run_and_nothing_can_be_drawn(tmp_path, spread, log):
    for x, runs in (
        ((1,), {"a": [[1.0], [2.0]]}), ((1, 2), {"a": [[1.0, 2.0]]}), ((1, 2), {}),
        ((1, 2), {"a": [[math.nan, None]], "b": [[1, math.inf]]}), ((1,), {"a": np.ones((0, 1))}),
    ):  # fmt: skip
        ax = plots.curves_over_runs(
            x, runs, plots.new_axes(), **NAMES, spread=spread, log_y=log, log_x=log
        )
        plots.save(ax.figure, tmp_path / "picture.png")


def test_runs_of_another_length_are_told():
    with pytest.raises(ShapeError, match=r"runs of 'a' have the shape \(2, 3\).*give \(runs, 4\)"):
        plots.curves_over_runs(range(4), {"a": np.ones((2, 3))}, plots.new_axes(), **NAMES)


# compare


def test_compare_has_room_for_four_kinds_of_marks_beside_long_names():
    values = {"uniform(−1, 1), 1 of 2 seeds": [0.9], "He, 2 of 2 seeds": [0.9, 0.91]}
    ax = plots.compare(
        values, xlabel="test accuracy", percent=True,
        reference={"uniform(−1, 1), 1 of 2 seeds": 0.95}, reference_name="the study, one run",
    )  # fmt: skip
    assert len(legend(ax)) == 4
    assert_readable(ax.figure)


def test_compare_has_a_row_a_name_from_the_top_and_says_mean_and_deviation():
    values = {"first": [0.98, 0.99, math.nan], "second": [0.97], "third": [None], "fourth": ()}
    ax = plots.new_axes(*plots.compare_size(4))
    got = plots.compare(
        values, ax, xlabel="test accuracy", title="Ways", percent=True,
        reference={"second": 0.95}, reference_name="the study",
    )  # fmt: skip
    assert got is ax
    assert [label.get_text() for label in ax.get_yticklabels()] == list(values)
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert texts(ax) == ["98.50 ± 0.71 %", "97.00 %", "–", "–"]
    assert [text.get_position()[1] for text in ax.texts] == [0, 1, 2, 3]
    assert legend(ax) == ["each seed", "mean ± deviation", "one seed", "the study"]
    seeds = next(one for one in ax.get_lines() if one.get_alpha() == 0.4)
    assert list(seeds.get_xdata()) == [0.98, 0.99]
    theirs = next(one for one in ax.get_lines() if one.get_marker() == "D")
    assert list(theirs.get_xdata()) == [0.95]
    assert ax.get_xlim()[0] < 0.95
    assert_readable(ax.figure)


@pytest.mark.parametrize(("seeds", "said"), [
    ([0.0897, 0.0923], "0.0910 ± 0.0018"), ([120, 180], "150 ± 42"), ([1500, 2500], "2,000 ± 707"),
    ([-1.5, -2.5], "−2.00 ± 0.71"), ([3.0, 3.0], "3.000 ± 0.000"), ([0.0], "0"), ([], "–"),
])  # fmt: skip
def test_other_figures_have_the_digits_that_their_deviation_allows(seeds, said):
    ax = plots.compare({"a": seeds}, plots.new_axes(), xlabel="loss")
    assert texts(ax) == [said]


def test_a_bar_that_would_cross_0_ends_at_the_lowest_seed_on_a_log_axis():
    ax = plots.compare({"a": [0.1, 30, 0.0]}, plots.new_axes(), xlabel="loss", log_x=True)
    bar = next(one for one in ax.get_lines() if one.get_marker() == "|")
    assert bar.get_xdata()[0] == pytest.approx(0.1)
    assert ax.get_xscale() == "log"
    assert_readable(ax.figure)


def test_a_reference_without_its_name_among_the_values_is_told():
    with pytest.raises(InputError, match="'b': give names that the values have"):
        plots.compare({"a": [1]}, plots.new_axes(), xlabel="loss", reference={"b": 1})


def test_long_names_are_wrapped_and_nothing_overlaps():
    rng = np.random.default_rng(0)
    name = "fully connected, batch norm, ReLU and dropout of a half, number"
    values = {f"{name} {i}": 0.9 + 0.01 * rng.random(5) for i in range(6)}
    ax = plots.new_axes(*plots.compare_size(6))
    plots.compare(values, ax, xlabel="test accuracy", percent=True)
    assert_readable(ax.figure)
    plots.compare({}, plots.new_axes(*plots.compare_size(0)), xlabel="nothing")


# xy

RATES = np.geomspace(1e-5, 1, 60)


def test_xy_draws_a_line_a_name_and_marks_that_say_their_names():
    ax = plots.new_axes()
    marks = {"suggested 0.012": 0.012, "lowest 0.02": 0.02, "diverges": 5.0}
    got = plots.xy(
        {"a": (RATES, RATES), "b": (RATES, 2 + RATES)}, ax, xlabel="learning rate", ylabel="loss",
        title="Range", log_x=True, marks=marks,
    )  # fmt: skip
    assert got is ax
    np.testing.assert_array_equal(named(ax)["b"].get_ydata(), 2 + RATES)
    upright = [one.get_xdata()[0] for one in ax.get_lines() if len(one.get_xdata()) == 2]
    assert upright == list(marks.values())
    assert legend(ax) == ["a", "b", *marks]
    assert ax.get_xlim()[1] > 5  # a mark beyond the data is in sight
    assert_readable(ax.figure)


def test_marks_close_together_are_told_apart_by_the_legend():
    marks = {f"a place called {i}": 0.01 * (1 + 0.2 * i) for i in range(5)}
    ax = plots.xy(
        {"": (RATES, RATES)}, plots.new_axes(), **NAMES, log_x=True, marks=marks, title="T"
    )
    assert legend(ax) == list(marks)  # the line has no name
    assert_readable(ax.figure)


def test_a_log_axis_of_many_decades_has_ticks_that_can_be_read():
    for top in (3e-5, 2e-4, 1e-2, 1.0, 1e9):
        x = np.geomspace(1e-5, top, 50)
        ax = plots.xy({"": (x, x)}, plots.new_axes(), **NAMES, log_x=True, log_y=True)
        assert_readable(ax.figure)
        low, high = ax.get_xlim()
        assert sum(low <= tick <= high for tick in ax.get_xticks()) >= 2


def test_xy_of_points_nothing_and_gaps_can_be_drawn(tmp_path):
    for series in (
        {}, {"a": ([1], [2])}, {"a": ([], [])}, {"a": ([1, 2, 3], [1, math.nan, 0])},
        {"a": ([1, 2], [math.nan, math.inf])},
    ):  # fmt: skip
        for log in (False, True):
            ax = plots.xy(series, plots.new_axes(), **NAMES, log_x=log, log_y=log, marks={"m": 2})
            plots.save(ax.figure, tmp_path / "picture.png")
    gap = plots.xy({"a": ([1, 2], [0, 1])}, plots.new_axes(), **NAMES, log_y=True, percent=True)
    np.testing.assert_array_equal(named(gap)["a"].get_ydata(), [math.nan, 1])
    assert gap.yaxis.get_major_formatter()(0.5) == "50 %"
    with pytest.raises(ShapeError, match="'a' has x of the shape"):
        plots.xy({"a": ([1, 2], [1])}, plots.new_axes(), **NAMES)
    with pytest.raises(InputError, match="no place on a log axis"):
        plots.xy({}, plots.new_axes(), **NAMES, log_x=True, marks={"zero": 0})
