"""LeNet-5: the recipe for a first run, some seconds on two cores.

SGD with Nesterov's momentum and weight decay, the rate rising to 0.08 and falling again in one
cycle (Smith, 2018), batches of 128, 10 epochs. Chosen on the validation set, over three seeds,
against Adam and AdamW with cosine and one-cycle schedules, label smoothing and averaged weights.
"""

from byhand.optim import SGD, OneCycle
from byhand.recipes import Expect, Network, Recipe

RECIPE = Recipe(
    name="lenet5",
    summary="LeNet-5, the field's common small network",
    model=Network("lenet5"),
    optimiser=SGD(momentum=0.9, nesterov=True, weight_decay=5e-4),
    schedule=OneCycle(0.08),
    batch_size=128,
    epochs=10,
    expect=Expect(mean=0.9921, deviation=0.0007, seeds=5),
)
