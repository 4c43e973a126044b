"""A line of pieces of ink to its digits: what belongs together joined, what touches cut apart.

Every piece gets the cuts that might be right (`seams`); all ink between two cuts near each other,
in one piece or in neighbouring ones, is a group; every group that might be a digit is read; and the
best way through the line takes the groups that read best, as in LeCun, Bottou, Bengio and Haffner,
"Gradient-based learning applied to document recognition", 1998, section V (heuristic
over-segmentation), and Casey and Lecolinet, "A survey of methods and strategies in character
segmentation", 1996.

What a group adds is its log odds of being a digit: log of (its most probable digit / no digit).
That is the likelihood ratio of two stories of the same ink, one in which this group is a digit
and one in which it is not; all groups that a way does not take are no digits and add nothing, so
that ways through few and through many groups compare fairly. `Priors` adds what is known of
writing before it is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from byhand.reader.normalise import normalise
from byhand.reader.seams import find_seams, stroke_width

if TYPE_CHECKING:
    from byhand.reader.pieces import Piece
    from byhand.reader.recognise import Recogniser

Box = tuple[int, int, int, int]  # x, y, width, height

NONE = 10  # the class of what is no digit
MAX_GROUPS = 3000  # read on one page; the least probable ones above that are left out
# Of the line's digit height: groups that are wider, or have a wider gap in them, are not read.
_WIDEST = 1.6
_FARTHEST = 0.4
_CROSSING = 0.05  # of the rows: more than so many in which two cuts cross, and nothing is between
_LEAST = 0.4  # of the ink of a 1: a group with less is not read
_LOWEST, _HIGHEST = 0.5, 2.5  # of the line's digit height: lower and higher pieces are not cut
_MOST_PIECES = 4  # in a group


@dataclass(frozen=True)
class Priors:
    """What is known of writing before it is read, in nats (logarithms of odds).

    Chosen on strings made of MNIST's training digits (`benchmarks/reader_strings.py --choose`).

    Args:
        sure: a piece that reads as a digit with this probability is not cut.
        odds: log odds count up to this, either way: the network is not surer than that.
        digit: for each digit taken.
        cut: for each stroke's width that a cut goes through.
        gap: for a gap inside a digit, as wide as a digit is high.
        overlap: for parting two pieces of which one lies wholly over the other.
        low: for a digit whose height is e times less or more than the line's.
        skip: for ink left out, for each height of a digit that it is high.
    """

    sure: float = 0.95
    odds: float = 8.0
    digit: float = 0.5
    cut: float = 0.5
    gap: float = 4.0
    overlap: float = 2.0
    low: float = 1.0
    skip: float = 1.0

    def of(self, traits: tuple[float, float, float, float]) -> float:
        """What the traits of a group (cut, gap, overlap, low) say for its being a digit."""
        cut, gap, overlap, low = traits
        return (
            self.digit - self.cut * cut - self.gap * gap - self.overlap * overlap - self.low * low
        )


PRIORS = Priors()


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


@dataclass(frozen=True, eq=False)
class _Node:
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
class _Group:
    """The ink between two nodes, which might be a digit."""

    first: int
    last: int
    traits: tuple[float, float, float, float]  # that `Priors` weighs: cut, gap, overlap, low
    box: Box
    ink: NDArray[np.float32]
    odds: float = np.nan  # log (its most probable digit / no digit), once it is read


@dataclass(eq=False)
class _Line:
    """A line on its way from pieces to digits."""

    pieces: Sequence[Piece]
    height: float  # of its digits, in pixels
    whole: NDArray[np.float32]  # (pieces, 11) what each piece reads as by itself
    nodes: list[_Node] = field(default_factory=list)  # and one after the last
    groups: list[_Group] = field(default_factory=list)


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
        recogniser: reads single digits. It is asked three times: for all pieces, for all groups
            of their parts, and for what was chosen.
        digits: so many are expected in every line: the best way with so many is taken, or, where
            there is none, with as many as there are at most.
        priors: what is known of writing.

    Returns:
        A list for each line. What may be no digit is in it too if that is not quite sure: its
        probabilities say so.
    """
    state = _begin(lines, recogniser)
    _candidates(state, recogniser, digits, priors)
    chosen = [_best(line, priors, digits) for line in state]
    flat = [group for groups in chosen for group in groups]
    if not flat:
        return [[] for _ in lines]
    read = iter(recogniser.read(np.stack([normalise(group.ink) for group in flat])))
    return [[Found(group.box, next(read), group.ink) for group in groups] for groups in chosen]


def _begin(lines: Sequence[Sequence[Piece]], recogniser: Recogniser) -> list[_Line]:
    """The lines with each piece read by itself, all in one go."""
    pieces = [piece for line in lines for piece in line]
    read = np.zeros((0, NONE + 1), np.float32)
    if pieces:
        read = recogniser.read(np.stack([normalise(piece.ink) for piece in pieces]), views=1)
    state, start = [], 0
    for line in lines:
        order = sorted(range(len(line)), key=lambda i: line[i].x + line[i].width / 2)
        whole = read[start : start + len(line)][order]
        state.append(_Line([line[i] for i in order], digit_height(line), whole))
        start += len(line)
    return state


def digit_height(pieces: Sequence[Piece]) -> float:
    """How high a line's digits are: the median height of its pieces, each counted by its height².

    Squared, a row of dots counts little beside a few digits. At least 1.
    """
    heights = np.sort([float(piece.height) for piece in pieces])
    if not len(heights):
        return 1.0
    weights = np.cumsum(heights**2)
    return max(float(heights[np.searchsorted(weights, weights[-1] / 2)]), 1.0)


def _candidates(
    state: list[_Line], recogniser: Recogniser, digits: int | None, priors: Priors
) -> None:
    """Cut the pieces of all lines, and read every group that might be a digit, all in one go."""
    for line in state:
        sure = line.whole[:, :NONE].max(axis=1) >= priors.sure
        if digits is not None and sure.sum() != digits:
            sure[:] = False
        line.nodes = list(_nodes(line, sure))
        line.groups = list(_groups(line))
    unread = [group for line in state for group in line.groups if np.isnan(group.odds)]
    unread.sort(key=lambda group: -priors.of(group.traits))
    kept = unread[:MAX_GROUPS]
    if kept:
        read = recogniser.read(np.stack([normalise(group.ink) for group in kept]), views=1)
        for group, odds in zip(kept, log_odds(read), strict=True):
            group.odds = float(odds)
    for line in state:
        line.groups = [group for group in line.groups if not np.isnan(group.odds)]


def candidates(
    pieces: Sequence[Piece],
) -> list[tuple[Box, NDArray[np.float32]]]:
    """Every group of parts of a line's pieces that might be a digit: its box and its ink.

    As `read_lines` proposes them where it is not sure of any piece; for what learns from them.
    """
    unread = np.full((len(pieces), NONE + 1), 1 / (NONE + 1), np.float32)
    line = _Line(pieces, digit_height(pieces), unread)
    line.nodes = list(_nodes(line, np.zeros(len(pieces), np.bool_)))
    return [(group.box, group.ink) for group in _groups(line)]


def log_odds(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """log (most probable digit / no digit) of (N, 11) probabilities, (N,)."""
    p = np.maximum(probabilities.astype(np.float64), 1e-12)
    return np.log(p[:, :NONE].max(axis=1)) - np.log(p[:, NONE])


def _nodes(line: _Line, sure: NDArray[np.bool_]) -> Iterator[_Node]:
    """The places in a line where groups may begin or end, from left to right."""
    for i, piece in enumerate(line.pieces):
        overlap = 0.0
        if i:
            before = line.pieces[i - 1]
            common = min(before.x + before.width, piece.x + piece.width) - max(before.x, piece.x)
            overlap = max(common / min(before.width, piece.width), 0.0)
        seams = []
        if not sure[i] and _LOWEST * line.height <= piece.height <= _HIGHEST * line.height:
            seams = find_seams(piece.ink, line.height)
        one = stroke_width(piece.ink) * line.height  # the ink of a 1
        rest = [piece.ink.sum(), *(_right_of(piece.ink, s.columns).sum() for s in seams), 0.0]
        skipped = [max(float(a - b), 0.0) / one for a, b in pairwise(rest)]
        yield _Node(i, None, 0.0, overlap, skipped[0])
        for seam, ink in zip(seams, skipped[1:], strict=True):
            yield _Node(i, seam.columns, seam.cost, 0.0, ink)
    yield _Node(len(line.pieces), None, 0.0, 0.0, 0.0)


def _groups(line: _Line) -> Iterator[_Group]:
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
                found = _between(pieces, start, end)
                if found is None:
                    continue
                box, ink = found
                if box[0] + box[2] - left > 2 * _WIDEST * height:
                    break
                if box[2] > _WIDEST * height or ink.sum() < _LEAST * height * stroke_width(ink):
                    continue
            low = abs(float(np.log(box[3] / height)))
            traits = (start.cost + end.cost, gaps, start.overlap + end.overlap, low)
            group = _Group(first, last, traits, box, ink)
            if whole:  # read already
                group.odds = float(log_odds(line.whole[start.piece : start.piece + 1])[0])
            yield group


def _between(
    pieces: Sequence[Piece], start: _Node, end: _Node
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


def _best(line: _Line, priors: Priors, digits: int | None) -> list[_Group]:
    """The groups of the best way through a line, by dynamic programming (Viterbi)."""
    n = len(line.nodes) - 1
    ending: list[list[tuple[_Group, float]]] = [[] for _ in range(n + 1)]
    for group in line.groups:
        odds = min(max(group.odds, -priors.odds), priors.odds)
        ending[group.last].append((group, odds + priors.of(group.traits)))
    # score[i, k]: of the best way to node i with k digits; k is 0 where no number is asked for.
    counts = 1 if digits is None else digits + 1
    score = np.full((n + 1, counts), -np.inf)
    score[0, 0] = 0
    came: dict[tuple[int, int], _Group | None] = {}  # None: the ink up to here is left out
    for i in range(1, n + 1):
        for k in range(counts):
            before = k if digits is None else k - 1
            score[i, k] = score[i - 1, k] - priors.skip * line.nodes[i - 1].skipped
            came[i, k] = None
            for group, gain in ending[i] if before >= 0 else []:
                if score[group.first, before] + gain > score[i, k]:
                    score[i, k], came[i, k] = score[group.first, before] + gain, group
    i, k = n, counts - 1
    while score[n, k] == -np.inf:  # fewer digits than asked for
        k -= 1
    chosen = []
    while i > 0:
        step = came[i, k]
        if step is None:
            i -= 1
        else:
            chosen.append(step)
            i, k = step.first, k if digits is None else k - 1
    return chosen[::-1]
