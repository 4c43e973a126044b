"""The reader's network: twelve classes, from MNIST's digits in other hands, fonts and no digits.

What it learns from is made before it trains (`byhand.reader.examples`); `make fonts` first.
The model of a run with seed 0 is the one in the package.
"""

from byhand.data import Augmentation
from byhand.optim import Adam, ExponentialMovingAverage, OneCycle
from byhand.recipes import Expect, Network, Recipe

# deep_convnet with batch normalisation: on as many steps it rejects and reads better. When the
# reader opens it, the normalisation is folded into the convolutions.
LAYERS = (
    "conv 16 3 same, batchnorm, relu, conv 16 3 same, batchnorm, relu, maxpool 2, "
    "conv 32 3 same, batchnorm, relu, conv 32 3 same, batchnorm, relu, maxpool 2, "
    "conv 64 3 same, batchnorm, relu, conv 64 3 same, batchnorm, relu, maxpool 2, "
    "linear 100, batchnorm, relu, dropout 0.3"
)

RECIPE = Recipe(
    name="reader",
    summary="the reader's network: digits in many hands and fonts, and what is none",
    examples="reader",
    augment=Augmentation(shift=1.0, rotate=6.0, scale=0.08, slant=0.1),
    model=Network("stack", {"layers": LAYERS}),
    optimiser=Adam(),
    schedule=OneCycle(3e-3),
    batch_size=128,
    epochs=9,
    average=ExponentialMovingAverage(0.999),
    keep_best=False,
    expect=Expect(
        mean=0.9828, deviation=0.0, seeds=1, note="one view, of twelve classes; the reader has more"
    ),
)
