"""In what order should layers stand? The usual advice on batch norm and dropout, tried.

FC is the hidden linear layer of 120, BN batch norm, drop a dropout of a quarter; plain has neither.
“BN before ReLU” and “BN after ReLU” have batch norm at every layer, what begins with FC has changes
at the hidden linear layer only. Adam at 0.001 for all (batch norm would allow a higher rate).
Verdicts are by test accuracy where nothing else is said; whether batch norm and dropout narrow the
gap between training and test is measured by regularisation. “FC-ReLU-drop” and “FC-drop-ReLU” are
the same function, as ReLU lets a factor above 0 through: only the dropped numbers are drawn
differently, so the two show how far chance alone goes.

Every comparison has its own 95 % interval: of twenty between equal orders one would seem real.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from byhand.experiments.lab import Experiment, Lab, Record, studies, variants
from byhand.experiments.lab.statistics import Difference, say
from byhand.optim import Adam, Constant
from byhand.plots import Page
from byhand.recipes import Network

# The same share wherever dropout stands, so that only its place differs.
_DROP = "dropout 0.25"
_CONV = "conv 8 5, relu, maxpool 2, conv 16 5, relu, maxpool 2"
_FC = "linear 120"
PLAIN, NORM = "plain", "BN before ReLU"
NORM_AFTER, NORM_FIRST = "BN after ReLU", "BN first of all"
DROP, DROP_EARLY, DROP_CONV = "FC-ReLU-drop", "FC-drop-ReLU", "drop in convolutions"
FC_NORM = "FC-BN-ReLU"
BOTH = "FC-BN-ReLU-drop"  # the study's order
OTHERS = ("FC-drop-BN-ReLU", "FC-ReLU-BN-drop", "FC-ReLU-drop-BN")
LAYERS = {
    PLAIN: f"{_CONV}, {_FC}, relu",
    NORM: "conv 8 5, batchnorm, relu, maxpool 2, conv 16 5, batchnorm, relu, maxpool 2, "
          f"{_FC}, batchnorm, relu",
    NORM_AFTER: "conv 8 5, relu, batchnorm, maxpool 2, conv 16 5, relu, batchnorm, maxpool 2, "
                f"{_FC}, relu, batchnorm",
    NORM_FIRST: f"batchnorm, {_CONV}, {_FC}, relu",
    DROP: f"{_CONV}, {_FC}, relu, {_DROP}",
    DROP_EARLY: f"{_CONV}, {_FC}, {_DROP}, relu",
    DROP_CONV: f"conv 8 5, relu, {_DROP}, maxpool 2, conv 16 5, relu, {_DROP}, maxpool 2, "
               f"{_FC}, relu",
    FC_NORM: f"{_CONV}, {_FC}, batchnorm, relu",
    BOTH: f"{_CONV}, {_FC}, batchnorm, relu, {_DROP}",
    OTHERS[0]: f"{_CONV}, {_FC}, {_DROP}, batchnorm, relu",
    OTHERS[1]: f"{_CONV}, {_FC}, relu, batchnorm, {_DROP}",
    OTHERS[2]: f"{_CONV}, {_FC}, relu, {_DROP}, batchnorm",
}  # fmt: skip


def measure(lab: Lab) -> Record:
    """Train each order with each seed."""
    recipes = {
        variant: lab.recipe(
            "one_conv", model=Network("stack", {"layers": line}), train_limit=10_000,
            optimiser=Adam(), schedule=Constant(1e-3), batch_size=64, epochs=10,
        )
        for variant, line in LAYERS.items()
    }  # fmt: skip
    return variants.train(lab, recipes, seeds=8)[1]


def report(record: Record, page: Page) -> None:
    """Each piece of advice with what the seeds say of it."""
    variants.conclude(record, page)
    _claims(record, page)
    verdicts = {True: "bear out", False: "contradict", None: "do not settle"}
    counts = [
        f"{words} {sum(c.holds is holds for c in page.claims)}" for holds, words in verdicts.items()
    ]
    page.conclude(f"Of {len(page.claims)} pieces of advice the seeds {variants.listed(counts)}.")
    page.heading("At the end")
    variants.compared(record, page)
    variants.table(record, page, "order", {"parameters": record["parameters"]})
    page.listing("\n".join(f"{name:25s} {line}" for name, line in LAYERS.items()))
    page.heading("With and without batch norm, by epoch")
    three = (PLAIN, NORM, NORM_AFTER)
    variants.curves(record, page, "train_loss", variants=three, log_y=True)
    variants.curves(record, page, "validation_accuracy", variants=three)


def unless_worse(alone: Sequence[Difference]) -> bool | None:
    """Whether two things should not be had together, given how much more each alone has.

    True where one of them alone is more than both together, False where both together are more
    than each alone, None where it cannot be told.
    """
    signs = [more.sign for more in alone]
    return True if 1 in signs else False if all(sign < 0 for sign in signs) else None


def _claims(record: Record, page: Page) -> None:
    accuracy = record["test_accuracy"]

    def claim(text: str, less: str, more: str) -> None:
        gain = variants.pair(record, less, more)
        page.claim(text, gain.is_more, _less(more, less, accuracy, gain))

    claim("A network begins with a convolution; nothing (here: batch norm) may change the picture "
          "before it.",
          NORM_FIRST, PLAIN)  # fmt: skip
    variants.norm_speeds(record, page, PLAIN, NORM)
    claim("With batch norm a network reads better.", PLAIN, NORM)
    claim("Batch norm stands before ReLU, not after it.", NORM_AFTER, NORM)
    claim("With dropout at the linear layer a network reads better.", PLAIN, DROP)
    instead = {other: variants.pair(record, other, DROP_CONV) for other in (DROP, PLAIN)}
    page.claim(
        "Dropout does not belong among the convolutions: it reads worse there than at the linear "
        "layer, and worse than none.",
        variants.all_of(more.is_less for more in instead.values()),
        "; ".join(_less(DROP_CONV, other, accuracy, more) for other, more in instead.items()),
    )
    alone = {one: variants.pair(record, BOTH, one) for one in (FC_NORM, DROP)}
    page.claim(
        "Batch norm and dropout are not used together.",
        unless_worse(list(alone.values())),
        "; ".join(_less(one, BOTH, accuracy, more) for one, more in alone.items()),
    )
    more_than = {other: variants.pair(record, other, BOTH) for other in OTHERS}
    page.claim(
        f"Where they are, the order is {BOTH}.",
        variants.all_of(more.is_more for more in more_than.values()),
        "; ".join(_less(BOTH, other, accuracy, more) for other, more in more_than.items()),
    )


def _less(more: str, less: str, accuracy: Mapping[str, Sequence[float]], gain: Difference) -> str:
    """The difference of the two in words."""
    return f"“{more}” less “{less}”: {gain.say()}; {say(accuracy[more])} and {say(accuracy[less])}"


EXPERIMENT = Experiment(
    "layer_order", "In what order should the layers of a network stand?",
    measure, report, __doc__, study=f"{studies.ONE_CONV}, the rules of its first part",
)  # fmt: skip
