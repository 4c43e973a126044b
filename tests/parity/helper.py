"""One helper for all parity: the same case computed by byhand and by PyTorch, as named arrays.

A case has a name, and two ways to its results: `ours(dtype, layout)` and `theirs(torch, dtype)`.
Both start from the same numbers, drawn by `draw` from the case's and the number's names, so that
nothing but the results needs to be kept in a fixture.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import support
from byhand import kernels, losses, nn, optim

Array = np.ndarray
Results = dict[str, Array]

# Largest difference, in units of the array's largest absolute value. Sums of up to some hundred
# terms lose some times the rounding unit (1.1e-16 and 6.0e-8). Both take it that a case's results
# are no differences of larger numbers: no bias before batch normalisation, whose gradient is 0.
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}


@dataclass(frozen=True)
class Case:
    """One line of a table of cases."""

    name: str
    subject: Any  # byhand's object that the case is about
    ours: Callable[..., Results]
    theirs: Callable[[ModuleType, type], Results]
    arrays: bool = True  # whether it is about arrays that have layouts

    def __repr__(self) -> str:
        return self.name


def arithmetics(cases: Iterable[Case]) -> list[Any]:
    """Each case with each float type and, in float32, each layout: (case, dtype, layout)."""
    return [
        pytest.param(case, dtype, layout, id=f"{case}-{layout}-{np.dtype(dtype)}")
        for case in cases
        for dtype, layout in (
            (np.float64, "reference"),
            (np.float32, "reference"),
            (np.float32, "lanes"),
        )
        if case.arrays or layout == "reference"
    ]


def to_layout(x: Array, layout: str) -> Any:
    """x in the layout; skips (or fails) where there is no compiled core for it."""
    if layout == "reference":
        return x
    support.require_core()
    return kernels.Lanes.pack(x)


def draw(name: str, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> Array:
    """Numbers from low to high that depend on the name alone, the same for every NumPy.

    For the default range they are multiples of 2**-18 and so the same in float32 and float64.
    """
    raw = _words(name, int(np.prod(shape))) >> np.uint64(44)  # 20 bits
    return (low + (high - low) * raw.astype(np.float64) / 2**20).reshape(shape)


def draw_labels(name: str, n: int, classes: int) -> Array:
    """Labels 0 .. classes-1 that depend on the name alone."""
    return (_words(name, n) >> np.uint64(33)).astype(np.int64) % classes


def _words(name: str, n: int) -> Array:
    # The bits of a bit generator, unlike what a Generator makes of them, stay for ever.
    return np.random.Philox(key=zlib.crc32(name.encode())).random_raw(n)


def agree(ours: Results, theirs: Results, tolerance: float) -> None:
    """See that both have the same names, shapes and, to the tolerance, values."""
    assert sorted(ours) == sorted(theirs)
    for name, expected in theirs.items():
        value = ours[name]
        assert value.shape == expected.shape, name
        assert np.isfinite(expected).all(), name
        scale = np.abs(expected).max(initial=0.0)
        difference = np.abs(value.astype(np.float64) - expected).max(initial=0.0)
        assert difference <= tolerance * scale, (
            f"{name} differs by {difference:.3g}, {difference / scale if scale else np.inf:.3g} "
            f"of the largest value {scale:.3g}"
        )


# Layers -------------------------------------------------------------------------------------------


def layer(
    name: str,
    ours: nn.Layer,
    theirs: Callable[[Any], Any],
    shape: tuple[int, ...],
    train: bool = False,
    whole: bool = False,
) -> Case:
    """A layer and the equal module: forward, gradients of input and parameters, running statistics.

    `theirs` gets `torch.nn` with Concat and Residual added. Parameters go from one to the other by
    the names of `state_dict`; the upstream gradient is random. With `whole`, x is of whole numbers:
    many are equal and many 0.
    """
    x_value = draw(f"{name} x", shape)
    x_value = np.round(x_value) if whole else x_value

    def by_byhand(dtype: type, layout: str = "reference") -> Results:
        mine = ours.copy().init(np.random.default_rng(0), dtype)
        mine.load_state_dict({k: _value(name, k, v.shape) for k, v in mine.state_dict().items()})
        y, cache = mine.forward(to_layout(x_value.astype(dtype), layout), train=train)
        dy = draw(f"{name} dy", y.shape).astype(dtype)
        grads = mine.new_grads()
        dx = mine.backward(to_layout(dy, layout), cache, grads)
        assert type(dx) is type(y)
        if train:
            mine.commit(cache)
        results = {
            "y": kernels.as_numpy(y),
            "dx": kernels.as_numpy(dx),
            **{f"d {k}": v for k, v in grads.items()},
        }
        results |= {f"after {k}": v for k, v in mine.buffers().items()}
        assert {k: v.dtype for k, v in results.items()} == dict.fromkeys(results, np.dtype(dtype))
        return results

    def by_torch(torch: ModuleType, dtype: type) -> Results:
        module = theirs(modules(torch)).to(_torch_type(torch, dtype)).train(train)
        with torch.no_grad():
            for key, value in _state(module).items():
                value.copy_(torch.tensor(_value(name, key, tuple(value.shape))))
        x = torch.tensor(x_value.astype(dtype), requires_grad=True)
        with warnings.catch_warnings():
            # PyTorch tells that "same" costs it a copy when a kernel is even.
            warnings.filterwarnings("ignore", message="Using padding='same' with even")
            y = module(x)
        y.backward(torch.tensor(draw(f"{name} dy", tuple(y.shape)).astype(dtype)))
        named = dict(module.named_parameters(remove_duplicate=False))
        results = {"y": y, "dx": x.grad, **{f"d {k}": v.grad for k, v in named.items()}}
        results |= {f"after {k}": v for k, v in _state(module).items() if k not in named}
        return {k: v.detach().numpy() for k, v in results.items()}

    return Case(name, ours, by_byhand, by_torch)


def _value(case: str, name: str, shape: tuple[int, ...]) -> Array:
    """A parameter's or buffer's value; variances are positive."""
    value = draw(f"{case} {name}", shape)
    return value / 2 + 1.5 if name.endswith("running_var") else value


def _state(module: Any) -> dict[str, Any]:
    """PyTorch's state_dict, without the counter of batches that byhand has no use for."""
    state = module.state_dict()
    return {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}


def _torch_type(torch: ModuleType, dtype: type) -> Any:
    return {np.float64: torch.float64, np.float32: torch.float32}[dtype]


def modules(torch: ModuleType) -> Any:
    """torch.nn, with the containers that it lacks."""

    class Concat(torch.nn.ModuleList):
        def forward(self, x: Any) -> Any:
            return torch.cat([branch(x) for branch in self], dim=1)

    class Residual(torch.nn.Module):
        def __init__(self, body: Any, shortcut: Any = None) -> None:
            super().__init__()
            self.body = body
            if shortcut is not None:
                self.shortcut = shortcut

        def forward(self, x: Any) -> Any:
            return self.body(x) + (self.shortcut(x) if hasattr(self, "shortcut") else x)

    class Modules:
        def __getattr__(self, name: str) -> Any:
            own = {"Concat": lambda *branches: Concat(branches), "Residual": Residual}
            return own[name] if name in own else getattr(torch.nn, name)

    return Modules()


# Losses -------------------------------------------------------------------------------------------


def loss(
    name: str,
    ours: losses.Loss,
    theirs: Callable[[Any, Any, Any], Any],
    shape: tuple[int, ...],
    targets: Callable[[str, tuple[int, ...]], Array],
    scale: float = 1.0,
    n: int | None = None,
) -> Case:
    """A loss and the equal function of torch.nn.functional: value and gradient of the outputs."""

    def by_byhand(dtype: type, layout: str = "reference") -> Results:
        z = to_layout((scale * draw(f"{name} outputs", shape)).astype(dtype), layout)
        value, cache = ours.forward(z, targets(f"{name} targets", shape), n)
        dz = ours.backward(cache)
        assert type(dz) is type(z)
        assert dz.dtype == dtype
        return {"value": np.array(value), "dz": kernels.as_numpy(dz)}

    def by_torch(torch: ModuleType, dtype: type) -> Results:
        z = torch.tensor((scale * draw(f"{name} outputs", shape)).astype(dtype), requires_grad=True)
        given = targets(f"{name} targets", shape)
        given = given if given.dtype == np.int64 else given.astype(dtype)
        value = theirs(torch.nn.functional, z, torch.tensor(given))
        value.backward()
        return {"value": value.detach().numpy(), "dz": z.grad.numpy()}

    return Case(name, ours, by_byhand, by_torch)


def integers(name: str, shape: tuple[int, ...]) -> Array:
    """Integer labels (N) for outputs (N, K)."""
    return draw_labels(name, shape[0], shape[1])


def one_hot(name: str, shape: tuple[int, ...]) -> Array:
    """The same labels as rows of zeros and a one."""
    return np.eye(shape[1])[integers(name, shape)]


def distributions(name: str, shape: tuple[int, ...]) -> Array:
    """Labels that spread over the classes and add up to 1."""
    weights = draw(name, shape, 0.0, 1.0)
    return weights / weights.sum(axis=1, keepdims=True)


def fractions(name: str, shape: tuple[int, ...]) -> Array:
    """Targets between 0 and 1."""
    return draw(name, shape, 0.0, 1.0)


# Optimisers and schedules -------------------------------------------------------------------------

STEPS = 10


def optimiser(name: str, ours: optim.Optimiser, theirs: str, **arguments: Any) -> Case:
    """An optimiser and PyTorch's `theirs(**arguments)`: the way from the start after each step."""
    n = 12
    start, gradients = draw(f"{name} start", (n,)), draw(f"{name} gradients", (STEPS, n))
    gradients[:, :2] = 0  # what nothing reaches
    gradients[:, 2:5] *= 2.0**-20  # where eps matters
    rates = [0.01 * 0.9**i for i in range(STEPS)]

    def by_byhand(dtype: type, layout: str = "reference") -> Results:
        w = start.astype(dtype)
        state = ours.new_state(w)
        path = []
        for gradient, rate in zip(gradients.astype(dtype), rates, strict=True):
            ours.step(w, gradient, state, rate)
            path.append(w.copy())
        return {"moved": np.stack(path) - start.astype(dtype)}

    def by_torch(torch: ModuleType, dtype: type) -> Results:
        w = torch.tensor(start.astype(dtype), requires_grad=True)
        stepper = getattr(torch.optim, theirs)([w], lr=rates[0], **arguments)
        path = []
        for gradient, rate in zip(gradients.astype(dtype), rates, strict=True):
            w.grad = torch.tensor(gradient)
            stepper.param_groups[0]["lr"] = rate
            stepper.step()
            path.append(w.detach().numpy().copy())
        return {"moved": np.stack(path) - start.astype(dtype)}

    return Case(name, ours, by_byhand, by_torch, arrays=False)


def schedule(
    name: str, ours: optim.Schedule, theirs: str, rate: float, steps: int, **arguments: Any
) -> Case:
    """A schedule and torch.optim.lr_scheduler's `theirs(**arguments)`: the rates of all steps."""

    def by_byhand(dtype: type, layout: str = "reference") -> Results:
        return {"rates": np.array([ours(step) for step in range(steps)])}

    def by_torch(torch: ModuleType, dtype: type) -> Results:
        stepper = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
        scheduler = getattr(torch.optim.lr_scheduler, theirs)(stepper, **arguments)
        rates = [stepper.param_groups[0]["lr"]]
        for _ in range(steps - 1):
            stepper.step()
            scheduler.step()
            rates.append(stepper.param_groups[0]["lr"])
        return {"rates": np.array(rates)}

    return Case(name, ours, by_byhand, by_torch, arrays=False)


# Training -----------------------------------------------------------------------------------------


def training(
    name: str,
    ours: Callable[[type], nn.Layer],
    theirs: Callable[[Any], Any],
    images: tuple[int, ...],
    stepper: optim.Optimiser,
    torch_stepper: tuple[str, dict[str, Any]],
    rate: float,
) -> Case:
    """Ten steps of training on ten random batches: the losses, and the model at the end.

    `ours(dtype)` gives the model with its starting parameters; `images` is a batch's (N, C, H, W).
    """
    loss_function = losses.CrossEntropy()

    def batches(dtype: type) -> Iterable[tuple[Array, Array]]:
        for step in range(STEPS):
            x = draw(f"{name} x {step}", images).astype(dtype)
            yield x, draw_labels(f"{name} labels {step}", images[0], 10)

    def by_byhand(dtype: type, layout: str = "reference") -> Results:
        model = ours(dtype)
        state = stepper.new_state(model.flat)
        curve = []
        for x, labels in batches(dtype):
            outputs, cache = model.forward(to_layout(x, layout), train=True)
            value, loss_cache = loss_function.forward(outputs, labels)
            grads = model.new_grads()
            model.backward(loss_function.backward(loss_cache), cache, grads, need_dx=False)
            model.commit(cache)
            stepper.step(model.flat, grads.flat, state, rate)
            curve.append(value)
        return {"curve": np.array(curve), **{k: v.copy() for k, v in model.state_dict().items()}}

    def by_torch(torch: ModuleType, dtype: type) -> Results:
        module = theirs(modules(torch)).to(_torch_type(torch, dtype)).train()
        with torch.no_grad():
            start = ours(dtype).state_dict()
            for key, value in _state(module).items():
                value.copy_(torch.tensor(start[key]))
        kind, arguments = torch_stepper
        their_stepper = getattr(torch.optim, kind)(module.parameters(), lr=rate, **arguments)
        curve = []
        for x, labels in batches(dtype):
            value = torch.nn.functional.cross_entropy(module(torch.tensor(x)), torch.tensor(labels))
            their_stepper.zero_grad()
            value.backward()
            their_stepper.step()
            curve.append(value.item())
        return {"curve": np.array(curve), **{k: v.numpy() for k, v in _state(module).items()}}

    return Case(name, stepper, by_byhand, by_torch)
