"""Arithmetic on arrays: each operation forward and backward, as plain functions.

    y, cache = conv2d(x, weight, bias, stride=1, padding="same")
    dx, dweight, dbias = conv2d_backward(dy, cache)

The type of the first argument picks the arithmetic (operation.py); for NumPy arrays that is the
reference, which is also the definition (reference/, a page an operation). layout.py says which
arithmetic runs when nobody says; random.py is the randomness that operations are given.
"""

from byhand.kernels.layout import LAYOUTS, as_layout, as_numpy, resolve_layout
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
from byhand.kernels.reference.geometry import Padding, Size, Window, line, window
from byhand.kernels.reference.join import concat, concat_backward
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
from byhand.kernels.reference.norm import BatchNormCache, batch_norm, batch_norm_backward
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
from byhand.kernels.threads import available_threads, cores, set_threads, threads

__all__ = [
    "LAYOUTS",
    "BatchNormCache",
    "Key",
    "Padding",
    "Size",
    "Window",
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
    "cores",
    "cross_entropy",
    "cross_entropy_backward",
    "dropout",
    "dropout_backward",
    "gelu",
    "gelu_backward",
    "global_avg_pool",
    "global_avg_pool_backward",
    "im2col",
    "implements",
    "leaky_relu",
    "leaky_relu_backward",
    "line",
    "linear",
    "linear_backward",
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
    "set_threads",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "tanh",
    "tanh_backward",
    "threads",
    "window",
]
