"""Recipes: training runs with their claims, a page each.

    recipe = recipes.get("lenet5")
    prepared = recipes.prepare(recipe, data.open_data(), seed=0)
    for record in recipes.train(prepared):
        print(record.epoch, record.validation_accuracy)

recipe.py says what a recipe is, settings.py reads `--set`, prepare.py makes it ready and trains,
run.py does so into a folder that holds all it takes to know and redo the run.
"""

from byhand.recipes.prepare import Prepared, prepare, train
from byhand.recipes.recipe import Expect, Network, Recipe, fingerprint, get, names
from byhand.recipes.settings import apply, check

__all__ = [
    "Expect",
    "Network",
    "Prepared",
    "Recipe",
    "apply",
    "check",
    "fingerprint",
    "get",
    "names",
    "prepare",
    "train",
]
