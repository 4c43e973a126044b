"""The ink of a picture that holds one digit: all of it but specks and dots beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from byhand.reader.ink import CORE, find_ink

# Of the largest piece's length and ink: what has less of both, and stands apart, is a dot.
_DOTS = ((0.33, 0.12), (0.22, 0.4))
_CRUMB = 0.01  # of its ink: left out wherever it is


def ink_of_one(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The ink of the digit, (H, W) from 0 to 1, in a picture (H, W, 3) uint8 that holds but one.

    A small piece that stands wholly beside the largest or below it, as a full stop does, is left
    out; one within its width, as the bar of a 5 is, stays.
    """
    from scipy import ndimage

    amount = find_ink(pixels).amount
    labels, n = ndimage.label(amount >= CORE, np.ones((3, 3)))
    if n < 2:
        return amount
    places = ndimage.find_objects(labels)
    inks = ndimage.sum_labels(amount, labels, np.arange(1, n + 1))
    main = int(np.argmax(inks))
    rows, columns = places[main]
    high, wide = rows.stop - rows.start, columns.stop - columns.start
    size = max(high, wide)
    dots = np.zeros(n + 1, bool)
    for i, (down, across) in enumerate(places):
        length = max(down.stop - down.start, across.stop - across.start)
        small = any(length < a * size and inks[i] < b * inks[main] for a, b in _DOTS)
        beside = not columns.start <= (across.start + across.stop) / 2 <= columns.stop
        dots[i + 1] = i != main and (inks[i] < _CRUMB * inks[main] or (small and beside))
    if not dots.any():
        return amount
    # The faint rim of a dot goes with it: it is nearer to the dot than to anything that stays.
    nearest = ndimage.distance_transform_edt(
        labels == 0, return_distances=False, return_indices=True
    )
    return np.where(dots[labels[tuple(nearest)]], np.float32(0), amount)
