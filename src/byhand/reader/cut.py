"""A line of pieces of ink to its digits: what belongs together joined, what touches cut apart.

Every piece gets the cuts that might be right, every group of ink between two of them that might be
a digit is read, and the best way through the line (`lattice`) takes the groups that read best, as
in LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
1998, section V (heuristic over-segmentation), and Casey and Lecolinet, "A survey of methods and
strategies in character segmentation", 1996.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from byhand.reader.lattice import PRIORS, Box, Group, Lattice, Priors, best_way, log_odds
from byhand.reader.normalise import normalise
from byhand.reader.recognise import NONE, Recogniser

if TYPE_CHECKING:
    from byhand.reader.pieces import Piece

MAX_GROUPS = 3000  # read on one page; the least probable ones above that are left out
# Views of each group before the choice: one errs more often, 16 take longer and choose no better.
# Most groups are plainly no digits in one view, their log odds below this, and are not read again.
VIEWS, HOPELESS = 4, -4.0


@dataclass(frozen=True, eq=False)
class Found:
    """One digit of a line.

    Args:
        box: x, y, width, height in the pixels that the pieces' boxes are in.
        probabilities: (11,) float32, of the digits 0 to 9 and of no digit; they sum to 1.
        ink: (height, width) what was read.
    """

    box: Box
    probabilities: NDArray[np.float32]
    ink: NDArray[np.float32]


def read_lines(
    lines: Sequence[Sequence[Piece]],
    recogniser: Recogniser,
    digits: int | None = None,
    priors: Priors = PRIORS,
) -> list[list[Found]]:
    """The digits of every line, from left to right.

    Args:
        lines: each line's pieces, from left to right, small ones that may be part of a digit or
            specks still among them.
        recogniser: reads single digits. It is asked four times: for all pieces, for all groups
            of their parts, again for those that may be digits, and for what was chosen.
        digits: so many are expected in every line: the best way with so many is taken, or, where
            there is none, with as many as there are at most.
        priors: what is known of writing.

    Returns:
        A list for each line. What may be no digit is in it too if that is not quite sure: its
        probabilities say so.
    """
    lattices = read_groups(lines, recogniser, digits, priors)
    chosen = [best_way(lattice, priors, digits) for lattice in lattices]
    flat = [group for groups in chosen for group in groups]
    if not flat:
        return [[] for _ in lines]
    read = iter(recogniser.read(np.stack([normalise(group.ink) for group in flat])))
    return [[Found(group.box, next(read), group.ink) for group in groups] for groups in chosen]


def read_groups(
    lines: Sequence[Sequence[Piece]],
    recogniser: Recogniser,
    digits: int | None = None,
    priors: Priors = PRIORS,
) -> list[Lattice]:
    """Every line's groups that might be digits, as they read at first sight.

    All pieces are read in one go, in another all groups that are not whole pieces, and those of
    them that may be digits once more.
    """
    inks = [piece.ink for line in lines for piece in line]
    if not inks:
        return [Lattice([]) for _ in lines]
    whole = recogniser.read(np.stack([normalise(ink) for ink in inks]), VIEWS)
    lattices, start = [], 0
    for line in lines:
        read = whole[start : start + len(line)]
        start += len(line)
        sure = read[:, :NONE].max(axis=1) >= priors.sure
        if digits is not None and sure.sum() != digits:
            sure[:] = False
        lattice = Lattice(line, read, sure)
        if digits is None:  # what its traits speak against so much is not taken however it reads
            most = priors.odds
            lattice.groups = [g for g in lattice.groups if priors.of(g.traits) > -most]
        lattices.append(lattice)
    unread = [group for lattice in lattices for group in lattice.groups if group.read is None]
    unread.sort(key=lambda group: -priors.of(group.traits))
    _read(unread[:MAX_GROUPS], recogniser, 1)
    hopeful = [
        group
        for group in unread[:MAX_GROUPS]
        if group.read is not None and log_odds(group.read, priors.odds) > HOPELESS
    ]
    _read(hopeful, recogniser, VIEWS)
    return lattices


def _read(groups: Sequence[Group], recogniser: Recogniser, views: int) -> None:
    """Read groups, all in one go."""
    if groups:
        read = recogniser.read(np.stack([normalise(group.ink) for group in groups]), views)
        for group, probabilities in zip(groups, read, strict=True):
            group.read = probabilities


def candidates(pieces: Sequence[Piece]) -> list[tuple[Box, NDArray[np.float32]]]:
    """Every group of parts of a line's pieces that might be a digit: its box and its ink.

    As `read_lines` proposes them where it is not sure of any piece; for what learns from them.
    """
    return [(group.box, group.ink) for group in Lattice(pieces).groups]
