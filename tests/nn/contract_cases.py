"""Every layer and container in one table: what the contract test runs through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from byhand import nn

KEY = nn.Key(seed=3, step=5)


@dataclass(frozen=True)
class Case:
    """A layer, how to make it, and the shape of one image that it takes."""

    name: str
    make: Callable[[], nn.Layer]
    shape: tuple[int, ...]

    def layer(self, dtype=np.float64, seed=1):
        """The layer with parameters and running statistics that are nothing special."""
        layer = self.make().init(np.random.default_rng(seed), dtype)
        rng = np.random.default_rng(seed + 1)
        layer.flat[...] += 0.3 * rng.standard_normal(layer.flat.shape)
        layer.flat_buffers[...] += rng.uniform(0.1, 0.9, layer.flat_buffers.shape)
        return layer

    def x(self, n=4, dtype=np.float64, seed=0):
        """n images; any two values of them are further apart than a finite difference steps."""
        rng = np.random.default_rng(seed)
        x = rng.permutation(np.linspace(-2, 2, n * int(np.prod(self.shape)) + 1)[:-1])
        return x.reshape(n, *self.shape).astype(dtype)

    @property
    def mixes_images(self):
        """Whether in training an image's output depends on the others'."""
        return any(isinstance(x, nn.BatchNorm1d | nn.BatchNorm2d) for x in every(self.make()))


def every(layer):
    """The layer and all that are inside it."""
    yield layer
    for child in layer.children().values():
        yield from every(child)


def shared():
    """One linear layer used twice."""
    linear = nn.Linear(4, 4)
    return nn.Sequential(linear, nn.Tanh(), linear)


def network():
    """A bit of everything, nested."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding="same"),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Concat(
            nn.Sequential(nn.Conv2d(4, 2, 1), nn.Dropout(0.3), nn.Tanh()),
            nn.AvgPool2d(3, 1, 1),
            nn.Residual(nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1), nn.BatchNorm2d(4))),
        ),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(60, 5),
    )


LINE, PICTURE = (2, 9), (2, 6, 5)
CASES = [
    Case("Conv2d", lambda: nn.Conv2d(2, 3, 3), PICTURE),
    Case("Conv2d, 1x1", lambda: nn.Conv2d(2, 3, 1), PICTURE),
    Case("Conv2d, whole picture", lambda: nn.Conv2d(2, 3, (6, 5)), PICTURE),
    Case("Conv2d, stride", lambda: nn.Conv2d(2, 3, (2, 3), (2, 1), (1, 0)), PICTURE),
    Case("Conv2d, gaps", lambda: nn.Conv2d(2, 3, 1, 2, use_bias=False), PICTURE),
    Case("Conv2d, same", lambda: nn.Conv2d(2, 3, (3, 4), padding="same"), PICTURE),
    Case("Conv1d", lambda: nn.Conv1d(2, 3, 3), LINE),
    Case("Conv1d, stride", lambda: nn.Conv1d(2, 3, 4, 2, 2, use_bias=False), LINE),
    Case("Conv1d, same", lambda: nn.Conv1d(2, 3, 3, padding="same"), LINE),
    Case("MaxPool2d", lambda: nn.MaxPool2d(2), PICTURE),
    Case("MaxPool2d, overlap", lambda: nn.MaxPool2d((3, 2), (2, 1), (1, 0)), PICTURE),
    Case("MaxPool2d, same", lambda: nn.MaxPool2d(3, 1, "same"), PICTURE),
    Case("AvgPool2d", lambda: nn.AvgPool2d(2), PICTURE),
    Case("AvgPool2d, overlap", lambda: nn.AvgPool2d(3, 1, 1), PICTURE),
    Case("MaxPool1d", lambda: nn.MaxPool1d(2), LINE),
    Case("MaxPool1d, overlap", lambda: nn.MaxPool1d(3, 2, 1), LINE),
    Case("AvgPool1d", lambda: nn.AvgPool1d(2), LINE),
    Case("AvgPool1d, same", lambda: nn.AvgPool1d(3, 1, "same"), LINE),
    Case("GlobalAvgPool", nn.GlobalAvgPool, PICTURE),
    Case("GlobalAvgPool, sequence", nn.GlobalAvgPool, LINE),
    Case("ReLU", nn.ReLU, PICTURE),
    Case("LeakyReLU", lambda: nn.LeakyReLU(0.2), (7,)),
    Case("Sigmoid", nn.Sigmoid, PICTURE),
    Case("Tanh", nn.Tanh, LINE),
    Case("GELU", nn.GELU, LINE),
    Case("Softmax", nn.Softmax, (5,)),
    Case("Softmax, pictures", nn.Softmax, PICTURE),
    Case("LogSoftmax", nn.LogSoftmax, (5,)),
    Case("Dropout", lambda: nn.Dropout(0.4), LINE),
    Case("Dropout, none", lambda: nn.Dropout(0.0), LINE),
    Case("Flatten", nn.Flatten, PICTURE),
    Case("Linear", lambda: nn.Linear(4, 3), (4,)),
    Case("Linear, no bias", lambda: nn.Linear(4, 3, use_bias=False), (4,)),
    Case("BatchNorm1d", lambda: nn.BatchNorm1d(4), (4,)),
    Case("BatchNorm1d, sequence", lambda: nn.BatchNorm1d(2, eps=1e-3), LINE),
    Case("BatchNorm2d", lambda: nn.BatchNorm2d(2), PICTURE),
    Case("Sequential", lambda: nn.Sequential(nn.Tanh(), nn.Linear(4, 3), nn.Softmax()), (4,)),
    Case("Sequential, empty", nn.Sequential, (4,)),
    Case("Sequential, shared layer", shared, (4,)),
    Case("Sequential, network", network, PICTURE),
    Case("Concat", lambda: nn.Concat(nn.Conv2d(2, 3, 1), nn.Sigmoid()), PICTURE),
    Case("Concat, one branch", lambda: nn.Concat(nn.Tanh()), (4,)),
    Case("Concat, pool first", lambda: nn.Concat(nn.Tanh(), nn.Conv2d(2, 3, 1)), PICTURE),
    Case("Concat, shared layer", lambda: nn.Concat(*[nn.Linear(4, 2)] * 2), (4,)),
    Case("Residual", lambda: nn.Residual(nn.Linear(4, 4)), (4,)),
    Case(
        "Residual, shortcut",
        lambda: nn.Residual(
            nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.Dropout(0.2)), nn.Conv2d(2, 3, 1)
        ),
        PICTURE,
    ),
    Case("Residual, nothing learnt", lambda: nn.Residual(nn.Sigmoid(), nn.Tanh()), (4,)),
]
