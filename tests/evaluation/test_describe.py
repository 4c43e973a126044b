"""A kernel is described as what it was made of: each kind, each direction, and with noise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from byhand import kernels
from byhand.errors import InputError, ShapeError
from byhand.evaluation import KINDS, describe_kernel

Y, X = (v.astype(float) for v in np.mgrid[2:-3:-1, -2:3])  # of 5×5: upwards, to the right
SIDES = {
    0: "right edge", 45: "upper right edge", 90: "upper edge", 135: "upper left edge",
    180: "left edge", 225: "lower left edge", 270: "lower edge", 315: "lower right edge",
}  # fmt: skip
LINES = {0: "horizontal", 45: "rising", 90: "vertical", 135: "falling"}


def edge(degrees):
    """Ink up to a straight line through the middle, paper beyond it in this direction."""
    a = math.radians(degrees)
    return -np.sign(np.round(math.cos(a) * X + math.sin(a) * Y, 9))


def line(degrees):
    """Ink along a line, and paper beside it, as much of one as of the other."""
    a = math.radians(degrees)
    near = np.abs(math.cos(a) * Y - math.sin(a) * X) < 0.8
    return np.where(near, 1 / near.sum(), -1 / (~near).sum())


def noisy(kernel, seed=0):
    """With a quarter of its deviation as noise."""
    rng = np.random.default_rng(seed)
    return kernel + 0.25 * kernel.std() * rng.normal(size=kernel.shape)


def apart(a, b, turn):
    """How far two angles are from each other, in degrees."""
    return abs((a - b + turn / 2) % turn - turn / 2)


@pytest.mark.parametrize("degrees", list(SIDES))
@pytest.mark.parametrize("seed", [None, 0, 1, 2])
def test_an_edge_is_named_by_the_side_where_the_paper_is(degrees, seed):
    kernel = edge(degrees) if seed is None else noisy(edge(degrees), seed)
    found = describe_kernel(kernel)
    assert (found.kind, found.text) == ("edge", SIDES[degrees])
    assert apart(found.direction, degrees, 360) <= 10
    assert found.strength > 0.7
    assert found.nearest == found.text


def test_an_edge_says_where_a_stroke_is_answered():
    # The right edge of a stroke: ink at the left of it, paper at the right.
    picture = np.zeros((1, 1, 5, 16))
    picture[..., 4:10] = 1
    kernel = edge(0)
    answers = kernels.conv2d(picture, kernel[None, None], None)[0][0, 0, 0]
    assert describe_kernel(kernel).text == "right edge"
    assert abs(int(answers.argmax()) + 2 - 9.5) <= 0.5  # the window's middle, on ink's last column


def test_an_edge_beside_the_middle_is_an_edge():
    kernel = np.where(X <= -1, 1.0, -1.0)
    found = describe_kernel(kernel)
    assert (found.kind, found.text) == ("edge", "right edge")


@pytest.mark.parametrize("degrees", list(LINES))
@pytest.mark.parametrize("seed", [None, 0, 1])
def test_a_line_is_named_by_the_way_it_runs_and_its_negative_is_a_gap(degrees, seed):
    for sign, word in ((1, "line"), (-1, "gap")):
        kernel = sign * line(degrees)
        found = describe_kernel(kernel if seed is None else noisy(kernel, seed))
        assert (found.kind, found.text) == ("line", f"{LINES[degrees]} {word}")
        assert apart(found.direction, degrees, 180) <= 10


@pytest.mark.parametrize("kernel", [
    np.ones((5, 5)), np.exp(-(X**2 + Y**2) / 4), (X == 0) * (Y == 0) * 1.0, np.ones((2, 2)),
    np.ones((1, 1)), np.ones((11, 11)),
], ids=["mean", "Gaussian", "one weight", "2×2", "1×1", "11×11"])  # fmt: skip
def test_an_average_is_a_blob_and_its_negative_a_negative_one(kernel):
    found = describe_kernel(kernel)
    assert (found.kind, found.text, found.direction) == ("blob", "blob", None)
    assert found.strength > 0.85
    assert describe_kernel(-3 * kernel).text == "negative blob"


@pytest.mark.parametrize(("row", "column", "text", "degrees"), [
    (0, 2, "shift 2 down", 270), (4, 2, "shift 2 up", 90), (2, 0, "shift 2 right", 0),
    (2, 4, "shift 2 left", 180), (3, 3, "shift 1 up, 1 left", 135),
    (1, 1, "shift 1 down, 1 right", 315), (0, 4, "shift 2 down, 2 left", 225),
])  # fmt: skip
def test_one_weight_off_the_middle_is_a_shift_of_the_picture(row, column, text, degrees):
    kernel = np.zeros((5, 5))
    kernel[row, column] = 2.0
    for given in (kernel, noisy(kernel)):
        found = describe_kernel(given)
        assert (found.kind, found.text, found.direction) == ("shift", text, degrees)
    assert describe_kernel(-kernel).text == f"negative {text}"
    # And the picture does move that way.
    picture = np.zeros((1, 1, 13, 13))
    picture[..., 6, 6] = 1
    moved = kernels.conv2d(picture, kernel[None, None], None, padding="same")[0][0, 0]
    assert np.argwhere(moved == 2).tolist() == [[6 + 2 - row, 6 + 2 - column]]


@pytest.mark.parametrize("seed", range(4))
def test_a_blob_with_noise_is_a_blob(seed):
    kernel = np.exp(-(X**2 + Y**2) / 4)
    assert describe_kernel(noisy(kernel, seed)).text == "blob"


def test_what_is_many_things_or_changes_from_weight_to_weight_is_mixed():
    saddle = X * Y  # ink in two opposite corners, paper in the other two
    found = describe_kernel(saddle)
    assert (found.kind, found.text, found.direction) == ("mixed", "mixed", None)
    assert 0 < found.strength <= 0.5
    assert found.nearest not in ("", "mixed")
    board = np.where((X + Y) % 2 == 0, 1.0, -1.0)
    assert describe_kernel(board - board.mean()).kind == "mixed"


def test_a_kernel_of_zeros_responds_to_nothing():
    found = describe_kernel(np.zeros((5, 5)))
    assert (found.kind, found.strength, found.nearest) == ("mixed", 0.0, "")


@pytest.mark.parametrize("size", [3, 5, 7, 11])
def test_turning_a_kernel_turns_its_edge(size):
    _, x = np.mgrid[:size, :size]
    kernel = np.where(x < size // 2, 1.0, np.where(x > size // 2, -1.0, 0.0))
    texts = [describe_kernel(np.rot90(kernel, turns)).text for turns in range(4)]
    assert texts == ["right edge", "upper edge", "left edge", "lower edge"]


@pytest.mark.parametrize("factor", [1e-30, 1e-3, 1e30])
def test_how_large_the_weights_are_does_not_matter(factor):
    kernel = noisy(edge(90))
    found, other = describe_kernel(kernel), describe_kernel(factor * kernel)
    assert found.text == other.text
    assert found.strength == pytest.approx(other.strength)


def test_the_energy_that_is_explained_is_a_share():
    for seed, shape in enumerate([(1, 5), (5, 1), (2, 3), (4, 4), (5, 5), (9, 5)]):
        found = describe_kernel(np.random.default_rng(seed).normal(size=shape))
        assert 0 < found.strength <= 1
        assert found.kind in KINDS
        assert set(found.as_dict()) == {"kind", "direction", "strength", "text", "nearest"}


@pytest.mark.parametrize("shape", [(5,), (1, 5, 5), (0, 5), ()])
def test_what_is_no_kernel_is_refused(shape):
    with pytest.raises(ShapeError, match="cannot be described"):
        describe_kernel(np.zeros(shape))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused(value):
    kernel = edge(0)
    kernel[1, 2] = value
    with pytest.raises(InputError, match="not finite"):
        describe_kernel(kernel)
