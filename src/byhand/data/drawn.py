"""Random numbers for augmentation: a row a picture, by the picture's place in the batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from byhand.kernels import Key


def even(n: int, count: int, key: Key) -> NDArray[np.float64]:
    """Evenly spread numbers in -1..1, (n, count), a word of 32 bits each."""
    return key.bits(n, count).astype(np.float64) / 2**31 - 1


def halves(n: int, count: int, key: Key) -> NDArray[np.uint16]:
    """Whole numbers in 0..65535, (n, count), two a word: for where many are needed."""
    words = key.bits(n, -(-count // 2)).astype("<u4")
    return words.view("<u2")[:, :count].astype(np.uint16)
