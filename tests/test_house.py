"""The laws of the house: which room may import which, which library lives where, and how large a room may grow."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted([*(ROOT / "actrec").rglob("*.py"), ROOT / "app.py", *(ROOT / "pages").glob("*.py")])
SCRIPTS = sorted((ROOT / "actrec").rglob("*.js"))
BESIDE = sorted(path for folder in ("tests", "benchmarks", "docs") for kind in ("*.py", "*.js") for path in (ROOT / folder).rglob(kind))

FLOORS = [
    {"core"},
    {"clips", "models"},
    {"measure", "inputs"},
    {"explain", "draw"},
    {"catalogue"},
    {"study", "lab"},
    {"ui", "cli"},
    {"__main__", "app", "pages"},
]
"""From the ground up. A room imports from the floors below its own, and from itself: not from its own floor, never from above."""

ALONE = {
    "av": {"clips"},
    "streamlit": {"ui", "app", "pages"},
    "plotly": {"draw/charts"},
    "matplotlib": {"draw/figures"},
    "pytorch_grad_cam": {"explain"},
    "typer": {"cli"},
    "jinja2": {"lab/results"},
}
"""Libraries that only these rooms may import."""

WITHOUT_TORCH = {"core", "clips", "measure", "draw", "ui/player", "inputs/pose", "lab/results"}
"""Rooms that do not import torch themselves, so that whoever needs only them need not wait for it; but for the files in WITH_TORCH."""

WITH_TORCH = {"core/abilities.py", "core/trace.py", "core/devices.py", "inputs/pose/keypoint_rcnn.py"}

LATE = re.compile(r"# late: (\w+)")
"""What must stand beside an import of our own that is not at the top of its file: the library that it brings, and for which nobody should wait before
it is needed. A test follows the imports to see whether that is so."""

MOST_LINES, MOST_BODY = 300, 17.0
"""Lines of a file; and the 90th percentile of the lines of function bodies."""


def room(path: Path) -> str:
    """The room a file belongs to: actrec/models/dam.py → models, pages/1_Explore.py → pages, app.py → app."""
    parts = path.relative_to(ROOT).parts
    return (parts[1] if parts[0] == "actrec" else parts[0]).removesuffix(".py")


def inside(path: Path, rooms: set[str]) -> bool:
    """Whether a file lies in one of these rooms, or in a room within a room ("draw/charts")."""
    parts = path.relative_to(ROOT).parts
    parts = parts[1:] if parts[0] == "actrec" else parts
    return any("/".join(parts[: name.count("/") + 1]).removesuffix(".py") == name for name in rooms)


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def modules() -> dict[str, Path]:
    """Every module of ours by its dotted name; a package by its __init__."""
    return {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in (ROOT / "actrec").rglob("*.py")}


def imports(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Every dotted name a file imports, wherever in the file it does, for the type checker alone too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield (full if full in modules() else node.module), node


def at_once(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports that are made as soon as a file is: not those in functions, nor those for the type checker alone."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If | ast.Try) and "TYPE_CHECKING" not in ast.unparse(node).splitlines()[0]:
            yield from at_once(node.body)


@functools.cache
def top(path: Path) -> tuple[frozenset[Path], frozenset[str]]:
    """The files of ours and the libraries that a file imports at once; of a module in a package the package's __init__ too."""
    first = set(at_once(tree(path).body))
    names = [name for name, node in imports(path) if node in first]
    ours = {name for name in names if name.split(".")[0] == "actrec"}
    return frozenset(file for name in ours for file in files_of(name)), frozenset(name.split(".")[0] for name in names if name not in ours)


def files_of(module: str) -> set[Path]:
    """What Python runs when it imports a module of ours: its file, and the __init__ of every package around it."""
    parts = module.split(".")
    return {modules()[name] for i in range(1, len(parts) + 1) if (name := ".".join(parts[:i])) in modules()}


def brought(paths: set[Path]) -> set[str]:
    """The libraries that come along when these files are imported, however far down."""
    seen: set[Path] = set()
    libraries: set[str] = set()
    ahead = list(paths)
    while ahead:
        path = ahead.pop()
        if path not in seen:
            seen.add(path)
            files, found = top(path)
            libraries |= found
            ahead += files
    return libraries


def own(path: Path) -> set[Path]:
    """The files of ours that a file imports."""
    return {modules()[name] for name, _ in imports(path) if name in modules() and name != "actrec"}


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """One way round in circles, or nothing."""
    done: set[str] = set()

    def walk(node: str, way: list[str]) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        for other in sorted(arrows.get(node, ())):
            if found := walk(other, [*way, node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(arrows) if (found := walk(node, []))), [])


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_imports_point_down_only(path: Path) -> None:
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    if path.name == "__init__.py" and path.parent.name == "actrec":
        assert not own(path)
        return
    assert room(path) in floor, f"{path} is on no floor of the house: give it one in FLOORS"
    wrong = {room(other) for other in own(path) if room(other) != room(path) and floor[room(other)] >= floor[room(path)]}
    assert not wrong, f"{room(path)} (floor {floor[room(path)] + 1}) imports from {wrong}, which is not below it"


def test_the_house_is_small_enough_to_be_seen_at_a_glance() -> None:
    top = sorted(p.name for p in (ROOT / "actrec").iterdir() if p.name != "__pycache__")
    assert len(top) <= 14, top
    assert len(FLOORS) <= 8
    assert {name.removesuffix(".py") for name in top} - {"__init__"} == set().union(*FLOORS) - {"app", "pages"}


def test_no_file_and_no_room_within_a_room_goes_round_in_circles() -> None:
    files = {named(path): {named(other) for other in own(path) - {path}} for path in FILES}
    assert not circle(files)
    folders: dict[str, set[str]] = {}
    for path in FILES:
        here = str(Path(named(path)).parent)
        folders.setdefault(here, set()).update({str(Path(named(other)).parent) for other in own(path)} - {here})
    for here, others in folders.items():  # a room may know the rooms within it, and they may know it, if no file does both: the law above
        folders[here] = {other for other in others if not (other.startswith(here + "/") or here.startswith(other + "/"))}
    assert not circle(folders)


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert not circle({"a": {"b", "c"}, "b": {"c"}, "c": set()})


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_library_is_imported_only_where_it_belongs(path: Path) -> None:
    roots = {name.split(".")[0] for name, _ in imports(path)}
    for library, rooms in ALONE.items():
        assert library not in roots or inside(path, rooms), f"{path} imports {library}; only {rooms} may"
    if inside(path, WITHOUT_TORCH) and named(path).removeprefix("actrec/") not in WITH_TORCH:
        assert "torch" not in roots, f"{path} imports torch"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_an_import_below_the_top_says_why(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    at_top = set(tree(path).body)
    for branch in tree(path).body:
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING":
            at_top |= set(branch.body)
    for name, node in imports(path):
        if name.split(".")[0] == "actrec" and node not in at_top:
            said = LATE.search(" ".join(lines[node.lineno - 1 : node.end_lineno]))
            assert said, f"{path}:{node.lineno} imports {name} late and does not say why"
            assert said[1] in brought(files_of(name)), f"{path}:{node.lineno}: {name} does not bring {said[1]}: import it at the top"
            assert said[1] not in brought({path}), f"{path}:{node.lineno}: {said[1]} is here from the start: import {name} at the top"


def test_what_an_import_brings_is_found() -> None:
    """The law above is as good as its knowledge of who brings what."""
    slow = {"torch", "matplotlib", "plotly", "av", "streamlit"}
    assert slow & brought(files_of("actrec.study")) == {"torch", "av"}
    assert slow & brought(files_of("actrec.inputs.pose")) == {"av"}
    assert slow & brought(files_of("actrec.draw.export")) == {"matplotlib", "plotly", "av"}
    assert not slow & brought(files_of("actrec.cli"))


def test_models_and_explanations_do_not_know_each_other() -> None:
    for path in FILES:
        others = {room(other) for other in own(path)}
        assert room(path) != "models" or "explain" not in others
        assert room(path) != "explain" or "models" not in others


@pytest.mark.parametrize("path", [*FILES, *SCRIPTS, *BESIDE], ids=named)
def test_a_file_holds_one_idea(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{path} has {lines} lines: is there a second idea in it?"


def test_functions_stay_short() -> None:
    found = []
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
                found.append(body[-1].end_lineno - body[0].lineno + 1)
    assert np.percentile(found, 90) <= MOST_BODY


def test_no_untrusted_html_and_no_pickles() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        for word in ("unsafe_allow_html", "weights_only=False", "pickle.load", "allow_pickle=True"):
            assert word not in text, f"{path} uses {word}"


def test_the_repository_speaks_of_the_product_alone() -> None:
    words = re.compile(r"/work/|helper[- ]session|shared/(tools|design|facts|survey)", re.IGNORECASE)
    for path in [*FILES, *ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        assert not words.search(path.read_text(encoding="utf-8")), f"{path} speaks of a machine"
