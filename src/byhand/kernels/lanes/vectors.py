"""Flat vectors by the compiled core, each in one pass; reference/vectors.py says what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.kernels.compiled import core
from byhand.kernels.operation import by_core
from byhand.kernels.reference import vectors as reference

if core is not None:
    for _name in ("sgd", "adagrad", "rmsprop", "adam"):
        by_core(getattr(reference, _name))(getattr(core, _name))


@by_core(reference.squares)
def squares(vector: NDArray[Any], ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """The sum of squares of each part."""
    sums = np.empty(len(ends))
    core.squares(ends, vector, sums)
    return sums
