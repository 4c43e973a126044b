"""The recipes' pages: each loads, says what it is, and is the same once written down and read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import blobs
from byhand import optim, recipes
from byhand.errors import InputError
from byhand.reader.examples import training_set
from byhand.reader.examples.fonts import matplotlib_fonts
from byhand.reader.examples.training_set import Amounts
from byhand.recipes import FIXED, Recipe, fingerprint
from support import benchmark

NAMES = recipes.names()
RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def test_the_recipes_of_the_plan_are_there():
    wanted = {"one_conv", "two_conv", "two_conv_he", "tiny", "tiny_he", "deep_convnet", "lenet5",
              "mlp", "reader"}  # fmt: skip
    assert wanted <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_its_name_and_what_it_is(name):
    recipe = recipes.get(name)
    assert isinstance(recipe, Recipe)
    assert recipe.name == name
    assert recipe.summary
    assert not recipe.summary.endswith(".")
    assert "\n" not in recipe.summary
    recipe.check()


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_goes_through_json_and_back(name):
    recipe = recipes.get(name)
    values = json.loads(json.dumps(recipe.as_dict()))
    assert recipes.from_dict(recipe, values) == recipe


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_known_again_from_any_other_page(name):
    """All that is not fixed comes from the written values, not from the page."""
    from dataclasses import replace

    recipe = recipes.get(name)
    other = recipes.get("mlp" if name != "mlp" else "tiny")
    again = recipes.from_dict(other, recipe.as_dict())
    again = replace(again, name=recipe.name, summary=recipe.summary, expect=recipe.expect)
    assert again == recipe


@pytest.mark.parametrize(
    "pairs",
    [
        ["average=0.99", "clip_norm=1.5", "patience=2"],
        ["schedule=WarmUp(OneCycle(0.1, warm=0.2), 10)", "optimiser=AdamW(weight_decay=0.05)"],
        ["loss=CrossEntropy(0.1)", "train_limit=100", "epochs=none", "steps=7"],
        ["loss=MeanSquaredError()", "model=one_conv(kernels=3, kernel_size=7)"],
        ["schedule=Step(1e-05, 0.30000000000000004, 3)", "optimiser=SGD(0.9, True)"],
    ],
)
def test_a_changed_recipe_goes_through_json_and_back(pairs):
    recipe = recipes.apply(recipes.get("lenet5"), pairs)
    values = json.loads(json.dumps(recipe.as_dict()))
    assert recipes.from_dict(recipes.get("lenet5"), values) == recipe


def test_fingerprints_differ_where_runs_do_and_claims_do_not_count():
    from dataclasses import replace

    prints = [fingerprint(recipes.get(name)) for name in NAMES]
    assert len(set(prints)) == len(NAMES)
    recipe = recipes.get("mlp")
    claimed = replace(recipe, expect=recipes.Expect(0.98, 0.001, 5))
    assert fingerprint(claimed) == fingerprint(recipe)
    assert fingerprint(recipes.apply(recipe, ["batch_size=65"])) != fingerprint(recipe)
    assert fingerprint(recipes.apply(recipe, ["batch_size=64"])) == fingerprint(recipe)


def test_an_expectation_reads_as_a_claim():
    assert str(recipes.Expect(0.98765, 0.0012, 5)) == "98.77% ± 0.12 (5 seeds)"


@pytest.mark.parametrize("name", NAMES)
def test_a_recipes_claim_is_what_was_measured_with_its_settings(name):
    """benchmarks/claims.py wrote the figures; a recipe changed since would claim another's."""
    recipe = recipes.get(name)
    measured = json.loads((RESULTS / f"claims-{name}.json").read_text(encoding="utf-8"))
    accuracy = measured["test_accuracy"]
    assert recipe.expect is not None
    assert recipe.expect.mean == round(accuracy["mean"], 4)
    assert recipe.expect.deviation == round(accuracy["deviation"], 4)
    assert recipe.expect.seeds == accuracy["seeds"] == len(measured["runs"])
    # A setting that did not exist then had the value that it has by default now.
    then = {**Recipe(name="", summary="").as_dict(), **measured["recipe"]}
    settings_then = {k: v for k, v in then.items() if k not in FIXED}
    settings_now = {k: v for k, v in recipe.as_dict().items() if k not in FIXED}
    assert settings_now == settings_then


def test_readmes_table_is_the_one_that_the_results_give():
    readme = (RESULTS.parent.parent / "README.md").read_text(encoding="utf-8")
    assert benchmark("claims").table() in readme


@pytest.mark.parametrize("name", NAMES)
def test_a_page_builds_and_takes_a_step_on_mnists_size(name, monkeypatch):
    """The first step of the recipe's own run, on few pictures of 28x28."""
    small = ["batch_size=4", "epochs=none", "steps=1"]
    recipe, n = recipes.apply(recipes.get(name), small), 24
    if recipe.examples == "reader":  # made of few digits, with fonts that are on every machine
        n, few = 1200, Amounts(0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0)
        monkeypatch.setattr(training_set, "training_fonts", matplotlib_fonts)
        monkeypatch.setattr(training_set.make_training_set, "__defaults__", (few, None))
    prepared = recipes.prepare(recipe, blobs.splits(n, 4, size=28), seed=0)
    before = prepared.model.flat.copy()
    record = next(recipes.train(prepared, step_records=True))
    assert record.step == 1
    assert np.isfinite(record.loss)
    assert not np.array_equal(prepared.model.flat, before)


def test_an_unknown_recipe_lists_those_there_are():
    with pytest.raises(InputError) as error:
        recipes.get("lenet6")
    assert "lenet6" in str(error.value)
    assert all(name in str(error.value) for name in NAMES)


@pytest.mark.parametrize("name", ["recipe", "settings", "run", "prepare", "__init__", "../x", ""])
def test_what_is_no_recipe_page_is_no_recipe(name):
    with pytest.raises(InputError, match="there is no recipe"):
        recipes.get(name)


def test_two_recipes_share_no_part_that_could_change():
    assert recipes.get("tiny_he").model != recipes.get("tiny").model
    assert recipes.get("tiny_momentum").optimiser == optim.SGD(momentum=0.9)
    assert recipes.get("tiny").optimiser == optim.SGD()
