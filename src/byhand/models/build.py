"""Networks by name: `build("lenet5", rng)`."""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from byhand import nn
from byhand.checks import one_line, quoted, whole
from byhand.errors import InputError, ShapeError

MOST_CLASSES = 2**20


def names() -> tuple[str, ...]:
    """The networks there are: the pages of this folder that define `build`."""
    pages = sorted(p.stem for p in Path(__file__).parent.glob("*.py"))
    return tuple(p for p in pages if p not in ("__init__", "build"))


def trained_files() -> dict[str, Path]:
    """The files of the trained copies in the package, by network: what `byhand.load` opens.

    Each is what a recipe (its card says which) makes of seed 0.
    """
    return {p.stem: p for p in sorted((Path(__file__).parent / "trained").glob("*.safetensors"))}


def options(name: str) -> dict[str, Any]:
    """A network's settings and their defaults, without those that the data decide.

    Raises:
        InputError: there is no such network; names those there are.
    """
    parameters = inspect.signature(_page(name).build).parameters
    return {k: p.default for k, p in parameters.items() if k not in ("image_shape", "classes")}


def build(
    name: str,
    rng: np.random.Generator,
    *,
    image_shape: tuple[int, int, int] = (1, 28, 28),
    classes: int | tuple[str, ...] = 10,
    dtype: Any = np.float32,
    **settings: Any,
) -> nn.Sequential:
    """The network `name` with its starting parameters drawn from `rng`.

    Args:
        name: one of `names()`.
        rng: where the parameters are drawn from.
        image_shape: (C, H, W) of its pictures.
        classes: how many there are, or their names.
        dtype: float32, or float64 for checking gradients.
        settings: the network's own, see its page (`kernel_size=7`).

    Raises:
        InputError: no such network, or no such setting; lists those there are.
        ShapeError: the pictures are too small for the network's layers.
    """
    page = _page(name)
    known = options(name)
    for setting in settings:
        if setting not in known:
            raise InputError(
                f"{name} has no setting {quoted(setting)}; it has: {', '.join(known) or 'none'}"
            )
    if not isinstance(classes, tuple | list):
        classes = tuple(map(str, range(whole("classes", classes, 1, MOST_CLASSES))))
    card = nn.ModelCard(name, image_shape, tuple(classes))
    try:
        model: nn.Sequential = page.build(card.image_shape, len(card.classes), **settings)
        model.output_shape(card.image_shape)
        model.init(rng, dtype)
    except ShapeError as error:
        size = "×".join(map(str, card.image_shape[1:]))
        raise ShapeError(f"pictures of {size} do not fit {name}: {error}") from error
    except (TypeError, ValueError) as error:
        given = ", ".join(f"{k}={quoted(v)}" for k, v in settings.items())
        raise InputError(
            f"{name} cannot be built{f' with {given}' if given else ''}: {one_line(error)}"
        ) from error
    model.card = card
    return model


def features(body: Sequence[nn.Layer], image_shape: tuple[int, int, int]) -> int:
    """How many numbers the layers of `body` make of one picture."""
    return math.prod(nn.Sequential(*body).output_shape(image_shape))


def _page(name: str) -> Any:
    if not isinstance(name, str) or name not in names():
        raise InputError(f"there is no network {quoted(name)}; there are: {', '.join(names())}")
    return importlib.import_module(f"byhand.models.{name}")
