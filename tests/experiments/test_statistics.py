"""What several seeds allow to be said: means, deviations, paired differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from byhand.experiments import difference, say
from byhand.experiments.lab.statistics import counted, deviation, mean


def test_mean_and_deviation_leave_out_what_is_no_number():
    assert mean([1.0, None, 3.0, math.nan]) == 2.0
    assert deviation([1.0, None, 3.0]) == pytest.approx(math.sqrt(2))
    assert math.isnan(mean([None]))
    assert math.isnan(deviation([1.0]))


def test_a_mean_is_said_with_its_deviation_and_unit():
    assert say([0.98, 0.99]).replace("\u00a0", " ") == "98.50 ± 0.71 %"
    assert say([0.0712, 0.0734], 4, percent=False).replace("\u00a0", " ") == "0.0723 ± 0.0016"
    assert say([0.5]).replace("\u00a0", " ") == "50.00 %"
    assert say([None]) == "–"


def test_the_interval_of_a_difference_is_that_of_the_paired_t_test():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.98, 0.01, 7), rng.normal(0.985, 0.01, 7)
    found = difference(a, b)
    low, high = stats.ttest_rel(b, a).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.n == 7


def test_the_sign_is_told_only_where_the_interval_leaves_out_zero():
    noise = np.array([0.0, 0.001, -0.001, 0.0005])
    a = np.full(4, 0.9)
    assert difference(a, a + 0.01 + noise).sign == 1
    assert difference(a, a - 0.01 + noise).sign == -1
    assert difference(a, a + noise).sign == 0


def test_one_seed_tells_nothing():
    one = difference([0.9], [0.95])
    assert one.sign == 0
    assert one.mean == pytest.approx(0.05)
    assert "one seed" in one.say()


def test_pairs_with_a_run_that_diverged_are_left_out():
    found = difference([0.9, None, 0.9, 0.9], [0.91, 0.5, 0.92, 0.93])
    assert found.n == 3
    assert found.mean == pytest.approx(0.02)


def test_a_difference_is_said_in_points_with_a_true_minus():
    said = difference([0.99, 0.98], [0.98, 0.96]).say()
    assert said.startswith("−1.50 points (95\u00a0% interval ")
    assert "-" not in said


def test_two_seeds_that_agree_by_chance_tell_nothing():
    assert difference([0.5, 0.6], [0.75, 0.85]).sign == 0
    three = difference([0.5, 0.25, 0.5], [0.75, 0.5, 0.75])
    assert (three.is_more, three.is_less) == (True, False)
    assert difference([0.75, 0.5, 0.75], [0.5, 0.25, 0.5]).is_less is True
    assert difference([0.5], [0.25]).is_less is None


def test_where_no_pair_is_left_that_is_said():
    assert difference([None], [0.5]).say() == "no two runs to compare"


def test_things_are_counted():
    assert (counted(1, "seed"), counted(0, "seed"), counted(1024, "picture")) == (
        "1 seed", "0 seeds", "1,024 pictures",
    )  # fmt: skip
