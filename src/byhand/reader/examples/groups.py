"""What the cutter proposes when it reads strings: whole digits, and all that is not one.

Strings of digits that touch or nearly touch are cut as `cut` cuts them, and each group of parts is
held against the digits that it was made of: it is that digit where it has nearly all of its ink and
hardly any other, stubs and crumbs of neighbours included; it is several where it has much of more
than one, and none where it lacks much of its only one. A network that learns from these learns the
very choice that cutting asks for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.reader.cut import candidates
from byhand.reader.examples.strings import SPACINGS, broken, specked, string
from byhand.reader.pieces import Piece
from byhand.reader.recognise import NONE, SEVERAL

_WHOLE = 0.92  # of a digit's ink in the group, and of the group's ink from the digit
_BROKEN, _MIXED = 0.7, 0.8  # less than this of either is no digit; in between is left out
_PART = 0.4  # of a digit's ink: with so much of more than one, a group is several digits
# A narrow part of a digit may be a 1 to every eye: so little width for its height is left out.
_STROKE = 0.45
_WORN = 0.2  # the share of strings that are broken, and of those that have specks beside them


def string_groups(
    images: NDArray[np.uint8],
    labels: NDArray[Any],
    rng: np.random.Generator,
    n: int,
    none_share: float = 0.6,
) -> tuple[list[NDArray[np.float32]], NDArray[np.int64]]:
    """Groups of parts of strings, about 2,000 a second.

    Args:
        images: (N, 28, 28) digits, white on black, of which strings are made.
        labels: (N,) what they are.
        rng: where all that is random comes from.
        n: how many.
        none_share: how many of them are no digits.

    Returns:
        Their ink, (h, w) 0..1 each, and their classes (n,): 0 to 9, NONE or SEVERAL.
    """
    wanted = {True: round(n * none_share), False: n - round(n * none_share)}
    groups: dict[bool, list[tuple[NDArray[np.float32], int]]] = {True: [], False: []}
    close = ["touching", "touching", "close"]
    while any(len(groups[kind]) < wanted[kind] for kind in groups):
        spacing, height = close[rng.integers(len(close))], rng.uniform(20, 60)
        line = string(images, labels, rng, spacing, height, length=int(rng.integers(1, 6)))
        total = _by_owner(line.owner, line.ink, len(line.text))
        ink = line.ink
        if rng.random() < _WORN:
            ink = broken(ink, rng, height)
        if rng.random() < _WORN:
            ink = specked(ink, rng, height)
        for (x, y, w, h), part in candidates(line_pieces(ink)):
            owner = np.where(part > 0, line.owner[y : y + h, x : x + w], -1)
            have = _by_owner(owner, part, len(line.text))
            k = int(have.argmax())
            pure, got = have[k] / max(have.sum(), 1e-6), have[k] / max(total[k], 1e-6)
            if pure > _WHOLE and got > _WHOLE:
                groups[False].append((part, int(line.text[k])))
            elif (
                (pure < _MIXED or got < _BROKEN)
                and not (pure > 0.9 and w < _STROKE * h)
                and rng.random() < 0.2  # so that no string gives too many
            ):
                several = np.count_nonzero(have > _PART * total) > 1
                groups[True].append((part, SEVERAL if several else NONE))
    chosen = groups[True][: wanted[True]] + groups[False][: wanted[False]]
    order = rng.permutation(len(chosen))
    return [chosen[i][0] for i in order], np.array([chosen[i][1] for i in order], np.int64)


def line_pieces(ink: NDArray[np.float32], least: float = 0.25) -> list[Piece]:
    """The connected pieces of a line's ink (h, w), from left to right, without single pixels."""
    from scipy import ndimage

    labels, _ = ndimage.label(ink > least, np.ones((3, 3)))
    pieces = []
    for i, (rows, columns) in enumerate(ndimage.find_objects(labels)):
        inside = labels[rows, columns] == i + 1
        amount = np.where(inside, ink[rows, columns], np.float32(0))
        if amount.sum() > 3:
            pieces.append(
                Piece(columns.start, rows.start, inside.shape[1], inside.shape[0], amount)
            )
    return sorted(pieces, key=lambda piece: piece.x + piece.width / 2)


def _by_owner(owner: NDArray[Any], ink: NDArray[np.float32], n: int) -> NDArray[Any]:
    """How much ink (h, w) belongs to each of n owners; -1 is nobody."""
    return np.bincount(owner[owner >= 0], ink[owner >= 0], minlength=n)


__all__ = ["SPACINGS", "line_pieces", "string_groups"]
