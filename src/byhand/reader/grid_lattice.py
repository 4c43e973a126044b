"""Which of a picture's rules make up a grid: those that reach across it, and where they cross."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .grid_rules import GridLine, GridLines

Floats = NDArray[np.float64]
Shape = tuple[int, int]  # rows, columns

# A rule of a grid has ink along this part of it; between two crossings, of `INKED`.
REACHING, INKED = 0.55, 0.6
# And not less than this part of what most of them have.
LESS = 0.88
DOUBTFUL = 0.62  # of what may be a rule
# A grid that nobody asked for: each rule whole, hardly a piece missing, nothing sticking out.
WHOLE, PIECES, OVER = 0.8, 0.96, 0.35
MOST, NARROWEST = 1000, 9  # cells; and pixels of the shrunk picture


@dataclass(frozen=True, eq=False)
class GridLattice:
    """The rules of a grid.

    Args:
        crossings: (rows + 1, columns + 1, 2) x, y in the shrunk picture, a pixel's middle whole.
        doubt: 0 for a plain grid of the shape asked for (any, when none was), 0.5 for one that
            may have more rules, more the less it is one.
        note: what had to be guessed, a sentence; "" when nothing had.
    """

    crossings: Floats
    doubt: float
    note: str = ""


def find_lattice(rules: GridLines, shape: Shape | None) -> GridLattice | None:
    """The grid that these rules are; None where they are none.

    Args:
        rules: level and upright ones, with strays among them.
        shape: the rows and columns expected, or the columns and rows (the page lies on its side);
            None: only a plain grid counts.
    """
    chosen = _reaching(rules)
    if chosen is None:
        return None
    counted = len(chosen.level) - 1, len(chosen.upright) - 1
    # What may be rules too, only fainter: strokes of writing are seldom so whole.
    more = replace(
        chosen,
        level=_with_fainter(rules, chosen, False),
        upright=_with_fainter(rules, chosen, True),
    )
    if shape is None:
        if min(counted) < 2 or counted[0] * counted[1] > MOST or not _is_plain(chosen):
            return None
        sure = (len(more.level) - 1, len(more.upright) - 1) == counted
        return GridLattice(_crossings(chosen), 0.0 if sure else 0.5)
    if counted in (shape, shape[::-1]):
        return GridLattice(_crossings(chosen), 0.0 if _is_plain(chosen) else 1.0)
    return _forced(chosen, more, shape, counted)


def _reaching(rules: GridLines) -> GridLines | None:
    """Only the rules that reach across the grid; None where fewer than two do, either way."""
    level, upright = _longest(rules.level), _longest(rules.upright)
    for _ in range(3):
        if min(len(level), len(upright)) < 2:
            return None
        level = _across(rules, rules.level, upright, False)
        if len(level) < 2:
            return None
        upright = _across(rules, rules.upright, level, True)
    level, upright = _distinct(rules, level, False), _distinct(rules, upright, True)
    if min(len(level), len(upright)) < 2:
        return None
    chosen = replace(rules, level=level, upright=upright)
    return _without_margins(chosen)


def _longest(rules: list[GridLine]) -> list[GridLine]:
    most = max((int(rule.inked.sum()) for rule in rules), default=0)
    return [rule for rule in rules if rule.inked.sum() >= 0.5 * most]


def _across(
    rules: GridLines, candidates: list[GridLine], others: list[GridLine], upright: bool
) -> list[GridLine]:
    """The candidates with ink most of the way from the first to the last of the others."""
    spans = _spans(rules, candidates, others, upright)
    inked = [rule.covered(*span) for rule, span in zip(candidates, spans, strict=True)]
    # Strokes of writing, one above the other, are no rule where there are whole ones.
    least = max(REACHING, LESS * float(np.percentile(inked, 75)))
    kept = [rule for rule, part in zip(candidates, inked, strict=True) if part >= least]
    return _ordered(rules, kept, upright)


def _spans(
    rules: GridLines, family: list[GridLine], others: list[GridLine], upright: bool
) -> Floats:
    """(rules, 2): where along each rule of a family the first and last of the other cross it."""
    outer = [others[0], others[-1]]
    if upright:
        return rules.crossings(outer, family)[..., 1].T
    return rules.crossings(family, outer)[..., 0]


def _ordered(rules: GridLines, chosen: list[GridLine], upright: bool) -> list[GridLine]:
    return sorted(chosen, key=lambda rule: float(_middle(rules, rule, upright)))


def _middle(rules: GridLines, rule: GridLine, upright: bool) -> float:
    return float(rules.place(rule, rules.size[int(upright)] / 2, upright))


def _distinct(rules: GridLines, chosen: list[GridLine], upright: bool) -> list[GridLine]:
    """One of each two rules that lie side by side, as a double frame's do."""
    if len(chosen) < 2:
        return chosen
    along = np.linspace(0.1, 0.9, 5) * rules.size[int(upright)]
    places = np.array([rules.place(rule, along, upright) for rule in chosen])  # (rules, 5)
    close = max(5.0, 0.2 * float(np.median(np.diff(np.sort(places[:, 2])))))
    best = sorted(range(len(chosen)), key=lambda k: -int(chosen[k].inked.sum()))
    kept: list[int] = []
    for k in best:
        # GridLines of one family do not meet within the grid.
        apart = (places[k] - places[other] for other in kept)
        if all(gap.min() >= close or gap.max() <= -close for gap in apart):
            kept.append(k)
    return [chosen[k] for k in sorted(kept, key=lambda k: places[k, 2])]


def _with_fainter(rules: GridLines, chosen: GridLines, upright: bool) -> list[GridLine]:
    """The chosen rules of a family, and between them those that have less ink."""
    mine, all_of_it = (
        (chosen.upright, rules.upright) if upright else (chosen.level, rules.level)
    )  # fmt: skip
    others = chosen.level if upright else chosen.upright
    spans = _spans(rules, all_of_it, others, upright)
    first, last = (_middle(rules, mine[k], upright) for k in (0, -1))
    fainter = [
        rule
        for rule, span in zip(all_of_it, spans, strict=True)
        if first < _middle(rules, rule, upright) < last
        and rule.covered(*span) >= DOUBTFUL
        and all(rule is not other for other in mine)
    ]
    return _distinct(rules, mine + fainter, upright)


def _without_margins(rules: GridLines) -> GridLines | None:
    """The outermost rules left out where no other rule reaches them: a page's edge, a frame."""
    while True:
        across, down = _inked(rules)
        level, upright = rules.level, rules.upright
        # (rows + 1, columns) pieces of level rules, (rows, columns + 1) of upright ones.
        outer = [across[:, 0], across[:, -1], down[0], down[-1]]
        worst = int(np.argmin([part.mean() for part in outer]))
        if outer[worst].mean() >= 0.5:
            return rules
        if worst < 2:
            upright = upright[1:] if worst == 0 else upright[:-1]
        else:
            level = level[1:] if worst == 2 else level[:-1]
        if min(len(level), len(upright)) < 2:
            return None
        rules = replace(rules, level=level, upright=upright)


def _inked(rules: GridLines) -> tuple[Floats, Floats]:
    """How much of each piece of a rule between two crossings has ink."""
    points = rules.crossings(rules.level, rules.upright)
    across = [
        [rule.covered(points[i, j, 0], points[i, j + 1, 0]) for j in range(points.shape[1] - 1)]
        for i, rule in enumerate(rules.level)
    ]
    down = [
        [rule.covered(points[i, j, 1], points[i + 1, j, 1]) for j, rule in enumerate(rules.upright)]
        for i in range(points.shape[0] - 1)
    ]
    return np.array(across), np.array(down)


def _is_plain(rules: GridLines) -> bool:
    """Whether it is a grid without doubt: every rule whole, and ending at the outermost ones."""
    across, down = _inked(rules)
    pieces = np.concatenate([across.ravel(), down.ravel()])
    if (pieces >= INKED).mean() < PIECES:
        return False
    if min(across.mean(1).min(), down.mean(0).min()) < WHOLE:
        return False
    for upright in (False, True):
        over, gaps = _overhang(rules, upright)
        if min(gaps) < NARROWEST or over[0] > OVER * gaps[0] + 4 or over[1] > OVER * gaps[-1] + 4:
            return False
    return True


def _overhang(rules: GridLines, upright: bool) -> tuple[tuple[float, float], Floats]:
    """How far this family's rules reach beyond the other's first and last; the other's gaps."""
    mine, others = (rules.upright, rules.level) if upright else (rules.level, rules.upright)
    ends = np.array([rule.ends for rule in mine])
    over = np.median((_spans(rules, mine, others, upright) - ends) * [1, -1], axis=0)
    places = [_middle(rules, rule, not upright) for rule in others]
    return (float(over[0]), float(over[1])), np.diff(places)


def _crossings(rules: GridLines) -> Floats:
    points = rules.crossings(rules.level, rules.upright)
    seen = np.concatenate([points, np.ones((*points.shape[:2], 1))], 2) @ rules.to_picture.T
    crossings: Floats = seen[..., :2] / seen[..., 2:]
    return crossings


def _forced(rules: GridLines, more: GridLines, shape: Shape, counted: Shape) -> GridLattice:
    """The grid asked for, laid onto rules of another number; `more`: with the fainter ones."""
    apart = [sum(abs(np.log(a / b)) for a, b in zip(counted, s, strict=True)) for s in
             (shape, shape[::-1])]  # fmt: skip
    lying = apart[1] < apart[0]
    rows, columns = shape[::-1] if lying else shape
    rules = replace(
        rules,
        level=more.level if len(rules.level) <= rows else rules.level,
        upright=more.upright if len(rules.upright) <= columns else rules.upright,
    )
    level, sure_level = _fill(rules, rows, False)
    upright, sure_upright = _fill(rules, columns, True)
    rules = replace(rules, level=level, upright=upright)
    note = ""
    if not (sure_level and sure_upright):
        note = (
            f"The rules found make {counted[0]}x{counted[1]} cells, not {rows}x{columns}: "
            "the grid was divided evenly where rules are missing."
        )
    return GridLattice(_crossings(rules), 2.0 + min(apart), note)


def _fill(rules: GridLines, cells: int, upright: bool) -> tuple[list[GridLine], bool]:
    """So many rules as `cells` need, and whether all of them were found."""
    chosen = list(rules.upright if upright else rules.level)
    if len(chosen) == cells + 1:
        return chosen, True
    (before, after), gaps = _overhang(rules, not upright)
    others = rules.level if upright else rules.upright
    width = float(np.median(gaps)) if len(chosen) < cells + 1 else np.inf
    if before > 0.4 * width:  # an open border: the other rules' ends are the grid's
        ends = np.median([rule.ends[0] for rule in others])
        chosen.insert(0, _moved(rules, chosen[0], float(ends), upright))
    if after > 0.4 * width:
        ends = np.median([rule.ends[1] for rule in others])
        chosen.append(_moved(rules, chosen[-1], float(ends), upright))
    if len(chosen) == cells + 1:
        return chosen, True
    places = np.array([_middle(rules, rule, upright) for rule in chosen])
    if cells + 1 < len(chosen) <= cells + 4:
        # Without the faintest, unless all are whole: then the evenest neighbours.
        spans = _spans(rules, chosen, others, upright)
        inked = np.array([rule.covered(*s) for rule, s in zip(chosen, spans, strict=True)])
        best = np.sort(np.argsort(-inked, kind="stable")[: cells + 1])
        if inked[best].min() > np.delete(inked, best).max() + 0.05:
            return [chosen[k] for k in best], False
        spreads = []
        for first in range(len(chosen) - cells):
            steps = np.diff(places[first : first + cells + 1])
            spreads.append(steps.std() / steps.mean())
        first = int(np.argmin(spreads))
        return chosen[first : first + cells + 1], False
    even = np.linspace(places[0], places[-1], cells + 1)
    filled = []
    for place in even:
        nearest = int(np.argmin(np.abs(places - place)))
        if abs(places[nearest] - place) < 0.2 * (even[1] - even[0]):
            filled.append(chosen[nearest])
            continue
        k = int(np.clip(np.searchsorted(places, place), 1, len(places) - 1))
        part = (place - places[k - 1]) / (places[k] - places[k - 1])
        curve = (1 - part) * chosen[k - 1].curve + part * chosen[k].curve
        filled.append(replace(chosen[k], curve=curve))
    return filled, False


def _moved(rules: GridLines, rule: GridLine, place: float, upright: bool) -> GridLine:
    shift = np.array([0, 0, 0, place - _middle(rules, rule, upright)])
    return replace(rule, curve=rule.curve + shift)
