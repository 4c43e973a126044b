"""What Hypothesis draws for convolution and pooling: pictures, windows that fit, upstream noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from kernels.loops import output_size, same

# The same examples in every run and on every machine.
steady = settings(derandomize=True, deadline=None, max_examples=120, database=None)


@dataclass(frozen=True)
class Drawn:
    """A window as a user writes it (kernel, stride, padding) and spelled out for the loops."""

    shape: tuple[int, int, int, int]  # N, C, H, W
    said: tuple  # kernel, stride, padding as given to the kernel
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pads: tuple[tuple[int, int], tuple[int, int]]
    rng: np.random.Generator

    @property
    def output(self):
        return output_size(self.shape[2:], self.kernel, self.stride, self.pads)


@st.composite
def windows(draw, *, pooling=False, rows=True):
    """A picture and a window that fits it; for pooling, padding is at most half the window."""
    kernel = (draw(st.integers(1, 4)) if rows else 1, draw(st.integers(1, 4)))
    if draw(st.integers(0, 4)) == 0:
        stride, pads, padding = (1, 1), same(kernel), "same"
    else:
        stride = (draw(st.integers(1, 3)) if rows else 1, draw(st.integers(1, 3)))
        most = [k // 2 if pooling else 2 for k in kernel]
        padding = (draw(st.integers(0, most[0])) if rows else 0, draw(st.integers(0, most[1])))
        pads = ((padding[0],) * 2, (padding[1],) * 2)
    least = [max(1, k - sum(p)) for k, p in zip(kernel, pads, strict=True)]
    hw = [draw(st.integers(low, low + 4)) for low in least]
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 3)), hw[0] if rows else 1, hw[1])

    def spelled(value):
        # An integer where both are equal and Hypothesis likes it: both spellings are tried.
        alike = value != "same" and value[0] == value[1]
        return value[0] if alike and draw(st.booleans()) else value

    said = tuple(spelled(v) for v in (kernel, stride, padding))
    return Drawn(shape, said, kernel, stride, pads, np.random.default_rng(draw(st.integers(0, 99))))


def close(actual, expected):
    """Equal to the rounding of float64, shape and type too."""
    assert actual.dtype == np.float64
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)
