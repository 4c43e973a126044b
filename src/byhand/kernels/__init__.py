"""Arithmetic on arrays: each operation forward and backward, as plain functions.

    y, cache = conv2d(x, weight, bias, stride=1, padding="same")
    dx, dweight, dbias = conv2d_backward(dy, cache)

The type of the first argument picks the arithmetic (operation.py). Each operation has one
definition, in NumPy (reference/), and one fast version, on the array `Lanes` (lanes/, whose pages
are named like those of reference/, and which call the compiled core, _core/); the few that one
image alone passes through have another, on `Rows` (rows.py). Those on plain arrays that are no
batch (the optimisers' steps, pictures moved) are the core's where it is there. layout.py says which
arithmetic runs when nobody says; random.py is the randomness that operations are given.

To add an operation: write the pair in reference/ with `@operation`, and, if it is to be fast, the
pair in lanes/ with `@implements(reference.page.name, Lanes)`. Its parameters' types say what the
door (operation.py) checks; its cache has a `shape`, that of y. There is no list to extend but this
page's.
"""

from byhand.kernels.compiled import fma_peak, instruction_set
from byhand.kernels.lanes import LANES, Lanes
from byhand.kernels.layout import (
    ARRAYS,
    FUSED,
    LAYOUTS,
    arithmetic,
    as_layout,
    as_numpy,
    gather,
    resolve_layout,
)
from byhand.kernels.operation import implements, operation
from byhand.kernels.random import Key, philox
from byhand.kernels.reference.activation import (
    gelu,
    gelu_backward,
    leaky_relu,
    leaky_relu_backward,
    log_softmax,
    log_softmax_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    softmax,
    softmax_backward,
    tanh,
    tanh_backward,
)
from byhand.kernels.reference.conv import (
    col2im,
    conv1d,
    conv1d_backward,
    conv2d,
    conv2d_backward,
    im2col,
)
from byhand.kernels.reference.dropout import dropout, dropout_backward
from byhand.kernels.reference.fused import (
    conv2d_relu,
    conv2d_relu_backward,
    conv2d_relu_pool2d,
    conv2d_relu_pool2d_backward,
    linear_relu,
    linear_relu_backward,
)
from byhand.kernels.reference.geometry import Padding, Size, Window, line, window
from byhand.kernels.reference.join import add, concat, concat_backward
from byhand.kernels.reference.linear import linear, linear_backward
from byhand.kernels.reference.loss import (
    binary_cross_entropy,
    binary_cross_entropy_backward,
    cross_entropy,
    cross_entropy_backward,
    mean_loss,
    mean_squared_error,
    mean_squared_error_backward,
)
from byhand.kernels.reference.norm import BatchNormCache, Total, batch_norm, batch_norm_backward
from byhand.kernels.reference.pool import (
    avg_pool1d,
    avg_pool1d_backward,
    avg_pool2d,
    avg_pool2d_backward,
    global_avg_pool,
    global_avg_pool_backward,
    max_pool1d,
    max_pool1d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from byhand.kernels.reference.vectors import adagrad, adam, rmsprop, sgd, squares
from byhand.kernels.reference.warp import warp
from byhand.kernels.rows import FEW_IMAGES, Rows
from byhand.kernels.threads import available_threads, cores, set_threads, threads

__all__ = [
    "ARRAYS",
    "FEW_IMAGES",
    "FUSED",
    "LANES",
    "LAYOUTS",
    "BatchNormCache",
    "Key",
    "Lanes",
    "Padding",
    "Rows",
    "Size",
    "Total",
    "Window",
    "adagrad",
    "adam",
    "add",
    "arithmetic",
    "as_layout",
    "as_numpy",
    "available_threads",
    "avg_pool1d",
    "avg_pool1d_backward",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm",
    "batch_norm_backward",
    "binary_cross_entropy",
    "binary_cross_entropy_backward",
    "col2im",
    "concat",
    "concat_backward",
    "conv1d",
    "conv1d_backward",
    "conv2d",
    "conv2d_backward",
    "conv2d_relu",
    "conv2d_relu_backward",
    "conv2d_relu_pool2d",
    "conv2d_relu_pool2d_backward",
    "cores",
    "cross_entropy",
    "cross_entropy_backward",
    "dropout",
    "dropout_backward",
    "fma_peak",
    "gather",
    "gelu",
    "gelu_backward",
    "global_avg_pool",
    "global_avg_pool_backward",
    "im2col",
    "implements",
    "instruction_set",
    "leaky_relu",
    "leaky_relu_backward",
    "line",
    "linear",
    "linear_backward",
    "linear_relu",
    "linear_relu_backward",
    "log_softmax",
    "log_softmax_backward",
    "max_pool1d",
    "max_pool1d_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "mean_loss",
    "mean_squared_error",
    "mean_squared_error_backward",
    "operation",
    "philox",
    "relu",
    "relu_backward",
    "resolve_layout",
    "rmsprop",
    "set_threads",
    "sgd",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "squares",
    "tanh",
    "tanh_backward",
    "threads",
    "warp",
    "window",
]
