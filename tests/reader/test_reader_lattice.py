"""The best way through a line is the best of all ways, found by trying every one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from byhand.reader.lattice import (
    PRIORS,
    Group,
    Node,
    SegmentationLattice,
    Traits,
    best_way,
    log_odds,
)


def random_line(rng, nodes):
    """A line of so many places, random groups between them and what is left out."""
    ink = np.ones((2, 2), np.float32)
    line = SegmentationLattice([])
    cut = np.ones(2, np.intp)  # two pieces with a few cuts each
    line.nodes = [
        Node(int(2 * i / nodes), None if i % 3 == 0 else cut, 0.0, 0.0, rng.uniform(0, 2))
        for i in range(nodes)
    ]
    line.nodes[-1] = Node(2, None, 0.0, 0.0, 0.0)
    for first, last in itertools.combinations(range(nodes), 2):
        if last == first + 1 or rng.random() < 0.7:
            traits = Traits(*rng.uniform(0, 1, 6))
            read = rng.dirichlet(np.full(12, 0.2)).astype(np.float32)
            line.groups.append(Group(first, last, traits, (0, 0, 2, 2), ink, False, read))
    return line


def worth(line, chosen, priors):
    total, at = 0.0, 0
    for group in [*chosen, None]:
        until = len(line.nodes) - 1 if group is None else group.first
        total -= left_out(line, at, until, priors)
        if group is not None:
            total += log_odds(group.read, priors.odds) + priors.of(group.traits)
            at = group.last
    return total


def left_out(line, first, last, priors):
    """What leaving out all ink between two nodes costs at least: pieces as wholes where it can."""
    begins = [i for i, node in enumerate(line.nodes) if node.columns is None]
    cost, i = 0.0, first
    while i < last:
        until = min((b for b in begins if b > i), default=last)
        parts = [node.skipped for node in line.nodes[i : min(until, last)]]
        ways = [priors.waste * sum(parts)]
        if i in begins and until <= last:
            ways.append(priors.leave * min(sum(parts), 1.0))
        cost, i = cost + min(ways), min(until, last)
    return cost


def all_ways(line, at=0):
    yield []
    for group in line.groups:
        if group.first >= at:
            for rest in all_ways(line, group.last):
                yield [group, *rest]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("digits", [None, 0, 1, 3])
def test_the_best_way_is_the_best_of_all_ways(seed, digits):
    line = random_line(np.random.default_rng(seed), 6)
    ways = [way for way in all_ways(line) if digits is None or len(way) == digits]
    assert ways
    best = max(worth(line, way, PRIORS) for way in ways)
    score, chosen = best_way(line, PRIORS, digits)
    assert digits is None or len(chosen) == digits
    assert worth(line, chosen, PRIORS) == pytest.approx(best)
    assert score == pytest.approx(best)
    assert all(a.last <= b.first for a, b in itertools.pairwise(chosen))


def test_the_fewest_digits_missing_where_there_are_not_enough():
    line = random_line(np.random.default_rng(0), 4)
    assert len(best_way(line, PRIORS, 9)[1]) == max(len(way) for way in all_ways(line))
