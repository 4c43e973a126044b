"""Random numbers that depend on where they are used, not on what was drawn before.

A counter-based generator (Philox 4x32-10; Salmon, Moraes, Dror and Shaw, "Parallel random numbers:
as easy as 1, 2, 3", 2011) turns a key and a counter into four 32-bit words. The key comes from the
seed, the step and the layer; the counter is the image and the feature. So each number has an
address, and it is the same whatever the number of threads, machines or the layout of arrays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.checks import quoted, whole
from byhand.errors import InputError

_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_MASK = 0xFFFFFFFF
FARTHEST = 2**62


def philox(counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> tuple[Any, Any, Any, Any]:
    """Philox 4x32-10: four counter words and two key words to four random words.

    Each counter word is a Python int or a uint64 array holding 32-bit values (the arrays
    broadcast); so are the results.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        p0 = c0 * _MULTIPLIERS[0]  # 64-bit products of 32-bit words
        p1 = c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & _MASK, (p0 >> 32) ^ c3 ^ k1, p0 & _MASK
        k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
    return c0, c1, c2, c3


class Key(NamedTuple):
    """The address of a place that needs randomness: seed, step, the path of layers, first image.

    `first` is the place of the array's first image in the whole batch, for a shard of it.
    """

    seed: int
    step: int = 0
    path: tuple[int, ...] = ()
    first: int = 0

    def child(self, index: int) -> Key:
        """The key of the layer at `index` inside the layer that holds this key."""
        return Key(self.seed, self.step, (*self.path, index), self.first)

    def shard(self, first: int) -> Key:
        """The same key for images that start at place `first` of those seen so far."""
        return self._replace(first=self.first + first)

    def words(self) -> tuple[int, int]:
        """The two 32-bit words that seed, step and path come to.

        Raises:
            InputError: the key holds something else than whole numbers.
        """
        self._check()
        key = (self.seed & _MASK, (self.seed >> 32) & _MASK)
        # The last counter word tells the uses of the generator apart; 0 is for `bits`.
        for use, value in ((1, self.step), *((2, index) for index in self.path)):
            w0, w1, _, _ = philox((value & _MASK, value >> 32 & _MASK, 0, use), key)
            key = (w0, w1)
        return key

    def _check(self) -> None:
        if not isinstance(self.path, tuple):
            raise InputError(f"the path of a key is {quoted(self.path)}, but it must be a tuple")
        for value in (self.seed, self.step, *self.path):
            whole("a number of a key", value, -(2**63), 2**64 - 1)  # 64 bits, as they are used
        whole("the first image of a key", self.first, 0, FARTHEST)

    def bits(self, n: int, features: int) -> NDArray[np.uint32]:
        """Uniform random words, shape (n, features): a row an image, a column a feature."""
        key = self.words()
        blocks = -(-features // 4)
        column = np.arange(blocks, dtype=np.uint64)[None, :]
        image = (self.first + np.arange(n, dtype=np.uint64))[:, None]
        zero = np.zeros((1, 1), np.uint64)
        words = philox((column, image, zero, zero), key)
        stacked = np.stack(np.broadcast_arrays(*words), axis=-1)  # (n, blocks, 4)
        return stacked.reshape(n, 4 * blocks)[:, :features].astype(np.uint32)
