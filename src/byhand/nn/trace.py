"""One pass through a model with everything kept: what a learner prints and a page draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from byhand import kernels
from byhand.kernels import Key
from byhand.nn.containers import StandIn, map_innermost
from byhand.nn.layer import Array, Layer
from byhand.nn.layer import backward as run_backward
from byhand.nn.layer import forward as run_forward
from byhand.nn.param import NamedVector
from byhand.nn.summary import fused_kernels


@dataclass
class LayerTrace:
    """What one layer saw and did, in (N, ...) arrays; the gradients after a backward only."""

    name: str  # dotted, as in the parameters' names
    layer: Layer
    input: Array
    output: Array
    cache: Any  # what backward needs
    dy: Array | None = None  # dloss/doutput, from the layer after
    dx: Array | None = None  # dloss/dinput, for the layer before
    grads: dict[str, Array] = field(default_factory=dict)  # dloss/dparameter by the layer's names
    fused: str = ""  # the kernel that, untraced, does it and its neighbours in one pass; or ""

    @property
    def kind(self) -> str:
        """The layer's class."""
        return type(self.layer).__name__


@dataclass
class Trace:
    """The layers in the order of the forward pass, by number or by name; the output (N, ...)."""

    layers: list[LayerTrace]
    output: Array
    loss: float | None = None

    def __getitem__(self, which: int | str) -> LayerTrace:
        if isinstance(which, int):
            return self.layers[which]
        for layer in self.layers:
            if layer.name == which:
                return layer
        raise KeyError(which)

    def __iter__(self) -> Iterator[LayerTrace]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __str__(self) -> str:
        lines = []
        for t in self.layers:
            line = f"{t.name:8s} {t.kind:14s} {t.input.shape} -> {t.output.shape}"
            for name, grad in t.grads.items():
                line += f"  |d{name}| {float((grad.astype(float) ** 2).sum() ** 0.5):.3g}"
            line += f"  (untraced, in one pass: {t.fused})" if t.fused else ""
            lines.append(line)
        return "\n".join(lines)


class Watched(StandIn):
    """A layer that tells of its forward and backward passes and is otherwise the one inside."""

    def __init__(
        self,
        name: str,
        layer: Layer,
        forward: Callable[[str, Layer, Array, Array, Any], None],
        backward: Callable[[str, Array, Array | None, dict[str, Array]], None] | None,
    ) -> None:
        super().__init__(name, layer)
        self._forward, self._backward = forward, backward

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """The layer's own, told."""
        y, cache = self._layer.forward(x, train, key)
        self._forward(self._name, self._layer, x, y, cache)
        return y, cache

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """The layer's own, told."""
        if self._backward is None:
            return self._layer.backward(dy, cache, grads, need_dx)
        before = {name: view.copy() for name, view in grads.items()}
        dx = self._layer.backward(dy, cache, grads, need_dx)
        # A layer used twice adds to the same gradient twice: this is the part of this use.
        self._backward(self._name, dy, dx, {k: v - before[k] for k, v in grads.items()})
        return dx


def watch(
    model: Layer,
    forward: Callable[[str, Layer, Array, Array, Any], None],
    backward: Callable[[str, Array, Array | None, dict[str, Array]], None] | None = None,
) -> Layer:
    """The same model (its parameters too) with every innermost layer telling what it does."""
    return map_innermost(model, lambda name, layer: Watched(name, layer, forward, backward))


def trace(
    model: Layer,
    x: Array,
    labels: Array | None = None,
    train: bool = False,
    key: Key | None = None,
) -> Trace:
    """One forward pass of x (N, ...), and with labels one backward of the mean cross-entropy.

    Changes nothing in the model. `train` and `key` are as in `forward`. So that each layer is seen,
    all run by themselves; untraced, the compiled core does some in one pass (`LayerTrace.fused`).
    """
    seen: list[LayerTrace] = []
    fused = fused_kernels(model)

    def forward(name: str, layer: Layer, x: Array, y: Array, cache: Any) -> None:
        arrays = kernels.as_numpy(x), kernels.as_numpy(y)
        seen.append(LayerTrace(name, layer, *arrays, cache, fused=fused.get(name, "")))

    pending: list[LayerTrace] = []

    def backward(name: str, dy: Array, dx: Array | None, grads: dict[str, Array]) -> None:
        # A layer used twice is met last use first, as backward goes.
        last = max(i for i, t in enumerate(pending) if t.name == name)
        met = pending.pop(last)
        met.dy, met.dx = kernels.as_numpy(dy), None if dx is None else kernels.as_numpy(dx)
        met.grads = grads

    watched = watch(model, forward, backward)
    output, cache = run_forward(watched, x, train, key)
    if labels is None:
        return Trace(seen, kernels.as_numpy(output))
    pending += seen
    losses, loss_cache = kernels.cross_entropy(output, labels)
    value, share = kernels.mean_loss(losses)
    doutput = kernels.cross_entropy_backward(share, loss_cache)
    run_backward(watched, doutput, cache, model.new_grads())
    return Trace(seen, kernels.as_numpy(output), value)
