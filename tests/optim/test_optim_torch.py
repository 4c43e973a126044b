"""Optimisers and schedules give PyTorch's numbers."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import support
from byhand import optim

# ours, PyTorch's name and arguments
OPTIMISERS = [
    (optim.SGD(), "SGD", {}),
    (optim.SGD(weight_decay=0.1), "SGD", {"weight_decay": 0.1}),
    (optim.SGD(momentum=0.9), "SGD", {"momentum": 0.9}),
    (optim.SGD(0.9, dampening=0.3), "SGD", {"momentum": 0.9, "dampening": 0.3}),
    (optim.SGD(0.9, nesterov=True), "SGD", {"momentum": 0.9, "nesterov": True}),
    (
        optim.SGD(0.8, nesterov=True, weight_decay=0.1),
        "SGD",
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
    ),
    (
        optim.SGD(0.8, dampening=0.2, weight_decay=0.1),
        "SGD",
        {"momentum": 0.8, "dampening": 0.2, "weight_decay": 0.1},
    ),
    (optim.AdaGrad(), "Adagrad", {}),
    (optim.AdaGrad(1e-3, weight_decay=0.1), "Adagrad", {"eps": 1e-3, "weight_decay": 0.1}),
    (optim.RMSProp(), "RMSprop", {}),
    (optim.RMSProp(momentum=0.9), "RMSprop", {"momentum": 0.9}),
    (
        optim.RMSProp(0.9, 1e-4, 0.5, 0.1),
        "RMSprop",
        {"alpha": 0.9, "eps": 1e-4, "momentum": 0.5, "weight_decay": 0.1},
    ),
    (optim.Adam(), "Adam", {}),
    (
        optim.Adam(0.8, 0.95, 1e-4, 0.1),
        "Adam",
        {"betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1},
    ),
    (optim.AdamW(), "AdamW", {}),
    (
        optim.AdamW(0.8, 0.95, 1e-4, 0.1),
        "AdamW",
        {"betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1},
    ),
]


@pytest.mark.parametrize(
    ("dtype", "rtol"),
    # Ten steps of a few roundings each: 2**-53 and 2**-24 with room for about a hundred of them.
    [(np.float64, 1e-12), (np.float32, 5e-6)],
    ids=["float64", "float32"],
)
@pytest.mark.parametrize(
    ("optimiser", "name", "arguments"), OPTIMISERS, ids=[repr(o[0]) for o in OPTIMISERS]
)
def test_ten_steps_agree_with_pytorch(optimiser, name, arguments, dtype, rtol):
    torch = support.require_torch()
    rng = np.random.default_rng(7)
    w = rng.standard_normal(200).astype(dtype)
    gradients = rng.standard_normal((10, 200)).astype(dtype)
    gradients[:, :20] = 0  # parameters that nothing reaches
    gradients[:, 20:40] *= 1e-6  # where eps matters
    rates = [0.01 * 0.9**i for i in range(10)]

    theirs = torch.tensor(w, requires_grad=True)
    their_optimiser = getattr(torch.optim, name)([theirs], lr=rates[0], **arguments)
    state = optimiser.new_state(w)
    for gradient, rate in zip(gradients, rates, strict=True):
        theirs.grad = torch.tensor(gradient)
        their_optimiser.param_groups[0]["lr"] = rate
        their_optimiser.step()
        optimiser.step(w, gradient, state, rate)
        np.testing.assert_allclose(w, theirs.detach().numpy(), rtol=rtol, atol=rtol)


# ours, PyTorch's name and arguments, base rate, steps compared
SCHEDULES = [
    (optim.Step(0.01, 0.9, 7), "StepLR", {"step_size": 7, "gamma": 0.9}, 0.01, 100),
    (optim.Exponential(0.1, 0.97), "ExponentialLR", {"gamma": 0.97}, 0.1, 100),
    (
        optim.InverseTime(0.1, 1e-3),
        "LambdaLR",
        {"lr_lambda": lambda step: 1 / (1 + 1e-3 * step)},
        0.1,
        100,
    ),
    (optim.Cosine(0.1, 60), "CosineAnnealingLR", {"T_max": 60}, 0.1, 61),
    (
        optim.Cosine(0.1, final=0.01).over(60),
        "CosineAnnealingLR",
        {"T_max": 60, "eta_min": 0.01},
        0.1,
        61,
    ),
    (
        optim.WarmUp(optim.Constant(0.1), 10),
        "LinearLR",
        {"start_factor": 0.1, "end_factor": 1.0, "total_iters": 9},
        0.1,
        30,
    ),
    (optim.OneCycle(0.1).over(100), "OneCycleLR", {"max_lr": 0.1, "total_steps": 100}, 0.1, 100),
    (
        optim.OneCycle(0.1, 37, 0.4, 0.1, 1e-2),
        "OneCycleLR",
        {
            "max_lr": 0.1,
            "total_steps": 37,
            "pct_start": 0.4,
            "div_factor": 10,
            "final_div_factor": 100,
        },
        0.1,
        37,
    ),
]


@pytest.mark.parametrize(
    ("schedule", "name", "arguments", "rate", "steps"),
    SCHEDULES,
    ids=[repr(s[0]) for s in SCHEDULES],
)
def test_a_schedule_agrees_with_pytorch(schedule, name, arguments, rate, steps):
    torch = support.require_torch()
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
    theirs = getattr(torch.optim.lr_scheduler, name)(optimiser, **arguments)
    for step in range(steps):
        assert schedule(step) == pytest.approx(
            optimiser.param_groups[0]["lr"], rel=1e-11, abs=1e-16
        )
        if step < steps - 1:
            optimiser.step()
            theirs.step()


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in range(1000, 1010):  # the decay has grown to 0.9
            w = rng.standard_normal(50)
            average_of.update(average, w, step)
            get_ema_multi_avg_fn(0.9)([theirs], [torch.tensor(w)], step)
    np.testing.assert_allclose(average, theirs.numpy(), rtol=1e-12)
