"""two_conv started as He et al. say, everything else the same: what a start is worth."""

from dataclasses import replace

from byhand.recipes import Expect, Network, two_conv

RECIPE = replace(
    two_conv.RECIPE,
    name="two_conv_he",
    summary="two_conv with He initialisation",
    model=Network("two_conv"),
    expect=Expect(mean=0.9662, deviation=0.0034, seeds=5),
)
