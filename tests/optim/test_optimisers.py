"""One table of optimisers against one table of test problems, and what all of them promise."""

from __future__ import annotations

import tracemalloc
from dataclasses import FrozenInstanceError, asdict, fields

import numpy as np
import pytest

from byhand import optim
from byhand.errors import InputError, ShapeError

# Each optimiser with the learning rates that suit the problems below, in their order.
CASES = [
    (optim.SGD(), (0.05, 1e-3)),
    (optim.SGD(momentum=0.9), (0.02, 2e-4)),
    (optim.SGD(momentum=0.9, dampening=0.5), (0.02, 4e-4)),
    (optim.SGD(momentum=0.9, nesterov=True), (0.02, 2e-4)),
    (optim.AdaGrad(), (1.0, 0.3)),
    (optim.RMSProp(), (0.01, 1e-3)),
    (optim.RMSProp(momentum=0.9), (1e-3, 2e-4)),
    (optim.Adam(), (0.05, 0.01)),
    (optim.AdamW(weight_decay=0.0), (0.05, 0.01)),
]
ALL = [case[0] for case in CASES] + [
    optim.SGD(weight_decay=0.1),
    optim.SGD(momentum=0.8, weight_decay=0.1),
    optim.SGD(momentum=0.8, nesterov=True, weight_decay=0.1),
    optim.AdaGrad(weight_decay=0.1),
    optim.RMSProp(momentum=0.5, weight_decay=0.1),
    optim.Adam(weight_decay=0.1),
    optim.AdamW(weight_decay=0.1),
]
every = pytest.mark.parametrize("optimiser", ALL, ids=repr)


def quadratic(w):
    """A bowl 20 times as steep one way as the other, its bottom at (1, -2)."""
    steep = np.array([1.0, 20.0])
    away = w - np.array([1.0, -2.0])
    return 0.5 * float(steep @ away**2), steep * away


def rosenbrock(w):
    """A bent valley with the lowest point at (1, 1)."""
    x, y = w
    slope = y - x * x
    return float((1 - x) ** 2 + 100 * slope**2), np.array(
        [-2 * (1 - x) - 400 * x * slope, 200 * slope]
    )


# problem, start, steps, what the loss must fall below
PROBLEMS = [
    (quadratic, (-3.0, 3.0), 1000, 1e-3),
    (rosenbrock, (-1.2, 1.0), 5000, 0.1),
]


def descend(optimiser, problem, start, steps, rate):
    w = np.array(start)
    state = optimiser.new_state(w)
    for _ in range(steps):
        optimiser.step(w, problem(w)[1], state, rate)
    return problem(w)[0]


def gradients(seed, steps, n=50, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((steps, n)).astype(dtype)


@pytest.mark.parametrize("which", range(len(PROBLEMS)), ids=[p[0].__name__ for p in PROBLEMS])
@pytest.mark.parametrize(("optimiser", "rates"), CASES, ids=[repr(c[0]) for c in CASES])
def test_an_optimiser_solves_a_problem(optimiser, rates, which):
    problem, start, steps, below = PROBLEMS[which]
    assert descend(optimiser, problem, start, steps, rates[which]) < below


@every
def test_a_step_changes_parameters_in_place_and_leaves_the_gradient(optimiser):
    w, (g,) = np.ones(50, np.float32), gradients(0, 1, dtype=np.float32)
    before, kept = w.copy(), g.copy()
    state = optimiser.new_state(w)
    optimiser.step(w, g, state, 0.1)
    assert np.all(w[g != 0] != before[g != 0])
    assert np.array_equal(g, kept)
    assert state.step == 1
    assert w.dtype == np.float32
    assert all(a.dtype == np.float32 and a.shape == w.shape for a in state.arrays.values())


@every
def test_a_step_takes_numpy_learning_rates_without_changing_the_type(optimiser):
    one, other = np.ones(50, np.float32), np.ones(50, np.float32)
    (g,) = gradients(1, 1, dtype=np.float32)
    optimiser.step(one, g, optimiser.new_state(one), 0.1)
    optimiser.step(other, g, optimiser.new_state(other), np.float64(0.1))
    assert np.array_equal(one, other)


@every
def test_no_step_allocates_a_vector(optimiser):
    n = 100_000
    w, g = np.ones(n, np.float32), np.full(n, 0.1, np.float32)
    state = optimiser.new_state(w)
    optimiser.step(w, g, state, 0.1)
    tracemalloc.start()
    try:
        for _ in range(3):
            optimiser.step(w, g, state, 0.1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < n  # a float32 vector has 4n bytes, a vector of truth values n


@every
def test_a_restored_state_goes_on_bit_for_bit(optimiser):
    steps = gradients(2, 20, dtype=np.float32)
    w = np.ones(50, np.float32)
    state = optimiser.new_state(w)
    for g in steps[:7]:
        optimiser.step(w, g, state, 0.01)
    later_w = w.copy()
    later = optimiser.restored(later_w, {k: v.copy() for k, v in state.arrays.items()}, state.step)
    for g in steps[7:]:
        optimiser.step(w, g, state, 0.01)
        optimiser.step(later_w, g, later, 0.01)
    assert np.array_equal(w, later_w)
    assert later.step == state.step == 20
    for name, values in state.arrays.items():
        assert np.array_equal(values, later.arrays[name])


@every
def test_an_optimiser_is_its_fields(optimiser):
    same = optim.OPTIMISERS[type(optimiser).__name__](**asdict(optimiser))
    assert same == optimiser
    assert hash(same) == hash(optimiser)
    assert eval(repr(optimiser), vars(optim)) == optimiser
    with pytest.raises(FrozenInstanceError):
        setattr(optimiser, fields(optimiser)[0].name, 0.5)


def test_weight_decay_is_that_of_the_loss_but_adamw_shrinks_the_weights():
    (g,) = gradients(3, 1)
    for cls in (optim.SGD, optim.AdaGrad, optim.RMSProp, optim.Adam):
        decayed, added = np.full(50, 2.0), np.full(50, 2.0)
        cls(weight_decay=0.3).step(decayed, g, cls().new_state(decayed), 0.1)
        cls().step(added, g + 0.3 * 2.0, cls().new_state(added), 0.1)
        np.testing.assert_allclose(decayed, added, rtol=1e-14)
    shrunk, plain = np.full(50, 2.0), np.full(50, 2.0 * (1 - 0.1 * 0.3))
    optim.AdamW(weight_decay=0.3).step(shrunk, g, optim.AdamW().new_state(shrunk), 0.1)
    optim.Adam().step(plain, g, optim.Adam().new_state(plain), 0.1)
    assert np.array_equal(shrunk, plain)


def test_adams_first_step_is_the_learning_rate_whatever_the_gradients_size():
    for size in (1e-3, 1.0, 1e3):
        w = np.zeros(2)
        optim.Adam().step(w, np.array([size, -size]), optim.Adam().new_state(w), 0.1)
        np.testing.assert_allclose(w, [-0.1, 0.1], rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.SGD(momentum=1.0), r"SGD's momentum is 1\.0, but .* at least 0 and less"),
        (lambda: optim.SGD(momentum=-0.1), "SGD's momentum is -0.1"),
        (lambda: optim.SGD(nesterov=True), "needs a momentum above 0"),
        (lambda: optim.SGD(0.9, nesterov=True, dampening=0.5), "no dampening"),
        (lambda: optim.SGD(dampening=1.5), "SGD's dampening is 1.5, but .* at most 1"),
        (lambda: optim.SGD(weight_decay=-1e-4), "SGD's weight_decay is -0.0001"),
        (lambda: optim.SGD(weight_decay=float("inf")), "weight_decay is inf.* at most 1e\\+06"),
        (
            lambda: optim.AdaGrad(eps=0),
            "AdaGrad's eps is 0, but it must be a number of at least 1e-30",
        ),
        (lambda: optim.AdaGrad(weight_decay=-1), "AdaGrad's weight_decay is -1"),
        (lambda: optim.RMSProp(alpha=1), "RMSProp's alpha is 1"),
        (lambda: optim.RMSProp(eps=float("nan")), "RMSProp's eps is nan"),
        (lambda: optim.RMSProp(momentum=2), "RMSProp's momentum is 2"),
        (lambda: optim.Adam(beta1=1), "Adam's beta1 is 1"),
        (lambda: optim.Adam(beta2=-0.5), "Adam's beta2 is -0.5"),
        (lambda: optim.Adam(eps="tiny"), "Adam's eps is 'tiny', but it must be a number"),
        (lambda: optim.AdamW(weight_decay=True), "AdamW's weight_decay is True"),
    ],
)
def test_a_setting_out_of_range_is_an_error_that_names_it(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_gradient_of_another_shape_or_type_is_an_error():
    w = np.zeros(3, np.float32)
    state = optim.Adam().new_state(w)
    with pytest.raises(ShapeError, match=r"the gradient is float32 \(4,\) where the parameters"):
        optim.Adam().step(w, np.zeros(4, np.float32), state, 0.1)
    with pytest.raises(ShapeError, match="the gradient is float64"):
        optim.Adam().step(w, np.zeros(3), state, 0.1)
    with pytest.raises(ShapeError, match=r"the state's mean is float32 \(3,\)"):
        optim.Adam().step(np.zeros(4, np.float32), np.zeros(4, np.float32), state, 0.1)
    assert state.step == 0
    assert not w.any()


def test_a_state_of_another_optimiser_or_model_cannot_be_restored():
    w = np.zeros(3)
    with pytest.raises(InputError, match="holds velocity, but Adam carries mean, mean_square"):
        optim.Adam().restored(w, optim.SGD(momentum=0.9).new_state(w).arrays, 1)
    with pytest.raises(InputError, match="holds nothing, but AdaGrad carries sum_of_squares"):
        optim.AdaGrad().restored(w, {}, 1)
    with pytest.raises(ShapeError, match=r"velocity is float64 \(4,\)"):
        optim.SGD(momentum=0.9).restored(w, {"velocity": np.zeros(4)}, 1)
