"""Remarks on the order of layers, where a model goes against the usual advice."""

from __future__ import annotations

from byhand.nn.containers import Container, Sequential
from byhand.nn.layer import Layer
from byhand.nn.layers.activation import Activation, LogSoftmax, ReLU, Softmax
from byhand.nn.layers.conv import Conv1d, Conv2d
from byhand.nn.layers.dropout import Dropout
from byhand.nn.layers.linear import Linear
from byhand.nn.layers.norm import BatchNorm
from byhand.nn.layers.pool import MaxPool1d, MaxPool2d


def remarks(model: Layer) -> tuple[str, ...]:
    """One sentence for each place that goes against the advice, with the reason.

    The advice: convolution, batch norm, activation, pooling; linear, batch norm, ReLU, dropout;
    the last layer gives logits as they are.
    """
    remarks: list[str] = []
    _look(model, "", remarks)
    return tuple(remarks)


def _look(layer: Layer, prefix: str, remarks: list[str]) -> None:
    if isinstance(layer, Sequential):
        _order(layer, prefix, remarks)
    if isinstance(layer, Container):
        for name, child in layer.children().items():
            _look(child, f"{prefix}{name}.", remarks)


def _order(model: Sequential, prefix: str, remarks: list[str]) -> None:
    weighted = (Conv1d, Conv2d, Linear)
    layers = list(model.layers)
    for i, layer in enumerate(layers):
        before = layers[i - 1] if i else None
        place = f"layer {prefix}{i}"
        if isinstance(layer, BatchNorm) and isinstance(before, ReLU):
            remarks.append(
                f"{place}: batch norm stands after ReLU, where it shifts the zeros that ReLU "
                "made; put it before"
            )
        if isinstance(layer, BatchNorm) and isinstance(before, Dropout):
            remarks.append(
                f"{place}: batch norm stands after dropout, whose noise is in its statistics "
                "only while training; the order is linear, batch norm, ReLU, dropout"
            )
        if isinstance(layer, Dropout):
            later = [x for x in layers[i + 1 :] if isinstance(x, (*weighted, Container))]
            if later and isinstance(later[0], Conv1d | Conv2d):
                remarks.append(
                    f"{place}: dropout stands among convolutions, whose neighbouring values "
                    "tell what was dropped; keep it for the linear layers"
                )
            elif not later and not prefix:
                remarks.append(
                    f"{place}: dropout drops logits, so that in training a class may be hidden; "
                    "put it before the last linear layer"
                )
        if isinstance(layer, weighted):
            after = layers[i + 1 :]
            kinds = (*weighted, Activation, MaxPool1d, MaxPool2d, Container)
            next_one = next((x for x in after if isinstance(x, kinds)), None)
            if isinstance(next_one, weighted):
                remarks.append(
                    f"{place}: no activation comes between it and the next layer with weights, "
                    "so that the two are one linear map"
                )
    if not prefix and layers and isinstance(layers[-1], Softmax | LogSoftmax):
        remarks.append(
            f"layer {len(layers) - 1}: {type(layers[-1]).__name__} stands last, but the loss and "
            "predict take logits; leave it out"
        )
