"""A table of a model: each layer's output shape, parameters and operations."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from byhand.nn.containers import Container
from byhand.nn.layer import Array, Layer, Shape
from byhand.nn.trace import recording


@dataclass(frozen=True)
class SummaryRow:
    """One layer: the shape of its output for one image, and what it costs."""

    name: str
    layer: str
    output_shape: Shape
    parameters: int
    operations: int  # of one image's forward; a multiply-add is two


@dataclass(frozen=True)
class Summary:
    """The rows, and their sums; a parameter used twice counts once in `parameters`."""

    input_shape: Shape
    rows: tuple[SummaryRow, ...]
    parameters: int
    operations: int

    def as_dicts(self) -> list[dict[str, Any]]:
        """The rows as plain values, for JSON."""
        return [asdict(row) for row in self.rows]

    def __str__(self) -> str:
        lines = [("name", "layer", "output", "parameters", "operations")]
        lines.append(("", "input", "×".join(map(str, self.input_shape)), "", ""))
        for r in self.rows:
            shape = "×".join(map(str, r.output_shape))
            lines.append((r.name, r.layer, shape, f"{r.parameters:,}", f"{r.operations:,}"))
        lines.append(("", "total", "", f"{self.parameters:,}", f"{self.operations:,}"))
        widths = [max(len(line[i]) for line in lines) for i in range(5)]
        return "\n".join(
            "  ".join(
                text.rjust(width) if i > 2 else text.ljust(width)
                for i, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )


def summary(model: Layer, image_shape: Shape) -> Summary:
    """The table of `model` for images of `image_shape` (C, H, W).

    Raises:
        ShapeError: such images do not fit the model; names the layer.
    """
    model.output_shape(image_shape)  # says which layer they do not fit
    sizes: dict[str, tuple[Shape, Shape]] = {}

    def see(name: str, layer: Layer, x: Array, y: Array) -> None:
        sizes[name] = (x.shape[1:], y.shape[1:])

    watched = recording(model, see)
    with np.errstate(all="ignore"):  # the shapes alone are of interest, whatever the weights are
        watched.forward(np.zeros((1, *image_shape), model.flat.dtype))
    rows = []
    for name, layer in leaves(model):
        taken, given = sizes[name]
        count = sum(p.size for _, p in layer.named_params())
        rows.append(SummaryRow(name, type(layer).__name__, given, count, layer.operations(taken)))
    return Summary(image_shape, tuple(rows), model.flat.size, sum(r.operations for r in rows))


def leaves(model: Layer, prefix: str = "") -> list[tuple[str, Layer]]:
    """The innermost layers with their dotted names, in order."""
    if not isinstance(model, Container):
        return [(prefix.rstrip("."), model)]
    found = []
    for name, child in model.children().items():
        found += leaves(child, f"{prefix}{name}.")
    return found
