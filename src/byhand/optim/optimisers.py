"""Optimisers: each turns a gradient into a step of the parameters, as its formula says.

Symbols: w the parameters, g their gradient, r the learning rate (from a schedule), t the number of
this step, counted from 1; all arithmetic is by element. What carries over from step to step starts
at zero. Every optimiser gives the numbers of PyTorch's of the same name, to rounding. The steps are
operations of `kernels` (vectors.py there).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from byhand import kernels
from byhand.checks import LARGE, SMALL, fields, flag, number
from byhand.errors import InputError, ShapeError

Array = NDArray[Any]


@dataclass
class OptimiserState:
    """What an optimiser carries from step to step: flat vectors by name, and the steps done."""

    arrays: dict[str, Array]  # as the parameters
    step: int = 0  # steps done


@dataclass(frozen=True)
class Optimiser(ABC):
    """The base of optimisers: a frozen dataclass of its settings, without the learning rate.

    One of one's own names the vectors that it carries in `carries` and writes `_update`.
    """

    def new_state(self, parameters: Array) -> OptimiserState:
        """The state before the first step, for a flat vector of parameters."""
        return OptimiserState({name: np.zeros_like(parameters) for name in self.carries})

    def restored(self, parameters: Array, arrays: Mapping[str, Array], step: int) -> OptimiserState:
        """The state that a checkpoint holds: flat `arrays` and `step` of an earlier one, copied.

        Raises:
            InputError: the arrays are not this optimiser's, or not of these parameters.
        """
        state = self.new_state(parameters)
        if set(arrays) != set(state.arrays):
            raise InputError(
                f"the state holds {_names(arrays)}, but {type(self).__name__} carries "
                f"{_names(state.arrays)}; go on with the optimiser that the state was made by"
            )
        for name, values in arrays.items():
            _same(name, values, parameters)
            state.arrays[name][...] = values
        state.step = step
        return state

    def step(
        self, parameters: Array, gradient: Array, state: OptimiserState, learning_rate: float
    ) -> None:
        """Change `parameters` and `state` by one step, in place; `gradient` is left as it is.

        All vectors are flat, of one length and one float type.

        Raises:
            ShapeError: gradient or state are not of these parameters' shape and type.
        """
        _same("the gradient", gradient, parameters)
        for name, values in state.arrays.items():
            _same(f"the state's {name}", values, parameters)
        state.step += 1
        self._update(parameters, gradient, state, float(learning_rate))

    @property
    @abstractmethod
    def carries(self) -> tuple[str, ...]:
        """The names of the vectors in the state."""

    @abstractmethod
    def _update(self, w: Array, g: Array, state: OptimiserState, r: float) -> None:
        """The formula, in place; `state.step` is t already."""


@dataclass(frozen=True)
class SGD(Optimiser):
    """Stochastic gradient descent: straight down, or with the velocity of a heavy ball.

        g = g + weight_decay * w
        v = momentum * v + (1 - dampening) * g        (at t = 1: v = g)
        w = w - r * v            Nesterov: w = w - r * (g + momentum * v);  no momentum: w - r * g

    Robbins and Monro, "A stochastic approximation method", 1951; Polyak, "Some methods of speeding
    up the convergence of iteration methods", 1964; Nesterov, 1983, in the form of Sutskever,
    Martens, Dahl and Hinton, "On the importance of initialization and momentum", 2013.

    Raises:
        InputError: a setting is out of bounds, or Nesterov's way lacks momentum or has dampening.
    """

    momentum: float = 0.0
    nesterov: bool = False
    dampening: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        fields(self, number, "momentum", least=0, below=1)
        fields(self, number, "dampening", least=0, most=1)
        fields(self, number, "weight_decay", least=0, most=LARGE)
        fields(self, flag, "nesterov")
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise InputError(
                f"SGD with nesterov has momentum {self.momentum} and dampening {self.dampening}, "
                "but it needs a momentum above 0 and no dampening; set momentum=0.9"
            )

    @property
    def carries(self) -> tuple[str, ...]:
        """The velocity v, where there is momentum."""
        return ("velocity",) if self.momentum else ()

    def _update(self, w: Array, g: Array, state: OptimiserState, r: float) -> None:
        kernels.sgd(
            w, g, state.arrays.get("velocity"), r, self.momentum, self.dampening,
            self.weight_decay, self.nesterov, state.step == 1,
        )  # fmt: skip


@dataclass(frozen=True)
class AdaGrad(Optimiser):
    """Smaller steps where gradients have been large so far.

        g = g + weight_decay * w
        s = s + g^2
        w = w - r * g / (sqrt(s) + eps)

    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning", 2011.
    """

    eps: float = 1e-10
    weight_decay: float = 0.0

    carries: ClassVar[tuple[str, ...]] = ("sum_of_squares",)

    def __post_init__(self) -> None:
        fields(self, number, "eps", least=SMALL, most=LARGE)
        fields(self, number, "weight_decay", least=0, most=LARGE)

    def _update(self, w: Array, g: Array, state: OptimiserState, r: float) -> None:
        kernels.adagrad(w, g, state.arrays["sum_of_squares"], r, self.eps, self.weight_decay)


@dataclass(frozen=True)
class RMSProp(Optimiser):
    """Steps in units of the gradient's recent size.

        g = g + weight_decay * w
        s = alpha * s + (1 - alpha) * g^2
        u = g / (sqrt(s) + eps)
        w = w - r * u            with momentum: v = momentum * v + u;  w = w - r * v

    Tieleman and Hinton, "Lecture 6.5 - rmsprop", 2012.
    """

    alpha: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        fields(self, number, "alpha", least=0, below=1)
        fields(self, number, "eps", least=SMALL, most=LARGE)
        fields(self, number, "momentum", least=0, below=1)
        fields(self, number, "weight_decay", least=0, most=LARGE)

    @property
    def carries(self) -> tuple[str, ...]:
        """The mean square s, and the velocity v where there is momentum."""
        return ("mean_square", "velocity") if self.momentum else ("mean_square",)

    def _update(self, w: Array, g: Array, state: OptimiserState, r: float) -> None:
        kernels.rmsprop(
            w, g, state.arrays["mean_square"], state.arrays.get("velocity"), r, self.alpha,
            self.eps, self.momentum, self.weight_decay,
        )  # fmt: skip


@dataclass(frozen=True)
class Adam(Optimiser):
    """Momentum, in units of the gradient's recent size, both freed of their start at zero.

        g = g + weight_decay * w
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g^2
        w = w - r * (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps)

    Kingma and Ba, "Adam: a method for stochastic optimization", 2015.
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    carries: ClassVar[tuple[str, ...]] = ("mean", "mean_square")

    def __post_init__(self) -> None:
        fields(self, number, "beta1", least=0, below=1)
        fields(self, number, "beta2", least=0, below=1)
        fields(self, number, "eps", least=SMALL, most=LARGE)
        fields(self, number, "weight_decay", least=0, most=LARGE)

    def _update(self, w: Array, g: Array, state: OptimiserState, r: float) -> None:
        self._move(w, g, state, r, self.weight_decay, 1.0)

    def _move(
        self,
        w: Array,
        g: Array,
        state: OptimiserState,
        r: float,
        weight_decay: float,
        shrink: float,
    ) -> None:
        kernels.adam(
            w, g, state.arrays["mean"], state.arrays["mean_square"],
            r / (1 - self.beta1**state.step), math.sqrt(1 - self.beta2**state.step),
            self.beta1, self.beta2, self.eps, weight_decay, shrink,
        )  # fmt: skip


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam whose weight decay is a shrinking of the weights, apart from the gradient.

        w = w - r * weight_decay * w, then Adam's step with the gradient alone

    Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.
    """

    weight_decay: float = 0.01

    def _update(self, w: Array, g: Array, state: OptimiserState, r: float) -> None:
        self._move(w, g, state, r, 0.0, 1 - r * self.weight_decay)


def _same(name: str, values: Array, parameters: Array) -> None:
    if values.shape != parameters.shape or values.dtype != parameters.dtype:
        raise ShapeError(
            f"{name} is {values.dtype} {values.shape} where the parameters are "
            f"{parameters.dtype} {parameters.shape}; both must come from the same model"
        )


def _names(arrays: Mapping[str, Array]) -> str:
    return ", ".join(sorted(arrays)) or "nothing"


OPTIMISERS: dict[str, type[Optimiser]] = {
    cls.__name__: cls for cls in (SGD, AdaGrad, RMSProp, Adam, AdamW)
}
