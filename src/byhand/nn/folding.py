"""Batch normalisation folded into the layer before it: the same function with less to compute."""

from __future__ import annotations

import numpy as np

from byhand.nn.containers import Sequential
from byhand.nn.layer import Layer
from byhand.nn.layers.conv import Conv2d
from byhand.nn.layers.linear import Linear
from byhand.nn.layers.norm import BatchNorm


def fold_batch_norm(model: Layer) -> Layer:
    """The model for evaluation, without batch normalisation behind convolutions and linear.

    In evaluation y = weight * (x - mean) / sqrt(var + eps) + bias is a factor and a shift for each
    channel, which the layer that gives x can take into its own weights:

        scale = weight / sqrt(var + eps)
        weight' = weight_of_x * scale,  bias' = (bias_of_x - mean) * scale + bias

    It gives what `model` gives in evaluation, to rounding, and is a model of its own, which no
    longer follows `model`. Training it would be training another network.

    Args:
        model: a `Sequential`; another model, and a layer that occurs twice, is left as it is.
    """
    if not isinstance(model, Sequential):
        return model
    own = model.copy()
    layers: list[Layer] = []
    for layer in own.layers:
        before = layers[-1] if layers else None
        if (
            isinstance(layer, BatchNorm)
            and isinstance(before, Conv2d | Linear)
            and type(before) in (Conv2d, Linear)  # no class of one's own, which may do otherwise
            and own.layers.count(before) < 2  # 0: one that was folded already
        ):
            layers[-1] = _folded(before, layer)
        else:
            layers.append(layer)
    if len(layers) == len(own.layers):
        return model
    folded = Sequential(*layers)
    kept = {
        name: param.value.copy()
        for name, param in (*folded.named_params(), *folded.named_buffers())
    }
    folded.allocate(model.flat.dtype)
    for name, param in (*folded.named_params(), *folded.named_buffers()):
        param.value[...] = kept[name]
    folded.card = model.card
    return folded


@np.errstate(divide="ignore", over="ignore", invalid="ignore")  # told where it is asked to predict
def _folded(layer: Conv2d | Linear, norm: BatchNorm) -> Conv2d | Linear:
    scale = norm.weight.value / np.sqrt(norm.running_var.value + norm.eps)  # (F,)
    weight = layer.weight.value
    shift = (
        -norm.running_mean.value
        if layer.bias is None
        else (layer.bias.value - norm.running_mean.value)
    )
    other: Conv2d | Linear
    if isinstance(layer, Conv2d):
        other = Conv2d(
            layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding
        )
    else:
        other = Linear(layer.in_features, layer.out_features)
    other.allocate(weight.dtype)
    other.weight.value[...] = weight * scale.reshape(-1, *(1,) * (weight.ndim - 1))
    if other.bias is not None:
        other.bias.value[...] = shift * scale + norm.bias.value
    return other
