"""inspect finds what a model is made of, and what one picture does in it, forward and back."""

from __future__ import annotations

import math

import numpy as np
import pytest

from byhand import nn
from byhand.errors import ByhandError
from byhand.evaluation import inspect


def made(*layers, image_shape=(1, 12, 12), classes="0123456789"):
    model = nn.Sequential(*layers).init(np.random.default_rng(0))
    model.card = nn.ModelCard(image_shape=image_shape, classes=tuple(classes))
    return model


def convolutional():
    return made(nn.Conv2d(1, 3, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(48, 10))


PICTURE = np.random.default_rng(2).integers(0, 256, (12, 12), dtype=np.uint8)


def test_without_a_picture_it_says_what_the_weights_are():
    model = convolutional()
    weight = model.parameters()["0.weight"]
    weight[0, 0] = np.where(np.arange(5) < 2, 1, -1)  # ink at the left, paper at the right
    weight[1, 0] = 0.5
    found = inspect(model)
    assert [kernel.text for kernel in found.kernels[:2]] == ["right edge", "blob"]
    assert found.norms["0.weight"] == pytest.approx(np.linalg.norm(weight))
    assert found.table.parameters == model.flat.size
    assert (found.seen, found.label, found.passes) == (None, None, ())
    assert math.isnan(found.loss)


def test_with_a_picture_it_shows_gradients_and_what_is_kept():
    model = convolutional()
    found = inspect(model, PICTURE, 3)
    trace = nn.trace(model, PICTURE[None, None].astype(np.float32) / 255, np.array([3]))
    assert found.loss == pytest.approx(trace.loss)
    assert [(p.name, p.kind) for p in found.passes] == [(t.name, t.kind) for t in trace]
    assert found.passes[0].arrives == pytest.approx(np.linalg.norm(trace["0"].dy), rel=1e-5)
    weight = np.linalg.norm(trace["4"].grads["weight"])
    assert found.passes[4].gradients["weight"] == pytest.approx(weight, rel=1e-5)
    assert [part.what for part in found.passes[1].kept] == ["mask"]
    assert found.seen.picture.shape == (1, 12, 12)
    assert found.label == 3


@pytest.mark.parametrize("label", [None, 10, -1])
def test_without_a_class_of_the_model_there_is_no_way_back(label):
    found = inspect(convolutional(), PICTURE, label)
    assert found.seen is not None
    assert (found.label, found.passes) == (None, ())


def test_rows_of_a_linear_layer_are_no_kernels():
    found = inspect(made(nn.Flatten(), nn.Linear(144, 10)), PICTURE, 0)
    assert found.filters.shape == (10, 1, 12, 12)
    assert found.kernels == ()


def test_weights_that_are_not_finite_are_not_described():
    model = convolutional()
    model.parameters()["0.weight"][0] = np.nan
    assert inspect(model).kernels == ()


def test_a_picture_goes_through_the_model_once(monkeypatch):
    traced = []
    trace = nn.trace
    monkeypatch.setattr(nn, "trace", lambda *given: traced.append(trace(*given)) or traced[-1])
    inspect(convolutional(), PICTURE, 3)
    assert len(traced) == 1


@pytest.mark.parametrize("weight", [np.nan, np.inf, 1e38])
def test_a_model_whose_outputs_are_not_finite_is_told_of(weight):
    model = made(nn.Flatten(), nn.Linear(144, 10))
    model.flat[:] = weight
    with pytest.raises(ByhandError, match="not finite"):
        inspect(model, np.ones((12, 12), np.float32), 3)
