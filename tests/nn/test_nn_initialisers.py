"""Where parameters start: the deviation and the bounds that each initialiser promises."""

from __future__ import annotations

import math

import numpy as np
import pytest

from byhand import nn
from byhand.errors import InputError

CONV, LINEAR = (60, 50, 3, 3), (250, 200)  # fan in 450 and 200, fan out 540 and 250
DEVIATIONS = [
    (nn.He(), CONV, math.sqrt(2 / 450)),
    (nn.He(), LINEAR, math.sqrt(2 / 200)),
    (nn.He(uniform=True), CONV, math.sqrt(2 / 450)),
    (nn.Xavier(), CONV, math.sqrt(2 / 990)),
    (nn.Xavier(), LINEAR, math.sqrt(2 / 450)),
    (nn.Xavier(uniform=True), LINEAR, math.sqrt(2 / 450)),
    (nn.Normal(0.01), CONV, 0.01),
    (nn.Normal(2), (20000,), 2),
    (nn.Uniform(-1, 1), CONV, 2 / math.sqrt(12)),
    (nn.Uniform(-0.5, 0.5), (20000,), 1 / math.sqrt(12)),
]


@pytest.mark.parametrize(("init", "shape", "deviation"), DEVIATIONS)
def test_values_have_mean_zero_and_the_promised_deviation(init, shape, deviation):
    values = init.draw(shape, np.random.default_rng(0))
    assert values.shape == shape
    assert values.dtype == np.float64
    assert abs(values.mean()) < 4 * deviation / math.sqrt(values.size)
    assert values.std() == pytest.approx(deviation, rel=0.02)
    assert np.array_equal(values, init.draw(shape, np.random.default_rng(0)))


@pytest.mark.parametrize("init", [nn.He(), nn.Xavier(), nn.Normal(0.3)])
def test_normal_values_are_normal(init):
    values = init.draw(LINEAR, np.random.default_rng(0))
    share = (np.abs(values) < values.std()).mean()
    assert share == pytest.approx(math.erf(1 / math.sqrt(2)), abs=0.01)


@pytest.mark.parametrize(
    ("init", "bounds"),
    [
        (nn.He(uniform=True), (-math.sqrt(6 / 200), math.sqrt(6 / 200))),
        (nn.Xavier(uniform=True), (-math.sqrt(6 / 450), math.sqrt(6 / 450))),
        (nn.Uniform(-1, 1), (-1, 1)),
        (nn.Uniform(2, 5), (2, 5)),
    ],
)
def test_uniform_values_fill_their_bounds(init, bounds):
    values = init.draw(LINEAR, np.random.default_rng(0))
    low, high = bounds
    assert low <= values.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < values.max() <= high
    quarters = np.histogram(values, 4, bounds)[0] / values.size
    np.testing.assert_allclose(quarters, 0.25, atol=0.01)


def test_zeros_and_constants_are_what_they_say():
    rng = np.random.default_rng(0)
    assert not nn.Zeros().draw((3, 2), rng).any()
    assert (nn.Constant(-1.5).draw((3, 2), rng) == -1.5).all()
    # and draw nothing
    assert rng.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize("init", [nn.He(), nn.Xavier()])
def test_a_vector_has_no_fan_in(init):
    with pytest.raises(InputError, match=r"\(7,\) has no fan-in; use"):
        init.draw((7,), np.random.default_rng(0))


def test_layers_start_as_he_et_al_with_zero_biases_unless_told_otherwise():
    model = nn.Sequential(
        nn.Conv2d(3, 64, 5), nn.Linear(200, 150), nn.Linear(9, 9, bias_init=nn.Constant(1))
    ).init(np.random.default_rng(0))
    values = model.parameters()
    assert values["0.weight"].std() == pytest.approx(math.sqrt(2 / 75), rel=0.05)
    assert values["1.weight"].std() == pytest.approx(math.sqrt(2 / 200), rel=0.05)
    assert not values["0.bias"].any()
    assert not values["1.bias"].any()
    assert (values["2.bias"] == 1).all()
