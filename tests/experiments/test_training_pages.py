"""What the pages that train one network in several variants compute, and what they say of it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from byhand import kernels, models, nn
from byhand.experiments import initialisers, layer_order, optimisers, regularisation, schedules
from byhand.experiments.lab import train
from byhand.experiments.lab.statistics import Difference
from experiments.by_hand import record, told
from experiments.telling import verdict, verdicts

UP = Difference(0.1, 0.05, 0.15, 5)
DOWN = Difference(-0.1, -0.15, -0.05, 5)
UNCLEAR = Difference(0.0, -0.1, 0.1, 5)


# optimisers


def test_the_rate_is_that_of_the_highest_mean_and_of_equal_ones_the_lowest():
    assert optimisers.best((0.1, 0.2, 0.3), [[0.5, 0.7], [0.9, 0.5], [0.6, 0.6]]) == 0.2
    assert optimisers.best((0.1, 0.2, 0.3), [[0.1], [0.1], [0.1]]) == 0.1


def test_rates_that_work_are_next_to_each_other_around_the_best():
    rates = (1, 2, 3, 4, 5)
    assert optimisers.working(rates, [[0.95], [0.5], [0.94], [0.95], [0.93]]) == (1, 1)
    assert optimisers.working(rates, [[0.95], [0.5], [0.94], [0.96], [0.95]]) == (3, 5)
    assert optimisers.working(rates, [[0.1]] * 5) == (1, 5)


def optimisers_record(momentum_first, sgd_rows):
    rates = {"SGD": [0.1, 1.0], "momentum": [0.01, 0.1]}
    choosing = {"SGD": sgd_rows, "momentum": [[0.9, 0.91, 0.92], [0.1, 0.1, 0.11]]}
    return record(
        {"SGD": 0.95, "momentum": 0.97}, {"SGD": 0.6, "momentum": momentum_first},
        rates=rates, choosing=choosing, chosen={n: r[0] for n, r in rates.items()},
        short_epochs=2, short_pictures=9_000,
    )  # fmt: skip


def test_momentum_speeds_up_where_its_first_epoch_s_loss_is_lower(tmp_path):
    rows = [[0.8, 0.81, 0.82], [0.1, 0.1, 0.1]]
    for loss, holds in ((0.3, True), (0.9, False)):
        page = told(optimisers, optimisers_record(loss, rows), tmp_path)
        assert verdict(page, "Momentum") is holds


def test_the_rate_matters_most_where_any_optimiser_changes_more_by_it_than_by_another(tmp_path):
    for worst, holds in ((0.1, True), (0.79, False)):
        rows = [[0.8, 0.81, 0.82], [worst, worst + 0.01, worst + 0.02]]
        page = told(optimisers, optimisers_record(0.3, rows), tmp_path)
        assert verdict(page, "learning rate") is holds


def test_every_optimiser_is_given_as_many_rates_as_the_others():
    assert len({len(rates) for _, rates in optimisers.OPTIMISERS.values()}) == 1
    for _, rates in optimisers.OPTIMISERS.values():
        assert all(2.99 < b / a < 3.34 for a, b in pairwise(rates))


# initialisers


def test_a_drift_counts_doublings_from_the_first_to_the_last_hidden_layer():
    assert initialisers.drift([[1.0, 3.0, 8.0, 77.0], [4.0, 3.0, 1.0, 77.0]]) == [3.0, -2.0]
    assert initialisers.drift([[1.0, 0.0, 5.0]])[0] < -90  # nothing comes through: no warning


def test_a_histogram_is_of_shares_in_units_of_the_widest_layer():
    wide, narrow = np.tile([-2.0, 2.0], 50), np.tile([-0.2, 0.2, 0.0, 0.0], 25)
    counts = initialisers.histogram([narrow, wide])
    bins = len(initialisers.EDGES) - 1
    assert counts.shape == (2, bins)
    np.testing.assert_allclose(counts.sum(axis=1), 1)
    middle = bins // 2
    assert counts[0, middle] == 0.5  # the zeros; 0.2 of 2 is outside this bin
    assert counts[1, middle] == 0
    ones = np.digitize([-1.0, 1.0], initialisers.EDGES) - 1  # the unit is 2
    np.testing.assert_allclose(counts[1, ones], 0.5)
    assert np.isfinite(initialisers.histogram([np.zeros(4), np.zeros(4)])).all()


def test_a_fresh_network_fades_from_a_small_start_and_grows_from_a_large_one(lab, tmp_path):
    def drifts(start):
        recipe = train.task(initialisers._recipe(lab, start), 0).arguments["recipe"]
        found = initialisers.before(lab.splits, tmp_path, recipe, 0)
        assert found["layers"] == ["conv 0", "conv 3", "conv 6", "conv 8", "linear 11", "output"]
        assert found["counts"].shape == (6, len(initialisers.EDGES) - 1)
        return [initialisers.drift([found[what]])[0] for what in ("sizes", "gradients")]

    small, he, large = (drifts(start) for start in ("normal 0.01", "he", "normal 1"))
    assert small[0] < -5 < he[0] < 5 < large[0]  # outputs fade, stay, grow on the way forward
    assert large[1] < -5 < he[1] < 5 < small[1]  # and gradients on the way back


def initialisers_record(he, other, accuracy=0.5):
    """Outputs and gradients that double `he` or `other` times between the hidden layers."""
    names = list(initialisers.STARTS)
    rows = {
        way: [[1.0, 2.0 ** ((he if way == "He" else other) + s / 100), 1.0] for s in range(3)]
        for way in names
    }
    return record(
        dict.fromkeys(names, accuracy), layers=["conv 1", "linear 2", "output"], rate=0.02,
        sizes=rows, gradients=rows, counts=np.full((len(names), 3, 59), 1 / 59),
    )  # fmt: skip


def test_he_s_start_is_steadier_where_its_drift_is_the_least_either_way(tmp_path):
    for he, other, holds in ((0.5, 3, True), (0.5, -3, True), (-3, 0.5, False), (1, 1, None)):
        values = initialisers_record(he, other)
        if holds is None:
            rows = {way: [[1.0, 2.0 ** (d if way == "He" else -d), 1.0] for d in (-1, 1, 0.5)]
                    for way in values["variants"]}  # fmt: skip
            values["sizes"] = values["gradients"] = rows
        page = told(initialisers, values, tmp_path)
        assert verdict(page, "He's start", "activations") is holds
        assert verdict(page, "He's start", "gradients") is holds


def test_a_start_can_be_trained_from_where_every_run_leaves_chance(tmp_path):
    values = initialisers_record(0.5, 3)
    values["at_chance"][initialisers.SMALL] = 3
    values["diverged"][initialisers.LARGE] = 1
    page = told(initialisers, values, tmp_path)
    assert verdict(page, "trained from normal 0.01 ") is False
    assert verdict(page, "trained from uniform") is None
    assert "3 of 3 from normal 0.01 and 1 of 3 from uniform −1 to 1" in page.conclusions[-1]
    assert verdict(told(initialisers, initialisers_record(0.5, 3), tmp_path),
                   "trained from normal 0.01 ") is True  # fmt: skip


# regularisation


def regularisation_record(test, trained):
    found = record(
        {way: test.get(way, 0.9) for way in regularisation.VARIANTS},
        lengths={way: [3, 3, 3] for way in regularisation.VARIANTS},
    )
    plain = {way: [trained.get(way, 0.99)] * 3 for way in regularisation.VARIANTS}
    gap = regularisation.gaps(plain, found["test_accuracy"])
    return {**found, "train_accuracy": plain, "gap": gap}


def test_the_gap_is_training_less_test_accuracy():
    assert regularisation.gaps({"a": [1.0, 0.9]}, {"a": [0.75, 0.9]}) == {"a": [0.25, 0.0]}


def test_a_variant_lessens_overfitting_where_the_gap_narrows_and_it_reads_better(tmp_path):
    values = regularisation_record(
        {"dropout 0.25": 0.93, "dropout 0.5": 0.8, "weight decay 1": 0.93},
        {"dropout 0.5": 0.85, "weight decay 1": 1.05},
    )
    values["test_accuracy"]["batch norm"] = [0.88, 0.93, 0.9]
    page = told(regularisation, values, tmp_path)
    assert verdict(page, "Dropout 0.25") is True
    assert verdict(page, "Dropout 0.5") is False  # a narrow gap, but it reads worse
    assert verdict(page, "Weight decay 1 ") is False  # it reads better, but the gap is wider
    assert verdict(page, "Batch norm lessens") is None
    assert not any("stopping" in said or "moved" in said for said in verdicts(page))


def test_early_stopping_is_the_only_variant_that_chooses_its_epoch(lab):
    for way in regularisation.VARIANTS:
        recipe = regularisation._recipe(lab, way)
        assert (recipe.keep_best, recipe.patience is not None) == (way == "early stopping",) * 2


# schedules


@pytest.mark.parametrize("steps", [1, 7, 8_440])
def test_all_schedules_but_the_low_one_have_the_same_highest_rate(steps):
    for name, schedule in schedules.schedules(steps).items():
        highest = max(schedule(step) for step in range(steps))
        if name == schedules.LOW:
            assert highest < schedules.RATE
        elif steps > 100:
            assert highest == pytest.approx(schedules.RATE, rel=0.03), (
                name
            )  # WarmUp is under cosine
        assert highest <= schedules.RATE * (1 + 1e-12)


def test_the_step_schedule_of_a_run_as_long_as_the_study_s_is_the_study_s():
    step = schedules.schedules(8_440)[schedules.STEP]
    assert (step(499), step(500), step(8_439)) == pytest.approx((0.01, 0.009, 0.01 * 0.9**16))


def test_schedules_end_where_their_comments_say():
    found = schedules.schedules(1_000)
    assert found["exponential"](1_000) == pytest.approx(0.01 * schedules.RATE)
    assert found["inverse time"](1_000) == pytest.approx(0.1 * schedules.RATE)
    assert found["cosine"](1_000) == 0


def test_a_falling_rate_helps_where_it_reads_better_than_the_same_rate_held(tmp_path):
    names = list(schedules.schedules(10))
    drawn = {"at": [0, 9], "rates": {name: [0.01, 0.005] for name in names},
             "schedules": dict.fromkeys(names, "x"), "steps": 10}  # fmt: skip
    for step, holds in ((0.95, True), (0.85, False)):
        accuracy = {**dict.fromkeys(names, 0.9), schedules.STEP: step}
        page = told(schedules, record(accuracy, **drawn), tmp_path)
        assert verdict(page, "lowered by a tenth") is holds
        assert verdict(page, "Schedules help") is None  # cosine and low are the same here


# layer_order


def kinds(way):
    model = models.build("stack", np.random.default_rng(0), layers=layer_order.LAYERS[way])
    return [type(layer).__name__.rstrip("12d") for layer in model.layers]


@pytest.mark.parametrize("way", [layer_order.BOTH, *layer_order.OTHERS])
def test_the_hidden_layer_stands_in_the_order_that_its_name_says(way):
    said = {"FC": "Linear", "BN": "BatchNorm", "ReLU": "ReLU", "drop": "Dropout"}
    wanted = [said[word] for word in way.split("-")]
    found = kinds(way)
    start = found.index("Linear")
    assert found[start:-1] == wanted
    assert {"BatchNorm", "Dropout"}.isdisjoint(found[:start])


def test_batch_norm_stands_where_the_names_say():
    before, after, first = (kinds(way) for way in layer_order.LAYERS if way.startswith("BN "))
    assert all(before[i - 1] in ("Conv", "Linear") and before[i + 1] == "ReLU"
               for i, kind in enumerate(before) if kind == "BatchNorm")  # fmt: skip
    assert all(after[i - 1] == "ReLU" for i, kind in enumerate(after) if kind == "BatchNorm")
    assert before.count("BatchNorm") == after.count("BatchNorm") == 3
    assert first[0] == "BatchNorm"
    assert first.count("BatchNorm") == 1


def test_dropout_before_and_after_relu_is_the_same_function():
    x = np.random.default_rng(0).standard_normal((5, 40)).astype(np.float32)
    drop, relu, key = nn.Dropout(0.25), nn.ReLU(), nn.Key(3, 4)
    early = relu.forward(drop.forward(x, True, key)[0], True)[0]
    late = drop.forward(relu.forward(x, True)[0], True, key)[0]
    np.testing.assert_array_equal(kernels.as_numpy(early), kernels.as_numpy(late))
    assert 0 < (early == 0).sum() < early.size


@pytest.mark.parametrize(
    ("alone", "holds"),
    [
        ((UP, DOWN), True), ((UP, UNCLEAR), True), ((DOWN, DOWN), False),
        ((UNCLEAR, DOWN), None), ((UNCLEAR, UNCLEAR), None),
    ],
)  # fmt: skip
def test_two_things_are_not_to_be_had_together_where_one_alone_reads_better(alone, holds):
    assert layer_order.unless_worse(alone) is holds


def test_the_advice_is_judged_by_who_reads_better(tmp_path):
    accuracy = dict.fromkeys(layer_order.LAYERS, 0.9)
    accuracy |= {layer_order.NORM: 0.95, layer_order.NORM_FIRST: 0.92, layer_order.DROP_CONV: 0.8,
                 layer_order.BOTH: 0.93, layer_order.OTHERS[1]: 0.94}  # fmt: skip
    page = told(layer_order, record(accuracy, {layer_order.NORM: 0.4}), tmp_path)
    assert verdict(page, "begins with a convolution") is False
    assert verdict(page, "converge") is True
    assert verdict(page, "before ReLU") is True
    assert verdict(page, "With batch norm") is True
    assert verdict(page, "With dropout") is None
    assert verdict(page, "among the convolutions") is True
    assert verdict(page, "not used together") is False
    assert verdict(page, "Where they are") is False
    assert "bear out 4, contradict 3 and do not settle 1" in page.conclusions[-1]


@pytest.mark.parametrize(
    ("among", "drop", "holds"), [(0.8, 0.9, True), (0.93, 0.95, False), (0.9, 0.95, None)]
)
def test_dropout_among_convolutions_must_read_worse_than_none_too(among, drop, holds, tmp_path):
    accuracy = dict.fromkeys(layer_order.LAYERS, 0.9)
    accuracy |= {layer_order.DROP: drop, layer_order.DROP_CONV: among}
    page = told(layer_order, record(accuracy), tmp_path)
    assert verdict(page, "among the convolutions") is holds


def test_every_difference_of_orders_says_which_is_taken_from_which(tmp_path):
    accuracy = dict.fromkeys(layer_order.LAYERS, 0.9)
    accuracy |= {layer_order.BOTH: 0.93, layer_order.DROP: 0.95}
    page = told(layer_order, record(accuracy), tmp_path)
    (together,) = [c.evidence for c in page.claims if "not used together" in c.statement]
    (order,) = [c.evidence for c in page.claims if "Where they are" in c.statement]
    assert f"“{layer_order.DROP}” less “{layer_order.BOTH}”: +2.00 points" in together
    assert f"“{layer_order.BOTH}” less “{layer_order.OTHERS[0]}”: +3.00 points" in order
