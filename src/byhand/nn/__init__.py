"""Layers, and models made of them.

    model = nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1152, 10),
    ).init(numpy.random.default_rng(0))
    y, cache = model.forward(x, train=True)
    grads = model.new_grads()
    dx = model.backward(dy, cache, grads)

layer.py says what a layer is, layers/ has a page a family, containers.py joins them; param.py holds
the flat vector, trace.py and gradcheck.py look inside, files.py writes and reads models,
memory.py says what a model would take, advice.py remarks on the order of layers.
"""

from byhand.kernels import Key
from byhand.nn.advice import remarks
from byhand.nn.card import ModelCard
from byhand.nn.containers import Concat, Container, Residual, Sequential
from byhand.nn.files import load, save
from byhand.nn.folding import fold_batch_norm
from byhand.nn.gradcheck import gradcheck
from byhand.nn.initialisers import (
    Constant,
    He,
    Initialiser,
    Normal,
    Uniform,
    Xavier,
    Zeros,
)
from byhand.nn.kept import Kept, kept
from byhand.nn.layer import Layer
from byhand.nn.layers.activation import (
    GELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from byhand.nn.layers.conv import Conv1d, Conv2d
from byhand.nn.layers.dropout import Dropout
from byhand.nn.layers.linear import Flatten, Linear
from byhand.nn.layers.norm import BatchNorm1d, BatchNorm2d
from byhand.nn.layers.pool import AvgPool1d, AvgPool2d, GlobalAvgPool, MaxPool1d, MaxPool2d
from byhand.nn.memory import Memory, memory
from byhand.nn.param import Buffer, NamedVector, Param
from byhand.nn.registry import build, describe, register, registered
from byhand.nn.summary import Summary, SummaryRow, leaves, summary
from byhand.nn.trace import LayerTrace, Trace, trace, watch

__all__ = [
    "GELU",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Buffer",
    "Concat",
    "Constant",
    "Container",
    "Conv1d",
    "Conv2d",
    "Dropout",
    "Flatten",
    "GlobalAvgPool",
    "He",
    "Initialiser",
    "Kept",
    "Key",
    "Layer",
    "LayerTrace",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "Memory",
    "ModelCard",
    "NamedVector",
    "Normal",
    "Param",
    "ReLU",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Summary",
    "SummaryRow",
    "Tanh",
    "Trace",
    "Uniform",
    "Xavier",
    "Zeros",
    "build",
    "describe",
    "fold_batch_norm",
    "gradcheck",
    "kept",
    "leaves",
    "load",
    "memory",
    "register",
    "registered",
    "remarks",
    "save",
    "summary",
    "trace",
    "watch",
]
