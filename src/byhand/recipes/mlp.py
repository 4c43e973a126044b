"""The fully connected 784-64-32-10, with what one_conv has: what convolution is compared with."""

from byhand.optim import Adam, Cosine
from byhand.recipes import Expect, Network, Recipe

RECIPE = Recipe(
    name="mlp",
    summary="fully connected 784-64-32-10",
    model=Network("mlp"),
    optimiser=Adam(),
    schedule=Cosine(2e-3),
    batch_size=64,
    epochs=10,
    expect=Expect(mean=0.9759, deviation=0.0014, seeds=5),
)
