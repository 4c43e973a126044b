"""Examples of every kind of augmentation, alone and all together, to be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from byhand.data.augment import Augmentation
from byhand.errors import InputError
from byhand.kernels import Key


def _only(**amounts: float) -> Augmentation:
    return Augmentation(**{"shift": 0.0, "rotate": 0.0, "scale": 0.0, "slant": 0.0, **amounts})


# Strengths that change a digit of 28x28 pixels visibly and leave it readable.
AUGMENTATION_EXAMPLES: Mapping[str, Augmentation] = MappingProxyType(
    {
        "shift": _only(shift=3.0),
        "rotate": _only(rotate=20.0),
        "scale": _only(scale=0.2),
        "slant": _only(slant=0.3),
        "elastic": _only(elastic=1.0),
        "stroke": _only(stroke=0.6),
        "noise": _only(noise=40.0),
        "all": Augmentation(elastic=0.7, stroke=0.4, noise=20.0),
    }
)


def augmentation_examples(
    images: NDArray[np.uint8], key: Key, copies: int = 8
) -> dict[str, NDArray[np.uint8]]:
    """Each of `AUGMENTATION_EXAMPLES` at work, by its name: (1 + copies, C, H, W).

    A picture of `images` (N, C, H, W), then so many moved copies of it. Each kind takes the next
    picture, and the first again after the last.

    Raises:
        InputError: there is no picture, or not one copy is asked for.
        ShapeError: they are not pictures of bytes.
    """
    if len(images) == 0:
        raise InputError("there is no picture to augment: give at least one")
    if copies < 1:
        raise InputError(f"copies is {copies}, but it must be at least 1")
    rows = {}
    for number, (name, augmentation) in enumerate(AUGMENTATION_EXAMPLES.items()):
        original = images[number % len(images)][None]  # (1, C, H, W)
        moved = augmentation.apply(np.repeat(original, copies, axis=0), key)
        rows[name] = np.concatenate([original, moved])
    return rows
