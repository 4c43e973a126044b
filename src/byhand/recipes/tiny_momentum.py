"""tiny with the momentum of 0.9 that its published optimiser defaults to.

Some runs leave chance and some never do: the spread over seeds is the point.
"""

from dataclasses import replace

from byhand.optim import SGD
from byhand.recipes import Expect, tiny

RECIPE = replace(
    tiny.RECIPE,
    name="tiny_momentum",
    summary="tiny with momentum 0.9",
    optimiser=SGD(momentum=0.9),
    expect=Expect(
        mean=0.4826,
        deviation=0.3502,
        seeds=20,
        note="9 of 20 seeds never left chance, the others 79.07% ± 2.94",
    ),
)
