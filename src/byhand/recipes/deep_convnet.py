"""Six convolutions, as a well-known book has them: He start, Adam at 0.001, batches of 100.

The book trains on all 60,000 pictures for 20 epochs, and ends with the last epoch's weights.
"""

from byhand.optim import Adam, Constant
from byhand.recipes import Expect, Network, Recipe

RECIPE = Recipe(
    name="deep_convnet",
    summary="six convolutions, dropout",
    validation_fraction=0.0,
    model=Network("deep_convnet"),
    optimiser=Adam(),
    schedule=Constant(1e-3),
    batch_size=100,
    epochs=20,
    keep_best=False,
    expect=Expect(mean=0.9932, deviation=0.0006, seeds=3),
)
