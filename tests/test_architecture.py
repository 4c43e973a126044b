"""The plan of the house: who may import whom, and what every source file owes its reader."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import byhand

SOURCE = Path(byhand.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
ROOT = SOURCE.parent.parent
HOUSE = runpy.run_path(str(ROOT / "docs" / "house.py"))  # which draws what is held to here
imported = HOUSE["imported"]
# The order of imports; a room may import itself and what stands before it.
ORDER = [
    "errors", "checks", "files", "timing", "kernels", "data", "nn", "losses", "optim", "evaluation",
    "training", "plots", "models", "reader", "recipes", "experiments", "bench", "app", "cli",
]  # fmt: skip
# The front door offers all rooms, each when it is asked for; and `python -m byhand` is the cli.
DOORS = {"__init__", "__main__"}
HEAVY = {
    "matplotlib", "sklearn", "scipy", "PIL", "skimage", "typer", "rich", "pooch", "requests",
    "starlette", "uvicorn", "torch", "jax", "optax", "onnx", "onnxruntime", "optuna", "mpi4py",
}  # fmt: skip


def name(path):
    return path.relative_to(SOURCE).as_posix()


def room(path):
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def rooms_imported(path):
    for line, module in imported(path):
        parts = module.split(".")
        if parts[0] == "byhand" and len(parts) > 1 and (
            (SOURCE / parts[1]).is_dir() or (SOURCE / f"{parts[1]}.py").is_file()
        ):  # fmt: skip
            yield line, parts[1]


def test_every_room_has_its_place_in_the_order():
    assert {room(path) for path in FILES} - DOORS <= set(ORDER)
    assert {"kernels", "nn", "losses", "training", "cli"} <= {room(path) for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=name)
def test_imports_point_only_to_what_stands_above(path):
    if room(path) in DOORS:
        return
    below = [
        f"line {line} imports {other}"
        for line, other in rooms_imported(path)
        if other in DOORS or ORDER.index(other) > ORDER.index(room(path))
    ]
    assert not below


def test_the_check_of_imports_sees_every_kind_of_import():
    # Without this the test above could pass by seeing nothing.
    found = {(room(path), other) for path in FILES for _, other in rooms_imported(path)}
    known = "kernels errors, nn kernels, losses kernels, models nn, training optim, cli recipes"
    assert {tuple(pair.split()) for pair in known.split(",")} <= found
    lazily = [m for _, m in imported(SOURCE / "kernels" / "reference" / "activation.py")]
    assert "scipy.special" in lazily


def test_no_files_import_each_other_in_a_circle():
    # A package offers what its pages hold, and pages may come by it to each other.
    pages = {f"byhand.{name(p)[:-3].replace('/', '.')}": p for p in FILES if p.stem != "__init__"}
    waiting = {page: {m for _, m in imported(path)} for page, path in pages.items()}
    assert len(waiting) > 200
    while ready := {page for page, needed in waiting.items() if not needed & waiting.keys()}:
        waiting = {page: needed for page, needed in waiting.items() if page not in ready}
    assert not waiting


def test_the_picture_of_the_house_is_drawn_from_these_imports():
    assert HOUSE["drawing"]() == HOUSE["PICTURE"].read_text("utf-8"), "python docs/house.py"
    assert set(HOUSE["rooms"]()) == set(ORDER) - HOUSE["SMALL"]


def test_every_place_that_the_design_and_the_guide_name_is_there():
    bases = (ROOT, SOURCE, SOURCE / "kernels", SOURCE / "app" / "static")
    for page in ("docs/design.md", "CONTRIBUTING.md"):
        named = re.findall(r"`([\w.]+(?:/[\w.]*)+)`", (ROOT / page).read_text("utf-8"))
        assert len(named) > 10
        for place in named:
            assert any((base / place).exists() for base in bases), f"{page} names {place}"


def test_who_cites_byhand_cites_this_version():
    text = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {byhand.__version__}\n" in text


def test_only_plots_imports_matplotlib():
    users = {room(p) for p in FILES for _, m in imported(p) if m.split(".")[0] == "matplotlib"}
    assert users == {"plots"}


def fresh(code):
    """What `code` prints as JSON in a Python of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE.parent)},
    )
    return json.loads(done.stdout)


LOADED = "import json, sys; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"


def test_importing_byhand_imports_nothing_heavy():
    assert not set(fresh(f"import byhand; {LOADED}")) & (HEAVY | {"numpy", "safetensors"})


def test_importing_a_room_imports_nothing_heavy():
    rooms = [r for r in ORDER if (SOURCE / r / "__init__.py").is_file() or r == "losses"]
    rooms = [r for r in rooms if r not in ("cli", "app", "plots")]
    code = f"""
import importlib, json, sys
loaded, before = {{}}, set()
for room in {rooms!r}:
    importlib.import_module("byhand." + room)
    now = {{m.split(".")[0] for m in sys.modules}}
    loaded[room], before = sorted(now - before), now
print(json.dumps(loaded))
"""
    loaded = fresh(code)
    assert "numpy" in loaded["kernels"]
    heavy = {room: sorted(set(new) & HEAVY) for room, new in loaded.items()}
    assert {room: found for room, found in heavy.items() if found} == {}


def test_every_room_and_load_and_save_are_reached_from_the_front_door():
    for public in byhand.__all__:
        assert getattr(byhand, public) is not None
    assert byhand.load is byhand.nn.load
    assert byhand.save is byhand.nn.save
    assert set(byhand.__all__) <= set(dir(byhand))
    with pytest.raises(AttributeError, match="no attribute 'garden'"):
        _ = byhand.garden


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_says_first_in_one_sentence_what_it_is_for(path):
    text = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert text, "it has no docstring"
    first, *rest = text.split("\n")
    assert first[-1] in ".?:", first
    assert len(first.split()) >= 3, first
    assert not rest or rest[0] == "", "the first sentence runs on"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_stays_short_enough_to_be_read(path):
    assert len(path.read_text("utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_functions_body_is_longer_than_a_screen_or_two(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1:][0] if ast.get_docstring(node) and node.body[1:] else node.body[0]
            assert node.body[-1].end_lineno - first.lineno < 80, node.name


def test_a_script_or_style_of_the_page_stays_short_enough_to_be_read():
    pages = [p for p in (SOURCE / "app" / "static").rglob("*") if p.suffix in (".js", ".css")]
    assert len(pages) > 10
    assert [p.name for p in pages if len(p.read_text("utf-8").splitlines()) > 350] == []


def modules():
    for path in FILES:
        if path.name != "__main__.py" and "__all__" in path.read_text("utf-8"):
            parts = ("byhand", *path.relative_to(SOURCE).with_suffix("").parts)
            yield ".".join(p for p in parts if p != "__init__")


@pytest.mark.parametrize("module", list(modules()))
def test_all_that_a_module_offers_is_there_and_explained(module):
    page = importlib.import_module(module)
    assert len(set(page.__all__)) == len(page.__all__)
    for public in page.__all__:
        value = getattr(page, public)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), f"{module}.{public} has no docstring"
            own = value.__doc__ or ""
            # A dataclass without a docstring is given its signature for one.
            assert not own.startswith(f"{public}("), f"{module}.{public} has no docstring"


def test_no_source_file_draws_from_a_global_generator():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("np.random."):
                allowed = ("np.random.default_rng", "np.random.Generator", "np.random.PCG64",
                           "np.random.SeedSequence")  # fmt: skip
                assert ast.unparse(node).startswith(allowed), f"{name(path)}:{node.lineno}"
            if isinstance(node, ast.Import):
                assert "random" not in [a.name for a in node.names], f"{name(path)}:{node.lineno}"
