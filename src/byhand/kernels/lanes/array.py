"""The array of the fast arithmetic: float32, its innermost axis a lane of eight images."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.checks import whole
from byhand.errors import ShapeError
from byhand.kernels.compiled import core, need_core
from byhand.kernels.operation import floats

LANES = 8  # images in a lane
assert core is None or core.LANES == LANES


class Lanes:
    """Images (n, *features), stored as `data` (blocks, *features, 8), 64-byte aligned.

    Lane l of block b is image 8*b + l. The lanes past n are padding: what an activation holds there
    is finite and means nothing, a gradient is exactly zero there, and whatever sums over images
    leaves them out. One vector instruction then does the same for eight images, whatever the
    channels, the kernel or the border.

    `Lanes.pack(x)` makes one from a NumPy array, `.numpy()` is the way back; `Lanes(data, n)` takes
    an array in this layout.

    Raises:
        ShapeError: `data` has no last axis of 8, or n does not fit the blocks.
        InputError: the compiled core is not there.
    """

    __slots__ = ("features", "memory", "n")
    dtype = np.dtype(np.float32)

    def __init__(self, data: NDArray[np.float32], n: int) -> None:
        floats("Lanes got", data)
        n = whole("the number of images n", n)
        if data.ndim < 2 or data.shape[-1] != LANES or blocks_of(n) != data.shape[0]:
            raise ShapeError(
                f"data of shape {data.shape} does not hold lanes of {n} images, "
                f"which are ({blocks_of(n)}, ..., {LANES})"
            )
        self.memory = need_core().Memory(4 * data.size)
        self.n = n
        self.features = tuple(data.shape[1:-1])
        self.data[...] = data

    @classmethod
    def pack(cls, x: NDArray[Any]) -> Lanes:
        """x (n, ...) of any float type, copied into lanes; the padding is zero."""
        n, *features = floats("Lanes.pack got", x).shape
        x = np.ascontiguousarray(x, np.float32)
        return wrap(need_core().pack(x, n, math.prod(features)), n, tuple(features))

    def numpy(self) -> NDArray[np.float32]:
        """A NumPy array (n, ...), without the padding; a copy."""
        x = np.empty(self.shape, np.float32)
        core.unpack(self.memory, self.n, math.prod(self.features), x)
        return x

    @property
    def data(self) -> NDArray[np.float32]:
        """The numbers as they lie, (blocks, *features, 8); changing them changes the array."""
        shape = (self.blocks, *self.features, LANES)
        return np.ndarray(shape, np.float32, buffer=self.memory)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, *features), as that of any array."""
        return (self.n, *self.features)

    @property
    def blocks(self) -> int:
        """How many lanes of images there are."""
        return blocks_of(self.n)

    @property
    def ndim(self) -> int:
        """The number of axes of `shape`."""
        return 1 + len(self.features)

    @property
    def size(self) -> int:
        """The number of values, without the padding."""
        return self.n * math.prod(self.features)

    def reshape(self, *shape: Any) -> Lanes:
        """The same numbers with other axes after the first: a view.

        Raises:
            ShapeError: the first axis or the count of numbers would change.
        """
        new = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        if -1 in new[1:]:
            rest = math.prod(d for d in new[1:] if d != -1)
            new = tuple(math.prod(self.features) // max(rest, 1) if d == -1 else d for d in new)
        if new[0] not in (self.n, -1) or math.prod(new[1:]) != math.prod(self.features):
            raise ShapeError(
                f"lanes of shape {self.shape} cannot become {new}: the first axis is the images "
                "and stays"
            )
        return wrap(self.memory, self.n, new[1:])

    def __len__(self) -> int:
        return self.n

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("lanes lie in memory in another order: a NumPy array is a copy")
        return self.numpy() if dtype is None else self.numpy().astype(dtype, copy=False)

    def __reduce__(self) -> Any:
        return Lanes.pack, (self.numpy(),)

    def __repr__(self) -> str:
        return f"Lanes{self.shape}"


def blocks_of(n: int) -> int:
    """How many lanes n images take."""
    return -(-n // LANES)


_new = Lanes.__new__


def wrap(memory: Any, n: int, features: tuple[int, ...]) -> Lanes:
    """The array of n images whose numbers are in `memory`, as the core gave it."""
    lanes = _new(Lanes)
    lanes.memory = memory
    lanes.n = n
    lanes.features = features
    return lanes


def gather(
    images: NDArray[np.uint8],
    index: NDArray[np.int64],
    scale: NDArray[np.float32],
    shift: NDArray[np.float32],
) -> Lanes:
    """The pictures at `index` of a set (N, C, H, W) of bytes, as lanes: byte * scale + shift.

    `scale` and `shift` (C) are by channel. One pass over the bytes, in parallel.

    Raises:
        ShapeError: an index has no picture, or a type is another.
    """
    c, *places = images.shape[1:]
    memory = need_core().gather(images, index, c, math.prod(places), scale, shift)
    return wrap(memory, len(index), images.shape[1:])


class Plans:
    """What was worked out once for a set of arguments: sizes, and the core's form of them."""

    def __init__(self, make: Callable[..., Any], limit: int = 1000) -> None:
        self._make = make
        self._limit = limit
        self._made: dict[Any, Any] = {}

    def __call__(self, *key: Any) -> Any:
        """The plan for these arguments, made at the first time; what `make` raises goes through."""
        try:
            plan = self._made.get(key)
        except TypeError:  # a list among them has no hash
            return self._make(*key)
        if plan is None:
            if len(self._made) >= self._limit:
                self._made.clear()
            plan = self._made[key] = self._make(*key)
        return plan
