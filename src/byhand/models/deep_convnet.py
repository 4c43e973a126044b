"""Six convolutions in three pairs: deep enough for 99.4 % on MNIST.

    (conv 16 - conv 16 - pool) - (conv 32 - conv 32 padded by 2 - pool) - (conv 64 - conv 64 - pool)
    - linear 50 - dropout - linear 10 - dropout, all kernels 3×3, ReLU after each but the last

28→28→14→14→16→8→8→4: the padding of 2 makes 14 into 16, so that each pooling halves evenly.
64·4·4 = 1,024 features, 123,552 parameters, started as He et al. The last dropout drops
logits; it is part of the classic design.
"""

from __future__ import annotations

from byhand import nn
from byhand.models.build import features


def build(
    image_shape: tuple[int, int, int] = (1, 28, 28),
    classes: int = 10,
    hidden: int = 50,
    dropout: float = 0.5,
) -> nn.Sequential:
    """The network for pictures (C, H, W), without parameter values yet."""
    body: list[nn.Layer] = []
    channels = image_shape[0]
    for width, second_padding in ((16, 1), (32, 2), (64, 1)):
        body += [
            nn.Conv2d(channels, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=second_padding),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
        channels = width
    body.append(nn.Flatten())
    return nn.Sequential(
        *body,
        nn.Linear(features(body, image_shape), hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes),
        nn.Dropout(dropout),
    )
