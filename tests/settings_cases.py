"""Every setting of every layer, initialiser, loss, optimiser and schedule, and values for none."""

from __future__ import annotations

import math

import numpy as np

from byhand import losses, nn, optim

PICTURE, LINE = (2, 6, 5), (2, 9)
WEIGHTS = {"use_bias": True, "weight_init": nn.He(), "bias_init": nn.Zeros()}
# Class: settings that it can have. Each setting that there is must be named.
LAYERS = {
    nn.Conv2d: {"in_channels": 2, "out_channels": 3, "kernel_size": 3, "stride": 1, "padding": 1,
                **WEIGHTS},
    nn.Conv1d: {"in_channels": 2, "out_channels": 3, "kernel_size": 3, "stride": 1, "padding": 1,
                **WEIGHTS},
    nn.Linear: {"in_features": 4, "out_features": 3, **WEIGHTS},
    nn.BatchNorm1d: {"features": 2, "eps": 1e-5, "momentum": 0.1},
    nn.BatchNorm2d: {"features": 2, "eps": 1e-5, "momentum": 0.1},
    nn.Dropout: {"rate": 0.5},
    nn.LeakyReLU: {"slope": 0.01},
    nn.MaxPool2d: {"kernel_size": 2, "stride": 2, "padding": 0},
    nn.AvgPool2d: {"kernel_size": 2, "stride": 2, "padding": 0},
    nn.MaxPool1d: {"kernel_size": 2, "stride": 2, "padding": 0},
    nn.AvgPool1d: {"kernel_size": 2, "stride": 2, "padding": 0},
    nn.Residual: {"body": nn.ReLU(), "shortcut": nn.ReLU()},
    **{kind: {} for kind in (nn.ReLU, nn.Sigmoid, nn.Tanh, nn.GELU, nn.Softmax, nn.LogSoftmax,
                             nn.Flatten, nn.GlobalAvgPool)},
}  # fmt: skip
SHAPES = {nn.Conv1d: LINE, nn.MaxPool1d: LINE, nn.AvgPool1d: LINE, nn.BatchNorm1d: LINE,
          nn.Linear: (4,)}  # fmt: skip
INITIALISERS = {
    nn.He: {"uniform": False}, nn.Xavier: {"uniform": True}, nn.Normal: {"scale": 0.1},
    nn.Uniform: {"low": -1.0, "high": 1.0}, nn.Constant: {"value": 0.5}, nn.Zeros: {},
}  # fmt: skip
LOSSES = {
    losses.CrossEntropy: {"label_smoothing": 0.1}, losses.MeanSquaredError: {},
    losses.BinaryCrossEntropy: {},
}  # fmt: skip
OPTIMISERS = {
    optim.SGD: {"momentum": 0.9, "nesterov": False, "dampening": 0.0, "weight_decay": 1e-4},
    optim.AdaGrad: {"eps": 1e-10, "weight_decay": 1e-4},
    optim.RMSProp: {"alpha": 0.99, "eps": 1e-8, "momentum": 0.9, "weight_decay": 1e-4},
    optim.Adam: {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 1e-4},
    optim.AdamW: {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 1e-2},
}
SCHEDULES = {
    optim.Constant: {"rate": 0.1},
    optim.Step: {"rate": 0.1, "factor": 0.5, "every": 2},
    optim.Exponential: {"rate": 0.1, "factor": 0.9},
    optim.InverseTime: {"rate": 0.1, "decay": 0.1},
    optim.Cosine: {"rate": 0.1, "steps": 5, "final": 0.01},
    optim.OneCycle: {"peak": 0.1, "steps": 5, "warm": 0.3, "start_ratio": 0.1, "final_ratio": 0.1},
    optim.WarmUp: {"schedule": optim.Constant(0.1), "steps": 3},
}

# Of these, JSON can hold the first; a file, a recipe and a request may bring them.
PLAIN = (
    None, "x", "", "1", True, -1, 0, 2.5, 1.5, -0.1, 1e-320, 1e300, -1e300, 2**31, 2**40, 2**63,
    -(2**63), 10**400, [], [1], [1, 2, 3], [3, 1], [[1]], {}, {"a": 1}, ["x", "y"], [2**40, 1],
)  # fmt: skip
ODD = (
    *PLAIN, math.nan, math.inf, -math.inf, 1j, b"1", object(), nn.ReLU, np.float32("nan"),
    np.array([1, 2]), np.array("x"), np.bool_(True), np.str_("7"), range(3),
)  # fmt: skip


def settings(table):
    """(class, settings, the setting to change) for each setting of a table."""
    return [(kind, good, name) for kind, good in table.items() for name in good]


def works(kind, made):
    """See that what was made computes, and that its numbers are finite."""
    rng = np.random.default_rng(0)
    if kind in LAYERS:
        model = made.init(rng)
        x = rng.standard_normal((3, *SHAPES.get(kind, PICTURE))).astype(np.float32)
        for train in (False, True):
            y, cache = model.forward(x, train, nn.Key(0))
            dx = model.backward(np.ones_like(y), cache, model.new_grads())
            found = [y, dx]
    elif kind in INITIALISERS:
        found = [made.draw((4, 3), rng).astype(np.float32)]
    elif kind in LOSSES:
        outputs = rng.standard_normal((3, 4)).astype(np.float32)
        value, cache = made.forward(outputs, made.targets(np.array([0, 1, 3]), 4))
        found = [np.array(value), made.backward(cache)]
    elif kind in OPTIMISERS:
        w = rng.standard_normal(8).astype(np.float32)
        state = made.new_state(w)
        for _ in range(3):
            made.step(w, np.array([1, 0] * 4, np.float32), state, 0.1)
        found = [w]
    else:
        found = [np.array([made.over(5)(step) for step in (0, 1, 4, 5, 10**6)])]
    return all(np.isfinite(array).all() for array in found)
