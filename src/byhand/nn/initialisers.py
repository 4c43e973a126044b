"""How parameters start: each initialiser draws an array of a shape from a generator.

Weights are (out, in) or (F, C, KH, KW): fan_in is how many numbers go into one output, fan_out how
many outputs one input goes into.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.checks import LARGE, fields, flag, number, quoted
from byhand.errors import InputError

Array = NDArray[Any]


class Initialiser:
    """Draws the starting values, in float64 whatever the model's type, so that all types agree."""

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """An array of `shape`."""
        raise NotImplementedError


def start(name: str, value: object) -> Initialiser:
    """One of these, or of the user's own.

    Raises:
        InputError: it is something else; names it.
    """
    if not isinstance(value, Initialiser):
        raise InputError(
            f"{name} is {quoted(value)}, but it must be an initialiser such as nn.He()"
        )
    return value


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """fan_in and fan_out of a weight (out, in, ...)."""
    if len(shape) < 2:
        raise InputError(
            f"a shape {shape} has no fan-in; use Normal, Uniform, Zeros or Constant for a vector"
        )
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _spread(std: float, uniform: bool, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Values of mean 0 and the given deviation, normal or uniform."""
    if uniform:
        bound = math.sqrt(3) * std
        return rng.uniform(-bound, bound, shape)
    return std * rng.standard_normal(shape)


@dataclass(frozen=True)
class He(Initialiser):
    """Deviation sqrt(2 / fan_in): keeps the scale through ReLU (He, Zhang, Ren and Sun, 2015)."""

    uniform: bool = False

    def __post_init__(self) -> None:
        fields(self, flag, "uniform")

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """An array of `shape`."""
        return _spread(math.sqrt(2 / fans(shape)[0]), self.uniform, shape, rng)


@dataclass(frozen=True)
class Xavier(Initialiser):
    """Deviation sqrt(2 / (fan_in + fan_out)): for sigmoid and tanh (Glorot and Bengio, 2010)."""

    uniform: bool = False

    def __post_init__(self) -> None:
        fields(self, flag, "uniform")

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """An array of `shape`."""
        return _spread(math.sqrt(2 / sum(fans(shape))), self.uniform, shape, rng)


@dataclass(frozen=True)
class Normal(Initialiser):
    """scale * N(0, 1)."""

    scale: float

    def __post_init__(self) -> None:
        fields(self, number, "scale", least=0, most=LARGE)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """An array of `shape`."""
        return self.scale * rng.standard_normal(shape)


@dataclass(frozen=True)
class Uniform(Initialiser):
    """Uniform between low and high."""

    low: float
    high: float

    def __post_init__(self) -> None:
        fields(self, number, "low", least=-LARGE, most=LARGE)
        fields(self, number, "high", least=self.low, most=LARGE)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """An array of `shape`."""
        return rng.uniform(self.low, self.high, shape)


@dataclass(frozen=True)
class Constant(Initialiser):
    """The same value everywhere."""

    value: float

    def __post_init__(self) -> None:
        fields(self, number, "value", least=-LARGE, most=LARGE)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """An array of `shape`."""
        return np.full(shape, self.value, np.float64)


@dataclass(frozen=True)
class Zeros(Initialiser):
    """Zero everywhere: the usual start of a bias."""

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """An array of `shape`."""
        return np.zeros(shape)


INITIALISERS: dict[str, type[Initialiser]] = {
    cls.__name__: cls for cls in (He, Xavier, Normal, Uniform, Constant, Zeros)
}
