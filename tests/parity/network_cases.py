"""Whole networks beside PyTorch's, written once more from their description, and ten steps each."""

from __future__ import annotations

import numpy as np

from byhand import models, nn, optim
from parity.helper import Case, training


def _deep_convnet(t):
    body = []
    for c, f, padding in (
        (1, 16, 1),
        (16, 16, 1),
        (16, 32, 1),
        (32, 32, 2),
        (32, 64, 1),
        (64, 64, 1),
    ):
        body += [t.Conv2d(c, f, 3, padding=padding), t.ReLU()]
        if c == f:
            body.append(t.MaxPool2d(2))
    head = [t.Linear(1024, 50), t.ReLU(), t.Dropout(0), t.Linear(50, 10), t.Dropout(0)]
    return t.Sequential(*body, t.Flatten(), *head)


# name: (PyTorch's network, images in a batch, settings of ours)
NETWORKS = {
    "one_conv": (
        lambda t: t.Sequential(
            t.Conv2d(1, 8, 5), t.ReLU(), t.MaxPool2d(2), t.Flatten(), t.Linear(1152, 10)
        ),
        8,
        {},
    ),
    "two_conv": (
        lambda t: t.Sequential(
            t.Conv2d(1, 4, 5),
            t.MaxPool2d(2),
            t.ReLU(),
            t.Conv2d(4, 16, 3),
            t.MaxPool2d(2),
            t.ReLU(),
            t.Flatten(),
            t.Linear(400, 10),
        ),
        8,
        {},
    ),
    "tiny": (
        lambda t: t.Sequential(
            t.Conv2d(1, 1, 3),
            t.ReLU(),
            t.MaxPool2d(2),
            t.Flatten(),
            t.Linear(169, 64),
            t.ReLU(),
            t.Linear(64, 10),
        ),
        8,
        {},
    ),
    "stack": (
        lambda t: t.Sequential(
            t.BatchNorm2d(1),
            t.Conv2d(1, 6, 3, padding="same"),
            t.ReLU(),
            t.AvgPool2d(2),
            t.Conv2d(6, 8, 3),
            t.LeakyReLU(),
            t.MaxPool2d(2),
            t.Flatten(),
            t.Linear(288, 32),
            t.Tanh(),
            t.Dropout(0),
            t.Linear(32, 10),
        ),
        8,
        {
            "layers": "batchnorm, conv 6 3 same, relu, avgpool 2, conv 8 3, leakyrelu, maxpool 2, "
            "linear 32, tanh, dropout 0"
        },
    ),
    "deep_convnet": (_deep_convnet, 4, {"dropout": 0.0}),
    "lenet5": (
        lambda t: t.Sequential(
            t.Conv2d(1, 6, 5),
            t.ReLU(),
            t.MaxPool2d(2),
            t.Conv2d(6, 16, 5),
            t.ReLU(),
            t.MaxPool2d(2),
            t.Flatten(),
            t.Linear(256, 120),
            t.ReLU(),
            t.Linear(120, 84),
            t.ReLU(),
            t.Linear(84, 10),
        ),
        8,
        {},
    ),
    "mlp": (
        lambda t: t.Sequential(
            t.Flatten(),
            t.Linear(784, 64),
            t.ReLU(),
            t.Linear(64, 32),
            t.ReLU(),
            t.Linear(32, 10),
        ),
        8,
        {},
    ),
}

# name: (ours, PyTorch's, learning rate)
FAMILIES = {
    "sgd": (optim.SGD(), ("SGD", {}), 1e-3),
    "momentum": (optim.SGD(0.9, nesterov=True), ("SGD", {"momentum": 0.9, "nesterov": True}), 1e-3),
    "adagrad": (optim.AdaGrad(), ("Adagrad", {}), 1e-3),
    "rmsprop": (optim.RMSProp(), ("RMSprop", {}), 3e-4),
    "adam": (optim.Adam(), ("Adam", {}), 1e-3),
    "adamw": (optim.AdamW(), ("AdamW", {}), 1e-3),
}


def network(name: str, family: str) -> Case:
    """Ten steps of the network `name` with an optimiser family."""
    theirs, n, settings = NETWORKS[name]

    def ours(dtype: type) -> nn.Layer:
        return models.build(name, np.random.default_rng(1), dtype=dtype, **settings)

    optimiser, in_torch, rate = FAMILIES[family]
    if (name, family) == ("deep_convnet", "momentum"):
        # A ReLU that rounding opens (test_parity_networks.py) parts the paths by as much as a step
        # is long: at 1e-3, and with Winograd's rounding, by 3e-3 of the loss after ten steps.
        rate = 1e-4
    return training(f"{name} {family}", ours, theirs, (n, 1, 28, 28), optimiser, in_torch, rate)


TRAININGS = [network(name, family) for name in NETWORKS for family in FAMILIES]


def _blocks_ours(dtype: type) -> nn.Layer:
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, padding="same", use_bias=False),
        nn.BatchNorm2d(2),
        nn.GELU(),
        nn.Residual(
            nn.Sequential(nn.Conv2d(2, 2, 3, 1, 1, use_bias=False), nn.BatchNorm2d(2), nn.ReLU())
        ),
        nn.Concat(nn.AvgPool2d(2), nn.MaxPool2d(2)),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        nn.Linear(36, 10),
    ).init(np.random.default_rng(2), dtype)


def _blocks_theirs(t):
    return t.Sequential(
        t.Conv2d(1, 2, 3, padding="same", bias=False),
        t.BatchNorm2d(2),
        t.GELU(),
        t.Residual(t.Sequential(t.Conv2d(2, 2, 3, 1, 1, bias=False), t.BatchNorm2d(2), t.ReLU())),
        t.Concat(t.AvgPool2d(2), t.MaxPool2d(2)),
        t.LeakyReLU(0.1),
        t.Flatten(),
        t.Linear(36, 10),
    )


# Blocks of all kinds, small enough that the whole course fits into a fixture.
BLOCKS = [
    training(f"blocks_{family}", _blocks_ours, _blocks_theirs, (8, 1, 6, 6), *FAMILIES[family])
    for family in FAMILIES
]
