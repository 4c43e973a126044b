"""Pages that need nothing beside them: templates filled, pictures and style inline."""

from __future__ import annotations

import base64
from importlib.resources import files
from typing import Any

from byhand.plots.words import duration, say_percent


def render(template: str, context: dict[str, Any]) -> str:
    """The template of this folder, filled; `page.css` is its {{ style }}."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = say_percent
    environment.filters["thousands"] = lambda n: f"{n:,}"
    environment.filters["duration"] = duration
    environment.globals["style"] = Markup(_read("page.css"))  # ours, and no user's text
    return environment.from_string(_read(template)).render(context)


def png_uri(content: bytes) -> str:
    """A PNG file as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def _read(name: str) -> str:
    return files("byhand.plots").joinpath(name).read_text(encoding="utf-8")
