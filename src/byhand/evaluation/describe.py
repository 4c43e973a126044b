"""What a kernel responds to, told from its weights: an edge, a line, a blob, a shift, or a mixture.

A kernel is compared with templates, each of one kind. Neighbouring pixels of a stroke are alike, so
what alternates from weight to weight meets nothing and counts for little: the energy of a kernel w
is that of w blurred by a Gaussian of one pixel,

    <a, b> = sum over two weights p, q of a_p b_q exp(−|p − q|² / 4),   energy of w = <w, w>

which is the mean square of its response to pictures whose pixels d apart are correlated by
exp(−d²/4) (those of handwritten digits by 0.83 at d = 1 and 0.55 at d = 2). Least squares with a
template t alone explains the share <w, t>² / (<w, w> <t, t>) of it. The template that explains most
gives the kind; where it leaves more than it explains, the kernel is mixed.

With x to the right, y upwards, u and v turned by an angle, and g a Gaussian of a quarter of the
kernel's side (after Freeman and Adelson, "The design and use of steerable filters", 1991):

    edge    −u g             ink on one side, paper on the other
    line    (1 − v²/σ²) g    ink along the middle, paper beside it; negated: a gap between strokes
    blob    g, one weight, or all weights equal: an average; negated: where there is no ink
    shift   a narrow Gaussian off the middle: the picture, moved; negated: its negative, moved

Lines are broad or thin (σ), and longer than broad. Edges and thin lines of kernels of 5×5 and more
may also lie a pixel beside the middle.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.errors import InputError, ShapeError

KINDS = ("edge", "line", "blob", "shift", "mixed")
ENOUGH = 0.5  # a kind is said where its template explains more of the energy than it leaves
_BLUR = 1.0  # pixels, the Gaussian's deviation
_NARROW = 0.6  # pixels, of one weight and a little beside it
_STEP = 5  # degrees between templates
_THIN, _LONG = 0.6, 1.5  # of lines: a thin one's width and the length, in quarters of the side
_ROOM = 5  # weights a side from which on an edge or a line may lie beside the middle

_SIDES = ("right", "upper right", "upper", "upper left",
          "left", "lower left", "lower", "lower right")  # fmt: skip
_LINES = ("horizontal", "rising", "vertical", "falling")


@dataclass(frozen=True)
class KernelDescription:
    """What a kernel responds to.

    Args:
        kind: one of KINDS.
        direction: in degrees, counter-clockwise from the right. Of an edge: from ink to paper, so
            that 0 is the right edge of a stroke and 90 its upper edge. Of a line: along it, 0 to
            175. Of a shift: where the picture goes. None of others.
        strength: the share of the kernel's energy that the best template explains, 0 to 1; of a
            mixed kernel too.
        text: in a few words: "upper left edge", "vertical line", "shift 1 up, 2 left", "mixed".
        nearest: the words of the best template, of a mixed kernel too; "" of a kernel of zeros.
    """

    kind: str
    direction: float | None
    strength: float
    text: str
    nearest: str

    def as_dict(self) -> dict[str, Any]:
        """The description as plain values."""
        return asdict(self)


def describe_kernel(weight: ArrayLike) -> KernelDescription:
    """Say what a kernel responds to (see the top of this file).

    The kernel is laid on the picture as it is, not turned (a correlation, as convolution layers
    compute it): weights above 0 want ink, those below 0 want paper.

    Args:
        weight: (KH, KW), one channel of one kernel.

    Raises:
        ShapeError: it is not of two axes, or is empty.
        InputError: a weight is not finite.
    """
    w = np.asarray(weight, np.float64)
    if w.ndim != 2 or w.size == 0:
        raise ShapeError(
            f"a kernel of shape {w.shape} cannot be described: give the weights (KH, KW) of one "
            "channel of one kernel"
        )
    if not np.isfinite(w).all():
        raise InputError(
            "a kernel with weights that are not finite cannot be described: its training has "
            "diverged; train it again with a smaller learning rate"
        )
    largest = float(np.abs(w).max())
    if largest == 0:
        return KernelDescription("mixed", None, 0.0, "mixed", "")
    w = w / largest  # so that no square underflows
    templates, meanings = _templates(w.shape[0], w.shape[1])
    blurred = _blurred(w)
    along = np.einsum("tyx,yx->t", templates, blurred)  # <w, t> with <t, t> = 1
    shares = along**2 / float((w * blurred).sum())
    best = int(shares.argmax())
    strength = min(1.0, float(shares[best]))
    kind, direction, words = _say(meanings[best], positive=bool(along[best] > 0))
    if strength <= ENOUGH:
        return KernelDescription("mixed", None, strength, "mixed", words)
    return KernelDescription(kind, direction, strength, words, words)


@dataclass(frozen=True)
class _Meaning:
    kind: str
    angle: float = 0.0
    move: tuple[float, float] = (0.0, 0.0)  # of the picture: down, right


@lru_cache(maxsize=16)
def _templates(kh: int, kw: int) -> tuple[NDArray[np.float64], tuple[_Meaning, ...]]:
    """The templates (T, KH, KW) with <t, t> = 1, and what each means."""
    y: NDArray[Any] = ((kh - 1) / 2 - np.arange(kh))[:, None]  # upwards
    x: NDArray[Any] = (np.arange(kw) - (kw - 1) / 2)[None, :]
    width = max(min(kh, kw) / 4, 0.5)
    drawn: list[tuple[NDArray[np.float64], _Meaning]] = [
        (_gaussian(x, y, width), _Meaning("blob")),
        (_gaussian(x, y, _NARROW), _Meaning("blob")),
        (np.ones((kh, kw)), _Meaning("blob")),
    ]
    for angle in range(0, 180, _STEP):
        u = np.cos(np.deg2rad(angle)) * x + np.sin(np.deg2rad(angle)) * y
        v = np.cos(np.deg2rad(angle)) * y - np.sin(np.deg2rad(angle)) * x
        anywhere = (-1, 0, 1) if min(kh, kw) >= _ROOM else (0,)
        for off in anywhere:
            edge = -(u - off) * _gaussian(u - off, v, width)
            drawn.append((edge, _Meaning("edge", angle)))
        # A broad line beside the middle would be seen from one side alone, and be an edge.
        for thick, offs in ((width, (0,)), (_THIN * width, anywhere)):
            for off in offs:
                line = (1 - (v - off) ** 2 / thick**2) * _gaussian(
                    u * thick / (_LONG * width), v - off, thick
                )
                drawn.append((line, _Meaning("line", angle)))
    for up in y[:, 0]:
        for right in x[0]:
            # Less than a pixel off, as the middle ones of an even kernel are, is no shift.
            if max(abs(up), abs(right)) >= 1:
                # What is seen at the upper right of each place comes to it: the picture moves to
                # the lower left.
                goes = float(np.degrees(np.arctan2(-up, -right)) % 360)
                moved = _Meaning("shift", goes, (float(up), -float(right)))
                drawn.append((_gaussian(x - right, y - up, _NARROW), moved))
    templates, meanings = [], []
    for template, meaning in drawn:
        energy = float((template * _blurred(template)).sum())
        # A kernel of one row has no upper edge: that template is nothing but rounding.
        if energy > 1e-12:
            templates.append(template / np.sqrt(energy))
            meanings.append(meaning)
    return np.array(templates), tuple(meanings)


def _gaussian(x: NDArray[Any], y: NDArray[Any], width: float) -> NDArray[np.float64]:
    bump: NDArray[np.float64] = np.exp(-(x**2 + y**2) / (2 * width**2))
    return bump


def _blurred(w: NDArray[np.float64]) -> NDArray[np.float64]:
    """b with <a, w> = sum(a * b): the Gaussian factor of rows and of columns."""
    rows, columns = (
        np.exp(-(np.subtract.outer(np.arange(n), np.arange(n)) ** 2) / (4 * _BLUR**2))
        for n in w.shape
    )
    return rows @ w @ columns


def _say(meaning: _Meaning, positive: bool) -> tuple[str, float | None, str]:
    """Kind, direction and words of a template with this sign."""
    if meaning.kind == "edge":
        direction = (meaning.angle + (0 if positive else 180)) % 360
        return "edge", direction, f"{_SIDES[round(direction / 45) % 8]} edge"
    if meaning.kind == "line":
        name = _LINES[round(meaning.angle / 45) % 4]
        return "line", meaning.angle, f"{name} {'line' if positive else 'gap'}"
    if meaning.kind == "blob":
        return "blob", None, "blob" if positive else "negative blob"
    down, right = meaning.move
    moves = [
        f"{abs(size):g} {forward if size > 0 else back}"
        for size, forward, back in ((down, "down", "up"), (right, "right", "left"))
        if size
    ]
    return "shift", meaning.angle, f"{'' if positive else 'negative '}shift {', '.join(moves)}"
