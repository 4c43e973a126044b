"""Schedules at known points, over a run, and with settings that make no sense."""

from __future__ import annotations

import math
from dataclasses import asdict

import pytest

from byhand import optim
from byhand.errors import InputError

# schedule, and its values at steps
KNOWN = [
    (optim.Constant(0.1), {0: 0.1, 1000: 0.1}),
    (optim.Step(0.01, 0.9, 500), {0: 0.01, 499: 0.01, 500: 0.009, 999: 0.009, 1000: 0.0081}),
    (optim.Exponential(1.0, 0.5), {0: 1.0, 1: 0.5, 10: 2**-10}),
    (optim.InverseTime(0.01, 1e-6), {0: 0.01, 2000: 0.01 / 1.002, 1_000_000: 0.005}),
    (optim.Cosine(0.2, 100), {0: 0.2, 50: 0.1, 100: 0.0, 150: 0.0}),
    (optim.Cosine(0.2, 100, final=0.1), {0: 0.2, 50: 0.15, 100: 0.1, 10**6: 0.1}),
    (optim.Cosine(1.0, 3), {1: 0.75, 2: 0.25}),
    (
        optim.OneCycle(1.0, 101, warm=51 / 101),
        {0: 0.04, 25: 0.52, 50: 1.0, 75: 0.500002, 100: 4e-6, 200: 4e-6},
    ),
    (optim.OneCycle(1.0, 10, warm=0.1), {0: 1.0, 9: 4e-6}),  # the warm-up has no length
    (optim.OneCycle(1.0, 10, warm=0.0), {9: 4e-6}),
    (optim.OneCycle(1.0, 1, warm=1.0), {0: 1.0}),
    (optim.OneCycle(1.0, 1), {0: 4e-6}),
    (optim.WarmUp(optim.Constant(0.1), 5), {0: 0.02, 1: 0.04, 4: 0.1, 5: 0.1, 100: 0.1}),
    (optim.WarmUp(optim.Constant(0.1), 1), {0: 0.1}),
    (optim.WarmUp(optim.Cosine(0.2, 100), 10), {0: 0.02, 50: 0.1, 100: 0.0}),
]


@pytest.mark.parametrize(("schedule", "values"), KNOWN, ids=[repr(s) for s, _ in KNOWN])
def test_a_schedule_has_its_known_values(schedule, values):
    for step, value in values.items():
        assert schedule(step) == pytest.approx(value, rel=1e-12, abs=1e-15), step
        assert type(schedule(step)) is float


@pytest.mark.parametrize("schedule", [s for s, _ in KNOWN], ids=repr)
def test_a_schedule_is_pure_and_is_its_fields(schedule):
    values = [schedule(step) for step in range(200)]
    assert [schedule(step) for step in reversed(range(200))] == values[::-1]
    assert all(math.isfinite(v) and v >= 0 for v in values)
    assert eval(repr(schedule), vars(optim)) == schedule
    if not isinstance(schedule, optim.WarmUp):
        assert optim.SCHEDULES[type(schedule).__name__](**asdict(schedule)) == schedule


def test_over_fills_in_the_length_of_the_run_and_nothing_else():
    assert optim.Cosine(0.1).over(50) == optim.Cosine(0.1, 50)
    assert optim.Cosine(0.1, 20).over(50) == optim.Cosine(0.1, 20)
    assert optim.OneCycle(0.1).over(50) == optim.OneCycle(0.1, 50)
    assert optim.OneCycle(0.1, 20).over(50) == optim.OneCycle(0.1, 20)
    assert optim.WarmUp(optim.Cosine(0.1), 5).over(50) == optim.WarmUp(optim.Cosine(0.1, 50), 5)
    for schedule in (optim.Constant(0.1), optim.Step(0.1, 0.5, 3), optim.InverseTime(0.1, 1e-3)):
        assert schedule.over(50) is schedule


def test_a_schedule_of_unknown_length_says_how_to_give_it():
    for schedule in (optim.Cosine(0.1), optim.OneCycle(0.1), optim.WarmUp(optim.Cosine(0.1), 2)):
        with pytest.raises(InputError, match=r"call over\(total_steps\), or give steps"):
            schedule(0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: optim.Constant(-0.1),
            "Constant's rate is -0.1, but it must be a number of at least 0",
        ),
        (lambda: optim.Constant(float("nan")), "Constant's rate is nan"),
        (lambda: optim.Step(0.1, 0, 5), "Step's factor is 0"),
        (
            lambda: optim.Step(0.1, 0.5, 0),
            "Step's every is 0, but it must be a whole number from 1 up",
        ),
        (lambda: optim.Step(0.1, 0.5, 2.5), "Step's every is 2.5"),
        (lambda: optim.Exponential(0.1, -1), "Exponential's factor is -1"),
        (lambda: optim.InverseTime(0.1, -1e-6), "InverseTime's decay is -1e-06"),
        (
            lambda: optim.Cosine(0.1, 0),
            "Cosine's steps is 0, but it must be a whole number from 1 up",
        ),
        (lambda: optim.Cosine(0.1, 10, -1), "Cosine's final is -1"),
        (lambda: optim.OneCycle(0.1, warm=1.5), "OneCycle's warm is 1.5"),
        (lambda: optim.OneCycle(0.1, start_ratio=0), "OneCycle's start_ratio is 0"),
        (lambda: optim.WarmUp(optim.Constant(0.1), 0), "WarmUp's steps is 0"),
        (lambda: optim.WarmUp(0.1, 10), "WarmUp's schedule is 0.1, but .* another schedule"),
    ],
)
def test_a_setting_that_makes_no_sense_is_an_error_that_names_it(make, message):
    with pytest.raises(InputError, match=message):
        make()
