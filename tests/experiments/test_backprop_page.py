"""What the page on the way back computes where the answer is known."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

from byhand import models, nn
from byhand.errors import InputError
from byhand.experiments import backprop
from byhand.experiments.backprop import traced
from experiments.telling import Unsaved, verdict


@pytest.fixture
def page(tmp_path):
    return Unsaved(tmp_path)


class Forgetful(nn.ReLU):
    """A ReLU whose backward lets everything through."""

    def backward(self, dy, cache, grads, need_dx=True):
        return dy


def passed(activation=nn.ReLU, seed=0):
    """A small network, a picture, its label, and its trace."""
    rng = np.random.default_rng(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), activation(), nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(8, 3)
    ).init(rng)
    x, labels = rng.standard_normal((1, 1, 6, 6)).astype(np.float32), np.array([1])
    return model, x, labels, nn.trace(model, x, labels, train=True, key=nn.Key(0))


def test_layers_with_parameters_are_called_by_kind_and_number():
    _, _, _, trace = passed()
    assert {name: t.name for name, t in traced.names(trace).items()} == {
        "conv 1": "0", "conv 2": "2", "linear 1": "4",
    }  # fmt: skip


def test_a_row_tells_the_norms_of_a_layer():
    _, _, labels, trace = passed()
    told = traced.layer_rows(trace, labels)
    row, t = told["layers"][2], trace[2]
    assert row["arrives"] == pytest.approx(np.linalg.norm(t.dy))
    assert row["arrives, rms"] == pytest.approx(np.sqrt((t.dy**2).mean()))
    assert row["leaves"] == pytest.approx(np.linalg.norm(t.dx))
    assert row["parameters"]["bias"] == pytest.approx(np.linalg.norm(t.dy.sum(axis=(2, 3))))
    assert row["unfolded"] == 4 * (2 * 3 * 3) * (2 * 2)
    assert told["start"] < 1e-6  # backward begins with softmax less the label


def test_finite_differences_agree_with_backward():
    model, x, labels, _ = passed()
    rows = traced.checked(model, x, labels, seed=0)
    assert [row["parameter"] for row in rows[::2]] == [
        "conv 1 weight", "conv 1 bias", "conv 2 weight", "conv 2 bias",
        "linear 1 weight", "linear 1 bias",
    ]  # fmt: skip
    assert max(row["apart"] for row in rows) < 1e-7
    assert all(a["place"] != b["place"] for a, b in zip(rows[::2], rows[1::2], strict=True))


def test_finite_differences_find_a_wrong_backward_below_where_it_is():
    model, x, labels, _ = passed(Forgetful)
    apart = {row["parameter"]: row["apart"] for row in traced.checked(model, x, labels, seed=0)}
    assert apart["conv 1 bias"] > 1e-3
    assert apart["conv 2 weight"] < 1e-7


def test_magnitudes_are_counted_by_power_of_ten_without_zeros():
    counts = traced.counted(np.array([[0.0, -1.05, 1.05, 1e-30, 1e30]]))
    at_one = np.flatnonzero(np.isclose(traced.EDGES, 0))[0]
    assert counts.sum() == 4
    assert counts[at_one] == 2
    assert counts[0] == counts[-1] == 1


@pytest.fixture(scope="module")
def deep():
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((1, 1, 28, 28)).astype(np.float32), np.array([3])
    record = {
        "label": "3", "picture": np.abs(x[0, 0]), "seeds": [0], "test_accuracy": [0.5],
        "trained_on": 100,
    }  # fmt: skip
    check = {"place": [0], "backward": 1.0, "differences": 1.0, "apart": 1e-9}
    for state in (backprop.FRESH, backprop.TRAINED):
        model = models.build("deep_convnet", rng)
        trace = nn.trace(model, x, labels, train=True, key=nn.Key(0))
        told = traced.layer_rows(trace, labels)
        told["checks"] = [{"parameter": name, **check} for name in ("conv 1 weight",) * 2]
        record |= {state: [told], **traced.arrays(trace, state)}
    return record


def test_the_page_on_backward_finds_the_studys_shapes_and_caches(deep, page):
    backprop.report(deep, page)
    assert verdict(page, "28→28→14→16→8→8→4") is True
    assert verdict(page, "keep their input") is True
    assert verdict(page, "softmax") is True
    assert verdict(page, "He's start") is True
    assert [name for name, _ in page.figures] == ["norms", "gradients", "outputs", "maps"]


def test_the_page_on_backward_sees_what_does_not_hold(deep, page):
    record = copy.deepcopy(deep)
    layers = record[backprop.FRESH][0]["layers"]
    layers[4]["output"] = [16, 13, 13]
    layers[1]["kept"] = [["output", [1, 16, 28, 28], 50176]]
    for what in ("arrives, rms", "output, rms"):
        layers[0][what] *= 1e4
    record[backprop.TRAINED][0]["start"] = 0.1
    backprop.report(record, page)
    assert [claim.holds for claim in page.claims] == [False] * 4
    assert "ReLU" in page.claims[1].evidence


def test_a_picture_that_is_not_there_is_refused(lab):
    lab.settings = {"picture": 40}
    with pytest.raises(InputError, match="picture is 40, but it must be from 0 to 39"):
        backprop.measure(lab)


def test_the_ratio_of_a_gradient_that_has_vanished_is_no_number():
    rows = [{"layer": "Conv2d", "rms": 1.0}, {"layer": "ReLU", "rms": 9}, {"layer": "Conv2d"}]
    rows[2]["rms"] = 0.25
    assert backprop.ratio([{"layers": rows}], "rms") == [4.0]
    rows[2]["rms"] = 0.0
    assert math.isnan(backprop.ratio([{"layers": rows}], "rms")[0])
