"""The report on a model: all that was found, in one page and in pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from byhand import evaluation, nn, plots

PICTURE = np.random.default_rng(2).integers(0, 256, (12, 12), dtype=np.uint8)


def made(*layers):
    model = nn.Sequential(*layers).init(np.random.default_rng(0))
    model.card = nn.ModelCard(image_shape=(1, 12, 12))
    return model


@pytest.fixture
def drawn(monkeypatch):
    """Pictures by name with their alt texts; nothing is written, which takes the time."""
    kept = {}

    def figure(page, name, drawn, alt, caption="", wide=False):
        kept[name] = (drawn if hasattr(drawn, "savefig") else drawn.figure, alt)

    monkeypatch.setattr(plots.Page, "figure", figure)
    return kept


def test_a_convolution_has_all_pictures_and_every_kernel_its_words(drawn, tmp_path):
    model = made(nn.Conv2d(1, 9, 5), nn.ReLU(), nn.Flatten(), nn.Linear(576, 10))
    found = evaluation.inspect(model, PICTURE, 3)
    report, pictures = plots.write_inspection(found, tmp_path, "mine", "byhand inspect m",
                                              [("model", "m.safetensors")])  # fmt: skip
    assert list(drawn) == ["filters", "rows", "feature_maps", "gradients", "norms"]
    assert [p.stem for p in pictures] == list(drawn)
    page = report.read_text("utf-8")
    for kernel in found.kernels:
        assert kernel.nearest in page
    for said in ("mine", "byhand inspect m", "m.safetensors", "It is a 3.", "mask", "576"):
        assert said in page
    figure, alt = drawn["filters"]
    titles = [ax.get_title(loc="center") for ax in figure.axes]
    assert titles[0].split("\n")[0] == "0"
    assert titles[0].replace("\n", " ") == f"0 {found.kernels[0].text}"
    assert found.kernels[8].text in alt
    assert all(image.get_interpolation() == "bicubic"
               for ax in figure.axes[:9] for image in ax.images)  # fmt: skip


def test_remarks_are_on_the_page(drawn, tmp_path):
    model = made(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(200, 10))
    found = evaluation.inspect(model)
    report, _ = plots.write_inspection(found, tmp_path, "mine")
    assert found.remarks
    assert "ReLU" in report.read_text("utf-8").split("Remarks")[1].split("Kernels")[0]
    assert list(drawn) == ["filters", "norms"]


def test_without_a_convolution_filters_have_no_words(drawn, tmp_path):
    found = evaluation.inspect(made(nn.Flatten(), nn.Linear(144, 10)), PICTURE, 0)
    plots.write_inspection(found, tmp_path, "mine")
    assert list(drawn) == ["filters", "feature_maps", "gradients", "norms"]
    figure, _ = drawn["filters"]
    assert figure.axes[9].get_title(loc="center") == "9"


def test_of_many_filters_the_first_are_drawn_and_their_number_is_said(drawn, tmp_path):
    found = evaluation.inspect(made(nn.Conv2d(1, 70, 3), nn.Flatten(), nn.Linear(7000, 10)))
    plots.write_inspection(found, tmp_path, "mine")
    figure, alt = drawn["filters"]
    assert alt.startswith("The first 64 of 70 filters of layer 0: 0 ")
    assert alt.count("; ") == 63
    assert sum(bool(ax.images) for ax in figure.axes) == 64


def test_a_layer_that_is_used_twice_has_a_bar_for_each_use(drawn, tmp_path):
    found = evaluation.inspect(made(nn.Flatten(), nn.Linear(144, 10)), PICTURE, 0)
    plots.write_inspection(replace(found, passes=found.passes * 2), tmp_path, "mine")
    figure, alt = drawn["gradients"]
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == [
        "0 Flatten", "1 Linear", "0 Flatten (2)", "1 Linear (2)",
    ]  # fmt: skip
    assert "1 Linear (2) " in alt


def test_bars_have_plain_numbers_and_the_names_that_are_asked_for():
    ax = plots.norm_bars({"a": 1e-6, "b": 2e-6}, plots.new_axes(), "gradient", "Of layers")
    ax.figure.canvas.draw()
    assert (ax.get_xlabel(), ax.get_title(loc="left")) == ("gradient", "Of layers")
    assert ax.xaxis.get_offset_text().get_text() == ""
    assert "2e−06" in [tick.get_text() for tick in ax.get_xticklabels()]
