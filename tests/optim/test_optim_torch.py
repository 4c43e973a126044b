"""Clipping and averaging give PyTorch's numbers; optimisers and schedules are in parity/."""

from __future__ import annotations

import numpy as np
import pytest

import support
from byhand import optim


def test_clipping_agrees_with_pytorch():
    torch = support.require_torch()
    g = np.random.default_rng(8).standard_normal(300)
    theirs = torch.zeros(300, dtype=torch.float64, requires_grad=True)
    theirs.grad = torch.tensor(g)
    norm = torch.nn.utils.clip_grad_norm_([theirs], 2.5)
    assert optim.clip_by_global_norm(g, 2.5) == pytest.approx(float(norm), rel=1e-14)
    # PyTorch divides by norm + 1e-6.
    np.testing.assert_allclose(g, theirs.grad.numpy() * (1 + 1e-6 / float(norm)), rtol=1e-12)


def test_averaging_agrees_with_pytorch():
    torch = support.require_torch()
    from torch.optim.swa_utils import get_ema_multi_avg_fn

    rng = np.random.default_rng(9)
    average_of = optim.ExponentialMovingAverage(0.9)
    average = rng.standard_normal(50)
    theirs = torch.tensor(average)
    for step in range(1000, 1010):  # the decay has grown to 0.9
        w = rng.standard_normal(50)
        average_of.update(average, w, step)
        get_ema_multi_avg_fn(0.9)([theirs], [torch.tensor(w)], step)
    np.testing.assert_allclose(average, theirs.numpy(), rtol=1e-12)
