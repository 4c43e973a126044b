"""One helper for the second arithmetic: an operation on Lanes beside the float64 reference."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from byhand import kernels
from byhand.kernels import LANES, Lanes, compiled

# What the compiled core promises: the largest difference, in units of the largest absolute value of
# the reference's result.
TOLERANCE = 1e-5

SETS = () if compiled.core is None else tuple(compiled.core.instruction_sets())
THREADS = (1, 2, 3)
COUNTS = (1, 2, 7, 8, 9, 15, 16, 17, 25)  # of images: around what lanes hold

# The same examples in every run and on every machine.
steady = settings(derandomize=True, deadline=None, max_examples=60, database=None)

counts = st.sampled_from(COUNTS)
seeds = st.integers(0, 99)
machines = st.tuples(st.sampled_from(SETS or ("none",)), st.sampled_from(THREADS))


@contextmanager
def machine(isa, threads):
    """The core on this instruction set and so many threads, for a while."""
    core = compiled.core
    before = core.instruction_set(), core.threads()
    assert core.choose(isa)
    core.set_threads(threads)
    try:
        yield
    finally:
        core.choose(before[0])
        core.set_threads(before[1])


def numbers(seed, shape):
    """Numbers from -1 to 2 in float32: their sums do not cancel out."""
    return np.random.default_rng(seed).uniform(-1, 2, shape).astype(np.float32)


def agree(got, expected, floor=0.0):
    """See that `got` is `expected` to the tolerance; NaN and infinity in the same places.

    `floor`: where values of about 1 cancel out, the least scale to measure the difference by.
    """
    if expected is None:
        assert got is None
        return
    assert isinstance(got, Lanes) or got.dtype == np.float32
    got, expected = kernels.as_numpy(got), np.asarray(expected)
    assert got.shape == expected.shape
    finite = np.isfinite(expected)
    assert np.array_equal(np.isnan(got), np.isnan(expected))
    assert np.array_equal(np.where(finite, 0, expected), np.where(finite, 0, got), equal_nan=True)
    scale = np.abs(expected[finite]).max(initial=floor)
    difference = np.abs(got[finite].astype(np.float64) - expected[finite]).max(initial=0.0)
    assert difference <= TOLERANCE * scale, f"{difference:.3g} beside {scale:.3g}"


def padding(lanes):
    """What lies past the last image."""
    return lanes.data[-1][..., (lanes.n - 1) % LANES + 1 :] if lanes.n else np.zeros(0, np.float32)


def is_gradient(lanes):
    """See that the padding of a gradient is exactly zero."""
    assert not padding(lanes).any()


def run(name, x, *rest, dy, **how):
    """The operation and its backward: [y, dx, dweight, ...]."""
    y, cache = getattr(kernels, name)(x, *rest)
    back = getattr(kernels, f"{name}_backward")(dy(y), cache, **how)
    return [y, *(back if type(back) is tuple else (back,))]


def compare(name, x, *rest, dy=None, floor=0.0, **how):
    """See that the operation and its backward agree with the reference in float64; gives its y.

    `x`, `dy` and the arrays of `rest` are float32, so that both start from the same numbers; `dy`
    is drawn unless given.
    """
    expected = reference(name, x, *rest, dy=dy, **how)
    against(expected, name, x, *rest, dy=dy, floor=floor, **how)
    return expected[0]


def reference(name, x, *rest, dy=None, **how):
    """[y, dx, ...] of the reference in float64."""
    upstream = _upstream(dy)
    with np.errstate(all="ignore"):
        return run(name, _double(x), *map(_double, rest), dy=lambda y: _double(upstream(y)), **how)


def against(expected, name, x, *rest, dy=None, floor=0.0, **how):
    """See that what Lanes give is `expected`; padding finite in y, and zero in gradients."""
    upstream = _upstream(dy)
    got = run(name, Lanes.pack(x), *rest, dy=lambda y: Lanes.pack(upstream(y)), **how)
    assert len(got) == len(expected)
    for mine, theirs in zip(got, expected, strict=True):
        agree(mine, theirs, floor)
    assert isinstance(got[0], Lanes)
    if np.isfinite(expected[0]).all():
        assert np.isfinite(got[0].data).all()
    for mine in got[1:]:
        if isinstance(mine, Lanes):
            is_gradient(mine)


def _upstream(dy):
    return (lambda y: numbers(len(y.shape), y.shape)) if dy is None else lambda y: dy


def _double(value):
    is_float = isinstance(value, np.ndarray) and value.dtype == np.float32
    return value.astype(np.float64) if is_float else value
