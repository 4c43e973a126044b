"""One picture through a network and back, as values that a page can draw and explain."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import checks, kernels, nn, optim
from byhand.app.arrays import encode
from byhand.app.problems import Problem
from byhand.data import Standardisation
from byhand.nn.registry import arguments

MOST_STEPS = 50
MOST_VALUES = 2**23  # of all layers' outputs together: 32 MB, as many as a page can show
_SQUARE, _APART = 7, 2  # pixels: what is hidden at a time, and how far apart
_AT_ONCE = 2**28  # bytes of the pictures that go through a network together


def traced(model: nn.Layer, seen: NDArray[np.uint8], label: int | None) -> dict[str, Any]:
    """Every layer's output, and with a label its gradients.

    Args:
        model: reads (1, 28, 28).
        seen: (28, 28).
        label: the number of the class that it should have been; None: forward only.

    Raises:
        Problem: its layers have more than `MOST_VALUES`.
    """
    x = _input(model, seen)
    trace = nn.trace(model, x, None if label is None else np.array([label]))
    values = sum(layer.output.size for layer in trace)
    if values > MOST_VALUES:
        raise Problem(
            400,
            f"this network's layers have {values:,} values, too many to be shown: "
            f"at most {MOST_VALUES:,}",
        )
    probabilities, _ = kernels.softmax(trace.output)
    loss = trace.loss
    return {
        "classes": list(model.card.classes),
        "input": encode(x[0]),
        "standardisation": _standardisation(model).as_dict(),
        "layers": [_layer(layer) for layer in trace],
        "logits": encode(trace.output[0]),
        "probabilities": encode(probabilities[0]),
        "label": label,
        "loss": loss if loss is None or np.isfinite(loss) else None,
    }


def stepped(
    model: nn.Layer,
    seen: NDArray[np.uint8],
    label: int,
    optimiser: str,
    rate: float,
    steps: int,
) -> dict[str, Any]:
    """What steps of an optimiser on this one picture do to a copy of the network.

    Args:
        model: reads (1, 28, 28); it stays as it is.
        seen: (28, 28).
        label: the number of the class that it should have been.
        optimiser: its name.
        rate: of learning.
        steps: 1 to `MOST_STEPS`.
    """
    x, labels = _input(model, seen), np.array([label])
    copy, rule = model.copy(), optim.OPTIMISERS[optimiser]()
    state, before = rule.new_state(copy.flat), copy.flat.copy()
    done = []
    for step in range(steps + 1):
        outputs, cache = copy.forward(x)
        losses, of_loss = kernels.cross_entropy(outputs, labels)
        loss, share = kernels.mean_loss(losses)
        probabilities, _ = kernels.softmax(outputs)
        finite = bool(np.isfinite(loss))
        done.append(
            {
                "loss": float(loss) if finite else None,
                "probabilities": encode(np.nan_to_num(probabilities[0])),
            }
        )
        if step == steps or not finite:
            break
        grads = copy.new_grads()
        copy.backward(kernels.cross_entropy_backward(share, of_loss), cache, grads, need_dx=False)
        norm = float(np.linalg.norm(grads.flat))
        done[-1]["gradient_norm"] = norm if np.isfinite(norm) else None
        rule.step(copy.flat, grads.flat, state, rate)
    moved, length = (float(np.linalg.norm(v)) for v in (copy.flat - before, before))
    return {
        "steps": done,
        "moved": moved if np.isfinite(moved) else None,
        "weights_norm": length if np.isfinite(length) else None,
        "classes": list(model.card.classes),
    }


def attention(model: nn.Layer, seen: NDArray[np.uint8], label: int | None) -> dict[str, Any]:
    """Where the network looks: how its answer changes with each pixel, and where a part is hidden.

    Saliency is |d(logit of the class) / d(pixel)| (Simonyan, Vedaldi and Zisserman, "Deep inside
    convolutional networks", 2014); occlusion the probability that is lost where a square is hidden
    (Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014).
    """
    x = _input(model, seen)
    outputs, cache = model.forward(x)
    chosen = int(outputs[0].argmax()) if label is None else label
    dy = np.zeros_like(outputs)
    dy[0, chosen] = 1
    dx = model.backward(dy, cache, model.new_grads())
    assert dx is not None
    corners = range(-_SQUARE // 2, seen.shape[0], _APART)
    hidden, places = [], []
    for top in corners:
        for left in corners:
            rows = slice(max(top, 0), max(top + _SQUARE, 0))
            columns = slice(max(left, 0), max(left + _SQUARE, 0))
            picture = seen.copy()
            picture[rows, columns] = 0
            hidden.append(picture)
            places.append((rows, columns))
    views = np.concatenate([x, *(_input(model, picture) for picture in hidden)])
    count = max(1, _AT_ONCE // nn.memory(model, x.shape[1:]).total)
    parts = (views[start : start + count] for start in range(0, len(views), count))
    probabilities, _ = kernels.softmax(np.concatenate([model.forward(part)[0] for part in parts]))
    lost = probabilities[0, chosen] - probabilities[1:, chosen]
    total, times = np.zeros(seen.shape), np.zeros(seen.shape)
    for (rows, columns), loss in zip(places, lost, strict=True):
        total[rows, columns] += loss
        times[rows, columns] += 1
    return {
        "label": chosen,
        "saliency": encode(np.abs(dx[0]).max(axis=0)),
        "occlusion": encode(total / np.maximum(times, 1)),
    }


def checked_label(model: nn.Layer, value: object) -> int | None:
    """A class's number, or None.

    Raises:
        InputError: it is no class of the network.
    """
    if value is None:
        return None
    return checks.whole("label, a class's number,", value, 0, len(model.card.classes) - 1)


def fits(model: nn.Layer) -> nn.Layer:
    """The network, if it reads the pictures that the page draws.

    Raises:
        Problem: it reads others.
    """
    if model.card.image_shape != (1, 28, 28):
        raise Problem(
            400, f"this network reads {model.card.image_shape}, the page draws (1, 28, 28)"
        )
    return model


def _standardisation(model: nn.Layer) -> Standardisation:
    return model.card.standardisation or Standardisation.unit(1)


def _input(model: nn.Layer, seen: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(28, 28) bytes -> (1, 1, 28, 28) as the first layer gets it."""
    x: NDArray[np.float32] = _standardisation(model).apply(seen[None, None])
    return x


def _layer(layer: nn.LayerTrace) -> dict[str, Any]:
    own: dict[str, Any] = {
        name: value
        for name, value in arguments(layer.layer).items()
        if isinstance(value, int | float | str | bool | tuple | list)
    }
    if own.get("padding") == "same":  # as many pixels as it comes to, for who shows the arithmetic
        own["padding"] = (own["kernel_size"] - 1) // 2
    return {
        "name": layer.name,
        "kind": layer.kind,
        "settings": own,
        "input_shape": list(layer.input.shape[1:]),
        "output_shape": list(layer.output.shape[1:]),
        "output": encode(layer.output[0]),
        "parameters": {name: encode(param.value) for name, param in layer.layer.named_params()},
        "kept": [
            {"what": kept.what, "shape": list(kept.shape), "bytes": kept.bytes}
            for kept in nn.kept(layer)
        ],
        "dy": None if layer.dy is None else encode(layer.dy[0]),
        "dx": None if layer.dx is None else encode(layer.dx[0]),
        "gradients": {name: encode(value) for name, value in layer.grads.items()},
    }
