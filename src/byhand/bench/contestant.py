"""What every contestant can do: infer, give gradients, and make a training step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from byhand import nn
from byhand.bench.cases import Case

Pictures = NDArray[np.float32]  # (N, 1, 28, 28)
Labels = NDArray[np.int64]  # (N,)

# In timing, thousands of steps are made on one batch. At an ordinary learning rate the network
# would learn it by heart, and the gradients would become so small that processors slow down.
TIMING_RATE = 1e-6
# In checks, the steps must change something, but not so much that a ReLU which rounding opens parts
# the paths: Adam's step is as long for a small gradient as for a large one.
CHECK_RATES = {"adam": 1e-4, "sgd": 0.01}


class Contestant(ABC):
    """One library with one network in it, its weights copied from ours.

    Making one takes the case, our model, the number of threads, and the learning rate. What it
    times includes all that its user would wait for: `infer` takes and gives NumPy arrays, `step`
    takes a batch that lies in the library's own layout already.
    """

    name: ClassVar[str]
    package: ClassVar[str]  # of which `versions` are told
    trains: ClassVar[bool] = True

    def __init__(self, case: Case, model: nn.Sequential, threads: int, rate: float) -> None:
        self.case = case
        self.threads = threads
        self.rate = rate
        self.set_up(model.copy())

    @abstractmethod
    def set_up(self, model: nn.Sequential) -> None:
        """Take over the network and its weights; `model` may be kept."""

    @abstractmethod
    def infer(self, x: Pictures) -> NDArray[np.float32]:
        """Logits (N, 10) in evaluation mode."""

    @abstractmethod
    def batch(self, x: Pictures, labels: Labels) -> Any:
        """A batch as `step` takes it, in the layout of the library."""

    @abstractmethod
    def step(self, batch: Any) -> float:
        """Forward, mean cross-entropy, backward, update. Gives the loss before the update."""

    @abstractmethod
    def gradients(self, batch: Any) -> dict[str, NDArray[Any]]:
        """The gradient of the mean cross-entropy by parameter, named and shaped as ours."""

    def epoch(
        self, images: NDArray[np.uint8], labels: Labels, rng: np.random.Generator
    ) -> Iterator[Any]:
        """Shuffled batches of a set of pictures (N, 1, 28, 28), divided by 255."""
        order = rng.permutation(len(images))
        for start in range(0, len(order) - self.case.batch + 1, self.case.batch):
            where = order[start : start + self.case.batch]
            yield self.batch(images[where].astype(np.float32) / np.float32(255), labels[where])
