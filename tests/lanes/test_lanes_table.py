"""No operation is without its fast version, and none of those without a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from byhand import kernels
from byhand.kernels import Lanes

OPERATIONS = {
    name
    for name in kernels.__all__
    if np.ndarray in getattr(getattr(kernels, name), "registry", {})
}
# name: why there is none on Lanes
WITHOUT = {"col2im": "its first argument, the matrix of windows, has no axis of images"}


def test_every_operation_has_a_version_on_lanes():
    assert {"conv2d", "conv2d_backward", "relu", "mean_loss", "concat", "im2col"} <= OPERATIONS
    missing = {n for n in OPERATIONS if Lanes not in getattr(kernels, n).registry}
    assert missing == set(WITHOUT)


def test_every_operation_is_named_in_a_test_of_lanes():
    text = "".join(p.read_text(encoding="utf-8") for p in Path(__file__).parent.glob("test_*.py"))
    for name in OPERATIONS:
        plain = name.removesuffix("_backward")
        assert f'"{plain}"' in text or f"kernels.{plain}(" in text, plain


@pytest.mark.parametrize("name", sorted(OPERATIONS - set(WITHOUT)))
def test_both_versions_take_the_same_arguments(name):
    import inspect

    registry = getattr(kernels, name).registry
    reference = inspect.signature(registry[np.ndarray]).parameters.values()
    lanes = inspect.signature(registry[Lanes]).parameters.values()
    assert [(p.name, p.kind, p.default) for p in reference] == [
        (p.name, p.kind, p.default) for p in lanes
    ]
