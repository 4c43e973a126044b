"""The page of an experiment, block after block, and one page of several.

page = Page(folder)
page.conclude("More kernels read better, up to about twenty.")
page.say("Each point is the mean of five seeds.")
page.table(("kernels", "accuracy"), rows)
page.figure("accuracy", ax)
write_pages("report.html", [Heading("channels", ...)], [page])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from byhand.files import write_text
from byhand.plots import alternative, style
from byhand.plots.html import png_uri, render

PICTURES = "pictures"
_NUMERIC = set("0123456789+-−±.,%×e \u00a0–")  # what a cell of a number is made of


@dataclass(frozen=True)
class Block:
    """A part of a page: its kind names the piece of the template, `values` fill it."""

    kind: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Claim:
    """A statement, whether it holds (None: the figures do not tell), and why."""

    statement: str
    holds: bool | None
    evidence: str

    @property
    def verdict(self) -> str:
        """In a few words."""
        return {True: "holds", False: "does not hold", None: "cannot be told"}[self.holds]


@dataclass
class Page:
    """What an experiment has to tell; pictures are drawn into `folder`/pictures as PNG and SVG."""

    folder: Path
    conclusions: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)

    def conclude(self, text: str) -> None:
        """A sentence or two of what came out; they stand at the top, in the order given."""
        self.conclusions.append(text)

    def claim(self, statement: str, holds: bool | None, evidence: str) -> None:
        """A claim of the study that is redone, whether ours bears it out, and the figures."""
        self.claims.append(Claim(statement, holds, evidence))

    def heading(self, text: str) -> None:
        """Begin a part of the page."""
        self.blocks.append(Block("heading", {"text": text}))

    def say(self, text: str) -> None:
        """A paragraph."""
        self.blocks.append(Block("say", {"text": text}))

    def note(self, text: str) -> None:
        """A paragraph in small print."""
        self.blocks.append(Block("note", {"text": text}))

    def listing(self, text: str) -> None:
        """Text as it is, in a typewriter's letters."""
        self.blocks.append(Block("listing", {"text": text}))

    def table(
        self, header: Sequence[str], rows: Sequence[Sequence[object]], caption: str = ""
    ) -> None:
        """A table; columns whose cells are all numbers are set to the right."""
        cells = [[_cell(value) for value in row] for row in rows]
        numeric = [
            all(set(row[i]) <= _NUMERIC for row in cells) if cells else False
            for i in range(len(header))
        ]
        self.blocks.append(
            Block(
                "table",
                {"header": list(header), "rows": cells, "numeric": numeric, "caption": caption},
            )
        )

    def figure(
        self, name: str, drawn: Any, alt: str = "", caption: str = "", wide: bool = False
    ) -> None:
        """A picture.

        Args:
            name: of its files.
            drawn: a figure, or an axis of one.
            alt: what it shows, for who cannot see it; what its drawing noted if not given.
            caption: stands under it.
            wide: whether it is too fine to be shrunk to a phone's width.
        """
        figure = drawn if hasattr(drawn, "savefig") else drawn.figure
        path = style.save(figure, self.folder / PICTURES / f"{name}.png")
        style.save(figure, path.with_suffix(".svg"))
        width, height = figure.get_size_inches()
        self.blocks.append(
            Block(
                "figure",
                {
                    "alt": alt or alternative.text_of(figure) or caption or name,
                    "caption": caption,
                    "wide": wide,
                    "uri": png_uri(path.read_bytes()),
                    "width": round(96 * width),
                    "height": round(96 * height),
                },
            )
        )


@dataclass(frozen=True)
class Heading:
    """What stands around a page.

    Args:
        name: of the experiment.
        question: what it asks.
        study: whose table or figure it redoes, or "".
        warning: why the figures are not to be believed (a quick run), or "".
        command: what redoes it.
        facts: (name, value) pairs: data, machine, versions.
    """

    name: str
    question: str
    study: str
    warning: str
    command: str
    facts: Sequence[tuple[str, str]]


def write_pages(
    path: str | Path, parts: Sequence[tuple[Heading, Page]], title: str = "Experiments"
) -> Path:
    """Write one HTML file of one page or several, which needs nothing beside it.

    Raises:
        FileWriteError: it cannot be written.
    """
    path = Path(path)
    context = {"parts": [{"heading": h, "page": p} for h, p in parts], "title": title}
    write_text(path, render("experiment.html.j2", context))
    return path


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:g}".replace("-", "−")
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}".replace("-", "−")
    return str(value)
