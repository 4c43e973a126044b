"""One convolution and one linear layer: the smallest network that is still a CNN.

    conv 8 5×5 - ReLU - max pool - linear 10

28→24→12: 8·12·12 = 1,152 features, 11,738 parameters with 5×5 kernels. One linear layer only, so
that what the convolution finds is what decides. Number and size of the kernels are settings.
"""

from __future__ import annotations

from byhand import nn
from byhand.models.build import features


def build(
    image_shape: tuple[int, int, int] = (1, 28, 28),
    classes: int = 10,
    kernels: int = 8,
    kernel_size: int = 5,
) -> nn.Sequential:
    """The network for pictures (C, H, W), without parameter values yet."""
    body: list[nn.Layer] = [
        nn.Conv2d(image_shape[0], kernels, kernel_size),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
    ]
    return nn.Sequential(*body, nn.Linear(features(body, image_shape), classes))
