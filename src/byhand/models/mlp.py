"""The fully connected network 784-64-32-10: what a CNN is compared with.

52,650 parameters, of which 52,544 are weights; it knows nothing of which pixels are neighbours.
"""

from __future__ import annotations

import math

from byhand import nn


def build(image_shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10) -> nn.Sequential:
    """The network for pictures (C, H, W), without parameter values yet."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(image_shape), 64),
        nn.ReLU(),
        nn.Linear(64, 32),
        nn.ReLU(),
        nn.Linear(32, classes),
    )
