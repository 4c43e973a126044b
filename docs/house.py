"""Draw docs/pictures/house.svg, the rooms of src/byhand and who imports whom, from the imports.

    python docs/house.py

A room stands below all that it imports. Of the imports only those are drawn that no other way
leads along. tests/test_architecture.py holds the picture to the code.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from html import escape
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "byhand"
PICTURE = ROOT / "docs" / "pictures" / "house.svg"
# Every room uses them; drawn, they would hide the rest.
SMALL = {"errors", "checks", "files", "timing"}
WIDE, HIGH, ACROSS, DOWN, EDGE = 310, 76, 26, 44, 16  # in pixels
LANE = 4  # the width of a place between rooms where lines pass


def rooms() -> dict[str, Path]:
    """The page that says what each room is for, by the room's name."""
    found = {path.parent.name: path for path in SOURCE.glob("*/__init__.py")}
    found |= {path.stem: path for path in SOURCE.glob("*.py") if not path.stem.startswith("_")}
    return {name: path for name, path in sorted(found.items()) if name not in SMALL}


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted module, or name in it) of each import of a page, those inside functions too."""
    here = ("byhand", *path.relative_to(SOURCE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = here[: len(here) - node.level + 1] if node.level else ()
            module = ".".join((*start, *((node.module,) if node.module else ())))
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def imports(name: str, known: set[str]) -> set[str]:
    """The rooms that a room imports."""
    pages = (SOURCE / name).rglob("*.py") if (SOURCE / name).is_dir() else [SOURCE / f"{name}.py"]
    modules = (module.split(".") for page in pages for _, module in imported(page))
    return {parts[1] for parts in modules if parts[0] == "byhand" and parts[1:]} & known - {name}


def depths(uses: dict[str, set[str]]) -> dict[str, int]:
    """How many rooms stand above each, along the longest way."""
    found: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in found:
            found[name] = max((depth(other) + 1 for other in uses[name]), default=0)
        return found[name]

    for name in uses:
        depth(name)
    return found


def beyond(name: str, uses: dict[str, set[str]]) -> set[str]:
    """All rooms that a room needs, itself left out."""
    return uses[name].union(*(beyond(other, uses) for other in uses[name]))


def sentence(page: Path) -> str:
    """What a room is for: its page's first line, without a bare "Name: " before it."""
    first = (ast.get_docstring(ast.parse(page.read_text("utf-8"))) or "").splitlines()[0]
    head, _, rest = first.partition(": ")
    text = rest if rest and " " not in head else first
    return (text[:1].upper() + text[1:]).rstrip(".").replace("`", "")


def lines(text: str, most: int = 46) -> list[str]:
    """The text in lines of at most so many letters."""
    found = [""]
    for word in text.split():
        if found[-1] and len(found[-1]) + 1 + len(word) > most:
            found.append("")
        found[-1] = f"{found[-1]} {word}".strip()
    return found


def placed(
    direct: dict[str, set[str]], depth: dict[str, int]
) -> tuple[dict[tuple[str, int], float], float]:
    """Where the middles are, and how wide all is.

    A room's is by (name, its depth); by (name, a greater depth) is the lane of lines that lead to
    it past the rooms there.
    """
    rows = []
    for level in range(max(depth.values()) + 1):
        users = {other for name in direct if depth[name] > level for other in direct[name]}
        passing = {name for name in users if depth[name] < level}
        rows.append([name for name in sorted(depth) if depth[name] == level or name in passing])
    widths = [
        sum(WIDE if depth[name] == level else LANE for name in row) + ACROSS * (len(row) - 1)
        for level, row in enumerate(rows)
    ]
    at: dict[tuple[str, int], float] = {}
    for level, row in enumerate(rows):

        def above(name: str, level: int = level) -> float:
            """Where the lines from here arrive in the row above, on average: so few cross."""
            to = direct[name] if depth[name] == level else {name}
            return sum(at[other, level - 1] for other in to) / len(to) if to else 0.0

        x = (max(widths) - widths[level]) / 2 + EDGE
        for name in sorted(row, key=above):
            wide = WIDE if depth[name] == level else LANE
            at[name, level] = x + wide / 2
            x += wide + ACROSS
    return at, max(widths) + 2 * EDGE


def line(xs: list[float], level: int) -> str:
    """A path up from the row at `level`, by the middles `xs`: a room's, lanes', a room's."""
    y = EDGE + level * (HIGH + DOWN)
    path = f"M{xs[0]:g} {y}"
    for x, above in pairwise(xs):
        path += f" C{x:g} {y - DOWN / 2:g} {above:g} {y - DOWN / 2:g} {above:g} {y - DOWN}"
        y -= HIGH + DOWN
        path += f" V{y}"
    return path[: path.rindex(" V")]


def drawing() -> str:
    """The picture as SVG."""
    pages = rooms()
    uses = {name: imports(name, set(pages)) for name in pages}
    direct = {
        name: uses[name] - set().union(*(beyond(other, uses) for other in uses[name]))
        for name in pages
    }
    depth = depths(uses)
    at, width = placed(direct, depth)
    height = 2 * EDGE + (max(depth.values()) + 1) * (HIGH + DOWN) - DOWN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height}" '
        f'width="{width:g}" height="{height}" font-family="sans-serif" role="img" '
        'aria-label="The rooms of byhand, each below what it imports">',
        f'<rect width="{width:g}" height="{height}" fill="white"/>',
    ]
    for name in pages:
        for other in sorted(direct[name]):
            passed = range(depth[name] - 1, depth[other] - 1, -1)
            xs = [at[name, depth[name]], *(at[other, level] for level in passed)]
            out.append(
                f'<path d="{line(xs, depth[name])}" fill="none" stroke="#9aa3af" '
                'stroke-width="1.5"/>'
            )
    for name, page in pages.items():
        x, y = at[name, depth[name]] - WIDE / 2, EDGE + depth[name] * (HIGH + DOWN)
        out.append(
            f'<rect x="{x:g}" y="{y}" width="{WIDE}" height="{HIGH}" rx="6" fill="#f1f5f9" '
            'stroke="#64748b"/>'
            f'<text x="{x + 10:g}" y="{y + 20}" font-size="14" font-weight="bold">{name}</text>'
        )
        for i, words in enumerate(lines(sentence(page))[:3]):
            out.append(
                f'<text x="{x + 10:g}" y="{y + 37 + 15 * i}" font-size="11.5" fill="#334155">'
                f"{escape(words)}</text>"
            )
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(drawing(), encoding="utf-8")
