"""Each picture returns the axis it was given and draws what the record says."""

from __future__ import annotations

import math
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from byhand import plots
from byhand.errors import FileWriteError, InputError
from byhand.evaluation import Reliability
from byhand.plots.gallery import percent
from byhand.plots.style import BLUE, ERRORS, HITS, ORANGE, SIGNED


def lines(ax):
    """Each labelled line's points."""
    return {
        line.get_label(): (list(line.get_xdata()), list(line.get_ydata()))
        for line in ax.get_lines()
    }


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_loss_curves_draw_the_sets_that_there_are(epochs):
    ax = plots.new_axes()
    assert plots.loss_curves(epochs, ax) is ax
    drawn = lines(ax)
    assert set(drawn) == {"train", "validation"}
    assert drawn["train"] == ([1, 2, 3, 4, 5], [e.train_loss for e in epochs])
    assert drawn["validation"][1] == [e.validation_loss for e in epochs]


def test_accuracy_curves_draw_the_test_set_where_it_was_tracked(epochs):
    tracked = [replace(e, test_loss=1.0, test_accuracy=0.5) for e in epochs]
    ax = plots.new_axes()
    assert plots.accuracy_curves(tracked, ax) is ax
    assert set(lines(ax)) == {"train", "validation", "test"}
    assert lines(ax)["test"][1] == [0.5] * 5
    styles = {(line.get_color(), line.get_linestyle()) for line in ax.get_lines()}
    assert len(styles) == 3


def test_the_first_epoch_can_be_left_out(epochs):
    for draw in (plots.loss_curves, plots.accuracy_curves):
        ax = plots.new_axes()
        draw(epochs, ax, skip_first=True)
        assert lines(ax)["train"][0] == [2, 3, 4, 5]


@pytest.mark.parametrize("draw", [
    plots.loss_curves, plots.accuracy_curves, plots.learning_rate_curve, plots.gradient_norms,
    plots.weight_norms,
])  # fmt: skip
def test_no_epoch_and_one_epoch_can_be_drawn(epochs, draw, tmp_path):
    for shown in ([], epochs[:1]):
        ax = plots.new_axes()
        assert draw(shown, ax) is ax
        plots.save(ax.figure, tmp_path / "picture.png")


def test_a_loss_that_was_not_finite_leaves_a_gap(epochs, tmp_path):
    # JSON has null for it, for a training loss too.
    fourth, fifth = replace(epochs[3], train_loss=None), replace(epochs[4], train_loss=math.nan)
    ax = plots.loss_curves([*epochs[:3], fourth, fifth], plots.new_axes())
    assert lines(ax)["train"][0] == [1, 2, 3, 5]
    plots.save(ax.figure, tmp_path / "loss.png")


def test_learning_rate(epochs):
    ax = plots.new_axes()
    assert plots.learning_rate_curve(epochs, ax) is ax
    (line,) = ax.get_lines()
    assert list(line.get_ydata()) == [e.learning_rate for e in epochs]


def test_norms_are_on_a_log_axis_a_line_a_weight(epochs):
    for which in ("gradient_norms", "weight_norms"):
        draw = getattr(plots, which)
        ax = plots.new_axes()
        assert draw(epochs, ax) is ax
        assert ax.get_yscale() == "log"
        assert set(lines(ax)) == {"0.weight", "4.weight"}
        assert lines(ax)["4.weight"][1] == [getattr(e, which)["4.weight"] for e in epochs]


def test_a_norm_of_zero_leaves_a_gap(epochs, tmp_path):
    dead = [replace(e, gradient_norms={"0.weight": 0.0, "4.weight": 1.0}) for e in epochs]
    ax = plots.gradient_norms(dead, plots.new_axes())
    assert all(math.isnan(v) for v in lines(ax)["0.weight"][1])
    plots.save(ax.figure, tmp_path / "norms.png")
    nothing = [replace(e, gradient_norms={"0.weight": 0.0}) for e in epochs]
    ax = plots.gradient_norms(nothing, plots.new_axes())
    plots.save(ax.figure, tmp_path / "norms.png")


def test_confusion_tells_hits_from_errors_and_is_silent_on_zero():
    counts = np.array([[50, 2, 0], [0, 40, 7], [1, 0, 60]])
    ax = plots.new_axes()
    assert plots.confusion_matrix(counts, ("a", "b", "c"), ax) is ax
    hits, errors = ax.images
    assert (hits.get_cmap(), errors.get_cmap()) == (HITS, ERRORS)
    np.testing.assert_array_equal(hits.get_array().filled(-1), np.where(np.eye(3), counts, -1))
    np.testing.assert_array_equal(
        errors.get_array().filled(-1), [[-1, 2, -1], [-1, -1, 7], [1, -1, -1]]
    )
    written = [(t.get_position(), t.get_text()) for t in ax.texts[:-1]]
    assert written == [
        ((0, 0), "50"), ((1, 0), "2"), ((1, 1), "40"), ((2, 1), "7"), ((0, 2), "1"), ((2, 2), "60"),
    ]  # fmt: skip
    assert texts(ax)[-1] == "150 right, 10 wrong"
    assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b", "c"]


@pytest.mark.parametrize("counts", [
    np.diag([3, 4]), np.array([[0, 5], [2, 0]]), np.zeros((2, 2), int), np.eye(40, dtype=int),
    np.array([[3]]),
])  # fmt: skip
def test_confusion_of_extreme_matrices_can_be_drawn(counts, tmp_path):
    names = [f"class {i}" for i in range(len(counts))]
    ax = plots.confusion_matrix(counts, names, plots.new_axes())
    assert len(ax.texts) == 1 + (np.count_nonzero(counts) if len(counts) <= 30 else 0)
    plots.save(ax.figure, tmp_path / "confusion.png")


def test_the_gallery_says_label_prediction_and_confidence(evaluation):
    figure = plots.new_figure(*plots.gallery_size(9, 4))
    images = evaluation.mistake_images[:9]
    labels, read = [0, 1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 2, 3, 4, 5, 6, 7, 0]
    confidences = [0.5, 0.999, 0.9995, 1.0, 0.004, 0.5, 0.5, 0.5, 0.5]
    got = plots.gallery(images, labels, read, confidences, tuple("abcdefghi"), figure, 4)
    assert got is figure
    shown = [ax for ax in figure.axes if ax.images]
    assert len(shown) == 9
    assert shown[0].get_title() == "a → b\n50 %"
    assert to_rgb(shown[0].title.get_color()) == to_rgb(ORANGE)
    assert to_rgb(shown[1].title.get_color()) == to_rgb(BLUE)
    np.testing.assert_array_equal(shown[3].images[0].get_array(), images[3, 0])


def test_the_gallery_of_mistakes_shows_the_first(evaluation):
    figure = plots.new_figure()
    assert plots.mistakes_gallery(evaluation, figure, first=5) is figure
    first = evaluation.mistakes[0]
    shown = [ax for ax in figure.axes if ax.images]
    assert len(shown) == 5
    assert shown[0].get_title().startswith(f"{first.label} → {first.prediction}\n")


def test_coloured_pictures_keep_their_colours():
    image = np.zeros((1, 3, 4, 4), np.uint8)
    image[0, 0] = 255
    figure = plots.gallery(image, [0], [0], [1.0], "a", plots.new_figure())
    assert figure.axes[0].images[0].get_array().shape == (4, 4, 3)


@pytest.mark.parametrize(("share", "said"), [
    (1.0, "100 %"), (0.9999, "> 99.9 %"), (0.9971, "99.7 %"), (0.994, "99 %"), (0.5, "50 %"),
    (0.004, "0.4 %"), (0.0002, "< 0.1 %"), (0.0, "0 %"),
])  # fmt: skip
def test_percent_is_never_surer_than_the_model(share, said):
    assert percent(share) == said


def test_filters_share_a_scale_that_is_symmetric(seen, tmp_path):
    figure = plots.new_figure(*plots.filters_size(3))
    assert plots.filters(seen.filters, figure) is figure
    drawn = [ax.images[0] for ax in figure.axes if ax.images]
    top = np.abs(seen.filters.mean(axis=1)).max()
    assert {im.get_clim() for im in drawn} == {(-top, top)}
    np.testing.assert_array_equal(drawn[1].get_array(), seen.filters[1, 0])
    plots.save(figure, tmp_path / "filters.png")
    for odd in (np.zeros((1, 1, 3, 3)), np.ones((20, 3, 5, 5))):
        plots.save(plots.filters(odd, plots.new_figure(), smooth=True), tmp_path / "filters.png")


def test_negative_is_blue_and_positive_red_as_on_the_page():
    for value, cold in ((0.0, True), (0.25, True), (0.75, False), (1.0, False)):
        red, _, blue, _ = SIGNED(value)
        assert (blue > red) == cold
    assert SIGNED(0.5)[:3] == pytest.approx((1, 1, 1), abs=0.05)


def test_feature_maps_have_a_row_for_what_each_layer_gives(seen, tmp_path):
    figure = plots.new_figure(*plots.feature_maps_size(seen))
    assert plots.feature_maps(seen, figure) is figure
    labels = [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()]
    assert labels == [
        "picture\n1×12×12", "0 filters\n3×3", "0 Conv2d\n3×10×10", "1 ReLU\n3×10×10",
        "2 MaxPool2d\n3×5×5", "4 Linear\n10",
    ]  # fmt: skip
    images = [ax.images[0].get_array() for ax in figure.axes if ax.images]
    assert len(images) == 1 + 4 * 3
    np.testing.assert_array_equal(images[5], seen.layers[0].output[1])
    bars = figure.axes[-1].patches
    np.testing.assert_allclose([bar.get_height() for bar in bars], seen.layers[-1].output)
    assert to_rgb(bars[int(seen.probabilities.argmax())].get_facecolor()) == to_rgb(BLUE)
    plots.save(figure, tmp_path / "maps.png")


def test_reliability_draws_bars_of_accuracy_where_there_are_pictures():
    bins = Reliability(
        (0.0, 0.5, 0.75, 1.0), (0, 4, 30), (math.nan, 0.6, 0.9), (math.nan, 0.5, 0.95)
    )
    ax = plots.new_axes()
    assert plots.reliability_diagram(bins, ax) is ax
    assert [(bar.get_x(), bar.get_width(), bar.get_height()) for bar in ax.patches] == [
        (0.5, 0.25, 0.5), (0.75, 0.25, 0.95),
    ]  # fmt: skip
    gaps = [line for line in ax.get_lines() if len(set(line.get_xdata())) == 1]
    assert [to_rgb(line.get_color()) for line in gaps] == [to_rgb(ORANGE), to_rgb(BLUE)]
    assert texts(ax) == ["4", "30", f"expected calibration error {100 * bins.ece:.2f} %"]


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_picture_gives_the_same_bytes(epochs, tmp_path, kind):
    for name in ("a", "b"):
        ax = plots.loss_curves(epochs, plots.new_axes())
        assert plots.save(ax.figure, tmp_path / "deep" / f"{name}.{kind}").exists()
    first, second = ((tmp_path / "deep" / f"{name}.{kind}").read_bytes() for name in "ab")
    assert first == second
    assert b"matplotlib.org" not in first
    assert b"Date" not in first
    assert b"date" not in first


def test_saving_elsewhere_is_told(tmp_path):
    figure = plots.new_figure()
    with pytest.raises(InputError, match=r"ends in \.png or \.svg"):
        plots.save(figure, tmp_path / "picture.bmp")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileWriteError, match="cannot write"):
        plots.save(figure, tmp_path / "file" / "picture.png")


def test_names_of_classes_are_never_formulas(evaluation, tmp_path):
    names = [r"$\frac{", "<b>", "_hidden", "数字", "a" * 50, "", " ", "%", "\\", "é"]
    ax = plots.confusion_matrix(evaluation.confusion, names, plots.new_axes(8, 8))
    plots.save(ax.figure, tmp_path / "confusion.png")
    odd = replace(evaluation, classes=tuple(names))
    plots.save(plots.mistakes_gallery(odd, plots.new_figure(9, 9)), tmp_path / "gallery.png")


def test_drawing_leaves_the_users_settings_alone(epochs):
    before = dict(matplotlib.rcParams)
    plots.loss_curves(epochs, plots.new_axes())
    assert dict(matplotlib.rcParams) == before
