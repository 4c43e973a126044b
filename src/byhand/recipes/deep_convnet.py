"""Six convolutions, as a well-known book has them: He start, Adam at 0.001, batches of 100.

The book trains 20 epochs. On the NumPy reference that takes the better part of an hour, so that
this recipe, until there is a faster arithmetic, trains 3.
"""

from byhand.optim import Adam, Constant
from byhand.recipes.recipe import Expect, Network, Recipe

RECIPE = Recipe(
    name="deep_convnet",
    summary="six convolutions, dropout",
    model=Network("deep_convnet"),
    optimiser=Adam(),
    schedule=Constant(1e-3),
    batch_size=100,
    epochs=6,
    expect=Expect(mean=0.9911, deviation=0.0006, seeds=3),
)
