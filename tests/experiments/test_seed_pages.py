"""What the pages on seeds and on steps say of runs that leave chance and of those that never do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from byhand.experiments import seeds, tiny_scaling
from byhand.experiments.lab import outcomes
from byhand.recipes import get
from experiments.telling import Unsaved, verdict, verdicts

# What runs over seeds allow to be said


def test_a_run_has_left_chance_when_it_reads_more_than_twice_what_guessing_gives():
    assert outcomes.left_chance([0.1135, 0.2, 0.21, math.nan, 0.99]) == [
        False, False, True, False, True,
    ]  # fmt: skip


def test_one_more_run_is_like_the_others_within_the_interval_for_a_single_run():
    values = [0.90, 0.92, 0.94]  # mean 0.92, deviation 0.02, t(2) = 4.303
    low, high = outcomes.one_more(values)
    assert high - 0.92 == pytest.approx(4.303 * 0.02 * math.sqrt(4 / 3), rel=1e-3)
    assert low + high == pytest.approx(2 * 0.92)
    assert outcomes.is_like(values, 0.99) is True
    assert outcomes.is_like(values, 0.75) is False
    assert outcomes.is_like([0.9], 0.9) is None
    assert outcomes.is_like([0.11, 0.11, 0.11], 0.82) is False


def test_values_are_about_the_same_up_to_a_tenth_of_their_mean():
    assert outcomes.about_the_same([0.30, 0.31, 0.29]) is True
    assert outcomes.about_the_same([0.30, 2.30, 0.31]) is False
    assert outcomes.about_the_same([0.30, math.nan]) is None


# seeds


def start(accuracy, loss, gap=0.04, epochs=130):
    """The record of one start: losses fall from 2 to `loss` and stay there from half way on."""
    n = len(accuracy)
    along = np.minimum(1, np.arange(epochs) / max(1, epochs // 2))
    curves = [(2 + (end - 2) * along).tolist() for end in loss]
    rising = [(0.1 + (a - 0.1) * along).tolist() for a in accuracy]
    test = [{"accuracy": a, "loss": end, "f1": a} for a, end in zip(accuracy, loss, strict=True)]
    train = [{"accuracy": a + gap, "loss": end, "f1": a + gap}
             for a, end in zip(accuracy, loss, strict=True)]  # fmt: skip
    curves_by = {"train_loss": curves, "test_loss": curves, "train_accuracy": rising}
    return {"seeds": list(range(n)), "test": test, "train": train, "curves": curves_by}


def seeds_page(tmp_path, uniform, **changes):
    page = Unsaved(tmp_path)
    he = start([0.96, 0.97], [0.12, 0.11], epochs=changes.get("epochs", 130))
    seeds.report({"starts": {seeds.UNIFORM: start(*uniform, **changes), seeds.HE: he}}, page)
    return page


def test_seeds_that_end_alike_bear_the_study_out(tmp_path):
    page = seeds_page(tmp_path, ([0.94, 0.941, 0.945], [0.24, 0.25, 0.245]))
    assert verdict(page, "Other seeds end at") is True
    assert verdict(page, "seeds that leave chance end at") is True
    assert verdict(page, "F1") is True
    assert verdict(page, "A run ends with") is True
    assert verdict(page, "From about epoch 120") is True
    assert verdict(page, "another pace") is False


def test_a_seed_at_chance_speaks_against_the_study_but_not_of_those_that_left(tmp_path):
    page = seeds_page(tmp_path, ([0.92, 0.114, 0.921], [0.25, 2.30, 0.251]), gap=0.08)
    assert verdict(page, "Other seeds end at") is False
    assert verdict(page, "seeds that leave chance end at") is True
    assert verdict(page, "F1") is False
    assert verdict(page, "A run ends with") is False
    assert "1 of 3 seeds never left chance" in page.conclusions[0]


def test_a_test_loss_that_still_falls_is_not_at_its_bottom_and_late_seeds_do_not_count(tmp_path):
    falling = start([0.92, 0.92, 0.92], [0.25, 0.25, 0.25], epochs=200)
    curves = falling["curves"]
    curves["test_loss"] = [np.geomspace(2, end, 200).tolist() for end in (0.20, 0.21, 0.22)]
    he = start([0.96, 0.97], [0.12, 0.11], epochs=200)
    page = Unsaved(tmp_path)
    seeds.report({"starts": {seeds.UNIFORM: falling, seeds.HE: he}}, page)
    assert verdict(page, "at its bottom") is False
    curves["train_accuracy"] = [[0.1] * 150 + [0.9] * 50] * 3  # all leave chance after that epoch
    page = Unsaved(tmp_path)
    seeds.report({"starts": {seeds.UNIFORM: falling, seeds.HE: he}}, page)
    assert not [said for said in verdicts(page) if "at its bottom" in said]


def test_seeds_of_which_none_leaves_chance_allow_nothing_to_be_said_of_those_that_do(tmp_path):
    page = seeds_page(tmp_path, ([0.1, 0.11], [2.3, 2.3]), epochs=1)
    for words in ("seeds that leave chance", "another pace", "A run ends with", "F1"):
        assert verdict(page, words) is None
    assert "2 of 2 seeds never left chance" in page.conclusions[0]


def test_the_epoch_at_which_half_is_read_counts_from_one():
    assert seeds._epoch_of_half([0.1, 0.5, 0.6]) == 2
    assert seeds._epoch_of_half([0.1, None, 0.4]) is None


# tiny_scaling


def tiny_page(tmp_path, values, n=4):
    """`values`: accuracy by (recipe, kernels, steps), the same for all seeds but a little."""
    little = 0.001 * np.arange(n)
    runs = [
        {"recipe": name, "kernels": k, "steps": s, "test_accuracy": (a + little).tolist(),
         "validation_accuracy": (a + little).tolist()}
        for (name, k, s), a in values.items()
    ]  # fmt: skip
    page = Unsaved(tmp_path)
    record = {"steps": [2000, 5000], "kernels": [1, 8], "seeds": list(range(n)), "runs": runs}
    tiny_scaling.report(record, page)
    return page


def test_more_steps_and_kernels_are_judged_for_each_recipe(tmp_path):
    values = {}
    for name, few, more, wide in (("tiny", 0.11, 0.11, 0.05), ("tiny_he", 0.83, 0.9, 0.95)):
        values |= {(name, 1, 2000): few, (name, 1, 5000): more, (name, 8, 2000): few,
                   (name, 8, 5000): wide}  # fmt: skip
    page = tiny_page(tmp_path, values)
    assert verdict(page, "More steps", "(tiny)") is None
    assert verdict(page, "More kernels", "(tiny)") is False
    assert verdict(page, "More steps", "(tiny_he)") is True
    assert verdict(page, "More kernels", "(tiny_he)") is True
    # The study's run is held against its own settings only.
    assert verdict(page, "2,000 steps come to", "(tiny)") is False
    assert not [said for said in verdicts(page) if "come to" in said and "tiny_he" in said]
    assert "100 % of the runs are at chance after 2,000" in page.conclusions[0].replace(
        "\u00a0", " "
    )


def test_the_study_s_run_may_be_one_of_ours_where_ours_lie_around_it(tmp_path):
    for accuracy, holds in ((0.8275, True), (0.7, False), (0.11, False)):
        values = {("tiny_momentum", k, s): accuracy for k in (1, 8) for s in (2000, 5000)}
        assert verdict(tiny_page(tmp_path, values), "come to") is holds


def test_one_kernel_is_the_recipe_itself_so_that_trainings_are_shared():
    for name in tiny_scaling.RECIPES:
        assert tiny_scaling._model(name, 1) == get(name).model
        assert tiny_scaling._model(name, 8).settings["kernels"] == 8
