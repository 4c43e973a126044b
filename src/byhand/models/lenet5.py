"""LeNet-5 with ReLU and max pooling, the field's common small network.

    conv 6 5×5 - pool - conv 16 5×5 - pool - linear 120 - 84 - 10, ReLU after all but the last

28→24→12→8→4: 16·4·4 = 256 features, 44,426 parameters. After LeCun, Bottou, Bengio and Haffner,
"Gradient-based learning applied to document recognition", 1998, which had tanh, trained
subsampling and 32×32 pictures; this is the form in which it is compared today.
"""

from __future__ import annotations

from byhand import nn
from byhand.models.build import features


def build(image_shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10) -> nn.Sequential:
    """The network for pictures (C, H, W), without parameter values yet."""
    body: list[nn.Layer] = [
        nn.Conv2d(image_shape[0], 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
    ]
    return nn.Sequential(
        *body,
        nn.Linear(features(body, image_shape), 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, classes),
    )
