"""Parameters and buffers as named views into one flat vector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import kernels
from byhand.errors import ByhandError, InputError
from byhand.nn.initialisers import Constant, Initialiser

Array = NDArray[Any]


class Param:
    """A parameter that training changes: its shape, how it starts, and its place in the vector."""

    def __init__(self, shape: tuple[int, ...], initialiser: Initialiser) -> None:
        if not isinstance(initialiser, Initialiser):
            raise InputError(
                f"a parameter starts from an initialiser such as nn.He(), not from {initialiser!r}"
            )
        self.shape = shape
        self.initialiser = initialiser
        self._view: Array | None = None

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return int(np.prod(self.shape))

    @property
    def value(self) -> Array:
        """The numbers: a view into the outermost container's flat vector.

        Raises:
            ByhandError: nobody has called `init` on the model yet.
        """
        if self._view is None:
            raise ByhandError(
                "this layer has no parameters yet; call model.init(numpy.random.default_rng(seed))"
            )
        return self._view

    @property
    def placed(self) -> bool:
        """Whether it has numbers yet."""
        return self._view is not None

    def place(self, view: Array) -> None:
        """Let the parameter live in `view` from now on."""
        self._view = view


class Buffer(Param):
    """Numbers that a layer keeps and no optimiser sees: running statistics."""

    def __init__(self, shape: tuple[int, ...], start: float) -> None:
        super().__init__(shape, Constant(start))


class NamedVector(dict[str, Array]):
    """One flat array, and a view into it by each dotted name.

    `vector["0.weight"]` is a view; `vector.child("0")["weight"]` is the same view; `vector.flat` is
    all of them, in order. A parameter that two names share is stored once.
    """

    def __init__(self, named: Iterable[tuple[str, Param]], dtype: Any) -> None:
        super().__init__()
        named = list(named)
        spans: dict[int, tuple[int, int]] = {}
        end = 0
        for _, param in named:
            if id(param) not in spans:
                spans[id(param)] = (end, end + param.size)
                end += param.size
        self.flat: Array = np.zeros(end, dtype)
        for name, param in named:
            start, stop = spans[id(param)]
            self[name] = self.flat[start:stop].reshape(param.shape)
        # Where each name's numbers end, if they lie one after another: no name shares another's.
        ends = [spans[id(param)][1] for _, param in named]
        one_by_one = len(spans) == len(named)
        self._ends: Array | None = np.array(ends, np.int64) if one_by_one else None
        self._children: dict[str, NamedVector] = {}

    def squares(self) -> dict[str, float]:
        """The sum of the squares of each name's numbers, in float64."""
        core = kernels.core_for(self.flat)
        if core is None or self._ends is None:
            return {name: float(np.square(v, dtype=np.float64).sum()) for name, v in self.items()}
        sums = np.empty(len(self._ends))
        core.squares(self._ends, self.flat, sums)
        return dict(zip(self, sums.tolist(), strict=True))

    def child(self, name: str) -> NamedVector:
        """The part of the vector whose names begin with `name` and a dot, without them."""
        if name not in self._children:
            part = NamedVector((), self.flat.dtype)
            part.flat = self.flat
            part._ends = None  # its names are not all that there is
            prefix = name + "."
            part.update({k[len(prefix) :]: v for k, v in self.items() if k.startswith(prefix)})
            self._children[name] = part
        return self._children[name]
