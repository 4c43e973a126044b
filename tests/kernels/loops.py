"""Convolution and pooling as slow loops, straight from their formulas: what the kernels must equal.

A window's pixel that lies in the padding is skipped, so that nothing here pads. Pads are
((top, bottom), (left, right)).
"""

from __future__ import annotations

import numpy as np


def same(kernel):
    """The pads that keep the size at stride 1, the odd one last."""
    return tuple(((k - 1) // 2, k - 1 - (k - 1) // 2) for k in kernel)


def steps(size, k, stride, pads):
    """How often a window of k fits, counted one step at a time."""
    count, start = 0, 0
    while start + k <= size + sum(pads):
        count, start = count + 1, start + stride
    return count


def output_size(hw, kernel, stride, pads):
    return tuple(steps(*axis) for axis in zip(hw, kernel, stride, pads, strict=True))


def taps(hw, kernel, stride, pads):
    """All (i, j, u, v, r, s): output (i, j) sees pixel (r, s) through its window's place (u, v)."""
    (h, w), ((top, _), (left, _)) = hw, pads
    oh, ow = output_size(hw, kernel, stride, pads)
    for i in range(oh):
        for j in range(ow):
            for u in range(kernel[0]):
                for v in range(kernel[1]):
                    r, s = i * stride[0] + u - top, j * stride[1] + v - left
                    if 0 <= r < h and 0 <= s < w:
                        yield i, j, u, v, r, s


def conv2d(x, weight, bias, stride, pads):
    n, _, *hw = x.shape
    kernel = weight.shape[2:]
    y = np.zeros((n, weight.shape[0], *output_size(hw, kernel, stride, pads)))
    for i, j, u, v, r, s in taps(hw, kernel, stride, pads):
        for f in range(weight.shape[0]):
            for c in range(weight.shape[1]):
                y[:, f, i, j] += weight[f, c, u, v] * x[:, c, r, s]
    return y if bias is None else y + bias.reshape(1, -1, 1, 1)


def conv2d_backward(dy, x, weight, stride, pads):
    """dx, dweight, dbias: each product of the forward sends its gradient to both its factors."""
    dx, dweight = np.zeros_like(x), np.zeros_like(weight)
    for i, j, u, v, r, s in taps(x.shape[2:], weight.shape[2:], stride, pads):
        for f in range(weight.shape[0]):
            for c in range(weight.shape[1]):
                dx[:, c, r, s] += weight[f, c, u, v] * dy[:, f, i, j]
                dweight[f, c, u, v] += (x[:, c, r, s] * dy[:, f, i, j]).sum()
    return dx, dweight, dy.sum(axis=(0, 2, 3))


def max_pool2d(x, kernel, stride, pads):
    """y, and for each output the pixel (r, s) that won: the first of the largest."""
    n, c, *hw = x.shape
    size = output_size(hw, kernel, stride, pads)
    y = np.full((n, c, *size), -np.inf)
    winner = np.full((n, c, *size, 2), -1)
    for i, j, _, _, r, s in taps(hw, kernel, stride, pads):
        for a in range(n):
            for b in range(c):
                if x[a, b, r, s] > y[a, b, i, j]:
                    y[a, b, i, j] = x[a, b, r, s]
                    winner[a, b, i, j] = r, s
    return y, winner


def max_pool2d_backward(dy, winner, x_shape):
    dx = np.zeros(x_shape)
    for a, b, i, j in np.ndindex(dy.shape):
        r, s = winner[a, b, i, j]
        dx[a, b, r, s] += dy[a, b, i, j]
    return dx


def avg_pool2d(x, kernel, stride, pads):
    n, c, *hw = x.shape
    y = np.zeros((n, c, *output_size(hw, kernel, stride, pads)))
    for i, j, _, _, r, s in taps(hw, kernel, stride, pads):
        y[:, :, i, j] += x[:, :, r, s] / (kernel[0] * kernel[1])
    return y


def avg_pool2d_backward(dy, x_shape, kernel, stride, pads):
    dx = np.zeros(x_shape)
    for i, j, _, _, r, s in taps(x_shape[2:], kernel, stride, pads):
        dx[:, :, r, s] += dy[:, :, i, j] / (kernel[0] * kernel[1])
    return dx
