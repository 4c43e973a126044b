"""deep_convnet trained better: moved pictures, one cycle of the rate, averaged weights.

Half of the values of the last layers dropped, as in deep_convnet, is too many here: on validation
0.5 and 0.2 end at the same accuracy (99.55 %), but 0.2 is ahead before.
"""

from byhand.data import Augmentation
from byhand.optim import Adam, ExponentialMovingAverage, OneCycle
from byhand.recipes import Expect, Network, Recipe

RECIPE = Recipe(
    name="deep_convnet_tuned",
    summary="deep_convnet with moved pictures, one cycle and averaged weights",
    validation_fraction=0.0,
    augment=Augmentation(shift=1.5, rotate=10.0, scale=0.1, slant=0.15),
    model=Network("deep_convnet", {"dropout": 0.2}),
    optimiser=Adam(),
    schedule=OneCycle(3e-3),
    batch_size=100,
    epochs=20,
    average=ExponentialMovingAverage(0.999),
    keep_best=False,
    expect=Expect(mean=0.9958, deviation=0.0004, seeds=3),
)
