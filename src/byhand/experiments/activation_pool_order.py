"""Activation before pooling or after: what comes out, what comes back, and what training makes.

The largest of some numbers stays the largest when those below 0 become 0. A mean is made smaller by
numbers below 0, which ReLU before it takes away: with ReLU first the result is never less, and
larger in each window that has both signs.

In training the compiled core runs convolution, ReLU and 2×2 max pooling as one step, and the array
between them is never written: there the order costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import kernels, nn, plots
from byhand.data import Splits
from byhand.experiments.lab import Experiment, Lab, Record, readings, studies, variants
from byhand.experiments.lab.statistics import counted, judge, say
from byhand.recipes import Network
from byhand.timing import medians

Array = NDArray[Any]

POOLS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "max": (kernels.max_pool2d, kernels.max_pool2d_backward),
    "average": (kernels.avg_pool2d, kernels.avg_pool2d_backward),
}
DESIGNS = {
    "ReLU, max pooling": Network("one_conv", {"kernels": 8}),
    "max pooling, ReLU": Network("stack", {"layers": "conv 8 5, maxpool 2, relu"}),
    "ReLU, average pooling": Network("stack", {"layers": "conv 8 5, relu, avgpool 2"}),
    "average pooling, ReLU": Network("stack", {"layers": "conv 8 5, avgpool 2, relu"}),
}
WHOLE = "whole, −2 to 2"
PICTURES = 200  # test pictures whose feature maps are compared; nothing is chosen by them
ONE = np.array([[5.0, -3.0, 2.0, 1.0], [-5.0, 7.0, 3.0, 2.0],
                [-1.0, -6.0, 3.0, -9.0], [-3.0, -2.0, -3.0, 1.0]])  # fmt: skip


def relu_first(x: Any, pool: str) -> tuple[Any, Callable[[Any], Any]]:
    """ReLU, then pooling of 2×2: the output of x (N, C, H, W), and its backward."""
    forward, backward = POOLS[pool]
    active, mask = kernels.relu(x)
    y, cache = forward(active, 2)
    return y, lambda dy: kernels.relu_backward(backward(dy, cache), mask)


def pool_first(x: Any, pool: str) -> tuple[Any, Callable[[Any], Any]]:
    """Pooling of 2×2, then ReLU."""
    forward, backward = POOLS[pool]
    pooled, cache = forward(x, 2)
    y, mask = kernels.relu(pooled)
    return y, lambda dy: backward(kernels.relu_backward(dy, mask), cache)


def compared(x: Array, pool: str, layout: str = "reference", seed: int = 0) -> dict[str, Any]:
    """How far the orders are apart on x (N, C, H, W), with a random gradient from above."""
    given = kernels.as_layout(x, layout)
    (one, one_back), (other, other_back) = relu_first(given, pool), pool_first(given, pool)
    a, b = kernels.as_numpy(one), kernels.as_numpy(other)
    dy = np.random.default_rng(seed).standard_normal(a.shape).astype(a.dtype)
    upper: Any = kernels.as_layout(dy, layout)
    da, db = (kernels.as_numpy(back(upper)) for back in (one_back, other_back))
    n, c, oh, ow = a.shape
    windows = x[:, :, : 2 * oh, : 2 * ow].reshape(n, c, oh, 2, ow, 2)
    return {
        "pool": pool, "layout": layout, "windows": a.size,
        "differ": float((a != b).mean()),
        "gradients differ": float((da != db).mean()),
        "mean, ReLU first": float(a.mean()),
        "mean, pooling first": float(b.mean()),
        "sharpness, ReLU first": sharpness(a),
        "sharpness, pooling first": sharpness(b),
        # Where the largest is exactly 0 the gradient hangs on what ReLU's slope at 0 is taken for.
        "largest is 0": int((windows.max(axis=(3, 5)) == 0).sum()),
    }  # fmt: skip


def sharpness(maps: Array) -> float:
    """The mean step between places side by side of (N, C, H, W), as a share of the mean."""
    steps = np.abs(np.diff(maps, axis=2)).mean() + np.abs(np.diff(maps, axis=3)).mean()
    return float(steps / 2 / max(float(maps.mean()), 1e-12))


def measure(lab: Lab) -> Record:
    """Both orders on numbers and on feature maps; all four networks trained; times."""
    recipes = {name: lab.recipe("one_conv", model=model) for name, model in DESIGNS.items()}
    runs, record = variants.train(lab, recipes)
    models = {name: [run.model() for run in of] for name, of in runs.items()}
    maps = {pool: _maps(models[f"ReLU, {pool} pooling"][0], lab.splits) for pool in POOLS}
    rng = np.random.default_rng(0)
    shape = (lab.pick(100, 20, 4), 8, 24, 24)
    normal = rng.standard_normal(shape, np.float32)
    whole = rng.integers(-2, 3, shape).astype(np.float32)  # nearly every window has equal values
    layouts = dict.fromkeys(("reference", kernels.resolve_layout("auto")))
    rows = [
        {"numbers": what, **compared(x, pool, layout)}
        for pool in POOLS
        for what, x in (("normal", normal), (WHOLE, whole), ("feature maps", maps[pool]))
        for layout in layouts
    ]
    digit = maps["average"][:1]
    first, second = models["ReLU, max pooling"], models["max pooling, ReLU"]
    return {
        **record,
        "compared": rows,
        "weights_apart": [
            float(np.abs(a.flat - b.flat).max()) for a, b in zip(first, second, strict=True)
        ],
        "digit": digit[0],
        "digit_relu_first": relu_first(digit, "average")[0][0],
        "digit_pool_first": pool_first(digit, "average")[0][0],
        "relus": [maps["max"][0].size, relu_first(maps["max"][:1], "max")[0].size],
        "seconds": lab.each(seconds, [{"limit": lab.pick(1.0, 0.1, 0.02)}], alone=True)[0],
    }


def _maps(model: nn.Layer, splits: Splits) -> Array:
    """What the convolution gives for the first test pictures: (PICTURES, 8, 24, 24)."""
    x = readings.standardised(model, splits.test.images[:PICTURES])
    return nn.trace(model, x)["0"].output


def seconds(splits: Splits, folder: Path, limit: float) -> dict[str, Any]:
    """Time both orders on a batch of 100, on all threads."""
    x: Any = np.random.default_rng(0).standard_normal((100, 8, 24, 24), np.float32)
    arrays = {"NumPy": x, "compiled core": kernels.as_layout(x)}
    calls: dict[str, Callable[[], Any]] = {}
    for way, given in arrays.items():
        if way == "NumPy" or given is not x:  # without the core both are the same
            for pool in POOLS:
                calls[f"{way}, {pool}, ReLU first"] = partial(relu_first, given, pool)
                calls[f"{way}, {pool}, pooling first"] = partial(pool_first, given, pool)
    return dict(medians(calls, limit))


def report(record: Record, page: plots.Page) -> None:
    """What is equal, what is not and by how much, and what it does to training."""
    accuracy = record["test_accuracy"]
    rows = {pool: [r for r in record["compared"] if r["pool"] == pool] for pool in POOLS}
    outputs = [r["differ"] == 0 for r in rows["max"]]
    gradients = [r["gradients differ"] == 0 for r in rows["max"]]
    agree, n = all(outputs + gradients), len(outputs)
    maps = next(r for r in rows["average"] if r["numbers"] == "feature maps")
    relu, pool = accuracy["ReLU, average pooling"], accuracy["average pooling, ReLU"]
    apart = max(record["weights_apart"])
    weights = "equal bit by bit" if apart == 0 else f"{apart:.1g} apart at most"
    page.conclude(
        f"With max pooling ReLU before and after {'give' if agree else 'do not give'} the same "
        f"outputs and gradients, in {n} comparisons of {sum(r['windows'] for r in rows['max']):,} "
        f"windows together; the weights of networks trained both ways are {weights}."
    )
    page.conclude(
        f"With average pooling {maps['differ']:.0%} of the outputs differ on trained feature maps, "
        f"and their mean is {maps['mean, ReLU first']:.3f} with ReLU first, "
        f"{maps['mean, pooling first']:.3f} with pooling first. Trained, ReLU first reads "
        f"{say(relu)}, pooling first {say(pool)}."
    )
    page.claim(
        "With max pooling the order of activation and pooling can be turned round: the result is "
        "the same.",
        agree,
        f"outputs equal in {sum(outputs)} and gradients in {sum(gradients)} of {n} comparisons; "
        f"weights after training {weights}, over {counted(len(record['seeds']), 'seed')}",
    )
    page.claim(
        "With average pooling the result is not the same.",
        any(r["differ"] > 0 for r in rows["average"]),
        "outputs that differ: "
        + "; ".join(f"{r['numbers']} ({_layout(r)}) {r['differ']:.0%}" for r in rows["average"]),
    )
    judge(page, "With average pooling the activation should come first.",
          "test accuracy with ReLU first less that with pooling first", pool, relu)  # fmt: skip
    sharp, blurred = maps["sharpness, ReLU first"], maps["sharpness, pooling first"]
    page.claim(
        "With average pooling first the features are blurred.",
        blurred < sharp,
        "mean step between neighbouring places of trained feature maps, as a share of their mean: "
        f"{sharp:.2f} with ReLU first, {blurred:.2f} with pooling first",
    )
    _example(page)
    _compared(record, page)
    page.heading("Trained")
    page.figure("accuracy", plots.compare(accuracy, xlabel="test accuracy", percent=True))
    variants.table(record, page, "after the convolution", costs=True)
    _saved(record, page)


def _example(page: plots.Page) -> None:
    page.heading("One picture of 4×4")
    for pool in POOLS:
        active, pooled = np.maximum(ONE, 0), POOLS[pool][0](ONE[None, None], 2)[0][0, 0]
        for order, shown in (
            ("ReLU first", {"picture": ONE, "ReLU": active,
                            f"{pool} of 2×2": relu_first(ONE[None, None], pool)[0][0, 0]}),
            ("pooling first", {"picture": ONE, f"{pool} of 2×2": pooled,
                               "ReLU": pool_first(ONE[None, None], pool)[0][0, 0]}),
        ):  # fmt: skip
            last = " ".join(f"{v:g}" for v in list(shown.values())[-1].ravel())
            page.figure(
                f"{pool}_{order.replace(' ', '_')}",
                plots.matrix_row(shown, operators="→→"),
                caption=f"{pool.capitalize()} pooling, {order}: {last}.",
            )


def _compared(record: Record, page: plots.Page) -> None:
    page.heading("On many")
    page.table(
        ["pooling", "numbers", "arithmetic", "windows", "outputs differ", "gradients differ",
         "mean, ReLU first", "mean, pooling first"],
        [[r["pool"], r["numbers"], _layout(r), r["windows"], _share(r["differ"]),
          _share(r["gradients differ"]), f"{r['mean, ReLU first']:.3f}",
          f"{r['mean, pooling first']:.3f}"] for r in record["compared"]],
        "Outputs and gradients are compared bit by bit, but for the sign of a zero.",
    )  # fmt: skip
    whole = next(r for r in record["compared"] if r["numbers"] == WHOLE)
    page.say(
        "Whole numbers from −2 to 2 bring equal values into nearly every window: of these the "
        "first counts in either order. Only a window whose largest value is exactly 0 (of "
        f"{whole['windows']:,} there are {whole['largest is 0']:,}) could make the gradients of "
        "max pooling differ, and only if ReLU's slope at 0 were taken for 1. Here it is 0."
    )
    first, second = record["digit_relu_first"], record["digit_pool_first"]
    rows = [list(record["digit"]), list(first), list(second), list(first - second)]
    names = ["convolution", "ReLU, then average", "average, then ReLU", "the difference"]
    page.figure(
        "digit",
        plots.picture_grid(rows, row_names=names),
        caption="The first test picture in a network that was trained with ReLU first. A column "
        "is a kernel; each row has a scale of its own. The orders differ along the edges of "
        "strokes, where a window has both signs.",
    )


def _saved(record: Record, page: plots.Page) -> None:
    page.heading("Work saved")
    (many, few), operations = record["relus"], record["operations"]["ReLU, max pooling"]
    page.say(
        f"With pooling first ReLU sees {few:,} numbers a picture instead of {many:,}. That saves "
        f"{(many - few) / operations:.1%} of the network's {operations:,} operations."
    )
    times = {k: 1e3 * float(np.median(v)) for k, v in record["seconds"].items()}
    page.table(
        ["arithmetic", "pooling", "ReLU first, ms", "pooling first, ms"],
        [[*key.split(", ")[:2], f"{time:.3g}", f"{times[key.replace('ReLU', 'pooling')]:.3g}"]
         for key, time in times.items() if key.endswith("ReLU first")],
        "ReLU and pooling of 100 pictures (8×24×24), forward: the median of rounds in turns.",
    )  # fmt: skip


def _layout(row: dict[str, Any]) -> str:
    return "NumPy" if row["layout"] == "reference" else "compiled core"


def _share(share: float) -> str:
    return f"{100 * share:.1f} %" if share else "0"


EXPERIMENT = Experiment(
    "activation_pool_order", "Should the activation come before pooling or after?",
    measure, report, __doc__, study=f"{studies.ONE_CONV}, section 14.8.1",
)  # fmt: skip
