"""Draw docs/pictures/house.svg, the rooms of src/byhand and who imports whom, from the imports.

    python docs/house.py

A room stands below all that it imports. Of the imports only those are drawn that no other way
leads along. tests/test_architecture.py holds the picture to the code.
"""

from __future__ import annotations

import ast
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "byhand"
PICTURE = ROOT / "docs" / "pictures" / "house.svg"
# Every room uses them; drawn, they would hide the rest.
SMALL = {"errors", "checks", "files", "timing"}
WIDE, HIGH, ACROSS, DOWN, EDGE = 310, 76, 60, 44, 16  # in pixels


def rooms() -> dict[str, Path]:
    """The page that says what each room is for, by the room's name."""
    found = {path.parent.name: path for path in SOURCE.glob("*/__init__.py")}
    found |= {path.stem: path for path in SOURCE.glob("*.py") if not path.stem.startswith("_")}
    return {name: path for name, path in sorted(found.items()) if name not in SMALL}


def imports(name: str, known: set[str]) -> set[str]:
    """The rooms that a room imports, those inside functions too."""
    pages = (SOURCE / name).rglob("*.py") if (SOURCE / name).is_dir() else [SOURCE / f"{name}.py"]
    found = set()
    for page in pages:
        for node in ast.walk(ast.parse(page.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                parts = node.module.split(".")
                if parts == ["byhand"]:
                    found |= {alias.name for alias in node.names}
                elif parts[0] == "byhand":
                    found.add(parts[1])
    return found & known - {name}


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


def drawing() -> str:
    """The picture as SVG."""
    pages = rooms()
    uses = {name: imports(name, set(pages)) for name in pages}
    depth = depths(uses)
    levels: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name in pages:
        levels[depth[name]].append(name)
    most = max(map(len, levels))
    width = 2 * EDGE + most * (WIDE + ACROSS) - ACROSS
    height = 2 * EDGE + len(levels) * (HIGH + DOWN) - DOWN
    at: dict[str, tuple[float, int]] = {}
    for level, names in enumerate(levels):
        # Below what they import, so that few lines cross.
        names.sort(key=lambda n: sum(at[o][0] for o in uses[n]) / max(1, len(uses[n])))
        row = len(names) * (WIDE + ACROSS) - ACROSS
        for place, name in enumerate(names):
            at[name] = ((width - row) / 2 + place * (WIDE + ACROSS), EDGE + level * (HIGH + DOWN))
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" role="img" '
        f'aria-label="The rooms of byhand, each below what it imports">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for name in pages:
        x, y = at[name]
        direct = uses[name] - set().union(*(beyond(other, uses) for other in uses[name]))
        for other in sorted(direct):
            x2, y2 = at[other]
            out.append(
                f'<path d="M{x + WIDE / 2:g} {y} C{x + WIDE / 2:g} {y - DOWN} '
                f'{x2 + WIDE / 2:g} {y2 + HIGH + DOWN} {x2 + WIDE / 2:g} {y2 + HIGH}" '
                'fill="none" stroke="#9aa3af" stroke-width="1.5"/>'
            )
    for name, page in pages.items():
        x, y = at[name]
        out.append(
            f'<rect x="{x:g}" y="{y}" width="{WIDE}" height="{HIGH}" rx="6" fill="#f1f5f9" '
            'stroke="#64748b"/>'
            f'<text x="{x + 10:g}" y="{y + 20}" font-size="14" font-weight="bold">{name}</text>'
        )
        for i, line in enumerate(lines(sentence(page))[:3]):
            out.append(
                f'<text x="{x + 10:g}" y="{y + 37 + 15 * i}" font-size="11.5" fill="#334155">'
                f"{escape(line)}</text>"
            )
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(drawing(), encoding="utf-8")
