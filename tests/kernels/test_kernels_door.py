"""Every operation, each parameter in turn odd, in every arithmetic: an error or what is right.

What is accepted gives the same in every arithmetic, and what is refused is so in the same words.
"""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

from byhand import kernels
from byhand.errors import ByhandError, ShapeError
from byhand.kernels import Key, Lanes, Rows, compiled

ARITHMETICS = {"reference": np.asarray}
if compiled.core is not None:
    ARITHMETICS |= {"lanes": Lanes.pack, "rows": Rows.of}


def some(*shape):
    return np.random.default_rng(len(shape)).uniform(0.1, 1, shape).astype(np.float32)


CHANNELS = [some(2), some(2), some(2), some(2)]
CONV = [some(2, 2, 3, 3), some(2), 1, 1]
# The arguments of each operation after x, and x; a backward is called with what its forward gave.
CASES = {
    "add": (some(2, 3), [some(2, 3)]),
    "concat": (some(2, 3), [some(2, 1)]),
    "relu": (some(2, 3), []),
    "leaky_relu": (some(2, 3), [0.1]),
    "sigmoid": (some(2, 3), []),
    "tanh": (some(2, 3), []),
    "gelu": (some(2, 3), []),
    "softmax": (some(2, 3), []),
    "log_softmax": (some(2, 3), []),
    "dropout": (some(2, 3), [0.5, Key(1, 2, (3,))]),
    "linear": (some(2, 3), [some(4, 3), some(4)]),
    "linear_relu": (some(2, 3), [some(4, 3), some(4)]),
    "conv2d": (some(2, 2, 4, 4), CONV),
    "conv2d_relu": (some(2, 2, 4, 4), CONV),
    "conv2d_relu_pool2d": (some(2, 2, 4, 4), CONV),
    "conv1d": (some(2, 2, 6), [some(2, 2, 3), some(2), 1, 1]),
    "im2col": (some(2, 2, 4, 4), [3, 1, 1]),
    "col2im": (some(18, 32), [(2, 2, 4, 4), 3, 1, 1]),
    "max_pool2d": (some(2, 2, 4, 4), [2, 1, 1]),
    "avg_pool2d": (some(2, 2, 4, 4), [2, 1, 1]),
    "max_pool1d": (some(2, 2, 6), [2, 1, 1]),
    "avg_pool1d": (some(2, 2, 6), [2, 1, 1]),
    "global_avg_pool": (some(2, 2, 4, 4), []),
    "batch_norm": (some(2, 2, 4), [*CHANNELS, True, 1e-5, None]),
    "cross_entropy": (some(2, 3), [np.array([0, 2]), 0.1]),
    "mean_squared_error": (some(2, 3), [some(2, 3)]),
    "binary_cross_entropy": (some(2, 3), [some(2, 3)]),
    "mean_loss": (some(2), [2]),
}
ODD = [
    None, "x", b"x", "", True, False, float("nan"), float("inf"), -float("inf"), -1, 0, 2.0, -0.5,
    1e308, 5e-324, 7, 10**6, 2**31 - 1, 2**31, 2**40, 2**62, 2**63, 10**30, -(10**30), 1j, [], (),
    {}, object(), [1, 2], (1, 2), (2.0, 2), (1, 2, 3), (1, 10**30), [[1, 2], [3]], ["x"],
    np.int64(2), np.float16(2),
    Key("x"), Key(0, None), Key(0, 0, 5), Key(0, 0, ("x",)), Key(0, 0, (), -1), Key(2**80),
    np.zeros(0, np.float32), np.zeros((1, 1), np.float32), np.float32(1), np.zeros((), np.float32),
    np.ones(2, np.float32), np.ones((2, 3), np.float32), np.ones((2, 3), int), np.ones(2, bool),
    np.array(["x", "y"]), np.array([None, 1]), np.array([1j, 2]),
    np.array(["2020-01-01"] * 2, "M8[D]"),
    np.full(2, np.nan, np.float32), np.full(2, -1), np.full(2, 2**40), np.full((2, 3), 7.0),
    np.ones((2, 3), np.float32).view(np.matrix), np.ma.masked_array(np.ones((2, 3), np.float32)),
]  # fmt: skip


def names():
    return [n for n in kernels.__all__ if hasattr(getattr(kernels, n), "registry")]


def convert(of, value):
    """Arrays of images stand in the layout; all else is as it is."""
    return of(value) if isinstance(value, np.ndarray) else value


def prepared(name, of):
    """x and the other arguments of an operation, in an arithmetic."""
    plain = name.removesuffix("_backward")
    x, rest = CASES[plain]
    if plain in ("add", "concat"):
        rest = [of(value) for value in rest]
    if name == plain:
        return of(x), list(rest)
    y, cache = getattr(kernels, plain)(of(x), *rest)
    dy = np.random.default_rng(9).standard_normal(y.shape).astype(np.float32)
    more = [cache, True, None] if plain == "batch_norm" else [cache, True]
    takes = len(inspect.signature(getattr(kernels, name)).parameters) - 1
    return of(dy), more[:takes]


def outcome(name, x, rest):
    """The numbers that an operation gives, flat, or the error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            result = getattr(kernels, name)(x, *rest)
    except ByhandError as error:
        return error
    first = result if name.endswith("_backward") or not isinstance(result, tuple) else result[0]
    parts = first if isinstance(first, tuple) else (first,)
    return [None if part is None else kernels.as_numpy(part) for part in parts]


def alike(a, b):
    if isinstance(a, ByhandError) or isinstance(b, ByhandError):
        return type(a) is type(b) and str(a) == str(b) and "\n" not in str(a)
    return all(
        (p is None and q is None) or np.allclose(p, q, rtol=1e-4, atol=1e-5, equal_nan=True)
        for p, q in zip(a, b, strict=True)
    )


def layouts(name):
    registry = getattr(kernels, name).registry
    return {k: of for k, of in ARITHMETICS.items() if k != "lanes" or Lanes in registry}


def test_every_operation_has_a_case():
    assert {name.removesuffix("_backward") for name in names()} == set(CASES)


@pytest.mark.parametrize("name", names())
def test_odd_arguments_are_refused_or_right_and_alike_in_every_arithmetic(name):
    usual = {key: prepared(name, of) for key, of in layouts(name).items()}
    settings = [i for i, v in enumerate(usual["reference"][1]) if not is_array(v)]
    for place in range(len(usual["reference"][1])):
        layout = name in ("add", "concat") or (place == 0 and name.endswith("_backward"))
        for odd in ODD:
            found = {}
            for key, (x, rest) in usual.items():
                given = [*rest]
                given[place] = odd
                found[key] = outcome(name, x, given)
            for key, other in found.items():
                if (
                    isinstance(odd, np.ndarray)
                    and layout
                    and not isinstance(found["reference"], ByhandError)
                ):
                    continue  # it is what the reference takes, of another layout than Lanes
                both = f"{name}, argument {place}: {odd!r} on {key}"
                # Beside what is no array, each says what it needs itself.
                if not isinstance(found["reference"], ByhandError):
                    assert alike(found["reference"], other), both
                    if place in settings:
                        assert all(p is None or np.isfinite(p).all() for p in other), both
                else:
                    assert type(other) is type(found["reference"]), both
                    if place in settings and "cache" not in str(other):
                        assert str(other) == str(found["reference"]), both


def is_array(value):
    return isinstance(value, np.ndarray | Lanes | tuple) and not isinstance(value, Key)


@pytest.mark.parametrize("name", names())
def test_what_is_no_plain_array_of_floats_is_refused_as_the_first_argument(name):
    _, rest = prepared(name, np.asarray)
    for odd in ODD:
        if type(odd) is np.ndarray and odd.dtype.kind == "f" and odd.ndim:
            continue  # of another shape: an error, or what is right for it
        with pytest.raises(ShapeError) as caught:
            getattr(kernels, name)(odd, *rest)
        assert name in str(caught.value)


@pytest.mark.parametrize("name", [n for n in names() if n.endswith("_backward")])
def test_a_gradient_of_another_shape_is_refused_in_the_same_words(name):
    said = set()
    for of in layouts(name).values():
        dy, rest = prepared(name, of)
        for wrong in ((1, *dy.shape[1:]), (16, *dy.shape[1:]), (*dy.shape, 1), (1, 1, 1, 1, 1)):
            with pytest.raises(ShapeError, match=rf"{name} got a gradient of shape") as e:
                getattr(kernels, name)(of(np.ones(wrong, np.float32)), *rest)
            said.add(str(e.value))
    assert len(said) == 4


@pytest.mark.parametrize("name", [n for n in names() if n.endswith("_backward")])
def test_a_cache_of_another_arithmetic_is_refused(name):
    if compiled.core is None:
        pytest.skip("there is one arithmetic")
    if name in ("concat_backward", "global_avg_pool_backward"):
        return  # they keep shapes alone, which are the same in all
    caches = {key: prepared(name, of) for key, of in ARITHMETICS.items()}
    for key, (dy, rest) in caches.items():
        for other, (_, others) in caches.items():
            if key == other or {key, other} == {"reference", "rows"}:
                continue
            if name.startswith("max_pool") and key == "lanes":  # may have been kept so
                continue
            with pytest.raises(ShapeError, match=r"as_layout|as cache"):
                getattr(kernels, name)(dy, others[0], *rest[1:])


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("door", [Lanes.pack, Rows.of, kernels.as_layout])
def test_only_arrays_of_floats_come_into_a_layout(door, value):
    if type(value) is np.ndarray and value.dtype.kind == "f" and value.ndim:
        assert np.array_equal(kernels.as_numpy(door(value)), value, equal_nan=True)
        return
    if door is kernels.as_layout and isinstance(value, list | tuple):
        value = [value, "x"]  # since a list of floats becomes an array
    with pytest.raises(ShapeError):
        door(value)
