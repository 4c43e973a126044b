"""One kernel, 2,000 steps of two pictures each, weights started at 0.01·N(0, 1).

As a well-known exercise has it: pixels divided by 255, pictures drawn with replacement, SGD at 0.01
with decay 1/(1 + 1e-6 t). So small a start means so small a gradient that the runs never leave
chance in 2,000 steps; tiny_he shows the cure, tiny_momentum what momentum does for it.
"""

from byhand.optim import SGD, InverseTime
from byhand.recipes import Expect, Network, Recipe

RECIPE = Recipe(
    name="tiny",
    summary="one 3×3 kernel, 2,000 steps of two pictures, weights × 0.01",
    standardise=False,
    sampling="with_replacement",
    model=Network("tiny", {"scale": 0.01}),
    optimiser=SGD(),
    schedule=InverseTime(0.01, decay=1e-6),
    batch_size=2,
    epochs=None,
    steps=2_000,
    expect=Expect(mean=0.1128, deviation=0.01, seeds=20, note="20 of 20 seeds never left chance"),
)
