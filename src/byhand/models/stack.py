"""A network written in one line, for trying a layer here and there.

    layers="conv 8 5, relu, maxpool 2, linear 64, batchnorm, relu, dropout 0.5"

A word a layer, with its numbers after it; sizes of what comes in follow from what stands before. A
last linear layer with an output for each class is added.

    conv F K [same]    F kernels of K×K, no padding, or as much as keeps the size
    maxpool K          likewise avgpool; windows of K×K that do not overlap
    globalavgpool      a number a channel
    linear D           D outputs; pictures are flattened before it
    relu               likewise leakyrelu, sigmoid, tanh, gelu
    batchnorm          of channels, or of features after a linear layer
    dropout P          P is the share that is dropped
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from byhand import nn
from byhand.checks import quoted, whole, word
from byhand.errors import InputError
from byhand.models.build import features

MOST_LAYERS = 200
ACTIVATIONS: dict[str, Callable[[], nn.Layer]] = {
    "relu": nn.ReLU,
    "leakyrelu": nn.LeakyReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
}
INITIALISERS: dict[str, Callable[..., nn.Initialiser]] = {
    "he": nn.He,
    "xavier": nn.Xavier,
    "normal": nn.Normal,
    "uniform": nn.Uniform,
}
WORDS = ("conv", "maxpool", "avgpool", "globalavgpool", "linear", "batchnorm", "dropout",
         *ACTIVATIONS)  # fmt: skip


def build(
    image_shape: tuple[int, int, int] = (1, 28, 28),
    classes: int = 10,
    layers: str = "conv 8 5, relu, maxpool 2",
    initialiser: str = "he",
) -> nn.Sequential:
    """The network for pictures (C, H, W), without parameter values yet.

    Args:
        image_shape: (C, H, W).
        classes: outputs of the last layer.
        layers: the line.
        initialiser: of all weights: "he", "xavier", "normal 0.01" (the deviation) or
            "uniform -1 1"; biases start at 0.

    Raises:
        InputError: a word is none of these, or its numbers do not fit it.
        ShapeError: a layer does not fit what comes out of those before it.
    """
    start = _initialiser(word("initialiser", initialiser))
    parts = [part.split() for part in word("layers", layers).split(",")]
    whole("the number of layers", len(parts), most=MOST_LAYERS)
    body: list[nn.Layer] = []
    for words in filter(None, parts):
        body += _layer(words, body, image_shape, start)
    if len(_shape(body, image_shape)) != 1:
        body.append(nn.Flatten())
    return nn.Sequential(*body, nn.Linear(features(body, image_shape), classes, weight_init=start))


def _layer(
    words: list[str],
    body: list[nn.Layer],
    image_shape: tuple[int, int, int],
    start: nn.Initialiser,
) -> list[nn.Layer]:
    """The layer that `words` name, after those of `body`."""
    kind, *given = words
    line = " ".join(words)
    shape = _shape(body, image_shape)
    if kind == "conv":
        same = given[2:] == ["same"]
        kernels, size = _whole(line, given[:-1] if same else given, 2)
        padding: Literal["same"] | int = "same" if same else 0
        return [nn.Conv2d(shape[0], kernels, size, padding=padding, weight_init=start)]
    if kind in ("maxpool", "avgpool"):
        (size,) = _whole(line, given, 1)
        return [nn.MaxPool2d(size) if kind == "maxpool" else nn.AvgPool2d(size)]
    if kind == "linear":
        (outputs,) = _whole(line, given, 1)
        flat: list[nn.Layer] = [nn.Flatten()] if len(shape) > 1 else []
        return [*flat, nn.Linear(features(body, image_shape), outputs, weight_init=start)]
    if kind == "dropout":
        return [nn.Dropout(_numbers(line, given, 1)[0])]
    if kind not in WORDS:
        raise InputError(f"{quoted(line)} is no layer; a line is made of: {', '.join(WORDS)}")
    _numbers(line, given, 0)
    if kind == "batchnorm":
        return [nn.BatchNorm2d(shape[0]) if len(shape) == 3 else nn.BatchNorm1d(shape[0])]
    if kind == "globalavgpool":
        return [nn.GlobalAvgPool()]
    return [ACTIVATIONS[kind]()]


def _shape(body: list[nn.Layer], image_shape: tuple[int, int, int]) -> tuple[int, ...]:
    return nn.Sequential(*body).output_shape(image_shape) if body else image_shape


def _initialiser(text: str) -> nn.Initialiser:
    kind, *given = text.split() or [""]
    if kind not in INITIALISERS:
        raise InputError(
            f"initialiser is {quoted(text)}, but it begins with {', '.join(INITIALISERS)}"
        )
    numbers = _numbers(text, given, {"normal": 1, "uniform": 2}.get(kind, 0))
    if (kind == "normal" and not numbers[0] >= 0) or (
        kind == "uniform" and not numbers[0] <= numbers[1]
    ):
        raise InputError(
            f"initialiser is {quoted(text)}, but normal takes a deviation of at least 0, and "
            "uniform the lower end before the upper"
        )
    return INITIALISERS[kind](*numbers)


def _numbers(line: str, given: list[str], count: int) -> list[float]:
    try:
        numbers = [float(text) for text in given]
    except ValueError:
        numbers = [math.nan]
    if len(given) != count or not all(math.isfinite(number) for number in numbers):
        wanted = ("no number", "one number", "two numbers")[count]
        raise InputError(f"{quoted(line)}: the word {line.split()[0]} takes {wanted} after it")
    return numbers


def _whole(line: str, given: list[str], count: int) -> list[int]:
    numbers = _numbers(line, given, count)
    if any(not number.is_integer() or number < 1 for number in numbers):
        raise InputError(f"{quoted(line)}: its numbers must be whole and at least 1")
    return [int(number) for number in numbers]
