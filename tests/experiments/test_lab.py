"""The lab: seeds, scales, trainings that are shared and the same however many run at once."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from byhand import evaluation, kernels, recipes
from byhand.errors import InputError
from byhand.experiments import FULL, QUICK, SMOKE, Lab, Workers
from byhand.experiments.lab.train import cost, task
from byhand.optim import SGD, Constant
from byhand.recipes import Network


def test_seeds_are_as_many_as_scale_and_user_allow(lab):
    assert list(replace(lab, scale=FULL).seeds(5)) == [0, 1, 2, 3, 4]
    assert list(replace(lab, scale=QUICK).seeds(5)) == [0, 1]
    assert list(replace(lab, scale=QUICK).seeds(1)) == [0]
    assert list(replace(lab, scale=QUICK, asked_seeds=3).seeds(5)) == [0, 1, 2]


def test_a_scale_picks_its_settings(lab):
    assert replace(lab, scale=FULL).pick(1, 2, 3) == 1
    assert replace(lab, scale=QUICK).pick(1, 2, 3) == 2
    assert lab.pick(1, 2, 3) == 3
    assert lab.pick(1, 2) == 2


def test_the_full_scale_leaves_a_recipe_as_it_is(lab):
    full = replace(lab, scale=FULL)
    assert full.recipe("one_conv") == replace(recipes.get("one_conv"), expect=None)


def test_smaller_scales_shorten_a_recipe_and_never_lengthen_it(lab):
    quick = replace(lab, scale=QUICK).recipe("two_conv")
    assert (quick.epochs, quick.train_limit, quick.test_limit) == (20, 10_000, 5_000)
    quick = replace(lab, scale=QUICK).recipe("one_conv")
    assert (quick.epochs, quick.train_limit, quick.test_limit) == (2, 10_000, None)
    smoke = lab.recipe("tiny", train_limit=100)
    assert (smoke.epochs, smoke.steps) == (None, 20)
    assert (smoke.train_limit, smoke.test_limit) == (100, 200)


def test_a_recipe_that_makes_no_sense_is_refused(lab):
    with pytest.raises(InputError, match="batch_size"):
        lab.recipe("one_conv", batch_size=0)


def test_training_gives_a_list_a_recipe_and_an_entry_a_seed(lab):
    wanted = [lab.recipe("one_conv", model=Network("one_conv", {"kernels": k})) for k in (2, 3)]
    found = lab.train(wanted, seeds=5)
    assert [[run.seed for run in of] for of in found] == [[0, 1], [0, 1]]
    assert found[0][0].parameters < found[1][0].parameters
    for run in (run for of in found for run in of):
        assert len(run.epochs) == 1
        assert 0 <= run.test_accuracy <= 1
        assert math.isfinite(run.test_loss)
        assert run.curve("train_loss") == [run.epochs[-1].train_loss]
        assert math.isnan(run.curve("test_loss")[0])
        assert run.diverged == ""


def test_the_model_is_that_whose_figures_are_given(lab):
    ((run,),) = lab.train(lab.recipe("one_conv"), seeds=[3], track_test=True)
    again = evaluation.evaluate(run.model(), lab.splits.test)
    assert again.accuracy == run.test_accuracy == run.curve("test_accuracy")[-1]


def test_a_training_is_what_train_gives(lab):
    page = lab.recipe("one_conv")
    ((run,),) = lab.train(page, seeds=[1])
    prepared = recipes.prepare(page, lab.splits, 1)
    before = kernels.threads()
    kernels.set_threads(1)  # as the workers train: bits are the same for one number of threads
    try:
        list(recipes.train(prepared))
    finally:
        kernels.set_threads(before)
    np.testing.assert_array_equal(run.model().flat, prepared.model.flat)


def test_trainings_are_the_same_bits_side_by_side(lab, tmp_path):
    page = lab.recipe("one_conv")
    here = lab.train(page, seeds=[0, 1])[0]
    with Workers(lab.splits, tmp_path / "others", jobs=2) as workers:
        there = replace(lab, workers=workers).train(page, seeds=[0, 1])[0]
    for a, b in zip(here, there, strict=True):
        np.testing.assert_array_equal(a.model().flat, b.model().flat)


def test_what_a_recipe_is_called_and_claims_does_not_make_another_training(lab):
    page = recipes.get("one_conv")
    renamed = replace(page, name="other", summary="", expect=None)
    assert task(page, 0).key(lab.splits) == task(renamed, 0).key(lab.splits)
    assert task(page, 0).key(lab.splits) != task(page, 1).key(lab.splits)
    assert task(page, 0).key(lab.splits) != task(page, 0, track_test=True).key(lab.splits)


def test_a_training_that_diverges_is_told_and_stops_nothing(lab):
    page = lab.recipe("one_conv", optimiser=SGD(), schedule=Constant(1e30))
    ((run,),) = lab.train(page, seeds=[0])
    assert "not finite" in run.diverged or "nan" in run.diverged.lower()
    assert math.isnan(run.test_accuracy)


def test_longer_trainings_cost_more(lab):
    page = lab.recipe("one_conv")
    wide = replace(page, model=Network("one_conv", {"kernels": 64}))
    assert cost(wide, lab.splits) > cost(page, lab.splits)
    assert cost(replace(page, epochs=7), lab.splits) > cost(page, lab.splits) * 0.99
    assert cost(replace(page, steps=1), lab.splits) < cost(page, lab.splits)


def test_progress_is_told_from_none_to_all(splits, tmp_path):
    told = []
    with Workers(splits, tmp_path, jobs=1) as workers:
        lab = Lab(splits, workers, tmp_path, SMOKE, progress=lambda *said: told.append(said))
        lab.train(lab.recipe("one_conv"), seeds=2)
    assert told == [("trainings", 0, 2), ("trainings", 1, 2), ("trainings", 2, 2)]
