"""Convolution as a matrix product in two ways: the picture unfolded, or the kernel.

Backward is the chain rule on a product. With Y = W·cols it gives dW = dY·colsᵀ and dcols = Wᵀ·dY,
whose columns are added up where their windows were. With Y = T·X it gives dX = Tᵀ·dY at once, but
dT = dY·Xᵀ has a number for every cell of the matrix, zeros too; the gradient of a weight is the sum
of those in its cells. To compute only these is to unfold the picture after all.

“Kernel unfolded anew” makes the sparse matrix each time, as training must, whose weights change
with each step; “kernel unfolded” finds it made. Backward gives both gradients; that of the unfolded
kernel is left out where its dense matrix would have more than 134 MB. The compiled core gets its
arrays as they lie in training (lanes of eight pictures).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from byhand import kernels, plots
from byhand.data import Splits
from byhand.experiments.lab import Experiment, Lab, Record, studies
from byhand.experiments.lab.statistics import NBSP
from byhand.experiments.matrix_forms import matrices
from byhand.timing import medians

# (what, picture (C, H, W), weight (F, C, KH, KW), stride, padding): what is held to the kernels.
CASES = (
    ("one_conv", (1, 28, 28), (8, 1, 5, 5), (1, 1), (0, 0)),
    ("two_conv, second", (4, 12, 12), (16, 4, 3, 3), (1, 1), (0, 0)),
    ("3 channels, padding 1", (3, 9, 8), (4, 3, 3, 3), (1, 1), (1, 1)),
    ("stride 2", (3, 9, 8), (4, 3, 3, 3), (2, 2), (0, 0)),
    ("3×2 kernel, stride 2 and 1, padding 1 and 0", (2, 9, 8), (4, 2, 3, 2), (2, 1), (1, 0)),
)
# (what, picture, weight, padding): what is weighed and timed.
LAYERS: tuple[tuple[str, matrices.Shape3, tuple[int, int, int, int], int], ...] = (
    ("one_conv", (1, 28, 28), (8, 1, 5, 5), 0),
    ("two_conv, first", (1, 28, 28), (4, 1, 5, 5), 0),
    ("two_conv, second", (4, 12, 12), (16, 4, 3, 3), 0),
    ("deep_convnet, second", (16, 28, 28), (16, 16, 3, 3), 1),
)
BATCH = 100
ROUNDING = {"float64": 1e-12, "float32": 1e-5}  # of the largest value: this much is rounding
RESULTS = ("y", "dx", "dweight")
METHODS = {
    "forward": (matrices.PICTURE, matrices.BUILT, matrices.KERNEL, matrices.NUMPY, matrices.CORE),
    "backward": (matrices.PICTURE, matrices.KERNEL, matrices.NUMPY, matrices.CORE),
}


def measure(lab: Lab) -> Record:
    """A small example, agreement in every case, and bytes and seconds of some layers."""
    rng = np.random.default_rng(0)
    small = rng.integers(1, 10, (1, 1, 4, 4)).astype(np.float64)  # no zeros: those are the matrix's
    kernel = np.array([[[[1.0, 1.0, 1.0], [3.0, -1.0, 2.0], [2.0, -2.0, 1.0]]]])
    large = rng.standard_normal((1, 1, 5, 5), np.float32)
    layers = lab.pick(LAYERS, LAYERS, LAYERS[:1])
    given = [
        {"picture": p, "weight": w, "padding": pad, "limit": lab.pick(2.0, 0.2, 0.05)}
        for _, p, w, pad in layers
    ]
    return {
        "picture": small[0, 0],
        "kernel": kernel[0, 0],
        "columns": kernels.im2col(small, 3),
        "unfolded_kernel": matrices.kernel_matrix(kernel, (1, 4, 4)).toarray(),
        "result": kernels.conv2d(small, kernel, None)[0][0, 0],
        "large_unfolded": matrices.kernel_matrix(large, (1, 28, 28)).toarray(),
        "agreement": [row for i, case in enumerate(CASES) for row in agreement(*case, seed=i)],
        "layers": [name for name, *_ in layers],
        "weights": [list(w) for _, _, w, _ in layers],
        "bytes": [weigh(p, w, pad) for _, p, w, pad in layers],
        "seconds": lab.each(seconds, given, what="timings", alone=True),
    }


def agreement(
    name: str, picture: matrices.Shape3, weight: tuple[int, int, int, int], stride: tuple[int, int],
    padding: tuple[int, int], seed: int,
) -> list[dict[str, Any]]:  # fmt: skip
    """How far each method is from the NumPy kernel: the largest difference by the largest value."""
    rows: dict[str, dict[str, Any]] = {}
    for dtype in ROUNDING:
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((5, *picture)).astype(dtype)
        w = rng.standard_normal(weight).astype(dtype)
        y, _ = kernels.conv2d(x, w, None, stride, padding)
        forward, backward = matrices.methods(
            x, w, rng.standard_normal(y.shape).astype(dtype), stride, padding
        )
        results = {method: (forward[method](), *call()) for method, call in backward.items()}
        theirs = results.pop(matrices.NUMPY)
        for method, ours in results.items():
            row = rows.setdefault(method, {"case": name, "method": method})
            row[dtype] = {
                what: float(np.abs(kernels.as_numpy(a) - b).max() / np.abs(b).max())
                for what, a, b in zip(RESULTS, ours, theirs, strict=True)
            }
    return list(rows.values())


def weigh(
    picture: matrices.Shape3, weight: tuple[int, int, int, int], padding: int
) -> dict[str, int]:
    """Bytes of what each method builds for a batch, in float32."""
    w = np.ones(weight, np.float32)
    oh, ow = matrices.output_size(picture, w, 1, padding)
    sparse = matrices.kernel_matrix(w, picture, 1, padding)
    parts = (sparse.data, sparse.indices, sparse.indptr)
    return {
        "pictures": 4 * BATCH * math.prod(picture),
        "pictures unfolded": 4 * math.prod(weight[1:]) * BATCH * oh * ow,
        "kernel": w.nbytes,
        "kernel unfolded, sparse": sum(part.nbytes for part in parts),
        "kernel unfolded, dense": 4 * math.prod(sparse.shape),
        "not zero": 4 * int(sparse.nnz),
    }


def seconds(
    splits: Splits, folder: Path, picture: Sequence[int], weight: Sequence[int], padding: int,
    limit: float,
) -> dict[str, Any]:  # fmt: skip
    """Time every method, forward and backward, in turns; float32, a batch, all threads."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((BATCH, *picture), np.float32)
    w = rng.standard_normal(tuple(weight), np.float32)
    oh, ow = matrices.output_size(tuple(picture), w, 1, padding)
    dy = rng.standard_normal((BATCH, len(w), oh, ow), np.float32)
    forward, backward = matrices.methods(x, w, dy, 1, padding)
    return {"forward": medians(forward, limit), "backward": medians(backward, limit)}


def report(record: Record, page: plots.Page) -> None:
    """The example in numbers, agreement, bytes and times."""
    weights, times = record["bytes"][0], record["seconds"][0]["forward"]
    core = f"; the compiled core unfolds nothing and takes {_ms(times.get(matrices.CORE))}"
    page.conclude(
        f"For the layer of one_conv and {BATCH} pictures, unfolding turns "
        f"{_bytes(weights['pictures'])} of pictures into {_bytes(weights['pictures unfolded'])}, "
        f"and with the product takes {_ms(times[matrices.PICTURE])}; or "
        f"{_bytes(weights['kernel'])} of kernels into "
        f"{_bytes(weights['kernel unfolded, sparse'])}, and takes {_ms(times[matrices.BUILT])}"
        f"{core if matrices.CORE in times else ''}."
    )
    for claim, results in (
        ("Convolution is a product of two matrices: the weights with the unfolded picture, or the "
         "unfolded kernel with the picture.", RESULTS[:1]),
        ("The gradients are products with the transposes.", RESULTS[1:]),
    ):  # fmt: skip
        most = {
            dtype: max(
                r[dtype][what] for r in record["agreement"] if dtype in r for what in results
            )
            for dtype in ROUNDING
        }
        page.claim(
            claim,
            all(most[dtype] <= ROUNDING[dtype] for dtype in ROUNDING),
            "largest difference from the convolution kernels, as a share of the largest value, in "
            f"{len(CASES)} cases with channels, stride and padding: "
            + ", ".join(f"{value:.0e} in {dtype}" for dtype, value in most.items()),
        )
    _example(record, page)
    _agreement(record, page)
    _cost(record, page)


def _example(record: Record, page: plots.Page) -> None:
    page.heading("A picture of 4×4, a kernel of 3×3")
    picture, kernel, result = record["picture"], record["kernel"], record["result"]
    for name, shown, operators, caption in (
        ("sum", {"picture": picture, "kernel": kernel, "result": result}, "∗=",
         "The convolution: at each of four places the sum of nine products."),
        ("picture_unfolded", {"kernel as a row": kernel.reshape(1, -1),
                              "picture unfolded": record["columns"],
                              "result as a row": result.reshape(1, -1)}, "×=",
         "The picture unfolded: a column for each place of the window, with the nine pixels that "
         "it sees there."),
        ("kernel_unfolded", {"kernel unfolded": record["unfolded_kernel"],
                             "picture as\na column": picture.reshape(-1, 1),
                             "result as\na column": result.reshape(-1, 1)}, "×=",
         "The kernel unfolded: a row for each place of the window, with the nine weights in the "
         "columns of the pixels that they meet. Empty cells are zeros."),
    ):  # fmt: skip
        figure = plots.matrix_row(shown, operators=operators, mask_zero=True)
        page.figure(name, figure, caption=caption, wide=True)
    page.figure(
        "sparse",
        plots.spy(record["large_unfolded"], plots.new_axes(7.2, 5.8)),
        caption="A 5×5 kernel unfolded for a picture of 28×28: a row for each of 24·24 places. A "
        "stripe for each row of the kernel, five numbers wide; red is above 0, blue below.",
    )


def _agreement(record: Record, page: plots.Page) -> None:
    page.heading("All agree")
    page.table(
        ["case", "method", *(f"{what}, {dtype}" for dtype in ROUNDING for what in RESULTS)],
        [
            [row["case"], row["method"], *(
                f"{row[dtype][what]:.0e}".replace("0e+00", "0") if dtype in row else None
                for dtype in ROUNDING for what in RESULTS
            )]
            for row in record["agreement"]
        ],
        "The largest difference from the NumPy kernel, as a share of the largest value.",
    )  # fmt: skip


def _cost(record: Record, page: plots.Page) -> None:
    page.heading(f"What they cost: {BATCH} pictures in float32")
    layers, weights = record["layers"], record["bytes"]
    what = [key for key in weights[0] if key != "not zero"]
    rows: list[list[object]] = []
    for name, (f, c, kh, kw), of in zip(layers, record["weights"], weights, strict=True):
        full = of["not zero"] / of["kernel unfolded, dense"]
        rows.append([name, f"{c}→{f}, {kh}×{kw}", *(_bytes(of[k]) for k in what), f"{full:.2%}"])
    page.table(["layer", "kernels", *what, "not zero"], rows)
    for direction, names in METHODS.items():
        rows = [
            [name, *(_ms(of[direction].get(method)) for method in names)]
            for name, of in zip(layers, record["seconds"], strict=True)
        ]
        page.table(["layer", *names], rows, f"{direction.capitalize()}: the median of turns.")


def _bytes(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g}{NBSP}{unit}"
    return f"{count}{NBSP}bytes"


def _ms(seconds: float | list[float] | None) -> str | None:
    return None if seconds is None else f"{1e3 * np.median(seconds):.3g}{NBSP}ms"


EXPERIMENT = Experiment(
    "matrix_forms", "How is a convolution a product of two matrices?",
    measure, report, __doc__, study=studies.TWO_CONV,
)  # fmt: skip
