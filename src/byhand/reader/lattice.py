"""The ways through a line of pieces: where digits may begin and end, and what lies between.

The nodes are the beginnings of pieces and the cuts in them (`seams`); all ink between two nodes
near each other, in one piece or in neighbouring ones, is a group. A way through the line takes
groups one after the other and leaves out the ink between them. What a group adds is its log odds of
being a digit: log of (its most probable digit / no digit). That is the likelihood ratio of two
stories of the same ink, one in which this group is a digit and one in which it is not; all groups
that a way does not take are no digits and add nothing, so that ways through few and through many
groups compare fairly. `Priors` adds what is known of writing before it is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.reader.recognise import NONE, SEVERAL, no_digit
from byhand.reader.seams import find_seams, stroke_width

if TYPE_CHECKING:
    from byhand.reader.pieces import Piece

Box = tuple[int, int, int, int]  # x, y, width, height

# Of the line's digit height: groups that are wider, or have a wider gap in them, are not read.
_WIDEST = 1.6
_FARTHEST = 0.4
_CROSSING = 0.05  # of the rows: more than so many in which two cuts cross, and nothing is between
_LEAST = 0.4  # of the ink of a 1: a group with less is not read
_LOWEST, _HIGHEST = 0.5, 2.5  # of the line's digit height: lower and higher pieces are not cut
_MOST_PIECES = 4  # in a group
_DOUBTFUL = -4.0  # log odds from which what is left out may yet be a digit
# Log odds of none against several from which a piece is not likely to hold digits; and how wide it
# may be, in heights of a digit, for the network to tell: four digits.
_LIKELY_NONE, _TOO_WIDE = 2.0, 4.0
_NEAR = 1.0  # heights of a digit: pieces so near say where the line's middle is


class Traits(NamedTuple):
    """What is known of a group before it is read; each is what `Priors` has a weight for.

    Args:
        cut: how many strokes' widths the cuts at both ends go through. A cut between two digits
            counts for both.
        gap: how wide the gaps in it are, in heights of a digit.
        overlap: how far the pieces at its ends lie over their neighbours, 0 to 1 at either end.
        size: the square of the logarithm of its longer side over the line's digit height.
        off: the square of how far its middle is above or below the line's, in heights of a digit.
        doubt: for each end that is cut, how much likelier the piece as a whole is none than
            several digits (log odds): what is neither has no digit to be cut out.
    """

    cut: float
    gap: float
    overlap: float
    size: float
    off: float
    doubt: float = 0.0


@dataclass(frozen=True)
class Priors:
    """What is known of writing before it is read, in nats (logarithms of odds).

    Chosen on strings made of MNIST's training digits (`benchmarks/reader_strings.py --choose`).

    Args:
        sure: a piece that reads as a digit with this probability is not cut.
        odds: log odds count up to this, either way: the network is not surer than that.
        digit: for each digit taken.
        cut, gap, overlap, size, off, doubt: what the `Traits` of a digit taken cost, by one of
            each.
        leave: for a piece left out, if it has as much ink as a 1 or more; in proportion for less.
        waste: for each 1's ink that is left out of a piece, the rest of which is not.
    """

    sure: float = 0.9
    odds: float = 12.0
    digit: float = -1.5
    cut: float = 3.0
    gap: float = 4.0
    overlap: float = 1.5
    size: float = 30.0
    off: float = 20.0
    doubt: float = 1.0
    leave: float = 2.5
    waste: float = 12.0

    def of(self, traits: Traits) -> float:
        """What speaks for taking a group as a digit, however it reads."""
        joined = self.cut * traits.cut + self.gap * traits.gap + self.overlap * traits.overlap
        # Small noughts stand beside sevens with long tails: large deviations are not so rare as a
        # square would have them (a heavy tail, Student's).
        placed = math.log1p(self.size * traits.size) + math.log1p(self.off * traits.off)
        return self.digit - joined - placed - self.doubt * traits.doubt


PRIORS = Priors()


@dataclass(frozen=True, eq=False)
class Node:
    """A place in a line where a group may begin or end: a cut, or where a piece begins.

    Args:
        piece: the piece that it cuts, or begins with.
        columns: (rows of the piece,) the first column right of it; None where a piece begins.
        cost: what it crosses, in strokes' widths; 0 where a piece begins.
        overlap: how much of the narrower piece lies over the other, 0 to 1, where a piece begins.
        skipped: the ink from here to the next node, in 1s.
    """

    piece: int
    columns: NDArray[np.intp] | None
    cost: float
    overlap: float
    skipped: float


@dataclass(eq=False)
class Group:
    """The ink between two nodes, which might be a digit."""

    first: int
    last: int
    traits: Traits
    box: Box
    ink: NDArray[np.float32]
    whole: bool = False  # a piece as it is
    read: NDArray[np.float32] | None = None  # (12,) as what
    views: int = 0  # in how many views


class SegmentationLattice:
    """A line's nodes, and the groups between them.

    Args:
        pieces: in any order.
        whole: (pieces, 12) what each reads as by itself, if that is known.
        sure: (pieces,) those that are digits as they are, and are not cut.

    `nodes` has one more than there are, after the last piece; `groups` are not read yet, but for
    whole pieces, if `whole` was given.
    """

    def __init__(
        self,
        pieces: Sequence[Piece],
        whole: NDArray[np.float32] | None = None,
        sure: NDArray[np.bool_] | None = None,
    ) -> None:
        order = sorted(range(len(pieces)), key=lambda i: pieces[i].x + pieces[i].width / 2)
        self.pieces = [pieces[i] for i in order]
        self.whole = None if whole is None else whole[order]
        self.height = digit_height(pieces)
        # How much ink a 1 has in each piece's stroke, in pixels.
        self.ones = [self.height * stroke_width(piece.ink) for piece in self.pieces]
        self.doubts = [0.0] * len(order)
        if self.whole is not None:
            wide = [piece.width / self.height for piece in self.pieces]
            self.doubts = [_doubt(*one) for one in zip(self.whole, wide, strict=True)]
        self._boxes = np.array(
            [(p.x, p.x + p.width, p.y + p.height / 2, p.height**2) for p in self.pieces]
        ).reshape(-1, 4)
        self.nodes = list(_nodes(self, [] if sure is None else sure[order].tolist()))
        self.groups = list(_groups(self))

    def middle_at(self, x: float) -> float:
        """Where the line's middle is, in pixels from the top, by the pieces about there.

        Lines may drift; each piece counts by its height squared, as in `digit_height`.
        """
        left, right, middle, weight = self._boxes.T
        near = np.maximum(left - x, x - right) <= _NEAR * self.height
        return float((middle * weight)[near].sum() / weight[near].sum())


def digit_height(pieces: Sequence[Piece]) -> float:
    """How high a line's digits are: the median height of its pieces, each counted by its height².

    Squared, a row of dots counts little beside a few digits. At least 1.
    """
    heights = np.sort([float(piece.height) for piece in pieces])
    if not len(heights):
        return 1.0
    weights = np.cumsum(heights**2)
    return max(float(heights[np.searchsorted(weights, weights[-1] / 2)]), 1.0)


def log_odds(probabilities: NDArray[np.float32], most: float) -> float:
    """log (most probable digit / no digit) of (12,) probabilities, between -most and most."""
    digit, none = float(probabilities[:NONE].max()), float(no_digit(probabilities))
    odds = math.log(max(digit, 1e-12)) - math.log(max(none, 1e-12))
    return min(max(odds, -most), most)


def _doubt(probabilities: NDArray[np.float32], wide: float) -> float:
    """How much log (none / several) of (12,) probabilities is above `_LIKELY_NONE`.

    Less of a piece that is `wide`, in heights of a digit: too small for the network.
    """
    none, several = (max(float(probabilities[k]), 1e-12) for k in (NONE, SEVERAL))
    seen = min(max(_TOO_WIDE - wide, 0.0), 1.0)
    return seen * max(math.log(none) - math.log(several) - _LIKELY_NONE, 0.0)


def _nodes(line: SegmentationLattice, sure: list[bool]) -> Iterator[Node]:
    """The places in a line where groups may begin or end, from left to right."""
    for i, piece in enumerate(line.pieces):
        overlap = 0.0
        if i:
            before = line.pieces[i - 1]
            common = min(before.x + before.width, piece.x + piece.width) - max(before.x, piece.x)
            overlap = max(common / min(before.width, piece.width), 0.0)
        seams = []
        may_be_cut = not (sure and sure[i])
        if may_be_cut and _LOWEST * line.height <= piece.height <= _HIGHEST * line.height:
            seams = find_seams(piece.ink, line.height)
        one = line.ones[i]
        rest = [piece.ink.sum(), *(_right_of(piece.ink, s.columns).sum() for s in seams), 0.0]
        skipped = [max(float(a - b), 0.0) / one for a, b in pairwise(rest)]
        yield Node(i, None, 0.0, overlap, skipped[0])
        for seam, ink in zip(seams, skipped[1:], strict=True):
            yield Node(i, seam.columns, seam.cost, 0.0, ink)
    yield Node(len(line.pieces), None, 0.0, 0.0, 0.0)


def _groups(line: SegmentationLattice) -> Iterator[Group]:
    """All ink between two nodes that might be a digit."""
    pieces, nodes, height = line.pieces, line.nodes, line.height
    for first, start in enumerate(nodes[:-1]):
        begun = pieces[start.piece]
        left = begun.x + (0 if start.columns is None else int(start.columns.min()))
        gaps, right = 0.0, begun.x + begun.width
        for last in range(first + 1, len(nodes)):
            end, before = nodes[last], nodes[last - 1]
            if before.columns is None and before.piece > start.piece:  # one more piece
                piece = pieces[before.piece]
                gap = max(piece.x - right, 0) / height
                if gap > _FARTHEST or before.piece - start.piece == _MOST_PIECES:
                    break
                gaps, right = gaps + gap, max(right, piece.x + piece.width)
            whole = start.columns is end.columns is None and end.piece == start.piece + 1
            if whole:
                box, ink = (begun.x, begun.y, begun.width, begun.height), begun.ink
            else:
                between = _between(pieces, start, end)
                if between is None:
                    continue
                box, ink = between
                if box[0] + box[2] - left > 2 * _WIDEST * height:
                    break
                if box[2] > _WIDEST * height or ink.sum() < _LEAST * line.ones[start.piece]:
                    continue
            traits = Traits(
                start.cost + end.cost,
                gaps,
                start.overlap + end.overlap,
                math.log(max(box[2:]) / height) ** 2,
                ((box[1] + box[3] / 2 - line.middle_at(box[0] + box[2] / 2)) / height) ** 2,
                sum(line.doubts[n.piece] for n in (start, end) if n.columns is not None),
            )
            group = Group(first, last, traits, box, ink, whole)
            if whole and line.whole is not None:
                group.read = line.whole[start.piece]
            yield group


def _between(
    pieces: Sequence[Piece], start: Node, end: Node
) -> tuple[Box, NDArray[np.float32]] | None:
    """The ink between two nodes and its box; None where there is none, or where they cross."""
    parts: list[tuple[int, int, NDArray[np.float32]]] = []
    for i in range(start.piece, end.piece + (end.columns is not None)):
        ink, left = pieces[i].ink, 0
        begins = start.columns if i == start.piece else None
        ends = end.columns if i == end.piece else None
        if begins is not None and ends is not None and (begins > ends).mean() > _CROSSING:
            return None
        if ends is not None:
            ink = ink[:, : ends.max()]
            ink = ink - _right_of(ink, ends)
        if begins is not None:
            left = int(begins.min())
            ink = _right_of(ink[:, left:], begins - left)
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        if len(rows):
            y, x = int(rows[0]), int(columns[0])
            ink = ink[y : rows[-1] + 1, x : columns[-1] + 1]
            parts.append((pieces[i].x + left + x, pieces[i].y + y, ink))
    if not parts:
        return None
    x, y = min(x for x, _, _ in parts), min(y for _, y, _ in parts)
    width = max(left + ink.shape[1] for left, _, ink in parts) - x
    height = max(top + ink.shape[0] for _, top, ink in parts) - y
    if len(parts) == 1:
        return (x, y, width, height), parts[0][2]
    together = np.zeros((height, width), np.float32)
    for left, top, ink in parts:
        place = together[top - y : top - y + ink.shape[0], left - x : left - x + ink.shape[1]]
        np.maximum(place, ink, out=place)
    return (x, y, width, height), together


def _right_of(ink: NDArray[np.float32], columns: NDArray[np.intp]) -> NDArray[np.float32]:
    """The ink (h, w) from the given column (h,) of each row on."""
    return np.where(np.arange(ink.shape[1]) >= columns[:, None], ink, np.float32(0))


def best_way(
    line: SegmentationLattice, priors: Priors, digits: int | None = None
) -> tuple[float, list[Group]]:
    """The best way through a line, by dynamic programming (Viterbi): its score, and its groups.

    Pieces that it leaves out as no digits come with them where that is not quite sure, unless so
    many `digits` were asked for: whoever wants a digit at any price finds it there.
    """
    n = len(line.nodes) - 1
    # What may end at each node: where it begins, what it adds, and the digit, if it is one.
    ending: list[list[tuple[int, float, Group | None]]] = [[] for _ in range(n + 1)]
    begins = [i for i, node in enumerate(line.nodes) if node.columns is None]
    for first, last in pairwise(begins):  # a whole piece left out
        ink = sum(node.skipped for node in line.nodes[first:last])
        ending[last].append((first, -priors.leave * min(ink, 1.0), None))
    for i, node in enumerate(line.nodes[:-1]):
        ending[i + 1].append((i, -priors.waste * node.skipped, None))
    for group in line.groups:
        if group.read is not None:
            gain = log_odds(group.read, priors.odds) + priors.of(group.traits)
            ending[group.last].append((group.first, gain, group))
    # score[i, k]: of the best way to node i with k digits; k is 0 where no number is asked for.
    # A way has at most one digit a node.
    counts = 1 if digits is None else min(digits, n) + 1
    score = np.full((n + 1, counts), -np.inf)
    score[0, 0] = 0
    came: dict[tuple[int, int], tuple[int, int, Group | None]] = {}
    for i in range(1, n + 1):
        for first, gain, digit in ending[i]:
            more = int(digit is not None and digits is not None)
            for k in range(more, counts):
                value = float(score[first, k - more]) + gain
                if value > score[i, k]:
                    score[i, k], came[i, k] = value, (first, k - more, digit)
    i, k = n, counts - 1
    while score[n, k] == -np.inf:  # fewer digits than asked for
        k -= 1
    best = float(score[n, k])
    doubtful = {}
    if digits is None:
        doubtful = {
            (group.first, group.last): group
            for group in line.groups
            if group.whole
            and group.box[3] >= _LOWEST * line.height
            and group.read is not None
            and log_odds(group.read, 99) > _DOUBTFUL
        }
    chosen: list[Group] = []
    while i > 0:
        last = i
        i, k, step = came[i, k]
        step = step or doubtful.get((i, last))
        if step is not None:
            chosen.append(step)
    return best, chosen[::-1]
