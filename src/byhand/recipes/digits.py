"""LeNet-5 for scikit-learn's 1,797 digits: what a first run learns where MNIST cannot be had.

With so few pictures each is moved anew every time it is seen, the rate makes one cycle, and the
weights are averaged. Length and rate were chosen by cross-validation inside the training pictures
(benchmarks/NOTES.md); nothing is held out, because validation would take a tenth of them.
"""

from byhand.data import Augmentation
from byhand.optim import Adam, ExponentialMovingAverage, OneCycle
from byhand.recipes import Expect, Network, Recipe

RECIPE = Recipe(
    name="digits",
    summary="LeNet-5 on scikit-learn's 1,797 small digits, where MNIST cannot be had",
    dataset="digits",
    validation_fraction=0.0,
    augment=Augmentation(shift=1.5, rotate=10.0, scale=0.1, slant=0.15),
    model=Network("lenet5"),
    optimiser=Adam(),
    schedule=OneCycle(3e-3),
    batch_size=50,
    epochs=40,
    average=ExponentialMovingAverage(0.99),
    keep_best=False,
    expect=Expect(mean=0.9967, deviation=0.0032, seeds=10),
)
