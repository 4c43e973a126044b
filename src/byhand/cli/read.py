"""`byhand read`: the digits in any picture, and how sure the reader is of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from byhand.cli.options import Data, Json, Range, argument, option, path_option
from byhand.cli.output import note, print_json
from byhand.errors import ByhandError, InputError

if TYPE_CHECKING:
    from byhand.data import PixelRange
    from byhand.reader.page import Page
    from byhand.reader.picture import Picture
    from byhand.reader.steps import Steps
    from byhand.reader.table import Reading

STDIN = "-"


def read(
    images: Annotated[
        list[str] | None,
        argument(
            "Pictures or PDFs; - is standard input. With --random: how many (default: 1).",
            metavar="IMAGE...",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        path_option(
            "A reader's model file (default: the one in the package). With --random: a model "
            "file or a run's folder (default: the latest run's)."
        ),
    ] = None,
    grid: Annotated[
        str | None,
        option(
            "Read a ruled grid of R rows and C columns cell by cell; auto: of any size; none: "
            "line by line (default: a grid only where there plainly is one).",
            metavar="RxC|auto|none",
        ),
    ] = None,
    digits: Annotated[int | None, option("So many digits are expected in a line.", min=1)] = None,
    threshold: Annotated[
        float | None,
        option(
            "Reject digits of less confidence than this (default: the model's; 0: none).",
            min=0,
            max=1,
        ),
    ] = None,
    range: Range = None,
    annotate: Annotated[
        Path | None,
        path_option(
            "Draw boxes, digits and confidence onto the picture; for several pictures "
            "OUT-1.png, OUT-2.png and so on, by row.",
            metavar="OUT.png",
        ),
    ] = None,
    steps: Annotated[
        Path | None,
        path_option(
            "Write the picture of each step; for several pictures into DIR/1, DIR/2 and so "
            "on, by row.",
            metavar="DIR",
        ),
    ] = None,
    csv: Annotated[
        bool, typer.Option("--csv", help="Print a table for spreadsheets: cells, or a row a line.")
    ] = False,
    choices: Annotated[
        int | None,
        option("Tell the K most probable readings of each digit.", min=1, max=10, metavar="K"),
    ] = None,
    random: Annotated[
        bool, typer.Option("--random", help="Read random pictures of the test set instead.")
    ] = False,
    data: Data = None,
    seed: Annotated[int | None, option("With --random: draw the same again.", min=0)] = None,
    out: Annotated[
        Path | None, path_option("With --random: write the pictures to this PNG.")
    ] = None,
    json: Json = False,
) -> None:
    """Read the digits in pictures: a drawing, a photograph of a page, a form, a sudoku grid.

    One picture gives its text, several give a row each: name, tab, text (or tab, the error).
    """
    if random:
        from byhand.cli.random_pictures import read_random

        _none_of("--random", {"--grid": grid, "--digits": digits, "--threshold": threshold,
                              "--range": range,
                              "--annotate": annotate, "--steps": steps, "--csv": csv or None,
                              "--choices": choices})  # fmt: skip
        read_random(images or [], model, data, seed, out, json)
        return
    if not images:
        raise InputError("name one or more pictures to read, or - for standard input; or --random")
    alone = {"--data": data, "--seed": seed, "--out": out}
    for name, value in alone.items():
        if value is not None:
            raise InputError(f"{name} goes with --random only; leave it out to read {images[0]}")
    if json and csv:
        raise InputError("--json and --csv both say what to print; give one of them")
    if csv and choices:
        raise InputError("--choices does not go with --csv; take --json instead of it")
    if choices and len(images) > 1 and not json:
        raise InputError("--choices for several pictures goes with --json; add it")
    if images.count(STDIN) > 1:
        raise InputError("standard input (-) can be read once; name it once")
    from byhand.data import range_asked

    asked = _Asked(images, _grid(grid), digits, threshold, range_asked(range), annotate, steps)
    if annotate is not None:
        asked.see_that_it_can_be_drawn(annotate)
    _print(asked, asked.read(load_reader(model)), json, csv, choices or 0)


def load_reader(model: Path | None) -> Any:
    """The reader with this model, or the one in the package."""
    from byhand import kernels
    from byhand.reader.reader import Reader
    from byhand.recipes.engine.run import MODEL

    kernels.set_threads()
    return Reader.load(model / MODEL if model is not None and model.is_dir() else model)


@dataclass(frozen=True)
class _Asked:
    """What to read, how, and what to draw of it."""

    sources: Sequence[str]
    grid: tuple[int, int] | bool | None
    digits: int | None
    threshold: float | None
    range: PixelRange | None
    annotate: Path | None
    steps: Path | None
    # The reasons why pictures could not be read, as they were raised.
    failures: list[Exception] = field(default_factory=list)

    def read(self, reader: Any) -> Iterator[Reading]:
        """Every page of every file, one after the other; a bad one does not stop the rest."""
        from byhand.reader.table import Reading

        row = 0
        for source in self.sources:
            for number, picture in _pages(source, self.range):
                row += 1
                if isinstance(picture, Exception):
                    reading = Reading(source, number, None, self._fail(picture))
                else:
                    reading = self._read(reader, source, number, picture, row)
                yield reading

    def several(self, reading: Reading) -> bool:
        """Whether this reading is one of several."""
        return self._is_one_of_several(reading.number)

    def _is_one_of_several(self, number: int | None) -> bool:
        return len(self.sources) > 1 or number is not None

    def see_that_it_can_be_drawn(self, path: Path) -> None:
        """Refuse a name that is no picture's, or one of the pictures that are read."""
        from byhand.reader.annotate import kind_of

        kind_of(path)
        given = [os.path.realpath(source) for source in self.sources if source != STDIN]
        if os.path.realpath(path) in given:
            raise InputError(f"--annotate would write over {path}, which is read; name another")

    def _read(
        self, reader: Any, source: str, number: int | None, picture: Picture, row: int
    ) -> Reading:
        from byhand.reader.steps import Steps
        from byhand.reader.table import Reading

        steps = None if self.steps is None else Steps()
        extra = {} if steps is None else {"steps": steps}
        try:
            page = reader.read(
                picture, grid=self.grid, threshold=self.threshold, digits=self.digits, **extra
            )
        except Exception as error:
            return Reading(source, number, None, self._fail(error))
        try:
            self._draw(page, picture, steps, row, self._is_one_of_several(number))
        except Exception as error:  # what was read is told all the same
            return Reading(source, number, page, self._fail(error))
        return Reading(source, number, page)

    def _draw(
        self, page: Page, picture: Picture, steps: Steps | None, row: int, several: bool
    ) -> None:
        from byhand.reader.annotate import annotate, save_picture

        if self.annotate is None and steps is None:
            return
        drawn = annotate(picture.pixels, page, page.cells)
        if self.annotate is not None:
            path = self.annotate
            if several:
                path = path.with_stem(f"{path.stem}-{row}")
                self.see_that_it_can_be_drawn(path)
            note(f"drawn: {save_picture(drawn, path)}")
        if steps is not None and self.steps is not None:
            import numpy as np

            steps.add("reading", np.asarray(drawn))
            folder = self.steps / str(row) if several else self.steps
            written = steps.write(folder)
            note(f"steps: {len(written)} pictures in {folder}")

    def _fail(self, error: Exception) -> str:
        self.failures.append(error)
        if isinstance(error, ByhandError):
            return str(error)
        if os.environ.get("BYHAND_DEBUG"):
            raise error
        return f"unexpected {type(error).__name__}: {error}; --debug shows the details"


def _print(asked: _Asked, readings: Iterator[Reading], json: bool, csv: bool, choices: int) -> None:
    """Print each reading as soon as it is there (JSON and CSV at the end), then say what failed."""
    from byhand.reader.table import as_csv, as_row

    done: list[Reading] = []
    for reading in readings:
        done.append(reading)
        several = asked.several(reading)
        if json:
            continue
        remarks = _remarks(reading)
        if several and reading.page is not None and reading.error is not None:
            remarks.append(reading.error)
        for remark in remarks:
            note(f"{reading.name}: {remark}" if several else remark)
        if csv:
            continue
        if several:
            print(as_row(reading), flush=True)
        elif reading.page is not None:
            _print_alone(reading, choices)
    one = len(done) == 1 and not asked.several(done[0])
    if json:
        print_json({"images": [reading.as_dict(choices) for reading in done]})
    elif csv and not (one and asked.failures):
        print(as_csv(done), end="")
    if choices and not json and not one:
        note("--choices for several pages goes with --json; add it to see them")
    if asked.failures:
        if one:
            raise asked.failures[0]
        raise ByhandError(
            f"{len(asked.failures)} of {len(done)} pictures could not be read or drawn; "
            f"the reason stands with each of them"
        )


def _remarks(reading: Reading) -> list[str]:
    """What a user should know of a reading besides its text."""
    if reading.page is None:
        return []
    digits = [digit for line in reading.page.lines for digit in line.digits]
    rejected = sum(digit.value is None for digit in digits)
    remarks = list(reading.page.notes)
    if not digits:
        remarks.append("no digits were found")
    if rejected:
        remarks.append(
            f"{rejected} of {len(digits)} digits left out, as the reader is not sure of them "
            "(--annotate shows which)"
        )
    return remarks


def _print_alone(reading: Reading, choices: int) -> None:
    from byhand.reader.table import as_text

    assert reading.page is not None
    text = as_text(reading.page)
    if text:
        print(text)
    if not choices:
        return
    for i, line in enumerate(reading.page.lines, 1):
        for j, digit in enumerate(line.digits, 1):
            told = ", ".join(f"{value} {share:.1%}" for value, share in digit.choices(choices))
            print(f"line {i} digit {j}: {told}{'' if digit.value else ' (rejected)'}")


def _pages(
    source: str, range: PixelRange | None
) -> Iterator[tuple[int | None, Picture | Exception]]:
    """Each page of a file with its number (None for the only one), or why it cannot be had."""
    from byhand.reader.picture import open_pages

    number, waiting = 0, None
    pages: Iterator[Any] = iter(())
    try:
        pages = iter(open_pages(source, range=range))
    except Exception as error:
        waiting, number = error, 1
    while True:
        try:
            following = next(pages, None)
        except Exception as error:
            following, pages = error, iter(())
        if waiting is not None:
            yield (None if number == 1 and following is None else number), waiting
        if following is None:
            return
        number, waiting = number + 1, following


def _grid(given: str | None) -> tuple[int, int] | bool | None:
    from byhand.reader.reader import grid_asked

    try:
        return None if given is None else grid_asked(given)
    except InputError as error:
        raise InputError(f"--grid {error}") from None


def _none_of(what: str, given: dict[str, Any]) -> None:
    for name, value in given.items():
        if value is not None:
            raise InputError(f"{name} does not go with {what}; leave one of them out")
