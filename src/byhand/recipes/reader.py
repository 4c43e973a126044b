"""The reader's network: eleven classes, from MNIST's digits in other hands, fonts and no digits.

What it learns from is made before it trains (`byhand.reader.examples`); `make fonts` first.
The model of a run with seed 0 is the one in the package.
"""

from byhand.data import Augmentation
from byhand.optim import Adam, ExponentialMovingAverage, OneCycle
from byhand.recipes.recipe import Network, Recipe

RECIPE = Recipe(
    name="reader",
    summary="the reader's network: digits in many hands and fonts, and what is none",
    lessons="reader",
    augment=Augmentation(shift=1.0, rotate=6.0, scale=0.08, slant=0.1, noise=12.0),
    model=Network("deep_convnet", {"dropout": 0.2}),
    optimiser=Adam(),
    schedule=OneCycle(3e-3),
    batch_size=128,
    epochs=8,
    average=ExponentialMovingAverage(0.999),
    keep_best=False,
)
