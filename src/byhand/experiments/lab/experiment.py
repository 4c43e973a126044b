"""What an experiment is: a question, how it is measured, and how its record is told."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from byhand.errors import InputError

if TYPE_CHECKING:
    from byhand.experiments.lab import Lab
    from byhand.plots import Page

Record = dict[str, Any]


@dataclass(frozen=True)
class Experiment:
    """A page of `byhand/experiments`, or a user's own.

    Args:
        name: as `byhand experiment NAME` takes it.
        question: what it asks, one sentence.
        measure: given a lab, computes the record: plain values (numbers, texts, lists, dicts with
            texts for keys) and NumPy arrays (each a value of its own, not inside a list or dict).
        report: given the record, as it comes back from the disk, writes the page. It draws and
            says, and computes nothing that takes time.
        about: how it is measured and what to keep in mind, the page's docstring: its paragraphs
            after the first end the report, indented ones as listings, others with {fields} of the
            record filled in.
        study: whose table or figure it redoes, for the page; "" where it is byhand's own.
        settings: what `--set` may change, with its default.
    """

    name: str
    question: str
    measure: Callable[[Lab], Record]
    report: Callable[[Record, Page], None]
    about: str | None = ""
    study: str = ""
    settings: Mapping[str, bool | int | float | str] = field(default_factory=dict)

    def tell(self, record: Record, page: Page) -> None:
        """Write the page: the report, and then how it was measured.

        Raises:
            InputError: the docstring has a field that the record has not.
        """
        self.report(record, page)
        for paragraph in inspect.cleandoc(self.about or "").split("\n\n")[1:]:
            if paragraph.startswith("    "):
                page.listing(textwrap.dedent(paragraph))
                continue
            try:
                page.say(" ".join(paragraph.split()).format_map(record))
            except (KeyError, ValueError) as error:
                raise InputError(
                    f"the docstring of {self.name} has {{}} that no value of the record fits "
                    f"({error}); name a value of the record, or double the braces"
                ) from error


def names() -> tuple[str, ...]:
    """The experiments there are: the pages of the folder above, each of which defines one."""
    folder = Path(__file__).parent.parent
    pages = [*folder.glob("*.py"), *(page.parent for page in folder.glob("*/__init__.py"))]
    return tuple(sorted({page.stem for page in pages} - {"__init__", "lab"}))


def get(name: str | Path) -> Experiment:
    """The experiment `name`, or the one that the Python file `name` defines.

    Raises:
        InputError: there is none; says what there is.
    """
    if str(name) in names():
        page = importlib.import_module(f"byhand.experiments.{name}")
    elif str(name).endswith(".py"):
        page = load_file(name)
    else:
        raise InputError(
            f"there is no experiment {str(name)!r}; there are: {', '.join(names())}, "
            "and any Python file that defines EXPERIMENT"
        )
    experiment = getattr(page, "EXPERIMENT", None)
    if not isinstance(experiment, Experiment):
        raise InputError(f"{name} defines no EXPERIMENT = experiments.Experiment(...)")
    return experiment


def load_file(path: str | Path) -> Any:
    """The Python file at `path` as a module, the same one each time.

    Raises:
        InputError: there is no such file.
    """
    path = Path(path).resolve()
    name = f"byhand_experiment_{path.stem}"
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise InputError(f"there is no file {path}; name a Python file that defines EXPERIMENT")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
