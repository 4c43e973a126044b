"""The definition of every operation, in NumPy on (N, C, H, W) arrays, to be read.

A page each: geometry (where windows go), conv, pool, linear, norm, activation, dropout, loss, join,
fused.
Each operation is a pair: `y, cache = x_forward(...)`, named plainly, and `x_backward(dy, cache)`.
Results keep the float type of the input.
"""
