"""One picture's pass through a network and back, in numbers that a page can draw."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import kernels, nn
from byhand.experiments.lab.experiment import Record

Array = NDArray[Any]

CHANNELS = 6  # the first of each layer are drawn
STEP = 1e-5  # of the finite differences, in float64
EDGES = np.linspace(-8, 2, 51)  # of the histograms: powers of ten; the ends take what is beyond


def names(trace: nn.Trace) -> dict[str, nn.LayerTrace]:
    """The layers with parameters, by what a reader calls them: "conv 1", "linear 2"."""
    named: dict[str, nn.LayerTrace] = {}
    count: Counter[str] = Counter()
    for layer in trace:
        if layer.grads:
            kind = {"Conv2d": "conv", "Linear": "linear"}.get(layer.kind, layer.kind)
            count[kind] += 1
            named[f"{kind} {count[kind]}"] = layer
    return named


def layer_rows(trace: nn.Trace, labels: Array) -> dict[str, Any]:
    """A row a layer, and how far the gradient that begins is from softmax less the label."""
    called = {layer.name: name for name, layer in names(trace).items()}
    rows = []
    for t in trace:
        assert t.dy is not None
        rows.append({
            "layer": t.kind, "called": called.get(t.name, ""),
            "output": list(t.output.shape[1:]),
            "kept": [[part.what, list(part.shape), part.bytes] for part in nn.kept(t)],
            "unfolded": _unfolded(t),
            "arrives": _norm(t.dy), "leaves": _norm(t.dx),
            "arrives, rms": _norm(t.dy) / math.sqrt(t.dy.size),
            "output, rms": _norm(t.output) / math.sqrt(t.output.size),
            "parameters": {name: _norm(grad) for name, grad in t.grads.items()},
        })  # fmt: skip
    start = kernels.softmax(trace.output)[0]
    start[np.arange(len(labels)), labels] -= 1
    first = trace[-1].dy
    assert first is not None
    return {
        "loss": trace.loss,
        "layers": rows,
        "start": float(np.abs(first - start / len(labels)).max()),
    }


def _norm(values: Array | None) -> float:
    return math.nan if values is None else float(np.linalg.norm(values.astype(np.float64)))


def _unfolded(t: nn.LayerTrace) -> int:
    """Bytes of the unfolded input of a convolution, which the study's keeps and ours does not."""
    if not isinstance(t.layer, nn.Conv2d):
        return 0
    return 4 * math.prod(t.layer.weight.shape[1:]) * math.prod(t.output.shape[2:])


def checked(model: nn.Layer, x: Array, labels: Array, seed: int) -> list[dict[str, Any]]:
    """Backward beside central differences of the loss, in float64: two places a parameter.

    The place of the largest gradient, and one drawn among the others that are not 0.
    """
    double, x, key = model.copy(np.float64), x.astype(np.float64), nn.Key(seed)
    rng = np.random.default_rng(seed)

    def loss() -> float:
        losses, _ = kernels.cross_entropy(double.forward(x, True, key)[0], labels)
        return float(kernels.mean_loss(losses)[0])

    rows = []
    for called, t in names(nn.trace(double, x, labels, train=True, key=key)).items():
        for name, gradient in t.grads.items():
            values, sizes = double.parameters()[f"{t.name}.{name}"], np.abs(gradient).ravel()
            top = int(sizes.argmax())
            largest, others = float(sizes[top]), np.delete(np.arange(sizes.size), top)
            drawn_from = others[sizes[others] > 0] if (sizes[others] > 0).any() else others
            for place in (top, int(rng.choice(drawn_from))):
                where = np.unravel_index(place, gradient.shape)
                before, sides = values[where], []
                for step in (STEP, -STEP):
                    values[where] = before + step
                    sides.append(loss())
                values[where] = before
                ours, numeric = float(gradient[where]), (sides[0] - sides[1]) / (2 * STEP)
                rows.append({
                    "parameter": f"{called} {name}", "place": [int(i) for i in where],
                    "backward": ours, "differences": numeric,
                    "apart": abs(ours - numeric) / largest if largest else abs(numeric),
                })  # fmt: skip
    return rows


def arrays(trace: nn.Trace, state: str) -> Record:
    """The arrays that the pictures are of: maps, gradients, histograms."""
    record: Record = {f"{state}, picture": _one(trace[0].dx)}
    for name, t in names(trace).items():
        if t.output.ndim == 4:
            record[f"{state}, {name}, maps"] = t.output[0, :CHANNELS]
            record[f"{state}, {name}, gradients"] = _one(t.dy)[:CHANNELS]
        for what, values in (("outputs", t.output), ("gradients", t.dy)):
            record[f"{state}, {name}, {what} counted"] = counted(values)
    return record


def _one(values: Array | None) -> Array:
    assert values is not None
    return values[0]


def counted(values: Array | None) -> NDArray[np.int64]:
    """How many magnitudes are between the powers of ten `EDGES`; zeros are left out."""
    sizes = np.abs(_one(values).ravel())
    powers = np.log10(sizes[sizes > 0].astype(np.float64))
    return np.histogram(np.clip(powers, EDGES[0], EDGES[-1]), EDGES)[0]
