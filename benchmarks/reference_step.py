"""Time a training step of the NumPy reference, after checking what it computes.

    python benchmarks/reference_step.py                # deep_convnet, batch 100, float32, 2 threads
    python benchmarks/reference_step.py lenet5 --batch 128 --threads 1

A step is zeroed gradients, forward, loss, backward and Adam's update, from a standardised batch.
Before anything is timed, loss and gradients in float32 are held against float64 and, where PyTorch
is installed, against PyTorch's in float64. Times are the median of the repeats and their quartiles;
where PyTorch is installed its step is timed in turn with ours, and the ratio of medians is given.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from byhand import kernels, losses, models, nn, optim, training

TOLERANCE = 1e-4  # of the largest gradient: float32's rounding over sums of 100 x 28 x 28 terms


def byhand_step(model: nn.Layer, x: Any, labels: Any) -> tuple[Callable[[], float], nn.NamedVector]:
    """One training step as a function, and the gradient that it writes."""
    loss, optimiser = losses.CrossEntropy(), optim.Adam()
    state, grads = optimiser.new_state(model.flat), model.new_grads()
    steps = 0

    def step() -> float:
        nonlocal steps
        outputs, cache = model.forward(x, train=True, key=nn.Key(0, steps))
        value, loss_cache = loss.forward(outputs, labels)
        grads.flat[...] = 0
        model.backward(loss.backward(loss_cache), cache, grads, need_dx=False)
        optimiser.step(model.flat, grads.flat, state, 1e-3)
        steps += 1
        return value

    return step, grads


def torch_step(model: nn.Layer, x: Any, labels: Any, dtype: Any) -> tuple[Callable[[], float], Any]:
    """The same step in PyTorch, with the same weights."""
    import torch

    layers: list[Any] = []
    for layer in model:  # type: ignore[attr-defined]
        kind = type(layer).__name__
        if kind == "Conv2d":
            made = torch.nn.Conv2d(
                layer.in_channels, layer.out_channels, layer.kernel_size, padding=layer.padding
            )
        elif kind == "Linear":
            made = torch.nn.Linear(layer.in_features, layer.out_features)
        elif kind == "MaxPool2d":
            made = torch.nn.MaxPool2d(layer.kernel_size)
        elif kind == "Dropout":
            made = torch.nn.Dropout(layer.rate)
        else:
            made = getattr(torch.nn, kind)()
        layers.append(made)
    network = torch.nn.Sequential(*layers).to(dtype)
    network.load_state_dict({k: torch.tensor(v) for k, v in model.state_dict().items()})
    inputs, targets = torch.tensor(x, dtype=dtype), torch.tensor(labels)
    adam = torch.optim.Adam(network.parameters(), 1e-3)

    def step() -> float:
        adam.zero_grad(set_to_none=True)
        value = torch.nn.functional.cross_entropy(network(inputs), targets)
        value.backward()
        adam.step()
        return value.item()

    return step, network


def worst_difference(ours: nn.NamedVector, theirs: dict[str, Any]) -> float:
    """The largest difference of gradients, of the largest gradient of the same parameter."""
    return max(
        float(np.abs(ours[name] - theirs[name]).max() / np.abs(theirs[name]).max())
        for name in theirs
    )


def check(name: str, x: Any, labels: Any) -> dict[str, float]:
    """Loss and gradients in float32 against float64, and against PyTorch where it is installed."""
    settings = {"dropout": 0.0} if "dropout" in models.options(name) else {}
    model = models.build(name, np.random.default_rng(0), **settings)
    double = model.copy(np.float64)
    step, grads = byhand_step(model.copy(), x, labels)
    step64, grads64 = byhand_step(double.copy(), x.astype(np.float64), labels)
    value, value64 = step(), step64()
    found = {
        "loss_float32_float64": abs(value - value64) / value64,
        "gradient_float32_float64": worst_difference(grads, grads64),
    }
    try:
        import torch
    except ImportError:
        pass
    else:
        theirs, network = torch_step(double, x, labels, torch.float64)
        theirs()
        gradients = {k: p.grad.numpy() for k, p in network.named_parameters()}
        found["gradient_float64_pytorch"] = worst_difference(grads64, gradients)
    for what, difference in found.items():
        limit = 1e-10 if what.endswith("pytorch") else TOLERANCE
        if not difference < limit:
            raise SystemExit(f"{what} differ by {difference:.1e}, more than {limit}: nothing timed")
    return found


def interleaved(steps: dict[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Milliseconds of each step, taken in turn so that a noisy machine disturbs all alike."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
    for _ in range(repeats):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            times[name].append(1e3 * (time.perf_counter() - start))
    return times


def main() -> None:
    """Check, time, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", nargs="?", default="deep_convnet", choices=models.names())
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=31)
    parser.add_argument("--out", help="write the figures to this JSON file")
    args = parser.parse_args()

    threads = kernels.set_threads(args.threads)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((args.batch, 1, 28, 28)).astype(np.float32)
    labels = rng.integers(0, 10, args.batch)
    differences = check(args.network, x, labels)
    for what, difference in differences.items():
        print(f"checked: {what} differ by {difference:.1e}")

    model = models.build(args.network, np.random.default_rng(0))
    steps = {"byhand": byhand_step(model.copy(), x, labels)[0]}
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed: byhand alone")
    else:
        torch.set_num_threads(threads)
        steps["pytorch"] = torch_step(model, x, labels, torch.float32)[0]
    times = interleaved(steps, args.repeats)
    figures: dict[str, Any] = {}
    for name, taken in times.items():
        low, median, high = statistics.quantiles(taken, n=4)
        figures[name] = {"median_ms": median, "quartiles_ms": [low, high], "least_ms": min(taken)}
        print(f"{name:8s} {median:7.1f} ms a step (quartiles {low:.1f} to {high:.1f})")
    if "pytorch" in figures:
        figures["ratio"] = figures["pytorch"]["median_ms"] / figures["byhand"]["median_ms"]
        print(f"PyTorch's time / ours: {figures['ratio']:.2f}")
    if args.out:
        from byhand.files import write_json

        about = {
            "network": args.network,
            "batch": args.batch,
            "dtype": "float32",
            "threads": threads,
            "machine": training.machine(),
            "versions": training.versions(),
        }
        write_json(args.out, {**about, "differences": differences, **figures})


if __name__ == "__main__":
    main()
