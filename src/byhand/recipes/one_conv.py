"""One convolution of 8 5×5 kernels and one linear layer, as a textbook's study has it.

Adam at 0.01, a tenth less every 500 steps, batches of 64, 10 epochs, a tenth held out
for watching: like the study, it ends with the weights of the last epoch.
"""

from byhand.optim import Adam, Step
from byhand.recipes import Expect, Network, Recipe

RECIPE = Recipe(
    name="one_conv",
    summary="one convolution of 8 5×5 kernels, one linear layer",
    model=Network("one_conv"),
    optimiser=Adam(),
    schedule=Step(0.01, factor=0.9, every=500),
    batch_size=64,
    epochs=10,
    keep_best=False,
    expect=Expect(mean=0.9834, deviation=0.0013, seeds=10),
)
