"""Two convolutions, every weight and bias started uniformly between -1 and 1.

As a well-known exercise has it: the first 10,000 training and the first 5,000 test pictures, pixels
divided by 255, SGD at 0.1, batches of 100 always in the same order, 200 epochs, no validation. The
start is far too large; compare two_conv_he.
"""

from byhand.optim import SGD, Constant
from byhand.recipes import Expect, Network, Recipe

RECIPE = Recipe(
    name="two_conv",
    summary="two convolutions, uniform(-1, 1) start, plain SGD on 10,000 pictures",
    train_limit=10_000,
    test_limit=5_000,
    standardise=False,
    validation_fraction=0.0,
    sampling="in_order",
    model=Network("two_conv", {"uniform": True}),
    optimiser=SGD(),
    schedule=Constant(0.1),
    batch_size=100,
    epochs=200,
    expect=Expect(
        mean=0.7195,
        deviation=0.3589,
        seeds=20,
        note="5 of 20 seeds never left chance, the others 92.13% ± 1.73",
    ),
)
