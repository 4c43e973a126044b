"""byhand as a contestant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import kernels, losses, nn, optim
from byhand.bench.contestant import Contestant, Labels, Pictures
from byhand.data import Dataset, batches

# Images that go through the network together in inference: whole lanes and enough work for all
# threads, but so few that what a layer makes is not far when the next one reads it. Of 16 to 1,000
# more gained a twentieth at the most (tiny a fifth), 64 took a tenth longer (tiny a half).
INFERENCE_BATCH = 256

_OPTIMISERS: dict[str, optim.Optimiser] = {"adam": optim.Adam(), "sgd": optim.SGD()}


class Byhand(Contestant):
    """Our own layers, in the fastest arithmetic there is unless `layout` says else."""

    name = "byhand"
    package = "byhand"
    layout = "auto"

    def set_up(self, model: nn.Sequential) -> None:
        """Make the gradient and the optimiser's state."""
        kernels.set_threads(self.threads)
        self.model = model
        self.grads = model.new_grads()
        self.loss = losses.CrossEntropy()
        self.optimiser = _OPTIMISERS[self.case.optimiser]
        self.state = self.optimiser.new_state(model.flat)

    def infer(self, x: Pictures) -> NDArray[np.float32]:
        """As `evaluation.logits` does, from pictures that are standardised already."""
        if len(x) <= INFERENCE_BATCH:
            return self._forward(x)
        parts = [
            self._forward(x[start : start + INFERENCE_BATCH])
            for start in range(0, len(x), INFERENCE_BATCH)
        ]
        return np.concatenate(parts)

    def _forward(self, x: Pictures) -> NDArray[np.float32]:
        x = kernels.as_layout(x, self.layout, train=False)
        y, _ = self.model.forward(x, train=False)
        return kernels.as_numpy(y)

    def batch(self, x: Pictures, labels: Labels) -> Any:
        """The pictures in the layout of the arithmetic, and the labels."""
        return kernels.as_layout(x, self.layout), labels

    def step(self, batch: Any) -> float:
        """A step as `training.fit` makes it."""
        value = self._backward(batch)
        self.optimiser.step(self.model.flat, self.grads.flat, self.state, self.rate)
        return value

    def _backward(self, batch: Any) -> float:
        x, labels = batch
        key = nn.Key(0, self.state.step)
        outputs, cache = self.model.forward(x, train=True, key=key)
        value, loss_cache = self.loss.forward(outputs, labels)
        self.grads.flat[...] = 0
        self.model.backward(self.loss.backward(loss_cache), cache, self.grads, need_dx=False)
        return value

    def gradients(self, batch: Any) -> dict[str, NDArray[Any]]:
        """Copies of the views into the flat gradient."""
        self._backward(batch)
        return {name: view.copy() for name, view in self.grads.items()}

    def epoch(
        self, images: NDArray[np.uint8], labels: Labels, rng: np.random.Generator
    ) -> Iterator[Any]:
        """The batches of `byhand.data`."""
        dataset = Dataset(images, labels, self.model.card.classes)
        for batch in batches(dataset, self.case.batch, rng, layout=self.layout):
            yield batch.images, batch.labels


class Reference(Byhand):
    """The NumPy arithmetic, in single precision."""

    name = "byhand reference"
    layout = "reference"


class Definition(Reference):
    """The NumPy arithmetic in double precision, which all others are compared with."""

    name = "definition"

    def set_up(self, model: nn.Sequential) -> None:
        """The same with every number widened."""
        super().set_up(model.copy(np.float64))

    def infer(self, x: Pictures) -> NDArray[Any]:
        """Logits (N, 10), float64."""
        return super().infer(x.astype(np.float64))

    def batch(self, x: Pictures, labels: Labels) -> Any:
        """The pictures as float64."""
        return super().batch(x.astype(np.float64), labels)
