"""A line of pieces of ink to its digits: what belongs together joined, what touches cut apart.

Every piece gets the cuts that might be right, every group of ink between two of them that might be
a digit is read, and the best way through the line (`lattice`) takes the groups that read best, as
in LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
1998, section V (heuristic over-segmentation), and Casey and Lecolinet, "A survey of methods and
strategies in character segmentation", 1996.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from byhand.reader.lattice import (
    PRIORS,
    Box,
    Group,
    Priors,
    SegmentationLattice,
    best_way,
    log_odds,
)
from byhand.reader.normalise import normalise
from byhand.reader.recognise import NONE, VIEWS, Recogniser, among_others, no_digit

if TYPE_CHECKING:
    from byhand.reader.pieces import Piece

MAX_GROUPS = 3000  # read on one page; the least probable ones above that are left out
# Views of each group before the choice: one errs more often, 16 take longer and choose no better.
# Most groups are plainly no digits in one view, their log odds below this, and are not read again.
GLANCES, HOPELESS = 4, -4.0
# Where there are so few pieces, most are digits, and are best read as they will be in the end.
FEW = 16
# Nats by which a way with another number of digits than expected must be better: to leave out a
# plain digit, or to take half of one for a whole, costs more.
FORCED = 8.0
# What is lower, in heights of a digit, does not tell how much of a page is no digit; and the most
# that it may be.
SMALL, MOST_NONE = 0.5, 0.95


@dataclass(frozen=True, eq=False)
class DigitCandidate:
    """One digit of a line.

    Args:
        box: x, y, width, height in the pixels that the pieces' boxes are in.
        probabilities: (12,) float32, as `Recogniser.read` gives them; they sum to 1.
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
) -> list[list[DigitCandidate]]:
    """The digits of every line, from left to right.

    Args:
        lines: each line's pieces, from left to right, small ones that may be part of a digit or
            specks still among them.
        recogniser: reads single digits. It is asked four times at most: for all pieces, for all
            groups of their parts, again for those that may be digits, and for what was chosen.
        digits: so many are expected in every line: the best way with so many is taken, or, where
            there is none, with as many as there are at most. Where a way with another number is
            better by more than `FORCED`, that is taken.
        priors: what is known of writing.

    Returns:
        A list for each line. What may be no digit is in it too if that is not quite sure: its
        probabilities say so.
    """
    lattices = read_groups(lines, recogniser, digits, priors)
    chosen = [_chosen(lattice, priors, digits) for lattice in lattices]
    flat = [group for groups in chosen for group in groups]
    _read([group for group in flat if group.views < VIEWS], recogniser, VIEWS)
    candidates = [
        [
            DigitCandidate(group.box, group.read, group.ink)
            for group in groups
            if group.read is not None
        ]
        for groups in chosen
    ]
    share = _share_of_none(lattices, candidates)
    return [
        [replace(one, probabilities=among_others(one.probabilities, share)) for one in line]
        for line in candidates
    ]


def read_groups(
    lines: Sequence[Sequence[Piece]],
    recogniser: Recogniser,
    digits: int | None = None,
    priors: Priors = PRIORS,
) -> list[SegmentationLattice]:
    """Every line's groups that might be digits, as they read at first sight.

    All pieces are read in one go, in another all groups that are not whole pieces, and those of
    them that may be digits once more.
    """
    inks = [piece.ink for line in lines for piece in line]
    if not inks:
        return [SegmentationLattice([]) for _ in lines]
    views = VIEWS if len(inks) <= FEW else GLANCES
    whole = recogniser.read(np.stack([normalise(ink) for ink in inks]), views)
    lattices, start = [], 0
    for line in lines:
        read = whole[start : start + len(line)]
        start += len(line)
        sure = read[:, :NONE].max(axis=1) >= priors.sure
        if digits is not None and sure.sum() != digits:
            sure[:] = False
        lattice = SegmentationLattice(line, read, sure)
        for group in lattice.groups:
            group.views = views if group.whole else 0
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
    _read(hopeful, recogniser, GLANCES)
    return lattices


def _share_of_none(
    lattices: Sequence[SegmentationLattice], candidates: Sequence[Sequence[DigitCandidate]]
) -> float:
    """Of what is as large as a digit, how much is none; `MOST_NONE` at most."""
    digits = none = 0
    for lattice, line in zip(lattices, candidates, strict=True):
        sure = [one.box for one in line if no_digit(one.probabilities) <= 0.5]
        digits += len(sure)
        for piece in lattice.pieces:
            if piece.height < SMALL * lattice.height:
                continue
            middle = piece.x + piece.width / 2
            none += not any(
                x <= middle <= x + width or piece.x <= x + width / 2 <= piece.x + piece.width
                for x, _, width, _ in sure
            )
    return min(none / max(none + digits, 1), MOST_NONE)


def _chosen(lattice: SegmentationLattice, priors: Priors, digits: int | None) -> list[Group]:
    """The groups of the best way, with as many digits as are expected unless that is absurd."""
    score, groups = best_way(lattice, priors)
    if digits is None:
        return groups
    asked, forced = best_way(lattice, priors, digits)
    return forced if score - asked <= FORCED else groups


def _read(groups: Sequence[Group], recogniser: Recogniser, views: int) -> None:
    """Read groups, all in one go."""
    if groups:
        read = recogniser.read(np.stack([normalise(group.ink) for group in groups]), views)
        for group, probabilities in zip(groups, read, strict=True):
            group.read, group.views = probabilities, views


def candidates(pieces: Sequence[Piece]) -> list[tuple[Box, NDArray[np.float32]]]:
    """Every group of parts of a line's pieces that might be a digit: its box and its ink.

    As `read_lines` proposes them where it is not sure of any piece; for what learns from them.
    """
    return [(group.box, group.ink) for group in SegmentationLattice(pieces).groups]
