"""tiny with He initialisation and standardised pictures, everything else the same."""

from dataclasses import replace

from byhand.recipes import tiny
from byhand.recipes.recipe import Network

RECIPE = replace(
    tiny.RECIPE,
    name="tiny_he",
    summary="tiny with He initialisation and standardised pictures",
    standardise=True,
    model=Network("tiny"),
    expect=None,
)
