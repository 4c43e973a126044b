"""LeNet-5: the recipe for a first run, about a minute or two on two cores.

Adam, the rate falling along a half cosine from 0.002 to 0, batches of 128, 10 epochs.
"""

from byhand.optim import Adam, Cosine
from byhand.recipes.recipe import Network, Recipe

RECIPE = Recipe(
    name="lenet5",
    summary="LeNet-5, the field's common small network",
    model=Network("lenet5"),
    optimiser=Adam(),
    schedule=Cosine(2e-3),
    batch_size=128,
    epochs=10,
)
