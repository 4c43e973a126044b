"""Pictures of bytes moved by the compiled core; reference/warp.py says what it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from byhand.kernels.compiled import core
from byhand.kernels.operation import by_core
from byhand.kernels.reference import warp as reference


@by_core(reference.warp)
def warp(
    images: NDArray[np.uint8],
    maps: NDArray[np.float32],
    field: NDArray[np.float32] | None = None,
) -> NDArray[np.uint8]:
    """The pictures (N, C, H, W), moved."""
    moved = np.empty(images.shape, np.uint8)
    core.warp(*images.shape, images, maps, field, moved)
    return moved
