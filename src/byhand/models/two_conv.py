"""Two convolutions, with pooling before ReLU.

    conv 4 5×5 - max pool - ReLU - conv 16 3×3 - max pool - ReLU - linear 10

28→24→12→10→5: 16·5·5 = 400 features, 4,706 parameters. Max pooling and ReLU commute, so that the
order costs nothing and saves three quarters of the ReLUs. With `uniform` every weight and bias
starts uniformly between -1 and 1, as in the classic exercise; otherwise as He et al.
"""

from __future__ import annotations

from byhand import nn
from byhand.checks import flag
from byhand.models.build import features


def build(
    image_shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10, uniform: bool = False
) -> nn.Sequential:
    """The network for pictures (C, H, W), without parameter values yet."""
    uniform = flag("uniform", uniform)
    w: nn.Initialiser = nn.Uniform(-1, 1) if uniform else nn.He()
    b: nn.Initialiser = nn.Uniform(-1, 1) if uniform else nn.Zeros()
    body: list[nn.Layer] = [
        nn.Conv2d(image_shape[0], 4, 5, weight_init=w, bias_init=b),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(4, 16, 3, weight_init=w, bias_init=b),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
    ]
    return nn.Sequential(
        *body, nn.Linear(features(body, image_shape), classes, weight_init=w, bias_init=b)
    )
