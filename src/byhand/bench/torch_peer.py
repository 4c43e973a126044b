"""PyTorch as a contestant, in both of its memory layouts."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from byhand import nn
from byhand.bench.contestant import Contestant, Labels, Pictures


class Torch(Contestant):
    """Eager PyTorch on the CPU, (N, C, H, W), with its own optimisers at their defaults."""

    name = "torch"
    package = "torch"
    channels_last: ClassVar[bool] = False

    def set_up(self, model: nn.Sequential) -> None:
        """The same layers, and our weights by their names, which are PyTorch's."""
        import torch

        torch.set_num_threads(self.threads)
        self.format = torch.channels_last if self.channels_last else torch.contiguous_format
        network: Any = torch.nn.Sequential(*(_layer(layer) for layer in model))
        network.load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})
        self.network = network.to(memory_format=self.format)
        kinds = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
        self.optimiser = kinds[self.case.optimiser](self.network.parameters(), lr=self.rate)
        self.cross_entropy = torch.nn.functional.cross_entropy
        self.inference_mode = torch.inference_mode

    def infer(self, x: Pictures) -> NDArray[np.float32]:
        """Without anything kept for backward."""
        if self.network.training:
            self.network.eval()
        with self.inference_mode():
            return self.network(self._tensor(x)).numpy()

    def batch(self, x: Pictures, labels: Labels) -> Any:
        """Tensors in the memory layout."""
        import torch

        return self._tensor(x), torch.from_numpy(labels)

    def step(self, batch: Any) -> float:
        """With gradients set to None, as PyTorch advises."""
        if not self.network.training:
            self.network.train()
        value = self._backward(batch)
        self.optimiser.step()
        return value

    def _backward(self, batch: Any) -> float:
        x, labels = batch
        self.optimiser.zero_grad(set_to_none=True)
        value: Any = self.cross_entropy(self.network(x), labels)
        value.backward()
        return value.item()

    def gradients(self, batch: Any) -> dict[str, NDArray[Any]]:
        """What autograd left in the parameters."""
        self.network.train()
        self._backward(batch)
        return {name: p.grad.numpy().copy() for name, p in self.network.named_parameters()}

    def _tensor(self, x: Pictures) -> Any:
        import torch

        return torch.from_numpy(x).contiguous(memory_format=self.format)


class TorchChannelsLast(Torch):
    """The same with channels as the innermost axis."""

    name = "torch channels_last"
    channels_last = True


def _layer(layer: Any) -> Any:
    # PyTorch's layer of the same name, without weights yet.
    import torch

    kind = type(layer).__name__
    if kind == "Conv2d":
        return torch.nn.Conv2d(
            layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding
        )
    if kind == "Linear":
        return torch.nn.Linear(layer.in_features, layer.out_features)
    if kind == "MaxPool2d":
        return torch.nn.MaxPool2d(layer.kernel_size)
    if kind == "Dropout":
        return torch.nn.Dropout(layer.rate)
    return getattr(torch.nn, kind)()
