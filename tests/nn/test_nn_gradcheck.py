"""gradcheck finds gradients that are wrong, and says where and by how much."""

from __future__ import annotations

import numpy as np
import pytest

from byhand import nn


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


def test_places_on_a_kink_are_left_out_and_counted():
    """Max pooling of a picture that is black but for one pixel: most of its windows tie."""
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, 1, 2] = 1.0
    report = nn.gradcheck(nn.MaxPool2d(2), x)
    (comparison,) = report.comparisons
    assert report
    assert comparison.kinks == 12  # the three windows that are all black
    assert comparison.checked == 4
    assert "12 more on a kink" in str(report)


def test_a_wrong_gradient_is_no_kink():
    class Wrong(nn.Layer):
        def forward(self, x, train=False, key=None):
            return np.abs(x), x

        def backward(self, dy, cache, grads, need_dx=True):
            return dy

    report = nn.gradcheck(Wrong(), np.array([[-1.0, 2.0, 0.0]]))
    assert not report
    assert report.comparisons[0].kinks == 1
    assert report.comparisons[0].where == (0, 0)
