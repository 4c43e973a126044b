"""The report on one model: its layers, its kernels and their words, and one picture's way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from byhand.evaluation import Inspection, Look
from byhand.plots.gallery import percent
from byhand.plots.grids import picture_grid, picture_grid_size
from byhand.plots.layers import feature_maps, feature_maps_size, filters, filters_size, norm_bars
from byhand.plots.page import PICTURES, Heading, Page, write_pages
from byhand.plots.style import new_axes, new_figure

REPORT = "report.html"
_COLUMNS = 8  # kernels that the rows show
_DRAWN = 64  # filters at the most


def write_inspection(
    inspection: Inspection,
    folder: str | Path,
    name: str,
    command: str = "",
    facts: Sequence[tuple[str, str]] = (),
) -> tuple[Path, list[Path]]:
    """Draw what was found and write report.html, which needs nothing beside it.

    Args:
        inspection: what `evaluation.inspect` found.
        folder: gets report.html, and pictures/ with PNG and SVG.
        name: of the model.
        command: what does it again.
        facts: (name, value) pairs that are worth knowing.

    Returns:
        The path of the report, and those of the pictures (PNG).

    Raises:
        FileWriteError: a file cannot be written.
    """
    folder = Path(folder)
    page = Page(folder)
    drawn: list[str] = []
    _layers(inspection, page)
    if inspection.filters is not None:
        drawn += _filters(inspection, page)
    if inspection.seen is not None:
        drawn += _picture(inspection, inspection.seen, page)
    if inspection.passes:
        drawn += _passes(inspection, page)
    page.heading("Norms")
    bars = norm_bars(inspection.norms, _axes_of_bars(inspection.norms))
    page.figure("norms", bars, f"Norm of each parameter: {_sizes(inspection.norms)}.")
    drawn.append("norms")
    heading = Heading(
        name=name, question="What it is made of, and what it sees.", study="", warning="",
        command=command, facts=list(facts),
    )  # fmt: skip
    report = write_pages(folder / REPORT, [(heading, page)])
    return report, [folder / PICTURES / f"{one}.png" for one in drawn]


def _layers(inspection: Inspection, page: Page) -> None:
    table = inspection.table
    page.table(
        ["layer", "kind", "output", "parameters", "operations", "fused"],
        [
            ["", "picture", "×".join(map(str, table.input_shape)), None, None, ""],
            *([r.name, r.layer, "×".join(map(str, r.output_shape)), r.parameters, r.operations,
               r.fused] for r in table.rows),
            ["", "total", "", table.parameters, table.operations, ""],
        ],
        "Operations are those of one picture's way forward; a multiply-add is two. Neighbours that "
        "name one kernel are done by it at once in the compiled core.",
    )  # fmt: skip
    page.heading("Remarks")
    for remark in inspection.remarks or ("The order of the layers is the usual one.",):
        page.say(remark)


def _filters(inspection: Inspection, page: Page) -> list[str]:
    assert inspection.filters is not None
    words = [kernel.text for kernel in inspection.kernels]
    shown, all_ = inspection.filters[:_DRAWN], len(inspection.filters)
    short = [_lines(text) for text in words[:_DRAWN]]
    some = f"The first {len(shown)} of {all_}" if len(shown) < all_ else f"The {all_}"
    page.heading("Kernels" if words else "Filters")
    figure = new_figure(*filters_size(len(shown), named=bool(words)))
    page.figure(
        "filters",
        filters(shown, figure, smooth=bool(words), names=short or None),
        f"{some} filters of layer {inspection.filters_name}"
        + (
            ": " + "; ".join(f"{i} {text}" for i, text in enumerate(words[:_DRAWN]))
            if words
            else ""
        )
        + ".",
        f"{some} filters of layer {inspection.filters_name}: red above 0, blue below"
        + ("; smoothed for the eye." if words else "."),
        wide=True,
    )
    if words:
        page.table(
            ["kernel", "what it responds to", "explained"],
            [
                [str(i), k.text if k.kind != "mixed" or not k.nearest
                 else f"mixed (most like: {k.nearest})", f"{k.strength:.0%}"]
                for i, k in enumerate(inspection.kernels)
            ],
            "The share of the kernel's energy that its word explains; at most half is mixed.",
        )  # fmt: skip
        page.note(
            "The words are computed from the weights, of the mean over the channels: a right edge "
            "has ink at the left and paper at the right; a gap is paper between ink; a shift moves "
            "the picture; negative is what wants paper where the other wants ink."
        )
    return ["filters"]


def _picture(inspection: Inspection, seen: Look, page: Page) -> list[str]:
    drawn = []
    best = int(seen.probabilities.argmax())
    page.heading("One picture")
    label = "" if inspection.label is None else f"It is a {seen.classes[inspection.label]}. "
    page.say(
        f"{label}The model reads {seen.classes[best]} ({percent(float(seen.probabilities[best]))})."
    )
    rows = {row: list(maps[:_COLUMNS]) for row, maps in seen.first_rows().items()}
    if rows:
        shown, names = list(rows.values()), list(rows)
        texts = [
            f"{i}\n{_lines(k.text)}" for i, k in enumerate(inspection.kernels[: len(shown[0])])
        ]
        above = texts if len(texts) == len(shown[0]) else [str(i) for i in range(len(shown[0]))]
        figure = new_figure(*picture_grid_size(shown, names, above))
        page.figure(
            "rows",
            picture_grid(shown, figure, row_names=names, column_names=above, smooth=[0]),
            f"A column for each of the first {len(above)} kernels; from above: {', '.join(names)}.",
            "Kernels are smoothed for the eye. Red is above 0, blue below; each row has a scale "
            "of its own.",
            wide=True,
        )
        drawn.append("rows")
    page.figure(
        "feature_maps",
        feature_maps(seen, new_figure(*feature_maps_size(seen))),
        "One picture and what each layer makes of it, a row a layer: "
        + ", ".join(f"{layer.name} {layer.kind}" for layer in seen.layers) + ".",
        "The whole way, a row a layer, the first channels of each.", wide=True,
    )  # fmt: skip
    return [*drawn, "feature_maps"]


def _passes(inspection: Inspection, page: Page) -> list[str]:
    page.heading("The way back")
    names = _numbered([f"{p.name} {p.kind}".strip() for p in inspection.passes])
    arrives = dict(zip(names, (p.arrives for p in inspection.passes), strict=True))
    ax = _axes_of_bars(arrives)
    page.figure(
        "gradients",
        norm_bars(arrives, ax, "norm of the gradient", "Gradient that arrives at each layer"),
        f"Norm of the loss's gradient by each layer's output: {_sizes(arrives)}.",
        f"Of this one picture, whose loss is {inspection.loss:.3g}; from the top the way forward, "
        "so that backward begins at the bottom. They are small where it is read well and surely.",
    )
    page.table(
        ["layer", "keeps for backward", "bytes", "gradient arrives", "gradient of parameters"],
        [
            [name,
             ", ".join(_kept(k.what, k.shape) for k in p.kept if k.bytes) or "nothing",
             sum(k.bytes for k in p.kept), f"{p.arrives:.3g}",
             _sizes(p.gradients)]
            for name, p in zip(names, inspection.passes, strict=True)
        ],
        "Norms of gradients, and what stays in memory from forward to backward for one picture.",
    )  # fmt: skip
    return ["gradients"]


def _numbered(names: Sequence[str]) -> list[str]:
    """The names, each another: a layer that is used twice is told apart by a number."""
    met = Counter[str]()
    numbered = []
    for name in names:
        met[name] += 1
        numbered.append(name if met[name] == 1 else f"{name} ({met[name]})")
    return numbered


def _lines(text: str) -> str:
    return text.replace(", ", ",\n")  # the two directions of a shift


def _kept(what: str, shape: Sequence[int]) -> str:
    return f"{what} {'×'.join(map(str, shape))}"


def _sizes(norms: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in norms.items())


def _axes_of_bars(norms: Mapping[str, float]) -> Axes:
    return new_axes(7.2, min(12.0, max(2.6, 0.3 * len(norms) + 1.3)))
