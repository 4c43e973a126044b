"""Clipping: a gradient that is too long is shortened, its direction kept.

Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.checks import number

Array = NDArray[Any]


def global_norm(vector: Array) -> float:
    """The Euclidean length of a flat vector, summed in float64 whatever its type."""
    return math.sqrt(float(np.einsum("i,i->", vector, vector, dtype=np.float64)))


def clip_by_global_norm(gradient: Array, max_norm: float) -> float:
    """Shorten a flat gradient to `max_norm` where it is longer, in place; give its norm before.

        g = g * max_norm / |g|        where |g| > max_norm

    A norm that is not finite is returned and the gradient left as it is: no scaling mends it, and
    whoever looks at the norm shall see it.

    Raises:
        InputError: max_norm is no number above 0.
    """
    max_norm = number("max_norm", max_norm, above=0)
    norm = global_norm(gradient)
    if math.isfinite(norm) and norm > max_norm:
        gradient *= max_norm / norm
    return norm
