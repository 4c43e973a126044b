"""tiny with the momentum of 0.9 that its published optimiser defaults to.

Some runs leave chance and some never do: the spread over seeds is the point.
"""

from dataclasses import replace

from byhand.optim import SGD
from byhand.recipes import tiny
from byhand.recipes.recipe import Expect

RECIPE = replace(
    tiny.RECIPE,
    name="tiny_momentum",
    summary="tiny with momentum 0.9",
    optimiser=SGD(momentum=0.9),
    expect=Expect(
        mean=0.5144,
        deviation=0.3444,
        seeds=20,
        note="8 of 20 seeds never left chance, the others 78.74% ± 4.12",
    ),
)
