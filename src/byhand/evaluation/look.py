"""What a network sees: its first weights as pictures, and one picture's way through the layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import kernels, nn
from byhand.data import Standardisation
from byhand.errors import ShapeError
from byhand.evaluation.predict import Pictures, as_pictures, probabilities_of
from byhand.evaluation.reading import array_of, read_arrays, reading
from byhand.files import atomic_write

NPZ = "look.npz"
_STAGES = {
    "Conv2d": "convolution", "ReLU": "activation", "LeakyReLU": "activation",
    "Sigmoid": "activation", "Tanh": "activation", "GELU": "activation",
    "MaxPool2d": "pooling", "AvgPool2d": "pooling",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class LayerOutput:
    """What one layer made of the picture.

    Args:
        name: dotted, as in the parameters' names.
        kind: the layer's class.
        shape: of the whole output, without N.
        output: (channels kept, H, W) or (D,), float32: the first channels, all of a vector.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    output: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Look:
    """One picture through a network.

    Args:
        picture: (C, H, W) float32 in 0..1, as given.
        layers: the outputs in the order of the forward pass.
        probabilities: (K,) float32.
        classes: K names.
        filters: (kept, C, KH, KW) float32, the weights of the first layer that has any, where they
            can be drawn: a convolution's kernels, or a linear layer's rows in the shape of the
            picture; else None.
        filters_name: that layer's name, or "".
    """

    picture: NDArray[np.float32]
    layers: tuple[LayerOutput, ...]
    probabilities: NDArray[np.float32]
    classes: tuple[str, ...]
    filters: NDArray[np.float32] | None = None
    filters_name: str = ""

    def first_rows(self) -> dict[str, NDArray[np.float32]]:
        """The kernels of the first convolution, and what becomes of the picture channel by channel.

        By name, in order, each (kept, H, W): "kernels" (the mean over their channels), "picture"
        (again and again), and the outputs from the convolution up to the next one, or as long as
        there are pictures of as many channels; named "convolution", "activation", "pooling" where
        they are that, else by their class. Empty where the model does not begin with a convolution.
        """
        first = self.layers[0] if self.layers else None
        if first is None or first.kind != "Conv2d" or self.filters is None:
            return {}
        n = len(first.output)
        rows = {
            "kernels": self.filters.mean(axis=1)[:n],
            "picture": np.repeat(self.picture.mean(axis=0, keepdims=True), n, axis=0),
        }
        for i, layer in enumerate(self.layers):
            if len(layer.shape) != 3 or layer.shape[0] != first.shape[0] or (
                i and layer.kind == first.kind
            ):  # fmt: skip
                break
            name = _STAGES.get(layer.kind, layer.kind)
            rows[f"{layer.name} {name}" if name in rows else name] = layer.output
        return rows

    def save(self, path: str | Path) -> None:
        """Write to `path`, or as look.npz into the folder `path`.

        Raises:
            FileWriteError: it cannot be written.
        """
        values: dict[str, Any] = {
            "picture": self.picture,
            "probabilities": self.probabilities,
            "classes": np.array(self.classes, dtype=np.str_),
            "names": np.array([layer.name for layer in self.layers], dtype=np.str_),
            "kinds": np.array([layer.kind for layer in self.layers], dtype=np.str_),
            "filters_name": np.array(self.filters_name, dtype=np.str_),
        }
        if self.filters is not None:
            values["filters"] = self.filters
        for i, layer in enumerate(self.layers):
            values[f"output_{i}"] = layer.output
            values[f"shape_{i}"] = np.array(layer.shape, np.int64)
        with atomic_write(_file(path)) as file:
            np.savez_compressed(file, **values)

    @staticmethod
    def load(path: str | Path) -> Look:
        """Read what `save` wrote.

        Raises:
            DataError: the file is missing, broken, or not such a record.
        """
        path = _file(path)
        with reading(path, "a look"):
            kept = read_arrays(path)
            names = array_of(kept, "names", np.str_, (None,))
            kinds = array_of(kept, "kinds", np.str_, (len(names),))
            classes = array_of(kept, "classes", np.str_, (None,))
            picture = array_of(kept, "picture", np.floating, (None,) * 3)
            filters = None
            if "filters" in kept:
                filters = array_of(kept, "filters", np.floating, (None,) * 4)
            if not picture.size or (filters is not None and not filters.size):
                raise ValueError("its pictures are empty")
            return Look(
                picture=picture,
                layers=tuple(
                    _layer(kept, i, str(name), str(kind))
                    for i, (name, kind) in enumerate(zip(names, kinds, strict=True))
                ),
                probabilities=array_of(kept, "probabilities", np.floating, (len(classes),)),
                classes=tuple(str(name) for name in classes),
                filters=filters,
                filters_name=str(array_of(kept, "filters_name", np.str_, ())),
            )


def _layer(kept: Mapping[str, NDArray[Any]], i: int, name: str, kind: str) -> LayerOutput:
    # The i-th layer's output as `Look.save` wrote it: some channels of its whole shape.
    shape = array_of(kept, f"shape_{i}", np.int64, (None,))
    output = array_of(kept, f"output_{i}", np.floating, (None, *shape[1:].tolist()))
    if not len(shape) or not output.size or len(output) > shape[0]:
        raise ValueError(f"its layer {name} is of shape {tuple(shape)}")
    return LayerOutput(name, kind, tuple(shape.tolist()), output)


def look(model: nn.Layer, image: Pictures, max_channels: int = 16) -> Look:
    """Send one picture through `model` and keep what every layer gives.

    Args:
        model: gives logits; its card says what pictures it takes.
        image: one picture, in any form that `predict` takes.
        max_channels: of each output and of the filters, the first so many are kept.

    Raises:
        ShapeError: not one picture, or not the model's size.
        InputError: values outside 0..1, or NaN.
    """
    picture, trace = traced(model, image)
    return look_at(model, picture, trace, max_channels)


def traced(
    model: nn.Layer, image: Pictures, label: int | None = None
) -> tuple[NDArray[np.float32], nn.Trace]:
    """One picture (C, H, W) in 0..1, and its pass through the model; with a label also back.

    Raises:
        ShapeError, InputError: as `look`.
    """
    card = model.card
    pictures = as_pictures(image, card.image_shape)
    if len(pictures) != 1:
        raise ShapeError(f"{len(pictures)} pictures were given to look at: give one")
    unit = Standardisation.unit(card.image_shape[0])
    x = (card.standardisation or unit).apply(pictures)
    with np.errstate(over="ignore", invalid="ignore"):  # `look_at` tells of what is not finite
        trace = nn.trace(model, x, None if label is None else np.array([label]))
    return unit.apply(pictures)[0], trace


def look_at(
    model: nn.Layer, picture: NDArray[np.float32], trace: nn.Trace, max_channels: int = 16
) -> Look:
    """The look at a picture that `traced` sent through the model.

    Raises:
        ByhandError: the model's outputs are not finite.
    """
    card = model.card
    layers = []
    for seen in trace:
        y = np.asarray(kernels.as_numpy(seen.output)[0], np.float32)
        layers.append(
            LayerOutput(seen.name, seen.kind, y.shape, y[:max_channels] if y.ndim > 1 else y)
        )
    filters, name = first_weights(model, card.image_shape)
    return Look(
        picture=picture,
        layers=tuple(layers),
        probabilities=probabilities_of(np.asarray(kernels.as_numpy(trace.output), np.float32))[0],
        classes=card.classes,
        filters=None if filters is None else filters[:max_channels].astype(np.float32),
        filters_name=name,
    )


def first_weights(
    model: nn.Layer, image_shape: tuple[int, int, int]
) -> tuple[NDArray[Any] | None, str]:
    """The weights that look at the picture, (F, C, KH, KW), and their layer's name; or None."""
    for name, layer in nn.leaves(model):
        weights = [p.value for own, p in layer.named_params() if own == "weight"]
        weight = weights[0] if weights else np.empty(0)
        if weight.ndim == 4:  # (F, C, KH, KW)
            return weight, name
        if weight.ndim == 2 and weight.shape[1] == math.prod(image_shape):
            return weight.reshape(-1, *image_shape), name  # (F, C*H*W) -> (F, C, H, W)
        if weight.ndim > 1:
            break  # what comes after the first weights looks at no picture
    return None, ""


def _file(path: str | Path) -> Path:
    path = Path(path)
    return path if path.suffix == ".npz" else path / NPZ
