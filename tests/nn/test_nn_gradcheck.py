"""gradcheck finds gradients that are wrong, and says where and by how much."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from byhand import nn
from byhand.errors import InputError


class Scale(nn.Layer):
    """y = factor * x, with a backward that `spoil` may falsify."""

    def __init__(self, spoil=lambda dx, dfactor: None):
        self.spoil = spoil
        self.factor = nn.Param((4,), nn.Normal(1))

    def forward(self, x, train=False, key=None):
        return x * self.factor.value, x

    def backward(self, dy, cache, grads, need_dx=True):
        dx, dfactor = dy * self.factor.value, (dy * cache).sum(axis=0)
        self.spoil(dx, dfactor)
        grads["factor"] += dfactor
        return dx


X = np.random.default_rng(5).standard_normal((3, 4))


def checked(spoil=lambda dx, dfactor: None, **how):
    return nn.gradcheck(Scale(spoil).init(np.random.default_rng(0)), X, **how)


def test_right_gradients_pass():
    report = checked()
    assert report
    assert report.ok
    assert [c.name for c in report.comparisons] == ["x", "factor"]
    assert [c.checked for c in report.comparisons] == [12, 4]
    assert "BAD" not in str(report)


def test_a_wrong_input_gradient_is_found_with_its_place_and_size():
    def spoil(dx, dfactor):
        dx[1, 2] += 0.25

    report = checked(spoil)
    assert not report
    x, factor = report.comparisons
    assert x.where == (1, 2)
    assert x.backward - x.numeric == pytest.approx(0.25, rel=1e-6)
    assert factor.difference < 1e-8
    bad, good = str(report).splitlines()
    assert bad.startswith("BAD dx: 12 places, worst at (1, 2)")
    assert good.startswith("ok  dfactor")


def test_a_wrong_parameter_gradient_is_found_with_its_place():
    def spoil(dx, dfactor):
        dfactor[3] *= 1.001

    report = checked(spoil)
    assert not report
    assert report.comparisons[1].where == (3,)
    assert report.comparisons[0].difference < 1e-8


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", [(0, 0), (1, 2), (2, 3)])
def test_a_gradient_that_is_no_number_is_found(where, value):
    def spoil(dx, dfactor):
        dx[where] = value

    report = checked(spoil)
    assert not report
    assert report.comparisons[0].where == where
    assert "BAD dx" in str(report)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda dx, dfactor: np.copyto(dx, -dx),
        lambda dx, dfactor: np.copyto(dx, dx[::-1].copy()),
        lambda dx, dfactor: np.copyto(dx, 0),
        lambda dx, dfactor: np.copyto(dfactor, dfactor / 3),  # a mean in place of a sum
    ],
)
def test_wrong_signs_orders_and_factors_are_found(spoil):
    assert not checked(spoil)


def test_the_tolerance_and_the_number_of_places_are_the_callers():
    def spoil(dx, dfactor):
        dx += 1e-4

    assert not checked(spoil)
    assert checked(spoil, tolerance=1e-3)
    assert [c.checked for c in checked(places=3).comparisons] == [3, 3]


def test_it_says_the_same_twice_and_leaves_model_and_input_alone():
    model, x = Scale().init(np.random.default_rng(0)), X.copy()
    before = model.flat.copy()
    assert nn.gradcheck(model, x) == nn.gradcheck(model, x)
    assert model.flat.dtype == np.float32
    assert np.array_equal(model.flat, before)
    assert np.array_equal(x, X)


def test_it_finds_a_wrong_layer_deep_inside_a_model():
    def spoil(dx, dfactor):
        dfactor[2] += 1e-3

    model = nn.Sequential(
        nn.Linear(4, 4), nn.Residual(nn.Sequential(nn.Tanh(), Scale(spoil))), nn.Softmax()
    ).init(np.random.default_rng(0))
    report = nn.gradcheck(model, X, train=True)
    wrong = [c for c in report.comparisons if c.difference > report.tolerance]
    assert [(c.name, c.where) for c in wrong] == [("1.body.1.factor", (2,))]


def test_it_sees_through_training_with_dropout_and_batch_norm():
    model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 3))
    report = nn.gradcheck(model.init(np.random.default_rng(0)), X, train=True, key=nn.Key(1))
    assert report, f"\n{report}"


def test_places_on_a_kink_are_checked_at_a_point_nearby_and_counted():
    """Max pooling of a picture that is black but for one pixel: most of its windows tie."""
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, 1, 2] = 1.0
    report = nn.gradcheck(nn.MaxPool2d(2), x)
    (comparison,) = report.comparisons
    assert report
    assert comparison.nearby == 12  # the three windows that are all black
    assert (comparison.checked, comparison.kinks) == (16, 0)
    assert "12 of them nearby, off a kink" in str(report)


class Pass(nn.Layer):
    """A layer of one function on each value; `slope` is what its backward takes for the slope."""

    def __init__(self, value, slope):
        self.value, self.slope = value, slope

    def forward(self, x, train=False, key=None):
        return self.value(x), x

    def backward(self, dy, cache, grads, need_dx=True):
        return dy * self.slope(cache)


def test_a_wrong_gradient_is_no_kink():
    report = nn.gradcheck(Pass(np.abs, np.ones_like), np.array([[-1.0, 2.0, 0.0]]))
    assert not report
    assert report.comparisons[0].nearby == 1
    assert "BAD dx" in str(report)


@pytest.mark.parametrize("factor", [1.0001, 1.000001, 0.9999])
@pytest.mark.parametrize("scale", [1, 255])
def test_a_slightly_wrong_gradient_of_a_smooth_function_is_no_kink(factor, scale):
    x = scale * X
    assert nn.gradcheck(Pass(lambda x: x**3, lambda x: 3 * x * x), x)
    report = nn.gradcheck(Pass(lambda x: x**3, lambda x: factor * 3 * x * x), x)
    assert not report
    assert report.comparisons[0].kinks == report.comparisons[0].nearby == 0
    assert report.comparisons[0].difference == pytest.approx(abs(factor - 1), rel=0.05)


def test_a_wrong_gradient_is_found_where_all_the_picture_is_a_kink():
    def relu(x):
        return np.maximum(x, 0)

    blank = np.zeros((2, 1, 4, 4))
    assert not nn.gradcheck(Pass(relu, lambda x: np.full_like(x, 7)), blank)
    report = nn.gradcheck(Pass(relu, lambda x: (x > 0).astype(float)), blank)
    assert report
    assert report.comparisons[0].nearby == 32


def test_what_could_not_be_checked_is_neither_ok_nor_bad(monkeypatch):
    monkeypatch.setattr(importlib.import_module("byhand.nn.gradcheck"), "NEARBY", 0.0)
    report = nn.gradcheck(Pass(np.abs, np.ones_like), 0 * X)
    (comparison,) = report.comparisons
    assert not report
    assert comparison.checked == 0
    assert str(report).startswith("not checked dx: 12 places, all on a kink")
    empty = nn.gradcheck(nn.ReLU().init(np.random.default_rng(0)), np.zeros((0, 3)))
    assert not empty
    assert str(empty) == "not checked dx: 0 places, there is nothing to check"


@pytest.mark.parametrize("images", ["whole numbers", "between", "blank"])
def test_right_layers_pass_on_pictures_of_0_to_255(images):
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 255, (16, 1, 12, 12)) * (images != "blank")
    x = x.round() if images == "whole numbers" else x
    model = nn.Sequential(
        nn.AvgPool2d(2), nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(12, 4),
    ).init(rng)  # fmt: skip
    for layer in (nn.AvgPool2d(2), nn.MaxPool2d(2), nn.GELU(), nn.Tanh(), model):
        report = nn.gradcheck(layer, x, places=20)
        assert report, f"\n{report}"
        assert all(c.checked == min(20, c.checked + c.kinks) > 0 for c in report.comparisons)


class Noisy(nn.Layer):
    """Its forward draws without a key."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def forward(self, x, train=False, key=None):
        return x + self.rng.standard_normal(x.shape), None

    def backward(self, dy, cache, grads, need_dx=True):
        return dy


def test_a_forward_that_is_random_is_no_function():
    for model in (Noisy(), nn.Sequential(nn.ReLU(), Noisy())):
        report = nn.gradcheck(model.init(np.random.default_rng(0)), X)
        assert not report
        assert "gives another output the second time" in str(report)


def test_a_forward_in_another_float_type_is_told():
    report = nn.gradcheck(Pass(lambda x: x.astype(np.float32), np.ones_like), X)
    assert not report
    assert "gives float32 for float64" in str(report)


def test_what_is_assigned_to_a_gradient_is_what_is_checked():
    class Assigned(Scale):
        def backward(self, dy, cache, grads, need_dx=True):
            grads["factor"] = (dy * cache).sum(axis=0)
            return dy * self.factor.value

    assert nn.gradcheck(Assigned().init(np.random.default_rng(0)), X)


@pytest.mark.parametrize(
    "how",
    [{"rng": 0}, {"eps": 0}, {"eps": "x"}, {"tolerance": -1}, {"places": 0}, {"places": 2.5}],
)
def test_an_argument_that_makes_no_sense_is_named(how):
    with pytest.raises(InputError, match=next(iter(how))):
        checked(**how)
