"""How parameters change: optimisers, the learning rate's schedule, clipping, averaged weights.

    optimiser = optim.Adam()
    rate = optim.WarmUp(optim.Cosine(1e-3), steps=100).over(total_steps)
    state = optimiser.new_state(model.flat)
    for step in range(total_steps):
        ...                                             # grads from a batch
        optim.clip_by_global_norm(grads.flat, 1.0)
        optimiser.step(model.flat, grads.flat, state, rate(step))

Everything works on flat vectors: one operation serves all parameters. Optimisers, schedules and
averages are frozen dataclasses of their settings; what changes is in `OptimiserState`.
"""

from byhand.optim.averaging import ExponentialMovingAverage
from byhand.optim.clipping import clip_by_global_norm, global_norm
from byhand.optim.optimisers import (
    OPTIMISERS,
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Optimiser,
    OptimiserState,
    RMSProp,
)
from byhand.optim.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    OneCycle,
    Schedule,
    Step,
    WarmUp,
)

__all__ = [
    "OPTIMISERS",
    "SCHEDULES",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "Exponential",
    "ExponentialMovingAverage",
    "InverseTime",
    "OneCycle",
    "Optimiser",
    "OptimiserState",
    "RMSProp",
    "Schedule",
    "Step",
    "WarmUp",
    "clip_by_global_norm",
    "global_norm",
]
