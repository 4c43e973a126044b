"""What is measured: the networks, each with its batch size and optimiser, and the data they get."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand import models, nn
from byhand.errors import InputError

IMAGE = (1, 28, 28)  # (C, H, W)
CLASSES = 10
MANY = 1000  # images of the larger inference
SEED = 0


@dataclass(frozen=True)
class Case:
    """A network as it is timed: `network` of `byhand.models`, trained in batches of `batch`.

    `optimiser` is "adam" or "sgd"; with `kernels` its convolutions are timed by themselves too.
    """

    name: str
    network: str
    batch: int
    optimiser: str
    kernels: bool = True

    def model(self, dropout: bool = True) -> nn.Sequential:
        """The network with its starting weights, the same each time; without dropout if asked."""
        settings: dict[str, Any] = {}
        if not dropout and "dropout" in models.options(self.network):
            settings["dropout"] = 0.0
        rng = np.random.default_rng(SEED)
        return models.build(self.network, rng, image_shape=IMAGE, classes=CLASSES, **settings)

    def data(self, n: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """`n` random pictures (N, 1, 28, 28), N(0, 1), and labels; a batch unless `n` is given."""
        rng = np.random.default_rng(SEED + 1)
        n = self.batch if n is None else n
        return rng.standard_normal((n, *IMAGE), np.float32), rng.integers(0, CLASSES, n)


CASES = (
    Case("one_conv", "one_conv", 64, "adam"),
    Case("two_conv", "two_conv", 100, "sgd"),
    Case("tiny", "tiny", 2, "sgd", kernels=False),
    Case("tiny_b64", "tiny", 64, "sgd"),
    Case("lenet5", "lenet5", 128, "adam"),
    Case("deep_convnet", "deep_convnet", 100, "adam"),
)


def choose(names: list[str] | None = None) -> tuple[Case, ...]:
    """The cases of these names or networks ("tiny" is both of tiny); all without names.

    Raises:
        InputError: nothing is called so; lists what there is.
    """
    for name in names or ():
        if not any(name in (case.name, case.network) for case in CASES):
            known = ", ".join(case.name for case in CASES)
            raise InputError(f"there is no network {name!r} to time; there are: {known}")
    return tuple(c for c in CASES if not names or c.name in names or c.network in names)


class Convolution(NamedTuple):
    """One convolution of a network: layer name, shapes and padding, operations of one direction."""

    layer: str
    x_shape: tuple[int, int, int, int]  # (N, C, H, W)
    weight_shape: tuple[int, int, int, int]  # (F, C, KH, KW)
    padding: Any  # as the layer has it
    y_shape: tuple[int, int, int, int]  # (N, F, OH, OW)

    @property
    def operations(self) -> int:
        """2*N*F*C*KH*KW*OH*OW; each gradient takes as many as forward."""
        n, _, oh, ow = self.y_shape
        return 2 * n * math.prod(self.weight_shape) * oh * ow


def convolutions(case: Case) -> tuple[Convolution, ...]:
    """The convolutions of a case's network, from the picture on."""
    chosen, shape = [], IMAGE
    for name, layer in case.model().children().items():
        after = layer.output_shape(shape)
        if isinstance(layer, nn.Conv2d):
            x_shape, y_shape = (case.batch, *shape), (case.batch, *after)
            chosen.append(
                Convolution(name, x_shape, layer.weight.shape, layer.padding, y_shape)  # type: ignore[arg-type]
            )
        shape = after  # type: ignore[assignment]
    return tuple(chosen)
