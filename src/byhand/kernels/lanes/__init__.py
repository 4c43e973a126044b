"""The fast arithmetic: the `Lanes` array, and every operation on it by the compiled core.

The pages are those of reference/, where each operation is defined: what is `conv2d` there is
`conv2d` here, the same arguments, the same result to rounding. Each function here finds the sizes,
and the core (_core/, C++) does the arithmetic. `implements` ties the two together; importing this
package is enough.
"""

from byhand.kernels.lanes import (
    activation,
    conv,
    dropout,
    fused,
    join,
    linear,
    loss,
    norm,
    pool,
    vectors,
    warp,
)
from byhand.kernels.lanes.array import LANES, Lanes, gather

__all__ = ["LANES", "Lanes", "activation", "conv", "dropout", "fused", "gather", "join", "linear",
           "loss", "norm", "pool", "vectors", "warp"]  # fmt: skip
