"""Recipes: training runs with their claims, a page each.

    recipe = recipes.get("lenet5")
    prepared = recipes.prepare(recipe, data.open_data(), seed=0)
    for record in recipes.train(prepared):
        print(record.epoch, record.validation_accuracy)

Every other page here is a recipe; `engine/` is what makes them run.
"""

from byhand.recipes.engine.examples import EXAMPLES
from byhand.recipes.engine.prepare import Prepared, prepare, train
from byhand.recipes.engine.recipe import Expect, Network, Recipe, fingerprint, get, names
from byhand.recipes.engine.set_option import FIXED, apply, from_dict, read

__all__ = [
    "EXAMPLES",
    "FIXED",
    "Expect",
    "Network",
    "Prepared",
    "Recipe",
    "apply",
    "fingerprint",
    "from_dict",
    "get",
    "names",
    "prepare",
    "read",
    "train",
]
