"""tiny with He initialisation and standardised pictures, everything else the same."""

from dataclasses import replace

from byhand.recipes import Expect, Network, tiny

RECIPE = replace(
    tiny.RECIPE,
    name="tiny_he",
    summary="tiny with He initialisation and standardised pictures",
    standardise=True,
    model=Network("tiny"),
    expect=Expect(mean=0.8615, deviation=0.0262, seeds=20),
)
