"""Kernels rounded to −1, 0 and 1: what they still find, and what a network reads with them.

A weight becomes 0 where its magnitude is at most 0.7 times the mean of its kernel's, else its sign:
the rule of ternary weight networks (Li, Zhang and Liu, 2016). Biases stay. The scale is the mean
magnitude of the weights that are not 0; it may as well be multiplied into the last layer's weights,
as ReLU and max pooling let a factor above 0 through, so it costs nothing. “Trained on” is the last
layer trained alone, {epochs} × over the training pictures, at a rate of 0.002, with the same
batches. Maps are compared by their correlation over all places, scaled and after ReLU, on the first
200 test pictures. The saving is counted, not timed: this arithmetic multiplies by −1, 0 and 1 as by
any number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import evaluation, kernels, nn, plots, recipes
from byhand.data import Dataset, Splits
from byhand.experiments.lab import Experiment, Lab, Record, first_kernels, readings, studies
from byhand.experiments.lab.first_kernels import CONV, LINEAR
from byhand.experiments.lab.statistics import counted, difference, mean, say
from byhand.experiments.lab.train import from_plain, kept_model
from byhand.kernels import Key
from byhand.nn.layer import Array
from byhand.optim import Constant

# The study's fourth kernel, and what it made of it by hand.
STUDY = np.array([
    [-0.371942, 0.960283, 1.361685, -1.013932, -0.551100],
    [1.072752, 0.427384, -0.766869, -1.136552, -0.949076],
    [-0.782557, 0.176728, -1.801188, -1.576794, 2.168798],
    [0.176578, -0.786395, -1.605902, 0.941071, -0.318206],
    [-0.720645, -0.029927, 1.378436, 0.748250, 0.774046],
])  # fmt: skip
STUDY_BY_HAND = np.array([
    [0, 1, 1, -1, -1],
    [1, 0, -1, -1, -1],
    [-1, 0, -1, -1, 0],
    [0, -1, -1, 1, 1],
    [-1, 0, 1, 1, 1],
])  # fmt: skip
THRESHOLD = 0.7  # of a kernel's mean magnitude: what is not above it becomes 0
PICTURES = 200  # test pictures on which maps are compared; nothing is chosen by them
ABOUT = 0.9  # maps so correlated, or more, are called about the same
RATE = 0.002  # for the linear layer alone: about the rate with which the training ended
# What is read with, in the order of the page.
REAL, CODES, SCALED = "real", "−1, 0, 1", "−1, 0, 1, scaled"
REAL_ON, SCALED_ON = "real, trained on", "−1, 0, 1, scaled, trained on"


def measure(lab: Lab) -> Record:
    """Round the kernels of each seed, read the test set, and train the last layer on."""
    runs = first_kernels.trained(lab)
    epochs = lab.pick(3, 1)
    done = lab.each_model(read_rounded, runs, epochs=epochs)
    first = runs[0].model()
    image_shape = first.card.image_shape
    record: Record = {
        "seeds": [run.seed for run in runs],
        "epochs": epochs,
        "variants": {v: [of["variants"][v] for of in done] for v in done[0]["variants"]},
        # "alike" and "alike_other" have a row a seed, a value a kernel.
        **{what: [of[what] for of in done] for what in ("zeros", "same_words", "alike",
                                                        "alike_other")},
        "output": list(first.layers[0].output_shape(image_shape)),  # type: ignore[attr-defined]
    }  # fmt: skip
    return record | one_kernel(first, readings.test_set(lab, runs[0]))


def read_rounded(
    splits: Splits, folder: Path, recipe: Mapping[str, Any], seed: int, training: str, epochs: int
) -> dict[str, Any]:
    """Test accuracy and loss of each variant, and how like the maps of each kernel stay.

    "alike" is the correlation of a kernel's maps with those of its rounding, "alike_other" with
    those of the kernel that is most like it. Nothing is chosen by the test set.
    """
    page = replace(from_plain(recipe), epochs=epochs, schedule=Constant(RATE))
    test = recipes.prepare(page, splits, seed).test
    original = kept_model(folder, training)
    weight, bias = (original.parameters()[f"{CONV}.{name}"] for name in ("weight", "bias"))
    codes, scale = ternary(weight, THRESHOLD)
    scaled = codes * scale[:, None, None, None]
    kernels_of = {REAL: weight, CODES: codes, SCALED: scaled, REAL_ON: weight, SCALED_ON: scaled}
    read = {}
    for variant, given in kernels_of.items():
        net = with_kernels(original, given, bias)
        if variant in (REAL_ON, SCALED_ON):
            # Anew for each, so that both meet the same batches in the same order.
            prepared = recipes.prepare(page, splits, seed)
            for _ in recipes.train(replace(prepared, model=net)):
                pass
        result = evaluation.evaluate(net, test)
        read[variant] = {"accuracy": result.accuracy, "loss": result.loss}
    x = readings.standardised(original, test.images[:PICTURES])
    real, after = (responses(x, w, bias) for w in (weight, scaled))  # (N, F, OH, OW)
    number = range(len(weight))
    words, rounded = (first_kernels.descriptions(w.mean(axis=1)) for w in (weight, codes))
    return {
        "variants": read,
        "zeros": float((codes == 0).mean()),
        "same_words": sum(a["text"] == b["text"] for a, b in zip(words, rounded, strict=True)),
        "alike": [alike(real[:, i], after[:, i]) for i in number],
        "alike_other": [
            max((alike(real[:, i], real[:, j]) for j in number if j != i), default=0.0)
            for i in number
        ],
    }


def one_kernel(model: nn.Layer, test: Dataset) -> Record:
    """The kernel that is most clearly an edge, as it is and rounded, on the first of each digit."""
    weight, bias = (model.parameters()[f"{CONV}.{name}"] for name in ("weight", "bias"))
    described = first_kernels.descriptions(weight.mean(axis=1))
    k = clearest(described)
    codes, scale = ternary(weight, THRESHOLD)
    places = np.concatenate(
        [np.flatnonzero(test.labels == c)[:1] for c in range(len(test.classes))]
    )
    x = readings.standardised(model, test.images[places])
    none = np.zeros(1, np.float32)
    real = responses(x, weight, bias)  # (digits, F, OH, OW)
    rounded = responses(x, codes * scale[:, None, None, None], bias)
    study, by_hand = (k[None, None].astype(np.float32) for k in (STUDY, STUDY_BY_HAND))
    return {
        "kernel": k,
        "described": described[k],
        "rounded_described": first_kernels.descriptions(codes.mean(axis=1))[k],
        "scale": float(scale[k]),
        "weights": weight.size,
        "places": places.tolist(),
        "classes": [test.classes[c] for c in test.labels[places]],
        "alike_shown": alike(real[:, k], rounded[:, k]),
        "study_agrees": int((ternary(study, THRESHOLD)[0][0, 0] == STUDY_BY_HAND).sum()),
        "real": weight.mean(axis=1)[k],
        "codes": codes.mean(axis=1)[k],
        "digits": test.images[places].mean(axis=1) / 255,
        "real_maps": real[:, k],
        "rounded_maps": rounded[:, k],
        "study_maps": responses(x[:, :1], study, none)[:, 0],
        "study_by_hand_maps": responses(x[:, :1], by_hand, none)[:, 0],
    }


def clearest(described: list[dict[str, Any]]) -> int:
    """The kernel that is most clearly an edge; where none is one, the most clearly anything."""
    edges = [i for i, d in enumerate(described) if d["kind"] == "edge"]
    return max(edges or range(len(described)), key=lambda i: described[i]["strength"])


def ternary(weight: NDArray[Any], threshold: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Each kernel of weight (F, C, KH, KW) rounded to −1, 0, 1, and its scale (F).

    A weight is 0 where its magnitude is at most `threshold` times the mean magnitude of its kernel,
    and its sign elsewhere; the scale is the mean magnitude of those that are not 0. With 0.7, for
    weights that are normal or uniform, this is about the nearest that scale times −1, 0, 1 comes to
    them. Li, Zhang and Liu, "Ternary weight networks", 2016.
    """
    size = np.abs(weight)
    kept = size > threshold * size.mean(axis=(1, 2, 3), keepdims=True)
    codes = np.where(kept, np.sign(weight), 0).astype(weight.dtype)
    scale = (size * kept).sum(axis=(1, 2, 3)) / np.maximum(1, kept.sum(axis=(1, 2, 3)))
    return codes, scale.astype(weight.dtype)


class FixedConv(nn.Layer):
    """A convolution with given kernels that stay: x (N, C, H, W) to (N, F, OH, OW)."""

    arrays = kernels.ARRAYS

    def __init__(self, kernel: Array, offset: Array) -> None:
        self.kernel, self.offset = kernel, offset

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y (N, F, OH, OW)."""
        return kernels.conv2d(x, self.kernel, self.offset)

    def backward(
        self, dy: Array, cache: Any, grads: nn.NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx alone: there is nothing to train."""
        return kernels.conv2d_backward(dy, cache, need_dx)[0]


def with_kernels(model: nn.Layer, weight: Array, bias: Array) -> nn.Sequential:
    """one_conv with these kernels, which stay as they are, and its own last layer."""
    given = model.parameters()
    last = given[f"{LINEAR}.weight"]  # (classes, features)
    net = nn.Sequential(
        FixedConv(weight.copy(), bias.copy()), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(last.shape[1], last.shape[0]),
    ).init(np.random.default_rng(0))  # fmt: skip
    for name, value in net.parameters().items():
        value[...] = given[name]
    net.card = model.card
    return net


def responses(x: Array, weight: Array, bias: Array) -> Array:
    """What kernels (F, C, KH, KW) find in pictures (N, C, H, W), after ReLU: (N, F, OH, OW)."""
    y, _ = kernels.conv2d(x, weight, bias)
    active: Array = np.maximum(y, 0)
    return active


def alike(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The correlation of two sets of maps over all their places; 0 where one is constant."""
    x, y = (v.astype(np.float64).ravel() - v.mean(dtype=np.float64) for v in (a, b))
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 else 0.0


def report(record: Record, page: plots.Page) -> None:
    """What one kernel finds when it is rounded, and what all of them cost."""
    accuracy, loss = (
        {variant: [read[what] for read in of] for variant, of in record["variants"].items()}
        for what in ("accuracy", "loss")
    )
    rounded = difference(accuracy[REAL], accuracy[SCALED])
    again = difference(accuracy[REAL_ON], accuracy[SCALED_ON])
    page.conclude(
        f"With every kernel rounded to −1, 0 and 1 the test accuracy goes from "
        f"{say(accuracy[REAL])} to {say(accuracy[CODES])}, with a scale for each kernel to "
        f"{say(accuracy[SCALED])}; after the last layer is trained on it is "
        f"{say(accuracy[SCALED_ON])}, where real kernels have {say(accuracy[REAL_ON])}."
    )
    cost = costs(record)
    page.conclude(
        f"The convolution of one picture needs no multiplication instead of "
        f"{cost['multiplications']:,}, and {cost['additions']:,.0f} additions instead of as many; "
        f"its weights take {cost['bytes_rounded']:,} bytes instead of {cost['bytes']:,}."
    )
    _same(record, page)
    page.claim(
        "In a network of few parameters rounding costs accuracy.",
        rounded.is_less,
        f"all kernels rounded and scaled, against real ones: {rounded.say()}; with the last layer "
        f"trained on in both: {again.say()}",
    )
    page.figure("accuracy", plots.compare(accuracy, xlabel="test accuracy", percent=True))
    page.table(
        ["kernels", "test accuracy", "against real ones", "test loss"],
        [
            [variant, say(of), "" if variant == REAL else difference(accuracy[REAL], of).say(),
             say(loss[variant], 4, percent=False)]
            for variant, of in accuracy.items()
        ],
        f"Over {counted(len(record['seeds']), 'seed')}. Rounding makes {say(record['zeros'], 0)} "
        f"of the weights 0; of {record['output'][0]} kernels {say(record['same_words'], 1, False)} "
        "are still described by the same words.",
    )  # fmt: skip
    _kernel(record, page)


def _same(record: Record, page: plots.Page) -> None:
    """Over all kernels of all seeds: whether most are about the same when they are rounded."""
    pairs = [
        list(zip(own, other, strict=True))
        for own, other in zip(record["alike"], record["alike_other"], strict=True)
    ]
    share = [mean([own >= ABOUT for own, _ in of]) for of in pairs]
    all_pairs = [pair for of in pairs for pair in of]
    nearer = sum(own > other for own, other in all_pairs)
    page.claim(
        "A rounded kernel does about what the real one does: the maps of most are correlated by "
        f"{ABOUT:g} or more.",
        difference([0.5] * len(share), share).is_more,
        f"of each network's kernels {say(share, 0)} are, over {counted(len(share), 'seed')}; on "
        f"average the correlation is {mean([own for own, _ in all_pairs]):.2f}, the least "
        f"{min(own for own, _ in all_pairs):.2f}; {nearer} of {counted(len(all_pairs), 'kernel')} "
        "are more like their rounding than like any other kernel of their network",
    )


def costs(record: Record) -> dict[str, float]:
    """Operations of the convolution of one picture, and bytes of its weights, before and after."""
    _, high, wide = record["output"]
    weights = record["weights"]
    return {
        "multiplications": high * wide * weights,
        "additions": high * wide * weights * (1 - mean(record["zeros"])),
        "bytes": 4 * weights,
        "bytes_rounded": weights * 2 // 8,  # two bits hold −1, 0 and 1
    }


def _kernel(record: Record, page: plots.Page) -> None:
    name = f"kernel {record['kernel']}"
    words, rounded = record["described"], record["rounded_described"]
    why = (
        "most clearly an edge" if words["kind"] == "edge" else "the clearest, where none is an edge"
    )
    page.heading("One kernel")
    page.say(
        f"Of seed {record['seeds'][0]} {name} is shown, as it is {why}: "
        f"{words['text']}, which explains {words['strength']:.0%} of it. Rounded it is: "
        f"{rounded['text']} ({rounded['strength']:.0%}). The study rounded its fourth kernel by "
        f"hand, without a rule; the rule gives {record['study_agrees']} of {STUDY.size} of its "
        "values."
    )
    both = {f"{name}, real values": record["real"], "rounded": record["codes"]}
    page.figure(
        "kernel",
        plots.matrix_row(both, operators="→"),
        caption=f"Its scale is {record['scale']:.3f}.",
    )
    rows = {
        "picture": record["digits"], "real kernel": record["real_maps"],
        "rounded": record["rounded_maps"], "the study's kernel": record["study_maps"],
        "the study's, by hand": record["study_by_hand_maps"],
    }  # fmt: skip
    shown, names = [list(maps) for maps in rows.values()], list(rows)
    page.figure(
        "digits",
        plots.picture_grid(shown, row_names=names, column_names=record["classes"]),
        caption="After ReLU; dark is large, each row with a scale of its own. The biases of the "
        "study's kernels are not known and are left out.",
        wide=True,
    )


EXPERIMENT = Experiment(
    "binarised",
    "What do kernels of nothing but −1, 0 and 1 find, and how well does a network read "
    "with them?",
    measure, report, __doc__, study=f"{studies.ONE_CONV}, figure 14.8.6",
)  # fmt: skip
