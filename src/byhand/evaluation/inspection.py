"""What a model is made of, what its kernels respond to, and what happens to one picture in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import nn
from byhand.evaluation.describe import KernelDescription, describe_kernel
from byhand.evaluation.look import Look, first_weights, look_at, traced
from byhand.evaluation.predict import Pictures


@dataclass(frozen=True)
class LayerPass:
    """One picture's pass through a layer and back.

    Args:
        name: dotted, as in the parameters' names.
        kind: the layer's class.
        kept: what it keeps from forward for backward.
        arrives: the norm of the loss's gradient by the layer's output.
        gradients: the norm of the loss's gradient by each of its parameters, by its own name.
    """

    name: str
    kind: str
    kept: tuple[nn.Kept, ...]
    arrives: float
    gradients: dict[str, float]


@dataclass(frozen=True, eq=False)
class Inspection:
    """What `inspect` finds.

    Args:
        table: layers, shapes, parameters and operations.
        remarks: where the order of layers goes against the usual advice.
        norms: of each parameter, by its dotted name.
        filters: (F, C, KH, KW), as in `first_weights`; or None.
        filters_name: their layer.
        kernels: what each filter responds to, of the mean over its channels; empty where they are
            no kernels of a convolution.
        seen: one picture's way through the layers, or None.
        label: the picture's class, or None.
        loss: of that picture; NaN without a label.
        passes: forward and back, layer by layer; empty without a label.
    """

    table: nn.Summary
    remarks: tuple[str, ...]
    norms: dict[str, float]
    filters: NDArray[np.float32] | None
    filters_name: str
    kernels: tuple[KernelDescription, ...]
    seen: Look | None
    label: int | None
    loss: float
    passes: tuple[LayerPass, ...]


def inspect(model: nn.Layer, image: Pictures | None = None, label: int | None = None) -> Inspection:
    """Look at a model, with a picture also at what it makes of it.

    Args:
        model: gives logits; its card says what pictures it takes.
        image: one picture, in any form that `predict` takes.
        label: the number of its class, for the gradients; without it, or where the model has no
            such class, there are none.

    Raises:
        ShapeError, InputError: as `look`.
    """
    card = model.card
    filters, name = first_weights(model, card.image_shape)
    layers = dict(nn.leaves(model))
    kernels: tuple[KernelDescription, ...] = ()
    if filters is not None and isinstance(layers[name], nn.Conv2d) and np.isfinite(filters).all():
        kernels = tuple(describe_kernel(kernel) for kernel in filters.mean(axis=1))
    known = label if label is not None and 0 <= label < len(card.classes) else None
    seen, loss, passes = None, math.nan, tuple[LayerPass, ...]()
    if image is not None:
        picture, trace = traced(model, image, known)
        seen = look_at(model, picture, trace)
        if trace.loss is not None:
            loss, passes = trace.loss, tuple(_pass(layer) for layer in trace)
    return Inspection(
        table=nn.summary(model, card.image_shape),
        remarks=nn.remarks(model),
        norms={name: _norm(value) for name, value in model.parameters().items()},
        filters=filters,
        filters_name=name,
        kernels=kernels,
        seen=seen,
        label=known,
        loss=loss,
        passes=passes,
    )


def _pass(layer: nn.LayerTrace) -> LayerPass:
    return LayerPass(
        name=layer.name,
        kind=layer.kind,
        kept=tuple(nn.kept(layer)),
        arrives=math.nan if layer.dy is None else _norm(layer.dy),
        gradients={name: _norm(value) for name, value in layer.grads.items()},
    )


def _norm(values: NDArray[Any]) -> float:
    return float(np.linalg.norm(values.astype(np.float64)))
