"""A table of a model: each layer's output shape, parameters and operations."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from byhand.nn.containers import Container, Sequential
from byhand.nn.layer import Layer, Shape
from byhand.nn.memory import shapes


@dataclass(frozen=True)
class SummaryRow:
    """One layer: the shape of its output for one image, and what it costs."""

    name: str
    layer: str
    output_shape: Shape
    parameters: int
    operations: int  # of one image's forward; a multiply-add is two
    fused: str = ""  # the compiled core's kernel that does it and its neighbours in one pass


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
        lines = [("name", "layer", "output", "parameters", "operations", "fused")]
        lines.append(("", "input", "×".join(map(str, self.input_shape)), "", "", ""))
        for r in self.rows:
            shape = "×".join(map(str, r.output_shape))
            counts = f"{r.parameters:,}", f"{r.operations:,}"
            lines.append((r.name, r.layer, shape, *counts, r.fused))
        lines.append(("", "total", "", f"{self.parameters:,}", f"{self.operations:,}", ""))
        widths = [max(len(line[i]) for line in lines) for i in range(6)]
        return "\n".join(
            "  ".join(
                text.rjust(width) if i in (3, 4) else text.ljust(width)
                for i, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )


def summary(model: Layer, image_shape: Shape) -> Summary:
    """The table of `model` for images of `image_shape` (C, H, W).

    Raises:
        ShapeError: such images do not fit the model; names the layer.
    """
    rows: dict[str, SummaryRow] = {}
    kernels = fused_kernels(model)

    def see(name: str, layer: Layer, taken: Shape, given: Shape) -> None:
        count = sum(p.size for _, p in layer.named_params())
        kind = type(layer).__name__
        cost = layer.operations(taken)
        rows[name] = SummaryRow(name, kind, given, count, cost, kernels.get(name, ""))

    parameters = model.flat.size  # and says where `init` is still to be called
    shapes(model, image_shape, see)
    return Summary(
        image_shape,
        tuple(rows[name] for name, _ in leaves(model)),
        parameters,
        sum(row.operations for row in rows.values()),
    )


def leaves(model: Layer, prefix: str = "") -> list[tuple[str, Layer]]:
    """The innermost layers with their dotted names, in order."""
    if not isinstance(model, Container):
        return [(prefix.rstrip("."), model)]
    named = []
    for name, child in model.children().items():
        named += leaves(child, f"{prefix}{name}.")
    return named


def fused_kernels(model: Layer, prefix: str = "") -> dict[str, str]:
    """By a layer's dotted name, the kernel that does it together with its neighbours.

    The compiled core has such kernels (fusion.py); on NumPy arrays, and where a pass is watched as
    in `trace`, each layer runs by itself.
    """
    if not isinstance(model, Container):
        return {}
    kernels: dict[str, str] = {}
    for step in model.steps(fused=True) if isinstance(model, Sequential) else ():
        places = range(step.place, step.place + step.size)
        kernels |= {f"{prefix}{place}": step.kernel for place in places if step.kernel}
    for name, child in model.children().items():
        kernels |= fused_kernels(child, f"{prefix}{name}.")
    return kernels
