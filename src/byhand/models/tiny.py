"""One kernel and two fully connected layers: as little as still learns.

    conv 1 3×3 - ReLU - max pool - linear 64 - ReLU - linear 10

28→26→13: 169 features, 11,540 parameters. With `scale` every weight starts as scale·N(0, 1), as in
the classic exercise (0.01: so small that the network often never leaves chance); without, as He et
al. More `kernels` do better.
"""

from __future__ import annotations

from byhand import nn
from byhand.models.build import features


def build(
    image_shape: tuple[int, int, int] = (1, 28, 28),
    classes: int = 10,
    kernels: int = 1,
    scale: float | None = None,
) -> nn.Sequential:
    """The network for pictures (C, H, W), without parameter values yet."""
    init: nn.Initialiser = nn.He() if scale is None else nn.Normal(scale)
    body: list[nn.Layer] = [
        nn.Conv2d(image_shape[0], kernels, 3, weight_init=init),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
    ]
    return nn.Sequential(
        *body,
        nn.Linear(features(body, image_shape), 64, weight_init=init),
        nn.ReLU(),
        nn.Linear(64, classes, weight_init=init),
    )
