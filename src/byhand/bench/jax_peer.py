"""JAX as a contestant: one compiled function for a step, one for inference.

Arrays are (N, H, W, C), as JAX's own examples have them. Dropout is left out, which spares JAX the
drawing of random numbers: its step of deep_convnet does less than the others'.
"""

from __future__ import annotations

import math
import os
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import nn
from byhand.bench.cases import IMAGE
from byhand.bench.contestant import Contestant, Labels, Pictures


class Jax(Contestant):
    """Jitted JAX with optax's optimisers, parameters given away from step to step."""

    name = "jax"
    package = "jax"

    def set_up(self, model: nn.Sequential) -> None:
        """Our weights in JAX's order of axes, and the three functions, compiled when first used."""
        # Read once, when JAX starts: the processor, not a GPU, and this many threads. JAX has no
        # other setting for threads; where it is running already it keeps what it began with.
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        os.environ["NPROC"] = str(self.threads)
        jax: Any = import_module("jax")
        jnp: Any = import_module("jax.numpy")
        optax: Any = import_module("optax")
        self.layers = tuple(model)
        self.shapes = _weight_shapes(model)
        self.params = {
            name: jnp.array(_to_jax(value, self.shapes[name]))
            for name, value in model.parameters().items()
        }
        kinds = {"adam": optax.adam, "sgd": optax.sgd}
        optimiser = kinds[self.case.optimiser](self.rate)
        self.state = optimiser.init(self.params)
        self.ready = jax.block_until_ready

        def loss(params: Any, x: Any, labels: Any) -> Any:
            logits = self._forward(params, x)
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

        def step(params: Any, state: Any, x: Any, labels: Any) -> Any:
            value, grads = jax.value_and_grad(loss)(params, x, labels)
            updates, state = optimiser.update(grads, state, params)
            return optax.apply_updates(params, updates), state, value

        self._step = jax.jit(step, donate_argnums=(0, 1))
        self._grad = jax.jit(jax.grad(loss))
        self._infer = jax.jit(
            lambda params, x: self._forward(params, x.transpose(0, 2, 3, 1))  # (N, H, W, C)
        )

    def infer(self, x: Pictures) -> NDArray[np.float32]:
        """Compiled anew for each number of pictures."""
        return np.asarray(self._infer(self.params, x))

    def batch(self, x: Pictures, labels: Labels) -> Any:
        """JAX's arrays, (N, H, W, C)."""
        jnp: Any = import_module("jax.numpy")
        return jnp.array(x.transpose(0, 2, 3, 1)), jnp.array(labels, np.int32)

    def step(self, batch: Any) -> float:
        """One call of the compiled step, waited for."""
        self.params, self.state, value = self._step(self.params, self.state, *batch)
        self.ready((self.params, self.state))
        return float(value)

    def gradients(self, batch: Any) -> dict[str, NDArray[Any]]:
        """Brought back to our order of axes."""
        grads = self._grad(self.params, *batch)
        return {name: _from_jax(np.asarray(g), self.shapes[name]) for name, g in grads.items()}

    def _forward(self, params: Any, x: Any) -> Any:
        # x (N, H, W, C) through the layers; traced by JAX, so written with its operations.
        lax: Any = import_module("jax.lax")
        relu: Any = import_module("jax.nn").relu
        for i, layer in enumerate(self.layers):
            kind = type(layer).__name__
            if kind == "Conv2d":
                p = layer.padding  # type: ignore[attr-defined]
                x = lax.conv_general_dilated(
                    x, params[f"{i}.weight"], (1, 1), [(p, p), (p, p)],
                    dimension_numbers=("NHWC", "HWIO", "NHWC"),
                ) + params[f"{i}.bias"]  # fmt: skip
            elif kind == "ReLU":
                x = relu(x)
            elif kind == "MaxPool2d":
                window = (1, layer.kernel_size, layer.kernel_size, 1)  # type: ignore[attr-defined]
                x = lax.reduce_window(x, -np.inf, lax.max, window, window, "VALID")
            elif kind == "Flatten":
                x = x.reshape(x.shape[0], -1)  # (N, H, W, C) -> (N, H*W*C)
            elif kind == "Linear":
                x = x @ params[f"{i}.weight"] + params[f"{i}.bias"]
        return x


def _weight_shapes(model: nn.Sequential) -> dict[str, tuple[int, ...]]:
    """Each parameter's shape; a linear layer after Flatten gets (O, C, H, W), as it reads maps."""
    shapes: dict[str, tuple[int, ...]] = {}
    shape: tuple[int, ...] = IMAGE
    maps: tuple[int, ...] | None = None  # (C, H, W) that Flatten was given, until it is used
    for i, layer in enumerate(model):
        for name, param in layer.named_params(f"{i}."):
            shapes[name] = param.shape
        if isinstance(layer, nn.Flatten):
            maps = shape
        elif isinstance(layer, nn.Linear):
            if maps is not None:
                shapes[f"{i}.weight"] = (layer.out_features, *maps)
            maps = None
        shape = layer.output_shape(shape)
    return shapes


def _to_jax(value: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    # Kernels (F, C, KH, KW) -> (KH, KW, C, F); matrices (O, I) -> (I, O), where I is C*H*W in ours
    # and H*W*C in JAX's if it comes from maps.
    if len(shape) < 3:
        return value.T
    turned = value.reshape(shape).transpose(2, 3, 1, 0)
    return turned if value.ndim == 4 else turned.reshape(-1, shape[0])


def _from_jax(value: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    # The way back.
    if len(shape) < 3:
        return value.T
    f, c, h, w = shape
    turned = value.reshape(h, w, c, f).transpose(3, 2, 0, 1)
    return turned if value.ndim == 4 else turned.reshape(f, math.prod((c, h, w)))
