"""Which way up a page is: its pieces are read in four ways, and the best reading wins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from byhand.reader.normalise import normalise
from byhand.reader.pieces import Piece, height_of

# So many pieces at most are read; fewer than this tell nothing.
SAMPLE, FEWEST = 48, 3
# Another way up must read better by so much (log probability in all, and a piece).
MARGIN, MARGIN_EACH = 5.0, 0.25
# And so much of the pieces must be digits that way: strings of touching ones are none in any way.
READS = 0.6


class Reads(Protocol):
    """What reads normalised pictures: (N, 28, 28) uint8 -> (N, 12) probabilities."""

    def read(self, pictures: NDArray[np.uint8], views: int = ...) -> NDArray[np.float32]:
        """Probabilities of the digits 0 to 9 and of no digit."""


def find_turn(pieces: Sequence[Piece], recogniser: Reads) -> int:
    """By how many degrees clockwise the picture must be turned to stand upright: 0 to 270.

    Each piece is read in four ways; a way's score is the sum of the pieces' log probability of
    being a digit. The way it stands is kept unless another is clearly better.
    """
    sample = _sample(pieces)
    if len(sample) < FEWEST:
        return 0
    ways = [normalise(np.rot90(p.ink, -k)) for k in range(4) for p in sample]
    read = recogniser.read(np.stack(ways), views=1)[:, :10].max(1)
    read = read.reshape(4, len(sample))
    scores = np.log(np.maximum(read, 1e-3)).sum(1)
    best = int(np.argmax(scores))
    better = float(scores[best] - scores[0]) > max(MARGIN, MARGIN_EACH * len(sample))
    return 90 * best if better and float(read[best].mean()) > READS else 0


def _sample(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces of a digit's size, evenly from all over the page."""
    size = max((height_of(pieces), height_of([_turned(p) for p in pieces])), default=0.0)
    fit = [p for p in pieces if 0.5 * size <= max(p.width, p.height) <= 1.6 * size]
    step = max(1, len(fit) / SAMPLE)
    return [fit[int(i * step)] for i in range(min(len(fit), SAMPLE))]


def _turned(piece: Piece) -> Piece:
    return Piece(piece.y, piece.x, piece.height, piece.width, piece.ink.T)
