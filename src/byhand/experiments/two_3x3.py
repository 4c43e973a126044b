"""One 5×5 kernel or two 3×3: on a picture, as kernels, and trained.

All are trained as the recipe one_conv, and all end in the same 12×12 maps and one linear layer.
With one channel two 3×3 kernels save parameters (20 with their biases against 26); a second layer
of eight kernels looks at eight channels, so that there two layers have more parameters and more
work than one 5×5. The saving of 25 to 18 comes back where as many channels go in as come out.

Two kernels with nothing between are one, whose values are sums of products of theirs. As a
polynomial in two variables a 5×5 kernel has degree 4 in each, and two 3×3 kernels are two factors
of degree 2: most polynomials have none. The pair's 18 values leave {freedom} directions free, as a
factor can move from one to the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import kernels, plots
from byhand.experiments.lab import Experiment, Lab, Record, studies, variants
from byhand.experiments.lab.statistics import judge, say
from byhand.recipes import Network

Array = NDArray[np.float64]

# The study shows its picture and describes it: two rectangles in opposite corners of the middle
# 5×5. Two ways to draw that, by the side of the squares in 5×5 and in 3×3.
READINGS = {"apart": (2, 1), "touching": (3, 2)}
SAME_ORDER = 0.9  # a rank correlation from here on is called "about the same order"
EXACT = 1e-6  # of the energy: so little may be missing where a pair is called equal
STARTS = 10  # of each search for the nearest pair
DESIGNS = {
    "one 5×5": Network("stack", {"layers": "conv 1 5, relu, maxpool 2"}),
    "two 3×3, ReLU between": Network(
        "stack", {"layers": "conv 1 3, relu, conv 1 3, relu, maxpool 2"}
    ),
    "two 3×3, nothing between": Network("stack", {"layers": "conv 1 3, conv 1 3, relu, maxpool 2"}),
    "eight 5×5": Network("one_conv", {"kernels": 8}),
    "eight 3×3, ReLU, eight 3×3": Network(
        "stack", {"layers": "conv 8 3, relu, conv 8 3, relu, maxpool 2"}
    ),
}
# PLACES[p, q, r] is 1 where the values q and r of two 3×3 kernels meet in value p of a 5×5 one.
PLACES = np.zeros((25, 9, 9))
for _q in range(9):
    for _r in range(9):
        PLACES[5 * (_q // 3 + _r // 3) + _q % 3 + _r % 3, _q, _r] = 1


def squares(side: int, size: int) -> Array:
    """A picture (size, size) with a square of ones in two opposite corners."""
    drawn = np.zeros((size, size))
    drawn[:side, :side] = drawn[-side:, -side:] = 1
    return drawn


def seen(picture: Array, kernel: Array) -> Array:
    """What a kernel (K, K) makes of a picture (H, W)."""
    y, _ = kernels.conv2d(picture[None, None], kernel[None, None], None)
    return y[0, 0]


def composed(first: Array, second: Array) -> Array:
    """The one kernel (5, 5) that does what two (3, 3) do one after the other."""
    return np.einsum("pqr,q,r->p", PLACES, first.ravel(), second.ravel()).reshape(5, 5)


def freedom(first: Array, second: Array) -> int:
    """In how many independent directions the composed kernel can be changed by its 18 values."""
    return int(np.linalg.matrix_rank(_slopes(first.ravel(), second.ravel())))


def nearest(kernel: Array, seed: int) -> tuple[Array, Array, float]:
    """The two 3×3 kernels that come nearest to a 5×5 one, and the share of its energy they have.

    Least squares from several random starts; a better pair than the best found may exist.
    """
    from scipy.optimize import least_squares

    rng = np.random.default_rng(seed)
    size = float(np.linalg.norm(kernel)) or 1.0
    wanted = kernel.ravel() / size

    def missing(pair: Array) -> Array:
        return PLACES @ pair[9:] @ pair[:9] - wanted

    fits = [
        least_squares(missing, rng.normal(0, 0.4, 18), lambda p: _slopes(p[:9], p[9:]), method="lm")
        for _ in range(STARTS)
    ]
    best = min(fits, key=lambda fit: fit.cost)
    first, second = best.x.reshape(2, 3, 3)
    # The pair is known up to a factor that moves from one to the other: the second's largest is 1.
    largest = second.ravel()[np.abs(second).argmax()]
    return size * largest * first, second / largest, 1 - 2 * float(best.cost)


def _slopes(first: Array, second: Array) -> Array:
    """Of the composed kernel by the values of both: (25, 18)."""
    return np.concatenate([PLACES @ second, np.einsum("pqr,q->pr", PLACES, first)], axis=1)


def measure(lab: Lab) -> Record:
    """The study's picture; the nearest pairs of some kernels; all designs trained."""
    recipes = {name: lab.recipe("one_conv", model=model) for name, model in DESIGNS.items()}
    runs, record = variants.train(lab, recipes, seeds=10)
    trained = runs["eight 5×5"][0].model().parameters()["0.weight"][:, 0].astype(np.float64)
    rng = np.random.default_rng(0)
    drawn = rng.standard_normal((lab.pick(100, 20, 4), 5, 5))
    pairs = [nearest(kernel, seed=i) for i, kernel in enumerate(trained)]
    record |= {
        "freedom": freedom(*rng.standard_normal((2, 3, 3))),
        "drawn_explained": [nearest(kernel, seed=i)[2] for i, kernel in enumerate(drawn)],
        "trained_explained": [share for _, _, share in pairs],
        "trained": trained,
        "trained_nearest": np.stack([composed(a, b) for a, b, _ in pairs]),
    }
    for name, (large, small) in READINGS.items():
        record |= {f"{name}_{k}": v for k, v in shown(squares(large, 5), squares(small, 3)).items()}
    return record


def shown(large: Array, small: Array) -> dict[str, Any]:
    """The 7×7 picture of `large` (5, 5), seen by it, and twice by `small` (3, 3)."""
    from scipy.stats import spearmanr

    picture = np.pad(large, 1)
    one, between = seen(picture, large), seen(picture, small)
    two = seen(between, small)
    first, second, explained = nearest(large, seed=0)
    return {
        "picture": picture, "large": large, "small": small,
        "one": one, "between": between, "two": two,
        "composed": composed(small, small), "first": first, "second": second,
        "explained": explained,
        "rank_correlation": float(spearmanr(one.ravel(), two.ravel()).statistic),
    }  # fmt: skip


def report(record: Record, page: plots.Page) -> None:
    """The picture, what two kernels can be, and what training makes of both."""
    accuracy = record["test_accuracy"]
    one, relu, plain, eight, pairs = (accuracy[name] for name in DESIGNS)
    drawn = record["drawn_explained"]
    ranks = {name: record[f"{name}_rank_correlation"] for name in READINGS}
    page.conclude(
        "Two 3×3 kernels without an activation between are one 5×5 kernel, but not any: of its 25 "
        f"values {record['freedom']} are free. The nearest pair found has {say(drawn, 0)} of the "
        "energy of a random 5×5 kernel."
    )
    page.conclude(
        f"Trained, one 5×5 kernel reads {say(one)} of the test set; two 3×3 read {say(relu)} with "
        f"ReLU between and {say(plain)} without. Eight 5×5 read {say(eight)}, two layers of eight "
        f"3×3 {say(pairs)}."
    )
    alike = [rank >= SAME_ORDER for rank in ranks.values()]
    page.claim(
        "On the picture, the nine values of one 5×5 kernel and of the same 3×3 kernel twice are in "
        "about the same order.",
        True if all(alike) else None if any(alike) else False,
        "rank correlation of the nine values (about the same: from "
        f"{SAME_ORDER}), {_each(ranks, '.2f')}",
    )
    page.claim(
        "Any 5×5 kernel can be replaced by two 3×3 kernels, one after the other.",
        min(drawn) > 1 - EXACT,
        f"of {len(drawn)} random 5×5 kernels the nearest pairs found have {min(drawn):.0%} to "
        f"{max(drawn):.0%} of the energy; of the picture's own 5×5 kernel, "
        + _each({name: record[f"{name}_explained"] for name in READINGS}, ".1%"),
    )
    for claim, less, more, what in (
        ("An activation between two 3×3 kernels adds to what they can do (one channel).",
         plain, relu, "two 3×3 with ReLU between less that without"),
        ("Two 3×3 kernels read better than one 5×5 (one channel, ReLU between).",
         one, relu, "two 3×3 less that of one 5×5"),
        ("Two layers of eight 3×3 kernels read better than one of eight 5×5.",
         eight, pairs, "eight 3×3, ReLU, eight 3×3 less that of eight 5×5"),
    ):  # fmt: skip
        judge(page, claim, f"test accuracy of {what}", less, more)
    _picture(record, page)
    _kernels(record, page)
    page.heading("Trained")
    page.figure("accuracy", plots.compare(accuracy, xlabel="test accuracy", percent=True))
    variants.table(record, page, "design", costs=True)


def _picture(record: Record, page: plots.Page) -> None:
    page.heading("On the study's picture")
    page.say(
        "The study's picture is 7×7, with two rectangles in opposite corners of its middle 5×5; "
        "its 5×5 kernel has that shape, and so, at their size, have its two equal 3×3 kernels. We "
        "draw that in two ways: squares that are apart, and squares that touch in the middle."
    )
    for name in READINGS:
        picture, large, small, one, between, two = (
            record[f"{name}_{k}"] for k in ("picture", "large", "small", "one", "between", "two")
        )
        _row(page, f"{name}_one", {"picture": picture, "5×5 kernel": large, "result": one}, "∗=",
             f"Squares {name}, one 5×5 kernel: 25 values.")  # fmt: skip
        _row(page, f"{name}_two",
             {"picture": picture, "3×3 kernel": small, "seen once": between, "the same": small,
              "result": two}, "∗=∗=",
             f"Squares {name}, the same 3×3 kernel twice: 18 values.")  # fmt: skip
        page.say(
            f"Squares {name}: divided by its largest value, one 5×5 gives "
            f"{_numbers(one / one.max())}, twice 3×3 {_numbers(two / two.max())}. The rank "
            f"correlation of the nine values is {record[f'{name}_rank_correlation']:.2f}; the "
            f"largest are {one.max():g} and {two.max():g}."
        )


def _kernels(record: Record, page: plots.Page) -> None:
    page.heading("What two 3×3 kernels can be")
    for name in READINGS:
        keys = ("small", "first", "second", "composed", "large", "explained")
        small, first, second, twice, large, explained = (record[f"{name}_{k}"] for k in keys)
        _row(page, f"{name}_twice",
             {"3×3 kernel": small, "the same": small, "together": twice, "5×5 kernel": large},
             "∗=≠", f"Squares {name}, the same kernel twice.")  # fmt: skip
        _row(page, f"{name}_nearest",
             {"one": first, "another": second, "together": composed(first, second),
              "5×5 kernel": large}, "∗==" if explained > 1 - EXACT else "∗=≈",
             f"Squares {name}: the nearest pair found has {explained:.1%} of the 5×5 kernel's "
             "energy.")  # fmt: skip
    rows = [list(record["trained"]), list(record["trained_nearest"])]
    columns = [f"{100 * share:.0f} %" for share in record["trained_explained"]]
    names = ["trained 5×5", "nearest pair of 3×3"]
    page.figure(
        "trained",
        plots.picture_grid(rows, row_names=names, column_names=columns),
        caption="Trained kernels, and the nearest that two 3×3 with nothing between can be; above, "
        "the share of the energy that the pair has.",
    )


def _row(
    page: plots.Page, name: str, matrices: dict[str, Array], operators: str, caption: str
) -> None:
    matrices = {title: np.round(values, 6) for title, values in matrices.items()}  # 1, not 0.9999…
    page.figure(name, plots.matrix_row(matrices, operators=operators), caption=caption, wide=True)


def _numbers(values: Array) -> str:
    """Row by row: "1 2 1 / 2 4 2 / 1 2 1"."""
    return " / ".join(" ".join(f"{v:.2f}".rstrip("0").rstrip(".") for v in row) for row in values)


def _each(values: dict[str, float], form: str) -> str:
    return ", ".join(f"squares {name}: {value:{form}}" for name, value in values.items())


EXPERIMENT = Experiment(
    "two_3x3", "Can two 3×3 kernels take the place of one 5×5?",
    measure, report, __doc__, study=f"{studies.ONE_CONV}, figure 14.8.2",
)  # fmt: skip
