"""byhand: convolutional networks written by hand, for digits written by hand.

The rooms of the house, in the order of imports: kernels, data, nn, losses, optim,
evaluation, training, plots, models, reader, recipes, experiments, bench, cli. Each imports only
those named before it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_ROOMS = ("kernels", "data", "nn", "losses", "optim", "evaluation", "training", "plots",
          "models", "reader", "recipes", "experiments", "bench")  # fmt: skip

# What the front door offers itself, and the room that it comes from.
_OFFERED = {"load": "nn", "save": "nn", "Reader": "reader"}

if TYPE_CHECKING:
    from byhand import (
        bench,
        data,
        evaluation,
        experiments,
        kernels,
        losses,
        models,
        nn,
        optim,
        plots,
        reader,
        recipes,
        training,
    )
    from byhand.nn import load, save
    from byhand.reader import Reader

__all__ = ["Reader", "__version__", "bench", "data", "evaluation", "experiments", "kernels", "load",
           "losses", "models", "nn", "optim", "plots", "reader", "recipes", "save",
           "training"]  # fmt: skip


def __getattr__(name: str) -> Any:
    # A room is imported when it is first asked for, so that `import byhand` costs next to nothing.
    if name in _ROOMS:
        return importlib.import_module(f"byhand.{name}")
    if name in _OFFERED:
        return getattr(importlib.import_module(f"byhand.{_OFFERED[name]}"), name)
    raise AttributeError(f"module 'byhand' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
