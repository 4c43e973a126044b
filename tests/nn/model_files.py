"""A network of many kinds of layers, and its file with something changed."""

from __future__ import annotations

import numpy as np

from byhand import nn
from byhand.nn.files import read_tensors, write_tensors


def network(dtype=np.float32):
    linear = nn.Linear(8, 8)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.BatchNorm2d(2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        linear,
        nn.Residual(nn.Sequential(nn.Tanh(), linear)),
        nn.Dropout(0.5),
        nn.Linear(8, 3, weight_init=nn.Normal(0.1)),
    ).init(np.random.default_rng(0), dtype)


def header_of(path):
    return read_tensors(path, "model file")[1]


def rewritten(path, change_header=lambda h: None, change_tensors=lambda t: None):
    """The file with its header and its tensors changed."""
    tensors, header = read_tensors(path, "model file")
    change_header(header)
    change_tensors(tensors)
    write_tensors(path, tensors, header)
